"""Sutton and Chen's potential: its numbers against sums over an endless crystal, and its cut-off."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.potentials.cutoff import taper
from msjax.crystal.potentials.sutton_chen import SUTTON_CHEN, SuttonChen

# Cohesive energies, eV, that epsilon was fitted to. The endless sums return these round numbers to 1e-4.
COHESION = {"Ni": 4.44, "Cu": 3.50, "Rh": 5.75, "Pd": 3.94, "Ag": 2.96, "Ir": 6.93, "Pt": 5.86, "Au": 3.78, "Pb": 2.04,
            "Al": 3.34}  # fmt: skip


def fcc(reach):
    """Distances in units of the lattice constant."""
    most = int(2 * reach) + 1
    points = np.array(list(itertools.product(range(-most, most + 1), repeat=3)))
    points = points[np.sum(points, axis=1) % 2 == 0]
    r = 0.5 * np.sqrt(np.sum(points * points, axis=1))
    return r[(r > 0.1) & (r < reach)]


SHELLS = fcc(12.0)


def endless(exponent):
    """Σ (a/r)ⁿ over fcc: to twelve lattice constants, and an integral over the density of points beyond."""
    return np.sum(SHELLS**-exponent) + 16.0 * np.pi / ((exponent - 3.0) * 12.0 ** (exponent - 3.0))


@pytest.mark.parametrize("element", SUTTON_CHEN)
def test_published_numbers_are_those_of_an_endless_crystal(element):
    """No stress at a: c = n S_n/(m S_m^½). The cohesive energy is then ε S_n (2n − m)/2m."""
    n, m, epsilon, c, _ = SUTTON_CHEN[element]
    assert c == pytest.approx(n * endless(n) / (m * endless(m) ** 0.5), rel=5e-5)
    assert epsilon * endless(n) * (2 * n - m) / (2 * m) == pytest.approx(COHESION[element], abs=2e-4)


@pytest.mark.slow
def test_it_is_a_sum_over_pairs_and_a_square_root():
    n, m, epsilon, c, a = SUTTON_CHEN["Au"]
    potential = ms.EAM.sutton_chen("Au")
    r = a * SHELLS[SHELLS < 2.3]
    end = np.asarray(taper(jnp.asarray(r), potential.inner, potential.outer))
    expected = epsilon * (0.5 * np.sum((a / r) ** n * end) - c * np.sqrt(np.sum((a / r) ** m * end)))
    material = ms.CauchyBorn(ms.bulk("Au", "fcc", a), potential)
    found = material.respond(jnp.eye(3)).energy * material.crystal.volume
    assert float(found) == pytest.approx(expected, rel=1e-13)


@pytest.mark.slow
def test_gradients_by_its_five_numbers():
    """Of the energy of the perfect crystal, which is the closed sum: by differences of the sum in plain NumPy."""
    r = 3.61 * SHELLS[SHELLS < 2.3]
    numbers = np.array([1.2382e-2, 3.61, 39.432, 9.0, 6.0])
    end = np.asarray(taper(jnp.asarray(r), 6.0, 7.0))

    def energy(values):
        epsilon, a, c, n, m = values
        return epsilon * (0.5 * np.sum((a / r) ** n * end) - c * np.sqrt(np.sum((a / r) ** m * end)))

    def of_potential(values):
        potential = SuttonChen(*values, inner=6.0, outer=7.0)
        moments = jnp.sum(potential.density(jnp.asarray(r**2)), axis=1)
        return jnp.sum(potential.pair(jnp.asarray(r**2))) + potential.embed(moments)

    steps = 1e-5 * np.diag(numbers)
    expected = [(energy(numbers + s) - energy(numbers - s)) / (2.0 * np.max(s)) for s in steps]
    np.testing.assert_allclose(jax.grad(of_potential)(jnp.asarray(numbers)), expected, rtol=1e-7)


@pytest.mark.slow
def test_the_bulk_modulus_goes_to_its_closed_form():
    """n m = 18 Ω B/E_c for an endless crystal (the paper's equation), and the energy is right but for 1/reach³."""
    n, m, _, _, a = SUTTON_CHEN["Cu"]
    cohesion = SUTTON_CHEN["Cu"][2] * endless(n) * (2 * n - m) / (2 * m)
    expected = n * m * cohesion / (18.0 * a**3 / 4.0)
    errors = []
    for reach in (2.25, 4.5):
        material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a), SuttonChen.of("Cu", reach=reach), strain_margin=0.02)
        response = material.respond(jnp.eye(3))
        energy = float(response.energy) * a**3 / 4.0
        bulk = float(jnp.einsum("iijj->", response.tangent)) / 9.0 - 2.0 * float(response.stress[0, 0]) / 3.0
        errors.append((energy / -cohesion - 1.0, bulk / expected - 1.0))
    assert errors[0][0] / errors[1][0] == pytest.approx(8.0, rel=0.05)
    assert abs(errors[0][1]) < 0.02
    assert abs(errors[1][1]) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("element", ["Al", "Ir"])
def test_what_the_default_cut_off_costs(element):
    """Within what the docstring says."""
    n, m, _, _, a = SUTTON_CHEN[element]
    found = ms.equilibrium(ms.CauchyBorn(ms.bulk(element, "fcc", a), ms.EAM.sutton_chen(element)))
    assert float(found.lattice_constant) == pytest.approx(a, rel=1e-3)
    assert -float(found.energy_per_atom) == pytest.approx(COHESION[element], rel=0.015)
    stiffness = ms.relaxed_stiffness(found.material)
    bulk = float(stiffness[0, 0] + 2.0 * stiffness[0, 1]) / 3.0
    assert bulk == pytest.approx(n * m * COHESION[element] / (18.0 * a**3 / 4.0), rel=0.015)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ms.EAM.sutton_chen("Fe"), "no Sutton–Chen parameters for 'Fe'; known are Ni, Cu"),
        (lambda: SuttonChen.of("Cu", reach=0.0), "0 < inner < outer"),
        (lambda: SuttonChen(0.0, 3.6, 39.0, 9.0, 6.0, inner=6.0, outer=7.0), "epsilon: must be positive"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
