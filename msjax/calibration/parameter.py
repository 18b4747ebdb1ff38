"""What is fitted: parameters with a unit and a prior, and how a coordinate vector becomes a model."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.calibration.priors import LogNormal, Normal, Prior, Uniform
from msjax.calibration.quantities import factor, unit_named
from msjax.typing import Array, Float

Values = dict[str, Array]
"""All parameters by name, in internal units: what a model is called with."""


class Parameter(eqx.Module):
    """A named quantity of a model: free (with a ``prior`` or ``bounds``), ``fixed``, or ``tied`` to others.

    Numbers are given in ``unit``; the model sees them in internal units (eV, Å). A parameter reaches the model in two
    ways: always by name, in the mapping the model is called with, and, when ``where`` selects array leaves of the
    model (``where=lambda model: model.potential.xi``), in place of those leaves.

    Args:
        name: how the model, the report and the other parameters call it.
        unit: one of the names in ``msjax.calibration.quantities.FACTORS``; ``"-"`` without a unit.
        prior: ``Normal``, ``LogNormal`` or ``Uniform``; its shape is the parameter's shape.
        bounds: ``(lower, upper)``: short for ``prior=Uniform(lower, upper)``.
        positive: read a ``Normal`` prior as the log-normal of the same mean and standard deviation.
        initial: where the first start begins; without it, the prior's median.
        fixed: a value: not fitted.
        tied: a function of the mapping of the parameters listed before it (internal units): not fitted.
        where: selects the leaf (or a tuple of leaves) of the model that the parameter replaces.

    Raises:
        ValueError: no name, an unknown unit, none or several of prior, bounds, fixed and tied, a value out of range.

    >>> Parameter("tau0", "N/m", prior=Normal(1.0, 0.5)).transform
    'identity'
    >>> Parameter("E", "GPa", prior=Normal(130.0, 20.0), positive=True).transform
    'log'
    """

    name: str = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    prior: Prior | None
    initial: np.ndarray | None
    fixed: np.ndarray | None
    tied: Callable[[Values], Any] | None = eqx.field(static=True)
    where: Callable[[Any], Any] | None = eqx.field(static=True)

    def __init__(
        self,
        name: str,
        unit: str,
        *,
        prior: Prior | None = None,
        bounds: tuple | list | None = None,
        positive: bool = False,
        initial: ArrayLike | list | tuple | None = None,
        fixed: ArrayLike | list | tuple | None = None,
        tied: Callable | None = None,
        where: Callable | None = None,
    ):
        here = f"parameter {name!r}"
        if not name.strip():
            raise ValueError("parameter: the name is empty")
        given = [
            key for key, x in (("prior", prior), ("bounds", bounds), ("fixed", fixed), ("tied", tied)) if x is not None
        ]
        if len(given) != 1:
            what = f"got {' and '.join(given)}" if given else "got none: without one nothing says how far it may move"
            raise ValueError(f"{here}: give exactly one of prior, bounds, fixed and tied; {what}")
        self.name, self.unit = name, unit_named(unit, here)
        self.tied, self.where = tied, where
        try:
            if bounds is not None:
                if len(bounds) != 2:
                    raise ValueError(f"bounds must be (lower, upper), got {bounds!r}")
                prior = Uniform(*bounds)
            if positive and isinstance(prior, Normal):
                prior = LogNormal.matching(prior.mean, prior.width)
            elif positive and isinstance(prior, Uniform) and np.any(prior.lower < 0):
                raise ValueError(f"positive=True with a negative lower bound {prior.lower}")
            self.prior = prior
            self.fixed = None if fixed is None else _finite(fixed, "fixed")
            self.initial = None if initial is None else _finite(initial, "initial")
            if self.initial is not None:
                if prior is None:
                    raise ValueError("initial is for free parameters only")
                if self.initial.shape != prior.shape:
                    raise ValueError(f"initial has shape {self.initial.shape}, the prior has {prior.shape}")
                prior.score(self.initial)
        except ValueError as error:
            raise ValueError(f"{here}: {error}") from None

    @property
    def free(self) -> bool:
        """True if it is fitted."""
        return self.prior is not None

    @property
    def transform(self) -> str:
        """The coordinate it is fitted in: identity, log or probit; none if it is not fitted."""
        return {Normal: "identity", LogNormal: "log", Uniform: "probit"}.get(type(self.prior), "none")

    @property
    def size(self) -> int:
        """Number of fitted components."""
        return 0 if self.prior is None else int(np.prod(self.prior.shape, dtype=int))

    @property
    def factor(self) -> float:
        """Internal units per stated unit."""
        return factor(self.unit)

    @property
    def components(self) -> list[str]:
        """Names of the fitted components: ``name``, or ``name[0]``, ``name[1]``, … for an array."""
        if self.prior is None:
            return []
        if self.prior.shape == ():
            return [self.name]
        return [f"{self.name}[{', '.join(str(i) for i in index)}]" for index in np.ndindex(self.prior.shape)]

    @property
    def start(self) -> np.ndarray:
        """Normal score of the first start, flat."""
        if self.prior is None or self.initial is None:
            return np.zeros(self.size)
        return np.asarray(self.prior.score(self.initial), dtype=float).ravel()


def _finite(value, what: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{what} must be finite, got {value!r}")
    return array


def check_parameters(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters as a tuple, refused if a name is repeated or nothing is free.

    Raises:
        ValueError: as said, naming the parameter.
    """
    parameters = tuple(parameters)
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        if not isinstance(parameter, Parameter):
            raise ValueError(f"parameters[{index}] is a {type(parameter).__name__}, expected a Parameter")
        if parameter.name in seen:
            raise ValueError(f"parameters[{index}]: the name {parameter.name!r} is used twice")
        seen.add(parameter.name)
    if not any(parameter.free for parameter in parameters):
        raise ValueError("parameters: none is free; give at least one a prior or bounds")
    return parameters


def component_names(parameters: Sequence[Parameter]) -> list[str]:
    """Names of the fitted components, in the order of the coordinate vector."""
    return [name for parameter in parameters for name in parameter.components]


def values_at(parameters: Sequence[Parameter], z: Float[Array, " n"]) -> Values:
    """All parameters in internal units at the coordinates ``z`` (normal scores of the free ones, in order)."""
    values: Values = {}
    start = 0
    for parameter in parameters:
        if parameter.prior is not None:
            part = z[start : start + parameter.size].reshape(parameter.prior.shape)
            start += parameter.size
            values[parameter.name] = jnp.asarray(parameter.prior.physical(part)) * parameter.factor
        elif parameter.fixed is not None:
            values[parameter.name] = jnp.asarray(parameter.fixed) * parameter.factor
        elif parameter.tied is not None:
            values[parameter.name] = jnp.asarray(parameter.tied(dict(values)), dtype=z.dtype)
    return values


def place(model: Any, parameters: Sequence[Parameter], values: Values) -> Any:
    """The model with the leaves that ``where`` selects replaced by the parameters' values."""
    for parameter in parameters:
        if parameter.where is None:
            continue
        chosen = parameter.where(model)
        value = values[parameter.name]
        replacement = type(chosen)([value] * len(chosen)) if type(chosen) in (tuple, list) else value
        model = eqx.tree_at(parameter.where, model, replacement)
    return model


def check_places(model: Any, parameters: Sequence[Parameter]) -> None:
    """Refuse selectors that do not select array leaves of the parameter's shape, and ties that fail.

    Raises:
        ValueError: naming the parameter and what its selector or tie did.
    """
    start = jnp.concatenate([jnp.asarray(parameter.start) for parameter in parameters])
    for count, parameter in enumerate(parameters, 1):
        try:
            value = values_at(parameters[:count], start)[parameter.name]
        except Exception as error:
            raise ValueError(
                f"parameter {parameter.name!r}: its tie fails on the parameters listed before it "
                f"({', '.join(p.name for p in parameters[: count - 1]) or 'none'}): {type(error).__name__}: {error}"
            ) from error
        if parameter.where is None:
            continue
        try:
            chosen = parameter.where(model)
            place(model, [parameter], {parameter.name: value})
        except Exception as error:
            raise ValueError(
                f"parameter {parameter.name!r}: where= does not select array leaves of the model: {error}"
            ) from error
        for leaf in chosen if type(chosen) in (tuple, list) else [chosen]:
            if jnp.shape(leaf) != jnp.shape(value):
                raise ValueError(
                    f"parameter {parameter.name!r} has shape {jnp.shape(value)}, "
                    f"the leaf that where= selects has {jnp.shape(leaf)}"
                )
