"""An ensemble's table is that of the plain loop: in chunks, compacted, resumed, shared out, with members that fail."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.homogenization.ensemble import ensemble
from msjax.homogenization.shares import slurm_share, start_processes
from msjax.homogenization.table import Ensemble
from msjax.solvers.compaction import Iteration
from msjax.status import Code, Status, guard

ROOT = Path(__file__).resolve().parents[2]


class Layers(NamedTuple):
    """Effective moduli of a laminate and what else it says."""

    E: jax.Array
    moduli: dict[str, jax.Array]
    count: jax.Array


def laminate(shared, stiffness):
    """Series and parallel moduli of layers."""
    ok = jnp.all(stiffness > 0)
    series = shared / jnp.mean(1 / stiffness)
    status = Status.of(jnp.where(ok, Code.CONVERGED, Code.SINGULAR), 3, 1e-9)
    values = Layers(series, {"bounds": jnp.stack([series, shared * jnp.mean(stiffness)])}, jnp.sum(stiffness > 2))
    return values._replace(E=guard(series, ~ok)), status


STIFFNESS = np.random.default_rng(3).uniform(1.0, 5.0, (23, 6))
STIFFNESS[[4, 17], 2] = 0.0
GOOD = np.delete(np.arange(23), [4, 17])
TWO = jnp.array(2.0)


def same(one, other, exactly=True):
    """The two tables hold the same numbers."""
    assert list(one.columns) == list(other.columns)
    for name in one.columns:
        if exactly:
            np.testing.assert_array_equal(one[name], other[name], strict=True)
        else:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-13)
    for name in ("index", "code", "iterations", "residual"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.members, one.seed, dict(one.errors), dict(one.units)) == (
        (other.members, other.seed, dict(other.errors), dict(other.units))
    )


@pytest.mark.parametrize(("chunk", "lanes"), [(1, None), (5, None), (5, 2), (64, None), (64, 4)])
def test_the_table_is_the_loop_and_the_closed_form(chunk, lanes):
    table = ensemble(laminate, STIFFNESS, shared=TWO, chunk=chunk, lanes=lanes)
    np.testing.assert_allclose(table["E"][GOOD], 2.0 / np.mean(1 / STIFFNESS[GOOD], axis=1), rtol=1e-14)
    np.testing.assert_allclose(table["moduli.bounds"][GOOD, 1], 2.0 * STIFFNESS[GOOD].mean(axis=1), rtol=1e-14)
    assert table["count"].tolist() == [0 if k in (4, 17) else int(np.sum(row > 2)) for k, row in enumerate(STIFFNESS)]
    assert np.all(np.isnan(table["moduli.bounds"][[4, 17]])), "a failed member says nothing"
    assert table.code[[4, 17]].tolist() == [Code.SINGULAR] * 2
    assert table.failed == 2
    assert table.iterations.tolist() == [3] * 23
    assert table.complete
    assert table.index.tolist() == list(range(23))
    np.testing.assert_allclose(table.mean()["E"], np.mean(table["E"][GOOD]), rtol=1e-14)
    np.testing.assert_allclose(table.std()["moduli.bounds"], np.std(table["moduli.bounds"][GOOD], axis=0, ddof=1))


@dataclasses.dataclass(frozen=True)
class Root(Iteration):
    """Square roots by bisection from a bracket of the member's size: as many steps as that needs."""

    def begin(self, shared, member):
        return jnp.zeros_like(member), jnp.maximum(member, 1.0), jnp.zeros((), jnp.int32)

    def finished(self, carry):
        low, high, steps = carry
        return ~(high - low > 1e-10) | (steps >= 80)

    def advance(self, shared, member, carry):
        low, high, steps = carry
        middle = (low + high) / 2
        above = middle**2 > member
        moved = jnp.where(above, low, middle), jnp.where(above, middle, high), steps + 1
        return jax.tree.map(lambda new, old: jnp.where(self.finished(carry), old, new), moved, carry)

    def end(self, shared, member, carry):
        low, high, steps = carry
        ok = high - low <= 1e-10
        return {"root": (low + high) / 2}, Status.of(jnp.where(ok, 0, Code.NONFINITE), steps, high - low)


@pytest.mark.slow
def test_an_iteration_is_compacted_within_its_chunk():
    squares = np.exp(np.random.default_rng(0).uniform(0, 20, 40))
    squares[11] = np.nan
    table = ensemble(Root(), squares, chunk=16, lanes=3)
    np.testing.assert_allclose(table["root"], np.sqrt(squares), atol=1e-9)
    assert table.failed == 1
    np.testing.assert_array_equal(np.flatnonzero(~table.ok), [11])
    same(table, ensemble(Root(), squares, chunk=40), exactly=False)


def draw(shared, key):
    return {"x": jax.random.normal(key, (2,))}, Status.of()


@pytest.mark.slow
def test_a_members_random_numbers_are_its_own():
    table = ensemble(draw, 10, seed=7, chunk=4)
    for k in range(10):
        np.testing.assert_array_equal(table["x"][k], jax.random.normal(jax.random.fold_in(jax.random.key(7), k), (2,)))
    np.testing.assert_array_equal(ensemble(draw, 5, seed=7)["x"], table["x"][:5])
    assert not np.array_equal(ensemble(draw, 10, seed=8)["x"], table["x"])


def test_members_made_on_the_host_come_chunk_by_chunk_and_may_fail():
    asked = []

    def make(k):
        asked.append(k)
        if k in (3, 8, 9):  # the last chunk fails as a whole
            raise RuntimeError(f"the spheres of {k} do not fit")
        return STIFFNESS[k]

    seen = []
    table = ensemble(laminate, 10, make=make, shared=TWO, chunk=4, progress=lambda *x: seen.append((*x, len(asked))))
    assert seen == [(4, 10, 4), (8, 10, 8), (10, 10, 10)]
    assert dict(table.errors) == {k: f"RuntimeError: the spheres of {k} do not fit" for k in (3, 8, 9)}
    assert table.code[[3, 8, 9]].tolist() == [Code.NONFINITE] * 3
    assert np.all(np.isnan(table["E"][[3, 4, 8, 9]]))
    same_rows = [0, 1, 2, 5, 6, 7]
    np.testing.assert_array_equal(table["E"][same_rows], ensemble(laminate, STIFFNESS, shared=TWO)["E"][same_rows])
    assert "4 failed, left out" in table.summary()
    assert "member 3: RuntimeError: the spheres of 3 do not fit" in table.summary()


def test_an_ensemble_of_which_nothing_could_be_made_is_a_table_of_failures():
    def make(k):
        raise OSError("no such image")

    table = ensemble(laminate, 3, make=make, units={"E": "GPa"})
    assert (table.failed, len(table), dict(table.columns)) == (3, 3, {})
    assert "3 NONFINITE" in table.summary()


def test_statistics_of_nothing_are_nan():
    table = Ensemble.of({"E": [np.nan, np.nan]}, code=[3, 3])
    assert np.isnan(table.mean()["E"])
    assert np.isnan(table.std()["E"])
    hidden = Ensemble.of({"E": [1.0, np.nan]})
    assert np.isnan(hidden.mean()["E"]), "a NaN that no status explains is not dropped"
    assert "E: mean nan" in hidden.summary()
    assert "not finite in 1 members that did not fail" in hidden.summary()


@pytest.mark.parametrize("ending", ["npz", "h5"])
def test_a_saved_table_comes_back(tmp_path, ending):
    if ending == "h5":
        pytest.importorskip("h5py", reason="writing .h5 files")
    table = ensemble(
        laminate, STIFFNESS, shared=TWO, units={"E": "GPa", "moduli.bounds": "GPa"}, provenance={"date": "2024-02-29"}
    )
    table.save(tmp_path / f"table.{ending}")
    found = Ensemble.load(tmp_path / f"table.{ending}")
    same(found, table)
    assert found.provenance["date"] == "2024-02-29"
    assert found.provenance["jax"] == jax.__version__
    assert found.provenance["devices"] == ["cpu cpu"]
    assert found.provenance["evaluate"].endswith("test_ensemble.laminate")
    assert [path.name for path in tmp_path.iterdir()] == [f"table.{ending}"], "no temporary files are left"


def test_broken_files_are_refused(tmp_path):
    path = tmp_path / "table.npz"
    table = ensemble(draw, 5)
    table.save(path)
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:-30], b"", b"PK\x03\x04" + b"\0" * 50):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="table.npz: not a whole table"):
            Ensemble.load(path)
    flipped = bytearray(whole)
    flipped[whole.index(b"columns/x") + 150] ^= 1
    path.write_bytes(bytes(flipped))
    with pytest.raises(ValueError, match="not a whole table"):
        Ensemble.load(path)
    np.savez(path, record=np.array({"a": 1}, dtype=object))
    with pytest.raises(ValueError, match="table.npz"):
        Ensemble.load(path)
    np.savez_compressed(path, record=np.zeros(10**6))
    with pytest.raises(ValueError, match="compressed"):
        Ensemble.load(path)
    with pytest.raises(ValueError, match="there is no such file"):
        Ensemble.load(tmp_path / "other.npz")
    with pytest.raises(ValueError, match="ends in .npz, .h5, .hdf5"):
        table.save(tmp_path / "table.csv")
    with pytest.raises(ValueError, match="there is no folder"):
        table.save(tmp_path / "nowhere" / "table.npz")


def test_shares_are_joined_and_gathered(tmp_path):
    whole = ensemble(laminate, STIFFNESS, shared=TWO, chunk=4)
    shares = [
        ensemble(laminate, STIFFNESS, shared=TWO, chunk=4, share=(task, 3), checkpoint=tmp_path / "run")
        for task in range(3)
    ]
    assert [len(table) for table in shares] == [8, 8, 7]
    assert not shares[0].complete
    same(Ensemble.join(shares[::-1]), whole)
    same(Ensemble.gather(tmp_path / "run"), whole)
    (tmp_path / "run" / "part-00001.npz").unlink()
    with pytest.raises(ValueError, match="1 of 6 parts are missing.*part-00001"):
        Ensemble.gather(tmp_path / "run")
    rest = Ensemble.gather(tmp_path / "run", partial=True)
    assert (len(rest), rest.members) == (19, 23)
    assert "a share of 23" in rest.summary()
    with pytest.raises(ValueError, match="member 0 is given twice"):
        Ensemble.join([shares[0], shares[0]])
    with pytest.raises(ValueError, match="with seed 0, .* of 10"):
        Ensemble.join([ensemble(draw, 10), shares[0]])
    with pytest.warns(UserWarning, match="nothing is left for task 1 of 2"):
        assert len(ensemble(draw, 10, share=(1, 2))) == 0


def test_slurm_tasks_find_their_share():
    def task(**values):
        return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}

    assert slurm_share(task(ID=0, MIN=0, MAX=7, COUNT=8)) == (0, 8)
    assert slurm_share(task(ID=7, MIN=0, MAX=7, COUNT=8)) == (7, 8)
    assert slurm_share(task(ID=4, MIN=4, MAX=4, COUNT=1)) == (0, 1)
    for bad in ({}, task(ID=1, MIN=0, MAX=3, COUNT=3), task(ID=2, MIN=1, MAX=7, COUNT=4)):
        with pytest.raises(ValueError, match="environment"):
            slurm_share(bad)
    with pytest.raises(ValueError, match="JAX_COORDINATOR_ADDRESS"):
        start_processes({"MSJAX_PROCESS": "0", "MSJAX_PROCESSES": "2"})


def test_a_checkpoint_of_another_run_is_refused_and_the_difference_named(tmp_path):
    def run(evaluate=laminate, members=STIFFNESS, **changed: Any):
        settings: dict[str, Any] = {"shared": TWO, "chunk": 5, "checkpoint": tmp_path} | changed
        return ensemble(evaluate, members, **settings)

    run()
    with pytest.raises(ValueError, match=r"differs in\n  chunk: 5 there, 6 now$"):
        run(chunk=6)
    with pytest.raises(ValueError, match=r"differs in\n  shared: .* there, .* now$"):
        run(shared=jnp.array(3.0))
    with pytest.raises(ValueError, match=r"differs in\n  inputs: .* there, .* now$"):
        run(members=STIFFNESS + 1e-12)
    with pytest.raises(ValueError, match=r"differs in\n  evaluate: .*laminate' there, .*draw' now"):
        run(draw)
    with pytest.raises(ValueError, match="already holds a run"):
        run(resume=False)
    run(shared=2 * TWO, checkpoint=tmp_path / "other")
    (tmp_path / "other" / "part-00001.npz").replace(tmp_path / "part-00001.npz")
    with pytest.warns(UserWarning, match="part-00001.npz: this part belongs to another run"):
        found = run()
    same(found, run(checkpoint=None))
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ValueError, match="not the manifest of a checkpoint"):
        run()


def test_only_what_is_missing_or_broken_is_computed_again(tmp_path):
    made = []

    def make(k):
        made.append(k)
        return STIFFNESS[k]

    def run():
        made.clear()
        return ensemble(laminate, 23, make=make, shared=TWO, chunk=5, checkpoint=tmp_path)

    first = run()
    same(run(), first)
    assert made == []
    part = tmp_path / "part-00002.npz"
    part.write_bytes(part.read_bytes()[:-100])
    (tmp_path / "part-00004.npz").unlink()
    with pytest.warns(UserWarning, match=r"part-00002.npz: not a whole table .* computed again"):
        same(run(), first)
    assert made == [*range(10, 15), *range(20, 23)]


KILLED = """
import os, sys, time
import jax, jax.numpy as jnp
from msjax.homogenization.ensemble import ensemble
from msjax.status import Status

def relax(shared, key):
    x = jax.random.normal(key, (50,))
    return {"x": shared * jnp.sum(jnp.exp(x) ** 0.3), "y": jnp.cumsum(x)}, Status.of()

def slow(done, members):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]) if done == 16 else 0)

table = ensemble(relax, 40, shared=jnp.array(1.1), chunk=8, seed=5, checkpoint=sys.argv[1], progress=slow)
table.save(sys.argv[1] + ".npz")
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_table(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(KILLED)

    def start(folder, pause):
        return subprocess.Popen(
            [sys.executable, program, tmp_path / folder, str(pause)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    run = start("killed", 60)
    try:
        deadline = time.monotonic() + 40
        while not (tmp_path / "killed" / "part-00001.npz").exists():
            assert run.poll() is None, run.communicate()[1].decode()
            assert time.monotonic() < deadline, "the second part does not come"
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGKILL)
        run.communicate()
    assert run.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "killed").glob("part-*.npz"))) == 2
    assert not (tmp_path / "killed.npz").exists()
    for folder in ("killed", "whole"):
        run = start(folder, 0)
        out, error = run.communicate(timeout=50)
        assert run.returncode == 0, error.decode()
        assert out.split() == [b"8", b"16", b"24", b"32", b"40"]
    same(Ensemble.load(tmp_path / "killed.npz"), Ensemble.load(tmp_path / "whole.npz"))


PROCESSES = """
import sys
from msjax.homogenization.shares import start_processes
start_processes()
import jax, jax.numpy as jnp, numpy as np
from jax.experimental import multihost_utils
from msjax.homogenization.ensemble import ensemble
from msjax.solvers.sharding import map_sharded
from msjax.status import Status

def draw(shared, key):
    x = jax.random.normal(key, (3,))
    slope = jax.grad(lambda s: jnp.sum(jnp.exp(s * x)))(shared)
    return {"x": shared * x, "slope": slope}, Status.of(iterations=2)

def make(k):
    if k == 13:
        raise ValueError("unlucky")
    return jax.random.fold_in(jax.random.key(0), k)

if sys.argv[2] == "fail" and jax.process_index() == 1:
    raise RuntimeError("process 1 gives up")
settings = {"make": make, "shared": jnp.array(2.0), "chunk": 4}
table = ensemble(draw, 30, **settings, checkpoint=sys.argv[1], devices=jax.local_devices())
table.save(f"{sys.argv[1]}-{jax.process_index()}-of-{jax.process_count()}.npz")

# every process alone, on one device
alone = ensemble(draw, 30, **settings, share=(0, 1))
for name in table.columns:
    np.testing.assert_allclose(table[name], alone[name], rtol=1e-13)

# one array over the devices of all processes
rows = np.arange(8.0)
block = lambda shared, rows: jax.vmap(lambda x: jax.grad(lambda s: jnp.sin(s * x))(shared))(rows)
spread = jax.jit(lambda s, x: map_sharded(block, s, x, devices=jax.devices()))(np.array(2.0), rows)
found = multihost_utils.process_allgather(spread, tiled=True)
np.testing.assert_allclose(found, rows * np.cos(2 * rows), rtol=1e-13, atol=1e-14)
assert len(jax.devices()) == 2 * jax.process_count()
"""


def launch(tmp_path, processes, mode):
    program = tmp_path / "program.py"
    program.write_text(PROCESSES)
    flags = {
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_PLATFORMS": "cpu",
    }
    script = ROOT / "scripts" / "ensemble_processes.sh"
    command = ["bash", script, str(processes), program, tmp_path / f"run{processes}", mode]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | flags, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, _ = run.communicate(timeout=50)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        pytest.fail(f"{processes} processes do not end:\n{run.communicate()[0]}")
    return run.returncode, out


@pytest.mark.slow
def test_two_processes_make_the_table_of_one(tmp_path):
    for processes in (1, 2):
        code, out = launch(tmp_path, processes, "run")
        assert code == 0, out
    one = Ensemble.load(tmp_path / "run1-0-of-1.npz")
    assert (one.failed, list(one.errors)) == (1, [13])
    for process in range(2):
        same(Ensemble.load(tmp_path / f"run2-{process}-of-2.npz"), one, exactly=False)
    same(Ensemble.gather(tmp_path / "run2"), one, exactly=False)


@pytest.mark.slow
def test_when_a_process_fails_the_launcher_stops_the_others(tmp_path):
    code, out = launch(tmp_path, 2, "fail")
    assert code != 0
    assert "process 1 gives up" in out
    assert "stopping the others" in out


def test_a_bar_is_drawn_only_when_asked_for(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    ensemble(draw, 10, chunk=5)
    assert capfd.readouterr() == ("", "")
    ensemble(draw, 10, chunk=5, progress="bar")
    out, error = capfd.readouterr()
    assert out == ""
    assert error.count("\r") == 2
    assert error.endswith("10/10 members, 0 s\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"members": 0}, "members: expected at least 1, got 0"),
        ({"members": {"a": np.zeros(3), "b": np.zeros(4)}}, "members: expected a number or a pytree"),
        ({"members": lambda k: k}, "members: a function of the index is given as make="),
        ({"members": np.zeros(3), "make": lambda k: k}, "members: with make= expected the number"),
        ({"chunk": 0}, "chunk: expected a positive integer, got 0"),
        ({"lanes": 0}, "lanes: expected a positive integer, got 0"),
        ({"share": (3, 3)}, "share: expected"),
        ({"devices": []}, "devices: expected at least one"),
        ({"units": {"force": "N"}}, "units: there is no column 'force'; there are x"),
        ({"make": lambda k: np.zeros(k + 1)}, "make: member 1 is float64.2., member 0 is float64.1."),
        ({"evaluate": lambda shared, key: jnp.zeros(2)}, "evaluate: expected it to return .values, status."),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], message):
    with pytest.raises(ValueError, match=message):
        ensemble(**{"evaluate": draw, "members": 4, **arguments})
