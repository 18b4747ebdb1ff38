"""Square wires in tension: a wire law fitted alone, and with films of the same faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.calibration import Band, Fit, JointModel, Observations, Parameter, calibrate, joined
from msjax.studies.film_bulk import NAMES, FilmBulk, Route, film_bulk
from msjax.studies.film_data import at_least_as_thick, shipped_films
from msjax.studies.film_laws import CONSTANTS, FilmLaw, surface_parameters
from msjax.studies.films import THINNEST, Progress, Truth, slab_truth
from msjax.studies.study import Study
from msjax.studies.textbook_lines import Line
from msjax.studies.wire_data import shipped_wires
from msjax.studies.wire_law import (
    UniaxialBulk,
    UniaxialFace,
    WireFirstOrder,
    edge_parameters,
    uniaxial_bulk,
    wire_lines,
)

THINNEST_WIRE = 3.0
"""nm; thinner wires are left out: the third order in 1/D shows."""

SPREAD = {"eps_star": 1e-2, "E_app": 2e-3, "EA": 2e-3}
"""Relative standard deviations stated for the wires that come with the project: what a law of second order in 1/D
leaves out from 3 nm on. Their numbers are good to 1e-6."""


@dataclass(frozen=True)
class WireStudy(Study):
    """Result of :func:`wire_study`: ``str(study)`` is the report, :meth:`save` writes the result file.

    ``alone`` is the law fitted to the wires, ``together`` to wires and films (None without films), with τ₀, Γ₁₁ and Γ₁₂
    in common; ``model`` is the law, ``lines`` the textbook's.
    """

    title: str
    bulk: FilmBulk
    uniaxial: UniaxialBulk
    wires: Observations
    at_least: float
    lines: tuple[Line, ...]
    model: Any
    alone: Fit
    films: Observations | None
    together: Fit | None
    truth: Truth | None

    def second(self, fit: Fit, level: float = 0.9) -> Band:
        """G″ of a side along the path of uniaxial stress, N/m: the one stiffness of the face that wires see."""
        return fit.derived(UniaxialFace(self.uniaxial), "N/m", level)

    @property
    def true_second(self) -> float | None:
        """G″ of the truth, N/m."""
        return None if self.truth is None else self.slope(self.truth.values)[1]

    def slope(self, values: dict[str, float]) -> tuple[float, float]:
        """S of E_app = E + 4S/D to first order in 1/D, and the part of the surface's stiffness, N/m, of ``values``."""
        internal = {name: jnp.asarray(values[name]) * units.N_per_m for name in CONSTANTS}
        second = float(UniaxialFace(self.uniaxial)(internal))
        first = float(internal["tau0"] * (1.0 - self.uniaxial.nu))
        bulk = -first * float(self.uniaxial.slope / self.uniaxial.E) - first
        return (second + bulk) / units.N_per_m, second / units.N_per_m

    def relative(self, fit: Fit, prefix: str = "") -> dict[str, np.ndarray]:
        """(measured − predicted)/measured of the wires in a fit's window."""
        data = fit.observations
        found = {k: np.asarray(r * data.sd[k] / data.values[k]) for k, r in fit.residuals.items()}
        return {name.removeprefix(prefix): r for name, r in found.items() if name.startswith(prefix)}

    def report(self, level: float = 0.9) -> str:
        """The study as text."""
        from msjax.studies.wire_report import report

        return report(self, level)

    def record(self) -> dict[str, Any]:
        """The study as plain numbers and words."""
        from msjax.studies.wire_report import record

        return record(self)


def wire_study(
    wires: Observations,
    bulk: FilmBulk,
    *,
    films: Observations | None = None,
    law: Any = None,
    parameters: Sequence[Parameter] | None = None,
    at_least: float = THINNEST_WIRE,
    films_at_least: float = THINNEST,
    title: str = "Wires",
    truth: Truth | None = None,
    starts: int = 1,
    progress: Progress | None = None,
) -> WireStudy:
    """Fit a wire law to ``wires``, alone and together with ``films``.

    Args:
        wires: measurements, from :func:`~msjax.studies.wire_data.read_wires` or another way.
        bulk: the bulk law (:func:`~msjax.studies.film_bulk.film_bulk`).
        films: of the same faces; fitted by the full film law, with τ₀, Γ₁₁, Γ₁₂ in common.
        law: a model for calibration from ``tau0``, ``G11``, ``G12`` and its own ``parameters`` to eps_star, E_app and
            EA at sides; without it :class:`~msjax.studies.wire_law.WireFirstOrder` with
            :func:`~msjax.studies.wire_law.edge_parameters`.
        parameters: of ``law`` beside the face's; those of the film law reach it too.
        at_least: side from which wires are fitted, nm.
        films_at_least: thickness from which films are fitted, nm.
        title: first line of the report.
        truth: surface constants known otherwise, to compare with.
        starts: of each fit.
        progress: called as ``progress(done, total, message)``.

    Raises:
        ValueError: no wire or no film is thick enough, or the data are not wire or film data.
        SolveError: no start of a fit converged.
    """
    tell = progress or (lambda done, total, message: None)
    total = 1 if films is None else 2
    data = at_least_as_thick(wires, at_least)
    uniaxial = uniaxial_bulk(bulk.material.material)
    model = WireFirstOrder(uniaxial) if law is None else law
    own = tuple(edge_parameters() if parameters is None else parameters)
    face = [parameter for parameter in surface_parameters() if parameter.name in CONSTANTS]
    tell(0, total, f"{title}: fitting the wires alone")
    alone = calibrate(model, data, (*face, *own), starts=starts)
    together = None
    if films is not None:
        tell(1, total, f"{title}: fitting wires and films together")
        both = joined({"films": at_least_as_thick(films, films_at_least), "wires": data})
        joint = JointModel({"films": FilmLaw(bulk.sheet), "wires": model})
        together = calibrate(joint, both, (*surface_parameters(), *own), starts=starts)
    tell(total, total, f"{title}: done")
    lines = wire_lines(wires)
    return WireStudy(title, bulk, uniaxial, wires, at_least, lines, model, alone, films, together, truth)


def shipped_wire_study(
    route: Route = "auto", *, at_least: float = THINNEST_WIRE, progress: Progress | None = None
) -> WireStudy:
    """The copper wires that come with the project, alone and with the copper films, compared with the slab."""
    bulk = film_bulk("Cu", route)
    return wire_study(
        shipped_wires(relative_sd=SPREAD),
        bulk,
        films=shipped_films("Cu"),
        at_least=at_least,
        title=f"Square ⟨100⟩ wires of {NAMES['Cu']}",
        truth=slab_truth(bulk, "Cu"),
        progress=progress,
    )
