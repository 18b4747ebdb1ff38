"""The surface at a temperature: excess free energy of a slab's waves, and with it the surface stress τ(T).

The slab's free energy per surface cell, and the bulk's per primitive cell under the same in-plane F, are

    F_slab(F, q; T) = E_slab + ⟨Σ_ν f(ω_ν, T)⟩,     w_bulk(F, q; T) = E + ⟨Σ_ν f(ω_ν, T)⟩

with the free positions q of :mod:`msjax.crystal.surfaces.layers` and the means over in-plane wave vectors, the bulk's
also over those across the face. F_slab + N w_bulk is minimal in q where the excess F_slab − N w_bulk is stationary, as
without waves: so layers and lattice relax together, in the free energy, and the excess needs first derivatives alone.

The Hessian of the static energy, which is the larger part by far, scales the unknowns of a quasi-Newton loop: some ten
turns. Derivatives of the result solve with the full Hessian.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from msjax.crystal.cauchy_born import neighbours_of
from msjax.crystal.expansion import energy
from msjax.crystal.neighbours import STRAIN_MARGIN, Neighbours, find
from msjax.crystal.phonons.mesh import Mesh, check_points, zone_mesh
from msjax.crystal.phonons.oscillator import Oscillator
from msjax.crystal.phonons.spectral import spectrum, trace
from msjax.crystal.quasi_harmonic import QuasiHarmonic, check_temperature, safe_temperature
from msjax.crystal.surfaces.energetics import Surface, arguments_of, screen_layers
from msjax.crystal.surfaces.face import Face
from msjax.crystal.surfaces.layers import Arguments, Layers, bonds_at, side_by_side
from msjax.crystal.surfaces.slab import Slab
from msjax.crystal.surfaces.vibrations import dynamical_matrices
from msjax.crystal.thermal.equilibrium import ThermalEquilibrium, equilibrium
from msjax.material.inputs import temperature as given_temperature
from msjax.material.response import Material, Response, check_strain, safe_deformation
from msjax.solvers.condensation import schur, tangent_status
from msjax.solvers.lbfgs import LBFGS, lbfgs
from msjax.solvers.linear import solve_dense
from msjax.solvers.stationary import FieldProblem, Linearized, stationary_field
from msjax.status import Code, Status, check, first_failure, guard, screen, substitute
from msjax.typing import Array, Bool, Float, PyTree, Scalar

ACROSS = 16
"""Wave vectors of the bulk across the face."""
RELAXATION = LBFGS(tolerance=1e-10, max_steps=100, largest_step=0.5, memory=12, scale=1.0)
"""Of the layers, in scaled unknowns whose squares are energies, eV."""


class QuasiHarmonicSurface(Material):
    """Excess free energy of a crystal face per reference area at a temperature, a material of dimension 2 in the face's
    axes: :class:`~msjax.crystal.surfaces.energetics.Surface` with its waves,

        2 A₀ Γ(F, T) = min_q F_slab(F, q; T) − N min_q w_bulk(F, q; T)

    (Taylor et al., doi:10.1103/PhysRevB.59.6742). ``respond(F)`` gives Γ, the surface stress τ = ∂Γ/∂F (Piola) and the
    isothermal tangent, eV/Å² (``/ units.N_per_m``), at the material's temperature or that of ``inputs``. Layers,
    and the bulk's normal strain and inner shifts, minimise the free energy, not the static one. Γ refers to the crystal
    it is given; for that of zero stress at T, and for curves τ(T), see :func:`at_temperature`.

    ``material``: the bulk, a :class:`~msjax.QuasiHarmonic` one, which says T and whether waves are quantum. ``points``:
    the mesh of in-plane wave vectors, even (:func:`msjax.crystal.phonons.mesh.zone_mesh` of two dimensions); with 8 the
    surface stress of copper at 300 K is within 2e-4 of its limit. The bulk's lie under them, with 16 across the face.
    ``face``, ``repeats``, ``termination`` and ``strain_margin`` as for ``Surface``. Of N atoms in the slab each turn of
    the relaxation diagonalises some ``points``²/2 matrices of order 3N.

    The state (n + m, 3) is a warm start, as that of ``Surface``. Failures: those of ``Surface``, and NONFINITE where
    some ω² ≤ 0, in the slab or in the bulk: then there is no quasi-harmonic free energy. Γ and τ are differentiable in
    F, T, the crystal and the potential's parameters; of the tangent there is no reverse-mode derivative.

    Raises ``ValueError`` for a material that is not quasi-harmonic, an odd number of points, springs, and as
    ``Surface``.

    >>> import jax.numpy as jnp, msjax as ms
    >>> argon = ms.CauchyBorn(ms.bulk("Ar", "fcc", a=5.3), ms.LennardJones(0.0103, 3.4, inner=5.0, outer=6.5))
    >>> face = QuasiHarmonicSurface(ms.QuasiHarmonic(argon, 20.0, points=4), "100", points=4, repeats=5)
    >>> face.slab.repeats, face.area.shape
    (5, ())
    """

    material: QuasiHarmonic
    slab: Slab = eqx.field(static=True)
    bulk: Neighbours = eqx.field(static=True)
    points: int = eqx.field(static=True)

    def __init__(
        self,
        material: QuasiHarmonic,
        face: str | Sequence[int] = "100",
        *,
        points: int = 8,
        repeats: int | None = None,
        termination: int | None = None,
        strain_margin: float = STRAIN_MARGIN,
    ):
        if not isinstance(material, QuasiHarmonic):
            raise ValueError(f"material: a QuasiHarmonic one is needed, got {type(material).__name__}")
        check_points(points, False)
        static = material.material
        slab = Surface(static, face, repeats=repeats, termination=termination, strain_margin=strain_margin).slab
        if static.potential.topological:
            raise ValueError("material: springs hold their crystal's own bonds, which a slab has not")
        reach = float(static.potential.cutoff) / (1.0 - strain_margin)
        found = slab.neighbours
        bonds = find(found.cell, found.basis, found.species, reach, reduced=False)
        self.material, self.points = material, int(points)
        self.slab = dataclasses.replace(slab, neighbours=bonds)
        self.bulk = neighbours_of(static.crystal, static.potential, strain_margin, reduced=False)

    @property
    def dim(self) -> int:
        """Two."""
        return 2

    @property
    def area(self) -> Float[Array, ""]:
        """Reference area of one primitive surface cell, Å²."""
        return self.slab.face.area(self.material.material.crystal.cell)

    def initial_state(self) -> Float[Array, "m 3"]:
        """Everything at its reference height."""
        return jnp.zeros((self.material.material.crystal.atoms_per_cell + len(self.slab.leaders), 3))

    def respond(self, strain: PyTree, state: Float[Array, "m 3"] | None = None, inputs: Any = None) -> Response:
        """(Γ, surface stress, tangent) at the in-plane deformation gradient (2, 2) and the temperature: eV/Å²."""
        warm = check_temperature(given_temperature(inputs, self.material.temperature), self.material.quantum)
        return _respond(self, check_strain(strain, 2), state, warm)


class SurfaceAtTemperature(NamedTuple):
    """Of :func:`at_temperature`, per area of the crystal's face at that temperature.

    ``energy``: Γ, surface free energy, eV/Å²; ``stress`` (2, 2): τ, surface stress, eV/Å²; ``surface``: the same
    surface on the crystal as it is at T, whose ``respond`` has the stiffness too; ``stretch`` (3, 3) of the crystal,
    from the one given; ``status``.
    """

    energy: Scalar
    stress: Float[Array, "2 2"]
    surface: QuasiHarmonicSurface
    stretch: Float[Array, "3 3"]
    status: Status


def at_temperature(
    surface: QuasiHarmonicSurface, temperature: Any = None, *, throw: bool = True
) -> SurfaceAtTemperature:
    """Surface free energy and surface stress of a crystal free of stress at a temperature, Γ(T) and τ(T).

    :func:`msjax.thermal.equilibrium` of the bulk at T, in K, by default the material's, and there Γ and ∂Γ/∂F at F = 1.
    Differentiable in T and the potential's parameters, forward and reverse; batch with vmap (then ``throw`` does
    nothing). A failed member is NaN with its status; a single one raises ``SolveError`` unless ``throw=False``.

    Raises ``ValueError`` for a surface that is not quasi-harmonic and temperatures out of range. ::

        copper = ms.QuasiHarmonic(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")))
        face = ms.surfaces.QuasiHarmonicSurface(copper, "100")
        tau = jax.vmap(lambda T: at_temperature(face, T, throw=False).stress[0, 0])(jnp.linspace(0.0, 600.0, 7))
    """
    if not isinstance(surface, QuasiHarmonicSurface):
        raise ValueError(f"surface: a QuasiHarmonicSurface is needed, got {type(surface).__name__}")
    found = equilibrium(surface.material, temperature, throw=False)
    result = _at(surface, found)
    check(result.status, "surface at a temperature", throw)
    return result


class _Given(NamedTuple):
    """What the free positions depend on."""

    layers: Arguments
    masses: Float[Array, " n"]
    temperature: Scalar


@dataclasses.dataclass(frozen=True)
class _WarmLayers(FieldProblem):
    """Free energies as functions of the flattened free positions; of ``slab`` and ``bulk``, complete lists of bonds."""

    slab: Neighbours
    bulk: Neighbours
    face: Face
    sublattice: tuple[int, ...]
    repeats: int
    points: int
    quantum: bool

    def parts(self, x: Float[Array, " n"], given: _Given) -> tuple[Scalar, Scalar, Bool[Array, ""]]:
        """F_slab and N w_bulk, eV, and whether all ω² are positive."""
        r, cut = bonds_at(given.layers, x.reshape(-1, 3)), self.slab.bonds
        along = zone_mesh(2, self.points)
        masses = given.masses[np.array(self.sublattice)]
        slab, stable = self._free_energy(self.slab, r[:cut], masses, along, given)
        bulk, also = self._free_energy(self.bulk, r[cut:], given.masses, through(self.face, along), given)
        return slab, self.repeats * bulk, stable & also

    def _free_energy(self, bonds: Neighbours, r, masses, mesh: Mesh, given: _Given) -> tuple[Scalar, Bool[Array, ""]]:
        potential = given.layers.potential
        of, stable = spectrum(dynamical_matrices(bonds, potential, r, masses, mesh.q))
        waves = trace(Oscillator(self.quantum), of, jnp.asarray(mesh.weights), given.temperature)
        return energy(potential, bonds, r) + waves, stable

    def free_energy(self, x: Float[Array, " n"], given: _Given) -> tuple[Scalar, Bool[Array, ""]]:
        """F_slab + N w_bulk, which is minimal in x."""
        slab, bulk, stable = self.parts(x, given)
        return slab + bulk, stable

    def excess(self, x: Float[Array, " n"], given: _Given) -> tuple[Scalar, Bool[Array, ""]]:
        """F_slab − N w_bulk, which is stationary there."""
        slab, bulk, stable = self.parts(x, given)
        return slab - bulk, stable

    def gradient(self, x: Float[Array, " n"], given: _Given) -> Float[Array, " n"]:
        """Of F_slab + N w_bulk."""
        return jax.grad(lambda y: self.free_energy(y, given)[0])(x)

    def find(self, start, arguments):
        """By quasi-Newton steps in y = Lᵀx, with LLᵀ the Hessian of the static energy where they start."""
        joined, _ = side_by_side(self.slab, self.bulk, self.repeats)
        _, _, static = Layers(joined).derivatives(start, arguments.layers)
        root = jnp.linalg.cholesky(static)
        # a lattice that is no minimum without waves is one with them only by chance: plain steps will do
        root = jnp.where(jnp.all(jnp.isfinite(root)), root, jnp.eye(len(start)))

        def function(y):
            x = start + solve_triangular(root, y, trans=1, lower=True)
            (value, stable), slope = jax.value_and_grad(self.free_energy, has_aux=True)(x, arguments)
            status = screen(Status.of(), ~stable, Code.NONFINITE)
            return value, solve_triangular(root, slope, lower=True), status.code

        y, status = lbfgs(function, jnp.zeros_like(start), RELAXATION)
        return start + solve_triangular(root, y, trans=1, lower=True), status, None

    def residual(self, x, arguments):
        """The gradient."""
        return self.gradient(x, arguments)

    def linearized(self, x, arguments, kept):
        """The Hessian of the free energy, dense."""

        def gradient(y):
            return self.gradient(y, arguments)

        def solve(rhs):
            # column by column one derivative is compiled; an iteration's beginning, turn and end would take three
            return solve_dense(_jacobian(gradient, x), rhs), Status.of()

        return Linearized(lambda v: jax.jvp(gradient, (x,), (v,))[1], solve)


def _jacobian(function, x: Float[Array, " n"]) -> Float[Array, "m n"]:
    """Of a gradient, hence symmetric; one column at a time, for each holds the waves of the whole slab."""
    _, along = jax.linearize(function, x)
    columns = jax.lax.map(along, jnp.eye(len(x)))
    return 0.5 * (columns + columns.T)


def through(face: Face, along: Mesh) -> Mesh:
    """The bulk's wave vectors, in the reciprocal vectors of its own cell, that a slab's lie under: with each of them
    ``ACROSS`` across the face, none at zero."""
    across = (np.arange(ACROSS) + 0.5) / ACROSS
    q = np.concatenate([np.repeat(along.q, ACROSS, axis=0), np.tile(across, len(along.q))[:, None]], axis=1)
    of_face = np.array([*face.plane, face.stacking], float)  # rows in the crystal's cell: phases q′ = M q
    return Mesh(q @ np.linalg.inv(of_face).T, np.repeat(along.weights, ACROSS) / ACROSS)


class _Excess(NamedTuple):
    """Γ and the surface stress, eV/Å², the free positions, flat, and the status."""

    energy: Scalar
    stress: Float[Array, "2 2"]
    free: Float[Array, " n"]
    status: Status


def _prepared(surface: QuasiHarmonicSurface, in_plane: Float[Array, "2 2"], warm: Scalar) -> tuple[_WarmLayers, _Given]:
    material, slab = surface.material.material, surface.slab
    problem = _WarmLayers(
        slab.neighbours,
        surface.bulk,
        slab.face,
        tuple(slab.sublattice.tolist()),
        slab.repeats,
        surface.points,
        surface.material.quantum,
    )
    return problem, _Given(arguments_of(material, slab, in_plane, surface.bulk), material.crystal.masses, warm)


def _excess(
    surface: QuasiHarmonicSurface, in_plane: Float[Array, "2 2"], state: Array | None, temperature: Scalar
) -> _Excess:
    """By relaxation, and first derivatives of free energies alone; in_plane must be one to compute with."""
    warm, usable = safe_temperature(temperature, surface.material.quantum)
    problem, given = _prepared(surface, in_plane, warm)
    start = surface.initial_state() if state is None else state
    x, status = stationary_field(problem, start.reshape(-1), given)

    def at(in_plane):
        return problem.excess(x, given._replace(layers=given.layers._replace(in_plane=in_plane)))

    (value, stable), stress = jax.value_and_grad(at, has_aux=True)(in_plane)
    faces = 2.0 * surface.area
    value, stress = value / faces, stress / faces
    status = screen_layers(surface.material.material, surface.slab, in_plane, x.reshape(start.shape), status)
    status = screen(status, ~(stable & usable), Code.NONFINITE)
    status = screen(status, ~(jnp.isfinite(value) & jnp.all(jnp.isfinite(stress))), Code.NONFINITE)
    return _Excess(value, stress, x, status)


@eqx.filter_jit
def _at(surface: QuasiHarmonicSurface, found: ThermalEquilibrium) -> SurfaceAtTemperature:
    given, relaxed = surface.material.material.crystal, found.material.material.crystal
    # what comes after a failed solve is computed on the crystal given, and is NaN in the end
    cell, basis = substitute((relaxed.cell, relaxed.basis), found.status.failed, (given.cell, given.basis))
    moved = eqx.tree_at(lambda q: (q.material.crystal.cell, q.material.crystal.basis), found.material, (cell, basis))
    warm = eqx.tree_at(lambda s: s.material, surface, moved)
    excess = _excess(warm, jnp.eye(2), None, moved.temperature)
    status = first_failure(found.status, excess.status)
    energy_, stress = guard((excess.energy, excess.stress), status.failed)
    return SurfaceAtTemperature(energy_, stress, warm, found.stretch, status)


@eqx.filter_jit
def _respond(surface: QuasiHarmonicSurface, strain: Array, state: Array | None, temperature: Scalar) -> Response:
    in_plane, status = safe_deformation(strain)
    found = _excess(surface, in_plane, state, temperature)
    status = first_failure(status, found.status)
    warm, _ = safe_temperature(temperature, surface.material.quantum)
    hessian = _condensed(*_prepared(surface, in_plane, warm), found.free)
    tangent = (hessian / (2.0 * surface.area)).reshape(2, 2, 2, 2)
    of_tangent = tangent_status(tangent, status)
    free = found.free.reshape(-1, 3)
    energy_, stress, free = guard((found.energy, found.stress, free), status.failed)
    return Response(energy_, stress, guard(tangent, of_tangent.failed), free, status, of_tangent)


def _condensed(problem: _WarmLayers, given: _Given, x: Float[Array, " n"]) -> Float[Array, "4 4"]:
    """∂²(F_slab − N w_bulk)/∂F∂F with the free positions following, which are where the difference is stationary."""

    def slope(z):
        at = given._replace(layers=given.layers._replace(in_plane=z[:4].reshape(2, 2)))
        return problem.excess(z[4:], at)[0]

    z = jnp.concatenate([given.layers.in_plane.reshape(-1), x])
    return schur(_jacobian(jax.grad(slope), z), 4)
