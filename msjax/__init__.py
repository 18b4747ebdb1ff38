"""msjax: from atoms to structures in one differentiable program."""

from msjax import _jax_setup as _jax_setup  # first: checks the JAX version and switches on float64

__version__ = "0.1.0"
