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
# # A cantilever, 50 nm thick
#
# A silicon cantilever of 2000 × 200 × 50 nm is a beam of a textbook, nearly. This page asks how nearly: what its
# stiffness is worth when the modulus is known to 15 % and the surface hardly at all, what thermal motion does to a
# measurement, and at which thickness the beam of a textbook ends. Then it goes down to copper beams of two and three
# nanometres, computed atom by atom with an independent code, and meets them from the potential alone.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import msjax as ms
from msjax import nano, studies, units
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.setfl import lammps_potential

# %matplotlib inline

# %% [markdown]
# ## 1 The beam
#
# Units are nm, nN and GPa = nN/nm², so that stiffnesses are in N/m. Silicon along ⟨100⟩, $E$ = 130 GPa; its surface
# stiffness $S$ = −10.7 N/m and stress $\tau$ = 0.6 N/m are calculated values, and uncertain by their whole size.

# %%
E, nu = 130.0, 0.28  # GPa
section = nano.rectangle(200.0, 50.0)
surface = nano.SurfaceElasticity(stress=0.605, stiffness=-10.655)
density = 2330.0e-27  # kg/nm³: with nN, nm and s masses are in kg
bare = nano.Beam.of(section, E, density, 2000.0)
silicon = nano.Beam.of(section, E, density, 2000.0, surface)
for name, beam in [("bulk alone", bare), ("with its surfaces", silicon)]:
    k, f1 = float(beam.point_stiffness().k), float(beam.vibrate(1).frequencies[0])
    print(f"{name:18s} k = {k:.6f} N/m, f1 = {f1 / 1e6:.4f} MHz")

# %% [markdown]
# Thermal motion at 300 K: the tip shakes by a fifth of a nanometre, 97 % of it in the first mode.

# %%
kT = 1.380649e-23 * 300.0 * 1e18  # J = N m; in nN nm
motion = nano.thermal_motion(silicon, kT)
print(f"rms at the tip {float(motion.rms[-1]):.4f} nm; shares of the modes {np.round(np.asarray(motion.shares), 6)}")
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
axes[0].plot(motion.x, motion.rms)
axes[0].set(xlabel="along the beam, nm", ylabel="rms deflection, nm")
frequency = np.geomspace(1e6, 5e8, 2000)
axes[1].loglog(frequency / 1e6, motion.spectrum(jnp.asarray(frequency), quality=100.0))
axes[1].set(xlabel="frequency, MHz", ylabel="spectrum at the tip, nm²/Hz")
fig.tight_layout()

# %% [markdown]
# ## 2 What the textbook leaves out, as a budget
#
# Discreteness is of second order, $(a/h)^2$; of first order is what the thickness of a crystal *means*.

# %%
print(nano.validity(section, E, 0.5431, surface, thermal_rms=float(motion.rms[-1])))

# %% [markdown]
# ## 3 Which uncertainty matters, and where that changes
#
# First order and Monte Carlo agree; the modulus rules at 50 nm. On a plate the surface takes over where
# $6|S|/(Eh)$ passes 15 %.


# %%
def stiffness(values):
    section = nano.rectangle(200.0, values["h"])
    faces = nano.SurfaceElasticity(stiffness=values["S"])
    return 3.0 * section.rigidity(values["E"], faces).bending / 2000.0**3


values, sd = {"E": E, "S": -10.655, "h": 50.0}, {"E": 0.15 * E, "S": 10.655, "h": 0.5431}
linear = nano.first_order(stiffness, values, sd)
sampled = nano.monte_carlo(stiffness, values, sd, jax.random.key(0))
print(f"k = {float(linear.value):.5f} ± {float(linear.sd):.5f} (first order), ± {float(sampled.sd):.5f} (Monte Carlo)")
for name, size, rest in linear.ranked:
    print(f"  {name}: ± {size:.5f} alone; known exactly, it would leave ± {rest:.5f}")

thickness = np.geomspace(1.5, 100.0, 60)
shares = jax.vmap(lambda h: nano.first_order(stiffness, values | {"h": h}, sd))(jnp.asarray(thickness))
fig, axis = plt.subplots(figsize=(6, 3.6))
for name, label in [("E", "modulus, 15 %"), ("S", "surface, 100 %"), ("h", "thickness, one a")]:
    axis.loglog(thickness, np.abs(shares.shares[name] / shares.value), label=label)
axis.set(xlabel="thickness h, nm", ylabel="relative share in sd(k)", ylim=(1e-3, 3.0))
axis.legend()
meet = nano.overtaking(lambda h: 6.0 * 10.655 / (E * h), lambda h: 0.15 + 0.0 * h, 0.5, 100.0)
print(f"surface and modulus meet at {meet:.2f} nm")

# %% [markdown]
# ## 4 Three routes to one number
#
# A formula, beam elements, and elements in three dimensions with the same surfaces on their faces.

# %%
print(studies.plate_routes(E, nu, 200.0, 50.0, 2000.0, -10.655))

# %% [markdown]
# ## 5 Down to where atoms count
#
# Square copper wires and cantilevers, 1.6 to 8 nm, were computed atom by atom with LAMMPS and Mishin's potential
# (`data/README.md`). From the same potential alone, without a fit: $W(F)$ of the bulk, the relaxed {100} face, and a
# section that may change its shape.

# %%
potential = ms.EAM.setfl(lammps_potential("Cu_mishin1.eam.alloy"))  # pip install 'msjax[potentials]'
bulk = equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.6149), potential)).material
spacing = 0.5 * float(4.0 * bulk.crystal.volume) ** (1.0 / 3.0)
face = ms.surfaces.ExpandedSurface.of(ms.surfaces.SurfaceCauchyBorn(bulk, "100"))
wire = nano.Wire(bulk, nano.square(13 * spacing), face, core=spacing)
sizes = np.array([11, 12, 13, 15, 17, 20, 25, 33, 45])


def with_planes(planes):
    changed = eqx.tree_at(lambda w: w.section, wire, nano.square(planes * spacing))
    return nano.wire_rigidity(changed, throw=False)


found = jax.jit(lambda n: jax.lax.map(with_planes, n))(jnp.asarray(sizes, float))
wires = studies.shipped_wires()
side = np.asarray(next(iter(wires.controls.values()))) / units.nm
here = sizes * spacing / units.nm
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6))
axes[0].plot(1.0 / side, 100.0 * wires.stated("eps_star"), "ko", label="atoms (LAMMPS)")
axes[0].plot(1.0 / here, 100.0 * found.strain, label="from W(F) and γ")
axes[0].set(xlabel="1/D, 1/nm", ylabel="strain at rest, %")
axes[1].plot(1.0 / side, wires.stated("E_app"), "ko", label="tension, atoms")
axes[1].plot(1.0 / here, found.young / units.GPa, label="tension, from W(F) and γ")
cantilevers = studies.shipped_cantilevers(measured=("EI_curv",))
thick = np.asarray(cantilevers.controls["D"]) / units.nm
bending = 12.0 * cantilevers.stated("EI_curv") / thick**4
axes[1].plot(1.0 / thick, bending, "s", mfc="none", c="k", label="bending, atoms")
axes[1].plot(1.0 / here, found.bending_young / units.GPa, "--", label="bending, from W(F) and γ")
axes[1].set(xlabel="1/D, 1/nm", ylabel="modulus, GPa")
axes[0].legend()
axes[1].legend(loc="upper right", fontsize=8)
axes[1].set_ylim(15.0, 80.0)
fig.tight_layout()

# %% [markdown]
# A bulk beam is 70 % too stiff at 2.3 nm, and the textbook's surface correction leaves more than half of that: what it
# lacks is the bulk's own nonlinearity. Pressed together by its faces, the inside of the wire has another modulus.

# %%
print(studies.wire_routes(bulk, 13, 23.4674077, 0.0232159534, -0.43333))
print()
print(studies.wire_routes(bulk, 17, 30.7236753, 0.036058064, -0.44811))

# %% [markdown]
# ## 6 Fitting beams
#
# A user has $k(L)$ and frequencies, not section rotations. The frozen clamp shortens what can bend, by 0.4 to 0.5 nm:
# unasked, it makes $E$ from $k$ 3 to 10 % too high. As a parameter it is found, and so is the rigidity. The same on the
# command line: `msjax fit -k cantilevers`.

# %%
fitted = studies.shipped_cantilever_study()
print(fitted)

# %%
fig, axis = plt.subplots(figsize=(6, 3.6))
length = np.asarray(fitted.cantilevers.controls["L"]) / units.nm
for name, marker in zip(fitted.relative, "osv^", strict=True):
    axis.plot(length, 100.0 * fitted.relative[name], marker, label=name)
axis.axhline(0.0, color="k", lw=0.5)
axis.set(xlabel="length, nm", ylabel="measured less predicted, %")
axis.legend()
