"""Units against numbers this project did not write."""

import math

import pytest

from msjax import units


def test_one_electronvolt_per_cubic_angstrom_in_gigapascal():
    assert 1.0 / units.GPa == pytest.approx(160.2176634, rel=1e-12)


def test_a_joule_per_square_metre_in_electronvolt_per_square_angstrom():
    assert units.J_per_m2 == pytest.approx(1.0 / 16.02176634, rel=1e-12)
    assert pytest.approx(units.J_per_m2, rel=1e-15) == units.N_per_m
    assert pytest.approx(units.J_per_m2, rel=1e-15) == 1000.0 * units.mJ_per_m2


def test_room_temperature():
    assert 300.0 * units.kB == pytest.approx(0.025851999786, rel=1e-10)


def test_the_internal_unit_of_time():
    # CODATA 2018: sqrt(amu/eV) Å is 10.18050571 fs
    assert units.time_unit_s == pytest.approx(1.018050571e-14, rel=1e-9)
    assert units.fs * units.time_unit_s == pytest.approx(1e-15, rel=1e-14)
    assert units.ps == pytest.approx(1000.0 * units.fs, rel=1e-14)


def test_an_oscillator_in_terahertz():
    """A spring of 1 N/m and a mass of 1 amu, against the same in SI."""
    omega = math.sqrt(1.0 * units.N_per_m / units.amu)
    assert omega / (2.0 * math.pi) / units.THz == pytest.approx(
        math.sqrt(1.0 / 1.66053906660e-27) / (2.0 * math.pi) * 1e-12, rel=1e-9
    )


def test_hertz_of_an_electronvolt():
    # Planck's constant: 1 eV is 241.7989242 THz
    assert 1.0 / (2.0 * math.pi * units.hbar_eV_s) / 1e12 == pytest.approx(241.7989242, rel=1e-9)


def test_density_of_copper():
    volume = 3.615**3 / 4.0
    assert 63.546 / volume / units.g_per_cm3 == pytest.approx(8.935, rel=1e-3)


def test_force():
    assert units.nN == pytest.approx(0.6241509074, rel=1e-9)
    assert units.N_per_m * units.nm == pytest.approx(units.nN, rel=1e-14)


@pytest.mark.parametrize("name", ["eV", "Angstrom", "amu", "nm", "GPa", "kB", "J", "m", "kg", "fs"])
def test_conventions_agree_with_ase(name):
    """ASE's default is CODATA 2014, whose Boltzmann constant differs by 3.4e-7."""
    ase_units = pytest.importorskip("ase.units", reason="needs ase (extra msjax[atoms])")
    theirs = {"eV": "eV", "amu": "_1"}.get(name, name)
    expected = 1.0 if theirs == "_1" else getattr(ase_units, theirs)
    assert getattr(units, name) == pytest.approx(expected, rel=5e-7)


def test_permittivity_of_the_vacuum():
    """Coulomb's energy of two elementary charges: e²/(4πε₀) = 14.3996454 eV Å."""
    assert 1.0 / (4.0 * math.pi * units.eps0) == pytest.approx(14.3996454, rel=1e-8)
    assert units.eps0 / units.F_per_m == pytest.approx(8.8541878128e-12, rel=1e-14)
