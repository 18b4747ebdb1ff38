"""A film study as text and as plain numbers."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from msjax import __version__
from msjax.calibration.report import table, with_sd
from msjax.studies.film_laws import CONSTANTS, HIGHER

if TYPE_CHECKING:
    from msjax.studies.films import FilmStudy, LawFit

WIDTH = 120
LABELS = {"tau0": "tau0", "G11": "Γ11", "G12": "Γ12"}


def report(study: "FilmStudy", level: float) -> str:
    """The whole study, read from top to bottom without knowing how it was made."""
    h = study.reach.thickness
    parts = [
        [study.title, "=" * len(study.title)],
        [
            f"{study.films.rows} films, {h.min():.2f} to {h.max():.2f} nm, {', '.join(study.films.names)} "
            f"from {study.films.source}",
            f"Bulk law: {study.bulk.words}.",
        ],
        _textbook(study),
        _side_by_side(study),
        _full(study, level),
        _noisy(study, level),
        _reach(study),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _textbook(study) -> list[str]:
    if not study.lines:
        return []
    rows = [
        [line.quantity, f"h ≥ {line.at_least:g} nm" if line.at_least else "all", str(line.rows),
         f"{line.modulus:.2f}", f"{line.S:+.2f}", f"{line.rms:.3f}"]
        for line in study.lines
    ]  # fmt: skip
    lines = [
        "1 The textbook: a straight line, modulus = bulk + 2S/h",
        *table(["modulus", "window", "films", "bulk GPa", "S N/m", "rms GPa"], rows),
    ]
    for quantity, (slope, part) in study.slopes.items():
        lines.append(
            f"{quantity}: to first order in 1/h, S = {slope:+.2f} N/m, of which {part:+.2f} is the surface's stiffness "
            f"and {slope - part:+.2f} the strained bulk."
        )
    lines.append(
        "The line leaves out that surface stress strains the film and that the strained bulk has other moduli:"
    )
    lines.append("small residuals do not make its S a property of the surface.")
    return lines


def _side_by_side(study) -> list[str]:
    rows = []
    for law in study.laws:
        values, sd, difference = law.fit.values, law.fit.sd, law.difference
        rows.append(
            [law.name, *(with_sd(values[name], sd[name]) for name in CONSTANTS),
             with_sd(float(difference.value), float(difference.sd)), f"{100 * law.rms:.2g} %", f"{law.fit.chi2:.3g}"]
        )  # fmt: skip
    truth = study.truth
    if truth:
        true = [truth.values[name] for name in CONSTANTS]
        rows.append(["slab", *(f"{x:.5g}" for x in true), f"{true[2] - true[1]:.5g}", "", ""])
    first = study.laws[0].fit.observations
    lines = [
        f"2 Film laws on the {first.rows} films of h ≥ {study.at_least:g} nm: energy per area h W + 2 Γ; N/m",
        *table(["law", "tau0", "Γ11", "Γ12", "Γ12 − Γ11", "rms", "chi2"], rows),
        *(f"{law.name}: {law.assumes}" for law in study.laws),
        "tau0, Γ11 and Γ12 (G11, G12 below) at a₀; dG and d2G: their slopes and curvatures along equal strain.",
    ]
    if truth:
        lines.append(f"slab: {truth.origin}, without the films")
        for law in study.laws:
            off = [law.fit.values[name] - truth.values[name] for name in CONSTANTS]
            lines.append(
                f"off the slab, {law.name}: tau0 {100 * off[0] / truth.values['tau0']:+.3f} %, "
                f"Γ11 {off[1]:+.4f}, Γ12 {off[2]:+.4f}, Γ12 − Γ11 {off[2] - off[1]:+.4f} N/m"
            )
    if study.without_stiffness is not None:
        thinnest = study.reach.thickness[study.reach.fitted].min()
        lines.append(
            f"Without the surface's stiffness (Γ11 = Γ12 = 0, tau0 kept) E_app at {thinnest:.2f} nm is "
            f"{study.without_stiffness:+.1f} GPa off: both ingredients are needed."
        )
    return lines


def _full(study, level) -> list[str]:
    law = study.law("full")
    lines = [f"3 The full law, {law.assumes}", law.fit.report(level), *_combination(law, level)]
    if study.truth and all(name in study.truth.values for name in HIGHER):
        known = ", ".join(f"{name} {study.truth.values[name]:.4g}" for name in HIGHER)
        lines.append(f"Higher constants of the slab over the films' strains: {known} N/m")
    return lines


def _noisy(study, level) -> list[str]:
    if study.noisy is None:
        return []
    law = study.noisy
    lines = [f"4 The full law on noisy data: {law.fit.observations.source}", law.fit.report(level)]
    lines += _combination(law, level)
    verdicts = dict(zip(law.fit.names, law.fit.identifiability.verdicts, strict=True))
    ratio = dict(zip(law.fit.names, law.fit.identifiability.ratio, strict=True))
    for name in ("G11", "G12"):
        if verdicts[name] != "identified":
            lines.append(
                f"{LABELS[name]} is barely identified by these data: sd {law.fit.sd[name]:.2f} N/m, "
                f"{100 * ratio[name]:.0f} % of its prior's."
            )
    if study.truth:
        held = {name: _holds(law.fit.intervals(level)[name], study.truth.values[name]) for name in CONSTANTS}
        lines.append(
            f"Slab value inside the {100 * level:g} % interval: "
            + ", ".join(f"{LABELS[name]} {'yes' if inside else 'NO'}" for name, inside in held.items())
        )
    return lines


def _holds(interval, value) -> bool:
    return interval[0] <= value <= interval[1]


def _combination(law: "LawFit", level: float) -> list[str]:
    band = law.fit.derived(_difference, "N/m", level)
    return [
        f"Γ12 − Γ11 = {with_sd(float(band.value), float(band.sd))} N/m, "
        f"{100 * level:g} % interval [{float(band.lower):.4g}, {float(band.upper):.4g}]"
    ]


def _difference(values):
    return values["G12"] - values["G11"]


def _reach(study) -> list[str]:
    reach = study.reach
    rows = [
        [f"{h:.3f}", "yes" if inside else "no", *(f"{100 * reach.residuals[k][i]:+.4f} %" for k in reach.residuals)]
        for i, (h, inside) in enumerate(zip(reach.thickness, reach.fitted, strict=True))
    ]
    law = study.law("full")
    largest = max(float(np.max(np.abs(r[reach.fitted]))) for r in reach.residuals.values())
    lines = [
        "5 What was assumed, and how far it carries",
        *textwrap.wrap(
            f"Assumed: {law.assumes}; {study.bulk.words}; the atom-count thickness; two equal faces that do not feel "
            "each other; no temperature. Left out: interaction of the faces through a thin film, orders beyond the "
            "fourth in Γ, edges, oxides and steps.",
            WIDTH,
        ),
        f"Measured over predicted by the full law, less one; in the window at most {100 * largest:.2g} %:",
        *table(["h nm", "fitted", *reach.residuals], rows),
    ]
    outside = ~reach.fitted
    if outside.any():
        worst = max(float(np.max(np.abs(r[outside]))) for r in reach.residuals.values())
        lines.append(f"Outside the window, where it was not fitted, it is off by up to {100 * worst:.2g} %.")
    return lines


def record(study: "FilmStudy") -> dict[str, Any]:
    """Numbers and words for the result file; units in the names or N/m, GPa, nm."""
    return {
        "format": "msjax film study",
        "version": 1,
        "msjax": __version__,
        "title": study.title,
        "bulk": study.bulk.words,
        "source": study.films.source,
        "window": {"at_least_nm": study.at_least},
        "films": {
            "thickness_nm": numbers(study.reach.thickness),
            "fitted": study.reach.fitted.tolist(),
            "relative_residuals": {k: numbers(v) for k, v in study.reach.residuals.items()},
        },
        "textbook": [
            {
                "modulus": line.quantity,
                "at_least_nm": line.at_least,
                "films": line.rows,
                "bulk_GPa": line.modulus,
                "S_N_per_m": line.S,
                "rms_GPa": line.rms,
            }
            for line in study.lines
        ],
        "first_order_slopes": {k: {"S_N_per_m": s, "of_the_surface": p} for k, (s, p) in study.slopes.items()},
        "laws": [_law(law) for law in study.laws],
        "noisy": None if study.noisy is None else _law(study.noisy),
        "without_stiffness_GPa": study.without_stiffness,
        "truth": None if study.truth is None else {"origin": study.truth.origin, "N_per_m": study.truth.values},
        "report": report(study, 0.9),
    }


def _law(law: "LawFit") -> dict[str, Any]:
    fit, difference = law.fit, law.difference
    judged = fit.identifiability
    data = fit.observations
    return {
        "name": law.name,
        "assumes": law.assumes,
        "source": data.source,
        "lines": list(data.lines),
        "measured": {f"{k} [{data.unit(k)}]": numbers(data.stated(k)) for k in data.names},
        "sd": {f"{k} [{data.unit(k)}]": numbers(data.stated(f"sd({k})")) for k in data.names},
        "controls": {f"{k} [{data.unit(k)}]": numbers(data.stated(k)) for k in data.controls},
        "priors": {p.name: p.prior.describe() for p in fit.parameters if p.prior is not None},
        "values_N_per_m": {k: number(v) for k, v in fit.values.items()},
        "sd_N_per_m": {k: number(v) for k, v in fit.sd.items()},
        "interval90_N_per_m": {k: [number(a), number(b)] for k, (a, b) in fit.intervals(0.9).items()},
        "verdicts": dict(zip(judged.names, judged.verdicts, strict=True)),
        "sd_over_prior": dict(zip(judged.names, numbers(judged.ratio), strict=True)),
        "correlation": numbers(fit.correlation),
        "G12_minus_G11_N_per_m": {"value": number(difference.value), "sd": number(difference.sd)},
        "chi2": number(fit.chi2),
        "dof": number(fit.dof),
        "relative_rms": law.rms,
        "failed_starts": int(np.sum(np.asarray(fit.starts.failed))),
        "warnings": list(fit.warnings),
    }


def number(value) -> float | None:
    """A number for the result file, None where it is not finite."""
    value = float(value)
    return value if np.isfinite(value) else None


def numbers(array) -> Any:
    """Nested lists of them."""
    array = np.asarray(array)
    return [numbers(row) for row in array] if array.ndim > 1 else [number(x) for x in array]
