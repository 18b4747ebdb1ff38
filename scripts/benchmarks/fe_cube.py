"""The clamped cube of ``fe.py``: its nodes, cells and calls, how all codes are judged, and solvers that some share."""

import itertools
import resource
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TOLERANCE = 1e-8
LINEAR = "linear"
INNER = {LINEAR: TOLERANCE, "neo-hooke": 1e-4}
"""Tolerance of one linear solve: inside of Newton's method, which reaches :data:`TOLERANCE`, a loose one is quicker."""


class Case(NamedTuple):
    """λ and μ, and the displacement of the top."""

    lam: float
    mu: float
    top: float

    @property
    def young(self) -> float:
        """E."""
        return self.mu * (3 * self.lam + 2 * self.mu) / (self.lam + self.mu)

    @property
    def poisson(self) -> float:
        """ν."""
        return self.lam / 2 / (self.lam + self.mu)


class Cube(NamedTuple):
    """Nodes in lexicographic order, hexahedra in VTK's order, nodes at the bottom and at the top."""

    n: int
    points: np.ndarray
    cells: np.ndarray
    bottom: np.ndarray
    top: np.ndarray

    def lift(self, top: float) -> np.ndarray:
        """The prescribed displacements, zero elsewhere."""
        values = np.zeros_like(self.points)
        values[self.top, 2] = top
        return values

    @property
    def held(self) -> np.ndarray:
        """Components of bottom and top."""
        return (3 * np.concatenate([self.bottom, self.top])[:, None] + np.arange(3)).ravel()


CORNERS = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)])


def case(step: int, model: str) -> Case:
    """E = 1, ν = 0.3 in call 0; all a little different in every later one."""
    young, poisson = 1.0 + 0.1 * step, 0.3 - 0.01 * step
    top = (0.1 if model == LINEAR else 0.15) * (1.0 - 0.05 * step)
    return Case(young * poisson / (1 + poisson) / (1 - 2 * poisson), young / 2 / (1 + poisson), top)


def cube(n: int) -> Cube:
    """n³ cells."""
    ticks = np.linspace(0.0, 1.0, n + 1)
    points = np.stack([x.ravel() for x in np.meshgrid(ticks, ticks, ticks, indexing="ij")], axis=1)
    number = np.arange((n + 1) ** 3).reshape((n + 1,) * 3)
    cells = np.stack([number[i : n + i, j : n + j, k : n + k].ravel() for i, j, k in CORNERS], axis=1)
    return Cube(n, points, cells, number[:, :, 0].ravel(), number[:, :, -1].ravel())


def forces(mesh: Cube, u: np.ndarray, given: Case, model: str) -> np.ndarray:
    """∫ P : ∇N of every node, for the judgement of all codes."""
    unit, total, edge = np.eye(3), np.zeros_like(u), 1.0 / mesh.n
    for point in itertools.product((0.5 - 0.75**0.5 / 3, 0.5 + 0.75**0.5 / 3), repeat=3):
        one = np.where(CORNERS, point, 1.0 - np.array(point))
        slope = np.where(CORNERS, 1.0, -1.0) / edge
        gradients = np.stack([slope[:, i] * one[:, i - 2] * one[:, i - 1] for i in range(3)], axis=1)
        grad = np.einsum("mai,aj->mij", u[mesh.cells], gradients)
        if model == LINEAR:
            stress = given.mu * (grad + np.swapaxes(grad, 1, 2))
            stress += given.lam * np.trace(grad, axis1=1, axis2=2)[:, None, None] * unit
        else:
            inverse = np.swapaxes(np.linalg.inv(grad + unit), 1, 2)
            log_j = np.log(np.linalg.det(grad + unit))[:, None, None]
            stress = given.mu * (grad + unit - inverse) + given.lam * log_j * inverse
        of_cells = np.einsum("mij,aj->mai", stress, gradients) * edge**3 / 8
        for i in range(3):
            total[:, i] += np.bincount(mesh.cells.ravel(), of_cells[:, :, i].ravel(), len(u))
    return total


def rigid_body_modes(points: np.ndarray) -> np.ndarray:
    """Translations and rotations, (3 n, 6)."""
    x, y, z = (points - 0.5).T
    modes = np.zeros((len(points), 3, 6))
    modes[:, range(3), range(3)] = 1.0
    modes[:, 1, 3], modes[:, 2, 3] = -z, y
    modes[:, 0, 4], modes[:, 2, 4] = z, -x
    modes[:, 0, 5], modes[:, 1, 5] = -y, x
    return modes.reshape(-1, 6)


def peak() -> float:
    """Peak resident memory of this program, GB; without /proc at least that of the parent when it started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Pardiso:
    """MKL's PARDISO for symmetric definite matrices; the same sparsity is analysed once."""

    def __init__(self) -> None:
        import pypardiso

        self.solver, self.known = pypardiso.PyPardisoSolver(mtype=2), np.zeros(0, int)

    def __call__(self, matrix: Any, rhs: np.ndarray) -> np.ndarray:
        from scipy.sparse import triu

        upper = triu(matrix, format="csr")
        upper.sort_indices()
        self.solver.set_phase(23 if np.array_equal(upper.indices, self.known) else 13)
        self.known = upper.indices
        return self.solver._call_pardiso(upper, np.ravel(rhs))  # solve() would analyse again


class Amg:
    """Conjugate gradients with smoothed aggregation of pyamg; the hierarchy is made once."""

    def __init__(self, modes: np.ndarray, tolerance: float) -> None:
        self.modes, self.tolerance, self.cycle = modes, tolerance, None

    def __call__(self, matrix: Any, rhs: np.ndarray) -> np.ndarray:
        import pyamg
        from scipy.sparse.linalg import cg

        if self.cycle is None:
            make = partial(pyamg.smoothed_aggregation_solver, symmetry="symmetric", strength=None)
            self.cycle = make(matrix, B=self.modes, improve_candidates=None).aspreconditioner()
        found, code = cg(matrix, rhs, rtol=self.tolerance, M=self.cycle)
        if code:
            raise RuntimeError("conjugate gradients did not converge")
        return found
