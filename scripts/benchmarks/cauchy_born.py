"""Cauchy–Born: rates, compile times and memory of (W, P, A) against jax.hessian of the same energy and fixed bars.

Run: python scripts/benchmarks/cauchy_born.py

Rates are responses per CPU second on one core: 4096 deformation gradients under vmap, and in chunks of 64. The peer is
``jax.value_and_grad`` and ``jax.hessian`` of the same site energy (for silicon nested over the same relaxation), also
batched. Setting MSJAX_BENCHMARK_WALL=1 reports wall seconds instead (for GPUs).
"""

import os
import sys
import time
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parent))
from timing import bar, compile_cold, header, seconds  # isort: skip

import jax
import jax.numpy as jnp
import numpy as np

import msjax as ms
from msjax.crystal.potential import Moments
from msjax.crystal.potentials import Gupta
from msjax.crystal.setfl import lammps_potential

BATCH, CHUNK = 4096, 64
CLOCK = time.perf_counter if os.environ.get("MSJAX_BENCHMARK_WALL") else time.process_time


def gupta(reach: float) -> Gupta:
    """Copper's parameters with a cut-off of ``reach`` lattice constants."""
    p = ms.EAM.gupta("Cu")
    a = 3.615
    return Gupta(p.A, p.xi, p.p, p.q, p.r0, inner=(reach - 0.1) * a, outer=reach * a, element="Cu")


class OwnBonds(Moments):
    """Stillinger–Weber as a user would write bond functions: of the bond vector, differentiated bond by bond."""

    parity: ClassVar[tuple[int, ...]] = (1,) * 9 + (-1,) * 3 + (1,)

    p: ms.StillingerWeber

    @property
    def cutoff(self):
        """aσ."""
        return self.p.cutoff

    def _decay(self, r, strength):
        inside = r < self.p.cutoff - 1e-3
        gap = jnp.where(inside, r - self.p.cutoff, -1.0)
        return jnp.where(inside, jnp.exp(strength * self.p.sigma / gap), 0.0)

    def pair(self, r):
        """½φ₂ less the diagonal of the angular sum."""
        p, distance = self.p, jnp.sqrt(jnp.sum(r * r))
        g = self._decay(distance, p.gamma)
        two = p.A * (p.B * (p.sigma / distance) ** 4 - 1.0) * self._decay(distance, 1.0)
        return 0.5 * p.epsilon * (two - p.lam * (1.0 - p.cos0) ** 2 * g * g)

    def density(self, r):
        """g u⊗u, g u, g."""
        distance = jnp.sqrt(jnp.sum(r * r))
        g, u = self._decay(distance, self.p.gamma), r / distance
        return g * jnp.concatenate([(u[:, None] * u[None, :]).reshape(-1), u, jnp.ones(1)])

    def embed(self, moments):
        """½ελ(|T|² − 2c₀|V|² + c₀²G²)."""
        p, tensor, vector, scalar = self.p, moments[:9], moments[9:12], moments[12]
        angular = jnp.sum(tensor**2) - 2.0 * p.cos0 * jnp.sum(vector**2) + p.cos0**2 * scalar**2
        return 0.5 * p.epsilon * p.lam * angular


def plain_angular(r, p):
    """Stillinger–Weber as a user would write it: a double sum over the neighbours of one site."""
    distance = jnp.sqrt(jnp.sum(r * r, axis=1))
    inside = distance < p.cutoff - 1e-3
    safe = jnp.where(inside, distance, 0.5 * p.cutoff)
    x = p.sigma / safe
    two = jnp.where(inside, p.A * (p.B * x**4 - 1.0) * jnp.exp(p.sigma / (safe - p.cutoff)), 0.0)
    g = jnp.where(inside, jnp.exp(p.gamma * p.sigma / (safe - p.cutoff)), 0.0)
    unit = r / safe[:, None]
    pairs = jnp.triu((unit @ unit.T - p.cos0) ** 2 * g[:, None] * g[None, :], 1)
    return p.epsilon * (0.5 * jnp.sum(two) + p.lam * jnp.sum(pairs))


def response(material, F):
    """(W, P, A) and the code."""
    r = material.respond(F)
    return r.energy, r.stress, r.tangent, r.status.code


def by_hessian(material, F):
    """The same by automatic differentiation of W as one writes it: a sum over all neighbours."""
    half = material.reference_bonds
    neighbours = jnp.concatenate([half, -half])

    def energy(F):
        r = neighbours @ F.T
        r2 = jnp.sum(r * r, axis=1)
        pairs = jnp.sum(material.potential.pair(r2))
        if not material.potential.degrees:
            return pairs / material.crystal.volume
        density = jnp.sum(material.potential.density(r2), axis=1)
        return (pairs + material.potential.embed(density)) / material.crystal.volume

    return energy(F), jax.grad(energy)(F), jax.hessian(energy)(F)


def by_nested_hessian(material, F):
    """jax.hessian over the relaxation, through the same derivative rule."""

    def energy(F):
        return material.respond(F).energy

    return energy(F), jax.grad(energy)(F), jax.hessian(energy)(F)


def batched(function):
    """vmap over F."""
    return lambda m, Fs: jax.vmap(lambda F: function(m, F))(Fs)


def chunked(function):
    """lax.map over chunks of F."""
    return lambda m, Fs: jax.lax.map(lambda F: function(m, F), Fs, batch_size=CHUNK)


def measure(name, material, peer, rate_bar, ratio_bar, chunk_bar=None):
    """Rates, compile, memory and the ratio to the peer."""
    rng = np.random.default_rng(20261123)
    Fs = jnp.asarray(np.eye(3) + rng.uniform(-0.02, 0.02, (BATCH, 3, 3)))
    print(f"{name} ({material.neighbours.coordination} neighbours)")
    single = compile_cold(response, material, Fs[0])
    bar("lower + compile, one F", single.cold, 2.0, "s", least=False)
    whole = compile_cold(batched(response), material, Fs)
    bar("lower + compile, batch", whole.cold, 3.0, "s", least=False)
    pieces = compile_cold(chunked(response), material, Fs)
    codes = np.asarray(whole.call(material, Fs)[3])
    if np.any(codes > 1):
        print(f"  {np.sum(codes > 1)} of {BATCH} members failed")
    plain = BATCH / seconds(lambda: whole.call(material, Fs), clock=CLOCK)
    in_chunks = BATCH / seconds(lambda: pieces.call(material, Fs), clock=CLOCK)
    if chunk_bar is None:
        bar("responses per second, the better of batch and chunks", max(plain, in_chunks), rate_bar, "1/s")
        print(f"    batch {plain:.4g}, chunks of {CHUNK} {in_chunks:.4g}")
    else:
        bar("responses per second, batch", plain, rate_bar, "1/s")
        bar(f"responses per second, chunks of {CHUNK}", in_chunks, chunk_bar, "1/s")
    slow = compile_cold(batched(peer), material, Fs)
    other = compile_cold(chunked(peer), material, Fs)
    peer_plain = BATCH / seconds(lambda: slow.call(material, Fs), 3, CLOCK)
    peer_chunked = BATCH / seconds(lambda: other.call(material, Fs), 3, CLOCK)
    bar("times jax.hessian of the same energy, both under vmap", plain / peer_plain, ratio_bar)
    best = max(plain, in_chunks) / max(peer_plain, peer_chunked)
    print(f"    the better of vmap and chunks against the better of vmap and chunks: {best:.4g}")
    return whole.temporaries, pieces.temporaries, in_chunks


def main() -> None:
    """Print every figure against its bar."""
    header("Cauchy–Born (W, P, A)")
    copper = ms.bulk("Cu", "fcc", a=3.615)
    lj = ms.CauchyBorn(
        ms.bulk("X", "fcc", a=1.5496), ms.LennardJones(inner=1.05 * 1.5496, outer=1.13 * 1.5496), strain_margin=0.1
    )
    measure("Lennard-Jones", lj, by_hessian, 0.92e6, 20.0)
    near = ms.CauchyBorn(copper, gupta(1.15), strain_margin=0.1)
    temporaries = measure("EAM, analytic", near, by_hessian, 0.65e6, 20.0)
    bar(f"temporaries, {BATCH} F", temporaries[0], 5.0, "MB", least=False)
    bar(f"temporaries, chunks of {CHUNK}", temporaries[1], 1.0, "MB", least=False)
    measure("EAM, analytic", ms.CauchyBorn(copper, gupta(1.52)), by_hessian, 0.445e6, 20.0)
    path = lammps_potential("Cu_mishin1")
    if path is not None:
        measure("EAM, setfl tables", ms.CauchyBorn(copper, ms.EAM.setfl(path)), by_hessian, 0.0, 20.0)
    silicon = ms.bulk("Si", "diamond", a=5.431)
    sw = ms.CauchyBorn(silicon, ms.StillingerWeber())
    closed = measure("Stillinger–Weber silicon, relaxed", sw, by_nested_hessian, 40e3, 4.0, 106e3)[2]

    Fs = jnp.asarray(np.eye(3) + np.random.default_rng(1).uniform(-0.02, 0.02, (BATCH, 3, 3)))
    F = jnp.eye(3).at[0, 1].set(0.02)
    routes = (
        ("bond functions", OwnBonds(sw.potential), 4.0),
        ("site energy, a double sum over 16 neighbours", None, None),
    )
    for title, potential, limit in routes:
        if potential is None:
            potential = ms.SiteEnergy(plain_angular, float(sw.potential.cutoff), sw.potential)
        own = ms.CauchyBorn(silicon, potential)
        print(f"a user's own {title}")
        difference = jnp.max(jnp.abs(own.respond(F).tangent - sw.respond(F).tangent))
        print(f"  largest difference of A to the closed form: {float(difference):.1e} eV/Å³")
        bar("lower + compile, one F", compile_cold(response, own, F).cold, 4.0, "s", least=False)
        program = compile_cold(chunked(response), own, Fs)
        ratio = closed / (BATCH / seconds(lambda run=program.call, m=own: run(m, Fs), 3, CLOCK))
        if limit is None:
            print(f"  closed form over own: {ratio:.3g} (no bar: the sum itself costs as much more)")
        else:
            bar("closed form over own", ratio, limit, least=False)


if __name__ == "__main__":
    main()
