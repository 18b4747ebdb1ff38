"""Versions of JAX known to be wrong are refused, and float64 is on unless the user opts out."""

import runpy
import tomllib
from pathlib import Path

import jax
import pytest

from msjax import _jax_setup

ROOT = Path(__file__).resolve().parent.parent
REFUSED = ["0.10.2", "0.11.0", "0.11.1", "0.10.0", "0.9.2"]


@pytest.mark.parametrize("version", REFUSED)
def test_a_wrong_version_is_refused_with_a_way_out(version):
    reason = _jax_setup.refusal(version)
    assert reason is not None
    assert version in reason
    assert "pip install" in reason


@pytest.mark.parametrize("version", ["0.10.1", "0.11.2", "0.12.0.1", "0.12.1", "1.0.0", "0.12.0.dev20260101"])
def test_a_usable_version_passes(version):
    assert _jax_setup.refusal(version) is None


@pytest.mark.parametrize("version", REFUSED)
def test_importing_beside_a_wrong_version_raises(version, monkeypatch):
    monkeypatch.setattr(jax, "__version__", version)
    with pytest.raises(ImportError, match=version.replace(".", r"\.")):
        runpy.run_path(_jax_setup.__file__)


def test_the_package_metadata_excludes_the_same_versions():
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    jax_requirement = next(r for r in requirements if r.startswith("jax>="))
    excluded = {part.removeprefix("!=") for part in jax_requirement.split(",") if part.startswith("!=")}
    assert excluded == {".".join(map(str, v)) for v in _jax_setup.REFUSED}
    assert jax_requirement.startswith(f"jax>={'.'.join(map(str, _jax_setup.OLDEST))},")


def test_opting_out_of_float64_says_what_no_longer_holds():
    with pytest.warns(UserWarning, match="second derivatives"):
        _jax_setup.use_float64(False)
