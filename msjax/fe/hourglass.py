"""Hourglasses: motions of a cell that a reduced quadrature does not feel."""

import numpy as np

from msjax.fe.cells import CellType


def hourglass_modes(cell: CellType, components: int, order: int | None = None) -> int:
    """How many motions of one undistorted cell, besides rigid ones, have no strain at any point of the quadrature.

    None with the cell's own rule. With a rule of lower ``order`` they are solutions without resistance, which spoil a
    field; against locking take a mean dilatation, which has none.

    >>> from msjax.fe import cell_type
    >>> hourglass_modes(cell_type("quad4"), 2), hourglass_modes(cell_type("quad4"), 2, 1)
    (0, 2)
    """
    gradients = cell.gradients(cell.quadrature(order).points)  # (q, k, d)
    if components == 1:
        rows, rigid = gradients.transpose(0, 2, 1), 1
    else:
        one = np.eye(components)
        slopes = np.einsum("qaj,ic->qijac", gradients, one)
        rows, rigid = slopes + slopes.transpose(0, 2, 1, 3, 4), components * (components + 1) // 2
    matrix = rows.reshape(-1, cell.nodes * components)
    return matrix.shape[1] - rigid - int(np.linalg.matrix_rank(matrix, tol=1e-9))
