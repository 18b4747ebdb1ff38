"""(W, P, A) of six lattices at seven deformations against LAMMPS, tests/reference/lattice_response.json."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms

CASES = {
    "LJ_cut2.5_shift": ("X", lambda _: ms.LennardJones(outer=2.5, ending="shifted")),
    "LJ_gromacs_2.5_3.5": ("X", lambda _: ms.LennardJones(inner=2.5, outer=3.5)),
    "Morse_Cu_smoothlinear_9.0": ("Cu", lambda _: ms.Morse(0.3429, 1.3588, 2.866, outer=9.0, ending="force-shifted")),
    "EAM_Cu_mishin1": ("Cu", lambda file: ms.EAM.setfl(file("Cu_mishin1.eam.alloy"))),
    "EAM_Al_zhou": ("Al", lambda file: ms.EAM.setfl(file("Al_zhou.eam.alloy"))),
    "SW_Si": ("Si", lambda _: ms.StillingerWeber()),
}


def responses(material, states):
    """(W, P, A) and status codes, all states in one batch."""
    deformations = jnp.asarray([state["F"] for state in states])
    return eqx.filter_jit(jax.vmap(lambda F: material.respond(F)))(deformations)


def check(response, states, tangent_tolerance):
    assert not np.any(response.status.failed)
    for n, state in enumerate(states):
        stress, tangent = np.asarray(state["P"]), np.asarray(state["dPdF"])
        assert abs(response.energy[n] / state["W"] - 1.0) < 1e-9
        assert np.max(np.abs(response.stress[n] - stress)) < 1e-9
        deviation = np.max(np.abs(response.tangent[n] - tangent)) / np.max(np.abs(tangent))
        at_rest = np.allclose(state["F"], np.eye(3))
        assert deviation < (tangent_tolerance if at_rest else 1e-6), f"state {n}: {deviation:.1e}"


@pytest.mark.slow
@pytest.mark.parametrize("key", CASES)
def test_response_agrees_with_lammps(key, reference, potential_file):
    entry = reference("lattice_response")[key]
    element, make = CASES[key]
    material = ms.CauchyBorn(ms.bulk(element, entry["lattice"], entry["a0"]), make(potential_file), inner="clamped")
    # At rest copper's embedding table has a kink in its third derivative: the central difference behind the
    # reference tangent straddles it.
    check(responses(material, entry["states"]), entry["states"], 2e-5 if key == "EAM_Cu_mishin1" else 1e-6)


@pytest.mark.slow
def test_relaxed_silicon_agrees_with_lammps(reference):
    entry = reference("lattice_response")["SW_Si"]
    material = ms.CauchyBorn(ms.bulk("Si", "diamond", entry["a0"]), ms.StillingerWeber())
    states = entry["states_relaxed"]
    response = responses(material, states)
    check(response, states, 1e-6)
    shifts = np.array([state["shift_current"] for state in states])
    np.testing.assert_allclose(response.state[:, 0], shifts, atol=1e-6)
