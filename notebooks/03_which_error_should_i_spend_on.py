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
# # Which error should I spend on?
#
# A computed number is off for two reasons. The elements are too coarse or of too low a degree, and a finer mesh mends
# that. Or the equations are not those of the piece, and no mesh mends that. Both errors can be estimated before anyone
# buys a larger computer, and the larger of the two is where effort belongs.
#
# Three pieces: a plate with a hole, where the answer depends on the question asked; a sharp corner, where the answer is
# *where* to put cells; and a strip of rubber, where it depends on the load. Lengths in mm, stresses in MPa.

# %%
import jax.numpy as jnp
import numpy as np

import msjax as ms
from msjax import plot
from msjax.fe.linear.direct import Direct

# %matplotlib inline

direct = Direct()  # a sparse factorisation: these meshes are small

# %% [markdown]
# ## 1 A plate with a hole
#
# A quarter of a steel plate, 80 mm square and thin, with a hole of 20 mm diameter, pulled along x with 100 MPa. The
# mesh
# is coarse on purpose, and so is the modelling: the input file was once written for a dam and says plane strain.


# %%
def plate(material):
    def problem_on(mesh):
        symmetry = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet("y-", 0.0, "y")]
        return ms.fe.Problem(mesh, material, symmetry, [ms.fe.Traction("x+", [100.0, 0.0])])

    return problem_on


steel = ms.IsotropicElastic(210e3, 0.3)
strain, stress = plate(steel), plate(ms.PlaneStress(steel))


def onto_the_hole(x):
    return 10.0 * x / np.linalg.norm(x, axis=1, keepdims=True)


curved = {"hole": onto_the_hole}
mesh = ms.fe.holed_plate((40.0, 40.0), 10.0, (5, 4), "tri3")
problem = strain(mesh)
solution = ms.solve(problem, solver=direct)
pulled = ms.fe.stress(problem, solution, at="nodes")[:, 0, 0]
plot.deformed(mesh, solution.u, pulled, scale=100.0, label="stress 11 (MPa)", unit="mm, displacements × 100")

# %% [markdown]
# Two questions. How much longer does the half plate get, on the average over its end? And how large is the stress where
# the hole crosses the y axis? Each is a *goal*: a function of the solution, on any mesh.


# %%
def elongation(problem, solution):
    """Mean displacement of the end, µm."""
    return 1000.0 * ms.fe.boundary_mean(problem, solution, "x+")[0]


def peak(problem, solution):
    """σ11 at (0, 10), recovered from the cells around that point."""
    top = int(np.argmin(np.hypot(*(np.asarray(problem.mesh.points) - [0.0, 10.0]).T)))
    return ms.fe.stress(problem, solution, at="nodes")[top, 0, 0]


budgets = {
    "elongation": ms.fe.error_budget(strain, mesh, elongation, finer=stress, onto=curved, solver=direct),
    "peak stress": ms.fe.error_budget(strain, mesh, peak, finer=stress, onto=curved, solver=direct),
}
for name, found in budgets.items():
    print(f"{name}: {found}\n")

# %% [markdown]
# The budget solves the model three times, as it is, with every cell cut (h), and with elements of degree 2 (p), and the
# finer model on the richest of these meshes. What changes is the error.
#
# Same mesh, same wrong model, two verdicts. The elongation is 9 % too small because plane strain is stiffer, by
# $1/(1-\nu^2)$, and refinement would be wasted. The peak stress does not care: in a plate loaded by tractions alone
# stresses do not depend on the elastic constants (Michell, 1899), so the model that is wrong for one goal is right
# for the other, and there the mesh is to blame.

# %%
plot.budget(budgets)

# %% [markdown]
# For the peak it says: degree 2. The solution is smooth, so that is what one expects: with the same nodes, parabolas
# follow the hole and the stress around it, straight-sided triangles do not. Do it, and ask again.

# %%
second = ms.fe.quadratic(mesh, curved)
again = ms.fe.error_budget(strain, second, peak, finer=stress, onto=curved, solver=direct)
print(again)
problem = strain(second)
solution = ms.solve(problem, solver=direct)
pulled = ms.fe.stress(problem, solution, at="nodes")[:, 0, 0]
plot.deformed(second, solution.u, pulled, scale=100.0, label="stress 11 (MPa)", unit="mm, displacements × 100")

# %% [markdown]
# ## 2 A corner: where the cells should be
#
# Now a bracket's inner corner. The gradient there is infinite, like $r^{-1/3}$, and that caps what uniform meshes and
# higher degrees can do: the error falls as $N^{-1/3}$ whatever the elements, where smooth solutions give $N^{-1/2}$
# with
# degree 1. The problem below has the exact solution $r^{2/3}\sin(2\theta/3)$ (heat or antiplane shear), so that the
# estimates can be checked. `adapt` solves, estimates, marks the cells with most of the error, bisects them, and goes
# on.


# %%
def singular(x):
    angle = jnp.mod(jnp.arctan2(x[1], x[0]), 2 * jnp.pi)
    return jnp.sum(x**2) ** (1 / 3) * jnp.sin(2 * angle / 3)


def flux(x):
    angle, r = jnp.mod(jnp.arctan2(x[1], x[0]), 2 * jnp.pi), jnp.sqrt(jnp.sum(x**2))
    gradient = 2 / 3 * r ** (-1 / 3) * jnp.stack([-jnp.sin(angle / 3), jnp.cos(angle / 3)])
    side = jnp.argmax(jnp.abs(x))
    return gradient[side] * jnp.sign(x[side])


def bracket(mesh):
    return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [ms.fe.Dirichlet("legs")], [ms.fe.Traction("outer", flux)])


square = ms.fe.rectangle((1.0, 1.0), (3, 3), kind="tri3")
shape = ms.fe.join([square, square.moved(lambda x: x + [-1.0, 0.0]), square.moved(lambda x: x + [-1.0, -1.0])])
shape = ms.fe.Mesh(shape.points, shape.cells, "tri3")
shape = ms.fe.tag(shape, "legs", lambda x: np.abs(x).max(axis=1) < 1 - 1e-9)
shape = ms.fe.tag(shape, "outer", lambda x: np.abs(x).max(axis=1) > 1 - 1e-9)

energy = -0.9181133309375815  # −½ ∮ u ∂u/∂n along the outer sides, by quadrature
settings = {"tolerance": 1e-3, "exact": energy, "solver": direct}
uniform = ms.fe.adapt(bracket, shape, refinement="uniform", most_unknowns=1500, **settings)
local = ms.fe.adapt(bracket, shape, refinement="h", share=0.75, most_unknowns=800, **settings)
print(uniform.history, end="\n\n")
print(local.history)
print(f"\nrates of the last rounds: uniform {uniform.history.rate(3):.2f}, adaptive {local.history.rate(4):.2f}")

# %%
plot.history({"uniform": uniform.history, "adaptive": local.history}, slopes=(-1 / 2, -1 / 3),
             label="energy norm of the error")  # fmt: skip

# %%
plot.deformed(local.mesh, None, local.solution.u[:, 0], label="u")

# %% [markdown]
# The estimate (Zienkiewicz and Zhu: gradients smoothed over patches stand for the exact ones) knows nothing of the
# exact
# solution, and its effectivity, the ratio to the true error, comes close to 1. Adaptive meshes have the rate back.
#
# What would the budget have said about uniform refinement? h and p are both poor here, and it shows: neither removes
# more than about half of the error, for four times the unknowns. That is the sign to refine locally.

# %%
print(ms.fe.error_budget(bracket, shape, solver=direct))

# %% [markdown]
# ## 3 Rubber: the model that wears out
#
# A strip of rubber with a notch, in plane stress, is pulled to longer and longer. A linear material is cheap. The finer
# model is neo-Hookean at finite strain. At which stretch does linear elasticity stop being the smaller problem?

# %%
strip = ms.fe.notched_plate((20.0, 40.0), (5.0, 3.0), (4, 3), "tri3")
shear, bulk = 0.4, 2.0
lam = bulk - 2 * shear / 3
young = shear * (3 * lam + 2 * shear) / (lam + shear)
poisson = lam / (2 * (lam + shear))


def gripped(material, stretch):
    pull = [ms.fe.Dirichlet("y-"), ms.fe.Dirichlet("y+", [0.0, 40.0 * (stretch - 1.0)])]
    return lambda mesh: ms.fe.Problem(mesh, material, pull)


def force(problem, solution):
    """N per mm of thickness."""
    return ms.fe.resultant(problem, solution, "y+").force[1]


hooke, rubber = ms.PlaneStress(ms.IsotropicElastic(young, poisson)), ms.PlaneStress(ms.NeoHooke(shear, lam))
stretches = (1.005, 1.02, 1.2)
by_stretch = {}
for stretch in stretches:
    found = ms.fe.error_budget(gripped(hooke, stretch), strip, force, finer=gripped(rubber, stretch), solver=direct)
    by_stretch[f"stretch {stretch:g}"] = found
    print(f"stretch {stretch:g}: {found}\n")
plot.budget(by_stretch)

# %% [markdown]
# Discretisation error does not depend on the load; a linear problem only scales. The model's error grows in proportion
# to the strain and overtakes it within a few per cent. Before that, the neo-Hookean solve buys nothing; after that,
# every further cell in the linear mesh buys nothing.

# %%
stretched = gripped(rubber, 1.2)(strip)
answer = ms.solve(stretched, solver=direct)
true = ms.fe.cauchy_stress(stretched, answer, at="cells")[:, 1, 1]
plot.deformed(strip, answer.u, true, label="Cauchy stress 22 (MPa)", unit="mm")

# %% [markdown]
# ## What to take home
#
# - Ask for the budget of the number you need, not of the mesh. One model can be right for one goal and wrong for
#   another.
# - Where the solution is smooth, raise the degree. Where it is singular, refine locally. Where the model's bar is the
#   highest, stop refining.
# - What h and p remove is a lower bound of the discretisation error; at singularities it is well below. The finer model
#   is only as good as it is: the budget compares two models and says nothing of what both leave out.
