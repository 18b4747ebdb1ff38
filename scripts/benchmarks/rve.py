"""Unit cells: against muGrid on one geometry and tolerance, batches, gradients, memory, bytes per iteration.

Run: python scripts/benchmarks/rve.py [--quick]

The peer is muGrid's own solver (`pip install muGrid`): the same hex8 elements, the same Green operator, stopped at the
same true residual; without it that part is skipped. Seconds are CPU seconds on one core and compilation is apart;
MSJAX_BENCHMARK_WALL=1 reports wall seconds (for GPUs, where batches count and single cells are bound by launches).
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from timing import bar, compile_cold, header, seconds  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np

import msjax as ms

CLOCK = time.perf_counter if os.environ.get("MSJAX_BENCHMARK_WALL") else time.process_time
ROOT = Path(__file__).resolve().parent.parent.parent
CONTRAST, TOLERANCE = 10.0, 1e-6
PAIRS = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
DOUBLES = {"element forces": 3 + 2 + 3, "FFT pair": 12, "Green operator": 9, "x, r, p": 9 * 3}
"""Doubles per voxel that an iteration in three dimensions must move if every array passes once."""


def spheres(n: int) -> np.ndarray:
    """Twenty spheres, fraction 0.25, on n³ voxels (n a multiple of 32, or a divisor)."""
    image = np.load(ROOT / "tests" / "reference" / "spheres32.npz")["inclusion"].astype(np.int32)
    if n <= 32:
        return image[(slice(None, None, 32 // n),) * 3]
    return np.kron(image, np.ones((n // 32,) * 3, np.int32))


def discs(members: int, n: int) -> np.ndarray:
    """Images of six overlapping discs."""
    x = (np.arange(n) + 0.5) / n
    centres = np.random.default_rng(0).uniform(size=(members, 6, 2))
    gap = np.abs(x - centres[..., None])
    gap = np.minimum(gap, 1.0 - gap) ** 2
    return np.any(gap[:, :, 0, :, None] + gap[:, :, 1, None, :] < 0.02, axis=1).astype(np.int32)


def materials(dim: int):
    """Contrast ten, ν = 0.3."""
    return [ms.IsotropicElastic(e, 0.3, dim) for e in (1.0, CONTRAST)]


def stiffness(image):
    """C and the iterations of all loads."""
    result = ms.effective_stiffness(ms.RVE(image, materials(image.ndim), tolerance=TOLERANCE))
    return result.stiffness, jnp.sum(result.status.iterations)


def mugrid(image: np.ndarray):
    """(stiffness diagonal, iterations, seconds to solve, seconds to set up) by muGrid's conjugate gradients."""
    import muGrid
    from muGrid.Preconditioners import make_reference_stiffness_preconditioner
    from muGrid.Solvers import conjugate_gradients

    began = CLOCK()
    n = image.shape[0]
    spacing = [1.0 / n] * 3
    operator = muGrid.IsotropicStiffnessOperator3D(spacing)
    engine = muGrid.FFTEngine([n] * 3, ghosts=operator)
    young = np.where(image > 0, CONTRAST, 1.0)
    values = {"lambda": young * 0.3 / (1.3 * 0.4), "mu": young / 2.6}
    moduli = [engine.register_real_space_field(name, ()) for name in values]
    for field, value in zip(moduli, values.values(), strict=True):
        field.p[...] = value.reshape(field.p.shape)
        engine.communicate_ghosts(field)
    u, load = (engine.register_real_space_field(name, (3,)) for name in ("u", "load"))
    green = make_reference_stiffness_preconditioner(
        engine,
        element=muGrid.FEMElement.q1,
        grid_spacing=spacing,
        lambda_ref=values["lambda"].mean(),
        mu_ref=values["mu"].mean(),
    )
    raw = [getattr(field, "_cpp", field) for field in (*moduli, u, load)]

    def apply(v, image):
        engine.communicate_ghosts(v)
        operator.apply(v, *moduli, image)

    def solve(pair):
        strain = np.zeros((3, 3))
        strain[pair] += 0.5
        strain[pair[::-1]] += 0.5
        operator.apply_macro_rhs(raw[0], raw[1], list(strain.ravel()), raw[3])
        load.p[...] *= -1.0
        u.set_zero()
        count = []
        conjugate_gradients(
            engine.communicator, engine.real_space_collection, load, u, apply, green, rtol=TOLERANCE,
            callback=lambda step, _: count.append(step),
        )  # fmt: skip
        engine.communicate_ghosts(u)
        return operator.average_stress(raw[2], raw[0], raw[1], list(strain.ravel()))[3 * pair[0] + pair[1]], count[-1]

    ready = CLOCK()
    found = [solve(pair) for pair in PAIRS]
    return np.array([f[0] for f in found]), sum(f[1] for f in found), CLOCK() - ready, ready - began


def bandwidth() -> float:
    """Bytes per second of a triad a + s b over arrays beyond the caches, as this device and thread moves them."""
    a, b = jnp.ones(2**24), jnp.ones(2**24)
    triad = jax.jit(lambda a, b: a + 3.0 * b)
    return 3 * a.nbytes / seconds(lambda: triad(a, b), 5, CLOCK)


def peer(sizes) -> None:
    """Both codes on the same spheres."""
    limit = bandwidth()
    print(f"triad {limit / 1e9:.3g} GB/s; counted {8 * sum(DOUBLES.values())} bytes per voxel and iteration: {DOUBLES}")
    try:
        import muGrid

        name = f"muGrid {muGrid.__version__}"
    except ImportError:
        name = None
        print("  muGrid is not installed (pip install muGrid): no peer")
    for n in sizes:
        image = spheres(n)
        voxels = jnp.asarray(image)
        print(f"{n}³, six unit strains, |r| ≤ {TOLERANCE:g} |b|")
        program = compile_cold(stiffness, voxels)
        found, count = program.call(voxels)
        ours = seconds(lambda call=program.call, x=voxels: call(x), 5 if n <= 32 else 2, CLOCK)
        each = ours / int(count) * 1e3
        print(f"  msjax: compile {program.cold:.2f} s, {ours:.3f} s, {int(count)} iterations of {each:.3g} ms")
        moved = 8 * sum(DOUBLES.values()) * n**3 * int(count)
        print(f"  counted bytes over time: {moved / ours / limit:.1%} of the triad")
        if name is None:
            continue
        theirs = min((mugrid(image) for _ in range(3 if n <= 32 else 2)), key=lambda r: r[2])
        per = theirs[2] / theirs[1] * 1e3
        print(f"  {name}: set up {theirs[3]:.2f} s, {theirs[2]:.3f} s, {theirs[1]} iterations of {per:.3g} ms")
        difference = np.max(np.abs(np.diag(found) / theirs[0] - 1.0))
        bar("largest relative difference of the diagonal", float(difference), 1e-6, least=False)
        bar("iterations over the peer's", int(count) / theirs[1], 1.1, least=False)
        bar("time per iteration over the peer's", each / per, 2.0, least=False)
        bar("time in all over the peer's", ours / theirs[2], 2.0, least=False)


def batches(members: int) -> None:
    """An ensemble of plane cells in one program against one call for each."""
    images = jnp.asarray(discs(members, 64))
    print(f"{members} plane cells of 64²")
    single = compile_cold(stiffness, images[0])
    one_by_one = seconds(lambda: [single.call(image) for image in images], 2, CLOCK)
    rates = {}
    for chunk in (1, 4, 16):
        program = compile_cold(lambda x, c=chunk: ms.map_chunked(stiffness, x, chunk=c), images)
        rates[chunk] = one_by_one / seconds(lambda call=program.call: call(images), 2, CLOCK)
        print(f"  chunks of {chunk}: {rates[chunk]:.3g} times {members} calls, compile {program.cold:.2f} s")
    bar(f"the best of these over {members} single calls", max(rates.values()), 1.0)
    print(f"  {members / one_by_one * max(rates.values()):.4g} cells per second")


def rates(sizes) -> None:
    """Cells per second, side by side but on a CPU; the bar is the 0.65 s per cell of a launch-bound code."""
    many = jax.default_backend() != "cpu"
    for n in sizes:
        members = max(1, 2**21 // n**3) if many else 1
        images = jnp.asarray(np.broadcast_to(spheres(n), (members, n, n, n)))
        program = compile_cold(lambda x: ms.map_chunked(stiffness, x, chunk=x.shape[0]), images)
        rate = members / seconds(lambda call=program.call, x=images: call(x), 3, CLOCK)
        if n <= 32:
            bar(f"cells of {n}³ per second", rate, 1.0 / 0.65, "1/s")
        else:
            print(f"  cells of {n}³ per second: {rate:.3g}")


def gradient(n: int) -> None:
    """One entry of C and its gradient in every voxel and modulus."""
    field = jnp.asarray(0.1 + 0.8 * spheres(n))

    def entry(field, young):
        phases = [ms.IsotropicElastic(young[i], 0.3) for i in range(2)]
        return jnp.trace(ms.effective_stiffness(ms.RVE(field, phases, tolerance=TOLERANCE)).stiffness)

    young = jnp.array([1.0, CONTRAST])
    value = compile_cold(entry, field, young)
    both = compile_cold(jax.value_and_grad(entry, argnums=(0, 1)), field, young)
    alone = seconds(lambda: value.call(field, young), 5, CLOCK)
    ratio = seconds(lambda: both.call(field, young), 5, CLOCK) / alone
    bar(f"value and gradient over value, {n}³", ratio, 1.2, least=False)
    bar("compile, with the gradient", both.cold, 10.0, "s", least=False)


def peak(members: int) -> float:
    """Peak resident memory in MB of a process that solves so many cells of 32³ in chunks of four."""
    out = subprocess.run([sys.executable, __file__, "--peak", str(members)], capture_output=True, text=True, check=True)
    return float(out.stdout.split()[-1])


def solve_many(members: int) -> None:
    """What :func:`peak` starts."""
    images = jnp.asarray(np.stack([np.roll(spheres(32), (k, 2 * k), (0, 1)) for k in range(members)]))
    jax.block_until_ready(jax.jit(lambda x: ms.map_chunked(stiffness, x, chunk=4))(images))
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def memory(few: int, more: int) -> None:
    """Bounded by the chunk: what grows with the members is their images, of which at most four copies live."""
    low, high = peak(few), peak(more)
    slope = max((high - low) / (more - few), 4 * spheres(32).nbytes / 2**20)
    print(f"peak of {few} cells of 32³ {low:.0f} MB, of {more} {high:.0f} MB; at most {slope:.2f} MB per member")
    bar("peak of 1,000 cells of 32³, by that slope", (high + (1000 - more) * slope) / 1024, 4.0, "GB", least=False)


def main() -> None:
    """Print every figure against its bar."""
    quick = "--quick" in sys.argv
    if "--peak" in sys.argv:
        solve_many(int(sys.argv[-1]))
        return
    header("Unit cells")
    peer((32,) if quick else (32, 64))
    batches(32 if quick else 256)
    rates((16, 32) if quick else (16, 32, 64))
    gradient(16 if quick else 32)
    memory(4, 12 if quick else 40)


if __name__ == "__main__":
    main()
