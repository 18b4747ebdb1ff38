"""Linear solves of finite elements: the clamped cube against scipy with pyamg on the same matrix, and counted bytes.

Run: python scripts/benchmarks/fe_linear.py [--quick]

Unit cube, hex8, E = 1, ν = 0.3, bottom clamped, top moved by 0.1 and held laterally. Seconds are CPU seconds on one
core, compilation apart. "Solve" is set-up and solution together, repeated with new element matrices each time, to
‖r‖ ≤ 1e-8 ‖b‖. The peer solves the assembled matrix with conjugate gradients and smoothed aggregation with rigid-body
modes, its hierarchy built each time, assembly not counted (`pip install pyamg`).
"""

import itertools
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from timing import bar, compile_cold, header, seconds  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse

import msjax  # noqa: F401  (float64)
from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementMatrices, ElementOperator, ScaledElements
from msjax.fe.linear import Multigrid
from msjax.fe.voxels import VoxelGrid, element_matrices

REACTION = 0.1066818909
"""Of the top at 27,783 unknowns, in nine codes."""

LIMITS = {20: 0.2, 32: 0.8, 48: 3.0}


def cells_of(n: int) -> np.ndarray:
    """Nodes of every hexahedron in lexicographic order."""
    number = np.arange((n + 1) ** 3).reshape((n + 1,) * 3)
    return np.stack([number[i : n + i, j : n + j, k : n + k].ravel() for i, j, k in np.ndindex(2, 2, 2)], axis=1)


def operators(n: int) -> tuple[ElementMatrices, ScaledElements]:
    """The cube with a matrix for every element, and with one for all."""
    unit = np.eye(3)
    tensor = 0.3 / 1.3 / 0.4 * np.einsum("ij,kl->ijkl", unit, unit)
    tensor += 0.5 / 1.3 * (np.einsum("ik,jl->ijkl", unit, unit) + np.einsum("il,jk->ijkl", unit, unit))
    one = element_matrices(VoxelGrid.make((n,) * 3), jnp.asarray(tensor)[None])
    cells, nodes = jnp.asarray(cells_of(n), jnp.int32), (n + 1) ** 3
    general = ElementMatrices(jnp.tile(one, (n**3, 1, 1)), cells, nodes, 3, (n,) * 3)
    return general, ScaledElements(jnp.ones((1, n**3)), one, cells, nodes, 3, (n,) * 3)


def clamped(n: int) -> AffineMap:
    """Bottom held, top moved along z."""
    free, values = np.ones((n + 1,) * 3 + (3,), bool), np.zeros((n + 1,) * 3 + (3,))
    free[:, :, [0, -1]] = False
    values[:, :, -1, 2] = 0.1
    none = jnp.zeros((0, 1))
    return AffineMap(
        jnp.asarray(free.reshape(-1, 3)),
        jnp.zeros(0, jnp.int32),
        none.astype(jnp.int32),
        none,
        jnp.asarray(values.reshape(-1, 3)),
    )


def solve(operator: ElementOperator, affine: AffineMap):
    """u, the top's reaction, and the status."""
    solver = Multigrid()
    x, status = solver.solve(solver.prepare(operator, affine), affine.fold(-operator.apply(affine.values)))
    u = x + affine.values
    top = jnp.where(affine.values[:, 2] != 0, operator.apply(u)[:, 2], 0.0)
    return u, jnp.sum(top), status


def peer(operator: ElementMatrices, affine: AffineMap) -> tuple[float, float, int] | None:
    """Seconds of set-up and solution, and iterations, of scipy and pyamg."""
    try:
        from pyamg.aggregation import smoothed_aggregation_solver
    except ImportError:
        return None
    place = (np.asarray(operator.cells)[:, :, None] * 3 + np.arange(3)).reshape(-1, 24)
    rows, columns = (np.broadcast_to(p, operator.matrices.shape).ravel() for p in (place[:, :, None], place[:, None]))
    size = affine.free.size
    full = sparse.csr_matrix((np.asarray(operator.matrices).ravel(), (rows, columns)), shape=(size, size))
    where = np.flatnonzero(np.asarray(affine.free))
    matrix = full[where][:, where].tobsr((3, 3))
    rhs = -(full @ np.asarray(affine.values).ravel())[where]
    n = round(operator.cells.shape[0] ** (1 / 3))
    points = np.array(list(itertools.product(np.linspace(0, 1, n + 1), repeat=3)))
    modes = np.zeros((size, 6))
    for i in range(3):
        modes[i::3, i] = 1.0
    for k, (i, j) in enumerate(((0, 1), (1, 2), (0, 2))):
        modes[i::3, 3 + k], modes[j::3, 3 + k] = -points[:, j], points[:, i]
    best, count = float("inf"), []
    for _ in range(2 if n <= 32 else 1):
        began = time.process_time()
        hierarchy = smoothed_aggregation_solver(matrix, B=modes[where], symmetry="symmetric")
        middle = time.process_time()
        count.clear()
        hierarchy.solve(rhs, tol=1e-8, accel="cg", callback=lambda x: count.append(0))
        ended = time.process_time()
        if ended - began < best:
            best, setup = ended - began, middle - began
    return setup, best - setup, len(count)


def triad() -> float:
    """Bytes per second of a + 3 b in a loop over arrays beyond the caches, as this thread moves them."""
    a, b = jnp.ones(2**24), jnp.ones(2**24)
    loop = jax.jit(lambda a, b: jax.lax.fori_loop(0, 10, lambda _, x: x + 3.0 * b, a))
    return 10 * 3 * a.nbytes / seconds(lambda: loop(a, b), 3)


def five_times(operator, u):
    """K⁵ u, scaled."""
    return jax.lax.fori_loop(0, 5, lambda _, x: 0.1 * operator.apply(x), u)


def applications(general: ElementMatrices, scaled: ScaledElements, limit: float) -> None:
    """K u in a loop: what one costs inside a solver."""
    u = jnp.ones((general.nodes, 3))
    for name, operator in (("a matrix for every element", general), ("one for all", scaled)):
        moved = sum(x.nbytes for x in jax.tree.leaves(operator)) + 2 * u.nbytes
        program = compile_cold(five_times, operator, u)
        each = seconds(lambda call=program.call, o=operator: call(o, u), 3) / 5
        rate = moved / each
        print(f"  apply, {name}: {each * 1e3:.3g} ms, {rate / 1e9:.3g} GB/s ({rate / limit:.0%} of the triad)")


def cube(n: int, limit: float) -> None:
    """One size."""
    general, scaled = operators(n)
    affine = clamped(n)
    print(f"{n}³ cells, {3 * (n + 1) ** 3:,} unknowns")
    applications(general, scaled, limit)
    theirs = peer(general, affine)
    if theirs is None:
        print("  pyamg is not installed (pip install pyamg): no peer")
    else:
        print(f"  scipy + pyamg: set-up {theirs[0]:.3g} s, solution {theirs[1]:.3g} s, {theirs[2]} iterations")
    for name, operator in (("a matrix for every element", general), ("one for all", scaled)):
        program = compile_cold(solve, operator, affine)
        _, reaction, status = program.call(operator, affine)
        again = seconds(lambda call=program.call, o=operator: call(o, affine), 4 if n <= 32 else 2)
        print(f"  multigrid, {name}: {status}; reaction {float(reaction):.10f}")
        print(f"    lower {program.lower:.2f} s, compile {program.compile:.2f} s, {program.temporaries:.0f} MB")
        bar("solve, set-up included", again, LIMITS[n], "s", least=False)
        bar("lower and compile", program.cold, 3.0, "s", least=False)
        bar("iterations", int(status.iterations), 10, least=False)
        if n == 20:
            bar("relative error of the reaction", abs(float(reaction) / REACTION - 1.0), 1e-9, least=False)
        if theirs is not None:
            bar("scipy + pyamg over this", (theirs[0] + theirs[1]) / again, 1.0)


def main() -> None:
    """Print every figure against its bar."""
    header("Linear finite elements")
    limit = triad()
    print(f"triad {limit / 1e9:.3g} GB/s")
    for n in (20,) if "--quick" in sys.argv else LIMITS:
        cube(n, limit)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    bar("peak memory of this process, the peer's included", peak, 6.0, "GB", least=False)


if __name__ == "__main__":
    main()
