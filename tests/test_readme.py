"""The tour of the README runs as it stands there."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp

README = Path(__file__).resolve().parent.parent / "README.md"


def tour() -> list[str]:
    blocks = re.findall(
        r"^<!-- tour:[^\n]*-->\n```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 3, "the README has three blocks marked as the tour: a lattice, a microstructure, a bar"
    return blocks


def test_the_tour_runs(capsys):
    names: dict = {}
    for block in tour():
        exec(compile(block, str(README), "exec"), names)  # the users' own line lengths and order, as they would type it
    printed = capsys.readouterr().out
    assert "Hill–Mandel defect" in printed
    assert "20 members" in printed
    assert names["table"].failed == 0
    stress = names["stress"]
    assert stress.shape == (3, 3)
    assert bool(jnp.all(jnp.isfinite(stress)))
    assert stress[0, 0] > stress[1, 1] > 0  # 2 % along [100], the sides held
    assert isinstance(stress, jax.Array)
    assert names["force"][0] > 0
    assert bool(jnp.all(jnp.isfinite(names["two_scales"].u)))
    assert names["thin"].energy > names["solution"].energy  # faces cost energy


def test_the_two_commands_exist():
    text = README.read_text("utf-8")
    for command in re.findall(r"^sh (\S+)", text, re.MULTILINE):
        assert (README.parent / command).is_file(), command
