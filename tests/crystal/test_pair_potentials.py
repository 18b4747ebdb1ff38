"""Buckingham's potential against LAMMPS and its closed forms; a user's own pair function."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.status import Code


def exp6(depth, minimum, alpha):
    """Parameters by the well: A = 6ε e^α/(α − 6), C = α ε r_m⁶/(α − 6)."""
    scale = depth / (alpha - 6.0)
    return {"A": 6.0 * scale * np.exp(alpha), "rho": minimum / alpha, "C": alpha * scale * minimum**6}


ARGON = exp6(0.0104, 3.87, 14.0)


@pytest.mark.slow
def test_buckingham_has_its_well():
    potential = ms.Buckingham(**ARGON, outer=9.0)
    assert float(potential.energy(jnp.array(3.87))) == pytest.approx(-0.0104, rel=1e-12)
    assert float(jax.grad(potential.energy)(jnp.array(3.87))) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.slow
def test_buckingham_agrees_with_lammps(reference):
    entry = reference("potentials")["Buckingham, shifted"]
    potential = ms.Buckingham(entry["A"], entry["rho"], entry["C"], outer=entry["outer"], ending="shifted")
    material = ms.CauchyBorn(ms.bulk("Ar", "fcc", entry["a"]), potential)
    response = eqx.filter_jit(jax.vmap(lambda F: material.respond(F)))(jnp.array([s["F"] for s in entry["states"]]))
    np.testing.assert_allclose(response.energy, [s["W"] for s in entry["states"]], rtol=1e-10)
    np.testing.assert_allclose(response.stress, [s["P"] for s in entry["states"]], atol=1e-12)


@pytest.mark.slow
def test_buckingham_ends_with_two_derivatives():
    potential = ms.Buckingham(**ARGON, inner=6.0, outer=9.0)
    assert ms.Buckingham(**ARGON, outer=7.0).inner == pytest.approx(5.0)

    def derivatives(r):
        functions = [lambda r: potential.pair(r * r)]
        for _ in range(2):
            functions.append(jax.grad(functions[-1]))
        return [float(f(jnp.array(r))) for f in functions]

    np.testing.assert_allclose(derivatives(9.0 - 1e-6), 0.0, atol=1e-8)
    assert derivatives(9.0 + 1e-6) == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(derivatives(6.0 - 1e-7), derivatives(6.0 + 1e-7), atol=1e-8)


@pytest.mark.slow
def test_inside_its_maximum_buckingham_fails_and_harms_no_other():
    """The maximum is where (r/ρ)⁷ exp(−r/ρ) = 6C/(Aρ⁶), found here by bisection on the slope."""
    soft = exp6(1.0, 1.0, 9.0)
    potential = ms.Buckingham(**soft, outer=1.8)
    low, high = 0.2, 1.0

    def slope(r):
        return -soft["A"] / soft["rho"] * np.exp(-r / soft["rho"]) + 6.0 * soft["C"] / r**7

    for _ in range(60):
        low, high = (low, 0.5 * (low + high)) if slope(0.5 * (low + high)) < 0.0 else (0.5 * (low + high), high)
    squares = jnp.array([low * (1.0 - 1e-9), low * (1.0 + 1e-9)]) ** 2
    assert [bool(potential.covered(potential.density(x))) for x in squares] == [False, True]

    material = ms.CauchyBorn(ms.bulk("X", "fcc", 2.0**0.5), potential, strain_margin=0.5)
    strains = jnp.stack([jnp.eye(3), 0.98 * low * jnp.eye(3), 1.02 * low * jnp.eye(3)])

    @eqx.filter_jit
    def total(material):
        response = jax.vmap(lambda F: material.respond(F))(strains)
        return jnp.sum(jnp.where(response.status.ok, response.energy, 0.0)), response

    (_, response), gradient = eqx.filter_value_and_grad(total, has_aux=True)(material)
    assert response.status.code.tolist() == [Code.CONVERGED, Code.OUTSIDE_TABLE, Code.CONVERGED]
    assert np.all(np.isnan(response.stress[1]))
    assert np.all(np.isfinite(response.tangent[::2]))
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ms.Buckingham(0.0, 0.3, 1.0, outer=9.0), "A: must be positive"),
        (lambda: ms.Buckingham(1.0, 0.3, -1.0, outer=9.0), "C: must not be negative"),
        (lambda: ms.Buckingham(1.0, 0.3, 1.0, outer=9.0), r"C: 6C/\(A rho⁶\) must be below 751.0, or there is no"),
        (lambda: ms.Buckingham(**ARGON, inner=0.5, outer=9.0), "inner: must lie beyond the maximum"),
        (lambda: ms.Buckingham(**ARGON, inner=9.0, outer=8.0), "0 < inner < outer"),
        (lambda: ms.PairFunction(lambda r, p: r, outer=-1.0), "0 < inner < outer"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_born_mayer_alone_has_no_maximum():
    potential = ms.Buckingham(1000.0, 0.3, 0.0, outer=9.0)
    assert float(potential.energy(jnp.array(0.01))) == pytest.approx(1000.0 * np.exp(-0.01 / 0.3))


@pytest.mark.slow
def test_a_pair_function_is_the_built_in_potential():
    """Values, tangent and parameter gradients of Morse, written as a user would."""

    def morse(dr, depth, alpha, r0):
        x = jnp.exp(-alpha * (dr - r0))
        return depth * (x * x - 2.0 * x)

    numbers = {"depth": 0.3429, "alpha": 1.3588, "r0": 2.866}
    parameters = {name: jnp.array(value) for name, value in numbers.items()}
    built_in = ms.Morse(*numbers.values(), inner=6.0, outer=8.0)
    own = ms.PairFunction(lambda r, p: morse(r, **p), parameters, inner=6.0, outer=8.0)
    F = jnp.eye(3).at[0, 1].set(0.02)

    def outputs(potential):
        found = eqx.tree_at(lambda m: m.potential, material, potential).respond(F)
        return found.energy, (found.stress, found.tangent)

    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.65), built_in)
    (expected, more), slopes = eqx.filter_value_and_grad(outputs, has_aux=True)(built_in)
    (found, rest), own_slopes = eqx.filter_value_and_grad(outputs, has_aux=True)(own)
    assert float(found) == pytest.approx(float(expected), rel=1e-14)
    for x, y in zip(rest, more, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-14)
    for name, leaf in (("depth", slopes.depth), ("alpha", slopes.alpha), ("r0", slopes.r0)):
        assert float(own_slopes.parameters[name]) == pytest.approx(float(leaf), rel=1e-12)
