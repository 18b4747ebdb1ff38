"""The tour of the README runs as it stands there."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import msjax

README = Path(__file__).resolve().parent.parent / "README.md"


def tour() -> str:
    blocks = re.findall(
        r"^<!-- tour:[^\n]*-->\n```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 1, "the README has one block marked as the tour"
    return blocks[0]


@pytest.mark.skipif(not hasattr(msjax, "phonons"), reason="msjax.phonons is not exported yet")
def test_the_tour_runs():
    names: dict = {}
    exec(compile(tour(), str(README), "exec"), names)  # the users' own line lengths and order, as they would type it
    stress = names["stress"]
    assert stress.shape == (3, 3)
    assert bool(jnp.all(jnp.isfinite(stress)))
    assert stress[0, 0] > stress[1, 1] > 0  # 2 % along [100], the sides held
    assert isinstance(stress, jax.Array)


def test_the_two_commands_exist():
    text = README.read_text("utf-8")
    for command in re.findall(r"^sh (\S+)", text, re.MULTILINE):
        assert (README.parent / command).is_file(), command
