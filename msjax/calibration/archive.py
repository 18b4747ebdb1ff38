"""Fits as JSON files: no pickle, written in one step, read strictly."""

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax.calibration.fit import Fit
from msjax.calibration.joint import Joined
from msjax.calibration.observations import Observations
from msjax.calibration.parameter import Parameter, check_parameters, component_names
from msjax.calibration.priors import prior_from_record
from msjax.calibration.quantities import factor
from msjax.files import replace
from msjax.status import Code, Status

FORMAT = "msjax fit"
VERSION = 1
LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; a larger file is refused before it is read."""


def save(fit: Fit, path: str | os.PathLike) -> None:
    """Write the fit; an existing file is replaced only once the new one is complete."""
    data = fit.observations
    if isinstance(data, Joined):
        raise ValueError("save: this version writes fits to one table of observations, not to joined ones")
    values = fit.values
    record = {
        "format": FORMAT,
        "version": VERSION,
        "method": fit.method,
        "curvature": fit.curvature,
        "basins": fit.basins,
        "status": _status_record(fit.status),
        "starts": {**_status_record(fit.starts), "misfit": _list(fit.start_misfits)},
        "parameters": [
            {
                "name": p.name,
                "unit": p.unit,
                "prior": None if p.prior is None else p.prior.record(),
                "initial": None if p.initial is None else p.initial.tolist(),
                "value": _list(values[p.name]),
                "tied": p.tied is not None,
                "where": p.where is not None,
            }
            for p in fit.parameters
        ],
        "observations": {
            "source": data.source,
            "lines": list(data.lines),
            "measured": [
                {"name": k, "unit": data.unit(k), "values": _list(data.values[k]), "sd": _list(data.sd[k])}
                for k in data.names
            ],
            "controls": [{"name": k, "unit": data.unit(k), "values": _list(v)} for k, v in data.controls.items()],
        },
        "z": _list(fit.z),
        "misfit": _list(fit.misfit),
        "residuals": _list(fit.residuals_flat),
        "jacobian": _list(fit.jacobian),
        "hessian": _list(fit.hessian),
    }
    text = json.dumps(record, allow_nan=False, ensure_ascii=False, indent=1)
    replace(path, lambda file: file.write(text.encode()))


def load(path: str | os.PathLike, parameters: Sequence[Parameter] | None = None) -> Fit:
    """Read a fit; see :meth:`msjax.calibration.Fit.load`."""
    path = os.fspath(path)
    size = os.path.getsize(path)
    if size > LARGEST_FILE:
        raise ValueError(f"{path}: {size} bytes; fits are read up to {LARGEST_FILE}")
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file, parse_constant=_no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not a JSON file ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    try:
        return _fit(record, parameters)
    except KeyError as error:
        raise ValueError(f"{path}: the entry {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from None


def _fit(record: dict[str, Any], given: Sequence[Parameter] | None) -> Fit:
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"this is not a fit: 'format' is not {FORMAT!r}")
    if record["version"] != VERSION:
        raise ValueError(f"version {record['version']!r}; this release reads version {VERSION}")
    status = _status(record["status"], "status", ())
    failed = bool(status.failed)
    entries = record["parameters"]
    known = [_parameter(i, entry) for i, entry in enumerate(entries)] if given is None else _agreeing(entries, given)
    parameters = check_parameters(known)
    data = record["observations"]
    rows = len(data["lines"])
    if rows == 0 or not all(type(line) is int and line > 0 for line in data["lines"]):
        raise ValueError("observations: lines must be positive integers, at least one")
    values, sd, units = {}, {}, []
    for entry in data["measured"]:
        name = entry["name"]
        values[name] = _array(entry["values"], (rows,), f"observations: {name}")
        sd[name] = _array(entry["sd"], (rows,), f"observations: sd({name})")
        if np.any(sd[name] <= 0):
            raise ValueError(f"observations: sd({name}) must be positive")
        units.append((name, entry["unit"]))
    controls = {}
    for entry in data["controls"]:
        controls[entry["name"]] = _array(entry["values"], (rows,), f"observations: {entry['name']}")
        units.append((entry["name"], entry["unit"]))
    for name, unit in units:
        _known(unit, name)
    if not values or len({name for name, _ in units}) != len(units):
        raise ValueError("observations: nothing was measured, or a column is repeated")
    count, n = rows * len(values), len(component_names(parameters))
    starts = record["starts"]
    number = len(starts["code"])
    curvature, method, basins = record["curvature"], record["method"], record["basins"]
    if curvature not in ("gauss-newton", "full") or type(method) is not str or type(basins) is not int:
        raise ValueError("curvature, method or basins is not valid")
    return Fit(
        parameters=parameters,
        observations=Observations(
            {k: jnp.asarray(v) for k, v in values.items()},
            {k: jnp.asarray(v) for k, v in sd.items()},
            {k: jnp.asarray(v) for k, v in controls.items()},
            tuple(units),
            tuple(data["lines"]),
            str(data["source"]),
        ),
        z=_array(record["z"], (n,), "z", failed),
        misfit=float(_array(record["misfit"], (), "misfit", failed)),
        residuals_flat=_array(record["residuals"], (count,), "residuals", failed),
        jacobian=_array(record["jacobian"], (count, n), "jacobian", failed),
        hessian=_array(record["hessian"], (n, n), "hessian", failed),
        status=status,
        starts=_status(starts, "starts", (number,)),
        start_misfits=_array(starts["misfit"], (number,), "starts: misfit", True),
        basins=basins,
        method=method,
        curvature=curvature,
    )


def _parameter(index: int, entry: dict[str, Any]) -> Parameter:
    """A parameter as it was saved; a tie becomes the value it had."""
    _known(entry["unit"], entry["name"])
    if entry["prior"] is None:
        return Parameter(
            entry["name"], entry["unit"], fixed=_array(entry["value"], None, f"parameters[{index}]: value")
        )
    return Parameter(entry["name"], entry["unit"], prior=prior_from_record(entry["prior"]), initial=entry["initial"])


def _agreeing(entries: Sequence[dict[str, Any]], given: Sequence[Parameter]) -> Sequence[Parameter]:
    if [p.name for p in given] != [entry["name"] for entry in entries]:
        raise ValueError(
            f"the saved parameters are {', '.join(entry['name'] for entry in entries)}, "
            f"given were {', '.join(p.name for p in given)}"
        )
    for parameter, entry in zip(given, entries, strict=True):
        prior = None if parameter.prior is None else parameter.prior.record()
        saved = (entry["unit"], entry["prior"], entry["tied"], entry["where"])
        if (parameter.unit, prior, parameter.tied is not None, parameter.where is not None) != saved:
            raise ValueError(f"the given parameter {parameter.name!r} is not the one that was saved")
        if parameter.fixed is not None and parameter.fixed.tolist() != entry["value"]:
            raise ValueError(f"the given parameter {parameter.name!r} is fixed at another value than the saved one")
    return given


def _known(unit: str, name: str) -> None:
    try:
        factor(unit)
    except (KeyError, TypeError):
        raise ValueError(f"{name}: unknown unit {unit!r}") from None


def _status_record(status: Status) -> dict[str, Any]:
    return {
        "code": np.asarray(status.code).tolist(),
        "iterations": np.asarray(status.iterations).tolist(),
        "residual": _list(status.residual),
    }


def _status(record: dict[str, Any], what: str, shape: tuple[int, ...]) -> Status:
    code = _array(record["code"], shape, f"{what}: code")
    if not np.all(np.isin(code, [int(c) for c in Code])):
        raise ValueError(f"{what}: unknown result code")
    iterations = _array(record["iterations"], shape, f"{what}: iterations")
    residual = _array(record["residual"], shape, f"{what}: residual", True)
    return Status.of(jnp.asarray(code, jnp.int32), jnp.asarray(iterations, jnp.int32), jnp.asarray(residual))


def _list(array) -> Any:
    """Nested lists of numbers, None for what is not finite (only failed starts have that)."""
    array = np.asarray(array, dtype=float)
    if array.ndim == 0:
        return float(array) if math.isfinite(array) else None
    return [_list(part) for part in array]


def _array(value: Any, shape: tuple[int, ...] | None, what: str, may_be_nan: bool = False) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=object)
        numbers = np.array([np.nan if x is None else _number(x) for x in array.ravel()], dtype=float).reshape(
            array.shape
        )
    except (TypeError, ValueError):
        raise ValueError(f"{what}: not an array of numbers") from None
    if shape is not None and 0 in shape and numbers.size == 0:
        numbers = numbers.reshape(shape)
    if shape is not None and numbers.shape != shape:
        raise ValueError(f"{what}: shape {numbers.shape}, expected {shape}")
    if not may_be_nan and not np.all(np.isfinite(numbers)):
        raise ValueError(f"{what}: a number is missing or not finite")
    return numbers


def _number(x: Any) -> float:
    if type(x) not in (int, float):
        raise TypeError
    return float(x)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not allowed")
