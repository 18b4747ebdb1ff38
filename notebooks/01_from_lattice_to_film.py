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
# # From a lattice to a fitted film
#
# Ten minutes, five steps: atoms and a potential become a material, the material is checked, a surface is cut, bulk and
# surface make a film, and a film law is fitted to data. On the way you will see why the usual straight line
# $E + 2S/h$ returns a number that is not a property of the surface.
#
# Inside everything atomistic the units are eV and Å; `x * units.GPa` enters, `x / units.GPa` leaves.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import msjax as ms
from msjax import plot, units
from msjax.io import data_file, read_quantities
from msjax.nano import Film, FilmFace, LinearSheet, MaterialSheet, TabulatedSheet
from msjax.studies import FilmLaw, film_bulk, shipped_films, surface_parameters, with_noise
from msjax.studies.textbook_lines import apparent_moduli, textbook_lines

# %% [markdown]
# ## 1 A lattice becomes a material
#
# The Cauchy–Born rule: let all atoms follow the deformation gradient $F$, and call the energy per undeformed volume
# $W(F)$. Its derivatives are the stress $P = \partial W/\partial F$ and the tangent $A = \partial P/\partial F$; msjax
# computes them exactly. The potential here is Cleri and Rosato's for copper, four numbers and a length.

# %%
start = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.6), ms.EAM.gupta("Cu"))
relaxed = ms.equilibrium(start)
copper = relaxed.material
print(
    f"lattice constant {float(relaxed.lattice_constant):.4f} Å, cohesive energy {float(relaxed.cohesive_energy):.3f} eV"
)

C = ms.relaxed_stiffness(copper) / units.GPa
print(f"C11 {C[0, 0]:.1f}, C12 {C[0, 1]:.1f}, C44 {C[3, 3]:.1f} GPa   (measured: 176, 125, 82)")

# %% [markdown]
# A film is squeezed in its plane by its faces and free in its thickness: `PlaneStress` relaxes that direction.
# Stretch such a sheet equally in both directions. The slope of the stress is the biaxial modulus, and it does not stay
# what it was: one per cent of strain changes it by a quarter. Remember this; it is what the straight line forgets.

# %%
bulk = TabulatedSheet.of(MaterialSheet(ms.PlaneStress(copper)))  # computed once, then splines
e = jnp.linspace(-0.015, 0.015, 61)
sheet = jax.vmap(bulk.at)(e)
modulus = (sheet.stiffness11 + sheet.stiffness12) / units.GPa
at_rest = bulk.at(jnp.zeros(()))
Y = float(at_rest.stiffness11 + at_rest.stiffness12) / units.GPa

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
left.plot(100 * e, sheet.stress / units.GPa, label="lattice")
left.plot(100 * e, Y * e, "--", label="linear")
left.set(xlabel="equibiaxial strain (%)", ylabel="stress (GPa)")
left.legend(frameon=False)
right.plot(100 * e, modulus)
right.axhline(Y, color="C1", linestyle="--")
right.set(xlabel="equibiaxial strain (%)", ylabel="biaxial modulus (GPa)")
plt.show()
# %% [markdown]
# ## 2 May it be trusted?
#
# $W(F)$ exists for any $F$, even where the crystal would not stay as it is. So ask: is there a wave, long or short,
# that lowers the energy? `stability` scans the phonons of the whole zone and the acoustic tensor, which stands for the
# long waves. At rest and under a film's strain all is well. Sheared towards a twin, this copper gives way.

# %%
squeezed = jnp.diag(jnp.array([0.98, 0.98, 1.03]))
along, normal = jnp.array([1.0, 1.0, -2.0]) / 6**0.5, jnp.array([1.0, 1.0, 1.0]) / 3**0.5
sheared = jnp.eye(3) + 0.25 * jnp.outer(along, normal)
for name, F in {"at rest": jnp.eye(3), "squeezed": squeezed, "sheared": sheared}.items():
    print(f"{name}: {ms.phonons.stability(copper, F)}\n")

# %%
path = [("Γ", (0, 0, 0)), ("X", (0.5, 0, 0.5)), ("Γ", (1, 1, 1)), ("L", (0.5, 0.5, 0.5))]
plot.dispersion(copper, path, {"at rest": jnp.eye(3), "sheared by 0.25": sheared})

# %% [markdown]
# ## 3 A surface
#
# Cut the crystal and let its layers relax. What is left over, compared with as much bulk, is the surface's: its energy
# $\Gamma$, the surface stress $\tau = \partial\Gamma/\partial e$ and the surface stiffness $\Gamma_{11}$,
# $\Gamma_{12}$. All of it comes from the same four numbers of the potential.

# %%
surface = ms.surfaces.Surface(copper, "100")
print(ms.surfaces.constants(surface).table())

# %% [markdown]
# A surface stiffness may be negative: a surface does not stand alone. And because everything is one differentiable
# program, a gradient runs from the surface stress back through the relaxed slab *and* the relaxed lattice constant to
# the potential.


# %%
def surface_stress(potential):
    changed = eqx.tree_at(lambda m: m.potential, copper, potential)
    rested = ms.equilibrium(changed, throw=False).material
    return ms.surfaces.constants(eqx.tree_at(lambda s: s.material, surface, rested), throw=False).tau0 / units.N_per_m


tau, slope = eqx.filter_value_and_grad(surface_stress)(copper.potential)
print(f"surface stress {float(tau):.4f} N/m; one per cent more of")
for name in ("A", "xi", "p", "q"):
    change = 0.01 * float(getattr(copper.potential, name) * getattr(slope, name))
    print(f"  {name:2s} changes it by {change:+.4f} N/m")

# %% [markdown]
# ## 4 A film
#
# Bulk and two faces share one strain, and the energy per area is $h\,W(e) + 2\,\Gamma(e)$. The faces pull, the film
# shrinks to $\varepsilon^*$, and there its stiffness is measured. Compute it twice: with the bulk as it is, and with a
# bulk of constant modulus, which is what the textbook has in mind.

# %%
face = FilmFace.of(ms.surfaces.fit(surface).polynomial)
constant = LinearSheet(at_rest.stiffness11, at_rest.stiffness12)
inverse = jnp.linspace(0.02, 0.7, 60)
film = jax.vmap(Film(bulk, face).respond)(units.nm / inverse)
textbook = jax.vmap(Film(constant, face).respond)(units.nm / inverse)

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
left.plot(inverse, 100 * film.strain)
left.set(xlabel="1/h (1/nm)", ylabel="equilibrium strain (%)")
right.plot(inverse, film.E_app / units.GPa, label="bulk as it is")
right.plot(inverse, textbook.E_app / units.GPa, "--", label="bulk of constant modulus")
right.set(xlabel="1/h (1/nm)", ylabel="apparent modulus (GPa)")
right.legend(frameon=False)
plt.show()
# %% [markdown]
# Both start with a straight line in $1/h$. Its slope holds the surface's stiffness **and**, at the same order, the
# change of the bulk's modulus under the strain that the surface stress causes. A fit of $E + 2S/h$ cannot tell them
# apart, and calls the sum "surface modulus".
#
# ## 5 Data
#
# Films of aluminium from 1.2 to 12 nm, computed atom by atom with LAMMPS and a published potential: an experiment whose
# truth is known. First the textbook, window by window.

# %%
data = shipped_films("Al")
for line in textbook_lines(data):
    if line.quantity == "E_app":
        print(f"h ≥ {line.at_least:g} nm, {line.rows:2d} films: E = {line.modulus:.2f} GPa, S = {line.S:+.2f} N/m, "
              f"rms {line.rms:.3f} GPa")  # fmt: skip

# %% [markdown]
# Every line fits well, and every window has another answer, even another sign. Now the law above, with $W$ from the
# lattice (or, without the potential's file, from elastic constants to third order) and $\Gamma$ a polynomial with
# unknown coefficients.

# %%
aluminium = film_bulk("Al")
print(aluminium.words)
law = FilmLaw(aluminium.sheet)
thick = data.window("h_nom", at_least=1.9)
fit = ms.calibrate(law, thick, surface_parameters(), starts=2)
print(fit)

# %%
truth = read_quantities(data_file("slab_100_Al_zhou.csv"))
for name in ("tau0", "G11", "G12"):
    low, high = fit.intervals(0.9)[name]
    films, slabs = fit.values[name], truth[name].value
    print(f"{name:4s} from films {films:+.4f} [{low:+.4f}, {high:+.4f}], from slabs {slabs:+.4f} N/m")

# %% [markdown]
# The same surface, from films and from slabs that know nothing of films. What if the measurements had 2 % of noise?

# %%
noisy = with_noise(data.window("h_nom", at_least=2.0), 0.02, seed=7)
rough = ms.calibrate(law, noisy, surface_parameters(), starts=2)
print(rough)

# %%
h = jnp.linspace(1.5, 13.0, 100)  # nm
band = rough.predict(law, {"h_nom [nm]": h}, level=0.9)["E_app"]
measured = noisy.stated("h_nom")
E_noisy = (noisy.stated("A11") - noisy.stated("A12") ** 2 / noisy.stated("A11")) / measured
line = next(x for x in textbook_lines(data) if x.quantity == "E_app" and x.at_least == 4.0)

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.fill_between(h, band.lower / units.GPa, band.upper / units.GPa, alpha=0.25, label="90 % band, 2 % noise")
axes.plot(h, band.value / units.GPa)
axes.plot(measured, E_noisy, "x", color="C0", label="data with noise")
axes.plot(data.stated("h_nom"), apparent_moduli(data)["E_app"], "ko", markersize=4, label="without")
axes.plot(h, line.modulus + 2 * line.S / h, "C1--", label="textbook line, from h ≥ 4 nm")
axes.set(xlabel="thickness (nm)", ylabel="apparent modulus (GPa)", ylim=(56, 67))
axes.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# The surface stress is still known to one per cent, the stiffness barely, and of its change with strain these data say
# nothing: the report gives no number where the prior speaks.
#
# **Next**: `msjax fit` does all this for copper and aluminium, side by side with simpler laws, and for a file of your
# own; `msjax fit --help` says how it should look.
