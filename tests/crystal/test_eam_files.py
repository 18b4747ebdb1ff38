"""Funcfl and Finnis–Sinclair files: what is read, what is refused and how, and energies and stresses from LAMMPS."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.funcfl import read_funcfl
from msjax.crystal.setfl import read_finnis_sinclair, read_setfl

from .eam_text import CUTOFF, DR, DRHO, NR, NRHO, column, line, wrap


def funcfl(per_line=5, **changes):
    """A small funcfl file; ``changes`` replaces header lines by name."""
    lines = [changes.get("first", "a comment"), changes.get("element", "29 63.55 3.615 FCC")]
    lines += [changes.get("grid", f"{NRHO} {DRHO} {NR} {DR} {CUTOFF}")]
    for start, count in ((0, NRHO), (1, NR), (2, NR)):
        lines += wrap(column(start, count), per_line)
    return "\n".join(lines) + "\n"


def finnis_sinclair(elements=("Fe", "P")):
    """A small Finnis–Sinclair file: density of element i at element j begins with 10 i + j + 1."""
    lines = ["first", "second", "third", f"{len(elements)} {' '.join(elements)}"]
    lines += [f"{NRHO} {DRHO} {NR} {DR} {CUTOFF}"]
    for i, _ in enumerate(elements):
        lines += ["26 55.85 2.855 bcc", *wrap(column(10 * i, NRHO))]
        for j, _ in enumerate(elements):
            lines += wrap(column(10 * i + j + 1, NR))
    for i in range(len(elements)):
        for j in range(i + 1):
            lines += wrap(column(100 + 10 * i + j, NR))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("per_line", [1, 5, 1000])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_everything_in_a_funcfl_file_is_read(write, per_line, newline):
    file = read_funcfl(write(funcfl(per_line).replace("\n", newline)))
    assert (file.comment, file.element, file.mass, file.lattice_constant) == ("a comment", "Cu", 63.55, 3.615)
    assert (file.structure, file.nrho, file.drho, file.nr, file.dr, file.cutoff) == ("FCC", NRHO, DRHO, NR, DR, CUTOFF)
    np.testing.assert_array_equal(file.embedding, column(0, NRHO))
    np.testing.assert_array_equal(file.charge, column(1, NR))
    np.testing.assert_array_equal(file.density, column(2, NR))
    assert float(file.pair_table()(2 * DR)) == pytest.approx(27.2 * 0.529 * column(1, NR)[2] ** 2, rel=1e-14)
    for table in (file.pair_table(), file.density_table()):
        assert float(table(CUTOFF - 0.01)) > 1.0
        assert float(table(CUTOFF)) == 0.0


def test_fortran_exponents_and_old_headers(write):
    content = funcfl(element=" 29  0.06355D+03 3.615d0   FCC", grid=f"{NRHO} 0.5D0 {NR} .25d+00 1.75D+00")
    file = read_funcfl(write(content.replace("E+", "D+").replace("0.00000000D+00", "0.")))
    assert (file.mass, file.lattice_constant, file.drho, file.dr, file.cutoff) == (63.55, 3.615, 0.5, 0.25, 1.75)
    np.testing.assert_array_equal(file.density, column(2, NR))


# lines of funcfl(): 1 comment, 2 element, 3 grid, 4-5 F, 6-7 Z, 8-9 rho
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("a\n29 63.55 3.615 FCC", "line 2: the file ends within the header"),
        (funcfl(first="UNITS: real"), "line 1: units 'real'; only metal"),
        (funcfl().encode() + b"\x00", "byte 0x00: this is a binary file, not a funcfl file"),
        (funcfl(element="29 63.55 3.615"), "line 2: expected atomic number, mass, .* found 3 entries"),
        (funcfl(element="0 63.55 3.615 FCC"), "line 2: atomic number of the element is 0: must lie between 1 and 118"),
        (funcfl(element="29 0.0 3.615 FCC"), "line 2: mass of the element is 0.0: must be positive"),
        (funcfl(grid="6 0.5 8 0.25"), "line 3: expected the five numbers nrho drho nr dr cutoff, found 4"),
        (funcfl(grid="6 0.5 8 -0.25 1.75"), "line 3: dr is -0.25: must be positive"),
        (funcfl(grid="6 0.5 8 0.25 inf"), "line 3: 'inf' is not finite, in cutoff"),
        (funcfl(grid="6 0.5 8 0.25 2.1"), "line 3: the cutoff 2.1 lies more than a step beyond the table"),
        (funcfl(grid="1000000 0.5 1000000 0.25 1.75"), "line 3: the header announces 3000000 values, which a file of"),
        (line(funcfl(), 5, "x"), "line 5: 'x' is not a number, in the embedding function"),
        (line(funcfl(), 7, "1 nan 3"), "line 7: 'nan' is not finite, in the effective charge"),
        (line(funcfl(), 9, "1 2"), r"line 10: the file ends after 7 of 8 values of the density \(truncated\)"),
        (line(funcfl(), 9, "1 2 3 4"), r"line 9: 1 extra value\(s\) after the density"),
        (funcfl() + "5.0\n", "line 10: extra values after the density"),
    ],
)  # fmt: skip
def test_refusals_of_funcfl_files(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=message) as error:
        ms.EAM.funcfl(path)
    assert str(error.value).startswith(str(path))


def test_everything_in_a_finnis_sinclair_file_is_read(write):
    file = read_finnis_sinclair(write(finnis_sinclair(("Fe", "P", "C"))))
    assert file.elements == ("Fe", "P", "C")
    np.testing.assert_array_equal(
        file.density, [[column(10 * i + j + 1, NR) for j in range(3)] for i in range(3)], strict=True
    )
    np.testing.assert_array_equal(file.embedding, [column(10 * i, NRHO) for i in range(3)])
    np.testing.assert_array_equal(file.pair, [column(s, NR) for s in (100, 110, 111, 120, 121, 122)])
    assert float(file.density_table("P")(0.0)) == pytest.approx(12)
    assert float(file.density_table("P", "C")(0.0)) == pytest.approx(13)
    potential = ms.EAM.finnis_sinclair(file.path, "P")
    assert (potential.elements, potential.cutoff, potential.lattice_constants) == (("P",), CUTOFF, (2.855,))
    assert float(potential.density(jnp.array(DR**2))[0]) == pytest.approx(column(12, NR)[1])
    everyone = ms.EAM.finnis_sinclair(file.path)
    assert (everyone.elements, everyone.distinguishes, potential.distinguishes) == (("Fe", "P", "C"), True, False)
    at = everyone.among(2, 0)  # sites of carbon, whose partners are iron
    assert float(at.density(jnp.array(DR**2))[0]) == pytest.approx(column(3, NR)[1])
    assert 2.0 * DR * float(at.pair(jnp.array(DR**2))) == pytest.approx(column(120, NR)[1])
    assert float(at.embed(jnp.zeros(1))) == pytest.approx(column(20, NRHO)[0])
    with pytest.raises(ValueError, match="elements: expected one or several, each once, got"):
        ms.EAM.finnis_sinclair(file.path, ("P", "P"))
    with pytest.raises(ValueError, match="no element 'Al' in this file; it has Fe, P, C"):
        ms.EAM.finnis_sinclair(file.path, "Al")


def test_files_taken_for_the_other_kind_are_refused(write):
    path = write(finnis_sinclair())
    with pytest.raises(ValueError, match="line 11: expected atomic number, .* of P, found 5 entries"):
        read_setfl(path)
    alloy = finnis_sinclair().split("\n")
    del alloy[17:19], alloy[10:12]  # the second density of each element
    assert read_setfl(write("\n".join(alloy))).elements == ("Fe", "P")
    with pytest.raises(ValueError, match="line 11: 'bcc' is not a number, in the density of Fe at P"):
        read_finnis_sinclair(path)


# lines of finnis_sinclair(): 1-5 header, 6 element, 7-8 F, 9-10 and 11-12 rho, 13 element, …, 20-25 r phi
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (line(finnis_sinclair(), 12, "1 x 3"), "line 12: 'x' is not a number, in the density of Fe at P"),
        (line(finnis_sinclair(), 12, "1 2 3 4"), r"line 12: 1 extra value\(s\) after the density of Fe"),
        (line(finnis_sinclair(), 25, "1 2"), r"line 26: the file ends after 7 of 8 values of r·phi of P-P"),
        (finnis_sinclair() + "5\n", r"line 26: extra values after the last pair table; adp files.* are not Finnis"),
        (line(finnis_sinclair(), 5, "1000 0.5 1000 0.25 1.75"), "line 5: the header announces 9000 values"),
    ],
)
def test_refusals_of_finnis_sinclair_files(write, content, message):
    with pytest.raises(ValueError, match=message):
        ms.EAM.finnis_sinclair(write(content), "Fe")


@pytest.mark.parametrize("content", [funcfl(), finnis_sinclair()], ids=["funcfl", "Finnis–Sinclair"])
def test_every_truncation_is_refused(write, content):
    """A file cut anywhere before its last value is never read as if it were whole."""
    read = read_funcfl if content == funcfl() else read_finnis_sinclair
    whole = content.rstrip("\n")
    for length in range(0, whole.rindex(" ") + 1, 11):
        with pytest.raises(ValueError, match="test.eam"):
            read(write(whole[:length]))


def potential_of(entry, path):
    return ms.EAM.funcfl(path) if entry["style"] == "eam" else ms.EAM.finnis_sinclair(path, entry["element"])


def cases(style, *quick):
    """Keys of tests/reference/potentials.json; all but the quick ones are among the slow tests."""
    files = {
        "eam": ["Ag_u3", "Al_jnp", "Au_u3", "Cu_smf7", "Cu_u3", "Cu_u6", "Ni_smf7", "Ni_u3", "Pd_u3", "Pt_u3"],
        "eam.fs": ["Al_mm Al", "Fe_mm Fe", "AlFe_mm Fe", "CuZr_mm Cu", "VFe_mm V", "NiAlH_jea Al"],
    }
    return [pytest.param(f, marks=() if f in quick else pytest.mark.slow) for f in files[style]]


def response(entry, path):
    crystal = ms.bulk(entry["element"], entry["lattice"], entry["a"])
    material = ms.CauchyBorn(crystal, potential_of(entry, path))
    deformations = jnp.asarray([state["F"] for state in entry["states"]])

    def outputs(F):
        found = material.respond(F)
        return found.energy, found.stress, found.status.failed  # no tangent, which costs as much again to compile

    energy, stress, failed = eqx.filter_jit(jax.vmap(outputs))(deformations)
    assert not np.any(failed)
    energies = np.array([state["E_per_atom"] for state in entry["states"]])
    stresses = np.array([state["P"] for state in entry["states"]])
    return energy * crystal.volume - energies, stress - stresses


@pytest.mark.slow
@pytest.mark.parametrize("name", cases("eam", "Cu_u3", "Al_jnp"))
def test_funcfl_files_agree_with_lammps(name, reference, potential_file):
    """To what two splines on 500 knots leave open; with the true Coulomb constant energies differ by 1e-3 eV."""
    (key,) = (k for k in reference("potentials") if k.startswith(f"{name}.eam "))
    entry = reference("potentials")[key]
    energy, stress = response(entry, potential_file(entry["file"]))
    assert np.max(np.abs(energy)) < 2e-8
    assert np.max(np.abs(stress)) < 2e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", cases("eam.fs", "Fe_mm Fe", "NiAlH_jea Al"))
def test_finnis_sinclair_files_agree_with_lammps(name, reference, potential_file):
    entry = reference("potentials")[name.replace(" ", ".eam.fs ")]
    energy, stress = response(entry, potential_file(entry["file"]))
    assert np.max(np.abs(energy)) < 5e-9
    assert np.max(np.abs(stress)) < 1e-6
