"""On disk: what is written is what is read, and only a complete library takes another's place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from ase import Atoms

from nearedge.environments import label_sites, load_scheme
from nearedge.errors import NearedgeError
from nearedge.library import library_info, names, open_library, open_structures, write_library
from nearedge.library.columns import add_structure, joined
from nearedge.library.replace import replaced, replacing
from nearedge.library.schema import ATTRIBUTES, CODED, LIBRARY_AXIS, SITE_VARIABLES, site_dataset

SCHEME = load_scheme("li3feo35_oxygen")


def attributes(**changes):
    return {
        "label_scheme": SCHEME.to_dict(),
        "engine": "toy",
        "engine_version": "1",
        "engine_settings": {"depth": 2.5, "name": "x"},
        "engine_settings_hash": "0",
        "energy_zero": "edge",
        "native_broadening": "none",
        "licence": "CC0-1.0",
        "recipe": "by hand",
    } | changes


def structure(number: int) -> Atoms:
    """Two oxygens, one beside iron; not a cube, and periodic in two directions only."""
    rng = np.random.default_rng(number)
    atoms = Atoms(
        "FeOLiO",
        [[0, 0, 0], [1.9, 0, 0], [4.0, 1.0, 0], [5.9, 1.0, 0.3]],
        cell=[[9.0, 0, 0], [1.0, 9.0, 0], [0.5, 0.7, 11.0]],
        pbc=[True, True, False],
    )
    atoms.positions += rng.normal(scale=0.05, size=(4, 3))
    atoms.info = {
        "structure_id": f"t/{number}",
        "trajectory_id": "t",
        "snapshot_id": number,
        "temperature_K": 300.0 + number,
    }
    return atoms


def library(numbers=(0, 1), told=None, **changes):
    structures = [structure(number) for number in numbers]
    structures[0].info |= told or {}
    columns: dict = {}
    for number, atoms in zip(numbers, structures, strict=True):
        intensity = np.random.default_rng(number).random((2, LIBRARY_AXIS.points))
        shift = np.array([0.25, -0.25])
        add_structure(columns, atoms, label_sites(atoms, SCHEME), [0, 1], intensity, shift, "K")
    return site_dataset(joined(columns), attributes(**changes)), structures


@pytest.mark.parametrize("name", ["lib.zarr", "lib.zarr.zip"])
def test_library_is_read_as_it_was_written(name, tmp_path):
    written, structures = library()
    write_library(tmp_path / name, written, structures)
    read = open_library(tmp_path / name).load()
    assert read.identical(written)
    assert read["intensity"].dtype == np.float32
    assert {p.name for p in tmp_path.iterdir()} == {name}
    for stored, original in zip(open_structures(tmp_path / name), structures, strict=True):
        np.testing.assert_array_equal(stored.positions, original.positions)
        np.testing.assert_array_equal(stored.cell.array, original.cell.array)
        np.testing.assert_array_equal(stored.pbc, original.pbc)
        np.testing.assert_array_equal(stored.numbers, original.numbers)
        assert stored.info == original.info


@pytest.mark.parametrize("name", ["lib.zarr", "lib.zarr.zip"])
def test_labels_computed_from_the_stored_structures_are_the_stored_labels(name, tmp_path):
    write_library(tmp_path / name, *library())
    read = open_library(tmp_path / name)
    again = [label_sites(atoms, SCHEME) for atoms in open_structures(tmp_path / name)]
    assert names(read, "environment").tolist() == [e for a in again for e in a.environment]
    assert read["coordination"].values.tolist() == [c for a in again for c in a.coordination]
    assert read["atom_index"].values.tolist() == [i for a in again for i in a.atom_index]


def test_structures_come_in_the_order_of_their_codes(tmp_path):
    written, structures = library((0, 1, 2))
    write_library(tmp_path / "lib.zarr", written, structures[::-1])
    found = [atoms.info["structure_id"] for atoms in open_structures(tmp_path / "lib.zarr")]
    assert found == open_library(tmp_path / "lib.zarr")["structure_id"].attrs["labels"]


def test_structure_without_a_site_is_left_out(tmp_path):
    written, structures = library((0,))
    write_library(tmp_path / "lib.zarr", written, [structure(7), *structures])
    assert [a.info["structure_id"] for a in open_structures(tmp_path / "lib.zarr")] == ["t/0"]


def test_structure_that_is_missing_is_named(tmp_path):
    written, structures = library()
    with pytest.raises(NearedgeError, match="the structure 't/1' of its sites was not given"):
        write_library(tmp_path / "lib.zarr", written, structures[:1])
    assert list(tmp_path.iterdir()) == []


def test_space_group_and_defect_are_kept_where_they_are_told(tmp_path):
    content, structures = library(told={"space_group": "I m -3", "defect": "vacancy"})
    write_library(tmp_path / "l.zarr", content, structures)
    found = open_library(tmp_path / "l.zarr")
    assert names(found, "space_group").tolist() == ["I m -3", "I m -3", "", ""]
    assert names(found, "defect").tolist() == ["vacancy", "vacancy", "", ""]


def test_what_no_structure_tells_is_no_variable_and_unknown_by_name(tmp_path):
    content, structures = library()
    write_library(tmp_path / "l.zarr", content, structures)
    found = open_library(tmp_path / "l.zarr")
    assert "space_group" not in found
    assert names(found, "space_group").tolist() == ["", "", "", ""]


def test_a_damaged_space_group_is_named(tmp_path):
    content, structures = library(told={"space_group": "I m -3"})
    content["space_group"] = ("energy", np.zeros(LIBRARY_AXIS.points, np.int32))
    with pytest.raises(NearedgeError, match="'space_group' has dimensions"):
        write_library(tmp_path / "l.zarr", content, structures)


def test_same_library_gives_the_same_zip_file(tmp_path):
    for name in ("one.zarr.zip", "other.zarr.zip"):
        write_library(tmp_path / name, *library())
    one, other = (tmp_path / name for name in ("one.zarr.zip", "other.zarr.zip"))
    assert one.read_bytes() == other.read_bytes()


def test_library_replaces_an_older_one(tmp_path):
    for name in ("lib.zarr", "lib.zarr.zip"):
        write_library(tmp_path / name, *library((0,)))
        write_library(tmp_path / name, *library((1, 2, 3)))
        assert open_library(tmp_path / name).sizes["site"] == 6
    assert {p.name for p in tmp_path.iterdir()} == {"lib.zarr", "lib.zarr.zip"}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda p: p.write_text("mine"), id="text file"),
        pytest.param(lambda p: (p.mkdir(), (p / "a").write_text("mine")), id="folder"),
        pytest.param(
            lambda p: (p.mkdir(), (p / ".zattrs").write_text("{}")), id="other Zarr store"
        ),
        pytest.param(lambda p: zipfile.ZipFile(p, "w").writestr("a", "mine"), id="zip file"),
    ],
)
@pytest.mark.parametrize("name", ["lib.zarr", "lib.zarr.zip"])
def test_what_is_no_library_is_never_replaced(make, name, tmp_path, content):
    make(tmp_path / name)
    before = content(tmp_path / name)
    with pytest.raises(NearedgeError, match=r"exists and is not a library; choose another --out"):
        write_library(tmp_path / name, *library())
    assert content(tmp_path / name) == before


def test_folder_that_is_empty_may_become_a_library(tmp_path):
    (tmp_path / "lib.zarr").mkdir()
    write_library(tmp_path / "lib.zarr", *library())
    assert open_library(tmp_path / "lib.zarr").sizes["site"] == 4


@pytest.mark.parametrize("name", ["lib.zarr", "lib.zarr.zip"])
def test_failed_write_leaves_the_older_library_as_it_was(name, tmp_path, content, monkeypatch):
    write_library(tmp_path / name, *library((0,)))
    before = content(tmp_path / name)

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nearedge.library.store._structure_dataset", fails)
    with pytest.raises(
        NearedgeError, match=r"cannot write .*No space.* stays as it was, make room"
    ):
        write_library(tmp_path / name, *library((1,)))
    assert content(tmp_path / name) == before
    assert {p.name for p in tmp_path.iterdir()} == {name}


@pytest.mark.slow
def test_file_that_may_grow_no_further_leaves_the_older_library_as_it_was(tmp_path, content):
    """The operating system itself refuses to write, in a process of its own."""
    write_library(tmp_path / "lib.zarr.zip", *library((0,)))
    before = content(tmp_path)
    code = f"""
import resource, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_library_store import library
from nearedge.errors import NearedgeError
from nearedge.library import write_library
made = library((1, 2))
resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))
try:
    write_library({str(tmp_path / "lib.zarr.zip")!r}, *made)
except NearedgeError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot write the library (File too large)" in done.stderr
    assert content(tmp_path) == before


def test_kill_between_the_two_renames_loses_nothing(tmp_path):
    path = tmp_path / "lib.zarr"
    write_library(path, *library((0,)))
    os.replace(path, replaced(path))
    with pytest.raises(NearedgeError, match=r"it was being replaced; rename .*nearedge-old to it"):
        open_library(path)
    write_library(path, *library((1,)))
    assert open_library(path).sizes["site"] == 2
    assert {p.name for p in tmp_path.iterdir()} == {"lib.zarr"}


def test_interrupted_replacement_is_undone_before_the_next_one(tmp_path, monkeypatch):
    path = tmp_path / "lib.zarr"
    write_library(path, *library((0,)))
    os.replace(path, replaced(path))

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nearedge.library.store._structure_dataset", fails)
    with pytest.raises(NearedgeError, match="cannot write"):
        write_library(path, *library((1,)))
    assert names(open_library(path), "structure_id").tolist() == ["t/0", "t/0"]


def test_library_stands_in_its_place_while_the_next_one_is_written(tmp_path):
    path = tmp_path / "lib.zarr"
    write_library(path, *library((0,)))
    os.replace(path, replaced(path))
    with replacing(path) as fresh:
        assert open_library(path).sizes["site"] == 2
        fresh.mkdir()


def test_place_that_cannot_be_made_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NearedgeError, match=r"cannot write the library \(") as error:
        write_library(tmp_path / "file" / "lib.zarr", *library())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda lib: lib.isel(site=slice(0, 0)), "without sites"),
        (lambda lib: lib.assign(intensity=-lib["intensity"]), "site 0 has negative"),
        (lambda lib: lib.assign(intensity=lib["intensity"] * np.nan), "site 0 has negative"),
    ],
)
def test_values_that_make_no_library_are_not_written(spoil, words, tmp_path):
    written, structures = library()
    with pytest.raises(NearedgeError, match=words):
        write_library(tmp_path / "lib.zarr", spoil(written), structures)
    assert list(tmp_path.iterdir()) == []


def with_labels(lib, variable, labels):
    return lib.assign({variable: lib[variable].assign_attrs(labels=labels)})


SPOILED = {
    "schema_version": (lambda lib: lib.assign_attrs(schema_version=99), "library schema 99"),
    "no version": (lambda lib: lib.drop_attrs(deep=False), "library schema None"),
    "no energy": (lambda lib: lib.drop_vars("energy"), "the coordinate 'energy' is missing"),
    "energies": (
        lambda lib: lib.assign_coords(energy=lib["energy"].values[::-1]),
        "the energies do not increase",
    ),
    "NaN energy": (
        lambda lib: lib.assign_coords(energy=np.full(301, np.nan)),
        "the energies do not increase",
    ),
    "dimensions": (
        lambda lib: lib.assign(intensity=lib["intensity"].T),
        r"'intensity' has dimensions \('energy', 'site'\)",
    ),
    "strings": (
        lambda lib: lib.assign(
            environment=("site", names(lib, "environment"), lib["environment"].attrs)
        ),
        "'environment' is of the kind",
    ),
    "integer intensity": (
        lambda lib: lib.assign(intensity=lib["intensity"].astype(int)),
        "'intensity' is of the kind int64",
    ),
    "label scheme": (
        lambda lib: lib.assign_attrs(label_scheme={"name": "x"}),
        "label scheme: the key 'absorber' is missing",
    ),
    "labels of another scheme": (
        lambda lib: with_labels(lib, "environment", ["a", "b"]),
        "labels of 'environment' are not those of its label scheme",
    ),
    "labels twice": (
        lambda lib: with_labels(lib, "structure_id", ["t/0", "t/0"]),
        "'structure_id' has no attribute 'labels'",
    ),
}
SPOILED |= {
    f"no {name}": (lambda lib, n=name: lib.drop_vars(n), f"the variable '{name}' is missing")
    for name in SITE_VARIABLES
}
SPOILED |= {
    f"no attribute {name}": (
        lambda lib, n=name: lib.assign_attrs({n: None}).pipe(
            lambda made: made.drop_attrs(deep=False).assign_attrs(
                {k: v for k, v in lib.attrs.items() if k != n}
            )
        ),
        f"the attribute '{name}' is missing",
    )
    for name in ATTRIBUTES
    if name != "schema_version"
}
SPOILED |= {
    f"no labels of {name}": (
        lambda lib, n=name: lib.assign({n: lib[n].drop_attrs()}),
        f"'{name}' has no attribute 'labels'",
    )
    for name in CODED
}


@pytest.mark.parametrize("what", SPOILED)
def test_schema_says_in_one_line_what_is_wrong(what):
    from nearedge.library.schema import check_library

    spoil, words = SPOILED[what]
    written, _ = library()
    assert check_library(written, "here") is written
    with pytest.raises(NearedgeError, match=words) as error:
        check_library(spoil(written), "here")
    assert str(error.value).startswith("here: ")
    assert str(error.value).endswith("again")
    assert "\n" not in str(error.value)


def test_code_without_a_name_is_an_error(tmp_path):
    written, structures = library()
    for code in (-1, 2):
        values = written["structure_id"].values.copy()
        values[1] = code
        wrong = written.assign(structure_id=("site", values, written["structure_id"].attrs))
        with pytest.raises(NearedgeError, match=r"'structure_id' has the codes .* but 2 names"):
            names(wrong, "structure_id")
        with pytest.raises(NearedgeError, match="has the codes"):
            write_library(tmp_path / "lib.zarr", wrong, structures)


def test_coded_variables_are_small_integers_with_their_names_once(tmp_path):
    write_library(tmp_path / "lib.zarr", *library())
    read = open_library(tmp_path / "lib.zarr")
    for variable in CODED:
        assert read[variable].dtype.kind == "i"
        assert set(names(read, variable)) <= set(read[variable].attrs["labels"])
    assert tuple(read["environment"].attrs["labels"]) == SCHEME.labels


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, "no library there; check the path"),
        (lambda p: p.mkdir(), "not a nearedge library or damaged"),
        (lambda p: p.write_text("hello"), "not a nearedge library or damaged"),
        (lambda p: p.write_bytes(b""), "not a nearedge library or damaged"),
        (lambda p: (p.parent / "lib.zarr.building").mkdir(), "its build has not finished"),
    ],
)
def test_what_is_no_library_cannot_be_opened(make, words, tmp_path):
    path = tmp_path / "lib.zarr"
    make(path)
    for opening in (open_library, open_structures, library_info):
        with pytest.raises(NearedgeError, match=words) as error:
            opening(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", [".zmetadata", "environment/0", "structures/position_A/0.0"])
@pytest.mark.parametrize("damage", [b"", b"\x00\xff garbage", b"[1]"])
def test_damaged_library_is_named_as_such(part, damage, tmp_path):
    path = tmp_path / "lib.zarr"
    write_library(path, *library())
    (path / part).write_bytes(damage)
    with pytest.raises(NearedgeError, match=r"lib.zarr: not a nearedge library or damaged"):
        open_structures(path) if "structures" in part else library_info(path)


def test_truncated_zip_file_is_named_as_damaged(tmp_path):
    path = tmp_path / "lib.zarr.zip"
    write_library(path, *library())
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(NearedgeError, match="not a nearedge library or damaged"):
        open_library(path)


def test_info_counts_sites_by_class_and_is_plain_json(tmp_path):
    write_library(tmp_path / "lib.zarr", *library())
    info = library_info(tmp_path / "lib.zarr")
    assert json.loads(json.dumps(info, allow_nan=False)) == info
    assert (info["sites"], info["structures"], info["trajectories"]) == (4, 2, 1)
    assert sum(info["classes"].values()) == 4
    assert list(info["classes"]) == list(SCHEME.labels)
    assert info["classes"]["1 Fe"] == 2
    assert info["mean_coordination"] == 0.5
    assert info["temperatures_K"] == [300.0, 301.0]
    assert info["energy_eV"] == [-5.0, 25.0]
