"""Cantilevers of a few sections: rigidities and clamp offset from tip stiffness and frequencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from msjax import units
from msjax.calibration import Fit, Observations, calibrate
from msjax.studies.cantilever_data import shipped_cantilevers
from msjax.studies.cantilever_law import (
    CantileverLaw,
    cantilever_parameters,
    shipped_cantilever_law,
    sides_of,
)
from msjax.studies.cubic_bulk import CubicBulk, cubic_bulk
from msjax.studies.films import Progress
from msjax.studies.study import Study


@dataclass(frozen=True)
class Rotations:
    """What section rotations say of each section, independent of the fit: EI in nN nm², clamp offset in nm."""

    bending: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True)
class CantileverStudy(Study):
    """Result of :func:`cantilever_study`: ``str(study)`` is the report, :meth:`save` writes the result file.

    ``plain`` holds for each section the smallest and the largest E, GPa, that Euler–Bernoulli's k = 3 E I/L³ gives
    without a clamp offset (None where no stiffness was measured).
    """

    title: str
    bulk: CubicBulk
    cantilevers: Observations
    law: CantileverLaw
    fit: Fit
    plain: tuple[tuple[float, float], ...] | None
    rotations: Rotations | None

    @property
    def moduli(self) -> np.ndarray:
        """12 EI/D⁴ of each section, GPa."""
        sides = np.asarray(self.law.sides) / units.nm
        return 12.0 * np.asarray(self.fit.values["EI"]) / sides**4

    @property
    def relative(self) -> dict[str, np.ndarray]:
        """(measured − predicted)/measured, row by row."""
        data = self.cantilevers
        return {k: np.asarray(r * data.sd[k] / data.values[k]) for k, r in self.fit.residuals.items()}

    def carried(self) -> list[tuple[str, np.ndarray]]:
        """Posterior over prior standard deviations if only the data named had been measured."""
        names = self.cantilevers.names
        subsets: list[Sequence[str]] = [(name,) for name in names]
        if len(names) > 1:
            subsets.append(names)
        return [(" + ".join(subset), self.fit.identifiability_from(*subset).ratio) for subset in subsets]

    def report(self, level: float = 0.9) -> str:
        """The study as text."""
        from msjax.studies.cantilever_report import report

        return report(self, level)

    def record(self) -> dict[str, Any]:
        """The study as plain numbers and words."""
        from msjax.studies.cantilever_report import record

        return record(self)


def cantilever_study(
    cantilevers: Observations,
    bulk: CubicBulk,
    *,
    law: CantileverLaw | None = None,
    offsets: str = "each",
    title: str = "Cantilevers",
    rotations: Rotations | None = None,
    starts: int = 1,
    progress: Progress | None = None,
) -> CantileverStudy:
    """Fit the rigidities of the sections and the clamp's offset.

    Args:
        cantilevers: measurements, from :func:`~msjax.studies.cantilever_data.read_cantilevers` or another way.
        bulk: moduli, about which the priors lie, and density, from which the mass is.
        law: where sections' masses are known otherwise; without it they are ρ D².
        offsets: "each", "one" or "none", see :func:`~msjax.studies.cantilever_law.cantilever_parameters`.
        title: first line of the report.
        rotations: what is known of the sections otherwise, to compare with.
        starts: of the fit.
        progress: called as ``progress(done, total, message)``.

    Raises:
        ValueError: the data are not cantilever data, or frequencies were measured and the bulk has no density.
        SolveError: no start of the fit converged.
    """
    tell = progress or (lambda done, total, message: None)
    if law is None:
        if bulk.density is None and any(name.startswith("f") for name in cantilevers.names):
            raise ValueError("bulk: frequencies need its density, and it states none")
        law = CantileverLaw.of(cantilevers, 1.0 if bulk.density is None else bulk.density)
    tell(0, 1, f"{title}: fitting rigidities and clamp offset")
    fit = calibrate(law, cantilevers, cantilever_parameters(law, bulk.E, bulk.C44, offsets=offsets), starts=starts)
    tell(1, 1, f"{title}: done")
    return CantileverStudy(title, bulk, cantilevers, law, fit, _plain(cantilevers), rotations)


def shipped_cantilever_study(offsets: str = "each", *, progress: Progress | None = None) -> CantileverStudy:
    """The copper cantilevers that come with the project, compared with what their sections' rotations say."""
    cantilevers = shipped_cantilevers()
    known = shipped_cantilevers(measured=("EI_curv", "clamp_offset"))
    sides = np.asarray(known.controls["D"])
    longest = [np.flatnonzero(np.isclose(sides, side, rtol=1e-6))[-1] for side in sides_of(cantilevers)]
    return cantilever_study(
        cantilevers,
        cubic_bulk("Cu"),
        law=shipped_cantilever_law(cantilevers),
        offsets=offsets,
        title="Square ⟨100⟩ cantilevers of copper",
        rotations=Rotations(known.stated("EI_curv")[longest], known.stated("clamp_offset")[longest]),
        progress=progress,
    )


def _plain(cantilevers: Observations) -> tuple[tuple[float, float], ...] | None:
    name = next((name for name in ("k", "k_lin") if name in cantilevers.values), None)
    if name is None:
        return None
    side, length = (np.asarray(cantilevers.controls[name]) for name in "DL")
    modulus = np.asarray(cantilevers.values[name]) * 4.0 * length**3 / side**4 / units.GPa
    groups = [modulus[np.isclose(side, one, rtol=1e-6)] for one in sides_of(cantilevers)]
    return tuple((float(group.min()), float(group.max())) for group in groups)
