"""What a label scheme promises: it is data, it round-trips, and it refuses what it cannot read."""

from __future__ import annotations

import copy
import json

import pytest

from nearedge.environments import LabelScheme, load_scheme
from nearedge.errors import NearedgeError, UsageError


@pytest.fixture
def values() -> dict:
    return load_scheme("li3feo35_oxygen").to_dict()


def changed(values: dict, *keys: str | int, to: object) -> dict:
    """A copy with the value under `keys` replaced."""
    result = copy.deepcopy(values)
    table = result
    for key in keys[:-1]:
        table = table[key]
    table[keys[-1]] = to
    return result


def test_the_built_in_scheme_has_the_six_environments_of_the_paper():
    scheme = load_scheme("li3feo35_oxygen")
    assert scheme.labels == ("0 Fe", "1 Fe", "2 Fe", "3 Fe", "4 Fe", "O-O dimer")
    assert (scheme.absorber, scheme.neighbours, scheme.cutoff_A) == ("O", ("Fe",), 2.6)
    assert scheme.dimers == ((("O",), 1.65, "O-O dimer"),)
    assert scheme.classes == tuple((f"{n} Fe", n, None) for n in range(5))


def test_a_scheme_survives_json(values):
    assert LabelScheme.from_dict(json.loads(json.dumps(values))) == load_scheme("li3feo35_oxygen")


def test_a_scheme_without_dimers_survives_json():
    scheme = LabelScheme(
        name="no dimers",
        absorber="Ti",
        neighbours=("O", "F"),
        cutoff_A=2.4,
        classes=(("six", 6), ("four", 4)),
    )
    assert LabelScheme.from_dict(json.loads(json.dumps(scheme.to_dict()))) == scheme
    assert scheme.labels == ("six", "four")


def test_a_scheme_is_read_from_a_file_of_the_documented_layout(tmp_path):
    file = tmp_path / "sulfur.toml"
    file.write_text(
        'name = "sulfur"\nabsorber = "S"\n[neighbours]\nelements = ["Ni", "Co"]\ncutoff_A = 2\n'
        '[[classes]]\nlabel = "many"\ncoordination = 6\n'
    )
    assert load_scheme(file) == LabelScheme(
        name="sulfur",
        absorber="S",
        neighbours=("Ni", "Co"),
        cutoff_A=2.0,
        classes=(("many", 6),),
    )


@pytest.mark.parametrize(
    ("table", "typo", "meant"),
    [
        ((), "absorbr", "absorber"),
        (("neighbours",), "cutof_A", "cutoff_A"),
        (("dimer",), "labl", "label"),
        (("classes", 0), "coordinaton", "coordination"),
    ],
)
def test_an_unknown_key_is_refused_with_the_likely_one(values, table, typo, meant):
    wrong = changed(values, *table, typo, to=1)
    with pytest.raises(UsageError, match=rf"unknown key '{typo}'.*did you mean '{meant}'"):
        LabelScheme.from_dict(wrong)


@pytest.mark.parametrize("key", ["name", "absorber", "neighbours", "classes"])
def test_a_missing_key_is_named(values, key):
    del values[key]
    with pytest.raises(UsageError, match=f"'{key}' is missing"):
        LabelScheme.from_dict(values)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("name",), "", "name"),
        (("name",), 3, "'name' must be a text"),
        (("absorber",), "o", "did you mean 'O'"),
        (("neighbours", "elements"), ["Fe", "Xx"], "'Xx' is not the symbol"),
        (("neighbours", "elements"), "Fe", "must be a list of elements"),
        (("neighbours", "elements"), [], "at least one element"),
        (("neighbours", "cutoff_A"), "2.6 Å", "must be a number in Å"),
        (("neighbours", "cutoff_A"), 0.0, "must be positive"),
        (("neighbours", "cutoff_A"), float("inf"), "must be positive"),
        (("dimer", "cutoff_A"), -1.0, "must be positive"),
        (("dimer", "elements"), [], "a dimer needs"),
        (("dimer", "label"), "0 Fe", "'0 Fe' is given twice"),
        (("dimer",), "O-O dimer", "expected a table"),
        (("classes",), [], "at least one class"),
        (("classes",), {"0 Fe": 0}, "must be a list of tables"),
        (("classes", 0, "label"), "", "a label is empty"),
        (("classes", 0, "label"), "1 Fe", "'1 Fe' is given twice"),
        (("classes", 0, "coordination"), 1, "two classes have coordination 1"),
        (("classes", 0, "coordination"), -1, "cannot be negative"),
        (("classes", 0, "coordination"), 1.5, "must be a whole number"),
        (("classes", 0, "coordination"), True, "must be a whole number"),
    ],
)
def test_an_impossible_value_is_refused_in_one_line(values, keys, value, message):
    with pytest.raises(UsageError, match=message) as caught:
        LabelScheme.from_dict(changed(values, *keys, to=value))
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_refused_with_the_likely_one():
    with pytest.raises(UsageError, match="did you mean 'li3feo35_oxygen'"):
        load_scheme("li3feo35_oxigen")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'name = "x"\nabsorber = ', "not valid TOML"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"", "'name' is missing"),
    ],
)
def test_a_file_that_is_no_scheme_is_refused_by_its_path(tmp_path, content, message):
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        load_scheme(file)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("make", ["nothing", "folder"])
def test_a_file_that_cannot_be_opened_is_refused_by_its_path(tmp_path, make):
    file = tmp_path / "scheme.toml"
    if make == "folder":
        file.mkdir()
    with pytest.raises(NearedgeError, match=r"cannot read the label scheme") as caught:
        load_scheme(file)
    assert str(file) in str(caught.value)
