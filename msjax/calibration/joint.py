"""Several kinds of measurements in one fit: tables of their own lengths, models of their own, parameters in common."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from msjax.calibration.observations import Observations
from msjax.typing import Array, Float

_COLUMN = Float[Array, "*_"]


class Joined(Observations):
    """Observations of several kinds, made by :func:`joined`; a column is called ``kind.column``.

    ``parts``: each kind with its number of rows. Windows are taken of the kinds before they are joined.
    """

    values: dict[str, _COLUMN]
    sd: dict[str, _COLUMN]
    controls: dict[str, _COLUMN]
    parts: tuple[tuple[str, int], ...] = eqx.field(static=True)

    @property
    def count(self) -> int:
        """Number of data: of each kind its rows times its measured columns."""
        return sum(self.lengths)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Rows of each measured column."""
        rows = dict(self.parts)
        return tuple(rows[name.split(".")[0]] for name in self.names)

    def place(self, datum: int) -> tuple[str, int]:
        """Column and line, in its own file, of a datum in the order of :meth:`whitened`."""
        for name, length in zip(self.names, self.lengths, strict=True):
            if datum < length:
                kinds = [kind for kind, _ in self.parts]
                before = sum(rows for _, rows in self.parts[: kinds.index(name.split(".")[0])])
                return name, self.lines[before + datum]
            datum -= length
        raise ValueError(f"datum: expected 0 to {self.count - 1}, got {datum + self.count}")

    def window(self, name: str, *, at_least: float = 0.0, at_most: float = 0.0) -> Observations:
        """Not of joined observations: raises ``ValueError``."""
        raise ValueError("window: joined observations have rows of several kinds; take the window before joining")


def joined(parts: Mapping[str, Observations]) -> Joined:
    """Observations of several kinds for one fit, with a :class:`JointModel` of models of the same names.

    Raises:
        ValueError: no parts, a name with a dot, parts that are joined or batched already.

    >>> import numpy as np
    >>> films = Observations.of({"E_app [GPa]": np.array([60.0, 63.0])}, relative_sd=0.02)
    >>> joined({"films": films, "wires": Observations.of({"E_app [GPa]": [50.0]}, relative_sd=0.1)}).count
    3
    """
    if not parts:
        raise ValueError("parts: there are none to join")
    for kind, part in parts.items():
        if "." in kind or not kind:
            raise ValueError(f"parts: the name {kind!r} is empty or has a dot")
        if isinstance(part, Joined) or any(column.ndim != 1 for column in part.values.values()):
            raise ValueError(f"parts: {kind!r} is joined or batched already")
    values, sd, controls = (
        {f"{kind}.{name}": column for kind, part in parts.items() for name, column in columns(part).items()}
        for columns in (lambda part: part.values, lambda part: part.sd, lambda part: part.controls)
    )
    return Joined(
        values=values,
        sd=sd,
        controls=controls,
        units=tuple((f"{kind}.{name}", unit) for kind, part in parts.items() for name, unit in part.units),
        lines=tuple(line for part in parts.values() for line in part.lines),
        source=" and ".join(dict.fromkeys(part.source for part in parts.values())),
        parts=tuple((kind, part.rows) for kind, part in parts.items()),
    )


class JointModel(eqx.Module):
    """Models by the names of the parts they predict; each sees all parameters and the controls of its part.

    A parameter with ``where`` selects leaves through ``models``: ``where=lambda joint: joint.models["films"].bulk``.

    >>> import jax.numpy as jnp
    >>> from msjax.calibration import Normal, Parameter, calibrate
    >>> data = joined({"a": Observations.of({"y [-]": [1.0, 3.0]}, sd={"y": 1.0}),
    ...                "b": Observations.of({"y [-]": [4.0]}, sd={"y": 0.5})})
    >>> model = JointModel({"a": lambda v, c: {"y": v["m"] * jnp.ones(2)}, "b": lambda v, c: {"y": 2.0 * v["m"][None]}})
    >>> fit = calibrate(model, data, [Parameter("m", "-", prior=Normal(0.0, 1e3))], starts=1)
    >>> round(fit.values["m"], 4), fit.residuals["b.y"].shape  # (1 + 3 + 16·2)/(1 + 1 + 16)
    (2.0, (1,))
    """

    models: dict[str, Any]

    def __call__(self, values: dict[str, Array], controls: dict[str, Array]) -> dict[str, Array]:
        """Predictions of all parts."""
        found = {}
        for kind, model in self.models.items():
            own = {name.removeprefix(f"{kind}."): x for name, x in controls.items() if name.startswith(f"{kind}.")}
            found |= {f"{kind}.{name}": column for name, column in model(values, own).items()}
        return found
