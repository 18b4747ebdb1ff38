"""The fit as text that can be read without knowing how it was made."""

from collections.abc import Sequence

import numpy as np

from msjax.calibration.fit import Fit
from msjax.calibration.laplace import goodness, quantile
from msjax.status import Code


def with_sd(value: float, sd: float) -> str:
    """A number with the digits its standard deviation leaves it.

    >>> with_sd(1.50312, 0.0102), with_sd(-12.3, 4.56), with_sd(67114.3, 180.0)
    ('1.503 ± 0.010', '-12.3 ± 4.6', '67110 ± 180')
    """
    if not (np.isfinite(value) and np.isfinite(sd)) or sd <= 0:
        return f"{value:.6g}"
    digits = 1 - int(np.floor(np.log10(sd)))
    if digits > 8 or digits < -4:
        return f"{value:.8g} ± {sd:.2g}"
    if digits <= 0:
        return f"{round(value, digits):.0f} ± {round(sd, digits):.0f}"
    return f"{value:.{digits}f} ± {sd:.{digits}f}"


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns with a rule below the heading."""
    widths = [max(len(row[i]) for row in [heading, *rows]) for i in range(len(heading))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heading, *rows]]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return [line.rstrip() for line in lines]


def report(fit: Fit, level: float = 0.9) -> str:
    """The report of a fit; a parameter that the data do not identify gets these words and no number."""
    data = fit.observations
    lines = [
        f"Calibration of {len(fit.names)} parameters on {data.count} data "
        f"({data.rows} rows of {', '.join(data.names)}) from {data.source}",
        f"{Code(int(fit.status.code)).name} by {fit.method}; {_starts(fit)}",
        "",
        *_parameters(fit, level),
    ]
    others = [p for p in fit.parameters if not p.free]
    if others:
        values = fit.values
        words = [
            f"{p.name} = {_plain(values[p.name])} {p.unit} ({'tied' if p.fixed is None else 'fixed'})" for p in others
        ]
        lines += ["", "Not fitted: " + "; ".join(words)]
    if bool(fit.status.failed):
        return "\n".join([*lines, "", *(f"Warning: {text}" for text in fit.warnings)])
    lines += ["", *_information(fit), "", *_goodness(fit)]
    lines += [""] if fit.warnings else []
    lines += [f"Warning: {text}" for text in fit.warnings]
    return "\n".join(lines)


def _starts(fit: Fit) -> str:
    failed = np.asarray(fit.starts.failed)
    count = failed.size
    words = f"{count} start{'s' if count > 1 else ''}, {count - int(failed.sum())} converged"
    words += f" to {fit.basins} minim{'um' if fit.basins == 1 else 'a'}" if fit.basins else ""
    if failed.any():
        codes = np.asarray(fit.starts.code)[failed]
        words += ", failed: " + ", ".join(f"{int(np.sum(codes == c))} {Code(int(c)).name}" for c in np.unique(codes))
    return words


def _parameters(fit: Fit, level: float) -> list[str]:
    judged = fit.identifiability
    intervals, sd, reach = fit.intervals(level), fit.sd, quantile(level)
    rows, index = [], 0
    for parameter in fit.parameters:
        if parameter.prior is None:
            continue
        values = np.ravel(fit.values[parameter.name])
        ends = [
            np.ravel(np.asarray(parameter.prior.physical(np.full(parameter.prior.shape, s * reach)))) for s in (-1, 1)
        ]
        for i, name in enumerate(parameter.components):
            low, high = intervals[name]
            words = judged.verdicts[index]
            shown = with_sd(float(values[i]), sd[name])
            if words.startswith("not identified"):
                shown, words = words, "the prior speaks"
            if low < 0 < high and ends[0][i] < 0 < ends[1][i]:
                words += "; sign open"
            rows.append(
                [name, parameter.unit, shown, _range(low, high), _range(ends[0][i], ends[1][i]),
                 f"{judged.ratio[index]:.2g}", words]
            )  # fmt: skip
            index += 1
    percent = f"{100 * level:g} %"
    return table(
        ["parameter", "unit", "value ± sd", f"{percent} interval", f"{percent} of prior", "sd/prior", "verdict"], rows
    )


def _information(fit: Fit) -> list[str]:
    judged = fit.identifiability
    weak = int(np.sum(judged.eigenvalues < 1.0))
    lines = [
        "Information in the data, per direction, in units of the prior's (below 1 the prior speaks): "
        + ", ".join(f"{x:.2g}" for x in judged.eigenvalues)
    ]
    for index in range(len(judged.names) - weak, len(judged.names)):
        lines.append(f"  hardly seen by these data: {judged.direction(index)}  ({judged.eigenvalues[index]:.2g})")
    if not weak:
        lines.append(f"  least determined: {judged.worst}")
    correlation = fit.correlation
    pairs = [(abs(correlation[i, j]), i, j) for i in range(len(judged.names)) for j in range(i)]
    strong = [
        f"{judged.names[j]}, {judged.names[i]}: {correlation[i, j]:+.3f}"
        for c, i, j in sorted(pairs)[::-1][:3]
        if c > 0.5
    ]
    if strong:
        lines.append("Correlations: " + "; ".join(strong))
    return lines


def _goodness(fit: Fit) -> list[str]:
    chi2, dof, p = goodness(fit.residuals_flat, fit.information)
    data = fit.observations
    counted = "row" if data.source == "observations" else "line"
    lines = [f"Goodness: chi2 = {chi2:.4g} for {dof:.1f} degrees of freedom, p = {p:.2g}"]
    flat = np.abs(fit.residuals_flat)
    worst = np.argsort(-flat, kind="stable")[: min(3, flat.size)]
    named = [
        f"{name} in {counted} {line}: {fit.residuals_flat[k]:+.2f} sd"
        for k in worst
        for name, line in [data.place(int(k))]
    ]
    return [*lines, "  largest residuals: " + "; ".join(named)]


def _range(low: float, high: float) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return "none"
    digits = max(0, 2 - int(np.floor(np.log10(max(high - low, 1e-300)))))
    return f"[{low:.{digits}f}, {high:.{digits}f}]" if digits <= 8 else f"[{low:.8g}, {high:.8g}]"


def _plain(value) -> str:
    return f"{value:.6g}" if np.ndim(value) == 0 else "(" + ", ".join(f"{x:.6g}" for x in np.ravel(value)) + ")"
