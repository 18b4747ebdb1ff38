"""The house has floors: a module imports only from its own floor's folder and from lower floors.

Floors of one number are siblings and never import each other. Imports inside functions and under
``TYPE_CHECKING`` count too.
"""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "msjax"

# top-level module or folder: (floor, folder). The single modules of the ground and of the roof share a folder.
FLOORS = {
    "_jax_setup": (0, "ground"),
    "typing": (0, "ground"),
    "units": (0, "ground"),
    "tensors": (0, "ground"),
    "status": (0, "ground"),
    "files": (0, "ground"),
    "solvers": (1, "solvers"),
    "material": (2, "material"),
    "crystal": (3, "crystal"),
    "fe": (3, "fe"),
    "homogenization": (4, "homogenization"),
    "coupling": (5, "coupling"),
    "calibration": (6, "calibration"),
    "nano": (6, "nano"),
    "plot": (7, "roof"),
    "io": (7, "roof"),
    "cli": (7, "roof"),
    "studies": (7, "roof"),
    "__init__": (7, "roof"),
    "__main__": (7, "roof"),
}


def imported_modules(source: str, module: str) -> list[tuple[int, str]]:
    """Line and dotted name of all that ``module`` imports of msjax; a package is named by its ``.__init__``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: one dot is the folder the module lies in
                parents = module.split(".")[: -node.level]
                base = ".".join([*parents, base]) if base else ".".join(parents)
            if base == "msjax":  # `from msjax import units` means the module units
                found += [(node.lineno, f"msjax.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, base))
    return [(line, name) for line, name in found if name.split(".")[0] == "msjax"]


def violations(source: str, module: str) -> list[str]:
    """What ``module`` (dotted, below msjax) imports from where it must not."""
    top = module.split(".")[1]
    if top not in FLOORS:
        return [f"{module}: {top} has no floor; give it one in FLOORS"]
    floor, folder = FLOORS[top]
    bad = []
    for line, name in imported_modules(source, module):
        parts = name.split(".")
        # `import msjax`, and names that are no module, come from the package itself: the roof
        target = parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"
        other_floor, other_folder = FLOORS[target]
        if other_floor > floor or (other_floor == floor and other_folder != folder):
            bad.append(f"{module}:{line} (floor {floor}) imports {name} (floor {other_floor})")
    return bad


def test_modules_import_only_from_their_own_folder_and_from_below():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(["msjax", *path.relative_to(PACKAGE).with_suffix("").parts])
        found += violations(path.read_text(encoding="utf-8"), module)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("msjax.crystal.lattice", "from msjax.fe.mesh import Mesh"),  # a sibling
        ("msjax.calibration.fit", "import msjax.nano.films"),  # a sibling
        ("msjax.status", "from msjax.solvers import newton"),  # upward
        ("msjax.solvers.newton", "def f():\n    from msjax import plot"),  # inside a function
        ("msjax.material.elastic", "import msjax as ms"),  # the roof
        ("msjax.material.elastic", "from msjax import CauchyBorn"),  # a name of the roof
        ("msjax.crystal.eam", "from ..fe import mesh"),  # relative, a sibling
        ("msjax.crystal.__init__", "from ..io import read"),  # relative, from a package
        ("msjax.material.elastic", "from .. import cli"),
        ("msjax.helpers", "import numpy"),  # no floor
    ],
)
def test_a_forbidden_import_is_found(module, source):
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("msjax.crystal.lattice", "from msjax.material import contract\nfrom msjax.crystal.eam import EAM\nimport jax"),
        ("msjax.crystal.lattice", "from .eam import EAM\nfrom . import eam\nfrom ..typing import Array"),
        ("msjax.crystal.__init__", "from .eam import EAM\nfrom . import eam"),
        ("msjax.status", "from msjax.typing import Array"),
        ("msjax.nano.films", "from msjax import units"),
        ("msjax.cli", "from msjax import plot\nimport msjax as ms"),
        ("msjax.__init__", "from msjax.calibration import fit\nfrom msjax import io"),
    ],
)
def test_an_allowed_import_passes(module, source):
    assert violations(source, module) == []
