"""Energy, forces and stress of arbitrary atoms, and their derivatives."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax.crystal.configurations as configurations
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations import Configuration, evaluate, hessian_product, neighbour_list
from msjax.crystal.lattice import bulk
from msjax.crystal.potential import Moments
from msjax.crystal.potentials import EAM, LennardJones, SiteEnergy, Springs, StillingerWeber, Tersoff
from msjax.status import Code


class Vectors(Moments):
    """A site energy with an odd and an even moment written in the bond vector, which no tensor form covers."""

    parity: ClassVar[tuple[int, ...]] = (-1, 1)
    strength: jax.Array
    radius: float = eqx.field(static=True)

    @property
    def cutoff(self):
        return self.radius

    def _fade(self, r):
        return jnp.maximum(1.0 - jnp.sum(r * r) / self.radius**2, 0.0) ** 4

    def pair(self, r):
        return self._fade(r) * jnp.cos(jnp.sum(r * r))

    def density(self, r):
        return self._fade(r) * jnp.stack([r[0] + 0.3 * r[1] ** 3, r[0] * r[2]])

    def embed(self, moments):
        return self.strength * jnp.sin(moments[0] + 2.0 * moments[1]) * moments[0]


def triple(vectors, p):
    """A sum over pairs of neighbours that is no functional of moments."""
    r2 = jnp.sum(vectors * vectors, axis=1)
    fade = jnp.maximum(1.0 - r2 / 3.4**2, 0.0) ** 4
    angular = jnp.exp(-p["k"] * (vectors @ vectors.T) ** 2) * fade[:, None] * fade[None, :]
    return 0.2 * jnp.sum(angular) + jnp.sum(fade * jnp.cos(p["q"] * r2))


POTENTIALS = {
    "Lennard-Jones": LennardJones(0.4, 2.3, inner=3.0, outer=4.3),
    "Gupta": EAM.gupta("Cu"),
    "Stillinger-Weber": StillingerWeber(),
    "bond functions": Vectors(jnp.asarray(0.7), 3.5),
    "Tersoff": Tersoff(),
    "site energy": SiteEnergy(triple, 3.4, {"k": jnp.asarray(0.1), "q": jnp.asarray(0.8)}),
}
SKEWED = np.array([[5.2, 0.0, 0.0], [1.9, 4.8, 0.0], [-1.2, 1.5, 5.4]])


def disordered(periodic=(True, True, True), n=7, seed=3):
    """A few atoms, about 2.4 Å apart, in a skewed cell smaller than the cut-off, some outside of it."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)[:n]
    jumps = rng.integers(-1, 2, (n, 3)) * np.asarray(periodic)
    fractional = grid / 2.0 + rng.uniform(-0.04, 0.04, (n, 3)) + jumps
    return Configuration(SKEWED, fractional @ SKEWED, "X", periodic)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Lennard-Jones", marks=pytest.mark.slow),
        "Gupta",
        "Stillinger-Weber",
        pytest.param("Tersoff", marks=pytest.mark.slow),
    ],
)
def test_perfect_crystals_are_cauchy_born(name):
    """Energy and stress of a supercell at F, in several pieces, are W and P."""
    potential = POTENTIALS[name]
    crystal = bulk("Cu", "fcc", 3.6) if name in ("Lennard-Jones", "Gupta") else bulk("Si", "diamond", 5.4)
    F = np.eye(3) + np.random.default_rng(5).uniform(-0.03, 0.03, (3, 3))
    response = CauchyBorn(crystal, potential, inner="clamped").respond(F)
    configuration = Configuration.of(crystal, (3, 2, 2)).deformed(jnp.asarray(F))
    found = evaluate(configuration, potential, neighbour_list(configuration, potential, piece=5))
    volume = float(crystal.volume_per_atom)
    np.testing.assert_allclose(found.energy / configuration.atoms, response.energy * volume, rtol=1e-12)
    sigma = response.stress @ F.T / np.linalg.det(F)
    np.testing.assert_allclose(found.stress, sigma, atol=1e-13)
    np.testing.assert_allclose(np.sum(found.forces, axis=0), 0.0, atol=1e-12)


SLOW = ("Lennard-Jones", "Stillinger-Weber", "bond functions", "Tersoff", "site energy")


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in POTENTIALS])
def test_derivatives(name):
    """Energy, forces and stress by displacements, strain, the cell alone and parameters, forward and reverse, against
    differences; for few atoms in a skewed cell, in pieces."""
    potential, configuration = POTENTIALS[name], disordered()
    neighbours = neighbour_list(configuration, potential, piece=4)
    rng = np.random.default_rng(7)
    dx, dF = jnp.asarray(rng.normal(size=(7, 3))), jnp.asarray(rng.normal(size=(3, 3)))
    numbers, rest = eqx.partition(potential, eqx.is_inexact_array)

    def at(t):
        """A displacement t₀ dx, a deformation 1 + t₁ dF, a move t₂ dF of the cell alone, parameters."""
        moved = configuration.deformed(jnp.eye(3) + t[1] * dF)
        moved = moved.at(moved.positions + t[0] * dx)
        moved = eqx.tree_at(lambda m: m.cell, moved, moved.cell + t[2] * dF)
        varied = eqx.combine(jax.tree.map(lambda p: (1.0 + 0.3 * t[3]) * p, numbers), rest)
        found = evaluate(moved, varied, neighbours)
        return found.energy, found.forces, found.stress

    here, h = jnp.zeros(4), 1e-5
    both = jax.jit(jax.jacfwd(lambda t: (at(t),) * 2, has_aux=True))  # one program for derivatives and values
    forward, (_, forces, stress) = both(here)
    slopes = jax.jit(jax.grad(lambda t: at(t)[0]))(here)
    steps = np.eye(4) * h
    differences = [jax.tree.map(lambda a, b: (a - b) / (2 * h), both(s)[1], both(-s)[1]) for s in steps]
    for mine, theirs in zip(forward, zip(*differences, strict=True), strict=True):
        theirs = np.stack(theirs, axis=-1)
        np.testing.assert_allclose(mine, theirs, rtol=2e-6, atol=1e-7 * np.max(np.abs(theirs)))
    np.testing.assert_allclose(slopes, forward[0], rtol=1e-10)
    np.testing.assert_allclose(slopes[0], -jnp.sum(forces * dx), rtol=1e-10)
    if name != "bond functions":  # which is not objective
        np.testing.assert_allclose(slopes[1], jnp.sum(stress * dF) * configuration.volume, rtol=1e-10)


@pytest.mark.slow
def test_second_derivatives_mix_and_commute():
    """∂²E/∂θ∂x and ∂²E/∂θ² by reverse over reverse and forward over reverse; products with the Hessian."""
    potential, configuration = POTENTIALS["Gupta"], disordered()
    neighbours = neighbour_list(configuration, potential, piece=4)

    def total(x, q):
        return configurations.energy(configuration.at(x), eqx.tree_at(lambda p: p.q, potential, q), neighbours)

    x, q = configuration.positions, potential.q
    v = jnp.asarray(np.random.default_rng(0).normal(size=x.shape))

    @jax.jit
    def reverse():
        of_q = jax.grad(jax.grad(total, 1), (0, 1))(x, q)
        return *of_q, jax.grad(lambda x: jnp.vdot(v, jax.grad(total)(x, q)))(x)

    @jax.jit
    def forward():
        of_q = jax.jvp(lambda q: jax.grad(total, (0, 1))(x, q), (q,), (jnp.ones(()),))[1]
        return *of_q, hessian_product(configuration, potential, neighbours, v)

    for one, other in zip(reverse(), forward(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    h = 1e-4
    of_forces = [evaluate(configuration.at(x + s * v), potential, neighbours).forces for s in (h, -h)]
    np.testing.assert_allclose(forward()[2], (of_forces[1] - of_forces[0]) / (2 * h), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("periodic", [(True, False, True), (False, False, False)])
def test_open_directions(periodic):
    """A slab and a cluster: the same as in a large vacuum; no net force; no stress where there is no volume."""
    potential, configuration = POTENTIALS["Lennard-Jones"], disordered(periodic)
    neighbours = neighbour_list(configuration, potential)
    found = evaluate(configuration, potential, neighbours)
    wide = SKEWED + 20.0 * np.diag([0.0 if p else 1.0 for p in periodic])
    inside = Configuration(wide, configuration.positions, "X", True)
    expected = evaluate(inside, potential, neighbour_list(inside, potential))
    np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-13)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-12)
    np.testing.assert_allclose(found.stress * configuration.volume, expected.stress * inside.volume, atol=1e-12)
    np.testing.assert_allclose(np.sum(found.forces, axis=0), 0.0, atol=1e-12)
    slope = jax.jit(jax.grad(lambda c: configurations.energy(c, potential, neighbours)))(configuration).cell
    np.testing.assert_array_equal(slope[~np.array(periodic)], 0.0)
    flat = Configuration(SKEWED * np.array(periodic)[:, None], configuration.positions, "X", periodic)
    found = evaluate(flat, potential, neighbour_list(flat, potential))
    assert bool(found.status.ok)
    assert np.all(np.isnan(found.stress))
    np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-13)


@pytest.mark.slow
def test_small_and_large_cells_agree():
    """One cell with many images of each atom against 2 × 3 × 2 of them."""
    potential, small = POTENTIALS["Gupta"], disordered()
    counts = np.array([2, 3, 2])
    shifts = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3) @ SKEWED
    large = Configuration(counts[:, None] * SKEWED, (shifts[:, None] + np.asarray(small.positions)).reshape(-1, 3), "X")
    one, many = (evaluate(c, potential, neighbour_list(c, potential)) for c in (small, large))
    np.testing.assert_allclose(many.energy, 12 * one.energy, rtol=1e-13)
    np.testing.assert_allclose(many.forces, np.tile(one.forces, (12, 1)), atol=1e-11)
    np.testing.assert_allclose(many.stress, one.stress, atol=1e-13)


@pytest.mark.slow
def test_an_atom_alone():
    """U = −√m has no slope at zero, yet what is alone feels nothing."""
    potential = POTENTIALS["Gupta"]
    far = Configuration(np.eye(3), [[0, 0, 0], [2.4, 0, 0], [0, 50.0, 0]], "X", periodic=False)
    neighbours = neighbour_list(far, potential)
    found = evaluate(far, potential, neighbours)
    assert float(found.site_energies[2]) == 0.0
    np.testing.assert_array_equal(found.forces[2], 0.0)
    assert float(found.forces[0, 0]) == -float(found.forces[1, 0]) != 0.0
    slope = jax.jit(jax.grad(lambda p, c: jnp.sum(evaluate(c, p, neighbours).forces ** 2), argnums=(0, 1)))
    of_numbers, of_atoms = slope(potential, far)
    for slope in jax.tree.leaves((of_numbers, of_atoms)):
        assert np.all(np.isfinite(slope))


@pytest.mark.slow
def test_failed_members_harm_no_others():
    """NaN positions and used-up skins are NaN with their status, in value and gradient; the others are right."""
    potential, configuration = POTENTIALS["Gupta"], disordered()
    neighbours = neighbour_list(configuration, potential, skin=0.3)
    x = configuration.positions
    members = jnp.stack([x, x.at[2, 1].set(jnp.nan), x.at[0, 0].add(0.4), x + 5.0])

    @jax.jit
    @jax.vmap
    def each(x):
        return evaluate(configuration.at(x), potential, neighbours)

    found = each(members)
    assert found.status.code.tolist() == [0, Code.NONFINITE, Code.OVERFLOW, 0]
    for values in (found.energy, found.forces, found.stress, found.site_energies):
        assert np.isnan(values).reshape(4, -1).all(axis=1).tolist() == [False, True, True, False]
    np.testing.assert_allclose(found.forces[3], found.forces[0], atol=1e-11)

    @jax.jit
    @jax.vmap
    def slopes(x):
        """By a parameter and by the positions, where the energies of the sound members are added up."""

        def energy(xi, x):
            found = evaluate(configuration.at(x), eqx.tree_at(lambda p: p.xi, potential, xi), neighbours)
            return jnp.where(found.status.ok, found.energy, 0.0), found.energy

        (_, pullback) = jax.vjp(energy, potential.xi, x)
        return pullback((1.0, 0.0)), pullback((0.0, 1.0))

    (of_xi, of_x), (asked, asked_x) = slopes(members)
    assert np.all(np.isfinite(of_xi))
    np.testing.assert_array_equal(of_xi[1:3], 0.0)
    np.testing.assert_allclose(of_xi[3], of_xi[0], rtol=1e-10)
    np.testing.assert_allclose(of_x[0], -found.forces[0], rtol=1e-10)
    assert np.isnan(asked).tolist() == [False, True, True, False]
    assert np.isnan(asked_x).all(axis=(1, 2)).tolist() == [False, True, True, False]


@pytest.mark.slow
def test_lists_are_arguments():
    """One program for lists of one size; and it does not depend on who computed the sizes."""
    potential, configuration = POTENTIALS["Gupta"], disordered()
    traced = 0

    @eqx.filter_jit
    def forces(configuration, potential, neighbours):
        nonlocal traced
        traced += 1
        return evaluate(configuration, potential, neighbours).forces

    first = neighbour_list(configuration, potential, skin=0.6)
    moved = configuration.at(configuration.positions + 0.1)
    second = neighbour_list(moved, potential, skin=0.6, previous=first)
    np.testing.assert_allclose(forces(moved, potential, second), forces(configuration, potential, first), atol=1e-11)
    assert traced == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "loops"), [("Gupta", (1, 2, 2)), ("Lennard-Jones", (1, 1, 1))])
def test_what_is_not_used_is_not_computed(name, loops):
    """Loops over pieces in the compiled program: energy, forces, all."""
    potential, configuration = POTENTIALS[name], disordered()
    neighbours = neighbour_list(configuration, potential, piece=4)
    wanted = (lambda e: e.energy, lambda e: (e.forces, e.status), lambda e: e)
    for want, expected in zip(wanted, loops, strict=True):
        program = jax.jit(lambda x, want=want: want(evaluate(configuration.at(x), potential, neighbours)))
        text = program.lower(configuration.positions).compile().as_text()
        assert text.count(" while(") == expected


@pytest.mark.parametrize("make", [EAM.gupta, EAM.sutton_chen])
def test_an_atom_without_neighbours_feels_nothing(make):
    """The slope of √ρ is infinite there, that of ρ is zero."""
    potential = make("Cu")
    apart = [[0.0, 0.0, 0.0], [40.0, 0.0, 0.0], [0.0, 2.5, 0.0]]
    three = Configuration(np.eye(3), apart, "Cu", periodic=False)
    found = evaluate(three, potential, neighbour_list(three, potential))
    assert found.status.ok
    np.testing.assert_array_equal(found.forces[1], 0.0)
    assert abs(float(found.forces[0, 1])) > 1e-3


def test_mistakes_are_refused():
    copper = Configuration.of(bulk("Cu", "fcc", 3.6), 2)
    gupta = EAM.gupta("Cu")
    neighbours = neighbour_list(copper, gupta)
    with pytest.raises(ValueError, match="made for Al, but the configuration holds Cu"):
        evaluate(copper, EAM.gupta("Al"), neighbours)
    with pytest.raises(ValueError, match="springs belong to the bonds of a crystal"):
        evaluate(copper, Springs([1.0], [2.5]), neighbours)
    with pytest.raises(ValueError, match=r"neighbours: a list of \(8, 3\) positions for \(1, 3\)"):
        evaluate(Configuration.of(bulk("Cu", "fcc", 3.6)), gupta, neighbours)
    with pytest.raises(ValueError, match="neighbours: found for periodic"):
        evaluate(Configuration(copper.cell, copper.positions, "Cu", False), gupta, neighbours)
    with pytest.raises(ValueError, match="less than the potential's cut-off"):
        evaluate(copper, LennardJones(outer=9.0), neighbours)
    salt = Configuration.of(bulk(("Na", "Cl"), "rocksalt", 5.6), 1)
    with pytest.raises(ValueError, match="LennardJones cannot tell species apart"):
        evaluate(salt, LennardJones(), neighbour_list(salt, LennardJones()))
