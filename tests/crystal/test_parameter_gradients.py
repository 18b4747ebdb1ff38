"""Gradients of every response by every parameter of every analytic potential, cell and basis included.

Forward mode gives the whole Jacobian, checked column by column against fourth-order central differences; reverse mode
gives one contraction of its rows, checked against the forward one.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.elastic import (
    clamped_stiffness,
    relaxed_stiffness,
    relaxed_third_order_stiffness,
)
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.potentials import Gupta

COPPER = Gupta(0.0855, 1.224, 10.960, 2.278, 2.556, inner=4.65, outer=4.98, element="Cu")

# the fit of 1988, whose numbers are all of order one or more: the steps below are 3e-5 at least
TERSOFF = ms.Tersoff(3264.7, 95.373, 3.2394, 1.3258, 1.3258, 0.33675, 22.956, 4.8381, 2.0417, 0.0, 1.0, 3.0, 0.2)

# Cut-offs lie between shells, so that no difference straddles the edge where a potential is only C2.
MATERIALS = {
    "Lennard-Jones": lambda: CauchyBorn(ms.bulk("X", "fcc", 1.56), ms.LennardJones(inner=2.33, outer=3.02)),
    "Morse": lambda: CauchyBorn(ms.bulk("Cu", "fcc", 3.65), ms.Morse(0.3429, 1.3588, 2.866, inner=5.45, outer=6.0)),
    "Gupta": lambda: CauchyBorn(ms.bulk("Cu", "fcc", 3.65), COPPER),
    "Buckingham": lambda: CauchyBorn(ms.bulk("Ar", "fcc", 5.3), ms.Buckingham(9381.0, 0.2764, 61.1, outer=8.3)),
    "Zhou": lambda: CauchyBorn(ms.bulk("Cu", "fcc", 3.65), ms.EAM.zhou("Cu")),
    "effective medium": lambda: CauchyBorn(ms.bulk("Cu", "fcc", 3.65), ms.EAM.effective_medium("Cu")),
    "Stillinger-Weber": lambda: CauchyBorn(ms.bulk("Si", "diamond", 5.45), ms.StillingerWeber()),
    "Tersoff": lambda: CauchyBorn(ms.bulk("Si", "diamond", 5.45), TERSOFF),
    "springs": lambda: CauchyBorn(ms.bulk("X", "square", 1.0), ms.Springs([1.0, 0.7], [0.98, 1.43], [1.0, 2.0**0.5])),
}
STRAIN = np.array([[1.02, 0.01, -0.005], [0.004, 0.985, 0.012], [0.003, -0.008, 1.01]])


def parameters(material):
    """The material's leaves that a response can depend on as one vector, and the way back."""
    leaves = (material.potential, material.crystal.cell, material.crystal.basis)
    arrays, static = eqx.partition(leaves, eqx.is_array)
    theta, unravel = ravel_pytree(arrays)

    def build(values):
        potential, cell, basis = eqx.combine(unravel(values), static)
        return eqx.tree_at(lambda m: (m.potential, m.crystal.cell, m.crystal.basis), material, (potential, cell, basis))

    return theta, build


def check(outputs, theta):
    """``outputs(theta)``: a tuple of arrays, each compared on the scale of its own largest derivative."""

    def flat(t):
        values = [jnp.ravel(x) for x in outputs(t)]
        return values, values

    both = jax.jit(jax.jacfwd(flat, has_aux=True))
    forward, _ = both(theta)
    scale = np.maximum(np.abs(theta), 0.1)
    differences = [np.zeros(x.shape) for x in forward]
    for j, size in enumerate(3e-4 * scale):
        step = np.zeros(theta.shape)
        step[j] = size
        values = {n: both(theta + n * step)[1] for n in (-2, -1, 1, 2)}
        for out, column in enumerate(differences):
            column[:, j] = (
                sum(w * np.asarray(values[n][out]) for n, w in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)))
                / size
            )
    for n, (exact, approximate) in enumerate(zip(forward, differences, strict=True)):
        # in units of relative changes of the parameters, so that no column hides behind another
        exact, approximate = np.asarray(exact) * scale, approximate * scale
        assert np.all(np.isfinite(exact))
        assert np.max(np.abs(exact)) > 0
        assert np.max(np.abs(exact - approximate)) < 1e-6 * np.max(np.abs(exact)), f"output {n}"

    weights = [np.random.default_rng(n).normal(size=x.shape[0]) for n, x in enumerate(forward)]
    reverse = jax.jit(jax.grad(lambda t: sum(jnp.vdot(w, jnp.ravel(x)) for w, x in zip(weights, outputs(t)))))(theta)
    expected = sum(w @ np.asarray(x) for w, x in zip(weights, forward))
    assert np.max(np.abs(reverse - expected)) < 1e-9 * np.max(np.abs(expected))


def slow(*names):
    """These are among the slow tests."""
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("Lennard-Jones", "Morse", "Gupta", "springs"),
        *slow("Buckingham", "Zhou", "effective medium", "Stillinger-Weber", "Tersoff"),
    ],
)
def test_energy_stress_and_tangent(name):
    material = MATERIALS[name]()
    theta, build = parameters(material)
    strain = jnp.asarray(STRAIN[: material.dim, : material.dim])

    def outputs(t):
        response = build(t).respond(strain)
        return response.energy, response.stress, response.tangent, response.state

    keep = slice(None) if material.crystal.atoms_per_cell > 1 else slice(3)
    check(lambda t: outputs(t)[keep], theta)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Lennard-Jones", *slow("Morse")])
def test_lattice_constant_and_cohesive_energy(name):
    theta, build = parameters(MATERIALS[name]())

    def outputs(t):
        found = equilibrium(build(t))
        return found.lattice_constant, found.energy_per_atom, found.volume_per_atom

    check(outputs, theta)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Gupta", "Stillinger-Weber"])
def test_elastic_constants_at_equilibrium(name):
    """The whole chain: parameters → lattice constant and energy → constants there, of copper to third order."""
    theta, build = parameters(MATERIALS[name]())

    def outputs(t):
        found = equilibrium(build(t))
        relaxed = found.material
        second = relaxed_stiffness(relaxed), clamped_stiffness(relaxed)
        third = (relaxed_third_order_stiffness(relaxed),) if name == "Gupta" else ()
        return found.lattice_constant, found.energy_per_atom, *second, *third

    check(outputs, theta)
