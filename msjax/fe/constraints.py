"""What a user says of constraints, compiled into one affine map u = T q + g."""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from scipy.spatial import KDTree

from msjax.fe.affine import AffineMap
from msjax.fe.elimination import Rows, affine_map
from msjax.fe.mesh import Mesh, Where, described
from msjax.fe.numbers import check_finite, numbers, spread
from msjax.typing import concrete


class Constraint(abc.ABC):
    """Something that says the displacements of some nodes."""

    @abc.abstractmethod
    def rows(self, mesh: Mesh, components: int) -> Rows:
        """Its equations on a mesh; ``ValueError`` where it does not fit."""


class Dirichlet(Constraint):
    """Prescribed values on a boundary, on nodes by number, or where a function of the positions holds.

    ``value`` is a number, one per component, one row per node in ascending order of their numbers, or a function of a
    position (d,); it may be traced and differentiated. ``components`` are the ones prescribed: numbers, or letters as
    in "z" and "xy" (default: all).

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    >>> len(Dirichlet("x-", 0.0, "x").rows(mesh, 2).slaves)
    3
    """

    def __init__(self, where: Where, value: Any = 0.0, components: int | str | Sequence[int] | None = None):
        self.where, self.value, self.components = where, value, components

    def rows(self, mesh, components):
        """One equation per node and component."""
        name = f"Dirichlet on {described(self.where)}"
        nodes, which = mesh.nodes_of(self.where), component_numbers(self.components, components, name)
        shape = (len(nodes), len(which))
        if isinstance(self.value, Callable):  # type: ignore[arg-type]
            at = mesh.points[jnp.asarray(nodes)]
            values = jax.vmap(lambda x: jnp.reshape(jnp.asarray(self.value(x), float), (-1,)))(at)
            values = values[:, which] if values.shape[1] == components else values
        else:
            values = numbers(self.value, name)
        if values.shape not in ((), (len(which),), (1, len(which)), shape, (len(nodes), 1)):
            raise ValueError(f"{name}: a value of shape {values.shape} fits neither {len(which)} components nor "
                             f"{shape}, nodes by components")  # fmt: skip
        check_finite(values, name)
        if values.ndim == 2 and len(values) > 1 and not callable(self.value) and _unsorted(self.where):
            raise ValueError(f"{name}: one row of values per node needs the nodes in ascending order, each once")
        values = spread(values.reshape((1,) * (2 - values.ndim) + values.shape), shape)
        slaves = (nodes[:, None] * components + np.array(which)[None]).reshape(-1)
        none = np.zeros((len(slaves), 0))
        return Rows(slaves, none.astype(int), none, values.reshape(-1), name)


class Periodic(Constraint):
    """Equal values, or values with a given ``jump`` (c,), on two boundaries that are copies of one another, shifted.

    The nodes of ``plus`` follow those of ``minus``: u₊ = u₋ + jump. A mean deformation H has the jump H·(shift).

    Raises ``ValueError`` where the nodes do not match.
    """

    def __init__(self, minus: Where, plus: Where, jump: Any = 0.0, tolerance: float = 1e-6):
        self.minus, self.plus, self.jump, self.tolerance = minus, plus, jump, tolerance

    def rows(self, mesh, components):
        """One equation per node of ``plus`` and component."""
        name = f"Periodic({described(self.minus)}, {described(self.plus)})"
        first, second = mesh.nodes_of(self.minus), mesh.nodes_of(self.plus)
        if len(first) != len(second):
            raise ValueError(f"{name}: {len(first)} and {len(second)} nodes do not match")
        if not concrete(mesh.points):
            raise ValueError(f"{name}: positions are traced; pair the nodes before, with Multipoint")
        points = np.asarray(mesh.points)
        shift = points[second].mean(axis=0) - points[first].mean(axis=0)
        extent = np.linalg.norm(np.ptp(points, axis=0))
        distance, pairing = KDTree(points[first]).query(points[second] - shift)
        if len(np.unique(pairing)) != len(first) or np.max(distance) > self.tolerance * extent:
            worst = second[int(np.argmax(distance))]
            raise ValueError(f"{name}: node {worst} at {points[worst]} has no partner within "
                             f"{self.tolerance * extent:.1e}")  # fmt: skip
        jump = numbers(self.jump, f"{name}, jump")
        if jump.shape not in ((), (components,)):
            raise ValueError(f"{name}: jump needs shape () or ({components},), got {jump.shape}")
        check_finite(jump, f"{name}, jump")
        jump = spread(jump, (len(second), components)).reshape(-1)
        each = np.arange(components)[None]
        slaves = (second[:, None] * components + each).reshape(-1)
        masters = (first[pairing][:, None] * components + each).reshape(-1, 1)
        return Rows(slaves, masters, np.ones(masters.shape), jump, name)


class Multipoint(Constraint):
    """u[slave] = Σ_k weights[k] u[masters[k]] + offset with (node, component) pairs: ``slaves`` (s, 2), ``masters``
    (s, k, 2), ``weights`` (s, k) and ``offsets`` (s,)."""

    def __init__(self, slaves: Any, masters: Any, weights: Any, offsets: Any = 0.0):
        self.slaves, self.masters = np.atleast_2d(np.asarray(slaves, int)), np.asarray(masters, int)
        self.weights, self.offsets = np.atleast_2d(np.asarray(weights, float)), offsets

    def rows(self, mesh, components):
        """As given."""
        count = len(self.slaves)
        if self.slaves.shape != (count, 2) or self.masters.size % (2 * count):
            raise ValueError(f"Multipoint: slaves need shape (s, 2) and masters (s, k, 2), (node, component) each, got "
                             f"{self.slaves.shape} and {self.masters.shape}")  # fmt: skip
        masters = self.masters.reshape(count, -1, 2)
        if self.weights.shape != masters.shape[:2]:
            raise ValueError(f"Multipoint: weights need shape {masters.shape[:2]}, got {self.weights.shape}")
        for pairs in (self.slaves, masters.reshape(-1, 2)):
            bad = (pairs < 0) | (pairs >= np.array([mesh.points.shape[0], components]))
            if np.any(bad):
                raise ValueError(f"Multipoint: there is no (node, component) {_pair(pairs[np.any(bad, axis=1)][0])}")
        if not np.all(np.isfinite(self.weights)):
            bad = int(np.argmax(~np.all(np.isfinite(self.weights), axis=1)))
            raise ValueError(f"Multipoint: weights of slave {_pair(self.slaves[bad])} are not finite")
        offsets = numbers(self.offsets, "Multipoint, offsets")
        if offsets.shape not in ((), (count,)):
            raise ValueError(f"Multipoint: offsets need shape () or ({count},), got {offsets.shape}")
        check_finite(offsets, "Multipoint, offsets")
        offsets = spread(offsets, (count,))
        flat = masters[..., 0] * components + masters[..., 1]
        slaves = self.slaves[:, 0] * components + self.slaves[:, 1]
        _, first = np.unique(slaves, return_index=True)
        if len(first) < count:
            twice = self.slaves[np.setdiff1d(np.arange(count), first)[0]]
            raise ValueError(f"Multipoint: {_pair(twice)} is a slave twice")
        return Rows(slaves, flat, self.weights, offsets, "Multipoint")


class Rigid(Constraint):
    """The selected nodes move as one body: translation, and small (linearised) rotation unless ``rotation`` is false.

    Three components of motion in the plane and six in space are carried by components of the nodes themselves, chosen
    so that the others follow with bounded weights. With ``rotation=False`` the motion is exact at any size.
    """

    def __init__(self, where: Where, rotation: bool = True):
        self.where, self.rotation = where, rotation

    def rows(self, mesh, components):
        """All but three or six components follow."""
        name = f"Rigid on {described(self.where)}"
        nodes = mesh.nodes_of(self.where)
        if len(nodes) < 2:
            raise ValueError(f"{name}: needs at least two nodes, got {len(nodes)}")
        if self.rotation and not concrete(mesh.points):
            raise ValueError(f"{name}: positions are traced")
        modes = rigid_modes(np.asarray(mesh.points)[nodes], components) if self.rotation else None
        if modes is None:
            modes = np.tile(np.eye(components), (len(nodes), 1))
        rank = np.linalg.matrix_rank(modes)
        left, _, _ = scipy.linalg.svd(modes, full_matrices=False)
        modes = left[:, :rank]
        order = scipy.linalg.qr(modes.T, pivoting=True)[-1]
        chosen = order[:rank]
        others = np.setdiff1d(np.arange(len(modes)), chosen)
        weights = modes[others] @ np.linalg.inv(modes[chosen])
        flat = (nodes[:, None] * components + np.arange(components)[None]).reshape(-1)
        masters = np.broadcast_to(flat[chosen], weights.shape)
        return Rows(flat[others], masters, weights, np.zeros(len(others)), name)


def rigid_modes(points: np.ndarray, components: int) -> np.ndarray:
    """Translations and linearised rotations of nodes (n, d), as columns (n·c, modes); constants of a scalar field."""
    count, dim = points.shape
    columns = [np.tile(row, count) for row in np.eye(components)]
    centred = points - points.mean(axis=0)
    if components == dim:
        for i in range(dim):
            for j in range(i):
                turn = np.zeros((count, dim))
                turn[:, i], turn[:, j] = centred[:, j], -centred[:, i]
                columns.append(turn.reshape(-1))
    return np.stack(columns, axis=1)


def component_numbers(given: int | str | Sequence[int] | None, components: int, name: str) -> list[int]:
    """Components by number or by letters x, y, z; all by default."""
    if given is None:
        return list(range(components))
    chosen = ["xyz".find(letter) for letter in given] if isinstance(given, str) else np.atleast_1d(given).tolist()
    whole = all(isinstance(i, int) and 0 <= i < components for i in chosen)
    if not chosen or not whole or len(set(chosen)) != len(chosen):
        letters = f" or letters of {'xyz'[:components]!r}"
        raise ValueError(
            f"{name}: components: expected different numbers from 0 to {components - 1}{letters}, got {given!r}"
        )
    return chosen


def _unsorted(where: Where) -> bool:
    """Whether nodes by number are out of order or repeated."""
    if isinstance(where, str) or callable(where) or np.asarray(where).dtype == bool:
        return False
    return bool(np.any(np.diff(np.asarray(where).reshape(-1)) <= 0))


def _pair(numbers: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in numbers)


def compile_constraints(constraints: Sequence[Constraint], mesh: Mesh, components: int) -> AffineMap:
    """One affine map of all constraints: what follows a follower follows that one's masters, and what two constraints
    say of one component makes another one follow.

    Raises ``ValueError`` for constraints that contradict each other.
    """
    equations = [constraint.rows(mesh, components) for constraint in constraints]
    return affine_map(equations, (mesh.points.shape[0], components))
