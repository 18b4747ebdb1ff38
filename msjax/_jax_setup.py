"""Refuse JAX versions that are known to be wrong, and switch on float64. Imported before anything else."""

import os
import warnings

import jax

OLDEST = (0, 10, 1)
REFUSED: dict[tuple[int, ...], str] = {
    (0, 10, 2): "it silently computes wrong values on the CPU for a vmapped matrix-vector product under jit",
    (0, 11, 0): "it crashes on high-rank broadcasts",
    (0, 11, 1): "it is incompatible with packages that msjax is tested beside",
}


def refusal(version: str) -> str | None:
    """Why this JAX version cannot be used, or None if it can.

    >>> refusal("0.10.1") is None
    True
    >>> "0.10.2" in refusal("0.10.2")
    True
    """
    number = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    advice = 'install another with: pip install "jax>=0.10.1,!=0.10.2,!=0.11.0,!=0.11.1"'
    if number in REFUSED:
        return f"msjax cannot be used with JAX {version}: {REFUSED[number]}; {advice}"
    if number < OLDEST:
        return f"msjax needs JAX 0.10.1 or newer, found {version}; {advice}"
    return None


def use_float64(requested: bool) -> None:
    """Switch float64 on, or warn once what no longer holds without it."""
    if requested:
        jax.config.update("jax_enable_x64", True)
    else:
        warnings.warn(
            "MSJAX_X64=0: msjax runs in the precision JAX is set to. In float32 the tests' tolerances, converged "
            "inner shifts (residuals near 1e-12) and second derivatives across scales no longer hold.",
            stacklevel=2,
        )


_reason = refusal(jax.__version__)
if _reason is not None:
    raise ImportError(_reason)
use_float64(os.environ.get("MSJAX_X64", "1") != "0")
