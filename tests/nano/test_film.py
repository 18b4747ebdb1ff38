"""The film law against closed forms, its own energy, finite differences, and loops."""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.surfaces.polynomial import SurfacePolynomial
from msjax.material.stress_driven import PlaneStress
from msjax.material.third_order import ThirdOrderElastic
from msjax.nano import Film, FilmFace, LinearSheet, MaterialSheet, Sheet, TabulatedSheet, TextbookFilm, film_forces
from msjax.nano.sheet import SheetResponse
from msjax.status import Code, Status

N = units.N_per_m
POLYNOMIAL = SurfacePolynomial.square(*(x * N for x in (1.3, 1.5, -1.6, 4.6, -12.0, 7.0, 300.0, -150.0, 220.0)))
W11, W12 = 81.4 * units.GPa, 34.1 * units.GPa


class CubicSheet(Sheet):
    """P = Y e + c e²/2 with W11 = a + a′e, W12 = b + b′e: the simplest nonlinear bulk."""

    a: jax.Array
    b: jax.Array
    da: jax.Array
    db: jax.Array

    def at(self, e):
        stiffness, slope = self.a + self.b, self.da + self.db
        energy = e**2 * (stiffness + slope * e / 3.0)
        stress = e * (stiffness + 0.5 * slope * e)
        return SheetResponse(energy, stress, self.a + self.da * e, self.b + self.db * e, Status.of())


CUBIC = CubicSheet(*(jnp.asarray(x) for x in (W11, W12, -700.0 * units.GPa, -1300.0 * units.GPa)))


@pytest.fixture(scope="module")
def copper():
    return PlaneStress(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")))


def test_linear_bulk_and_constant_surface_in_closed_form():
    film = Film(LinearSheet(W11, W12), FilmFace(tau0=1.5 * N, G11=-1.6 * N, G12=4.6 * N))
    h = 30.0
    found = film.respond(h)
    a11, a12 = h * W11 - 3.2 * N, h * W12 + 9.2 * N
    np.testing.assert_allclose(found.strain, -3.0 * N / (a11 + a12), rtol=1e-14)
    np.testing.assert_allclose([found.A11, found.A12], [a11, a12], rtol=1e-14)
    np.testing.assert_allclose(found.E2D, a11 - a12**2 / a11, rtol=1e-14)
    np.testing.assert_allclose(found.E_app * h, found.E2D, rtol=1e-14)
    np.testing.assert_allclose(found.Y_app * h, a11 + a12, rtol=1e-14)
    np.testing.assert_allclose(found.nu, a12 / a11, rtol=1e-14)


def test_first_order_in_one_over_h():
    # the slope of the tangent against 1/h mixes surface stiffness and bulk nonlinearity, as the module states
    face = FilmFace(tau0=1.5 * N, G11=-1.6 * N, G12=4.6 * N, dG11=30.0 * N)
    film, stiffness = Film(CUBIC, face), W11 + W12
    h = 1e7
    found = film.respond(h)
    np.testing.assert_allclose(found.strain * h, -3.0 * N / stiffness, rtol=1e-5)
    a = -1.6 * N - 1.5 * N * CUBIC.da / stiffness
    b = 4.6 * N - 1.5 * N * CUBIC.db / stiffness
    np.testing.assert_allclose(found.A11 - h * W11, 2.0 * a, rtol=1e-5)
    np.testing.assert_allclose(found.A12 - h * W12, 2.0 * b, rtol=1e-5)
    # and the textbook line with S read off these slopes is the film's tangent at 1/h = 0
    nu = W12 / W11
    line = TextbookFilm(E=W11 * (1 - nu**2), S=(1 + nu**2) * a - 2 * nu * b, Y=stiffness, S_Y=a + b)
    np.testing.assert_allclose((found.E_app - line.E) * h, (line.E_app(jnp.asarray(h)) - line.E) * h, rtol=1e-5)
    np.testing.assert_allclose((found.Y_app - line.Y) * h, (line.Y_app(jnp.asarray(h)) - line.Y) * h, rtol=1e-5)


@pytest.mark.slow
def test_tangent_is_the_curvature_of_the_energy_in_strains_of_the_relaxed_film():
    # energy per relaxed area, in engineering strains from the relaxed film: nothing of the derivation is used
    constants = (169.9, 122.6, 76.2, -988.5, -548.0, 41.6, -34.4, -530.3, 24.4)
    copper = PlaneStress(ThirdOrderElastic.cubic(*(x * units.GPa for x in constants)))
    h = 12.0
    found = Film(copper, FilmFace.of(POLYNOMIAL)).respond(h)
    stretch = 1.0 + found.strain
    step = 1e-3

    @jax.jit
    def force(eta):  # nominal force per relaxed width
        e = stretch * (1.0 + eta) - 1.0
        return film_forces(copper, POLYNOMIAL, h, e)[0] / stretch

    def difference(step):
        unit = jnp.array([1.0, 0.0])
        return (force(step * unit) - force(-step * unit)) / (2 * step)

    np.testing.assert_allclose(force(jnp.zeros(2)), 0.0, atol=1e-12)
    column = (4.0 * difference(step / 2) - difference(step)) / 3.0
    np.testing.assert_allclose(column, [found.A11, found.A12], rtol=1e-7)
    # the energy whose slope these forces are
    energy = lambda e: h * copper.respond(jnp.diag(1.0 + e)).energy + 2.0 * POLYNOMIAL.energy(e[0], e[1])  # noqa: E731
    at = jnp.array([-0.01, 0.004])
    np.testing.assert_allclose(jax.jit(jax.grad(energy))(at), film_forces(copper, POLYNOMIAL, h, at)[0], rtol=1e-9)


def outputs(film, h):
    found = film.respond(h)
    return jnp.stack([found.strain, found.A11, found.A12, found.E_app, found.nu])


@pytest.mark.slow
def test_gradients_in_all_parameters_forward_reverse_and_second():
    film = Film(CUBIC, FilmFace.of(POLYNOMIAL))
    flat, rebuild = jax.flatten_util.ravel_pytree(film)
    scale = jnp.abs(flat) + 1e-3

    def at(x):
        return outputs(rebuild(flat + scale * x), jnp.asarray(20.0))

    zero = jnp.zeros_like(flat)
    forward, reverse = jax.jit(jax.jacfwd(at))(zero), jax.jit(jax.jacrev(at))(zero)
    np.testing.assert_allclose(forward, reverse, rtol=1e-10, atol=1e-14)
    step = 1e-4
    for i in range(flat.size):
        unit = zero.at[i].set(step)
        difference = (at(unit) - at(-unit)) / (2 * step)
        np.testing.assert_allclose(forward[:, i], difference, rtol=1e-6, atol=1e-9)
    tau = [i for i, leaf in enumerate(jax.tree.leaves(film)) if leaf is film.surface.tau0]
    assert len(tau) == 1
    second = jax.jit(jax.hessian(lambda x: at(x)[0]))(zero)
    unit = zero.at[tau[0]].set(step)
    gradient = jax.grad(lambda x: at(x)[0])
    np.testing.assert_allclose(second[tau[0]], (gradient(unit) - gradient(-unit)) / (2 * step), rtol=1e-5, atol=1e-9)


@pytest.mark.slow
def test_gradient_in_the_thickness_and_in_a_potential_parameter(copper):
    film = Film(copper, FilmFace.of(POLYNOMIAL))
    parameter = lambda film: film.bulk.material.material.potential.xi  # noqa: E731

    def at(x):
        changed = eqx.tree_at(parameter, film, parameter(film) * (1.0 + x[0]))
        found = outputs(changed, 15.0 * (1.0 + x[1]))
        return found, found

    zero, step, both = jnp.zeros(2), 1e-5, jax.jit(jax.jacfwd(at, has_aux=True))
    exact, _ = both(zero)
    for i in range(2):
        unit = zero.at[i].set(step)
        np.testing.assert_allclose(exact[:, i], (both(unit)[1] - both(-unit)[1]) / (2 * step), rtol=2e-6)


@pytest.mark.slow
def test_batched_is_looped_and_a_failed_member_spoils_nobody():
    sheet = TabulatedSheet.of(CUBIC, (-0.05, 0.02))
    film = Film(sheet, FilmFace.of(POLYNOMIAL))
    h = jnp.array([40.0, 3.0, 20.0, jnp.nan, -5.0])  # at 3 Å the film would shrink beyond the table
    found = jax.vmap(film.respond)(h)
    np.testing.assert_array_equal(np.asarray(found.status.failed), [False, True, False, True, True])
    assert [int(c) for c in found.status.code[jnp.array([0, 2, 3, 4])]] == [0, 0, Code.NONFINITE, Code.NONFINITE]
    assert np.all(np.isnan(np.asarray(found.A11)[[1, 3, 4]]))
    for i in (0, 2):
        one = film.respond(h[i])
        np.testing.assert_allclose(found.A11[i], one.A11, rtol=1e-14)
        np.testing.assert_allclose(found.strain[i], one.strain, rtol=1e-13)

    def total(tau):
        changed = eqx.tree_at(lambda f: f.surface.tau0, film, tau)
        all_ = jax.vmap(changed.respond)(h)
        return jnp.sum(jnp.where(all_.status.ok, all_.E_app, 0.0)), all_.E_app

    slope = jax.jit(jax.grad(lambda tau: total(tau)[0]))(film.surface.tau0)
    alone = jax.jit(
        jax.grad(
            lambda tau: jnp.sum(
                jax.vmap(eqx.tree_at(lambda f: f.surface.tau0, film, tau).respond)(h[jnp.array([0, 2])]).E_app
            )
        )
    )(film.surface.tau0)
    np.testing.assert_allclose(slope, alone, rtol=1e-12)
    # not masked, a failed member's derivative is NaN, never 0
    failed = jax.jit(jax.grad(lambda tau: total(tau)[1][1]))(film.surface.tau0)
    assert np.isnan(failed)


def test_a_film_that_does_not_hold_together_is_unstable_not_wrong():
    # faces so soft that the membrane has no positive uniaxial stiffness: stationary, and flagged
    film = Film(LinearSheet(W11, W12), FilmFace(tau0=0.1 * N, G11=-300.0 * N, G12=250.0 * N))
    found = film.respond(40.0)
    assert int(found.status.code) == Code.UNSTABLE
    assert np.isfinite(float(found.A11))
    assert float(found.A11) < float(found.A12)


def test_mistakes_are_named(copper):
    film = Film(LinearSheet(W11, W12), FilmFace(tau0=1.0 * N))
    for wrong in (-1.0, 0.0, float("nan"), jnp.ones(2)):
        with pytest.raises(ValueError, match="thickness: expected one positive number"):
            film.respond(wrong)
    with pytest.raises(ValueError, match="dim 2"):
        Film(copper.material, film.surface)
    assert isinstance(Film(copper, film.surface).bulk, MaterialSheet)
