"""The analytic embedded atom of Zhou, Johnson and Wadley, with the fits for sixteen metals."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.elementary import reciprocal, root
from msjax.crystal.potentials.cutoff import check_radii
from msjax.crystal.potentials.parameter import parameter
from msjax.crystal.potentials.tapered import TaperedEAM
from msjax.typing import Array, Float, Scalar

# re (Å), fe, rho_e, rho_s, alpha, beta, A, B (eV), kappa, lam; Fn0 … Fn3, F0 … F3 (eV); eta, Fe (eV): Zhou, Johnson and
# Wadley, doi:10.1103/PhysRevB.69.144113. What ties the numbers together, and so guards against misprints, is tested:
# F(0) = 0, F joined with two derivatives at rho_n and one at rho_0, the sum of f equal to rho_e and no stress at
# equilibrium. For platinum F joins at rho_n = 0.25 rho_e, as in the first author's program, and not at 0.85 rho_e.
ZHOU: dict[str, tuple[Any, ...]] = {
    "Cu": (2.556162, 1.554485, 21.175871, 21.175395, 8.12762, 4.334731, 0.39662, 0.548085, 0.308782, 0.756515,
        (-2.170269, -0.263788, 1.088878, -0.817603), (-2.19, 0.0, 0.56183, -2.100595), 0.31049, -2.186568),
    "Ag": (2.891814, 1.106232, 14.6041, 14.604144, 9.13201, 4.870405, 0.277758, 0.419611, 0.33971, 0.750758,
        (-1.729364, -0.255882, 0.91205, -0.561432), (-1.75, 0.0, 0.744561, -1.15065), 0.783924, -1.748423),
    "Au": (2.885034, 1.529021, 19.991632, 19.991509, 9.516052, 5.075228, 0.229762, 0.356666, 0.35657, 0.748798,
        (-2.937772, -0.500288, 1.601954, -0.83553), (-2.98, 0.0, 1.706587, -1.134778), 1.021095, -2.978815),
    "Ni": (2.488746, 2.007018, 27.562015, 27.93041, 8.383453, 4.471175, 0.429046, 0.633531, 0.443599, 0.820658,
        (-2.693513, -0.076445, 0.241442, -2.375626), (-2.7, 0.0, 0.26539, -0.152856), 0.469, -2.699486),
    "Pd": (2.750897, 1.595417, 21.335246, 21.940073, 8.697397, 4.638612, 0.406763, 0.59888, 0.397263, 0.754799,
        (-2.321006, -0.473983, 1.615343, -0.231681), (-2.36, 0.0, 1.481742, -1.675615), 1.13, -2.352753),
    "Pt": (2.771916, 2.336509, 33.367564, 35.205357, 7.105782, 3.78975, 0.556398, 0.696037, 0.385255, 0.77051,
        (-1.455568, -2.149952, 0.528491, 1.222875), (-4.17, 0.0, 3.010561, -2.420128), 1.45, -4.145597),
    "Al": (2.863924, 1.403115, 20.418205, 23.19574, 6.613165, 3.527021, 0.314873, 0.365551, 0.379846, 0.759692,
        (-2.807602, -0.301435, 1.258562, -1.247604), (-2.83, 0.0, 0.622245, -2.488244), 0.785902, -2.824528),
    "Pb": (3.499723, 0.647872, 8.450154, 8.450063, 9.121799, 5.212457, 0.161219, 0.236884, 0.250805, 0.764955,
        (-1.42237, -0.210107, 0.682886, -0.529378), (-1.44, 0.0, 0.702726, -0.538766), 0.93538, -1.439436),
    "Fe": (2.481987, 1.885957, 20.041463, 20.041463, 9.81827, 5.236411, 0.392811, 0.646243, 0.170306, 0.340613,
        (-2.534992, -0.059605, 0.193065, -2.282322), (-2.54, 0.0, 0.200269, -0.14877), 0.39175, -2.539945),
    "Mo": (2.7281, 2.72371, 29.354065, 29.354065, 8.393531, 4.47655, 0.708787, 1.120373, 0.13764, 0.27528,
        (-3.692913, -0.178812, 0.38045, -3.13365), (-3.71, 0.0, 0.875874, 0.776222), 0.790879, -3.712093),
    "Ta": (2.860082, 3.086341, 33.787168, 33.787168, 8.489528, 4.527748, 0.611679, 1.032101, 0.176977, 0.353954,
        (-5.103845, -0.405524, 1.112997, -3.585325), (-5.14, 0.0, 1.640098, 0.221375), 0.848843, -5.141526),
    "W": (2.74084, 3.48734, 37.234847, 37.234847, 8.900114, 4.746728, 0.882435, 1.394592, 0.139209, 0.278417,
        (-4.946281, -0.148818, 0.365057, -4.432406), (-4.96, 0.0, 0.661935, 0.348147), 0.582714, -4.961306),
    "Mg": (3.196291, 0.544323, 7.1326, 7.1326, 10.228708, 5.455311, 0.137518, 0.22593, 0.5, 1.0,
        (-0.896473, -0.044291, 0.162232, -0.68995), (-0.9, 0.0, 0.122838, -0.22601), 0.431425, -0.899702),
    "Co": (2.505979, 1.975299, 27.206789, 27.206789, 8.679625, 4.629134, 0.421378, 0.640107, 0.5, 1.0,
        (-2.541799, -0.219415, 0.733381, -1.589003), (-2.56, 0.0, 0.705845, -0.68714), 0.694608, -2.559307),
    "Ti": (2.933872, 1.8632, 25.565138, 25.565138, 8.775431, 4.68023, 0.373601, 0.570968, 0.5, 1.0,
        (-3.203773, -0.198262, 0.683779, -2.321732), (-3.22, 0.0, 0.608587, -0.75071), 0.558572, -3.219176),
    "Zr": (3.199978, 2.230909, 30.879991, 30.879991, 8.55919, 4.564902, 0.424667, 0.640054, 0.5, 1.0,
        (-4.485793, -0.293129, 0.990148, -3.202516), (-4.51, 0.0, 0.928602, -0.98187), 0.597133, -4.509025),
}  # fmt: skip
# rho_n in units of rho_e
RHO_N = dict.fromkeys(ZHOU, 0.85) | {"Pt": 0.25}
RHO_0 = 1.15


class Zhou(TaperedEAM):
    """E_i = ½ Σ φ(r) + F(Σ f(r)), all analytic (Zhou, Johnson and Wadley, doi:10.1103/PhysRevB.69.144113):

        f(r) = fe g(r; β, λ),    φ(r) = A g(r; α, κ) − B g(r; β, λ),    g(r; a, b) = exp(−a(x − 1))/(1 + (x − b)²⁰),

    x = r/re; F is Σ Fn_i (ρ/ρn − 1)^i below ρn, Σ F_i (ρ/ρe − 1)^i up to ρ0 and Fe (1 − η ln(ρ/ρs)) (ρ/ρs)^η from
    there on, ρn and ρ0 being ``low`` and ``high`` times ρe (0.85, in platinum 0.25, and 1.15).

    ``re`` in Å; ``A``, ``B``, ``Fn`` (4,), ``F`` (4,) and ``Fe`` in eV; densities in a unit of their own: fourteen
    array leaves. The published F has a continuous second derivative at ρn but only a continuous first one at ρ0, in a
    crystal pressed to 92 % of its volume: there A(F) and phonons jump, while W and P do not. F is joined by its numbers
    alone: a fit that moves some of them has to move the others along.

    φ and f are down to 5e-5 of their size, in fcc and bcc metals to 5e-6, at 5^½ re, where the authors' tables just
    stop. Here both are tapered to zero between ``inner`` and ``outer`` (Å, structure), with three continuous
    derivatives.

    Raises ``ValueError`` for a parameter that is not finite or, where a sign is meant, not positive, for ``Fn`` or
    ``F`` that are not four numbers, and for radii or density ratios out of order.

    >>> copper = Zhou.of("Cu")
    >>> float(copper.re), copper.elements, round(copper.cutoff, 2)
    (2.556162, ('Cu',), 6.23)
    """

    degrees: ClassVar[tuple[int, ...]] = (0,)

    re: Scalar
    fe: Scalar
    rho_e: Scalar
    rho_s: Scalar
    alpha: Scalar
    beta: Scalar
    A: Scalar
    B: Scalar
    kappa: Scalar
    lam: Scalar
    Fn: Float[Array, "4"]
    F: Float[Array, "4"]
    eta: Scalar
    Fe: Scalar
    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    element: str = eqx.field(static=True)

    def __init__(
        self,
        re: Any,
        fe: Any,
        rho_e: Any,
        rho_s: Any,
        alpha: Any,
        beta: Any,
        A: Any,
        B: Any,
        kappa: Any,
        lam: Any,
        Fn: Any,
        F: Any,
        eta: Any,
        Fe: Any,
        *,
        inner: float,
        outer: float,
        low: float = 0.85,
        high: float = RHO_0,
        element: str = "",
    ):
        self.re = parameter(re, "re", positive=True)
        self.fe = parameter(fe, "fe", positive=True)
        self.rho_e = parameter(rho_e, "rho_e", positive=True)
        self.rho_s = parameter(rho_s, "rho_s", positive=True)
        self.alpha = parameter(alpha, "alpha", positive=True)
        self.beta = parameter(beta, "beta", positive=True)
        self.A, self.B = parameter(A, "A"), parameter(B, "B")
        self.kappa, self.lam = parameter(kappa, "kappa"), parameter(lam, "lam")
        self.Fn, self.F = parameter(Fn, "Fn"), parameter(F, "F")
        for name, value in (("Fn", self.Fn), ("F", self.F)):
            if value.shape != (4,):
                raise ValueError(f"{name}: expected four coefficients, got shape {value.shape}")
        self.eta, self.Fe = parameter(eta, "eta"), parameter(Fe, "Fe")
        if not 0.0 < low < high:
            raise ValueError(f"density ratios: expected 0 < low < high, got low = {low}, high = {high}")
        check_radii(inner, outer)
        self.low, self.high = float(low), float(high)
        self.inner, self.outer, self.element = float(inner), float(outer), element

    @classmethod
    def of(cls, element: str) -> "Zhou":
        """The published fit; tapered from 1.02 to 1.09 of the fifth-neighbour distance of fcc, 5^½ re.

        What it takes away is 1e-5 eV an atom in hcp metals and less than 1e-6 eV in the others. ``ValueError`` for
        elements that are not in the table.
        """
        if element not in ZHOU:
            raise ValueError(f"element: no Zhou parameters for {element!r}; known are {', '.join(ZHOU)}")
        fifth = 5.0**0.5 * ZHOU[element][0]
        return cls(*ZHOU[element], inner=1.02 * fifth, outer=1.09 * fifth, low=RHO_N[element], element=element)

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """½φ, eV."""
        r = root(r2)
        return 0.5 * self.untapered_pair(r) * self.taper(r)

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "1 *b"]:
        """f."""
        r = root(r2)
        return (self.untapered_density(r) * self.taper(r))[None]

    def embed(self, moments: Float[Array, "1"]) -> Scalar:
        """F, eV."""
        rho = moments[0]
        rho_n, rho_0 = self.low * self.rho_e, self.high * self.rho_e
        # the logarithm sees no density below rho_0, where another piece holds
        y = jnp.log(jnp.where(rho < rho_0, rho_0, rho) / self.rho_s)
        dense = self.Fe * (1.0 - self.eta * y) * jnp.exp(self.eta * y)
        middle, sparse = _cubic(self.F, rho / self.rho_e - 1.0), _cubic(self.Fn, rho / rho_n - 1.0)
        return jnp.where(rho < rho_n, sparse, jnp.where(rho < rho_0, middle, dense))

    def untapered_pair(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """φ as published, eV."""
        return self.A * self._shape(r, self.alpha, self.kappa) - self.B * self._shape(r, self.beta, self.lam)

    def untapered_density(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """f as published."""
        return self.fe * self._shape(r, self.beta, self.lam)

    def _shape(self, r: Float[Array, "*b"], decay: Scalar, centre: Scalar) -> Float[Array, "*b"]:
        x = r / self.re
        return jnp.exp(-decay * (x - 1.0)) * reciprocal(1.0 + (x - centre) ** 20)


def _cubic(c: Float[Array, "4"], x: Scalar) -> Scalar:
    return c[0] + x * (c[1] + x * (c[2] + x * c[3]))
