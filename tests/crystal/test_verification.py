"""verify: every potential of the library, and bad ones that must be told."""

import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.verification import Verification, verify
from msjax.crystal.verification.smoothness import smoothness
from msjax.crystal.verification.verify import _lowest

ROUND_OFF = (
    "vc-objectivity",
    "vc-permutation-symmetry",
    "vc-inversion-symmetry",
    "finite-support",
    "vc-periodicity-support",
    "acoustic-sum-rule",
)
DERIVATIVES = (
    "vc-forces-numerical-derivative",
    "stress-is-the-derivative-of-energy",
    "tangent-is-the-derivative-of-stress",
    "long-waves-are-the-acoustic-tensor",
)

# potential, crystal, and the continuous derivatives of a dimer and of a neighbour in the crystal, from the formulas
CASES = {
    "switched": (lambda _: ms.LennardJones(inner=1.7, outer=2.1), ("X", "fcc", 1.56), 2, 2),
    "force-shifted": (
        lambda _: ms.Morse(0.3429, 1.3588, 2.866, outer=6.0, inner=5.0, ending="force-shifted"),
        ("Cu", "fcc", 3.65),
        1,
        1,
    ),
    "shifted": (lambda _: ms.LennardJones(outer=2.5, ending="shifted"), ("X", "fcc", 1.55), 0, 0),
    # −√ρ with ρ ∝ δ⁴ at the cut-off: the dimer's stiffness jumps, a crystal's does not
    "gupta": (lambda _: ms.EAM.gupta("Cu"), ("Cu", "fcc", 3.615), 1, 3),
    # the fade's second derivative jumps at R ± D
    "tersoff": (lambda _: ms.Tersoff(), ("Si", "diamond", 5.432), 1, 1),
    "setfl": (lambda file: ms.EAM.setfl(file("Al_zhou.eam.alloy")), ("Al", "fcc", 4.0817), None, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("key", ["switched", *(pytest.param(k, marks=pytest.mark.slow) for k in list(CASES)[1:])])
def test_potentials_of_the_library(key, potential_file):
    make, (element, structure, a), dimer, neighbour = CASES[key]
    report = verify(make(potential_file), ms.bulk(element, structure, a))
    print(report)
    for name in ROUND_OFF:
        assert report[name].grade == "A", report
    for name in DERIVATIVES:
        assert report[name].grade in "AB", report
    if dimer is not None:
        assert report["vc-dimer-continuity"].number == dimer, report
        assert report["neighbour-continuity"].number == neighbour, report


@pytest.mark.slow
def test_springs_are_checked_in_their_crystal():
    springs = ms.Springs(stiffness=[1.0, 0.7], length=[1.0, 2.0**0.5])
    assert verify(springs).grade == "-"
    report = verify(springs, ms.bulk("X", "square", 1.0))
    assert report.grade in "AB", report
    assert report["acoustic-sum-rule"].grade == "A"
    assert report["vc-*"].grade == "-"


def pair(r, p):
    """Lennard-Jones without any end."""
    x = p / jnp.sum(r * r, axis=1)
    return 2.0 * jnp.sum(x**6 - x**3)


@pytest.mark.slow
def test_a_truncated_sum_is_told():
    truncated = verify(ms.SiteEnergy(pair, 1.7, jnp.array(1.0)), ms.bulk("X", "chain", 1.12))
    assert truncated["finite-support"].grade == "F"
    assert truncated["vc-dimer-continuity"].grade == "F"
    assert truncated["vc-objectivity"].grade == "A"
    assert truncated.grade == "F"
    assert "finite-support" in [check.name for check in truncated.worse_than("D")]


@pytest.mark.slow
def test_bad_site_energies_are_told():
    """An energy that knows directions, one that prefers the first neighbour, one that is odd, one that raises."""
    square = ms.bulk("X", "square", 1.12)

    def smooth(r):
        length2 = jnp.sum(r * r, axis=1)
        return jnp.where(length2 < 3.0, (1.0 - length2 / 3.0) ** 4, 0.0)

    def directed(r, p):
        return -jnp.sum(smooth(r) * (1.0 + p * r[:, 0] ** 2))

    found = verify(ms.SiteEnergy(directed, 3.0**0.5, jnp.array(0.1)), square)
    assert found["vc-objectivity"].grade == "F"
    assert found["vc-inversion-symmetry"].grade == "A"
    assert found["vc-dimer-continuity"].grade == "A"

    def ordered(r, p):
        return -jnp.sum(smooth(r) * (1.0 + p * np.arange(float(len(r)))))

    assert verify(ms.SiteEnergy(ordered, 3.0**0.5, jnp.array(0.1)), square)["vc-permutation-symmetry"].grade == "F"

    def odd(r, p):
        # a parity-breaking three-body chirality, blind to rotations
        cross = r[:, None, 0] * r[None, :, 1] - r[:, None, 1] * r[None, :, 0]
        w = smooth(r)
        return -jnp.sum(w) + p * jnp.sum(w[:, None] * w[None, :] ** 2 * cross)

    # in the plane x → −x is a rotation: even an energy with a handedness passes, as it should
    assert verify(ms.SiteEnergy(odd, 3.0**0.5, jnp.array(0.1)), square)["vc-inversion-symmetry"].grade == "A"

    def polar(r, p):
        return -jnp.sum(smooth(r) * (1.0 + p * r[:, 0]))

    # in the sum over both ends of a bond it cancels; site by site, as lattices and couplings use it, it does not
    report = verify(ms.SiteEnergy(polar, 3.0**0.5, jnp.array(0.1)), square)
    assert report["vc-objectivity"].grade == report["vc-inversion-symmetry"].grade == "F"

    def broken(r, p):
        raise RuntimeError("no such table")

    report = verify(ms.SiteEnergy(broken, 1.7), square)
    assert report.grade == "F"
    assert "no such table" in str(report)


@pytest.mark.slow
def test_a_wrong_derivative_is_told():
    """Forces that are not the energy's: a stop_gradient, as a user may leave one behind."""
    from jax import lax

    def frozen(r, p):
        length2 = jnp.sum(r * r, axis=1)
        fade = jnp.where(length2 < 3.0, (1.0 - length2 / 3.0) ** 4, 0.0)
        return -jnp.sum(p * fade * lax.stop_gradient(length2))

    report = verify(ms.SiteEnergy(frozen, 3.0**0.5, jnp.array(1.0)), ms.bulk("X", "square", 1.12))
    assert report["vc-forces-numerical-derivative"].grade == "F"
    assert report["stress-is-the-derivative-of-energy"].grade == "F"


@pytest.mark.slow
def test_a_crystal_is_found():
    argon, silicon = _lowest(ms.LennardJones(inner=1.7, outer=2.1)), _lowest(ms.StillingerWeber())
    assert argon.structure == "fcc"
    assert silicon.structure == "diamond"
    assert float(silicon.cell[0, 1]) * 2.0 == pytest.approx(5.431, rel=0.02)


@pytest.mark.slow
def test_smoothness_by_construction():
    """|x|^k has k − 1 continuous derivatives where it starts."""
    for k in (1, 2, 3):
        found = smoothness(lambda r, k=k: jnp.cos(r) + jnp.where(r > 1.37, r - 1.37, 0.0) ** k, 0.0, 1.0, 2.0)
        assert found.inside == k - 1
        assert found.where == pytest.approx(1.37, abs=1e-9)
    for k in (1, 2, 3, 4):
        assert smoothness(lambda r, k=k: (2.0 - r) ** k, 0.0, 1.0, 2.0).cutoff == k - 1
    assert smoothness(lambda r: jnp.sin(r), 0.0, 1.0, 2.0).cutoff == -1
    assert smoothness(lambda r: jnp.exp(-r), float(np.exp(-2.0)), 1.0, 2.0).inside == 3


@pytest.mark.slow
def test_a_report_reads():
    report = verify(ms.LennardJones(inner=1.3, outer=1.6), ms.bulk("X", "chain", 1.12))
    assert isinstance(report, Verification)
    text = str(report)
    assert text.count("\n") == len(report.checks)
    assert "vc-dimer-continuity" in text
    with pytest.raises(KeyError, match="no such check"):
        report["vc-nothing"]
