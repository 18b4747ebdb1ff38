"""Linear viscoelasticity: the generalised Maxwell solid, with the exact integral of a strain that moves linearly."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.inputs import Inputs, time_step
from msjax.material.response import Response
from msjax.material.small_strain import (
    SmallStrain,
    Update,
    check_dim,
    deviator,
    isotropic_tangent,
    number,
    spherical,
    square,
    trace,
    weights,
)
from msjax.status import Code, Status, screen
from msjax.typing import Array, Float, PyTree, concrete


class ViscousState(NamedTuple):
    """Deviatoric strain (v,), and that of the springs of the Maxwell branches (n, v); shears not doubled."""

    deviator: Float[Array, " v"]
    springs: Float[Array, "n v"]


class Viscoelastic(SmallStrain):
    """σ = K tr ε 1 + 2G∞ e + Σ_i 2G_i γ_i, γ̇_i = ė − γ_i/τ_i, e = dev ε (doi:10.1007/b98904, ch. 10).

    The branches' moduli G_i and times τ_i are a Prony series: G(t) = G∞ + Σ G_i exp(−t/τ_i). Over a step Δt in which
    the strain moves linearly the solution is exact for any Δt ≥ 0,

        γ_i = exp(−x) γ_iₙ + g(x) (e − eₙ),   x = Δt/τ_i,   g(x) = (1 − exp(−x))/x,

    so that Δt = 0 is a jump. The stress is the derivative of the incremental potential

        W = K/2 (tr ε)² + G∞ e:e + Σ G_i (|γ_iₙ|² + 2 exp(−x) γ_iₙ:(e − eₙ) + g |e − eₙ|²),

    the energy stored at Δt = 0: conservative and symmetric within a step, though it dissipates. ``bulk`` K > 0 (it does
    not relax) and ``shear`` G∞ ≥ 0; ``branches`` G_i ≥ 0 and ``times`` τ_i > 0, one per branch. The time step comes
    with ``inputs``: :class:`~msjax.Inputs`. Plane strain where ``dim`` is 2. The state is :class:`ViscousState`.

    Raises ``ValueError`` outside these ranges and without a time step.

    >>> import jax.numpy as jnp, msjax as ms
    >>> polymer = ms.Viscoelastic(bulk=3.0, shear=0.2, branches=[0.8], times=[2.0])
    >>> sheared = jnp.eye(3).at[0, 1].set(0.01)
    >>> jump = polymer.respond(sheared, None, ms.Inputs(time_step=0.0))
    >>> later = polymer.respond(sheared, jump.state, ms.Inputs(time_step=2.0))
    >>> round(float(jump.stress[0, 1]), 6), round(float(later.stress[0, 1]), 6)  # then 0.2 + 0.8/e
    (0.01, 0.004943)
    """

    bulk: Float[Array, ""]
    shear: Float[Array, ""]
    branches: Float[Array, " n"]
    times: Float[Array, " n"]
    size: int = eqx.field(static=True)

    def __init__(self, bulk: Any, shear: Any, branches: Any, times: Any, dim: int = 3):
        self.bulk, self.shear = number(bulk, "bulk", above=0.0), number(shear, "shear", least=0.0)
        self.branches, self.times = jnp.asarray(branches, float), jnp.asarray(times, float)
        self.size = check_dim(dim)
        if self.branches.ndim != 1 or self.branches.shape != self.times.shape:
            raise ValueError(
                "branches, times: expected one number each per branch, "
                f"got shapes {self.branches.shape} and {self.times.shape}"
            )
        if concrete(self.branches) and not np.all(np.isfinite(self.branches) & (np.asarray(self.branches) >= 0)):
            raise ValueError("branches: must be finite and at least 0")
        if concrete(self.times) and not np.all(np.isfinite(self.times) & (np.asarray(self.times) > 0)):
            raise ValueError("times: must be finite and positive")

    def initial_state(self) -> ViscousState:
        """No strain, now or ever."""
        v = self.components
        return ViscousState(jnp.zeros(v), jnp.zeros((self.branches.shape[0], v)))

    def respond(self, strain: PyTree, state: PyTree = None, inputs: PyTree = None) -> Response:
        """(W, P, A) after a step ``inputs.time_step`` from the committed ``state``, and the trial state."""
        step = time_step(inputs, "a viscoelastic material")
        return super().respond(strain, state, Inputs(time_step=step))

    def update(self, strain: Float[Array, " v"], state: ViscousState, inputs: Inputs) -> Update:
        """Exponential integration of all branches."""
        step = inputs.time_step
        ratio = step / self.times
        decay, mean = jnp.exp(-ratio), mean_decay(ratio)
        now, volume, v = deviator(strain), trace(strain), self.components
        moved = now - state.deviator
        springs = decay[:, None] * state.springs + mean[:, None] * moved[None, :]
        branch = 2.0 * jnp.sum(self.branches[:, None] * springs, axis=0)
        stress = self.bulk * volume * np.asarray(spherical(v)) + 2.0 * self.shear * now + branch

        width = weights(v)[None]
        before = jnp.sum(width * state.springs**2, axis=1)
        work = jnp.sum(width * state.springs * moved[None, :], axis=1)
        overstress = jnp.sum(self.branches * (before + 2.0 * decay * work + mean * square(moved)))
        energy = 0.5 * self.bulk * volume**2 + self.shear * square(now) + overstress
        tangent = isotropic_tangent(self.bulk, self.shear + jnp.sum(self.branches * mean), v)
        status = screen(Status.of(), step < 0, Code.NONFINITE)
        return Update(energy, stress, tangent, ViscousState(now, springs), status)


def mean_decay(x: Float[Array, " n"]) -> Float[Array, " n"]:
    """g(x) = (1 − exp(−x))/x and 1 at 0, differentiable there.

    >>> import jax, jax.numpy as jnp
    >>> float(mean_decay(jnp.zeros(1))[0]), float(jax.grad(lambda x: mean_decay(x)[0])(jnp.zeros(1))[0])
    (1.0, -0.5)
    """
    small = x < 1e-2
    safe = jnp.where(small, 1.0, x)
    series = 1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0 * (1.0 - x / 7.0)))))
    return jnp.where(small, series, -jnp.expm1(-safe) / safe)
