"""Splines on boxes: scipy's functions and derivatives, second-gradient media against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe import NormalDerivative, splines
from msjax.fe.geometry import cell_geometry
from msjax.fe.problem import balance
from msjax.material.finite_differences import STEPS, sweep
from msjax.material.hyperelastic import Hyperelastic
from msjax.material.second_gradient import GradientEnhanced, StrainGradientElastic


@pytest.mark.slow
@pytest.mark.parametrize(("spans", "degree"), [((5,), 2), ((4, 3), 3), ((2, 3), 2), ((2, 1, 2), 3)])
def test_values_and_derivatives_are_scipys(spans, degree):
    mesh = splines([1.5, 0.8, 1.1][: len(spans)], spans, degree)
    coefficients = np.random.default_rng(0).normal(size=(mesh.points.shape[0], 2))
    function, rule = mesh.function(coefficients), mesh.cell.quadrature()
    nodes, values = mesh.local(mesh.points), mesh.local(jnp.asarray(coefficients))
    geometry = jax.jit(jax.vmap(lambda x: cell_geometry(mesh.cell, rule, x, second=True)))(nodes)
    at = np.asarray(geometry.positions)
    assert float(jnp.sum(geometry.weights)) == pytest.approx(np.prod(mesh.lengths))
    np.testing.assert_allclose(jnp.einsum("qa,mac->mqc", geometry.values[0], values), function(at), atol=1e-11)
    for i in range(len(spans)):
        order = np.eye(len(spans), dtype=int)[i]
        found = jnp.einsum("mqa,mac->mqc", geometry.gradients[..., i], values)
        np.testing.assert_allclose(found, function(at, nu=order), atol=1e-9)
        for j in range(i + 1):
            found = jnp.einsum("mqa,mac->mqc", geometry.second[..., i, j], values)
            np.testing.assert_allclose(found, function(at, nu=order + np.eye(len(spans), dtype=int)[j]), atol=1e-8)


@pytest.mark.slow
def test_a_linear_field_has_no_second_gradient_in_a_curved_box():
    mesh = splines((1.0, 1.0), (3, 3)).moved(lambda x: x + 0.05 * np.sin(3.0 * x[:, ::-1]))
    rule, nodes = mesh.cell.quadrature(), mesh.local(mesh.points)
    geometry = jax.vmap(lambda x: cell_geometry(mesh.cell, rule, x, second=True))(nodes)
    field = mesh.local(mesh.points @ jnp.array([[1.0, 2.0], [-0.5, 0.3]]))
    second = jnp.einsum("mqaij,mac->mqcij", geometry.second, field)
    np.testing.assert_allclose(second, np.zeros(second.shape), atol=1e-11)
    gradient = jnp.einsum("mqaj,mac->mqcj", geometry.gradients, field)
    expected = jnp.array([[1.0, -0.5], [2.0, 0.3]])[None, None]
    np.testing.assert_allclose(gradient, jnp.broadcast_to(expected, gradient.shape), atol=1e-12)


def layer_stress(ratio):
    """Stress of a constrained shear layer over μU/H, u = u′ = 0 below and u = U, u′ = 0 above."""
    return 1.0 / (1.0 - 2.0 * ratio * np.tanh(0.5 / ratio))


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.1, 0.3])
def test_constrained_layer(ratio):
    """In one dimension, modulus λ + 2μ = 1."""
    line = splines(2.0, 48)
    medium = StrainGradientElastic(mu=0.4, lam=0.2, length=2.0 * ratio, dim=1)
    held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", 0.1), NormalDerivative("x-"), NormalDerivative("x+")]
    solution = ms.solve(ms.fe.Problem(line, medium, held))
    # the reaction of the second coefficient is a couple and force at once: its equation's share belongs to the end
    top = jnp.sum(solution.reactions[-2:, 0])
    assert float(top) == pytest.approx(layer_stress(ratio) * 0.1 / 2.0, rel=1e-6)
    assert float(2.0 * solution.energy / 0.1) == pytest.approx(layer_stress(ratio) * 0.05, rel=1e-6)


@pytest.mark.slow
def test_constrained_shear_layer_in_the_plane():
    """A strip sheared by its upper side, periodic along x; τ = μ U/H/(1 − (2ℓ/H) tanh(H/2ℓ))."""
    strip = splines((0.5, 1.0), (1, 24))
    medium = StrainGradientElastic(mu=1.5, lam=1.0, length=0.2, dim=2)
    held = [ms.fe.Dirichlet("y-"), ms.fe.Dirichlet("y+", [0.01, 0.0])]
    held += [NormalDerivative("y-"), NormalDerivative("y+"), NormalDerivative("x-"), NormalDerivative("x+")]
    held += [ms.fe.Dirichlet("x-", 0.0, "y"), ms.fe.Dirichlet("x+", 0.0, "y")]  # what carries the shear on the sides
    solution = ms.solve(ms.fe.Problem(strip, medium, held))
    stress = 2.0 * float(solution.energy) / 0.01 / 0.5
    assert stress == pytest.approx(1.5 * 0.01 * layer_stress(0.2), rel=1e-6)
    values = strip.function(solution.u)(np.array([[0.1, 0.37], [0.4, 0.37]]))
    s = np.array([0.37])
    exact = 0.01 * (s - 0.2 * (np.sinh(s / 0.2) - np.tanh(2.5) * (np.cosh(s / 0.2) - 1.0)))
    exact = exact * layer_stress(0.2)
    np.testing.assert_allclose(values[:, 0], np.repeat(exact, 2), rtol=1e-5)
    np.testing.assert_allclose(values[:, 1], 0.0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("degree", "order"), [(2, 2.0), (3, 4.0)])
def test_manufactured_solution_in_the_plane(degree, order):
    """L² orders of a fourth-order problem: p + 1 for cubics, 2(p − 1) = 2 for quadratics (G. Strang, G. Fix, An
    Analysis of the Finite Element Method, 1973)."""
    mu, lam, length = 1.0, 0.7, 0.3

    def exact(x):
        bump = jnp.sin(jnp.pi * x) ** 2
        return bump[0] * bump[1] * jnp.array([1.0, -0.6])

    def divergence(field):
        def stress(x):
            h = jax.jacfwd(field)(x)
            return mu * (h + h.T) + lam * jnp.trace(h) * jnp.eye(2)

        return lambda x: jnp.einsum("ijj->i", jax.jacfwd(stress)(x))

    def laplacian(field):
        return lambda x: jnp.einsum("ijj->i", jax.jacfwd(jax.jacfwd(field))(x))

    def force(x):
        plain = divergence(exact)
        return -(plain(x) - length**2 * laplacian(plain)(x))

    def error(n):
        mesh = splines((1.0, 1.0), (n, n), degree)
        sides = [kind(side) for kind in (ms.fe.Dirichlet, NormalDerivative) for side in ("x-", "x+", "y-", "y+")]
        medium = StrainGradientElastic(mu, lam, length, dim=2)
        solution = ms.solve(ms.fe.Problem(mesh, medium, sides, [ms.fe.BodyForce(force)]))
        rule = mesh.cell.quadrature(6)

        @jax.jit
        def squared(points, u):
            geometry = jax.vmap(lambda x: cell_geometry(mesh.cell, rule, x))(mesh.local(points))
            found = jnp.einsum("mqa,mac->mqc", geometry.values, mesh.local(u))
            gap = found - jax.vmap(jax.vmap(exact))(geometry.positions)
            return jnp.sum(geometry.weights[..., None] * gap**2)

        return float(jnp.sqrt(squared(mesh.points, solution.u)))

    assert np.log2(error(8) / error(16)) == pytest.approx(order, abs=0.25)


class DoubleWell(Hyperelastic):
    """b (1 − ((F − 1)/γ)²)² in one dimension."""

    barrier: jax.Array
    half: jax.Array

    @property
    def dim(self):
        return 1

    def stored_energy(self, deformation):
        return self.barrier * (1.0 - ((deformation[0, 0] - 1.0) / self.half) ** 2) ** 2


@pytest.mark.slow
def test_phase_boundary_of_a_double_well():
    """∫ √(2cψ) de = √(2 c b) 4γ/3 with c = modulus·ℓ² (doi:10.1063/1.1744102); profile γ tanh(x √(2b/c)/γ)."""
    barrier, half, length = 0.01, 0.1, 0.05
    line = splines(2.0, 120)
    medium = GradientEnhanced(DoubleWell(jnp.array(barrier), jnp.array(half)), 1.0, length)
    held = [ms.fe.Dirichlet([0]), ms.fe.Dirichlet("x+", 0.0)]
    # a start in two phases; ends are free of couples
    start = half * (jnp.abs(line.points - 1.0) - 1.0)
    solution = ms.solve(ms.fe.Problem(line, medium, held), start=start)
    assert float(solution.energy) == pytest.approx(np.sqrt(2.0 * barrier) * length * 4.0 * half / 3.0, rel=1e-3)
    slope = line.function(solution.u)(np.array([[1.03], [0.5]]), nu=np.array([1]))[:, 0]
    width = half * length / np.sqrt(2.0 * barrier)
    np.testing.assert_allclose(slope, half * np.tanh(np.array([0.03, -0.5]) / width), atol=2e-4)


@pytest.mark.slow
def test_forces_and_matrices_are_derivatives_of_the_energy_in_a_curved_box():
    mesh = splines((1.0, 1.0), (2, 2), 2).moved(lambda x: x + 0.05 * np.sin(3.0 * x[:, ::-1]))
    problem = ms.fe.Problem(mesh, GradientEnhanced(ms.NeoHooke(1.0, 2.0, dim=2), 1.0, 0.4))
    rng = np.random.default_rng(0)
    u, along = (jnp.asarray(0.05 * rng.normal(size=problem.affine.free.shape)) for _ in range(2))

    @jax.jit
    def at(steps):
        def one(t):
            found = balance(problem, u + t * along, (None,))
            return found.energy, found.residual

        found = balance(problem, u, (None,))
        return jax.lax.map(one, steps), found.residual, found.stiffness.apply(along)

    (energies, forces), force, slope = at(jnp.asarray(np.concatenate([STEPS, -STEPS])))
    energies, forces, count = np.asarray(energies), np.asarray(forces), len(STEPS)
    size, scale = float(np.max(np.abs(slope))), float(np.sum(np.abs(force * along)))
    of_energy = sweep(energies[:count], energies[count:], STEPS, float(jnp.vdot(force, along)), scale, 1.0 + scale)
    of_force = sweep(forces[:count], forces[count:], STEPS, np.asarray(slope), size, 10.0 * size)
    assert of_energy.shows_v, (str(of_energy), of_energy.errors)
    assert of_force.shows_v, (str(of_force), of_force.errors)
    assert max(of_energy.best, of_force.best) < 1e-8


@pytest.mark.slow
def test_loads_have_their_resultants_and_fields_are_shown_on_lagrange_cells():
    mesh = splines((2.0, 1.0), (3, 2))
    material = ms.IsotropicElastic(1.0, 0.3, dim=2)  # an ordinary material is welcome
    held = [ms.fe.Dirichlet("x-")]
    problem = ms.fe.Problem(mesh, material, held, [ms.fe.Traction("x+", [0.0, -0.3]), ms.fe.BodyForce([0.1, 0.0])])
    solution = ms.solve(problem)
    np.testing.assert_allclose(jnp.sum(solution.reactions, axis=0), [-0.2, 0.3], atol=1e-9)
    plain, field = mesh.lagrange(solution.u)
    ms.fe.check_mesh(plain)
    np.testing.assert_allclose(field, mesh.function(solution.u)(np.asarray(plain.points)), atol=1e-12)


@pytest.mark.slow
def test_refusals():
    medium = StrainGradientElastic(1.0, 1.0, 0.1, dim=2)
    with pytest.raises(ValueError, match="needs msjax.fe.splines, got quad9"):
        ms.fe.Problem(ms.fe.rectangle((1.0, 1.0), (2, 2), "quad9"), medium)
    with pytest.raises(ValueError, match="second-gradient medium, which needs a mesh of that dimension"):
        ms.fe.Problem(splines(1.0, 3), medium)
    with pytest.raises(ValueError, match="needs a mesh of splines"):
        ms.fe.Problem(ms.fe.rectangle((1.0, 1.0), (2, 2)), ms.NeoHooke(1.0, 1.0), [NormalDerivative("x-")])
    with pytest.raises(ValueError, match="loads: on splines"):
        ms.fe.Problem(splines((1.0, 1.0), (2, 2)), medium, (), [ms.fe.Springs("x-", 1.0)])
    with pytest.raises(ValueError, match="degree: expected 2 or 3"):
        splines(1.0, 3, degree=4)
    with pytest.raises(ValueError, match="shape: expected 2 whole numbers"):
        splines((1.0, 1.0), 3)
    with pytest.raises(ValueError, match="size: expected"):
        splines((1.0, -1.0), (3, 3))
