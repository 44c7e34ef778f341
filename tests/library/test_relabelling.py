"""Labels computed again: another scheme on the stored structures, the spectra untouched."""

from __future__ import annotations

import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.library import (
    build_library,
    library_info,
    names,
    open_library,
    relabel_library,
)

SCHEME = """name = "few or many"
absorber = "O"
[neighbours]
elements = ["Fe", "Li"]
cutoff_A = {{ Fe = 2.6, Li = {lithium} }}
[target]
quantity = "mean distance"
[[classes]]
label = "many"
coordination = 6
"""


@pytest.fixture
def library(write_recipe, tmp_path, pool):
    build_library(write_recipe(), tmp_path / "lib.zarr", pool, workers=2)
    return tmp_path / "lib.zarr"


@pytest.fixture
def scheme(tmp_path):
    def write(lithium: float = 2.6):
        path = tmp_path / "other.toml"
        path.write_text(SCHEME.format(lithium=lithium))
        return path

    return write


def test_damaged_library_is_named(library, scheme, tmp_path):
    chunk = next(f for f in (library / "intensity").iterdir() if not f.name.startswith("."))
    chunk.write_bytes(b"no numbers")
    with pytest.raises(NearedgeError, match=r"lib\.zarr: not a nearedge library or damaged"):
        relabel_library(library, scheme(), tmp_path / "new.zarr")
    assert not (tmp_path / "new.zarr").exists()


def test_labels_change_and_spectra_stay(library, scheme, tmp_path):
    before = open_library(library).load()
    report = relabel_library(library, scheme(), tmp_path / "new.zarr")
    after = open_library(tmp_path / "new.zarr").load()
    assert (report.sites, report.changed, report.left_out) == (16, 16, {})
    assert set(names(after, "environment")) == {"many"}
    assert after["coordination"].values.tolist() == [6] * 16
    np.testing.assert_array_equal(after["intensity"], before["intensity"])
    assert after.attrs["label_scheme"]["name"] == "few or many"
    assert after.attrs["engine"] == before.attrs["engine"]


def test_the_target_is_stored_with_its_unit(library, scheme, tmp_path):
    relabel_library(library, scheme(), tmp_path / "new.zarr")
    target = open_library(tmp_path / "new.zarr")["target"]
    assert (target.attrs["quantity"], target.attrs["units"]) == ("mean distance", "Å")
    # Rocksalt with a lattice parameter of 4.2 Å, atoms shaken by 0.03 Å.
    np.testing.assert_allclose(target.values, 2.1, atol=0.05)
    told = library_info(tmp_path / "new.zarr")["target"]
    assert told.pop("mean") == pytest.approx(target.values.mean(), abs=1e-3)
    assert told == {"quantity": "mean distance", "units": "Å"}


def test_going_back_gives_the_first_labels_again(library, scheme, tmp_path):
    relabel_library(library, scheme(), tmp_path / "new.zarr")
    relabel_library(tmp_path / "new.zarr", "li3feo35_oxygen", tmp_path / "back.zarr")
    first, back = open_library(library), open_library(tmp_path / "back.zarr")
    assert names(first, "environment").tolist() == names(back, "environment").tolist()
    assert "target" not in back


def test_sites_without_a_class_are_left_out_with_their_reason(library, scheme, tmp_path):
    before = open_library(library).load()
    path = scheme()
    path.write_text(
        path.read_text()
        .replace("Li = 2.6", "Li = 1.0")
        .replace("coordination = 6", "coordination = 1")
    )
    report = relabel_library(library, path, tmp_path / "new.zarr")
    assert report.sites == int(np.sum(before["coordination"].values == 1))
    assert len(report.left_out) == 16 - report.sites
    assert "has classes for 1" in next(iter(report.left_out.values()))


def test_what_cannot_be_labelled_is_refused_and_nothing_is_written(library, scheme, tmp_path):
    with pytest.raises(NearedgeError, match="no site has a class under the scheme 'few or many'"):
        relabel_library(library, scheme(lithium=1.0), tmp_path / "new.zarr")
    path = scheme()
    path.write_text(path.read_text().replace('absorber = "O"', 'absorber = "Li"'))
    with pytest.raises(UsageError, match=r"holds O sites, .* labels Li"):
        relabel_library(library, path, tmp_path / "new.zarr")
    assert not (tmp_path / "new.zarr").exists()
    with pytest.raises(UsageError, match="exists; choose another --out"):
        relabel_library(library, "li3feo35_oxygen", library)
