"""Quadrature on the reference line, square, cube, triangle and tetrahedron."""

import itertools
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import roots_jacobi


class Quadrature(NamedTuple):
    """Points (q, d) and weights (q,), which add up to the volume of the reference cell."""

    points: np.ndarray
    weights: np.ndarray


@cache
def cube_rule(dim: int, degree: int) -> Quadrature:
    """Gauss–Legendre on [0, 1]^d, exact for polynomials of this degree in each coordinate."""
    x, w = np.polynomial.legendre.leggauss(degree // 2 + 1)
    x, w = 0.5 * (x + 1.0), 0.5 * w
    points = np.array(list(itertools.product(x, repeat=dim)))
    weights = np.array([np.prod(ws) for ws in itertools.product(w, repeat=dim)])
    return Quadrature(points, weights)


@cache
def simplex_rule(dim: int, degree: int) -> Quadrature:
    """On the corner simplex, exact to the degree: symmetric rules of 1 and d + 1 points, then conical products of
    Gauss–Jacobi rules (Stroud, Approximate Calculation of Multiple Integrals, 1971)."""
    if degree <= 1:
        return Quadrature(np.full((1, dim), 1.0 / (dim + 1)), np.array([1.0 / _factorial(dim)]))
    if degree == 2:
        # the points a on the way from the centre to each vertex for which the second moments are exact
        a = 1.0 / 6.0 if dim == 2 else (5.0 - np.sqrt(5.0)) / 20.0
        points = np.full((dim + 1, dim), a)
        for j in range(dim):
            points[j + 1, j] = 1.0 - dim * a
        return Quadrature(points, np.full(dim + 1, 1.0 / _factorial(dim) / (dim + 1)))
    count = degree // 2 + 1
    rules = []
    for j in range(dim):  # Duffy: x_j = t_j Π_{k<j} (1 − t_k), whose Jacobian is a Jacobi weight
        t, w = roots_jacobi(count, dim - 1 - j, 0)
        rules.append((0.5 * (t + 1.0), w / 2.0 ** (dim - j)))
    points, weights = [], []
    for index in itertools.product(range(count), repeat=dim):
        left, x, weight = 1.0, [], 1.0
        for j, k in enumerate(index):
            t, w = rules[j][0][k], rules[j][1][k]
            x.append(left * t)
            left *= 1.0 - t
            weight *= w
        points.append(x)
        weights.append(weight)
    return Quadrature(np.array(points), np.array(weights))


def _factorial(n: int) -> int:
    return int(np.prod(np.arange(1, n + 1)))
