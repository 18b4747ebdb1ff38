"""Ensembles of cells: compacted lanes, one by one, and bad members among good ones."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.status import Code

MEMBERS = 6
IMAGES = np.random.default_rng(3).integers(0, 2, (MEMBERS, 6, 8))
# contrasts that need different numbers of iterations
YOUNG = np.array([2.0, 500.0, 5.0, 50.0, 1000.0, 3.0])


def build(shared, member):
    return ms.RVE(member["phases"], [ms.IsotropicElastic(shared, 0.3, 2), ms.IsotropicElastic(member["young"], 0.2, 2)],
                  tolerance=1e-8)  # fmt: skip


def evaluate(shared, member):
    found = ms.effective_stiffness(build(shared, member), throw=False)
    status = jax.tree.map(lambda x: x[jnp.argmax(found.status.code)], found.status)
    return {"stiffness": found.stiffness}, status


@pytest.fixture(scope="module")
def members():
    return {"phases": IMAGES, "young": YOUNG}


@pytest.fixture(scope="module")
def one_by_one(members):
    one = jax.jit(evaluate)
    return np.stack([
        one(jnp.array(1.0), jax.tree.map(lambda x: jnp.asarray(x[k]), members))[0]["stiffness"] for k in range(MEMBERS)  # noqa: B023
    ])  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 4])
def test_compacted_is_one_by_one(members, one_by_one, lanes):
    table = ms.ensemble(ms.CellStiffness(build, steps=7), members, shared=jnp.array(1.0), chunk=MEMBERS, lanes=lanes)
    assert table.failed == 0
    np.testing.assert_allclose(table["stiffness"], one_by_one, rtol=1e-10, atol=1e-12)
    assert np.max(table["hill_mandel"]) < 1e-12
    assert np.max(table.iterations) > 1.5 * np.min(table.iterations)


@pytest.mark.slow
def test_batched_is_one_by_one(members, one_by_one):
    table = ms.ensemble(evaluate, members, shared=jnp.array(1.0), chunk=4, lanes=4)
    np.testing.assert_allclose(table["stiffness"], one_by_one, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_bad_members_leave_the_others_bit_for_bit(members):
    """A NaN modulus fails; a cell that is all void is a result: zero."""
    iteration, shared = ms.CellStiffness(build, steps=7), jnp.array(1.0)
    good = ms.ensemble(iteration, members, shared=shared, chunk=MEMBERS, lanes=3)
    bad = {"phases": IMAGES.copy(), "young": YOUNG.copy()}
    bad["young"][1] = np.nan
    bad["phases"][4], bad["young"][4] = 1, 0.0
    table = ms.ensemble(iteration, bad, shared=shared, chunk=MEMBERS, lanes=3)
    assert table.code.tolist() == [0, Code.NONFINITE, 0, 0, 0, 0]
    assert np.all(np.isnan(table["stiffness"][1]))
    assert np.all(table["stiffness"][4] == 0.0)
    rest = [0, 2, 3, 5]
    np.testing.assert_array_equal(table["stiffness"][rest], good["stiffness"][rest])


@pytest.mark.slow
def test_members_made_on_the_host_chunk_by_chunk():
    def make(k):
        image = ms.microstructures.spheres((16, 16), 0.3, radius=0.15, seed=1, member=k).phases
        return {"phases": image, "young": np.array(10.0)}

    table = ms.ensemble(ms.CellStiffness(build), 5, make=make, shared=jnp.array(1.0), chunk=2)
    assert table["stiffness"].shape == (5, 3, 3)
    assert table.failed == 0


SHARDED = """
import jax, jax.numpy as jnp, numpy as np, msjax as ms
from msjax.homogenization.rve import worst

def build(shared, member):
    phases = [ms.IsotropicElastic(shared, 0.3, 2), ms.IsotropicElastic(member["young"], 0.2, 2)]
    return ms.RVE(member["phases"], phases, tolerance=1e-8)

def evaluate(shared, member):
    def first(young):
        found = ms.effective_stiffness(build(shared, {**member, "young": young}), throw=False)
        return found.stiffness[0, 0], found
    (_, found), slope = jax.value_and_grad(first, has_aux=True)(member["young"])
    return {"stiffness": found.stiffness, "slope": slope}, worst(found.status)

rng = np.random.default_rng(3)
members = {"phases": rng.integers(0, 2, (6, 6, 8)), "young": np.array([2.0, 500.0, np.nan, 5.0, 1000.0, 3.0])}
assert len(jax.local_devices()) == 4
for what in (evaluate, ms.CellStiffness(build, steps=7)):
    tables = [ms.ensemble(what, members, shared=jnp.array(1.0), chunk=6, devices=devices)
              for devices in (None, jax.local_devices())]
    assert tables[0].code.tolist() == tables[1].code.tolist() == [0, 0, 3, 0, 0, 0]
    for name in tables[0].columns:
        np.testing.assert_allclose(tables[1][name], tables[0][name], rtol=1e-12)
print("same")
"""


@pytest.mark.slow
def test_sharded_over_four_devices_is_unsharded():
    """Stiffnesses and their gradients; a failed member on one device."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == "same", run.stderr
