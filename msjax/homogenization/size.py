"""How large is representative? One answer per property: stiffness averages, strength is that of the weakest link."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from msjax.homogenization.integral_range import VarianceLaw, size_needed, variance_law
from msjax.homogenization.sampling import Interval, check_level, check_positive, valid_members
from msjax.homogenization.weakest_link import SizeEffect, size_effect


@dataclass(frozen=True)
class PropertySize:
    """Representative ``volume`` of one property, and the law it follows from.

    ``law`` is a :class:`~msjax.homogenization.integral_range.VarianceLaw` where the members average the property, a
    :class:`~msjax.homogenization.weakest_link.SizeEffect` where the weakest link decides. ``mean``: of the largest
    members. ``largest``: their volume; a representative volume above it is an extrapolation. ``failed`` members were
    left out.
    """

    volume: Interval
    law: VarianceLaw | SizeEffect
    mean: float
    largest: float
    failed: int


@dataclass(frozen=True)
class RepresentativeSizes:
    """What :func:`representative_sizes` found, by property, and what was asked."""

    properties: dict[str, PropertySize]
    relative_error: float
    realisations: int
    structure: float | None
    level: float
    dim: int

    def ratio(self, name: str, reference: str) -> Interval:
        """How many times the representative volume of one property is that of another.

        The two intervals, taken as independent, are joined in logarithms: each end moves by the root of the sum of
        squares. A value of infinity over infinity is NaN.

        Raises:
            ValueError: a property has no such name.
        """
        above, below = self._volume(name), self._volume(reference)
        with np.errstate(invalid="ignore", divide="ignore"):
            a, b = np.log(above), np.log(below)
            ratio = a[0] - b[0]
            down, up = np.hypot(a[0] - a[1], b[2] - b[0]), np.hypot(a[2] - a[0], b[0] - b[1])
            return Interval(*(float(np.exp(x)) for x in (ratio, ratio - down, ratio + up)))

    def report(self) -> str:
        """The sizes in plain words, smallest first."""
        several = f"with {self.realisations} realisations" if self.realisations > 1 else "with one realisation"
        lines = [
            f"Representative volume for an error of {100 * self.relative_error:g} %, {several} "
            f"({100 * self.level:g} % intervals):"
        ]
        ranked = sorted(self.properties, key=lambda name: self.properties[name].volume.value)
        lines += [f"  {name}: {self._sentence(self.properties[name])}" for name in ranked]
        for name in ranked[1:] if np.isfinite(self.properties[ranked[0]].volume.value) else []:
            lines.append(f"The RVE for {name} is {self._times(name, ranked[0])} for {ranked[0]}.")
        return "\n".join(lines)

    def _volume(self, name: str) -> Interval:
        if name not in self.properties:
            raise ValueError(f"property: {name!r} is unknown; these are known: {', '.join(self.properties)}")
        return self.properties[name].volume

    def _times(self, name: str, reference: str) -> str:
        ratio = self.ratio(name, reference)
        if not np.isfinite(ratio.lower):
            return "out of reach of any volume, unlike that"
        if not np.isfinite(ratio.upper):
            return f"at least {ratio.lower:.3g} times larger in volume than that"
        edge = ratio.value ** (1.0 / self.dim)
        return f"{ratio} times larger in volume ({edge:.3g} times in edge) than that"

    def _sentence(self, found: PropertySize) -> str:
        law = found.law
        if isinstance(law, SizeEffect):
            m = law.from_scatter
            double = 2.0**self.dim
            text = (
                f"volume {found.volume}, a member whose mean is that of the structure (volume {self.structure:g}). "
                f"Weakest link with m = {m}: twice the edge lowers the mean to {double ** (-1.0 / m.value):.3g} of it, "
                f"and more realisations do not help."
            )
            if law.p_value < 1.0 - self.level:
                text += (
                    f" But the mean falls as m = {law.from_slope} would have it, which does not agree "
                    f"(p = {law.p_value:.2g}): the weakest link may not be the law."
                )
        elif np.isinf(found.volume.lower):
            text = "no volume is enough: the scatter grows with the volume."
        else:
            size = f"volume {found.volume}"
            if np.isinf(found.volume.upper):
                size = f"volume at least {found.volume.lower:.4g}, no upper end: the scatter may not fall at all"
            error = f" ± {law.exponent_error:.2g}" if law.exponent_error > 0.0 else ""
            text = f"{size}; variance goes as volume to the power {-law.exponent:.3g}{error}."
        if np.isfinite(found.volume.value) and found.volume.value > found.largest:
            text += f" Extrapolated: the largest members have volume {found.largest:g}."
        if found.failed:
            text += f" {found.failed} failed members were left out."
        return text


def representative_sizes(
    tables: Mapping[str, Mapping[float, ArrayLike]],
    relative_error: float,
    *,
    realisations: int = 1,
    weakest_link: tuple[str, ...] = (),
    structure: float | None = None,
    exponent: float | None = None,
    level: float = 0.95,
    dim: int = 3,
) -> RepresentativeSizes:
    """Representative volume of each property for a wanted error.

    A property that members average (stiffness, conductivity): the volume of which ``realisations`` members give the
    mean to the error, from the fall of their variance (:func:`~msjax.homogenization.integral_range.size_needed`).

    A property of the ``weakest_link`` (strength, first failure): its scatter does not fall with the volume, its mean
    does. The volume V is that at which the mean strength is above the one of the ``structure`` by no more than the
    error: (V/structure)^(−1/m) = 1 + ε, with m of the scatter
    (:func:`~msjax.homogenization.weakest_link.size_effect`). A strength not named there is treated as an average,
    with the exponent its scatter shows.

    Args:
        tables: by property and volume of the members, the property of each member (n,); failed members are NaN.
        relative_error: ε, the half width of the 95 % interval of the mean, relative to it.
        realisations: how many members will be averaged.
        weakest_link: names of the properties that the weakest link decides.
        structure: volume under the same stress in the part that is to be designed; needed for ``weakest_link``.
        exponent: of the fall of the variance, 1 without long-range correlation; ``None`` fits it.
        level: of the intervals.
        dim: 3, or 2 where "volume" is an area.

    >>> x = (np.arange(40) + 0.5) / 40
    >>> stiffness = {v: 10.0 + (x - 0.5) / v**0.5 for v in (1.0, 8.0, 64.0)}
    >>> strength = {v: (-np.log(1 - x) / v) ** 0.1 for v in (1.0, 8.0, 64.0)}
    >>> tables = {"stiffness": stiffness, "strength": strength}
    >>> found = representative_sizes(tables, 0.01, weakest_link=("strength",), structure=1e6)
    >>> print(found.report().splitlines()[-1])  # doctest: +ELLIPSIS
    The RVE for strength is ... times larger in volume (... times in edge) than that for stiffness.

    Raises:
        ValueError: naming the property and the volume: too few members or volumes, a number that is not positive, a
            name in ``weakest_link`` without a table or without a ``structure``.
    """
    check_positive("relative_error", relative_error)
    check_level(level)
    if realisations < 1:
        raise ValueError(f"realisations: {realisations}, expected at least 1")
    if dim not in (2, 3):
        raise ValueError(f"dim: {dim!r}, expected 2 or 3")
    unknown = [name for name in weakest_link if name not in tables]
    if unknown:
        raise ValueError(f"weakest_link: {', '.join(unknown)} has no table ({', '.join(tables)})")
    if weakest_link:
        if structure is None:
            raise ValueError("structure: the volume of the structure is needed where the weakest link decides")
        check_positive("structure", structure)
    found = {}
    for name, table in tables.items():
        columns = [(float(v), *valid_members(table[v], f"tables[{name!r}][{v:g}]", 3)) for v in sorted(table)]
        if not columns:
            raise ValueError(f"tables[{name!r}]: no volume")
        try:
            if name in weakest_link:
                law = size_effect({volume: members for volume, members, _ in columns}, level)
                m = law.from_scatter
                ends = (structure * (1.0 + relative_error) ** -x for x in (m.value, m.upper, m.lower))
                size = Interval(*map(float, ends))
            else:
                law = _variance_law(columns, exponent)
                mean = float(np.mean(columns[-1][1]))
                size = size_needed(realisations, relative_error, mean=mean, law=law, level=level)
        except ValueError as error:
            raise ValueError(f"tables[{name!r}]: {error}") from None
        largest, members, _ = columns[-1]
        found[name] = PropertySize(size, law, float(np.mean(members)), largest, sum(c[2] for c in columns))
    return RepresentativeSizes(found, relative_error, realisations, structure, level, dim)


def _variance_law(columns: list[tuple[float, np.ndarray, int]], exponent: float | None) -> VarianceLaw:
    volumes, members, _ = zip(*columns)
    variances = [np.var(x, ddof=1) for x in members]
    return variance_law(volumes, variances, [x.size for x in members], exponent)
