"""The budget's items against closed forms, and its verdicts."""

import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.linear.direct import Direct

from .bodies import l_shape, singular_problem


def hanging(material):
    """Bars side by side under their own weight, held at the top (x = 0), no motion across: u(1 − u/2)-shaped."""

    def problem_on(mesh):
        held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet(lambda x: x[:, 0] > -1.0, 0.0, "y")]
        return ms.fe.Problem(mesh, material, held, [ms.fe.BodyForce([1.0, 0.0])])

    return problem_on


STRAIN = ms.IsotropicElastic(1.0, 0.3, dim=2)
STRESS = ms.PlaneStress(ms.IsotropicElastic(1.0, 0.3))
C_STRAIN, C_STRESS = 0.7 / 1.3 / 0.4, 1.0 / 0.91


def sinking(problem, solution):
    """Work of the weight, ∫ u dV: exactly 1/(3C) on the unit square, less 1/(12 C n²) with n linear elements."""
    return -2.0 * solution.energy


def soft(poisson):
    return ms.IsotropicElastic(1.0, poisson, dim=2)


@pytest.mark.slow
@pytest.mark.parametrize(("cells", "verdict"), [(2, "p"), (8, "model")])
def test_the_verdict_turns_from_mesh_to_model_as_cells_shrink(cells, verdict):
    finer = soft(0.28)
    c, other = C_STRAIN, 0.72 / 1.28 / 0.44
    found = ms.fe.error_budget(
        hanging(STRAIN), ms.fe.rectangle((1.0, 1.0), (cells, 2)), sinking, finer=hanging(finer), solver=Direct()
    )
    error = 1 / (12 * c * cells**2)
    assert found.value == pytest.approx(1 / (3 * c) - error)
    assert found.items["h"].amount == pytest.approx(0.75 * error)
    assert found.items["p"].amount == pytest.approx(error)  # the solution is a parabola
    assert found.items["model"].amount == pytest.approx(1 / (3 * other) - 1 / (3 * c))
    assert found.items["model"].uncertainty == pytest.approx(abs(error * (1 - c / other)))
    assert found.spend_on == verdict
    assert found.items["p"].unknowns == found.items["model"].unknowns
    assert (
        str(found).splitlines()[-1].startswith("spend on " + ("the model" if verdict == "model" else "a higher degree"))
    )


@pytest.mark.slow
def test_all_is_measured_in_one_norm():
    n, c, finer = 4, C_STRAIN, C_STRESS
    found = ms.fe.error_budget(
        hanging(STRAIN), ms.fe.rectangle((1.0, 1.0), (n, 1)), finer=hanging(STRESS), solver=Direct()
    )
    # ‖u‖² = C_finer ∫ u'² with u' = (1 − x)/C
    lost = 1 / (12 * n**2)
    assert found.value == pytest.approx(np.sqrt(finer * (1 / 3 - lost)) / c)
    assert found.items["p"].amount == pytest.approx(np.sqrt(finer * lost) / c)
    assert found.items["h"].amount == pytest.approx(np.sqrt(0.75 * finer * lost) / c)
    assert found.items["model"].amount == pytest.approx(np.sqrt(finer / 3) * (1 / finer - 1 / c))
    assert found.modelling > found.discretisation
    assert found.spend_on == "model"


@pytest.mark.slow
def test_plane_strain_in_place_of_plane_stress_in_a_free_bar():
    def pulled(material):
        held = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet([0], 0.0, "y"), ms.fe.Dirichlet("x+", 0.2, "x")]
        return lambda mesh: ms.fe.Problem(mesh, material, held)

    def force(problem, solution):
        return ms.fe.resultant(problem, solution, "x+").force[0]

    mesh = ms.fe.rectangle((2.0, 1.0), (2, 1))
    found = ms.fe.error_budget(pulled(STRAIN), mesh, force, finer=pulled(STRESS), tolerance=0.2)
    assert found.items["model"].amount == pytest.approx(0.1 - 0.1 / 0.91)
    assert found.discretisation < 1e-9
    assert found.spend_on == "nothing"
    # the same piece of neo-Hookean rubber with λ → μ(t² − 1) + λ ln(λ₁ t²) = 0 across
    mu, lam, stretch = 1 / 2.6, 0.3 / 1.3 / 0.4, 1.1
    t = 1.0
    for _ in range(50):
        t -= (mu * (t**2 - 1) + lam * np.log(stretch * t**2)) / (2 * mu * t + 2 * lam / t)
    true = (mu * (stretch**2 - 1) + lam * np.log(stretch * t**2)) / stretch
    rubber = pulled(ms.PlaneStress(ms.NeoHooke(mu, lam)))
    alone = ms.fe.error_budget(pulled(STRESS), mesh, force, finer=rubber(mesh))
    assert alone.items["model"].amount == pytest.approx(true - 0.1, rel=1e-6)
    assert np.isnan(alone.items["model"].uncertainty)
    number = ms.fe.error_budget(pulled(STRESS), mesh, force, finer=true)
    assert number.items["model"].amount == pytest.approx(true - 0.1, rel=1e-6)
    assert number.items["model"].unknowns == 0


@pytest.mark.slow
def test_cells_beat_degree_only_per_unknown():
    found = ms.fe.error_budget(singular_problem(2 / 3), l_shape(2), solver=Direct())
    assert np.isnan(found.modelling)
    assert found.spend_on in ("h", "p")
    # at a corner neither removes more than 1 − 4^(−1/3) and a little of the error
    assert found.items["h"].amount == pytest.approx(found.items["p"].amount, rel=0.25)


@pytest.mark.slow
def test_a_homogenised_composite_against_its_resolved_microstructure():
    soft_phase, stiff = ms.IsotropicElastic(1.0, 0.3, dim=2), ms.IsotropicElastic(20.0, 0.3, dim=2)
    n, columns, rows = 8, 4, 4
    x = (np.arange(n) + 0.5) / n - 0.5
    image = (x[:, None] ** 2 + x[None] ** 2 < 0.09).astype(int)
    cell = ms.effective_stiffness(ms.RVE(image, [soft_phase, stiff]))
    held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", [0.0, 1.0])]

    def model(stiffness):
        return lambda mesh: ms.fe.Problem(mesh, ms.LinearElastic(stiffness), held)

    def force(problem, solution):
        return ms.fe.resultant(problem, solution, "x+").force[1]

    resolved = ms.fe.rectangle((columns, rows), (columns * n, rows * n))
    regions = np.tile(image, (columns, rows)).reshape(-1)
    resolved = ms.fe.Mesh(
        resolved.points, resolved.cells, "quad4", resolved.boundaries, regions, ("soft", "stiff"), resolved.grid
    )
    truth = ms.fe.Problem(resolved, [soft_phase, stiff], held)
    mesh = ms.fe.rectangle((columns, rows), (columns, rows))
    right = ms.fe.error_budget(model(cell.stiffness), mesh, force, finer=truth, solver=Direct())
    wrong = ms.fe.error_budget(model(cell.voigt), mesh, force, finer=truth, solver=Direct())
    # four cells across are few, but homogenisation holds to some per cent; the mean stiffness is far off
    assert right.modelling < 0.08 * abs(right.value)
    assert wrong.modelling > 0.5 * abs(wrong.value)
    assert wrong.spend_on == "model"
    assert wrong.items["model"].amount < 0 < wrong.value


@pytest.mark.slow
def test_a_lattice_against_its_linearised_stiffness():
    copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    relaxed = ms.equilibrium(copper).material
    hooke = ms.LinearElastic(ms.clamped_stiffness(relaxed))

    def sheared(material, amount):
        held = [ms.fe.Dirichlet("z-"), ms.fe.Dirichlet("z+", jnp.array([0.0, 0.0, amount]))]
        return lambda mesh: ms.fe.Problem(mesh, material, held)

    def force(problem, solution):
        return ms.fe.resultant(problem, solution, "z+").force[2]

    mesh = ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1))
    parts = []
    for amount in (0.001, 0.002):
        found = ms.fe.error_budget(sheared(hooke, amount), mesh, force, finer=sheared(relaxed, amount), tolerance=0.0)
        parts.append(found.items["model"].amount / found.value)
    # the first term that linear elasticity leaves out is quadratic in the strain: relative errors are proportional
    assert parts[1] / parts[0] == pytest.approx(2.0, rel=0.05)
    assert parts[0] < 0  # anharmonic: softer in tension


@pytest.mark.slow
def test_bad_input_is_refused():
    mesh = ms.fe.rectangle((1.0, 1.0), (1, 1))
    for settings, match in (
        ({"goal": "stress"}, "goal: expected 'energy' or a function"),
        ({"tolerance": -1.0}, "tolerance: expected at least 0"),
        ({"finer": 1.0}, "finer: a number can be compared with a goal"),
        ({"goal": lambda problem, solution: solution.u}, "goal: expected one number, got shape"),
    ):
        with pytest.raises(ValueError, match=match):
            ms.fe.error_budget(hanging(STRAIN), mesh, **settings)
