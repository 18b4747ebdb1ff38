"""One finite-element code on the cube of ``fe.py``, in a process of its own.

Run: python scripts/benchmarks/fe_peers.py CODE CELLS MODEL REPEATS

CODE is a key of :data:`CODES`, MODEL "linear" or "neo-hooke". The last line printed is JSON: CPU seconds of the first
call (from nodes and cells to displacements; compilation included, imports not) and of later ones with other moduli and
another displacement; reactions on the top and residuals, which are found here from the displacements, the same way for
all; iterations where the code tells them; memory at the peak and after imports.

Every code is used through its public interface, on one thread, in the setting that was fastest of those tried. What
later calls can use again they do: bases, sparsity, analysis, hierarchies as preconditioners, compiled programs.
"""

import os

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

import ctypes
import importlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from fe_cube import INNER, LINEAR, TOLERANCE, Amg, Cube, Pardiso, case, cube, forces, peak, rigid_body_modes  # isort: skip

Answers = Iterator[tuple[np.ndarray, int | None]]
"""Displacements (n, 3) of call after call, and iterations."""


def msjax(mesh: Cube, model: str) -> Answers:
    """As its documentation says."""
    import equinox as eqx
    import jax.numpy as jnp

    import msjax as ms

    box, problem = ms.fe.box((1.0, 1.0, 1.0), (mesh.n,) * 3), None
    for step in itertools.count():
        lam, mu, top = given = case(step, model)
        material = ms.IsotropicElastic(given.young, given.poisson) if model == LINEAR else ms.NeoHooke(mu, lam)
        if problem is None:
            held = [ms.fe.Dirichlet("z-"), ms.fe.Dirichlet("z+", [0.0, 0.0, top])]
            problem = ms.fe.Problem(box, material, held)
        changed = problem.prescribe(jnp.asarray(mesh.lift(top)))
        solution = ms.solve(eqx.tree_at(lambda p: p.parts[0].material, changed, material))
        yield np.asarray(solution.u), int(solution.status.iterations)


def scikit_fem(mesh: Cube, model: str, direct: bool) -> Answers:
    """Forms in its own style; Newton's method for neo-Hooke, which has no model there."""
    import skfem
    from skfem.helpers import ddot, det, grad, identity, inv, mul, transpose
    from skfem.models.elasticity import linear_elasticity

    grid = skfem.MeshHex(mesh.points.T.copy(), mesh.cells[:, [6, 2, 5, 7, 1, 3, 4, 0]].T.copy())
    basis = skfem.Basis(grid, skfem.ElementVector(skfem.ElementHex1()), intorder=2)
    place, held = basis.nodal_dofs.T, basis.nodal_dofs[:, np.concatenate([mesh.bottom, mesh.top])].ravel()
    free = np.setdiff1d(np.arange(basis.N), held)
    modes = np.zeros((basis.N, 6))
    modes[place.ravel()] = rigid_body_modes(mesh.points)
    solve = Pardiso() if direct else Amg(modes[free], INNER[model])

    @skfem.BilinearForm
    def tangent(u, v, w):
        d, inverse = grad(u), w.inverse
        across = mul(inverse, mul(transpose(d), inverse))
        d_stress = w.mu * d + (w.mu - w.lam * w.log_j) * across + w.lam * ddot(inverse, d) * inverse
        return ddot(d_stress, grad(v))

    @skfem.LinearForm
    def internal(v, w):
        return ddot(w.mu * (w.f - w.inverse) + w.lam * w.log_j * w.inverse, grad(v))

    for step in itertools.count():
        lam, mu, top = case(step, model)
        u = np.zeros(basis.N)
        u[place.ravel()] = mesh.lift(top).ravel()
        if model == LINEAR:
            matrix = linear_elasticity(lam, mu).assemble(basis)
            u[free] = solve(matrix[free][:, free], -(matrix[free] @ u))
        else:
            missing, u, first = u, np.zeros(basis.N), True
            while True:
                d = basis.interpolate(u).grad
                f = d + identity(d)
                fields = {"f": f, "inverse": transpose(inv(f)), "log_j": np.log(det(f)), "lam": lam, "mu": mu}
                residual = internal.assemble(basis, **fields)
                scale = np.linalg.norm(residual[held])
                if not first and np.linalg.norm(residual[free]) <= TOLERANCE * scale:
                    break
                matrix = tangent.assemble(basis, **fields)
                change = missing if first else np.zeros(basis.N)
                change[free] = solve(matrix[free][:, free], -residual[free] - matrix[free] @ change)
                u, first = u + change, False
        yield u[place], None


def felupe(mesh: Cube, model: str) -> Answers:
    """With PARDISO; its Newton's method for neo-Hooke, one assembly and solution for the linear cube."""
    import felupe as fem

    region = fem.RegionHexahedron(fem.Mesh(mesh.points, mesh.cells, "hexahedron"))
    field = fem.FieldContainer([fem.Field(region, dim=3)])
    bounds = {
        "bottom": fem.Boundary(field[0], fz=0.0),
        "top": fem.Boundary(field[0], fz=1.0, skip=(0, 0, 1)),
        "move": fem.Boundary(field[0], fz=1.0, skip=(1, 1, 0)),
    }
    dof0, dof1 = fem.dof.partition(field, bounds)
    solve = Pardiso()
    for step in itertools.count():
        lam, mu, top = given = case(step, model)
        bounds["move"].value = top
        field[0].values[:] = 0.0
        ext0 = fem.dof.apply(field, bounds, dof0)
        if model == LINEAR:
            body = fem.SolidBody(fem.LinearElastic(given.young, given.poisson), field)
            system = fem.solve.partition(field, body.assemble.matrix(), dof1, dof0, body.assemble.vector())
            yield field[0].values + fem.solve.solve(*system, ext0, solver=solve).reshape(-1, 3), None
        else:
            body = fem.SolidBody(fem.NeoHookeCompressible(mu, lam), field)
            settings = {"dof0": dof0, "dof1": dof1, "ext0": ext0, "solver": solve, "tol": TOLERANCE, "verbose": False}
            yield fem.newtonrhapson(items=[body], **settings).x[0].values.copy(), None


def torch_fem(mesh: Cube, model: str) -> Answers:
    """Its conjugate gradients with smoothed aggregation; its call of PARDISO took twice as long."""
    import torch
    from torchfem import Solid
    from torchfem.materials import Hyperelastic3D, IsotropicElasticity3D

    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)

    def energy(f, parameters):
        mu, lam = parameters
        right = f.T @ f
        log_j = 0.5 * torch.logdet(right)
        return 0.5 * mu * (torch.trace(right) - 3.0) - mu * log_j + 0.5 * lam * log_j**2

    solid = None
    for step in itertools.count():
        lam, mu, top = given = case(step, model)
        if model == LINEAR:
            material = IsotropicElasticity3D(E=given.young, nu=given.poisson)
        else:
            material = Hyperelastic3D(energy, [mu, lam])
        if solid is None:
            solid = Solid(torch.tensor(mesh.points), torch.tensor(mesh.cells), material)
            solid.constraints[mesh.bottom] = True
            solid.constraints[mesh.top] = True
        solid.material = material.vectorize(solid.n_elem)
        solid.displacements = torch.tensor(mesh.lift(top))
        yield solid.solve(method="cg", rtol=TOLERANCE, stol=INNER[model], atol=0.0)[0].numpy(), None


def feax(mesh: Cube, model: str, multigrid: bool) -> Answers:
    """Matrix-free conjugate gradients, with a hierarchy of pyamg made once or without (its multigrid for grids took ten
    times as long)."""
    import feax as fx
    import jax
    import jax.numpy as jnp
    from feax.solvers.options import AMGSolverOptions, KrylovSolverOptions, NewtonOptions

    class Solid(fx.Problem):
        def get_energy_density(self):
            def energy(gradient, lam, mu):
                if model == LINEAR:
                    strain = 0.5 * (gradient + gradient.T)
                    return 0.5 * lam * jnp.trace(strain) ** 2 + mu * jnp.sum(strain**2)
                f = gradient + jnp.eye(3)
                log_j = jnp.log(jnp.linalg.det(f))
                return 0.5 * mu * (jnp.sum(f**2) - 3.0) - mu * log_j + 0.5 * lam * log_j**2

            return energy

    grid = fx.Mesh(jnp.asarray(mesh.points), jnp.asarray(mesh.cells), ele_type="HEX8")
    problem = Solid(grid, vec=3, dim=3, ele_type="HEX8")
    total, held, call = mesh.points.size, jnp.asarray(mesh.held), None
    mask = jnp.zeros(total, bool).at[held].set(True)
    structure = fx.TracedStructure.from_problem(problem)
    if multigrid:
        options = AMGSolverOptions(solver="cg", tol=INNER[model], atol=0.0, rebuild_every=0)
    else:
        options = KrylovSolverOptions(solver="cg", tol=INNER[model], atol=0.0, maxiter=5000)
    for step in itertools.count():
        lam, mu, top = case(step, model)
        lift = jnp.asarray(mesh.lift(top).ravel())
        bc = fx.DirichletBC(held, mask, lift[held], total)
        cells = len(mesh.cells)
        given = fx.TracedParams(volume_vars=(jnp.full(cells, lam), jnp.full(cells, mu)))
        if call is None:
            newton = NewtonOptions(tol=0.0, rel_tol=TOLERANCE)
            solve = fx.create_solver(
                problem, bc, options, linear=model == LINEAR, traced_params=given, traced_structure=structure,
                newton_options=None if model == LINEAR else newton, return_solution=False,
            )  # fmt: skip
            call = jax.jit(partial(solve))
        yield np.asarray(call(given, lift, bc=bc, traced_structure=structure)).reshape(-1, 3), None


def jax_fem(mesh: Cube, model: str) -> Answers:
    """Newton's method with PETSc's BiCGStab(l) and ILU, as in its examples (GAMG and its own BiCGStab took longer)."""
    import jax.numpy as jnp
    from jax_fem.generate_mesh import Mesh
    from jax_fem.problem import Problem
    from jax_fem.solver import solver

    class Solid(Problem):
        def get_tensor_map(self):
            def stress(gradient, lam, mu):
                if model == LINEAR:
                    return lam * jnp.trace(gradient) * jnp.eye(3) + mu * (gradient + gradient.T)
                f = gradient + jnp.eye(3)
                inverse = jnp.linalg.inv(f).T
                return mu * (f - inverse) + lam * jnp.log(jnp.linalg.det(f)) * inverse

            return stress

    def bottom(x):
        return jnp.isclose(x[2], 0.0)

    def top_(x):
        return jnp.isclose(x[2], 1.0)

    problem = None
    for step in itertools.count():
        lam, mu, top = case(step, model)
        if problem is None:
            at = [bottom] * 3 + [top_] * 3, [0, 1, 2] * 2, [lambda x: 0.0] * 6
            problem = Solid(Mesh(mesh.points, mesh.cells, ele_type="HEX8"), 3, 3, "HEX8", dirichlet_bc_info=at)
        values = problem.fes[0].vals_list
        values[5] = jnp.full_like(values[5], top)
        shape = problem.fes[0].num_cells, problem.fes[0].num_quads
        problem.internal_vars = [jnp.full(shape, lam), jnp.full(shape, mu)]
        newton = {"linear": {"petsc_solver": {"ksp_type": "bcgsl", "pc_type": "ilu"}}, "tol": 0.0}
        yield np.asarray(solver(problem, {"newton": {**newton, "rel_tol": 0.01 * TOLERANCE}})[0]), None


CODES: dict[str, tuple[tuple[str, ...], Callable[[Cube, str], Answers]]] = {
    "msjax": (("msjax",), msjax),
    "scikit-fem + pyamg": (("skfem", "pyamg"), partial(scikit_fem, direct=False)),
    "scikit-fem + pypardiso": (("skfem", "pypardiso"), partial(scikit_fem, direct=True)),
    "felupe + pypardiso": (("felupe", "pypardiso"), felupe),
    "torch-fem": (("torchfem", "torchfem.materials", "pyamg"), torch_fem),
    "feax": (("feax",), partial(feax, multigrid=False)),
    "feax + pyamg": (("feax", "amjax", "pyamg"), partial(feax, multigrid=True)),
    "jax-fem": (("jax_fem.solver", "jax_fem.generate_mesh"), jax_fem),
}
"""What to import before the clock starts, and the code."""


def main() -> None:
    """Run and judge the calls of one code."""
    code, n, model, repeats = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    modules, function = CODES[code]
    if code == "jax-fem":
        for library in Path(sys.prefix, "lib").glob("libmpi.so.*"):  # of the wheel of mpich, where no path finds it
            ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    for module in modules:
        importlib.import_module(module)
    imported = peak()
    mesh = cube(n)
    answers, seconds, found = function(mesh, model), [], []
    for _ in range(1 + repeats):
        began = time.process_time()
        u, iterations = next(answers)
        seconds.append(time.process_time() - began)
        found.append((u, iterations))
    memory = peak()
    report: dict[str, Any] = {"seconds": seconds, "imported": imported, "peak": memory, "reactions": []}
    residuals = []
    for step, (u, _) in enumerate(found):
        given = case(step, model)
        nodal = forces(mesh, u, given, model)
        report["reactions"].append(float(np.sum(nodal[mesh.top, 2])))
        of_held = np.linalg.norm(nodal.ravel()[mesh.held])
        nodal.ravel()[mesh.held] = 0.0
        wrong = np.max(np.abs((u - mesh.lift(given.top)).ravel()[mesh.held]))
        residuals.append(float(np.linalg.norm(nodal) / of_held + wrong))
    report["residual"], report["iterations"] = max(residuals), found[-1][1]
    sys.stdout.write(f"\n{json.dumps(report)}\n")


if __name__ == "__main__":
    main()
