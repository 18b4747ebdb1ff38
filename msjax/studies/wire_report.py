"""A wire study as text and as plain numbers."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from msjax import __version__, units
from msjax.calibration import Fit
from msjax.calibration.report import table, with_sd
from msjax.studies.film_laws import CONSTANTS
from msjax.studies.film_report import LABELS, WIDTH, numbers

if TYPE_CHECKING:
    from msjax.studies.wires import WireStudy


def report(study: "WireStudy", level: float) -> str:
    """The whole study, read from top to bottom without knowing how it was made."""
    side = np.asarray(next(iter(study.wires.controls.values()))) / units.nm
    parts = [
        [study.title, "=" * len(study.title)],
        [
            f"{study.wires.rows} wires, sides {side.min():.2f} to {side.max():.2f} nm, {', '.join(study.wires.names)} "
            f"from {study.wires.source}",
            f"Bulk law: {study.bulk.words}.",
        ],
        _textbook(study),
        ["2 The wire law on wires alone", study.alone.report(level), *_second(study, study.alone, level)],
        _together(study, level),
        _reach(study),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _textbook(study) -> list[str]:
    if not study.lines:
        return []
    rows = [
        [f"D ≥ {line.at_least:g} nm" if line.at_least else "all", str(line.rows), f"{line.modulus:.2f}",
         f"{line.S:+.2f}", f"{line.rms:.3f}"]
        for line in study.lines
    ]  # fmt: skip
    best = study.together or study.alone
    slope, part = study.slope(study.truth.values if study.truth else best.values)
    return [
        "1 The textbook: a straight line, E_app = bulk + 4S/D",
        *table(["window", "wires", "bulk GPa", "S N/m", "rms GPa"], rows),
        f"To first order in 1/D, S = {slope:+.2f} N/m, of which {part:+.2f} is the surface's stiffness and "
        f"{slope - part:+.2f} the strained bulk and its changed length.",
    ]


def _second(study, fit: Fit, level: float) -> list[str]:
    band = study.second(fit, level)
    lines = [
        f"G″ = (1 + ν²) Γ11 − 2ν Γ12 + tau0 λ″ = {with_sd(float(band.value), float(band.sd))} N/m, "
        f"{100 * level:g} % interval [{float(band.lower):.4g}, {float(band.upper):.4g}]"
    ]
    if study.truth is not None:
        off = [100.0 * (fit.values["tau0"] / study.truth.values["tau0"] - 1.0)]
        off.append(100.0 * (float(band.value) / study.true_second - 1.0))
        lines.append(f"off the slab ({study.truth.origin}): tau0 {off[0]:+.2f} %, G″ {off[1]:+.2f} %")
    return lines


def _together(study, level: float) -> list[str]:
    fit = study.together
    if fit is None:
        return []
    rows = []
    for name, label in LABELS.items():
        both = fit.identifiability.ratio[fit.names.index(name)]
        found = study.alone.identifiability.ratio[study.alone.names.index(name)]
        films = fit.identifiability_from(*(k for k in fit.observations.names if k.startswith("films.")))
        rows.append([label, f"{found:.2g}", f"{films.ratio[fit.names.index(name)]:.2g}", f"{both:.2g}"])
    lines = [
        "3 Wires and films together: one face",
        fit.report(level),
        *_second(study, fit, level),
        "sd over the prior's, by data:",
        *table(["", "wires", "films", "both"], rows),
    ]
    if study.truth is not None:
        values = study.truth.values
        lines.append(
            "off the slab: "
            + ", ".join(f"{LABELS[name]} {fit.values[name] - values[name]:+.4f} N/m" for name in CONSTANTS)
        )
    return lines


def _reach(study) -> list[str]:
    relative = study.relative(study.alone)
    side = np.asarray(next(iter(study.alone.observations.controls.values()))) / units.nm
    both = {} if study.together is None else study.relative(study.together, "wires.")
    heading = ["side nm", *(f"{k} alone" for k in relative), *(f"{k} together" for k in both)]
    columns = [*relative.values(), *both.values()]
    rows = [[f"{d:.3f}", *(f"{100 * column[i]:+.3f} %" for column in columns)] for i, d in enumerate(side)]
    return [
        "4 What was assumed, and how far it carries",
        *textwrap.wrap(
            f"Fitted from D ≥ {study.at_least:g} nm. Assumed: {study.bulk.words}; sides of equal faces; the side by "
            "atom count; edges and the second order as two numbers; no temperature. Left out: the third order in 1/D.",
            WIDTH,
        ),
        "Measured less predicted over measured:",
        *table(heading, rows),
    ]


def record(study: "WireStudy") -> dict[str, Any]:
    """Numbers and words for the result file; units in the names."""
    data = study.wires
    return {
        "format": "msjax wire study",
        "version": 1,
        "msjax": __version__,
        "title": study.title,
        "bulk": study.bulk.words,
        "source": data.source,
        "window": {"at_least_nm": study.at_least},
        "textbook": [
            {
                "at_least_nm": line.at_least,
                "wires": line.rows,
                "bulk_GPa": line.modulus,
                "S_N_per_m": line.S,
                "rms_GPa": line.rms,
            }
            for line in study.lines
        ],
        "alone": _fit(study, study.alone),
        "together": None if study.together is None else _fit(study, study.together),
        "truth": None if study.truth is None else {"origin": study.truth.origin, "N_per_m": study.truth.values},
        "report": report(study, 0.9),
    }


def _fit(study, fit: Fit) -> dict[str, Any]:
    data, judged, band = fit.observations, fit.identifiability, study.second(fit)
    return {
        "source": data.source,
        "lines": list(data.lines),
        "measured": {f"{k} [{data.unit(k)}]": numbers(data.stated(k)) for k in data.names},
        "sd": {f"{k} [{data.unit(k)}]": numbers(data.stated(f"sd({k})")) for k in data.names},
        "controls": {f"{k} [{data.unit(k)}]": numbers(data.stated(k)) for k in data.controls},
        "values": {f"{p.name} [{p.unit}]": numbers(np.atleast_1d(fit.values[p.name])) for p in fit.parameters},
        "sd_of_components": dict(zip(fit.names, numbers(list(fit.sd.values())), strict=True)),
        "interval90": {k: list(x) for k, x in fit.intervals(0.9).items()},
        "verdicts": dict(zip(judged.names, judged.verdicts, strict=True)),
        "sd_over_prior": dict(zip(judged.names, numbers(judged.ratio), strict=True)),
        "G2_N_per_m": {"value": float(band.value), "sd": float(band.sd)},
        "chi2": float(fit.chi2),
        "dof": float(fit.dof),
        "relative_residuals": {k: numbers(r) for k, r in study.relative(fit).items()},
        "warnings": list(fit.warnings),
    }
