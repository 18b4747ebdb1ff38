"""Potentials: published numbers, definitions written out plainly, and how they end at the cut-off."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.potentials.cutoff import taper
from msjax.crystal.potentials.gupta import CLERI_ROSATO

# Cohesive energies, eV, that Cleri and Rosato fitted to (doi:10.1103/PhysRevB.48.22, Table I).
COHESION = {"Ni": 4.435, "Cu": 3.544, "Pd": 3.936, "Ag": 2.960, "Pt": 5.853, "Au": 3.779, "Al": 3.339}


def neighbours_within(crystal, deformation, cutoff):
    """Vectors from every atom of the cell to all atoms within the cut-off, by brute force."""
    images = np.array(list(itertools.product(range(-4, 5), repeat=crystal.dim)))
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    for i in range(len(basis)):
        vectors = ((images @ cell)[:, None, :] + basis[None, :, :] - basis[i]).reshape(-1, crystal.dim)
        vectors = vectors @ np.asarray(deformation).T
        lengths = np.linalg.norm(vectors, axis=1)
        yield vectors[(lengths > 1e-9) & (lengths < cutoff)]


@pytest.mark.slow
def test_gupta_metals_return_what_they_were_fitted_to():
    assert set(COHESION) == set(CLERI_ROSATO)
    start = CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"))
    for element, (*_, a) in CLERI_ROSATO.items():
        material = CauchyBorn(ms.bulk(element, "fcc", a), ms.EAM.gupta(element))
        response = material.respond(jnp.eye(3))
        energy = float(response.energy * material.crystal.volume)
        assert -energy == pytest.approx(COHESION[element], rel=1e-3), element
        # three printed digits of A and ξ leave a pressure of a hundredth of a percent of the bulk modulus
        assert abs(float(response.stress[0, 0])) < 0.03 * units.GPa, element
        assert not bool(response.tangent_status.unstable)
    assert float(equilibrium(start).lattice_constant) == pytest.approx(3.615, rel=3e-5)


@pytest.mark.slow
def test_gupta_is_a_sum_over_pairs_and_a_square_root():
    potential = ms.EAM.gupta("Au")
    a, xi, p, q, lattice = CLERI_ROSATO["Au"]
    crystal = ms.bulk("Au", "fcc", lattice)
    deformation = np.array([[1.01, 0.02, 0.0], [0.0, 0.99, -0.01], [0.01, 0.0, 1.02]])
    (vectors,) = neighbours_within(crystal, deformation, potential.cutoff)
    r = np.linalg.norm(vectors, axis=1)
    x = r * 2.0**0.5 / lattice - 1.0
    end = np.asarray(taper(jnp.asarray(r), potential.inner, potential.outer))
    expected = np.sum(a * np.exp(-p * x) * end) - np.sqrt(np.sum(xi**2 * np.exp(-2 * q * x) * end))
    found = CauchyBorn(crystal, potential).respond(deformation).energy * crystal.volume
    assert float(found) == pytest.approx(expected, rel=1e-13)


@pytest.mark.slow
def test_stillinger_weber_moments_are_the_sum_over_pairs_of_neighbours():
    """The published double sum (doi:10.1103/PhysRevB.31.5262), shifts included, with other numbers than silicon's."""
    numbers = {"epsilon": 2.0, "sigma": 2.1, "a": 1.85, "lam": 19.0, "gamma": 1.1, "cos0": -0.3, "A": 6.9, "B": 0.61}
    potential = ms.StillingerWeber(**numbers)
    crystal = ms.bulk("Si", "diamond", 5.3)
    crystal = ms.Crystal(crystal.cell, np.asarray(crystal.basis) + [[0, 0, 0], [0.1, -0.05, 0.07]], ("Si", "Si"))
    deformation = np.array([[0.97, 0.03, 0.0], [0.01, 1.04, -0.02], [0.02, 0.0, 0.98]])
    eps, sigma, a, lam, gamma, cos0, big_a, big_b = numbers.values()
    total = 0.0
    for vectors in neighbours_within(crystal, deformation, a * sigma):
        r = np.linalg.norm(vectors, axis=1)
        total += 0.5 * np.sum(eps * big_a * (big_b * (sigma / r) ** 4 - 1.0) * np.exp(sigma / (r - a * sigma)))
        for j, k in itertools.combinations(range(len(r)), 2):
            cosine = vectors[j] @ vectors[k] / (r[j] * r[k])
            fades = np.exp(gamma * sigma / (r[j] - a * sigma) + gamma * sigma / (r[k] - a * sigma))
            total += eps * lam * fades * (cosine - cos0) ** 2
    found = CauchyBorn(crystal, potential, inner="clamped").respond(deformation).energy * crystal.volume
    assert float(found) == pytest.approx(total, rel=1e-12)


def test_springs_hold_their_shell_whatever_its_length():
    """W(λI) = K₁(λ − a₁)² + K₂(√2 λ − a₂)² for the square lattice."""
    potential = ms.Springs([2.0, 1.0], [0.98, 1.43], [1.0, 2.0**0.5])
    material = CauchyBorn(ms.bulk("X", "square", 1.0), potential)
    for factor in (0.6, 1.0, 1.7):
        expected = 2.0 * (factor - 0.98) ** 2 + (2.0**0.5 * factor - 1.43) ** 2
        assert float(material.respond(factor * jnp.eye(2)).energy) == pytest.approx(expected, rel=1e-13)


def derivatives_at(function, r, order):
    for _ in range(order):
        function = jax.grad(function)
    return np.asarray(jax.jit(jax.vmap(function))(jnp.asarray(r)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "smooth"), [("switched", 2), ("force-shifted", 1), ("shifted", 0)], ids=lambda x: str(x)
)
def test_how_many_derivatives_survive_the_cut_off(ending, smooth):
    """Continuous ones are small just inside ``outer``, the next is not. Inside ``inner`` only a constant is added."""
    potential = ms.LennardJones(inner=2.0, outer=2.5, ending=ending)

    def phi(r):
        return potential.pair(r * r)

    for order in range(smooth + 2):
        inside = derivatives_at(phi, [2.5 - 1e-6], order)[0]
        assert derivatives_at(phi, [2.5 + 1e-6], order)[0] == 0.0
        if order <= smooth:
            assert abs(inside) < 1e-5
        else:
            assert abs(inside) > 1e-3
    if ending == "switched":
        for order in range(3):
            below, above = derivatives_at(phi, [2.0 - 1e-7, 2.0 + 1e-7], order)
            assert abs(below - above) < 1e-5
        bare = derivatives_at(lambda r: 0.5 * potential.energy(r), [1.2], 1)
        np.testing.assert_allclose(derivatives_at(phi, [1.2], 1), bare, rtol=1e-13)


@pytest.mark.slow
def test_taper_keeps_three_derivatives():
    for edge, value in ((1.0, 1.0), (2.0, 0.0)):
        for side in (-1e-5, 1e-5):
            assert derivatives_at(lambda r: taper(r, 1.0, 2.0), [edge + side], 0)[0] == pytest.approx(value, abs=1e-12)
            for order, size in ((1, 1e-12), (2, 1e-7), (3, 1e-2)):
                assert abs(derivatives_at(lambda r: taper(r, 1.0, 2.0), [edge + side], order)[0]) < size
        inner = 1e-5 if edge == 1.0 else -1e-5
        assert abs(derivatives_at(lambda r: taper(r, 1.0, 2.0), [edge + inner], 4)[0]) > 500.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("potential", "jumps"),
    [
        (ms.LennardJones(inner=2.0, outer=2.5), False),
        (ms.EAM.gupta("Cu"), False),
        (ms.LennardJones(outer=2.5, ending="force-shifted"), True),
        (ms.LennardJones(outer=2.5, ending="shifted"), True),
    ],
    ids=["switched", "tapered", "force-shifted", "shifted"],
)
def test_tangent_is_continuous_when_a_shell_crosses_the_cut_off(potential, jumps):
    """A(λI) where the third shell of fcc passes the outer radius: C2 and C3 ends go through smoothly."""
    element = "Cu" if potential.elements else "X"
    spacing = float(potential.cutoff) / 3.0**0.5  # nearest neighbours at a strain that puts shell 3 on the cut-off
    material = CauchyBorn(ms.bulk(element, "fcc", spacing * 2.0**0.5), potential)
    sides = jnp.stack([(1.0 - 1e-7) * jnp.eye(3), (1.0 + 1e-7) * jnp.eye(3)])
    below, above = jax.vmap(lambda F: material.respond(F).tangent)(sides)
    change = float(jnp.max(jnp.abs(below - above)) / jnp.max(jnp.abs(above)))
    assert change > 1e-4 if jumps else change < 1e-5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ms.LennardJones(epsilon=-1.0), "epsilon: must be positive"),
        (lambda: ms.LennardJones(sigma=np.nan), "sigma: must be finite"),
        (lambda: ms.LennardJones(inner=3.0, outer=2.5), "0 < inner < outer"),
        (lambda: ms.Morse(1.0, 0.0, 1.0), "alpha: must be positive"),
        (lambda: ms.Springs([1.0], [1.0, 2.0]), "one number per shell each"),
        (lambda: ms.Springs([1.0, 1.0], [1.0, 2.0], [1.0]), "1 distances for 2 springs"),
        (lambda: ms.EAM.gupta("Fe"), "no Gupta parameters for 'Fe'; known are Ni, Cu"),
        (lambda: ms.StillingerWeber(gamma=np.inf), "gamma: must be finite"),
        (lambda: ms.SiteEnergy(lambda r, p: 0.0, cutoff=0.0), "cutoff: must be positive"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
