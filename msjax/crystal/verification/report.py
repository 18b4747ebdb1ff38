"""Grades: one letter and one number per check."""

import dataclasses
from typing import NamedTuple

import numpy as np

GRADES = "ABCDF"
NOT_APPLICABLE = "-"


class Check(NamedTuple):
    """One check: its ``name``, ``grade`` (A best, F failed, "-" not applicable), ``number`` and what it means."""

    name: str
    grade: str
    number: float
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What :func:`msjax.verify` found; prints as a table, and is indexed by the names of checks."""

    potential: str
    crystal: str
    checks: tuple[Check, ...]

    def __getitem__(self, name: str) -> Check:
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"{name!r}: no such check; there are {', '.join(check.name for check in self.checks)}")

    @property
    def grade(self) -> str:
        """The worst grade of all applicable checks."""
        return max((check.grade for check in self.checks if check.grade != NOT_APPLICABLE), default=NOT_APPLICABLE)

    def worse_than(self, grade: str) -> tuple[Check, ...]:
        """The checks graded below ``grade``."""
        return tuple(check for check in self.checks if check.grade != NOT_APPLICABLE and check.grade > grade)

    def __str__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        rows = [f"{c.grade}  {c.name:<{width}}  {_number(c.number)}  {c.note}".rstrip() for c in self.checks]
        return "\n".join([f"{self.potential} in {self.crystal}: {self.grade}", *rows])


def of_error(name: str, error: float, best: float, note: str = "") -> Check:
    """A up to ``best``, then a letter for each factor of a hundred."""
    error = float(error)
    bounds = best * 100.0 ** np.arange(len(GRADES) - 1)
    grade = GRADES[int(np.sum(~(error <= bounds)))]
    return Check(name, grade, error, note or f"A up to {best:.0e}")


def of_order(name: str, order: int, note: str) -> Check:
    """A for three continuous derivatives, B two, C one, D none, F where the energy itself jumps."""
    return Check(name, GRADES[3 - order], float(order), note)


def not_applicable(name: str, why: str) -> Check:
    """A check that has no meaning here."""
    return Check(name, NOT_APPLICABLE, float("nan"), why)


def _number(x: float) -> str:
    if np.isnan(x):
        return "      -"
    return f"{int(x):7d}" if abs(x) < 10 and x == int(x) and x != 0.0 else f"{x:7.0e}"
