"""Manufactured solutions: on smoothly distorted meshes the error of cells of degree p falls as h^(p+1) in L² and as h^p
in the H¹ seminorm (G. Strang and G. J. Fix, An Analysis of the Finite Element Method, 1973, ch. 2).

The solution is a plane wave u = a sin(k·x + φ), whose source is known by hand: (k·K k) a sin of a conductor with
conductivity K, (μ |k|² a + (λ + μ) (k·a) k) sin of an isotropic solid.
"""

import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms

from .elements import KINDS, SPACE, bent, errors

WAVE, AMPLITUDE, PHASE = np.array([1.0, -1.3, 0.8]), np.array([0.7, 0.4, -0.5]), 0.4
CONDUCTIVITY = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.5]])
YOUNG, POISSON = 2.5, 0.3

CELLS = {  # along each edge, the coarser and the finer mesh
    "line2": (6, 12), "line3": (4, 8), "tri3": (6, 12), "tri6": (4, 8), "quad4": (6, 12), "quad9": (4, 8),
    "tet4": (5, 10), "tet10": (3, 6), "hex8": (4, 8), "hex27": (3, 5),
}  # fmt: skip


def measured(kind, material, amplitude, source):
    """Rates of the errors' fall in L² and H¹ for u = amplitude sin(k·x + φ) with −div(stress) = source sin(k·x + φ)."""

    wave = WAVE[: ms.fe.cell_type(kind).dim]

    def exact(x):
        return amplitude * np.sin(x @ wave + PHASE)[..., None]

    def gradient(x):
        return np.outer(amplitude, wave) * np.cos(x @ wave + PHASE)[..., None, None]

    def force(x):
        return jnp.asarray(source) * jnp.sin(jnp.dot(x, jnp.asarray(wave)) + PHASE)

    found = []
    for cells in CELLS[kind]:
        mesh = bent(kind, cells)
        edge = np.unique(np.concatenate([mesh.nodes_of(side) for side in mesh.boundaries]))
        held = ms.fe.Dirichlet(edge, exact(np.asarray(mesh.points)[edge]))
        problem = ms.fe.Problem(mesh, material, [held], [ms.fe.BodyForce(force)])
        solution = ms.solve(problem, solver=ms.fe.linear.Direct(), tolerance=1e-10)
        found.append(errors(mesh, solution.u, exact, gradient))
    coarse, fine = CELLS[kind]
    return np.log(np.divide(*found)) / np.log(fine / coarse)


def degree(kind):
    return ms.fe.cell_type(kind).degree


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_conduction(kind):
    dim = ms.fe.cell_type(kind).dim
    conductivity, wave = CONDUCTIVITY[:dim, :dim], WAVE[:dim]
    rates = measured(kind, ms.Conductor(conductivity, dim), np.ones(1), np.array([wave @ conductivity @ wave]))
    np.testing.assert_allclose(rates, [degree(kind) + 1, degree(kind)], atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tri3", "tri6", "quad4", "quad9", "tet10"])
def test_elasticity(kind):
    dim = 3 if kind in SPACE else 2
    mu, lam = YOUNG / (2 * (1 + POISSON)), YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
    wave, amplitude = WAVE[:dim], AMPLITUDE[:dim]
    source = mu * (wave @ wave) * amplitude + (lam + mu) * (wave @ amplitude) * wave
    rates = measured(kind, ms.IsotropicElastic(YOUNG, POISSON, dim), amplitude, source)
    np.testing.assert_allclose(rates, [degree(kind) + 1, degree(kind)], atol=0.1)
