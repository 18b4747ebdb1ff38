"""Small files of embedded atoms, as text."""

import numpy as np

NRHO, NR, DRHO, DR = 6, 8, 0.5, 0.25
CUTOFF = DR * (NR - 1)


def column(start, count):
    """A table that begins with ``start``."""
    return np.round(start + 0.125 * np.arange(count) ** 2, 6)


def wrap(values, per_line=5, style="{:.8E}"):
    """Numbers as lines of so many."""
    tokens = [style.format(v) for v in values]
    return [" ".join(tokens[k : k + per_line]) for k in range(0, len(tokens), per_line)]


def line(content, number, replacement):
    """The text with one line exchanged."""
    lines = content.split("\n")
    lines[number - 1] = replacement
    return "\n".join(lines)
