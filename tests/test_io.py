"""Files that come with the project, and files that are written."""

import json

import pytest

from msjax.io import data_file, read_quantities, write_json


def test_data_sets_are_found():
    assert data_file("bulk_Al_zhou.csv").is_file()
    with pytest.raises(ValueError, match="no data set 'films_100_Au.csv'.*films_100_Cu_mishin1.csv"):
        data_file("films_100_Au.csv")
    with pytest.raises(ValueError, match="expected a file name"):
        data_file("../data/bulk_Al_zhou.csv")


HEAD = "# a comment\nquantity,value,uncertainty,unit\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no quantities"),
        ("name,value\n", "line 1: expected the header"),
        (HEAD + "C11,170,1\n", "line 3: 3 cells, expected 4"),
        (HEAD + "C11,many,1,GPa\n", "line 3: 'C11': not a number"),
        (HEAD + "C11,nan,1,GPa\n", "line 3: 'C11': .*not finite"),
        (HEAD + "C11,170,1,GPa\nC11,171,1,GPa\n", "line 4: 'C11' is given twice"),
    ],
)
def test_tables_are_read_strictly(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_quantities(path)


def test_quantities_carry_their_units():
    table = read_quantities(data_file("bulk_Al_zhou.csv"))
    assert table["C11"].unit == "GPa"
    assert table["C11"].internal == pytest.approx(127.09516 / 160.2176634)
    assert table["a0"].internal == table["a0"].value
    assert "Ecoh" not in table  # eV/atom is no unit of a model's quantity


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"a": 1.0})
    with pytest.raises(ValueError):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1.0}
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match="there is no folder"):
        write_json(tmp_path / "nowhere" / "result.json", {})
