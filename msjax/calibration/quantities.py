"""Units by name, as data files and parameters state them.

Whatever unit a number is stated in, models see the library's internal units (eV, Å, amu, K and what follows from
them), and reports speak the stated unit again.
"""

import re

from msjax import units

FACTORS: dict[str, float] = {
    "-": 1.0,
    "1": 1.0,
    "%": 1e-2,
    "rad": 1.0,
    "deg": 0.017453292519943295,
    "K": 1.0,
    "Å": 1.0,
    "Angstrom": 1.0,
    "nm": units.nm,
    "um": units.um,
    "µm": units.um,
    "mm": 1e-3 * units.m,
    "m": units.m,
    "eV": 1.0,
    "meV": units.meV,
    "J": units.J,
    "mJ": units.mJ,
    "eV/Å": 1.0,
    "N": units.N,
    "mN": 1e-3 * units.N,
    "uN": 1e-6 * units.N,
    "µN": 1e-6 * units.N,
    "nN": units.nN,
    "nN nm^2": units.nN * units.nm**2,
    "N m^2": units.N * units.m**2,
    "Pa": units.Pa,
    "MPa": units.MPa,
    "GPa": units.GPa,
    "1/GPa": 1.0 / units.GPa,
    "eV/Å^3": 1.0,
    "N/m": units.N_per_m,
    "mN/m": 1e-3 * units.N_per_m,
    "J/m^2": units.J_per_m2,
    "mJ/m^2": units.mJ_per_m2,
    "eV/Å^2": 1.0,
    "1/Å": 1.0,
    "1/nm": 1.0 / units.nm,
    "amu": 1.0,
    "kg": units.kg,
    "g/cm^3": units.g_per_cm3,
    "kg/m^3": 1e-3 * units.g_per_cm3,
    "s": units.s,
    "ps": units.ps,
    "fs": units.fs,
    "Hz": 1e-12 * units.THz,
    "MHz": 1e-6 * units.THz,
    "GHz": 1e-3 * units.THz,
    "THz": units.THz,
}
"""Multiply a number stated in the named unit by its factor to enter the internal units; divide to leave."""

SUFFIXES: dict[str, str] = {
    "_N_per_m": "N/m",
    "_mN_per_m": "mN/m",
    "_J_per_m2": "J/m^2",
    "_mJ_per_m2": "mJ/m^2",
    "_eV_per_A": "eV/Å",
    "_GPa": "GPa",
    "_MPa": "MPa",
    "_Pa": "Pa",
    "_nN_nm2": "nN nm^2",
    "_nN": "nN",
    "_nm": "nm",
    "_um": "um",
    "_eV": "eV",
    "_rad": "rad",
    "_GHz": "GHz",
    "_THz": "THz",
}
"""Units that a column name may carry as its ending (``A11_N_per_m``), longest first where two could match."""

_SPELLINGS = {"A": "Å", "angstrom": "Å", "Ang": "Å", "eV/A": "eV/Å", "eV/A^3": "eV/Å^3", "eV/A^2": "eV/Å^2"}
_LABEL = re.compile(r"^\s*(?P<name>[^\[\]]+?)\s*\[\s*(?P<unit>[^\[\]]*?)\s*\]\s*$")


def unit_named(unit: str, where: str) -> str:
    """The table's spelling of a unit.

    Raises:
        ValueError: the unit is not known; the text starts with ``where``.

    >>> unit_named("J/m2", "header"), unit_named("eV/A^3", "header")
    ('J/m^2', 'eV/Å^3')
    """
    text = re.sub(
        r"(?<=[A-Za-zÅ])([23])$", r"^\1", unit.strip().replace("**", "^").replace("³", "^3").replace("²", "^2")
    )
    text = text.replace("\u212b", "Å").replace("\u03bc", "µ")
    text = _SPELLINGS.get(text, text)
    if text not in FACTORS:
        raise ValueError(f"{where}: unknown unit {unit!r}; known units are {', '.join(FACTORS)}")
    return text


def factor(unit: str) -> float:
    """Internal units per stated unit: ``x * factor("GPa")`` enters, ``x / factor("GPa")`` leaves."""
    return FACTORS[unit]


def split_label(label: str, where: str) -> tuple[str, str]:
    """Name and unit of a label such as ``"E_app [GPa]"``, or of a name that ends in its unit (``"A11_N_per_m"``).

    Raises:
        ValueError: the label states no unit, or one that is not known.

    >>> split_label("E_app [GPa]", "data"), split_label("h_nom_nm", "data")
    (('E_app', 'GPa'), ('h_nom', 'nm'))
    """
    match = _LABEL.match(label)
    if match:
        return match["name"], unit_named(match["unit"], f"{where}: {label!r}")
    for suffix, unit in SUFFIXES.items():
        if label.endswith(suffix) and len(label) > len(suffix):
            return label[: -len(suffix)], unit
    raise ValueError(
        f"{where}: {label!r} states no unit; write 'name [unit]', for example '{label} [GPa]', "
        "or '[-]' for a quantity without a unit"
    )
