"""Wires and cantilevers by the nonlinear section model: from a bulk and a face to strain at rest, EA, ν and EI."""

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.calibration import JointModel
from msjax.crystal.surfaces import ExpandedSurface
from msjax.crystal.surfaces.polynomial import SurfacePolynomial
from msjax.material.response import Material
from msjax.nano import Wire, square, wire_rigidity
from msjax.nano.wire_rigidity import WireRigidity
from msjax.studies.cantilever_law import CantileverLaw
from msjax.studies.film_laws import FilmLaw
from msjax.typing import Array, Float, Scalar


def face_of(values: dict[str, Array]) -> SurfacePolynomial:
    """Γ to fourth order from the film's constants tau0, G11, G12, dG11, dG12, d2G11, d2G12 and, if there, G1122.

    Films see two combinations of the three constants of fourth order; G1122 (0 without it) is the third. What is not
    among ``values`` is 0.

    >>> import jax.numpy as jnp
    >>> from msjax.nano import FilmFace
    >>> values = {name: jnp.asarray(x) for name, x in {"tau0": 1.5, "G11": -1.6, "dG11": 3.0, "d2G12": 9.0}.items()}
    >>> face = FilmFace.of(face_of(values))
    >>> float(face.dG11), float(face.dG12), float(face.d2G11), float(face.d2G12)
    (3.0, 0.0, 0.0, 9.0)
    """
    none = jnp.zeros(())
    get = {name: values.get(name, none) for name in "tau0 G11 G12 dG11 dG12 d2G11 d2G12 G1122".split()}
    return SurfacePolynomial.square(
        tau0=get["tau0"],
        G11=get["G11"],
        G12=get["G12"],
        G111=get["dG11"] - 0.5 * get["dG12"],
        G112=0.5 * get["dG12"],
        G1111=get["d2G11"] - get["d2G12"] + get["G1122"],
        G1112=0.5 * get["d2G12"] - get["G1122"],
        G1122=get["G1122"],
    )


class WireSection(eqx.Module):
    """Square wires whose bulk is nonlinear and whose sections give way to their faces, as a model for calibration.

    ``bulk`` in the axes of the wire, ⟨100⟩; the faces are those of :func:`face_of`; ``core`` is where the fields of the
    corners end, a spacing of planes (:class:`~msjax.nano.Wire`). ``edge_stress`` and ``edge_stiffness`` among the
    parameters are those of all four edges together.
    """

    bulk: Material
    core: Scalar

    def __call__(self, values: dict[str, Array], controls: dict[str, Array]) -> dict[str, Float[Array, " n"]]:
        """Predictions at the sides of the one control; internal units."""
        (sides,) = controls.values()
        found = jax.lax.map(lambda side: self.at(values, side), sides)
        return columns(found)

    def rigidity(self, values: dict[str, Array], sides: Float[Array, " s"]) -> Float[Array, " s"]:
        """EI of each section, for :class:`~msjax.studies.cantilever_law.CantileverLaw`."""
        return jax.lax.map(lambda side: self.at(values, side).bending, sides)

    def at(self, values: dict[str, Array], side: Scalar) -> WireRigidity:
        """The wire of one side."""
        edges = [0.25 * values.get(name, jnp.zeros(())) for name in ("edge_stress", "edge_stiffness")]
        face = ExpandedSurface(face_of(values))
        wire = Wire(self.bulk, square(side), face, edge_stress=edges[0], edge_stiffness=edges[1], core=self.core)
        return wire_rigidity(wire, throw=False)


def columns(found: WireRigidity) -> dict[str, Float[Array, " n"]]:
    """What is measured on wires, by the names of their columns."""
    return {"eps_star": found.strain, "E_app": found.young, "EA": found.tension, "nu": found.poisson}


class FilmsAndSections(eqx.Module):
    """Films, wires and cantilevers of one face as one model of the kinds "films", "wires" and "cantilevers".

    As a :class:`~msjax.calibration.JointModel` whose cantilevers have the EI of ``section``, but wires' and
    cantilevers' sections are solved in one loop: the program of a section, long to compile, is there once.
    """

    films: FilmLaw
    section: WireSection
    beams: CantileverLaw

    def __call__(self, values: dict[str, Array], controls: dict[str, Array]) -> dict[str, Float[Array, " n"]]:
        """Predictions of all three; internal units."""
        (sides,) = (x for name, x in controls.items() if name.startswith("wires."))
        both = jnp.concatenate([sides, self.beams.sides])
        found = jax.lax.map(lambda side: self.section.at(values, side), both)
        wires, bending = jax.tree.map(lambda x: x[: sides.shape[0]], found), found.bending[sides.shape[0] :]
        beams = eqx.tree_at(lambda b: b.rigidity, self.beams, lambda values, sides: bending)
        parts = {"films": self.films, "wires": lambda values, controls: columns(wires), "cantilevers": beams}
        return JointModel(parts)(values, controls)
