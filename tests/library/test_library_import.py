"""Importing: published spectra come out as they went in, and whatever does not fit is refused."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import ase.io
import numpy as np
import pytest
from ase import Atoms

from nearedge.environments import label_sites, load_scheme
from nearedge.errors import NearedgeError, UsageError
from nearedge.library import (
    build_library,
    import_library,
    library_info,
    names,
    open_library,
    open_structures,
)


@pytest.fixture
def published(shared_data):
    folder = shared_data / "li3feo35_ocean_0K"
    return folder / "POSCAR", [folder / "O_K_spectra.dat"]


def test_published_cell_has_its_published_classes_and_mean(published, tmp_path):
    import_library(*published, out=tmp_path / "lib.zarr", absorber="O")
    info = library_info(tmp_path / "lib.zarr")
    counts = [9, 17, 15, 7, 1, 0]
    assert list(info["classes"].values()) == counts
    assert info["mean_coordination"] == pytest.approx(1.469, abs=0.0005)
    assert info["sites"] == 49
    assert info["engine"] == "imported (table)"


def test_published_spectra_are_kept_on_their_own_zero(published, tmp_path):
    import_library(*published, out=tmp_path / "lib.zarr", absorber="O")
    library = open_library(tmp_path / "lib.zarr").load()
    table = np.loadtxt(published[1][0])
    energy_eV, columns = table[:, 0], table[:, 1:].T
    peaks = columns.max(axis=1)
    for row, column in zip(library["intensity"].values, columns, strict=True):
        linear = np.interp(library["energy"].values, energy_eV, column)
        # Cubic and linear interpolation differ by the curvature between two points 0.09 eV apart.
        np.testing.assert_allclose(row, linear, atol=0.02 * column.max())
    np.testing.assert_allclose(library["intensity"].values.max(axis=1), peaks, rtol=0.02)
    assert np.isnan(library["core_level_shift_eV"].values).all()


def test_labels_of_the_stored_structure_are_the_stored_labels(published, tmp_path):
    import_library(*published, out=tmp_path / "lib.zarr.zip", absorber="O")
    [structure] = open_structures(tmp_path / "lib.zarr.zip")
    labels = label_sites(structure, load_scheme("li3feo35_oxygen"))
    library = open_library(tmp_path / "lib.zarr.zip")
    assert names(library, "environment").tolist() == labels.environment.tolist()
    assert library["atom_index"].values.tolist() == labels.atom_index.tolist()


ENERGY_EV = np.arange(-8.0, 30.0, 0.2)


def two_oxygens(distance_A: float = 1.9) -> Atoms:
    return Atoms(
        "FeO2",
        [[0, 0, 0], [distance_A, 0, 0], [-distance_A, 0.2, 0]],
        cell=[9.0, 9.0, 9.0],
        pbc=True,
    )


def peaks(*positions_eV: float) -> np.ndarray:
    return np.stack([np.exp(-((ENERGY_EV - p) ** 2) / 4) for p in positions_eV], axis=1)


def write_table(path, columns, energy_eV=ENERGY_EV):
    np.savetxt(path, np.column_stack([energy_eV, columns]))
    return path


@pytest.fixture
def small(tmp_path):
    """A structure with two oxygens, and a table with a spectrum for each."""
    ase.io.write(tmp_path / "POSCAR", two_oxygens(), format="vasp")
    return tmp_path / "POSCAR", [write_table(tmp_path / "table.dat", peaks(2.0, 5.0))]


def test_columns_are_the_absorbers_in_structure_order(small, tmp_path):
    library = import_library(*small, out=tmp_path / "lib.zarr", absorber="O")
    maxima = library["energy"].values[library["intensity"].values.argmax(axis=1)]
    np.testing.assert_allclose(maxima, [2.0, 5.0])
    assert library["atom_index"].values.tolist() == [1, 2]


def test_files_of_one_spectrum_each_are_the_absorbers_in_the_order_given(small, tmp_path):
    files = [
        write_table(tmp_path / f"{name}.dat", peaks(position))
        for name, position in (("b", 5.0), ("a", 2.0))
    ]
    library = import_library(small[0], files, tmp_path / "lib.zarr", absorber="O")
    maxima = library["energy"].values[library["intensity"].values.argmax(axis=1)]
    np.testing.assert_allclose(maxima, [5.0, 2.0])


def shifted_xmu(source, target, shift_eV: float):
    """The same spectrum of FEFF with all its photon energies moved."""
    lines = []
    for line in source.read_text().splitlines():
        if not line.lstrip().startswith("#"):
            omega, rest = line.split(maxsplit=1)
            line = f"{float(omega) + shift_eV:.6f} {rest}"
        lines.append(line)
    target.write_text("\n".join(lines) + "\n")
    return target


def long_xmu(shared_data, tmp_path):
    """The published CoO spectrum, its start continued down to -8 eV as FEFF writes it there."""
    source = shared_data / "feff" / "CoO_wurtzite_O_K" / "xmu.dat"
    lines = source.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if not line.lstrip().startswith("#"))
    omega, e, _, mu, mu0, chi = map(float, lines[first].split())
    before = [f"{omega - d} {e - d} {-1.5 - 0.01 * d} {mu} {mu0} {chi}" for d in (6, 4, 2)]
    target = tmp_path / "xmu.dat"
    target.write_text("\n".join([*lines[:first], *before, *lines[first:]]) + "\n")
    return target


def test_feff_files_are_put_on_the_mean_fermi_level_and_keep_their_shifts(
    small, shared_data, tmp_path
):
    xmu = long_xmu(shared_data, tmp_path)
    files = [xmu, shifted_xmu(xmu, tmp_path / "xmu2.dat", 1.0)]
    library = import_library(small[0], files, tmp_path / "lib.zarr", absorber="O")
    np.testing.assert_allclose(library["core_level_shift_eV"].values, [-0.5, 0.5], atol=1e-5)
    low, high = library["intensity"].values
    # One step of the axis is 0.1 eV: the second spectrum lies ten steps higher.
    np.testing.assert_allclose(high[15:], low[5:-10], atol=1e-4 * high.max())
    assert library.attrs["energy_zero"] == "mean edge energy of the structure's sites"


def test_append_keeps_order_structures_and_provenance(small, tmp_path):
    out = tmp_path / "lib.zarr"
    import_library(*small, out=out, absorber="O", trajectory="b")
    ase.io.write(tmp_path / "other.vasp", two_oxygens(3.0), format="vasp")
    import_library(
        tmp_path / "other.vasp", small[1], out, absorber="O", trajectory="a", append=True
    )
    import_library(*small, out=out, absorber="O", trajectory="b", snapshot=1, append=True)
    library = open_library(out)
    assert names(library, "structure_id").tolist() == ["b/0"] * 2 + ["a/0"] * 2 + ["b/1"] * 2
    assert names(library, "environment").tolist() == ["1 Fe"] * 2 + ["0 Fe"] * 2 + ["1 Fe"] * 2
    assert library["snapshot_id"].values.tolist() == [0, 0, 0, 0, 1, 1]
    assert [s.info["structure_id"] for s in open_structures(out)] == ["b/0", "a/0", "b/1"]
    assert library.attrs["recipe"].count("imported from") == 3


def test_append_changes_nothing_in_the_earlier_sites(small, tmp_path):
    out = tmp_path / "lib.zarr"
    import_library(*small, out=out, absorber="O")
    before = open_library(out).load()
    import_library(*small, out=out, absorber="O", snapshot=1, append=True)
    after = open_library(out).load().isel(site=slice(0, 2))
    for name in before.variables:
        np.testing.assert_array_equal(before[name].values, after[name].values)


def test_imports_at_the_same_time_lose_nothing(small, tmp_path):
    out = tmp_path / "lib.zarr"

    def add(number: int) -> None:
        import_library(*small, out=out, absorber="O", snapshot=number, append=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    ids = names(open_library(out), "structure_id").tolist()
    assert sorted(ids) == sorted(f"POSCAR/{number}" for number in range(4) for _ in "ab")
    assert {path.name for path in tmp_path.iterdir()} == {"POSCAR", "table.dat", "lib.zarr"}


def test_append_to_nothing_makes_a_library(small, tmp_path):
    import_library(*small, out=tmp_path / "lib.zarr", absorber="O", append=True)
    assert open_library(tmp_path / "lib.zarr").sizes["site"] == 2


def test_small_noise_below_zero_is_taken_for_zero(small, tmp_path):
    columns = peaks(2.0, 5.0)
    columns[0] = -1e-5
    write_table(small[1][0], columns)
    library = import_library(*small, out=tmp_path / "lib.zarr", absorber="O")
    assert library["intensity"].values.min() == 0


def spoil_table(change):
    def spoil(small, tmp_path):
        columns, energy_eV = peaks(2.0, 5.0), ENERGY_EV.copy()
        columns, energy_eV = change(columns, energy_eV)
        write_table(small[1][0], columns, energy_eV)
        return small, {}

    return spoil


def negative(columns, energy_eV):
    columns[100, 1] = -0.2
    return columns, energy_eV


def spoil_structure(structure):
    def spoil(small, tmp_path):
        ase.io.write(tmp_path / "frames.extxyz", structure, format="extxyz")
        return (tmp_path / "frames.extxyz", small[1]), {}

    return spoil


def crowded() -> Atoms:
    structure = two_oxygens()
    around = np.array([[1, 1, 0], [1, -1, 0], [1, 0, 1], [1, 0, -1]]) * 1.9
    return structure + Atoms("Fe4", around)


def mixed_files(small, tmp_path):
    absolute = write_table(tmp_path / "absolute.dat", peaks(2.0), ENERGY_EV + 535.0)
    relative = write_table(tmp_path / "relative.dat", peaks(2.0))
    return (small[0], [absolute, relative]), {}


FAILURES = {
    "too few columns": (
        spoil_table(lambda c, e: (c[:, :1], e)),
        r"POSCAR has 2 O atoms, the spectra files hold 1 spectra \(.*table.dat\); give one column",
    ),
    "too many columns": (
        spoil_table(lambda c, e: (np.column_stack([c, c]), e)),
        "POSCAR has 2 O atoms, the spectra files hold 4 spectra",
    ),
    "too narrow": (
        spoil_table(lambda c, e: (c[:150], e[:150])),
        r"table.dat, spectrum .*, of POSCAR snapshot 1, atom 1 \(O\): the spectrum covers -8.0 to "
        r"21.8 eV .* a library needs -5 to 25 eV; give a wider one",
    ),
    "absolute without Fermi level": (
        spoil_table(lambda c, e: (c, e + 535.0)),
        r"table.dat, spectrum .*: absolute energies \(527 eV ...\) without a Fermi level; subtract",
    ),
    "negative": (spoil_table(negative), r"table.dat, spectrum .*: .*negative intensity"),
    "not a number": (spoil_table(lambda c, e: (c * np.nan, e)), "table.dat"),
    "not increasing": (spoil_table(lambda c, e: (c, np.abs(e))), "table.dat"),
    "absolute and relative": (mixed_files, "some spectra have absolute energies and some relative"),
    "site without class": (
        spoil_structure(crowded()),
        r"frames.extxyz: atom 1 has no class \(5 Fe within 2.6 Å.*; give a --scheme",
    ),
    "two structures": (
        spoil_structure([two_oxygens(), two_oxygens()]),
        "frames.extxyz: holds 2 structures, spectra belong to one",
    ),
    "no such structure": (
        lambda small, tmp_path: ((tmp_path / "nowhere", small[1]), {}),
        "nowhere: cannot be read",
    ),
    "no such spectra": (
        lambda small, tmp_path: ((small[0], [tmp_path / "nowhere.dat"]), {}),
        "nowhere.dat: no such file",
    ),
    "other absorber": (
        lambda small, tmp_path: (small, {"absorber": "Fe"}),
        r"--absorber Fe: no built-in label schemes are for it \(li3feo35_oxygen for O\)",
    ),
    "scheme for another absorber": (
        lambda small, tmp_path: (small, {"absorber": "Fe", "scheme": "li3feo35_oxygen"}),
        "--absorber Fe: the scheme 'li3feo35_oxygen' labels O sites",
    ),
    "unknown edge": (
        lambda small, tmp_path: (small, {"edge": "Q9"}),
        "--edge Q9: give one of K, L1",
    ),
    "unknown scheme": (
        lambda small, tmp_path: (small, {"scheme": "li3feo3"}),
        "no built-in label scheme is called 'li3feo3'; did you mean",
    ),
    "same structure": (
        lambda small, tmp_path: (small, {"snapshot": 0}),
        "lib.zarr: holds 'POSCAR/0' already; give another --trajectory or --snapshot",
    ),
    "library exists": (
        lambda small, tmp_path: (small, {"append": False}),
        "lib.zarr: exists; choose another --out, or --append",
    ),
}


@pytest.mark.parametrize("what", FAILURES)
def test_refused_import_leaves_the_library_as_it_was(what, small, tmp_path, content):
    out = tmp_path / "lib.zarr"
    import_library(*small, out=out, absorber="O")
    before = content(out)
    spoil, words = FAILURES[what]
    arguments, changed = spoil(small, tmp_path)
    options = {"absorber": "O", "snapshot": 1, "append": True} | changed
    with pytest.raises(NearedgeError, match=words) as error:
        import_library(*arguments, out=out, **options)
    assert "\n" not in str(error.value)
    assert content(out) == before


def test_append_under_another_scheme_is_refused(small, tmp_path, content):
    out = tmp_path / "lib.zarr"
    import_library(*small, out=out, absorber="O")
    before = content(out)
    scheme = tmp_path / "mine.toml"
    scheme.write_text(
        'name = "mine"\nabsorber = "O"\n[neighbours]\nelements = ["Fe"]\ncutoff_A = 2.6\n'
        '[[classes]]\nlabel = "one"\ncoordination = 1\n'
    )
    with pytest.raises(UsageError, match="labelled with the scheme 'li3feo35_oxygen', not 'mine'"):
        import_library(*small, out=out, absorber="O", snapshot=1, append=True, scheme=str(scheme))
    assert content(out) == before


def test_spectra_of_two_engines_never_share_a_library(small, write_recipe, pool, tmp_path, content):
    recipe = write_recipe()
    out = tmp_path / "lib.zarr"
    build_library(recipe, out, pool, workers=2)
    before = content(out)
    with pytest.raises(UsageError, match=re.escape("engine 'toy', not 'imported (table)'")):
        import_library(*small, out=out, absorber="O", append=True)
    assert content(out) == before


def test_damaged_library_is_not_appended_to(small, tmp_path, content):
    out = tmp_path / "lib.zarr"
    import_library(*small, out=out, absorber="O")
    (out / "intensity" / "0.0").write_bytes(b"garbage")
    before = content(out)
    with pytest.raises(NearedgeError, match="not a nearedge library or damaged"):
        import_library(*small, out=out, absorber="O", snapshot=1, append=True)
    assert content(out) == before


def test_imported_library_may_be_copied_and_renamed(small, tmp_path):
    import_library(*small, out=tmp_path / "lib.zarr", absorber="O")
    shutil.move(tmp_path / "lib.zarr", tmp_path / "elsewhere")
    assert open_library(tmp_path / "elsewhere").sizes["site"] == 2
