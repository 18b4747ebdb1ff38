"""Meshes of distorted cells and norms of errors, for the tests of finite elements."""

import jax.numpy as jnp
import numpy as np

import msjax as ms

LINES, PLANE, SPACE = ("line2", "line3"), ("tri3", "tri6", "quad4", "quad9"), ("tet4", "tet10", "hex8", "hex27")
KINDS = (*LINES, *PLANE, *SPACE)


def block(kind, cells):
    """[0, 1]^d in so many cells along each axis."""
    if kind in LINES:
        return ms.fe.interval(1.0, cells, kind)
    if kind in PLANE:
        return ms.fe.rectangle((1.0, 1.0), (cells, cells), kind)
    return ms.fe.box((1.0, 1.0, 1.0), (cells,) * 3, kind)


def shaken(kind, cells, amount=0.25, seed=0):
    """The block with its inner vertices moved at random by up to this part of a cell; nodes between stay in line."""
    linear = {"line3": "line2", "tri6": "tri3", "quad9": "quad4", "tet10": "tet4", "hex27": "hex8"}.get(kind, kind)
    mesh = block(linear, cells)
    inside = np.all((np.asarray(mesh.points) > 1e-9) & (np.asarray(mesh.points) < 1 - 1e-9), axis=1)
    moves = np.random.default_rng(seed).uniform(-1.0, 1.0, mesh.points.shape) * inside[:, None] * amount / cells
    mesh = mesh.moved(lambda x: x + moves)
    return mesh if linear == kind else ms.fe.quadratic(mesh)


def bent(kind, cells, amount=0.06):
    """The block bent by a smooth map that keeps its sides, the same for all numbers of cells."""

    def move(x):
        bump = np.prod(np.sin(np.pi * x), axis=1, keepdims=True)
        return x + amount * bump * np.cos(1.0 + x + np.arange(x.shape[1]))

    return block(kind, cells).moved(move)


def errors(mesh, u, exact, gradient):
    """L² norm and H¹ seminorm of u − exact(x) over the mesh, of positions (…, d), with its gradient (…, c, d)."""
    cell, nodes = mesh.cell, np.asarray(mesh.cells)
    points, values = np.asarray(mesh.points)[nodes], np.asarray(u)[nodes]
    rule = cell.quadrature(2 * cell.degree + 4)
    shape, slopes = cell.values(rule.points), cell.gradients(rule.points)
    jacobian = np.einsum("qaj,mai->mqij", slopes, points)
    weights = rule.weights * np.linalg.det(jacobian)
    x = np.einsum("qa,mai->mqi", shape, points)
    wrong = np.einsum("qa,mac->mqc", shape, values) - exact(x)
    steep = np.einsum("qaj,mac->mqcj", slopes, values) @ np.linalg.inv(jacobian) - gradient(x)
    return np.sqrt(np.sum(weights * np.sum(wrong**2, -1))), np.sqrt(np.sum(weights * np.sum(steep**2, (-1, -2))))


def strains_at(mesh, u, cell_number, xi):
    """∂u/∂x of one cell at a reference point."""
    nodes = mesh.cells[cell_number]
    reference = jnp.asarray(mesh.cell.gradients(np.asarray(xi, float)[None])[0])
    jacobian = jnp.einsum("ai,aj->ij", mesh.points[nodes], reference)
    return jnp.einsum("ai,aj->ij", u[nodes], reference) @ jnp.linalg.inv(jacobian)


def gradients_at_node(mesh, u, node):
    """∂u/∂x at a node, the mean over the cells around it."""
    cells, local = np.nonzero(np.asarray(mesh.cells) == node)
    found = [strains_at(mesh, u, c, mesh.cell.nodal[a]) for c, a in zip(cells, local, strict=True)]
    return jnp.mean(jnp.stack(found), axis=0)


def node_at(mesh, position):
    """The node nearest to a position."""
    return int(np.argmin(np.linalg.norm(np.asarray(mesh.points) - np.asarray(position), axis=1)))
