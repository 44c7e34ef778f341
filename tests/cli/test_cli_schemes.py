"""init, relabel, the import of folders, and energy windows from the command line."""

from __future__ import annotations

import tomllib

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from nearedge.library import load_recipe, open_library


@pytest.fixture
def wustite(tmp_path):
    structure = bulk("FeO", "rocksalt", a=4.334, cubic=True)
    ase.io.write(tmp_path / "wustite.cif", structure)
    return tmp_path / "wustite.cif"


def test_init_writes_a_recipe_that_loads_and_shows_its_guess(nearedge, wustite, tmp_path):
    out = tmp_path / "recipes" / "recipe.toml"
    answer = nearedge("init", wustite, "--absorber", "Fe", "--edge", "L3", "--out", out)
    assert (answer.code, answer.err) == (0, "")
    assert "nothing from 2.17 to 3.75 Å: cutoff 2.95 Å" in answer.out
    text = out.read_text()
    assert "#   2.1 to 2.2 Å" in text
    recipe = load_recipe(out)
    assert (recipe.engine.name, recipe.engine.edge) == ("feff", "L3")
    assert recipe.files[0].path == "../wustite.cif"
    # Four iron atoms that nothing tells apart.
    assert recipe.files[0].sites == (0,)
    assert tomllib.loads(text)["scheme"]["classes"] == [{"label": "6 O", "coordination": 6}]


def test_init_answers_in_json_and_overwrites_nothing(nearedge, wustite, tmp_path):
    arguments = ("init", wustite, "--absorber", "O", "--out", tmp_path / "r.toml", "--json")
    document = nearedge(*arguments).document
    assert document["sites"] == {"6 Fe": 4}
    assert document["distinct_sites"] == 1
    assert document["scheme"]["neighbours"] == {"elements": ["Fe"], "cutoff_A": 2.95}
    before = (tmp_path / "r.toml").read_text()
    answer = nearedge(*arguments)
    assert answer.code == 2
    assert "exists; choose another --out" in answer.err
    assert (tmp_path / "r.toml").read_text() == before


def test_init_refuses_an_absorber_that_is_not_there(nearedge, wustite, tmp_path):
    answer = nearedge("init", wustite, "--absorber", "Ni", "--out", tmp_path / "r.toml")
    assert answer.code == 1
    assert "no structure has a Ni atom" in answer.err
    assert not (tmp_path / "r.toml").exists()


def test_a_recipe_of_init_builds_what_it_says(nearedge, wustite, tmp_path, files):
    out = tmp_path / "r.toml"
    nearedge("init", wustite, "--absorber", "Fe", "--out", out)
    text = out.read_text()
    engine = text[text.index("[engine]") : text.index("# Which class")]
    toy = f'[engine]\nname = "toy"\nsettings = {{ control = "{tmp_path / "control"}" }}\n\n'
    out.write_text(text.replace(engine, toy).replace("[-5, 25]", "[-4, 18.5]"))
    answer = nearedge("library", "build", out, "--out", tmp_path / "l.zarr", "--workers", "1")
    assert answer.code == 0, answer.err
    library = open_library(tmp_path / "l.zarr")
    assert library.sizes["site"] == 1
    energy_eV = library["energy"].values
    assert (energy_eV[0], energy_eV[-1], len(energy_eV)) == (-4.0, 18.5, 226)


def test_sites_of_a_recipe_must_be_absorbers(nearedge, wustite, tmp_path, files):
    out = tmp_path / "r.toml"
    nearedge("init", wustite, "--absorber", "Fe", "--out", out)
    out.write_text(out.read_text().replace("sites = [0]", "sites = [0, 1]"))
    answer = nearedge("library", "build", out, "--out", tmp_path / "l.zarr", "--workers", "1")
    assert answer.code == 2
    assert "atom 1 of wustite/0 is not one of the absorbers" in answer.err


def test_relabel_reports_what_changed(nearedge, files):
    nearedge(
        "library", "import", "--structure", files / "POSCAR", "--spectra", files / "table.dat",
        "--absorber", "O", "--out", files / "lib.zarr",
    )  # fmt: skip
    scheme = files / "far.toml"
    scheme.write_text(
        'name = "far"\nabsorber = "O"\n[neighbours]\nelements = ["O"]\ncutoff_A = 4.5\n'
        '[[classes]]\nlabel = "a pair"\ncoordination = 1\n'
    )
    answer = nearedge(
        "library", "relabel", files / "lib.zarr", scheme, "--out", files / "new.zarr", "--json"
    )
    assert answer.document == {
        "sites": 2, "changed": 2, "left_out": {}, "path": str(files / "new.zarr"),
    }  # fmt: skip
    answer = nearedge("library", "relabel", files / "lib.zarr", scheme, "--out", files / "new.zarr")
    assert answer.code == 2


@pytest.fixture
def folder(files):
    """The two oxygens of the structure, each in a folder of its own."""
    table = np.loadtxt(files / "table.dat")
    for site in (1, 2):
        below = files / "sites" / "glass" / f"{site}"
        below.mkdir(parents=True)
        (below / "POSCAR").write_bytes((files / "POSCAR").read_bytes())
        np.savetxt(below / "mu.dat", table[:, [0, site]])
    return files / "sites"


def test_a_folder_is_imported_by_one_command(nearedge, folder, files):
    arguments = (
        "library", "import", "--folder", folder, "--pattern", "{material}/{site}", "--spectra",
        "mu.dat", "--absorber", "O", "--out", files / "lib.zarr", "--window=-5:20", "--json",
    )  # fmt: skip
    answer = nearedge(*arguments)
    assert answer.code == 0, answer.err
    assert (answer.document["sites"], answer.document["materials"]) == (2, 1)
    library = open_library(files / "lib.zarr")
    peaks_eV = library["energy"].values[library["intensity"].values.argmax(axis=1)]
    assert peaks_eV.tolist() == pytest.approx([2.0, 5.0])
    assert library["energy"].values[-1] == 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--folder", "x"), "--folder needs a --pattern"),
        (("--folder", "x", "--pattern", "{material}/{site}", "--append"), "takes no --append"),
        (("--structure", "x"), "give --structure and --spectra, or --folder and --pattern"),
        (("--structure", "x", "--spectra", "y", "--window", "3"), "first and last energy"),
        (("--structure", "x", "--spectra", "y", "--window", "-5:5,0:3"), "first and last energy"),
    ],
)
def test_half_a_request_is_a_usage_error(nearedge, files, words, message):
    answer = nearedge("library", "import", *words, "--absorber", "O", "--out", files / "l.zarr")
    assert answer.code == 2
    assert message in answer.err


def test_a_window_beyond_the_library_is_refused(nearedge, files):
    nearedge(
        "library", "import", "--structure", files / "POSCAR", "--spectra", files / "table.dat",
        "--absorber", "O", "--out", files / "lib.zarr", "--window", "-5:15",
    )  # fmt: skip
    for command in (("assess",), ("train", "--out", files / "model")):
        answer = nearedge(command[0], files / "lib.zarr", *command[1:], "--window", "-5:25")
        assert answer.code == 2
        assert "the library has energies from -5 to 15 eV" in answer.err
