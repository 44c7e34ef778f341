"""Folders of sites: every spectrum reaches the atom its folder names, or nothing is imported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from nearedge.errors import NearedgeError, UsageError
from nearedge.library import import_folder, library_info, names, open_library, open_structures

ENERGY_EV = np.arange(-8.0, 30.0, 0.25)
PATTERN = "{material}/{absorber}-{site}"


def xmu(peak_eV: float, edge_eV: float = 7120.0, energy_eV: np.ndarray = ENERGY_EV) -> str:
    """A spectrum as FEFF writes it, with its peak at an energy from the Fermi level."""
    k = np.sign(energy_eV) * np.sqrt(np.abs(energy_eV) / 3.81)
    mu = np.exp(-((energy_eV - peak_eV) ** 2) / 4)
    rows = np.stack([edge_eV + energy_eV, energy_eV, k, mu, mu, 0 * mu], axis=1)
    return (
        "#  xsedge+ 50, used to normalize mu           1.0E-03\n"
        "#  omega    e    k    mu    mu0     chi     @#\n"
        + "\n".join(" ".join(f"{x:.8E}" for x in row) for row in rows)
    )


@pytest.fixture
def scheme(tmp_path) -> str:
    path = tmp_path / "iron.toml"
    path.write_text(
        'name = "iron"\nabsorber = "Fe"\n[neighbours]\nelements = ["O"]\ncutoff_A = 2.6\n'
        '[[classes]]\nlabel = "six"\ncoordination = 6\n'
    )
    return str(path)


@pytest.fixture
def tree(tmp_path):
    """Two materials of 4 Fe and 4 O each; the peak of site n of material m is at m + n/10 eV."""
    root = tmp_path / "tree"
    for material, lattice_A in ((1, 4.2), (2, 4.4)):
        crystal = bulk("FeO", "rocksalt", a=lattice_A, cubic=True)
        for site in np.flatnonzero(crystal.symbols == "Fe"):
            folder = root / f"m-{material}" / f"Fe-{site:03d}"
            folder.mkdir(parents=True)
            crystal.write(folder / "POSCAR", format="vasp")
            edge_eV = 7120.0 + 0.1 * site
            (folder / "xmu.dat").write_text(xmu(material + site / 10, edge_eV))
    return root


def imported(tree: Path, scheme: str, pattern: str = PATTERN, **more):
    out = tree.parent / "lib.zarr"
    return import_folder(tree, pattern, out, absorber="Fe", scheme=scheme, **more), out


def test_every_spectrum_reaches_the_atom_that_its_folder_names(tree, scheme):
    report, out = imported(tree, scheme)
    assert (report.sites, report.structures, report.materials) == (8, 2, 2)
    assert report.left_out == {}
    library = open_library(out).load()
    # One zero for a structure: the mean edge of its sites, whose shifts stay in the spectra.
    peak_eV = library["energy"].values[library["intensity"].values.argmax(axis=1)]
    material = np.array([float(name[-1]) for name in names(library, "trajectory_id")])
    atom = library["atom_index"].values
    shift_eV = library["core_level_shift_eV"].values
    for number in (1, 2):
        mine = material == number
        expected = 0.1 * (atom[mine] - atom[mine].mean())
        np.testing.assert_allclose(shift_eV[mine], expected, atol=1e-4)
    np.testing.assert_allclose(peak_eV, material + atom / 10 + shift_eV, atol=0.15)
    assert set(names(library, "environment")) == {"six"}


def test_structures_are_grouped_by_material_and_travel_along(tree, scheme):
    _, out = imported(tree, scheme)
    structures = open_structures(out)
    assert [s.info["structure_id"] for s in structures] == ["m-1/0", "m-2/0"]
    assert [round(s.cell.lengths()[0], 2) for s in structures] == [4.2, 4.4]
    assert library_info(out)["trajectories"] == 2


def test_another_structure_of_one_material_stays_in_its_group(tree, scheme):
    moved = bulk("FeO", "rocksalt", a=4.25, cubic=True)
    moved.write(tree / "m-1" / "Fe-000" / "POSCAR", format="vasp")
    report, out = imported(tree, scheme)
    assert (report.structures, report.materials) == (3, 2)
    library = open_library(out)
    assert sorted(set(names(library, "structure_id"))) == ["m-1/0", "m-1/1", "m-2/0"]


def test_an_index_that_is_no_absorber_refuses_everything_by_name(tree, scheme):
    crystal = bulk("FeO", "rocksalt", a=4.2, cubic=True)
    oxygen = int(np.flatnonzero(crystal.symbols == "O")[0])
    iron = int(np.flatnonzero(crystal.symbols == "Fe")[0])
    (tree / "m-1" / f"Fe-{iron:03d}").rename(tree / "m-1" / f"Fe-{oxygen:03d}")
    message = rf"for 1 of 8 sites: m-1/Fe-{oxygen:03d}: atom {oxygen} \(from 0\) is O"
    with pytest.raises(NearedgeError, match=message):
        imported(tree, scheme)
    assert not (tree.parent / "lib.zarr").exists()


def test_indices_counted_from_one_are_told_apart(tree, scheme):
    for folder in sorted(tree.glob("*/*"), reverse=True):
        site = int(folder.name[-3:])
        folder.rename(folder.with_name(f"Fe-{site + 1:03d}"))
    with pytest.raises(NearedgeError, match=r"all would fit with \{number\} in the pattern"):
        imported(tree, scheme)
    report, _ = imported(tree, scheme, "{material}/{absorber}-{number}")
    assert report.sites == 8


def test_two_folders_of_one_site_are_refused(tree, scheme):
    (tree / "m-1" / "Fe-000").rename(tree / "m-1" / "Fe-0")
    again = tree / "m-1" / "Fe-000"
    again.mkdir()
    for file in (tree / "m-1" / "Fe-0").iterdir():
        (again / file.name).write_bytes(file.read_bytes())
    with pytest.raises(NearedgeError, match="are of one site, atom 0"):
        imported(tree, scheme)


def test_folders_of_other_absorbers_are_counted_and_left_alone(tree, scheme):
    (tree / "m-1" / "Fe-000").rename(tree / "m-1" / "O-001")
    report, _ = imported(tree, scheme)
    assert (report.sites, report.other_absorbers) == (7, 1)


def test_sites_that_cannot_be_used_are_left_out_with_their_reasons(tree, scheme):
    folders = sorted(tree.glob("m-1/*"))
    (folders[0] / "xmu.dat").write_text(xmu(1.0, energy_eV=ENERGY_EV[:100]))
    (folders[1] / "xmu.dat").write_text("no spectrum\n")
    report, _ = imported(tree, scheme)
    assert report.sites == 6
    assert "a library needs -5 to 25 eV" in report.left_out[f"m-1/{folders[0].name}"]
    assert "xmu.dat" in report.left_out[f"m-1/{folders[1].name}"]


def test_a_narrower_window_takes_what_the_default_one_refuses(tree, scheme):
    for file in tree.glob("*/*/xmu.dat"):
        file.write_text(xmu(2.0, energy_eV=ENERGY_EV[:100]))
    with pytest.raises(NearedgeError, match=r"no site can be used.*a library needs -5 to 25 eV"):
        imported(tree, scheme)
    _, out = imported(tree, scheme, window_eV=(-5.0, 15.0))
    energy_eV = open_library(out)["energy"].values
    assert (energy_eV[0], energy_eV[-1], len(energy_eV)) == (-5.0, 15.0, 201)


def test_sites_without_a_class_are_left_out(tree, scheme):
    path = Path(scheme)
    path.write_text(path.read_text().replace("cutoff_A = 2.6", "cutoff_A = 2.15"))
    report, out = imported(tree, scheme)
    assert set(names(open_library(out), "trajectory_id")) == {"m-1"}
    assert "0 O within 2.15 Å" in report.left_out["m-2/Fe-000"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{material}/Fe", r"needs \{material\}, and \{site\}"),
        ("{site}", r"needs \{material\}, and \{site\}"),
        ("{material}/{sites}", r"\{sites\} is unknown"),
        ("{material}/{site}/{site}", "there twice"),
        ("{material}-{site}", "does not fit 8 folders with a xmu.dat, the first is 'm-1/Fe-000'"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused(tree, scheme, pattern, message):
    with pytest.raises(UsageError, match=message):
        imported(tree, scheme, pattern)


def test_a_missing_structure_and_an_empty_folder_are_refused(tree, scheme, tmp_path):
    (tree / "m-1" / "Fe-000" / "POSCAR").unlink()
    with pytest.raises(NearedgeError, match=r"Fe-000/POSCAR: cannot be read"):
        imported(tree, scheme)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no xmu.dat of Fe"):
        imported(tmp_path / "empty", scheme)
