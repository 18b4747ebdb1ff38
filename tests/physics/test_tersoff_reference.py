"""Tersoff's potential against LAMMPS, tests/reference/tersoff.json, and against published constants of silicon."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units

FITS = {
    "Si_1988": {"A": 3264.7, "B": 95.373, "lam1": 3.2394, "lam2": 1.3258, "lam3": 1.3258, "beta": 0.33675,
                "n": 22.956, "c": 4.8381, "d": 2.0417, "cos0": 0.0, "R": 3.0, "D": 0.2},
    "Si_1988c": {"lam3": 1.7322, "beta": 1.0999e-6, "d": 16.218, "cos0": -0.59826},
    "C_1989": {"A": 1393.6, "B": 346.7, "lam1": 3.4879, "lam2": 2.2119, "beta": 1.5724e-7, "n": 0.72751,
               "c": 38049.0, "d": 4.3484, "cos0": -0.57058, "R": 1.95, "D": 0.15, "element": "C"},
}  # fmt: skip


def material(entry, key, inner, strain_margin):
    potential = ms.Tersoff(**FITS[key])
    crystal = ms.bulk(potential.element, entry["lattice"], entry["a0"], mass=entry["mass"])
    return ms.CauchyBorn(crystal, potential, inner=inner, strain_margin=strain_margin)


def check(material, states):
    deformations = jnp.asarray([state["F"] for state in states])
    response = eqx.filter_jit(jax.vmap(lambda F: material.respond(F)))(deformations)
    assert not np.any(response.status.failed)
    for n, state in enumerate(states):
        stress = np.asarray(state["P"])
        assert abs(response.energy[n] / state["W"] - 1.0) < 1e-9, n
        assert np.max(np.abs(response.stress[n] - stress)) < 1e-8 * max(np.max(np.abs(stress)), 1e-2), n
    return response


@pytest.mark.slow
@pytest.mark.parametrize("key", FITS)
def test_response_agrees_with_lammps(key, reference):
    """Inside the plateau of the cut-off function, in its window, and with a second shell."""
    entry = reference("tersoff")[key]
    check(material(entry, key, "clamped", 0.25), [*entry["states"], entry["window"], entry["second_shell"]])


@pytest.mark.slow
@pytest.mark.parametrize("key", ["Si_1988", *(pytest.param(k, marks=pytest.mark.slow) for k in ("Si_1988c", "C_1989"))])
def test_relaxed_response_and_optical_mode_agree_with_lammps(key, reference):
    entry = reference("tersoff")[key]
    relaxed = material(entry, key, "relaxed", 0.12)
    response = check(relaxed, entry["states_relaxed"])
    shifts = np.array([state["shift_current"] for state in entry["states_relaxed"]])
    np.testing.assert_allclose(response.state[:, 0], shifts, atol=1e-9)
    omega2 = ms.phonons.modes(relaxed, [[0.0, 0.0, 0.0]]).omega2[0]
    np.testing.assert_allclose(omega2[:3], 0.0, atol=1e-10)
    np.testing.assert_allclose(omega2[3:], entry["optical_omega2"], rtol=1e-7)


def test_files_hold_these_fits(reference, potential_file):
    for key in FITS:
        entry = reference("tersoff")[key]
        read = ms.Tersoff.read(potential_file(entry["file"]), entry["label"])
        built = ms.Tersoff(**FITS[key])
        assert jax.tree.structure(read) == jax.tree.structure(built)
        assert [float(x) for x in jax.tree.leaves(read)] == [float(x) for x in jax.tree.leaves(built)]


@pytest.mark.slow
def test_silicon_has_its_published_constants():
    """The third silicon potential as compared by Balamane, Halicioglu and Tiller, doi:10.1103/PhysRevB.46.2250."""
    start = ms.CauchyBorn(ms.bulk("Si", "diamond", 5.43), ms.Tersoff(**FITS["Si_1988c"]))
    found = ms.equilibrium(start)
    assert float(found.lattice_constant) == pytest.approx(5.432, abs=5e-4)
    assert float(found.energy_per_atom) == pytest.approx(-4.63, abs=5e-3)
    relaxed = ms.relaxed_stiffness(found.material) / units.GPa
    clamped = ms.clamped_stiffness(found.material) / units.GPa
    assert float(relaxed[0, 0]) == pytest.approx(142.5, abs=0.05)
    assert float(relaxed[0, 1]) == pytest.approx(75.4, abs=0.05)
    assert float(relaxed[3, 3]) == pytest.approx(69.0, abs=0.5)
    assert float(clamped[3, 3]) == pytest.approx(119.0, abs=0.5)
