"""``msjax doctor``: is this installation sound, and what does it have?"""

import platform
import re
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

# Lennard-Jones fcc at a = 1.5463664161477033, switched off between 2.5 and 3.5, strained: W and P11 by LAMMPS, from
# tests/reference/lattice_response.json (LJ_gromacs_2.5_3.5, second state), reduced units
_LATTICE = 1.5463664161477033
_STRAINED = (
    (0.9544101076181966, -0.026326893023949728, -0.04340987967118194),
    (-0.006709363136408818, 1.0231696854591446, 0.0016176710588227325),
    (0.0032433015455436073, -0.0421768406391839, 1.0346032026477645),
)
_ENERGY, _STRESS = -8.483558869277743, -1.657316431195536


def doctor() -> int:
    """What is installed, on which devices it runs, and whether it computes correctly. Exit code 1 if it does not."""
    import jax

    from msjax import __version__
    from msjax._jax_setup import OLDEST, REFUSED, refusal

    folder = Path(__file__).resolve().parents[1]
    bad = ", ".join(".".join(map(str, number)) for number in REFUSED)
    sound = refusal(jax.__version__) is None
    line("msjax", f"{__version__} in {folder}")
    line("Python", f"{platform.python_version()} ({sys.executable})")
    oldest = ".".join(map(str, OLDEST))
    judged = f"fine (needed: {oldest} or newer; known to be wrong: {bad})" if sound else refusal(jax.__version__)
    line("JAX", f"{jax.__version__}, jaxlib {_version('jaxlib')}: {judged}")
    double = bool(jax.config.read("jax_enable_x64"))
    line("float64", "on" if double else "OFF (MSJAX_X64=0): results are not what the tests hold msjax to")
    for device in jax.devices():
        line("device", f"{device.id}: {device.platform}, {device.device_kind}")
    _data()
    _extras()
    good = [_test(name, test) for name, test in (("canary", canary), ("Cauchy–Born", cauchy_born))]
    healthy = sound and double and all(good)
    print("all is well" if healthy else "this installation is not sound: see above")
    return 0 if healthy else 1


def line(what: str, words: str) -> None:
    """One finding."""
    print(f"{what:<12} {words}", flush=True)


def canary() -> str:
    """A batched matrix-vector product, jitted and exact: JAX 0.10.2 gets it wrong, silently.

    Raises:
        ArithmeticError: it is wrong here.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(7)
    matrix, bonds = np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3)), rng.normal(size=(20_000, 3))
    deformation = jnp.asarray(matrix)
    found = jax.jit(jax.vmap(lambda bond: ((deformation @ bond) ** 2).sum()))(jnp.asarray(bonds))
    wrong = int(np.sum(~np.isclose(found, np.sum((bonds @ matrix.T) ** 2, axis=1), rtol=1e-12, atol=0.0)))
    if wrong:
        raise ArithmeticError(f"{wrong} of 20000 rows of a batched matrix-vector product are wrong")
    return "20,000 batched matrix-vector products agree with numpy"


def cauchy_born() -> str:
    """Energy and stress of a strained crystal, by the Cauchy–Born rule and by LAMMPS.

    Raises:
        ArithmeticError: they differ by more than 1e-9.
    """
    import jax.numpy as jnp

    import msjax as ms

    crystal = ms.bulk("X", "fcc", a=_LATTICE)
    response = ms.CauchyBorn(crystal, ms.LennardJones(inner=2.5, outer=3.5)).respond(jnp.asarray(_STRAINED))
    off = max(abs(float(response.energy) / _ENERGY - 1.0), abs(float(response.stress[0, 0]) / _STRESS - 1.0))
    if not off < 1e-9:
        raise ArithmeticError(f"energy or stress of a strained Lennard-Jones crystal is off by {off:.1e}")
    return f"energy and stress of a strained crystal agree with LAMMPS to {off:.0e}"


def _test(name: str, test: Callable[[], str]) -> bool:
    start = time.monotonic()
    try:
        words = test()
    except Exception as error:
        line(name, f"FAILED: {type(error).__name__}: {error}")
        return False
    line(name, f"{words} ({time.monotonic() - start:.1f} s)")
    return True


def _data() -> None:
    from msjax.crystal.setfl import lammps_potential
    from msjax.io import data_file
    from msjax.studies.film_bulk import METALS, NAMES

    for metal, label in METALS.items():
        try:
            line(f"{NAMES[metal]}", f"films in {data_file(f'films_100_{label}.csv')}")
        except ValueError as error:
            line(f"{NAMES[metal]}", str(error))
        path = lammps_potential(f"{label}.eam.alloy")
        without = "no potential file: fits take the elastic constants (for the file: pip install 'msjax[potentials]')"
        line("", f"potential in {path}" if path else without)


def _extras() -> None:
    try:
        stated = requires("msjax") or []
    except PackageNotFoundError:
        line("extras", "not known: msjax runs from a folder that is not installed")
        return
    wanted: dict[str, list[str]] = {}
    for entry in stated:
        match = re.match(r"([A-Za-z0-9_.-]+).*;.*extra == ['\"](\w+)['\"]", entry)
        if match and match[1].lower() != "msjax":
            name = f"jax-{match[2]}-plugin" if match[2].startswith("cuda") else match[1]
            wanted.setdefault(match[2], []).append(name)
    for extra in sorted(wanted):
        if extra in ("dev", "test", "all"):
            continue
        found = {name: _version(name) for name in wanted[extra]}
        missing = [name for name, number in found.items() if number is None]
        words = ", ".join(f"{name} {number}" for name, number in found.items() if number)
        if missing:
            words = f"{words + '; ' if words else ''}without {', '.join(missing)}: pip install 'msjax[{extra}]'"
        line(f"[{extra}]", words)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
