"""Rigid motions that constraints and springs leave free, named."""

import numpy as np
import scipy.linalg

from msjax.fe.constraints import rigid_modes
from msjax.fe.loads import SpringBed
from msjax.fe.problem import Problem
from msjax.typing import concrete

HELD = 1e-10
"""A motion of unit size that strains constraints and springs by less than the square root of it is free."""


def hanging_modes(problem: Problem) -> list[str]:
    """Names of the rigid motions that constraints and springs leave free, for a concrete problem.

    Rotations are named by their axis, wherever it passes; what is neither along nor about a coordinate axis has its
    direction named. A scalar field may hang by a constant.

    >>> import msjax as ms
    >>> bar = ms.fe.rectangle((2.0, 1.0), (2, 1))
    >>> pulled = ms.fe.Problem(bar, ms.IsotropicElastic(1.0, 0.3, 2), [ms.fe.Dirichlet("x-", 0.0, "x")])
    >>> hanging_modes(pulled)
    ['translation along y']
    """
    springs = [load for load in problem.loads if isinstance(load, SpringBed)]
    if not concrete(*(x for bed in springs for x in (bed.stiffness, bed.masses))):
        return []
    components, points = problem.components, np.asarray(problem.mesh.points)
    modes = rigid_modes(points / max(float(np.max(np.ptp(points, axis=0))), 1e-300), components)
    turned = problem.formulation.kinematics.axisymmetric
    if turned:  # all but the motion along the axis strains
        modes = modes[:, 1:2]
    gram = _held_by_constraints(problem, modes)
    for bed in springs:
        gram = gram + _held_by_springs(bed, modes, components)
    values, vectors = np.linalg.eigh(gram)
    free = vectors[:, values < HELD]
    if turned:
        return ["translation along y"] if free.size else []
    return _named(free, components)


def check_supported(problem: Problem) -> None:
    """``ValueError`` naming the rigid motions that constraints and springs leave free."""
    hanging = hanging_modes(problem)
    if hanging:
        raise ValueError(f"constraints: {len(hanging)} rigid motion{'s are' if len(hanging) > 1 else ' is'} free: "
                         f"{'; '.join(hanging)}")  # fmt: skip


def _held_by_constraints(problem: Problem, modes: np.ndarray) -> np.ndarray:
    """Gram matrix of how far the modes miss the homogeneous constraints, u = T u."""
    affine = problem.affine
    bound = ~np.asarray(affine.free).reshape(-1)
    missed = modes.copy()
    slaves = np.asarray(affine.slaves)
    if slaves.size:
        missed[slaves] -= np.einsum("sk,skm->sm", np.asarray(affine.weights), modes[np.asarray(affine.masters)])
    rows = missed[bound]
    return rows.T @ rows


def _held_by_springs(bed: SpringBed, modes: np.ndarray, components: int) -> np.ndarray:
    """Energy of the modes in the springs, of those of stiffness and area one."""
    stiffness, masses = np.asarray(bed.stiffness), np.asarray(bed.masses)
    size = np.max(np.abs(stiffness)) * np.sum(masses)
    if not size > 0:
        return np.zeros((modes.shape[1],) * 2)
    at = modes.reshape(-1, components, modes.shape[1])[np.asarray(bed.nodes)]
    return np.einsum("faim,fab,ij,fbjn->mn", at, masses, stiffness / size, at, optimize=True)


def _named(free: np.ndarray, components: int) -> list[str]:
    """Names of a space of motions, columns of coefficients of translations and rotations."""
    if not free.size:
        return []
    if components == 1:
        return ["a constant"]
    turning = free[components:]
    _, sizes, basis = np.linalg.svd(turning)
    rank = int(np.sum(sizes > 1e-6))
    names = [f"translation along {_direction(x)}" for x in _echelon(free[:components] @ basis[rank:].T)]
    if components == 2:
        return names + ["rotation"] * rank
    # the order of rigid_modes is about −z, y, −x
    about = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]) @ turning @ basis[:rank].T
    return names + [f"rotation about {_direction(x)}" for x in _echelon(about)]


def _echelon(columns: np.ndarray) -> list[np.ndarray]:
    """A basis of the same space with as many zeros as can be, in the order of the axes."""
    if not columns.shape[1]:
        return []
    order = scipy.linalg.qr(columns.T, pivoting=True)[-1]
    chosen = np.sort(order[: columns.shape[1]])
    return list((columns @ np.linalg.inv(columns[chosen])).T)


def _direction(vector: np.ndarray) -> str:
    unit = vector / np.linalg.norm(vector)
    if np.sum(np.abs(unit) > 1e-6) == 1:
        return "xyz"[int(np.argmax(np.abs(unit)))]
    return f"({', '.join(f'{x + 0.0:.3g}' for x in np.where(np.abs(unit) > 1e-6, unit, 0.0))})"
