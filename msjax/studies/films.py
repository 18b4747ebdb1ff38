"""The main job: film laws side by side on film data, with what each returns for the surface and what it leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.calibration import Band, Fit, Observations, calibrate
from msjax.calibration.quantities import factor
from msjax.crystal.surfaces import Surface
from msjax.crystal.surfaces.constants import constants
from msjax.crystal.surfaces.higher import fit as fit_polynomial
from msjax.io import data_file, read_quantities
from msjax.nano import FilmFace, LinearSheet, TabulatedSheet
from msjax.studies.film_bulk import METALS, NAMES, FilmBulk, Route, film_bulk
from msjax.studies.film_data import shipped_films, thickness_of, with_noise
from msjax.studies.film_laws import CONSTANTS, FilmLaw, surface_parameters
from msjax.studies.study import Study
from msjax.studies.textbook_lines import Line, apparent_moduli, slopes_of, textbook_lines

THINNEST = 1.9
"""nm; thinner films are left out of the fits on exact data: their faces feel each other and higher orders show."""
NOISE = 0.02
THINNEST_NOISY = 2.0
SEED = 7
"""Of the synthetic noise in the main job."""

Progress = Callable[[int, int, str], Any]
"""Called as ``progress(done, total, message)``."""


@dataclass(frozen=True)
class LawFit:
    """One law fitted: its name, what it assumes, the model and the fit."""

    name: str
    assumes: str
    model: FilmLaw
    fit: Fit

    @property
    def rms(self) -> float:
        """Root mean square of the relative residuals."""
        data = self.fit.observations
        residuals = self.fit.residuals
        relative = [r * np.asarray(data.sd[k]) / np.abs(np.asarray(data.values[k])) for k, r in residuals.items()]
        return float(np.sqrt(np.mean(np.concatenate(relative) ** 2)))

    @property
    def difference(self) -> Band:
        """Γ12 − Γ11, N/m: known better from slabs than either, whose numbers copper's kink at a₀ shifts alike."""
        return self.fit.derived(_difference, "N/m")


def _difference(values):
    return values["G12"] - values["G11"]


@dataclass(frozen=True)
class Truth:
    """Surface constants known without the films, N/m, and how."""

    values: dict[str, float]
    origin: str


@dataclass(frozen=True)
class Reach:
    """How the fitted law does on each film: thickness in nm, relative residuals, and whether it was fitted to."""

    thickness: np.ndarray
    residuals: dict[str, np.ndarray]
    fitted: np.ndarray


@dataclass(frozen=True)
class FilmStudy(Study):
    """Result of :func:`film_study`: ``str(study)`` is the report, :meth:`save` writes the result file.

    ``laws`` in the order fitted: "full", "constant" and "linear bulk"; ``noisy`` the full law on the same films with
    synthetic noise (None for a user's own data); ``lines`` the textbook's; ``without_stiffness`` by how much E_app is
    off at the thinnest film fitted, GPa, when Γ11 = Γ12 = 0 and only the surface stress is kept.
    """

    title: str
    bulk: FilmBulk
    films: Observations
    at_least: float
    laws: tuple[LawFit, ...]
    lines: tuple[Line, ...]
    reach: Reach
    without_stiffness: float | None
    truth: Truth | None
    noisy: LawFit | None

    def law(self, name: str) -> LawFit:
        """A law by name."""
        return next(law for law in self.laws if law.name == name)

    @property
    def slopes(self) -> dict[str, tuple[float, float]]:
        """First-order slope S of E_app and Y_app and the surface's own part, N/m, of the truth or else of the fit."""
        values = self.truth.values if self.truth else self.law("full").fit.values
        bulk = self.bulk.sheet
        found = slopes_of(bulk, *(values[name] * units.N_per_m for name in CONSTANTS))
        return {name: (s / units.N_per_m, part / units.N_per_m) for name, (s, part) in found.items()}

    def report(self, level: float = 0.9) -> str:
        """The study as text."""
        from msjax.studies.film_report import report

        return report(self, level)

    def record(self) -> dict[str, Any]:
        """The study as plain numbers and words."""
        from msjax.studies.film_report import record

        return record(self)


def film_study(
    films: Observations,
    bulk: FilmBulk,
    *,
    at_least: float = THINNEST,
    title: str = "Films",
    truth: Truth | None = None,
    noise: tuple[float, float, int] | None = None,
    starts: int = 3,
    progress: Progress | None = None,
) -> FilmStudy:
    """Fit the film laws to ``films`` and compare them.

    Args:
        films: measurements, from :func:`~msjax.studies.film_data.read_films` or another way.
        bulk: the bulk law (:func:`~msjax.studies.film_bulk.film_bulk`).
        at_least: thickness from which films are fitted, nm.
        title: first line of the report.
        truth: surface constants known otherwise, to compare with.
        noise: relative noise, smallest thickness in nm, and seed, to fit the full law once more on noisy data.
        starts: of each fit.
        progress: called as ``progress(done, total, message)``.

    Raises:
        ValueError: no film is thick enough, or the data are not film data.
        SolveError: no start of a fit converged.
    """
    tell = progress or (lambda done, total, message: None)
    control = thickness_of(films)
    scale = units.nm / factor(films.unit(control))
    data = films.window(control, at_least=at_least * scale)
    total = 5 if noise else 4
    nonlinear = FilmLaw(bulk.sheet)
    linear = FilmLaw(linear_sheet(bulk.sheet))
    plan = (
        ("full", "nonlinear bulk, Γ to fourth order", nonlinear, True),
        ("constant", "nonlinear bulk, constant Γ11 and Γ12", nonlinear, False),
        ("linear bulk", "bulk of constant modulus, Γ to fourth order", linear, True),
    )
    laws = []
    for done, (name, assumes, model, higher) in enumerate(plan):
        tell(done, total, f"{title}: fitting the law with {assumes}")
        fit = calibrate(model, data, surface_parameters(higher=higher), starts=starts)
        laws.append(LawFit(name, assumes, model, fit))
    noisy = None
    if noise:
        size, thinnest, seed = noise
        tell(len(plan), total, f"{title}: fitting data with {100 * size:g} % noise")
        rough = with_noise(films.window(control, at_least=thinnest * scale), size, seed)
        fit = calibrate(nonlinear, rough, surface_parameters(), starts=starts)
        noisy = LawFit("full, noisy data", plan[0][1], nonlinear, fit)
    tell(total - 1, total, f"{title}: predicting all films")
    reach, without = _reach(films, control, data, laws[0])
    tell(total, total, f"{title}: done")
    return FilmStudy(title, bulk, films, at_least, tuple(laws), textbook_lines(films), reach, without, truth, noisy)


def linear_sheet(sheet: TabulatedSheet) -> TabulatedSheet:
    """The sheet with the moduli it has at zero strain, at every strain; as a table, so that one program serves both."""
    here = sheet.at(jnp.zeros(()))
    low, high = sheet.ends
    return TabulatedSheet.of(LinearSheet(here.stiffness11, here.stiffness12), (low, high), sheet.stress.step)


def slab_truth(bulk: FilmBulk, metal: str) -> Truth:
    """Surface constants of the (100) face: from the potential where it is there, else from the project's table."""
    if bulk.crystal is not None:
        surface = Surface(bulk.crystal, "100")
        exact = constants(surface)
        higher = FilmFace.of(fit_polynomial(surface).polynomial)
        values = {"tau0": exact.tau0, "G11": exact.G11, "G12": exact.G12}
        values |= {name: getattr(higher, name) for name in ("dG11", "dG12", "d2G11", "d2G12")}
        stated = {name: float(value) / units.N_per_m for name, value in values.items()}
        return Truth(stated, "computed from the potential's slab")
    table = read_quantities(data_file(f"slab_100_{METALS[metal]}.csv"))
    return Truth({name: table[name].value for name in CONSTANTS}, f"from slab_100_{METALS[metal]}.csv")


def main_job(
    metals: Sequence[str] = ("Cu", "Al"), *, route: Route = "auto", progress: Progress | None = None
) -> tuple[FilmStudy, ...]:
    """The films that come with the project, metal by metal, fitted and compared with the surface's own numbers.

    Raises:
        ValueError: no films of a metal come with the project, or ``route`` cannot be taken.
    """
    tell = progress or (lambda done, total, message: None)
    films = {metal: shipped_films(metal) for metal in metals}
    each = 7
    total = each * len(metals)
    studies = []
    for index, metal in enumerate(metals):
        begin, name = each * index, NAMES[metal]
        tell(begin, total, f"{name}: bulk law")
        bulk = film_bulk(metal, route)
        tell(begin + 1, total, f"{name}: surface of the slab")
        truth = slab_truth(bulk, metal)
        studies.append(
            film_study(
                films[metal],
                bulk,
                title=f"(100) films of {name}",
                truth=truth,
                noise=(NOISE, THINNEST_NOISY, SEED),
                progress=lambda done, _, message, begin=begin: tell(begin + 2 + done, total, message),
            )
        )
    return tuple(studies)


@eqx.filter_jit
def _predict(model: FilmLaw, values, thickness):
    return model(values, {"h": thickness})


def _reach(films: Observations, control: str, fitted: Observations, law: LawFit) -> tuple[Reach, float | None]:
    """Relative residuals of the law on all films; and E_app without surface stiffness, less the measured one, GPa."""
    h = films.controls[control]
    values = law.fit.internal_values
    found = _predict(law.model, values, h)
    residuals = {k: np.asarray(films.values[k] / found[k]) - 1.0 for k in films.names}
    inside = np.isin(np.asarray(films.lines), np.asarray(fitted.lines))
    bare = {name: value if name == "tau0" else jnp.zeros_like(value) for name, value in values.items()}
    measured = apparent_moduli(films)
    off = None
    if "E_app" in measured:
        thinnest = int(np.argmin(np.where(inside, np.asarray(h), np.inf)))
        off = float(_predict(law.model, bare, h)["E_app"][thinnest]) / units.GPa - float(measured["E_app"][thinnest])
    return Reach(np.asarray(h) / units.nm, residuals, inside), off
