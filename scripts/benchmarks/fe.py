"""Finite elements against other codes: the clamped cube, linear and neo-Hooke, first call and later ones.

Run: python scripts/benchmarks/fe.py [--quick] [--sizes 20 32 46] [--models linear neo-hooke] [--peers felupe torch …]
     [--limit SECONDS]

Unit cube, hex8, E = 1, ν = 0.3, bottom clamped, top moved along z and held sideways. Every code runs in a process of
its own (``fe_peers.py``), on one core with one thread, and all answers are judged here the same way. "Cold" is the
first call: problem, compilation with nothing cached, solution to 1e-8; process start and imports are not counted.
"Repeated" is the quickest of later calls with other moduli and another displacement. CPU seconds.

Peers run with the Python of the environment variable MSJAX_PEERS_PYTHON (by default this one); what cannot be
imported there is skipped by name. ``--peers`` selects by parts of names; without one: msjax alone.
"""

import argparse
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from timing import bar, compile_cold, header, seconds  # isort: skip
from fe_peers import CODES, LINEAR  # isort: skip

import jax
import jax.numpy as jnp

import msjax as ms

PEERS_PYTHON = os.environ.get("MSJAX_PEERS_PYTHON", sys.executable)
REACTIONS = {LINEAR: 0.1066818909, "neo-hooke": 0.144000036}
"""Of the top at 20³ cells: of nine codes, and of felupe, scikit-fem and torch-fem."""
SIZES = (20, 32, 46)


def measure(code: str, n: int, model: str, repeats: int, limit: float) -> dict[str, Any] | None:
    """What ``fe_peers.py`` reports; None, with a line that says why, where it does not."""
    python = sys.executable if code == "msjax" else PEERS_PYTHON
    script = Path(__file__).with_name("fe_peers.py")
    command = [python, "-W", "ignore", str(script), code, str(n), model, str(repeats)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        print(f"  {code:<24} not done after {limit:.0f} s", flush=True)
        return None
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        print(f"  {code:<24} skipped: {why}", flush=True)
        return None
    found = json.loads(done.stdout.strip().splitlines()[-1])
    found["cold"], found["repeated"] = found["seconds"][0], min(found["seconds"][1:])
    of_solve = (found["peak"] - found["imported"]) * 2**20 / (3 * (n + 1) ** 3)
    turns = "" if found["iterations"] is None else f", {found['iterations']} iterations"
    print(
        f"  {code:<24} cold {found['cold']:7.2f} s, repeated {found['repeated']:7.3f} s, peak {found['peak']:5.2f} GB "
        f"({of_solve:.1f} kB per unknown), residual {found['residual']:.0e}{turns}",
        flush=True,
    )
    return found


def same(found: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Whether two codes answer the same, in equilibrium."""
    pairs = zip(found["reactions"], ours["reactions"], strict=False)
    return found["residual"] <= 1e-6 and all(abs(a / b - 1.0) <= 1e-7 for a, b in pairs)


def side_by_side(n: int, model: str, peers: list[str], limit: float) -> dict[str, Any]:
    """One size in all codes; what msjax took."""
    print(f"{n}³ cells, {3 * (n + 1) ** 3:,} unknowns, {model}", flush=True)
    ours = measure("msjax", n, model, 4, limit)
    if ours is None:
        raise SystemExit("msjax failed")
    if n == 20:
        error = abs(ours["reactions"][0] / REACTIONS[model] - 1.0)
        bar("relative error of the reaction", error, 1e-8, least=False)
    bar("residual", ours["residual"], 1e-6, least=False)
    theirs = {}
    for code in peers:
        found = measure(code, n, model, 2 if n <= 20 and model == LINEAR else 1, limit)
        if found is None:
            continue
        if same(found, ours):
            theirs[code] = found
        else:
            print(f"  {code} has another answer, reaction {found['reactions'][0]:.10f}: not counted")
    for what, judged in (("repeated", True), ("cold", n >= SIZES[-1])):
        if not theirs:
            continue
        best = min(theirs, key=lambda code: theirs[code][what])
        ratio, name = ours[what] / theirs[best][what], f"{what} over the best peer's, {best}"
        if judged:
            bar(name, ratio, 1.0, least=False)
        else:
            print(f"  {name:<58} {ratio:>12.4g}", flush=True)
    if n >= SIZES[-1]:
        bar("peak memory", ours["peak"], 6.0, "GB", least=False)
    return ours


def compliance(mesh: ms.fe.Mesh, young: jax.Array) -> jax.Array:
    """f·u of a traction on the top, for a modulus per element; its gradient takes a solve of its own."""
    material = ms.fe.PerCell(jax.vmap(lambda e: ms.IsotropicElastic(e, 0.3))(young))
    pull = ms.fe.Traction("z+", [0.0, 0.0, 0.1])
    problem = ms.fe.Problem(mesh, material, [ms.fe.Dirichlet("z-")], [pull])
    return 0.1 * ms.fe.boundary_mean(problem, ms.solve(problem, throw=False), "z+")[2]


def gradient(n: int) -> None:
    """Value and gradient over the value, compiled."""
    function = partial(compliance, ms.fe.box((1.0, 1.0, 1.0), (n,) * 3))
    young = jnp.linspace(1.0, 2.0, n**3)
    value, both = compile_cold(function, young), compile_cold(jax.value_and_grad(function), young)
    alone, with_gradient = (seconds(lambda call=p.call: call(young), 5) for p in (value, both))
    print(f"{n}³ cells, compliance for {n**3:,} moduli")
    for name, program, time in (("value", value, alone), ("value and gradient", both, with_gradient)):
        print(f"  {name}: {time:.3f} s, lower {program.lower:.2f}, compile {program.compile:.2f} s", flush=True)
    bar("value and gradient over value", with_gradient / alone, 2.2, least=False)


def main() -> None:
    """Print every figure against its bar."""
    names = [code for code in CODES if code != "msjax"]
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true", help="20³ only; neo-Hooke without peers")
    options.add_argument("--sizes", type=int, nargs="*", default=None, help="cells along an edge")
    options.add_argument(
        "--models", nargs="*", default=list(REACTIONS), choices=list(REACTIONS), help="of the material"
    )
    options.add_argument("--peers", nargs="*", default=names, help="parts of names of peers")
    options.add_argument("--limit", type=float, default=300.0, help="seconds that one code may take at one size")
    given = options.parse_args()
    sizes = given.sizes or ((20,) if given.quick else SIZES)
    peers = [code for code in names if any(part in code for part in given.peers)]
    header("Finite elements")
    if LINEAR in given.models:
        iterations = {n: side_by_side(n, LINEAR, peers, given.limit)["iterations"] for n in sizes}
        if len(sizes) > 1:
            mean = sum(iterations.values()) / len(sizes)
            print(f"multigrid iterations: {', '.join(f'{count} at {n}³' for n, count in iterations.items())}")
            off = max(abs(count / mean - 1.0) for count in iterations.values())
            bar("farthest from their mean", off, 0.2, least=False)
        for n in sizes:
            gradient(n)
    if "neo-hooke" in given.models:
        for n in sizes:
            side_by_side(n, "neo-hooke", [] if given.quick else peers, given.limit)


if __name__ == "__main__":
    main()
