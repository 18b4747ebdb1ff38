"""Temperatures at the nodes: Maysel's theorem, bodies that stay free of stress, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.status import Code

EXPANSION = 1e-3


def supports(mesh):
    """Three faces on rollers: the body may expand freely."""
    axes = "xyz"[: mesh.dim]
    return [ms.fe.Dirichlet(f"{axis}-", 0.0, axis) for axis in axes]


def shaken(mesh, seed=0):
    """Interior nodes moved at random; the faces stay plane, and the edges straight."""
    points = np.array(mesh.points)
    low, high = points.min(0), points.max(0)
    inside = np.all((points > low + 1e-9) & (points < high - 1e-9), axis=1)
    points[inside] += 0.06 * np.random.default_rng(seed).uniform(-1.0, 1.0, points[inside].shape)
    return mesh.moved(jnp.asarray(points))


def warm(values):
    return ms.Inputs(temperature=ms.fe.AtNodes(values))


def volume_shares(mesh):
    """∫ N_a dV."""
    body = ms.fe.Problem(mesh, ms.Conductor(1.0, dim=mesh.dim), loads=[ms.fe.BodyForce([1.0])])
    return -jax.grad(lambda u: body.loads[0].act(body.mesh, u).energy)(jnp.zeros((len(mesh.points), 1)))[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tri3", "quad9", "hex8", "tet10"])
def test_maysels_theorem(kind):
    """The mean elongation under any temperature is α ∫ T dV / A: the work of a uniform stress (W. M. Maysel 1941).

    In plane strain α grows by 1 + ν. The theorem holds for the discrete body too, since uniform stress is in its space;
    and it is the derivative with respect to every nodal temperature, by one adjoint solve.
    """
    plane = kind in ("tri3", "quad9")
    linear = {"quad9": "quad4", "tet10": "tet4"}.get(kind, kind)
    shape = (3, 2, 2) if kind == "tet10" else (3, 3, 3)
    mesh = shaken(ms.fe.rectangle((2.0, 1.0), (4, 3), linear) if plane else ms.fe.box((2.0, 1.0, 1.0), shape, linear))
    mesh = mesh if linear == kind else ms.fe.quadratic(mesh)
    material = ms.ThermoElastic(10.0, 0.3, EXPANSION, dim=mesh.dim)
    problem = ms.fe.Problem(mesh, material, supports(mesh))
    T = jnp.asarray(np.random.default_rng(1).normal(size=len(mesh.points)))

    def elongation(T):
        return ms.fe.boundary_mean(problem, ms.solve(problem, inputs=warm(T)), "x+")[0]

    found, slope = jax.jit(jax.value_and_grad(elongation))(T)
    expected = EXPANSION * (1.3 if plane else 1.0) * volume_shares(mesh)
    assert float(found) == pytest.approx(float(expected @ T), rel=1e-9)
    np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=1e-9 * float(jnp.max(expected)))


@pytest.mark.slow
def test_a_linear_temperature_bends_a_free_body_without_stress():
    """Strains of compatibility: u is quadratic and every stress zero (Boley and Weiner, § 3.9)."""
    mesh = ms.fe.quadratic(shaken(ms.fe.box((2.0, 1.0, 1.0), (2, 2, 2))))
    corners = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    at = [int(np.argmin(np.sum((np.asarray(mesh.points) - c) ** 2, axis=1))) for c in corners]
    held = [ms.fe.Dirichlet([at[0]], 0.0), ms.fe.Dirichlet([at[1]], 0.0, "xz"), ms.fe.Dirichlet([at[2]], 0.0, "x")]
    problem = ms.fe.Problem(mesh, ms.ThermoElastic(10.0, 0.3, EXPANSION, reference=5.0), held)
    T = warm(5.0 + mesh.points @ jnp.array([3.0, -2.0, 1.0]))
    solution = ms.solve(problem, inputs=T, tolerance=1e-10)
    assert float(jnp.max(jnp.abs(solution.u))) > 1e-3
    assert float(jnp.max(jnp.abs(ms.fe.stress(problem, solution, inputs=T)))) < 1e-9 * 10.0 * EXPANSION


@pytest.mark.slow
@pytest.mark.parametrize("formulation", ["standard", "mean_dilatation"])
def test_one_value_at_all_nodes_is_the_number(formulation):
    """With moduli per cell, with several parts, and where the dilatation is averaged."""
    mesh = ms.fe.tag_region(ms.fe.rectangle((2.0, 1.0), (4, 2)), "right", lambda x: x[:, 0] > 1.0)
    young = jnp.linspace(1.0, 2.0, 4)
    left = ms.fe.PerCell(jax.vmap(lambda e: ms.ThermoElastic(e, 0.3, EXPANSION, dim=2))(young))
    right = ms.ThermoElastic(3.0, 0.3, 2.0 * EXPANSION, dim=2)
    names = [name for name in mesh.region_names if name != "right"]
    problem = ms.fe.Problem(mesh, {names[0]: left, "right": right}, supports(mesh), formulation=formulation)
    number = ms.solve(problem, inputs=ms.Inputs(temperature=jnp.array(40.0)))
    field = ms.solve(problem, inputs=warm(jnp.full(len(mesh.points), 40.0)))
    np.testing.assert_allclose(field.u, number.u, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_batches_of_temperatures_and_a_poisoned_member():
    mesh = ms.fe.rectangle((2.0, 1.0), (4, 2))
    problem = ms.fe.Problem(mesh, ms.ThermoElastic(10.0, 0.3, EXPANSION, dim=2), supports(mesh))
    fields = jnp.asarray(np.random.default_rng(2).normal(size=(3, len(mesh.points)))).at[1, 4].set(jnp.nan)
    found = jax.vmap(lambda T: ms.solve(problem, inputs=warm(T), throw=False))(fields)
    assert found.status.code.tolist() == [Code.CONVERGED.value, Code.NONFINITE.value, Code.CONVERGED.value]
    assert bool(jnp.all(jnp.isnan(found.u[1])))
    for member in (0, 2):
        np.testing.assert_allclose(
            found.u[member], ms.solve(problem, inputs=warm(fields[member])).u, rtol=1e-9, atol=1e-14
        )


@pytest.mark.slow
def test_refusals():
    mesh = ms.fe.rectangle((2.0, 1.0), (4, 2))
    problem = ms.fe.Problem(mesh, ms.ThermoElastic(10.0, 0.3, EXPANSION, dim=2), supports(mesh))
    with pytest.raises(ValueError, match="a field at nodes has 3 values, the mesh 15 nodes"):
        ms.solve(problem, inputs=warm(jnp.zeros(3)))
    with pytest.raises(ValueError, match="one per node"):
        ms.fe.AtNodes(3.0)
    with pytest.raises(ValueError, match="expected one number, got an array"):
        ms.solve(problem, inputs=ms.Inputs(temperature=jnp.zeros(15)))
