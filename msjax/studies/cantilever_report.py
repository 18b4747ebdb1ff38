"""A cantilever study as text and as plain numbers."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from msjax import __version__, units
from msjax.calibration.report import table, with_sd
from msjax.studies.film_report import WIDTH, numbers

if TYPE_CHECKING:
    from msjax.studies.cantilevers import CantileverStudy


def report(study: "CantileverStudy", level: float) -> str:
    """The whole study, read from top to bottom without knowing how it was made."""
    data = study.cantilevers
    length = np.asarray(data.controls["L"]) / units.nm
    sides = np.asarray(study.law.sides) / units.nm
    parts = [
        [study.title, "=" * len(study.title)],
        [
            f"{data.rows} cantilevers of {sides.size} section{'s' if sides.size > 1 else ''}, sides {sides.min():.2f} "
            f"to {sides.max():.2f} nm, lengths {length.min():.1f} to {length.max():.1f} nm, {', '.join(data.names)} "
            f"from {data.source}",
            f"Bulk: {study.bulk.words}, E⟨100⟩ = {study.bulk.E / units.GPa:.2f} GPa.",
        ],
        _textbook(study),
        ["2 Timoshenko's beam with a clamp offset", study.fit.report(level)],
        _sections(study),
        _carried(study),
        _reach(study),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _textbook(study) -> list[str]:
    if study.plain is None:
        return []
    sides = np.asarray(study.law.sides) / units.nm
    rows = [[f"{side:.3f}", f"{low:.2f} to {high:.2f}"] for side, (low, high) in zip(sides, study.plain, strict=True)]
    return [
        "1 The textbook: E = k L³/(3 I) by Euler–Bernoulli, nothing corrected",
        *table(["side nm", "E GPa"], rows),
        "Where E of one section changes with the length, the clamp or the load is not where L says.",
    ]


def _sections(study) -> list[str]:
    fit, sides = study.fit, np.asarray(study.law.sides) / units.nm
    sd = np.array([fit.sd[f"EI[{i}]"] for i in range(sides.size)])
    offsets = np.broadcast_to(fit.values["clamp_offset"], sides.shape)
    heading = ["side nm", "EI nN nm^2", "12 EI/D⁴ GPa", "over bulk", "clamp offset nm"]
    rows = [
        [
            f"{side:.3f}",
            with_sd(float(bending), float(spread)),
            with_sd(float(modulus), float(12.0 * spread / side**4)),
            f"{modulus * units.GPa / study.bulk.E:.3f}",
            f"{offset:.3f}",
        ]
        for side, bending, spread, modulus, offset in zip(
            sides, np.asarray(fit.values["EI"]), sd, study.moduli, offsets, strict=True
        )
    ]
    lines = ["3 The sections", *table(heading, rows)]
    if study.rotations is not None:
        known = study.rotations
        off = 100.0 * (np.asarray(fit.values["EI"]) / known.bending - 1.0)
        lines.append("off what section rotations say, far from clamp and load: EI "
                     + ", ".join(f"{x:+.2f} %" for x in off)
                     + "; clamp offset " + ", ".join(f"{x:+.3f} nm" for x in offsets - known.offset))  # fmt: skip
    return lines


def _carried(study) -> list[str]:
    rows = [[data, *(f"{ratio:.2g}" for ratio in ratios)] for data, ratios in study.carried()]
    return [
        "4 Which data carry which parameter: sd over the prior's, were these the only data",
        *table(["data", *study.fit.names], rows),
    ]


def _reach(study) -> list[str]:
    data = study.cantilevers
    side, length = (np.asarray(data.controls[name]) / units.nm for name in "DL")
    relative = study.relative
    rows = [
        [f"{d:.3f}", f"{l:.2f}", f"{l / d:.1f}", *(f"{100 * relative[k][i]:+.3f} %" for k in data.names)]
        for i, (d, l) in enumerate(zip(side, length, strict=True))
    ]
    return [
        "5 What was assumed, and how far it carries",
        *textwrap.wrap(
            "Assumed: a straight uniform beam between clamp and load whose sections stay plane, with the rotary "
            "inertia of a square; a mass per length that is not fitted; one offset for statics and all frequencies. "
            "Left out: large deflections, torsion, damping, a gradient of the section towards its ends.",
            WIDTH,
        ),
        "Measured less predicted over measured:",
        *table(["side nm", "L nm", "L/D", *data.names], rows),
    ]


def record(study: "CantileverStudy") -> dict[str, Any]:
    """Numbers and words for the result file; units in the names."""
    fit, data, known = study.fit, study.cantilevers, study.rotations
    judged = fit.identifiability
    return {
        "format": "msjax cantilever study",
        "version": 1,
        "msjax": __version__,
        "title": study.title,
        "bulk": study.bulk.words,
        "source": data.source,
        "lines": list(data.lines),
        "measured": {f"{k} [{data.unit(k)}]": numbers(data.stated(k)) for k in data.names},
        "sd": {f"{k} [{data.unit(k)}]": numbers(data.stated(f"sd({k})")) for k in data.names},
        "controls": {f"{k} [{data.unit(k)}]": numbers(data.stated(k)) for k in data.controls},
        "sides_nm": numbers(np.asarray(study.law.sides) / units.nm),
        "values": {f"{p.name} [{p.unit}]": numbers(np.atleast_1d(fit.values[p.name])) for p in fit.parameters},
        "moduli_GPa": numbers(study.moduli),
        "sd_of_components": dict(zip(fit.names, numbers(list(fit.sd.values())), strict=True)),
        "interval90": {k: list(x) for k, x in fit.intervals(0.9).items()},
        "verdicts": dict(zip(judged.names, judged.verdicts, strict=True)),
        "sd_over_prior": {name: numbers(ratios) for name, ratios in study.carried()},
        "chi2": float(fit.chi2),
        "dof": float(fit.dof),
        "relative_residuals": {k: numbers(r) for k, r in study.relative.items()},
        "euler_bernoulli_GPa": None if study.plain is None else [list(x) for x in study.plain],
        "rotations": None if known is None else {
            "EI_nN_nm2": numbers(known.bending), "clamp_offset_nm": numbers(known.offset)
        },
        "warnings": list(fit.warnings),
        "report": report(study, 0.9),
    }  # fmt: skip
