"""Shape functions, facets and quadrature against closed forms and finite differences."""

import itertools
from math import factorial

import numpy as np
import pytest

from msjax.fe.cells import cell_type
from msjax.fe.quadrature import cube_rule, simplex_rule

KINDS = ["line2", "line3", "tri3", "tri6", "quad4", "quad9", "tet4", "tet10", "hex8", "hex27"]


def inside(cell, count=7, seed=0):
    """Random points of the reference cell."""
    x = np.random.default_rng(seed).uniform(size=(count, cell.dim))
    if not cell.simplex:
        return x
    return x / (1.0 + x.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("kind", KINDS)
def test_shape_functions_hold_the_polynomials_of_their_degree(kind):
    cell = cell_type(kind)
    x = inside(cell)
    np.testing.assert_allclose(cell.values(cell.nodal), np.eye(cell.nodes), atol=1e-13)
    for powers in itertools.product(range(cell.degree + 1), repeat=cell.dim):
        if cell.simplex and sum(powers) > cell.degree:
            continue
        at_nodes, at_points = (np.prod(p ** np.array(powers), axis=1) for p in (cell.nodal, x))
        np.testing.assert_allclose(cell.values(x) @ at_nodes, at_points, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_differences(kind):
    cell = cell_type(kind)
    x, h = inside(cell, seed=1), 1e-5
    slopes = cell.gradients(x)
    for j in range(cell.dim):
        step = h * np.eye(cell.dim)[j]
        difference = (cell.values(x + step) - cell.values(x - step)) / (2.0 * h)
        np.testing.assert_allclose(slopes[:, :, j], difference, atol=1e-9)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4, 5])
def test_cubes_are_integrated_exactly(dim, degree):
    rule = cube_rule(dim, degree)
    for powers in itertools.product(range(degree + 1), repeat=dim):
        exact = np.prod([1.0 / (p + 1) for p in powers])
        assert rule.weights @ np.prod(rule.points ** np.array(powers), axis=1) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4, 5, 6])
def test_simplices_are_integrated_exactly(dim, degree):
    rule = simplex_rule(dim, degree)
    assert np.all(rule.weights > 0)
    for powers in itertools.product(range(degree + 1), repeat=dim):
        if sum(powers) > degree:
            continue
        exact = np.prod([factorial(p) for p in powers]) / factorial(dim + sum(powers))
        assert rule.weights @ np.prod(rule.points ** np.array(powers), axis=1) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("line")])
def test_facets_of_a_distorted_cell_enclose_it_with_normals_outward(kind):
    cell = cell_type(kind)
    assert cell.facet is not None
    facet = cell_type(cell.facet)
    distortion = 0.05 * np.random.default_rng(2).normal(size=cell.nodal.shape)
    x = cell.nodal @ (np.eye(cell.dim) + 0.2 * np.ones((cell.dim, cell.dim))) + distortion
    rule = cell.quadrature(6)
    volume = rule.weights @ np.linalg.det(np.einsum("qkj,ki->qij", cell.gradients(rule.points), x))
    rule = facet.quadrature(6)
    slopes, shapes = facet.gradients(rule.points), facet.values(rule.points)
    total, closed = 0.0, np.zeros(cell.dim)
    for nodes in cell.facet_nodes:
        tangents = np.einsum("qkj,ki->qji", slopes, x[nodes])
        if cell.dim == 2:
            normal = np.stack([tangents[:, 0, 1], -tangents[:, 0, 0]], axis=1)
        else:
            normal = np.cross(tangents[:, 0], tangents[:, 1])
        total += rule.weights @ np.sum(normal * (shapes @ x[nodes]), axis=1)
        closed += rule.weights @ normal
    np.testing.assert_allclose(closed, 0.0, atol=1e-13)
    assert total == pytest.approx(cell.dim * volume, rel=1e-12)  # ∫ x·n dA = d V


@pytest.mark.parametrize("kind", ["quad8", "hex20", "wedge6", ""])
def test_an_unknown_kind_is_refused_with_the_names_there_are(kind):
    with pytest.raises(ValueError, match="kind: expected one of line2, .*hex27"):
        cell_type(kind)
