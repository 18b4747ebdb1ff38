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
# # How large must my RVE be?
#
# Ten minutes, five steps: look into one cell, squeeze it between three boundary conditions, let an ensemble say how
# many cells of which size give the stiffness to 1 %, ask the same of the strength, and turn the question round: which
# microstructure has the stiffness I want? The answer depends on the property, and for strength it is unpleasant.
#
# The material is a unidirectional composite seen along its fibres: glass in epoxy, 40 % fibres, plane strain. Lengths
# are in fibre diameters $d$, stiffness in GPa, stress in MPa. In the ensembles a fibre is 8 voxels wide; at the end of
# section 4 you will see what that costs.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import msjax as ms
from msjax import plot
from msjax.homogenization.bounds import hashin_shtrikman
from msjax.homogenization.convergence import convergence
from msjax.homogenization.design import design
from msjax.homogenization.ensemble import ensemble
from msjax.homogenization.fields import local_fields
from msjax.homogenization.integral_range import integral_range, realisations_needed
from msjax.homogenization.isotropy import isotropic_projection
from msjax.homogenization.random_sets import two_phase_point_variance
from msjax.homogenization.rve import worst
from msjax.homogenization.size import representative_sizes
from msjax.homogenization.weakest_link import size_effect

# %matplotlib inline

epoxy, glass = ms.IsotropicElastic(3.3, 0.35, 2), ms.IsotropicElastic(72.0, 0.22, 2)
share = 0.4  # of fibres


def section(edge, member, voxels=8, seed=1):
    """A periodic cell of this edge, its voxels per diameter, and its place in the ensemble."""
    n = edge * voxels
    return ms.microstructures.spheres(
        (n, n), share, radius=0.5, gap=0.125, exact=True, lengths=(edge, edge), seed=seed, member=member
    )


# %% [markdown]
# ## 1 One cell
#
# Random fibres that keep an eighth of a diameter apart.

# %%
cell = section(8, member=0, voxels=32)
plot.phases(cell.phases, names=("epoxy", "glass"), lengths=cell.lengths, unit="d")

# %% [markdown]
# The two-point function $S_2(r)$ is the chance that both ends of a stick of length $r$ lie in fibres. It starts at
# $\varphi$, and where it has come to rest at $\varphi^2$ the two ends know nothing of each other. Here that takes about
# two diameters. A cell must be larger than this; how much larger, only the property can say.

# %%
r, together = ms.microstructures.radial_average(ms.microstructures.two_point(cell.phases), cell.lengths)
figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
axes.plot(r, together)
axes.axhline(share**2, color="0.5", linewidth=0.8, linestyle="--")
axes.annotate("$\\varphi^2$", (3.7, share**2 + 0.008), color="0.4")
axes.set(xlabel="distance (d)", ylabel="$S_2$", xlim=(0, 4), ylim=(0, 0.42))
plt.show()

# %% [markdown]
# Now shear the cell by one per cent, on the average. The fibres are twenty times stiffer and hardly follow; the epoxy
# between two of them, where it is thinnest, takes up what they refuse.

# %%
rve = ms.RVE(cell.phases, [epoxy, glass], lengths=cell.lengths)
sheared = local_fields(rve, 0.01 * jnp.array([[0.0, 0.5], [0.5, 0.0]]))
strain = 200 * sheared.strain[0, 1]  # engineering shear, in per cent
epoxy_strain = np.asarray(strain)[cell.phases == 0]
print(f"shear in the epoxy: mean {epoxy_strain.mean():.2f} %, at most {epoxy_strain.max():.1f} %")
plot.field(strain, label="engineering shear (%)", phases=cell.phases, lengths=cell.lengths, unit="d", limits=(0.0, 3.0))

# %% [markdown]
# Space works the same way; only the shape of the image changes. Spheres, 32³ voxels, pulled along x:

# %%
spheres = ms.microstructures.spheres((32, 32, 32), 0.25, count=12, gap=0.03, exact=True, seed=3)
solid = ms.RVE(spheres.phases, [ms.IsotropicElastic(3.3, 0.35), ms.IsotropicElastic(72.0, 0.22)])
effective = ms.effective_stiffness(solid)
print(effective)
pulled = local_fields(solid, jnp.diag(jnp.array([0.001, 0.0, 0.0])))
plot.field(1000 * pulled.stress[0, 0], label="stress 11 (MPa) at 0.1 % strain", phases=spheres.phases, plane=(2, 16))

# %% [markdown]
# ## 2 Three boundary conditions, one value
#
# What happens at the edge of a cell is our choice, not nature's. Impose linear displacements (KUBC) and the cell seems
# too stiff; uniform tractions (SUBC), too soft; periodic fluctuations lie between. That holds cell by cell. The three
# gaps close as cells grow, and where they meet is the effective property. The same members go through all three.


# %%
def bulk_modulus(bc):
    def evaluate(materials, phases):
        found = ms.effective_stiffness(ms.RVE(phases, materials, bc), throw=False)
        values = {"K": isotropic_projection(found.stiffness).bulk, "defect": jnp.max(found.hill_mandel)}
        return values, worst(found.status)  # one status for three loads

    return evaluate


conditions, counts = ("kubc", "periodic", "subc"), {4: 60, 8: 24, 16: 8}
apparent = {}
for bc in conditions:
    apparent[bc] = {
        edge: ensemble(
            bulk_modulus(bc), count, make=lambda k, edge=edge: section(edge, k).phases, shared=[epoxy, glass], lanes=1
        )
        for edge, count in counts.items()
    }
K = {bc: {float(edge): table["K"] for edge, table in tables.items()} for bc, tables in apparent.items()}
ordered = all(np.all(K["subc"][edge] <= K["periodic"][edge]) and np.all(K["periodic"][edge] <= K["kubc"][edge])
              for edge in K["kubc"])  # fmt: skip
defect = max(float(table["defect"].max()) for tables in apparent.values() for table in tables.values())
failed = sum(table.failed for tables in apparent.values() for table in tables.values())
print(f"{sum(counts.values())} members, three conditions each, {failed} failed; ordered member by member: {ordered}")
print(f"Hill–Mandel: ⟨σ:ε⟩ and ⟨σ⟩:⟨ε⟩ differ by at most {defect:.0e} of Voigt's stiffness")

# %% [markdown]
# Bounds need nothing but the volume fractions, and with glass in epoxy they say little: the upper ones are off the
# chart. The bands are 90 % intervals of the mean.

# %%
meeting = convergence(K, extrapolate=("kubc", "subc"), paired=True, level=0.9)
one = ms.effective_stiffness(ms.RVE(section(8, 0).phases, [epoxy, glass]))
phase_bulk, phase_shear = np.array([[float(m.lame[0] + m.lame[1]), float(m.lame[1])] for m in (epoxy, glass)]).T
hs_low, hs_high = hashin_shtrikman(phase_bulk, phase_shear, (1 - share, share), dim=2)
bounds = {
    "Reuss": float(isotropic_projection(one.reuss).bulk),
    "Hashin–Shtrikman lower": float(hs_low.bulk),
    "Hashin–Shtrikman upper": float(hs_high.bulk),
    "Voigt": float(isotropic_projection(one.voigt).bulk),
}
print(f"KUBC and SUBC extrapolated in 1/L: K = {meeting.limit} GPa, chance of a worse fit {meeting.p_value:.2g}")
for edge in counts:
    print(f"L = {edge:2d} d: KUBC {K['kubc'][edge].mean():.3f}, periodic {K['periodic'][edge].mean():.3f}, "
          f"SUBC {K['subc'][edge].mean():.3f} GPa")  # fmt: skip
plot.convergence(meeting, label="plane-strain bulk modulus (GPa)", size="edge of the cell (d)", bounds=bounds)

# %% [markdown]
# At 16 diameters KUBC and SUBC are still per cents apart, while the periodic mean has not moved since 8. Their errors
# halve with twice the edge, and extrapolated in $1/L$ the two agree with it to a quarter of a per cent. (That is a
# little more than the interval allows, and the fit is not a good one: $1/L$ is only the first term.) The *bias* of the
# periodic cells is gone; what is left is *scatter*, and scatter can be averaged away. So: periodic cells from here on.
#
# ## 3 How many cells for one per cent?
#
# We want the transverse Young's modulus $E$, so every member gets a unit tensile stress along x. While we are at it,
# keep two strengths for the next section: the mean stress at which the largest principal stress of any epoxy voxel
# reaches 80 MPa, and the same where the epoxy is not alike everywhere.

# %%
strength, weibull = 80.0, 8.0  # of one d² of epoxy (MPa), and the Weibull modulus of its flaws


def member(edge, k, voxels=8, seed=1):
    """An image, and for every voxel a flaw: (its strength / 80 MPa) to the power of Weibull's modulus."""
    phases = section(edge, k, voxels, seed).phases
    flaws = np.random.default_rng((seed, edge, k)).exponential(voxels**2, phases.shape)
    return {"phases": phases, "flaws": flaws}


def tension(materials, member):
    rve = ms.RVE(member["phases"], materials)
    effective = ms.effective_stiffness(rve, throw=False)
    compliance = jnp.linalg.inv(effective.stiffness)
    e11, e22, twice_e12 = compliance[:, 0]
    local = local_fields(rve, jnp.array([[e11, twice_e12 / 2], [twice_e12 / 2, e22]]), throw=False)
    (s11, s12), (_, s22) = local.stress
    principal = (s11 + s22) / 2 + jnp.sqrt(((s11 - s22) / 2) ** 2 + s12**2)
    in_epoxy = jnp.where(member["phases"] == 0, jnp.maximum(principal, 0.0), 0.0)
    allowed = strength * member["flaws"] ** (1 / weibull)
    values = {
        "E": 1 / compliance[0, 0],
        "flawless": strength / jnp.max(in_epoxy),
        "flawed": 1 / jnp.max(in_epoxy / allowed),
    }
    return values, local.status


tables = {
    edge: ensemble(tension, count, make=lambda k, edge=edge: member(edge, k), shared=[epoxy, glass], chunk=50, lanes=1)
    for edge, count in {4: 300, 8: 150, 16: 50}.items()
}
for edge, table in tables.items():
    mean, std = table.mean(), table.std()
    scatter = 100 * std["E"] / mean["E"]
    print(
        f"L = {edge:2d} d, {len(table)} members, {table.failed} failed: E {mean['E']:.3f} GPa, scatter {scatter:.2f} %"
    )

# %% [markdown]
# The variance of an average over the area $V$ falls as $D^2 A/V$, as if the cell were made of $V/A$ independent pieces.
# $A$ is the integral range, $D^2$ the variance from point to point. The exponent is fitted too, to see whether the law
# holds. From it follows the number of members for a wanted error, $n = 4\,\mathrm{Var}/(\epsilon E)^2$.

# %%
areas = np.array([edge**2 for edge in tables], float)
members = [len(table) for table in tables.values()]
variances = [np.var(table["E"], ddof=1) for table in tables.values()]
found = integral_range(areas, variances, two_phase_point_variance(share, 72.0, 3.3), members, exponent=None, level=0.9)
E = float(tables[16].mean()["E"])
print(f"exponent {found.exponent:.2f} ± {found.exponent_error:.2f}, integral range {found.volume} d²")
needed = {edge: realisations_needed(edge**2, 0.01, mean=E, law=found.law) for edge in (2, 4, 8, 16, 32)}
for edge, n in needed.items():
    print(f"L = {edge:2d} d: {n} members for 1 %, {n.value * edge**2:.0f} d² in all")

# %% [markdown]
# The total area is nearly the same whatever the size: many small cells are as good as a few large ones, as long as
# periodic cells have no bias. (The integral range itself is far smaller than a fibre: $D^2$ counts the glass with all
# its stiffness, which a modulus ruled by the epoxy hardly feels, and all members have exactly 40 % fibres. Windows cut
# from a large section would scatter more.)
#
# Is the number true? New members, never seen by the fit, in groups of that size: 95 % of the groups should lie within
# one per cent of the mean.

# %%
n = int(np.ceil(needed[8].value))
fresh = ensemble(tension, 20 * n, make=lambda k: member(8, k, seed=2), shared=[epoxy, glass], chunk=50, lanes=1)
groups = fresh["E"].reshape(20, n).mean(axis=1)
inside = int(np.sum(np.abs(groups / E - 1) < 0.01))
spread = 2 * np.std(fresh["E"], ddof=1) / np.sqrt(n) / E
print(f"groups of {n} cells of 8 d: {inside} of 20 within 1 %; two standard deviations of one: {100 * spread:.2f} %")

# %%
figure, axes = plt.subplots(figsize=(5.2, 2.9), layout="constrained")
line = np.geomspace(3, 24, 30)
band = np.array([found.law.variance(edge**2, 0.9) for edge in line]) ** 0.5 / E * 100
axes.fill_between(line, band[:, 1], band[:, 2], alpha=0.25, label="law, 90 % band")
axes.plot(line, band[:, 0])
axes.plot(list(tables), 100 * np.sqrt(variances) / E, "ko", label="fitted members")
axes.plot(8, 100 * np.std(fresh["E"], ddof=1) / E, "x", color="C1", markersize=8, label="new members")
axes.set(xlabel="edge of the cell (d)", ylabel="scatter of E (%)", xscale="log", yscale="log")
axes.set_xticks([4, 8, 16], ["4", "8", "16"])
axes.set_yticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
axes.minorticks_off()
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 4 Strength
#
# A modulus is an average; first failure is a maximum. A larger cell has more ligaments, one of them is worse, and the
# mean strength falls with size. Where a cell is a chain of many independent links, strengths follow Weibull's law,
# scatter does *not* fall with size, and twice the edge makes $4^{-1/m}$ of the mean. So there are two ways to $m$, the
# scatter and the fall, and they must agree. Flawless epoxy first, then epoxy whose flaws have $m = 8$.

# %%
for name in ("flawless", "flawed"):
    law = size_effect({float(edge**2): table[name] for edge, table in tables.items()})
    print(f"{name}: mean " + ", ".join(f"{table.mean()[name]:.1f}" for table in tables.values()) + " MPa; "
          "m at each size " + ", ".join(f"{fit.unbiased_modulus:.1f}" for fit in law.fits.values()))  # fmt: skip
    print(f"  m of the scatter {law.from_scatter}, of the fall {law.from_slope}; do they agree? p = {law.p_value:.1g}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
chance = [0.02, 0.1, 0.3, 0.632, 0.9, 0.99]
for axes, name in zip(panels, ("flawless", "flawed")):
    for (edge, table), colour in zip(tables.items(), ("#56B4E9", "#0072B2", "#222222")):
        x = np.sort(table[name])
        y = np.log(-np.log1p(-(np.arange(len(x)) + 0.5) / len(x)))
        axes.plot(x, y, ".", color=colour, markersize=3.5, label=f"{edge} d")
    axes.set_xscale("log")
    axes.set_xticks([15, 20, 30, 40, 60], ["15", "20", "30", "40", "60"])
    axes.minorticks_off()
    axes.set_title(f"{name} epoxy", loc="left", fontsize=10)
    axes.set_xlabel("strength of the cell (MPa)")
panels[0].set_yticks(np.log(-np.log1p(-np.array(chance))), [f"{100 * p:g}" for p in chance])
panels[0].set_ylabel("members failed (%)")
panels[1].legend(frameon=False, title="edge")
plt.show()

# %% [markdown]
# On these axes a Weibull law is a straight line, and the weakest link shifts it to the left without turning it.
#
# The flawless epoxy does not do that: its lines get steeper. Fibres keep a least distance, so no ligament is worse than
# some worst one, and large cells all come close to it. Its $m$ is no constant of the material, and to extrapolate with
# any one $m$ would be wrong; p says so. With flaws the lines are shifted and nearly parallel, and p does not object.
# Their $m$ is a little below the 8 that went in: thin ligaments differ from cell to cell and add to the scatter.
#
# One more warning, and it holds for all of the above. A peak is the largest of *voxel means*, and in a thin ligament
# the voxel, not the mechanics, decides what is averaged. Paint the same fibres with finer voxels:

# %%
finer, pull = {voxels: [] for voxels in (8, 16, 32)}, eqx.filter_jit(tension)
for voxels, rows in finer.items():
    for k in range(6):
        values, _ = pull([epoxy, glass], member(4, k, voxels))
        rows.append((float(values["E"]), strength / float(values["flawless"])))
    modulus, peak = np.array(rows).T
    ratio = modulus / np.array(finer[8])[:, 0]
    print(f"{voxels:2d} voxels per diameter: peak {peak.mean():.2f} of the mean stress, E {modulus.mean():.2f} GPa, "
          f"{ratio.mean():.3f} ± {ratio.std(ddof=1):.3f} of that with 8")  # fmt: skip

# %% [markdown]
# The peak goes up and is not done going up, so compare strengths at one voxel size only, as done here, and read them as
# relative. The modulus converges, but look at the size of the error: at 8 voxels it is larger than all the scatter that
# section 3 worked so hard on. It is a *bias*, the same within one per cent for all members: more members never show
# it, and a few members on finer voxels correct it. "1 %" above is one per cent of this voxel model.
#
# Now the two side by side. Let the structure be 1000 diameters wide, with the flawed epoxy.

# %%
structure = 1000.0  # edge, in d
by_area = {name: {float(edge**2): table[name] for edge, table in tables.items()} for name in ("E", "flawed")}
sizes = representative_sizes(
    {"stiffness": by_area["E"], "strength": by_area["flawed"]},
    0.01, weakest_link=("strength",), structure=structure**2, level=0.9, dim=2,
)  # fmt: skip
print(sizes.report())

# %%
m = sizes.properties["strength"].law.from_scatter
times = sizes.ratio("strength", "stiffness")
edges = np.geomspace(3, 1000, 200)
figure, axes = plt.subplots(figsize=(6.6, 3.6), layout="constrained")
law = sizes.properties["stiffness"].law
stiff = 200 * np.array([law.variance(edge**2, 0.9) for edge in edges]) ** 0.5 / E
axes.fill_between(edges, stiff[:, 1], stiff[:, 2], color="#0072B2", alpha=0.25, linewidth=0)
axes.plot(edges, stiff[:, 0], color="#0072B2", label="stiffness: two standard deviations of a cell")
axes.plot(list(tables), [200 * np.std(t["E"], ddof=1) / E for t in tables.values()], "o", color="#0072B2")
strong = [100 * ((structure / edges) ** (2 / x) - 1) for x in (m.value, m.lower, m.upper)]
axes.fill_between(edges, strong[2], strong[1], color="#D55E00", alpha=0.25, linewidth=0)
axes.plot(edges, strong[0], color="#D55E00", label="strength: mean of cells, above the structure's")
means = np.array([np.exp(np.log(table["flawed"]).mean()) for table in tables.values()])
at_structure = np.exp(np.mean(np.log(means) + 2 / m.value * np.log(np.array(list(tables)) / structure)))
axes.plot(list(tables), 100 * (means / at_structure - 1), "s", color="#D55E00")
axes.axhline(1.0, color="0.5", linewidth=0.8, linestyle="--")
axes.annotate("1 %", (3.1, 1.08), color="0.4", fontsize=9)
marks = [sizes.properties[name].volume.value ** 0.5 for name in ("stiffness", "strength")]
for mark, colour, side in zip(marks, ("#0072B2", "#D55E00"), ("left", "right")):
    axes.plot([mark, mark], [0.3, 1], color=colour, linewidth=1)
    axes.annotate(f" {mark:.0f} d ", (mark, 0.33), color=colour, ha=side)
words = f"{float(f'{times.value:.2g}'):,.0f} times the area"
axes.annotate("", (marks[1] * 0.97, 0.6), (marks[0] * 1.03, 0.6), arrowprops={"arrowstyle": "<->", "color": "0.4"})
axes.annotate(words, (np.sqrt(marks[0] * marks[1]), 0.66), ha="center", color="0.3")
axes.set(xscale="log", yscale="log", xlabel="edge of the cell (fibre diameters)", ylabel="error of one cell (%)",
         xlim=(3, 1100), ylim=(0.3, 500))  # fmt: skip
axes.set_yticks([1, 10, 100], ["1", "10", "100"])
axes.set_xticks([4, 10, 100, 1000], ["4", "10", "100", "1000"])
axes.minorticks_off()
axes.legend(frameon=False, loc="upper right", fontsize=9)
plt.show()

# %% [markdown]
# For stiffness a cell of some thirty diameters stands for the structure. For strength nothing much smaller than the
# structure does. That is no defect of the method: where the weakest link decides there *is* no representative volume,
# only a law of size. Take small cells, many of them, and extrapolate with $m$. But remember that the red line over two
# decades stands on three sizes (the squares: only their slope is a test, their height is set by the line), and that its
# $m$ came in with the flaws.
#
# ## 5 And the other way round
#
# An effective stiffness is the minimum of an energy, so its derivative with respect to anything in the image costs no
# further solve. Let the fibres have interfaces two voxels wide, so that radii act smoothly, and ask which of them the
# bulk modulus cares for. (Mixed voxels, 16 to a diameter: do not compare this modulus with those above.)

# %%
start = section(8, member=0)
centres, radii = jnp.asarray(start.centres), jnp.asarray(start.radii)


def composite(radii):
    field = ms.microstructures.smooth_spheres((128, 128), centres, radii, 0.125, lengths=start.lengths)
    return ms.RVE(field, [epoxy, glass], lengths=start.lengths)


def stiffness_of(radii):
    return isotropic_projection(ms.effective_stiffness(composite(radii), throw=False).stiffness).bulk


value_and_slope = eqx.filter_jit(jax.value_and_grad(stiffness_of))
modulus, slope = value_and_slope(radii)
step = jnp.zeros_like(radii).at[0].set(1e-4)
difference = float(value_and_slope(radii + step)[0] - value_and_slope(radii - step)[0]) / 2e-4
print(f"K = {float(modulus):.3f} GPa; dK/dr of the first fibre {float(slope[0]):.6f} GPa/d, "
      f"by finite differences {difference:.6f}")  # fmt: skip

# %%
figure, axes = plt.subplots(figsize=(4.8, 3.8), layout="constrained")
per_area = np.asarray(slope) / (2 * np.pi * np.asarray(radii)) * start.lengths[0] ** 2 / 100
scale = plt.Normalize(per_area.min(), per_area.max())
for centre, radius, value in zip(np.asarray(centres), np.asarray(radii), per_area):
    for shift in np.ndindex(3, 3):
        where = centre + 8.0 * (np.array(shift) - 1)
        axes.add_patch(plt.Circle(where, radius, color=plt.cm.inferno(scale(value))))
axes.set(xlim=(0, 8), ylim=(0, 8), aspect="equal", xlabel="x (d)", ylabel="y (d)")
bar = plt.cm.ScalarMappable(scale, "inferno")
figure.colorbar(bar, ax=axes, label="gain of K for 1 % of the cell more glass here (GPa)", shrink=0.9)
plt.show()

# %% [markdown]
# The gain differs from fibre to fibre: growing one that closes a ligament pays more. Now let the gradient work. Wanted:
# 10 % more stiffness along x and y, by changing the radii alone, with Adam from optax.

# %%
now = ms.effective_stiffness(composite(radii)).stiffness
wanted, weights = 1.1 * now, jnp.diag(jnp.array([1.0, 1.0, 0.0]))
result = design(
    lambda x: composite(jnp.exp(x)), jnp.log(radii), wanted, weights=weights, optimiser=optax.adam(0.01), steps=20
)
after = composite(jnp.exp(result.parameters))
for name, C, image in (("before", now, composite(radii)), ("after", result.stiffness, after)):
    print(f"{name:6s}: C11 {C[0, 0]:.3f}, C22 {C[1, 1]:.3f} GPa, fibres {100 * float(image.phases[1].mean()):.1f} %")
print(f"{len(result.miss)} steps, {100 * result.miss.min():.2f} % from the target; radii from "
      f"{float(jnp.exp(result.parameters).min()):.3f} to {float(jnp.exp(result.parameters).max()):.3f} d")  # fmt: skip
plot.phases(after.phases[1], lengths=start.lengths, unit="d")

# %% [markdown]
# One cell has been designed, not a material: the next random section with these radii would scatter as section 3 says.
# Design on several members at once, and the answer is as representative as they are.
