# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # When may I trust $W(F)$?
#
# The Cauchy–Born rule lets all atoms follow $F$ and calls their energy $W(F)$. It gives a number for any $F$, also
# where no crystal would stay as it is. Three questions, in this order:
#
# 1. Is there a wave, long or short, that lowers the energy? (`stability`, `stability_map`)
# 2. If so, what does the crystal turn into? (`follow_soft_mode`)
# 3. If not: is there a lower crystal all the same, far away? (`lower_cell_search`)
#
# The first is answered for certain, the other two as far as one looks.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import msjax as ms
from msjax import plot

# %matplotlib inline

# %% [markdown]
# ## 1 A square lattice of springs
#
# Small enough to check by hand: springs to four nearest and four next neighbours, at rest at $F = 1$. Pressed equally
# from all sides by $\lambda$, $W(\lambda) = (\lambda-1)^2 + (\sqrt2\lambda-\sqrt2)^2$: a parabola, as convex as can be.
# Nothing in this curve says that the lattice is gone below $\lambda = 5/6$.

# %%
square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], [1.0, 2.0**0.5]))
for stretch in (0.9, 0.75):
    print(f"λ = {stretch}: {ms.phonons.stability(square, stretch * jnp.eye(2))}\n")
path = [("Γ", (0.0, 0.0)), ("X", (0.5, 0.0)), ("M", (0.5, 0.5)), ("Γ", (0.0, 0.0))]
plot.dispersion(square, path, {"λ = 0.9": 0.9 * np.eye(2), "λ = 0.75": 0.75 * np.eye(2)})

# %% [markdown]
# A picture of the whole plane of stretches: every point is a deformation, judged over all waves.

# %%
line = np.linspace(-0.35, 0.15, 31)
plane = ms.phonons.Plane(
    np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), x=line, y=line, names=("strain along x", "strain along y")
)
whole = ms.phonons.stability_map(square, plane)
print(whole)
plot.stability_map(whole)

# %% [markdown]
# What does the lattice become at $\lambda = 0.75$, where $W = 0.1875$? Long waves go first, so the answer depends on
# the largest cell one allows. `follow_soft_mode` takes the soft wave, builds the smallest supercell it fits into,
# pushes the atoms along it, and lets them go until they are in a minimum.

# %%
pressed = 0.75 * jnp.eye(2)
buckled = ms.phonons.follow_soft_mode(square, pressed, largest=8)
print(buckled)
print(f"energy per atom {float(buckled.energy_per_atom):.4f} instead of {float(square.respond(pressed).energy):.4f}")


# %%
def draw(axes, crystal, title):
    """Atoms of a few periods, and the primitive cell."""
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    n = np.arange(-12, 13)
    images = np.stack([x.ravel() for x in np.meshgrid(n, n, indexing="ij")], axis=1) @ cell
    centre = 0.5 * (cell[0] + cell[1])
    atoms = (images[:, None] + (basis - basis[0] - centre)[None]).reshape(-1, 2)
    axes.plot(*atoms.T, ".", markersize=5)
    corners = np.array([0 * cell[0], cell[0], cell[0] + cell[1], cell[1], 0 * cell[0]]) - centre
    axes.plot(*corners.T, "C1", linewidth=1)
    axes.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal", title=title, xticks=[], yticks=[])


figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
draw(left, ms.Crystal(0.75 * np.eye(2), [[0.0, 0.0]], ["X"]), "what Cauchy–Born assumes")
draw(right, buckled.primitive, "what a minimum looks like")
plt.show()

# %% [markdown]
# The rows buckle. Some atoms come close to one another: springs repel only those that they connect.
#
# ## 2 The failure that no phonon announces
#
# Shorten the diagonal springs to 0.6. Now the lattice holds longer: its first soft phonon comes at $\lambda = 1/2$, at
# the corner of the zone. At $\lambda = 0.6$ all phonons are stable. But stable means: against *small* disturbances.

# %%
short = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], [1.0, 0.6], shells=[1.0, 2.0**0.5]))
F = 0.6 * jnp.eye(2)
print(ms.phonons.stability(short, F))
search = ms.phonons.lower_cell_search(short, F, largest=2)
print(search)

# %% [markdown]
# A doubled cell is lower, with a barrier between. What was found is a material again: its energy, stress and tangent
# can be followed to other $F$, and differentiated. So the two branches can be drawn, and where they cross.

# %%
doubled = search.lowest
stretches = jnp.linspace(0.52, 0.65, 40)


@jax.jit
@jax.vmap
def branches(x):
    return short.respond(x * jnp.eye(2)).energy, doubled.material.respond(x * jnp.eye(2), doubled.shifts).energy


one, two = branches(stretches)
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.plot(stretches, one, label="W(F): all atoms follow F, phonons stable")
axes.plot(stretches, two, label="doubled cell")
axes.set(xlabel="λ", ylabel="energy per atom")
axes.legend(frameon=False)
plt.show()
crossing = float(stretches[jnp.argmin(jnp.abs(one - two))])
print(f"the branches cross near λ = {crossing:.2f}, long before the first soft phonon at 0.5")

# %% [markdown]
# ## 3 Copper, sheared towards its twin
#
# Shear $\gamma$ of (111) planes along $[11\bar2]$: the way to a twin. First the map, shear against a change of volume.

# %%
copper = ms.equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))).material
along, normal = np.array([1.0, 1.0, -2.0]) / 6**0.5, np.array([1.0, 1.0, 1.0]) / 3**0.5
plane = ms.phonons.Plane(
    np.outer(along, normal),
    np.eye(3),
    x=np.linspace(-0.2, 0.25, 22),
    y=np.linspace(-0.04, 0.02, 13),
    names=("shear of (111) along [11-2]", "linear strain in all directions"),
)
plot.stability_map(ms.phonons.stability_map(copper, plane))

# %% [markdown]
# Sheared one way the crystal lasts longer than the other way: $[11\bar2]$ is the twinning direction, its opposite is
# not. And beyond the border? Follow the wave that moves neighbouring (111) planes against each other: L, where the zone
# ends.


# %%
def sheared(gamma):
    return np.eye(3) + gamma * np.outer(along, normal)


corner = [0.5, 0.5, 0.5]
print(f"γ = 0.2: {ms.phonons.follow_soft_mode(copper, sheared(0.2), q=corner)}\n")
hexagonal = ms.phonons.follow_soft_mode(copper, sheared(8**-0.5), q=corner)
print(f"γ = 1/√8: {hexagonal}")

# %% [markdown]
# Of the gaps between planes every second one has slipped and the others have not: stacking ABCABC becomes ABABAB. At
# $\gamma = 1/\sqrt8$, half the twinning shear, the slipped planes fit: hexagonal close packing. Follow this branch back
# by its own $W(F)$ and compare it with Cauchy–Born's.

# %%
gammas = jnp.linspace(0.0, 0.4, 41)
per_atom = copper.crystal.volume_per_atom
back = jnp.linalg.inv(jnp.asarray(sheared(8**-0.5)))
shear = jnp.asarray(np.outer(along, normal))


@jax.jit
@jax.vmap
def both(gamma):
    F = jnp.eye(3) + gamma * shear
    slipped = hexagonal.material.respond(F @ back)
    energy = slipped.energy * hexagonal.crystal.volume_per_atom
    return copper.respond(F).energy * per_atom, jnp.where(slipped.status.code == 0, energy, jnp.nan)


fcc, hcp = both(gammas)
figure, axes = plt.subplots(figsize=(5.5, 3), layout="constrained")
axes.plot(gammas, 1000 * (fcc - fcc[0]), label="Cauchy–Born")
axes.plot(gammas, 1000 * (hcp - fcc[0]), label="planes slipped in turn")
axes.set(xlabel="shear γ", ylabel="energy per atom (meV)")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# So: where the map is blue $W(F)$ describes a crystal that exists, perhaps not the only one. Where it is not, it
# describes none, and what is there instead has its own $W(F)$, in a larger cell.
