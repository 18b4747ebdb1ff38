"""Films, wires and cantilevers of one face in one fit: what they share, and which of them carries what."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax import __version__
from msjax.calibration import Fit, Normal, Parameter, calibrate, joined
from msjax.calibration.report import table
from msjax.io import data_file, read_quantities
from msjax.studies.cantilever_data import shipped_cantilevers
from msjax.studies.cantilever_law import cantilever_parameters, shipped_cantilever_law
from msjax.studies.cubic_bulk import cubic_bulk
from msjax.studies.film_bulk import Route, film_bulk
from msjax.studies.film_data import at_least_as_thick, shipped_films
from msjax.studies.film_laws import CONSTANTS, FilmLaw, surface_parameters
from msjax.studies.film_report import numbers
from msjax.studies.films import THINNEST, Progress, Truth, slab_truth
from msjax.studies.section_law import FilmsAndSections, WireSection
from msjax.studies.study import Study
from msjax.studies.wire_data import shipped_wires
from msjax.studies.wire_law import edge_parameters

SPREAD = {"eps_star": 5e-3, "E_app": 2e-3}
"""Relative standard deviations stated for the wires: what a continuum section leaves out from 2 nm on."""
THINNEST_WIRE = 1.95
THINNEST_CANTILEVER = 2.2
"""nm."""

FOURTH = Parameter("G1122", "N/m", prior=Normal(0.0, 5000.0))
"""The constant of fourth order that films do not see, with the prior of the others."""


@dataclass(frozen=True)
class JointStudy(Study):
    """Result of :func:`joint_study`: ``str(study)`` is the report, :meth:`save` writes the result file."""

    title: str
    fit: Fit
    truth: Truth

    @property
    def kinds(self) -> tuple[str, ...]:
        """films, wires, cantilevers."""
        return tuple(dict.fromkeys(name.split(".")[0] for name in self.fit.observations.names))

    @property
    def carried(self) -> dict[str, np.ndarray]:
        """Posterior over prior standard deviation of each parameter, if only one kind had been measured."""
        names = self.fit.observations.names
        return {
            kind: self.fit.identifiability_from(*(n for n in names if n.startswith(f"{kind}."))).ratio
            for kind in self.kinds
        }

    @property
    def relative(self) -> dict[str, np.ndarray]:
        """(measured − predicted)/measured."""
        data = self.fit.observations
        return {k: np.asarray(r * data.sd[k] / data.values[k]) for k, r in self.fit.residuals.items()}

    def report(self, level: float = 0.9) -> str:
        """The study as text."""
        fit, names = self.fit, self.fit.names
        truth = [
            [name, f"{fit.values[name]:.4f}", f"{fit.sd[name]:.4f}", f"{self.truth.values[name]:.4f}"]
            for name in CONSTANTS
        ]
        carried = [[name, *(f"{ratios[i]:.2g}" for ratios in self.carried.values())] for i, name in enumerate(names)]
        worst = [[name, f"{100.0 * np.max(np.abs(r)):.3f} %"] for name, r in self.relative.items()]
        parts = [
            [self.title, "=" * len(self.title)],
            ["1 The fit", fit.report(level)],
            [f"2 The face, N/m; {self.truth.origin}", *table(["", "fit", "sd", "slab"], truth)],
            [
                "3 Which data carry which parameter: sd over the prior's, were these the only data",
                *table(["", *self.carried], carried),
            ],
            ["4 Largest misfit", *table(["", "relative"], worst)],
        ]
        return "\n\n".join("\n".join(part) for part in parts)

    def record(self) -> dict[str, Any]:
        """The study as plain numbers and words."""
        return {
            "msjax": __version__,
            "title": self.title,
            "values": {name: np.asarray(value).tolist() for name, value in self.fit.values.items()},
            "sd": dict(self.fit.sd),
            "slab": dict(self.truth.values),
            "sd_over_prior": {kind: numbers(ratios) for kind, ratios in self.carried.items()},
            "names": list(self.fit.names),
            "chi2": float(self.fit.chi2),
            "dof": float(self.fit.dof),
            "relative_residuals": {k: numbers(r) for k, r in self.relative.items()},
            "warnings": list(self.fit.warnings),
            "report": self.report(),
        }


def joint_study(
    route: Route = "auto",
    *,
    films_at_least: float = THINNEST,
    wires_at_least: float = THINNEST_WIRE,
    cantilevers_at_least: float = THINNEST_CANTILEVER,
    progress: Progress | None = None,
) -> JointStudy:
    """The copper films, wires and cantilevers that come with the project, in one fit.

    In common are τ₀, Γ₁₁, Γ₁₂ and the higher constants of the {100} face; wires and cantilevers share the edges'
    stress and stiffness; one clamp offset is the cantilevers' own, their shear rigidity 5/6 C₄₄ D² is not fitted.
    Wires and cantilevers are :class:`~msjax.studies.section_law.WireSection`, with the bulk of ``route``
    (:func:`~msjax.studies.film_bulk.film_bulk`).

    Args:
        route: of the bulk.
        films_at_least: thickness from which films are fitted, nm.
        wires_at_least: side from which wires are fitted, nm.
        cantilevers_at_least: side from which cantilevers are fitted, nm.
        progress: called as ``progress(done, total, message)``.

    Raises:
        ValueError: nothing of a kind is thick enough, or ``route`` cannot be taken.
        SolveError: the fit did not converge.
    """
    tell = progress or (lambda done, total, message: None)
    tell(0, 2, "bulk and slab")
    bulk = film_bulk("Cu", route)
    spacing = read_quantities(data_file("bulk_Cu_mishin1.csv"))["a0"]
    law = WireSection(bulk.material.material, jnp.asarray(0.5 * spacing.internal))
    data = {
        "films": at_least_as_thick(shipped_films("Cu"), films_at_least),
        "wires": at_least_as_thick(shipped_wires(relative_sd=SPREAD), wires_at_least),
        "cantilevers": shipped_cantilevers(measured=("k_lin", "f1")).window("D", at_least=cantilevers_at_least),
    }
    beams = shipped_cantilever_law(data["cantilevers"])
    moduli = cubic_bulk("Cu")
    shear = 5.0 / 6.0 * moduli.C44 * np.asarray(beams.sides) ** 2
    clamped = [p for p in cantilever_parameters(beams, moduli.E, moduli.C44, shear=shear) if p.name != "EI"]
    tell(1, 2, "fitting films, wires and cantilevers")
    model = FilmsAndSections(FilmLaw(bulk.sheet), law, beams)
    parameters = (*surface_parameters(), *edge_parameters(), FOURTH, *clamped)
    fit = calibrate(model, joined(data), parameters, starts=1)
    tell(2, 2, "done")
    return JointStudy("Films, wires and cantilevers of copper, {100} faces", fit, slab_truth(bulk, "Cu"))
