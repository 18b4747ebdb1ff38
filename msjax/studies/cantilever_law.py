"""The law of cantilevers of a few square sections, as a model for :func:`msjax.calibration.calibrate`."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.calibration import LogNormal, Normal, Observations, Parameter
from msjax.io import data_file, read_quantities
from msjax.nano import Beam
from msjax.studies.cantilever_data import CANTILEVERS
from msjax.studies.film_bulk import METALS
from msjax.studies.wire_data import WIRES, read_wires
from msjax.typing import Array, Float

ELEMENTS = 12
"""f₃ is then good to 1e-5."""

Rigidity = Callable[[dict[str, Array], Float[Array, " s"]], Float[Array, " s"]]
"""EI of each section from the parameters and the sections' sides, internal units."""


def fitted_rigidity(values: dict[str, Array], sides: Float[Array, " s"]) -> Float[Array, " s"]:
    """EI of each section is a parameter of its own, ``values["EI"]``."""
    return values["EI"]


class CantileverLaw(eqx.Module):
    """Timoshenko cantilevers with a clamp offset: rigidities in, tip stiffness and frequencies out (internal units).

    ``values`` holds ``EI`` (one a section, unless ``rigidity`` says what it is), ``kGA`` and ``clamp_offset`` (one, or
    one a section); ``controls`` the side D and the length L of each row. A clamp offset is added to the length: where
    it is negative, the clamp shortens what can bend.

    ``sides``, ``mass`` per length and ``overhang`` are one a section. The overhang is what vibrates and does not bend
    beyond the point where the deflection is measured: half a layer of atoms, where lengths end at the centre of the
    last one. Rotary inertia is that of a square, mass D²/12. A row whose side is none of ``sides`` is NaN.
    """

    sides: Float[Array, " s"]
    mass: Float[Array, " s"]
    overhang: Float[Array, " s"]
    rigidity: Rigidity

    @classmethod
    def of(
        cls,
        cantilevers: Observations,
        density: float,
        *,
        strain: Array | np.ndarray | float = 0.0,
        overhang: Array | np.ndarray | float = 0.0,
        rigidity: Rigidity = fitted_rigidity,
    ) -> "CantileverLaw":
        """The law for these rows, with a section for every side among them, ascending.

        Mass per length is ρ D²/(1 + ε*) where D is the side by atom count, ``density`` that of the bulk (internal
        units) and ``strain`` ε* the relaxed wire's, one or one a section.

        Raises:
            ValueError: the controls are not D and L, or density or strains are out of range.
        """
        sides = sides_of(cantilevers)
        along = np.broadcast_to(np.asarray(strain, float), sides.shape)
        if not (np.isfinite(density) and density > 0.0):
            raise ValueError(f"density: expected one positive number, got {density!r}")
        if not np.all(along > -1.0):
            raise ValueError(f"strain: expected numbers above -1, got {strain!r}")
        beyond = np.broadcast_to(np.asarray(overhang, float), sides.shape)
        mass = density * sides**2 / (1.0 + along)
        return cls(jnp.asarray(sides), jnp.asarray(mass), jnp.asarray(beyond), rigidity)

    def __call__(self, values: dict[str, Array], controls: dict[str, Array]) -> dict[str, Float[Array, " n"]]:
        """Predictions at sides ``D`` and lengths ``L``."""
        side, length = controls["D"], controls["L"]
        apart = jnp.abs(side[:, None] / self.sides[None] - 1.0)
        row = jnp.argmin(apart, axis=1)
        known = jnp.take_along_axis(apart, row[:, None], axis=1)[:, 0] < 1e-6
        bending = jnp.where(known, self.rigidity(values, self.sides)[row], jnp.nan)
        shear, offset = (jnp.broadcast_to(values[k], self.sides.shape)[row] for k in ("kGA", "clamp_offset"))
        mass, beyond = self.mass[row], self.overhang[row]

        def one(side, length, bending, shear, offset, mass, beyond):
            rotary = mass * side**2 / 12.0
            beam = Beam(length, bending, mass, 1.0 / shear, rotary, clamp_offset=offset, elements=ELEMENTS)
            longer = eqx.tree_at(lambda b: b.length, beam, length + beyond)
            return beam.point_stiffness().k, longer.vibrate(3).frequencies

        k, frequencies = jax.vmap(one)(side, length, bending, shear, offset, mass, beyond)
        rotations = {"EI": bending, "EI_curv": bending, "kGA": shear, "clamp_offset": offset}
        return {"k": k, "k_lin": k, **{f"f{i + 1}": frequencies[:, i] for i in range(3)}, **rotations}


def sides_of(cantilevers: Observations) -> np.ndarray:
    """The different sides among the rows, ascending, internal units.

    Raises:
        ValueError: the controls are not D and L.
    """
    if set(cantilevers.controls) != {"D", "L"}:
        raise ValueError(f"cantilevers: expected the controls D and L, got {', '.join(cantilevers.controls) or 'none'}")
    sides = np.sort(np.asarray(cantilevers.controls["D"]))
    return sides[np.concatenate([[True], np.diff(sides) > 1e-6 * sides[1:]])]


def cantilever_parameters(
    law: CantileverLaw, E: float, G: float, *, shear: Array | np.ndarray | None = None, offsets: str = "one"
) -> tuple[Parameter, ...]:
    """EI of each section, shear rigidity and clamp offset with wide priors about a bulk's moduli.

    Args:
        law: whose sections.
        E: Young's modulus along the beam, internal units; EI is log-normal about E D⁴/12, a factor of two either way.
        G: shear modulus; kGA is log-normal about (5/6) G D², a factor of two.
        shear: kGA of each section where it is known, internal units; it is not fitted then.
        offsets: of the clamp: "one" for all, "each" for one a section, "none" for none, held at zero. Normal, 0 ± 1 nm.

    Raises:
        ValueError: for other ``offsets``.
    """
    sides = np.asarray(law.sides)
    spread = np.full(sides.shape, np.log(2.0))
    bending = Parameter("EI", "nN nm^2", prior=LogNormal(E * sides**4 / 12.0 / (units.nN * units.nm**2), spread))
    if shear is None:
        shearing = Parameter("kGA", "nN", prior=LogNormal(5.0 / 6.0 * G * sides**2 / units.nN, spread))
    else:
        shearing = Parameter("kGA", "nN", fixed=np.broadcast_to(np.asarray(shear), sides.shape) / units.nN)
    if offsets == "none":
        clamp = Parameter("clamp_offset", "nm", fixed=0.0)
    elif offsets == "one":
        clamp = Parameter("clamp_offset", "nm", prior=Normal(0.0, 1.0))
    elif offsets == "each":
        clamp = Parameter("clamp_offset", "nm", prior=Normal(np.zeros(sides.shape), np.ones(sides.shape)))
    else:
        raise ValueError(f"offsets: expected 'one', 'each' or 'none', got {offsets!r}")
    return bending, shearing, clamp


def shipped_cantilever_law(cantilevers: Observations, metal: str = "Cu") -> CantileverLaw:
    """The law of the cantilevers that come with the project: mass and half a layer's overhang from their atoms.

    The sections' strains are those of the wires they were cut from.

    Raises:
        ValueError: there are none of this metal, or no wire of one of the sides.
    """
    if metal not in CANTILEVERS:
        raise ValueError(f"metal: cantilevers of {', '.join(CANTILEVERS)} come with the project, got {metal!r}")
    bulk = read_quantities(data_file(f"bulk_{METALS[metal]}.csv"))
    wires = read_wires(data_file(WIRES[metal]), measured=["eps_star"], relative_sd=1.0)
    known, strains = (np.asarray(x) for x in (next(iter(wires.controls.values())), wires.values["eps_star"]))
    sides = sides_of(cantilevers)
    nearest = np.argmin(np.abs(known[:, None] - sides), axis=0)
    if not np.allclose(known[nearest], sides, rtol=1e-6):
        raise ValueError(f"cantilevers: a side is none of the wires in data/{WIRES[metal]}")
    layers = 0.5 * bulk["a0"].internal * (1.0 + strains[nearest])
    return CantileverLaw.of(cantilevers, bulk["density"].internal, strain=strains[nearest], overhang=0.5 * layers)
