"""The strict settings under which every test and every doctest runs.

They stand at the root because doctests are collected from ``msjax/`` and tests from ``tests/``.
"""

import doctest
import inspect

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# Before msjax is first imported: array arguments and results are checked against their annotated shapes.
install_import_hook("msjax", "beartype.beartype")


def _from_module_unwrapped(self, module, object):
    """doctest passes over decorated functions, and the import hook decorates all of them: look through decorators."""
    return _from_module(self, module, inspect.unwrap(object))


_from_module = doctest.DocTestFinder._from_module  # type: ignore[attr-defined]
doctest.DocTestFinder._from_module = _from_module_unwrapped  # type: ignore[attr-defined]
