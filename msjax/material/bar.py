"""Bars: a uniaxial material along a line in the plane or in space."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.response import Material, Response
from msjax.status import Code, guard, screen, substitute
from msjax.typing import Array, Float, PyTree, concrete


class Bar(Material):
    """A bar of cross-section ``area`` in ``dim`` dimensions: W(d) = area · w(|d|) with a uniaxial ``material`` w(λ).

    Its strain d (dim, 1) is the derivative of the position x along the undeformed bar, so that |d| is the stretch; the
    stress area · w′ d/|d| is the axial force as a vector, the tangent area (w″ n⊗n + w′/λ (1 − n⊗n)) with n = d/|d|.
    Exact for any displacement and rotation. Energies are per length of the bar. ``material`` takes strains (1, 1), such
    as :class:`~msjax.NeoHooke` with ``dim=1``; claims and states are its own. It lives in meshes of lines ("line2",
    "line3") with 2 or 3 coordinates: trusses and cables. Across an unstressed bar there is no stiffness.

    Raises ``ValueError`` for an area that is not positive and a material of another dimension. INVERTED: no length is
    left.

    >>> import jax.numpy as jnp, msjax as ms
    >>> bar = Bar(ms.NeoHooke(mu=1.0, lam=0.0, dim=1), area=2.0)
    >>> turned = bar.respond(jnp.array([[0.0], [2.0]]))  # 2 (2 − 1/2) along y
    >>> turned.stress.tolist()
    [[0.0], [3.0]]
    """

    material: Material
    area: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, material: Material, area: Any = 1.0, dim: int = 2):
        if not isinstance(material, Material) or material.reference_strain.shape != (1, 1):
            raise ValueError("material: a bar needs a material whose strain has shape (1, 1)")
        if dim not in (2, 3):
            raise ValueError(f"dim: expected 2 or 3, got {dim!r}")
        self.material, self.area, self.size = material, jnp.asarray(area, float), dim
        if self.area.shape != ():
            raise ValueError(f"area: expected one number, got an array of shape {self.area.shape}")
        if concrete(self.area) and not 0 < float(self.area) < np.inf:
            raise ValueError(f"area: must be positive and finite, got {float(self.area)}")

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.size

    @property
    def conservative(self) -> bool:  # type: ignore[override]
        """As the uniaxial material."""
        return self.material.conservative

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """As the uniaxial material."""
        return self.material.symmetric

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        """As the uniaxial material."""
        return self.material.deterministic

    @property
    def reference_strain(self) -> Float[Array, "d 1"]:
        """Unstretched along the first axis; any direction is as good."""
        return jnp.eye(self.size)[:, :1]

    def initial_state(self) -> PyTree:
        """Of the uniaxial material."""
        return self.material.initial_state()

    def respond(self, strain: PyTree, state: PyTree = None, inputs: PyTree = None) -> Response:
        """(W, P, A) at d (dim, 1), per length of the bar."""
        d = jnp.asarray(strain, float)
        if d.shape != (self.size, 1):
            raise ValueError(f"strain: expected the derivative of the position, shape ({self.size}, 1), got {d.shape}")
        return _respond(self, d, state, inputs)


@eqx.filter_jit
def _respond(bar: Bar, d: Float[Array, "d 1"], state: PyTree, inputs: PyTree) -> Response:
    finite = jnp.all(jnp.isfinite(d))
    gone = jnp.all(d == 0.0)
    d = substitute(d, ~finite | gone, bar.reference_strain)
    stretch = jnp.sqrt(jnp.sum(d * d))
    n = d[:, 0] / stretch
    inner = bar.material.respond(stretch[None, None], state, inputs)
    force, slope = bar.area * inner.stress[0, 0], bar.area * inner.tangent[0, 0, 0, 0]
    along = n[:, None] * n[None, :]
    tangent = slope * along + (force / stretch) * (jnp.eye(bar.size) - along)
    status, of_tangent = (
        screen(screen(found, ~finite, Code.NONFINITE), gone, Code.INVERTED)
        for found in (inner.status, inner.tangent_status)
    )
    energy, stress = guard((bar.area * inner.energy, (force * n)[:, None]), status.failed)
    return Response(
        energy, stress, guard(tangent[:, None, :, None], of_tangent.failed), inner.state, status, of_tangent
    )
