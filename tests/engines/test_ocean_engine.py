"""OCEAN: its input, its outputs, and its failures; a stand-in program takes its place."""

from __future__ import annotations

import errno
import re
import shutil
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from ase.units import Bohr

from nearedge.engines import SiteSpectrum, engine_from_settings
from nearedge.engines.ocean import Ocean
from nearedge.engines.ocean_input import CoreLevel, core_level, ocean_input, photon_files
from nearedge.engines.ocean_output import read_site
from nearedge.engines.running import last_words
from nearedge.errors import EngineError, UsageError

MGO = bulk("MgO", "rocksalt", a=4.21) + Atoms("O", [[1.1, 1.2, 1.3]])
MIXED = Atoms(
    "OFeOLiFeO",
    scaled_positions=[
        [0.05, 0.0, 0.0],
        [0.5, 0.5, 0.0],
        [0.25, 0.3, 0.5],
        [0.5, 0.0, 0.5],
        [0.0, 0.55, 0.5],
        [0.75, 0.1, 0.9],
    ],
    cell=[6.0, 6.5, 7.0],
    pbc=True,
)

# Keywords that no recorded input holds; all stand in the table of Common/parseJSON.pl of OCEAN 3.
CITED = {
    "core_offset",
    "cnbse.niter",
    "cnbse.spect_range",
    "dft_energy_range",
    "ecut.quality",
    "opf.program",
    "pp_database",
    "screen_energy_range",
}


def cards(text: str) -> dict[str, list[str]]:
    """Read an input by the rules of OCEAN 3: comments, then names with one word or braces."""
    words = re.sub(r"([{}])", r" \1 ", re.sub(r"[#*!\\].*", " ", text)).split()
    found: dict[str, list[str]] = {}
    while words:
        name = words.pop(0).lower()
        assert name not in ("{", "}", *found)
        value = [words.pop(0)]
        if value == ["{"]:
            end = words.index("}")
            value, words = words[:end], words[end + 1 :]
            assert "{" not in value
        found[name] = value
    return found


def structure_of(found: dict[str, list[str]]) -> Atoms:
    scale = np.array(found["acell"], dtype=float)[:, None]
    rprim = np.array(found["rprim"], dtype=float).reshape(3, 3)
    znucl = [int(z) for z in found["znucl"]]
    numbers = [znucl[int(t) - 1] for t in found["typat"]]
    xred = np.array(found["xred"], dtype=float).reshape(-1, 3)
    return Atoms(numbers, scaled_positions=xred, cell=rprim * scale * Bohr, pbc=True)


def written(engine: Ocean, structure: Atoms, sites, folder: Path) -> dict[str, list[str]]:
    engine.write_input(structure, sites, "K", folder)
    return cards((folder / "ocean.in").read_text())


def test_input_holds_the_structure_in_its_own_order(shared_data, tmp_path):
    structure = read(shared_data / "li3feo35_ocean_0K" / "POSCAR")
    structure = structure[np.random.default_rng(0).permutation(len(structure))]
    found = written(
        Ocean(), structure, [int(site) for site in structure.symbols.search("O")], tmp_path / "run"
    )
    back = structure_of(found)
    assert back.symbols.get_chemical_formula("reduce") == structure.symbols.get_chemical_formula(
        "reduce"
    )
    np.testing.assert_allclose(back.cell.array, structure.cell.array, atol=1e-10)
    np.testing.assert_allclose(back.get_scaled_positions(), structure.get_scaled_positions())
    assert (found["ntypat"], found["natom"]) == (["3"], ["105"])


def test_lengths_are_in_bohr(tmp_path):
    found = written(Ocean(), Atoms("O", cell=[10.0, 10.0, 10.0]), [0], tmp_path / "run")
    assert float(found["acell"][0]) * float(found["rprim"][0]) == pytest.approx(18.8972612)


@pytest.mark.parametrize("name", ["hematite_new/Fe2O3", "rutile_O_K_3pol/rutile", "LiF_F_K/LiF"])
def test_structure_of_a_real_input_is_written_as_it_was_read(shared_data, name):
    real = cards((shared_data / "ocean" / f"{name}.in").read_text())
    structure = structure_of(real)
    back = structure_of(cards(ocean_input(structure, [(1, 1, 0)], {})))
    assert list(back.symbols) == list(structure.symbols)
    np.testing.assert_allclose(back.cell.array, structure.cell.array, atol=1e-10)
    np.testing.assert_allclose(back.positions, structure.positions, atol=1e-9)


def test_every_keyword_is_known_to_ocean(shared_data, tmp_path):
    recorded = {
        name for path in shared_data.glob("ocean/*/*.in") for name in cards(path.read_text())
    }
    own = {end: tmp_path / f"o.{end}" for end in ("fill", "opts", "fhi")}
    for path in own.values():
        path.write_text("content")
    of_its_own = Ocean(
        pp_files={"O": str(own["fhi"])},
        opf_files={"O": str(tmp_path / "o")},
        ecut_Ry=100.0,
        nbands=40,
        diemac=6.0,
        para_prefix=["mpirun", "-n", "8"],
    )
    box = Atoms("O", cell=[10.0, 10.0, 10.0])
    for engine, name in ((Ocean(), "default"), (of_its_own, "own")):
        assert set(written(engine, box, [0], tmp_path / name)) <= recorded | CITED


def test_one_edge_stands_for_all_atoms_where_core_levels_are_compared(tmp_path):
    assert written(Ocean(), MIXED, [2, 0], tmp_path / "run")["edges"] == ["-8", "1", "0"]


def test_edges_are_the_sites_asked_for_where_they_are_not(tmp_path):
    found = written(Ocean(core_offset=False), MIXED, [5, 0], tmp_path / "run")
    assert (found["nedges"], found["edges"]) == (["2"], ["1", "1", "0", "6", "1", "0"])


def test_photon_files_are_as_the_real_ones(shared_data):
    real = (shared_data / "ocean" / "rutile_O_K_3pol").glob("photon?")
    files = photon_files("O", "K", "quad")
    for path in real:
        mine, theirs = files[path.name].split("\n"), path.read_text().split("\n")
        assert mine[:3] == [" ".join(line.split()) for line in theirs[:3]]
        assert [line.split()[:1] for line in mine[3:5]] == [["cartesian"], ["end"]]
        assert float(mine[5]) == pytest.approx(float(theirs[5]), abs=10)


def test_photon_travels_across_its_polarisation():
    for text in photon_files("Fe", "K", "quad").values():
        vectors = [line.split()[1:] for line in text.splitlines() if "cartesian" in line]
        one, other = np.array(vectors, dtype=float)
        assert one @ other == 0


def test_own_pseudopotentials_travel_with_the_input(tmp_path):
    for name in ("fe.fhi", "fe.fhi.UPF", "o.fhi", "li.fhi", "ox.fill", "ox.opts"):
        (tmp_path / name).write_text(name)
    engine = Ocean(
        pp_files={e: str(tmp_path / f"{e.lower()}.fhi") for e in ("Fe", "O", "Li")},
        opf_files={"O": str(tmp_path / "ox")},
        ecut_Ry=120.0,
    )
    found = written(engine, MIXED, [0], tmp_path / "run")
    assert found["pp_list"] == ["o.fhi", "fe.fhi", "li.fhi"]
    assert (found["opf.fill"], found["opf.opts"]) == (["8", "ox.fill"], ["8", "ox.opts"])
    for name in (*found["pp_list"], "fe.fhi.UPF", "ox.fill", "ox.opts"):
        assert (tmp_path / "run" / name).read_text() == name
    for name in ("o.fhi", "fe.fhi.UPF"):
        before = engine.settings()
        (tmp_path / name).write_text("another")
        assert engine.settings() != before


def test_missing_pseudopotential_is_named(tmp_path):
    for name in ("o.fhi", "o.fill", "o.opts"):
        (tmp_path / name).write_text(name)
    stem = str(tmp_path / "o")
    engine = Ocean(pp_files={"O": f"{stem}.fhi"}, opf_files={"O": stem}, ecut_Ry=120.0)
    error = engine.compute(MIXED, [0], "K", tmp_path)[0]
    assert "no pp_files of Fe, Li; add them" in str(error)


def test_recorded_polarisations_are_averaged(shared_data, tmp_path):
    for case, element, photons, level in (
        ("iron_K_2photons", "Fe", 2, core_level("K")),
        ("silicon_4sites", "Si", 4, CoreLevel(2, 1, "2p")),
    ):
        work = tmp_path / case
        shutil.copytree(shared_data / "ocean" / case, work / "CNBSE")
        energy_eV, dielectric, shift_eV = read_site(work, element, 1, level, False, photons)
        tables = [np.loadtxt(path) for path in sorted((work / "CNBSE").glob("absspct_*"))]
        assert (len(tables), shift_eV) == (photons, 0.0)
        np.testing.assert_array_equal(energy_eV, tables[0][:, 0])
        np.testing.assert_allclose(dielectric, np.mean([t[:, 1] for t in tables], axis=0))


def test_recorded_run_goes_through_the_engine(shared_data, ocean_stand_in, tmp_path):
    real = shared_data / "ocean" / "iron_K_2photons"
    structure = structure_of(cards((real / "Fe.in").read_text()))
    engine = ocean_stand_in("replay", core_offset=False)
    shutil.copytree(real, Path(engine.executable).with_name("recorded"))
    spectrum = engine.compute(structure, [0], "K", tmp_path / "run")[0]
    assert isinstance(spectrum, SiteSpectrum), spectrum
    first, second = (np.loadtxt(real / f"absspct_Fe.0001_1s_{n:02d}") for n in (1, 2))
    mean = (first[:, 1] + 2 * second[:, 1]) / 3
    hbar_c_eV_A = 1973.269804
    expected = mean * structure.get_volume() * (7112.0 + first[:, 0]) / hbar_c_eV_A
    np.testing.assert_array_equal(spectrum.energy_eV, first[:, 0])
    np.testing.assert_allclose(spectrum.intensity, expected, rtol=1e-6)


def test_recorded_iron_has_the_cross_section_of_iron(shared_data, tmp_path):
    real = shared_data / "ocean" / "iron_K_2photons"
    (tmp_path / "CNBSE").mkdir()
    for photon, source in ((1, 1), (2, 2), (3, 2)):
        target = tmp_path / "CNBSE" / f"absspct_Fe.0001_1s_{photon:02d}"
        shutil.copy(real / f"absspct_Fe.0001_1s_{source:02d}", target)
    structure = structure_of(cards((real / "Fe.in").read_text()))
    spectrum = Ocean(core_offset=False).collect(structure, 0, "K", tmp_path)
    above = (spectrum.energy_eV > 10) & (spectrum.energy_eV < 40)
    # Edge jump 354 cm^2/g (Hubbell and Seltzer, NISTIR 5632 (1995)) times 55.85 u.
    assert spectrum.intensity[above].mean() == pytest.approx(3.3e-4, rel=0.2)


def test_spectrum_of_every_site_comes_back_to_it_in_any_atom_order(ocean_stand_in, tmp_path):
    engine = ocean_stand_in()
    sites = [0, 2, 5]
    first = engine.compute(MIXED, sites, "K", tmp_path / "first")
    order = np.random.default_rng(1).permutation(len(MIXED))
    again = engine.compute(MIXED[order], range(len(order)), "K", tmp_path / "again")
    assert list(again) == list(range(len(order)))
    for new, old in enumerate(order):
        if old in sites:
            one, other = first[old], again[new]
            np.testing.assert_allclose(one.intensity, other.intensity, rtol=1e-6)
            assert one.edge_energy_eV == pytest.approx(other.edge_energy_eV)


def test_peak_stands_where_the_site_puts_it(ocean_stand_in, tmp_path):
    x, y, z = MIXED.get_scaled_positions()[5]
    for core_offset in (False, True):
        engine = ocean_stand_in(core_offset=core_offset)
        spectrum = engine.compute(MIXED, [5], "K", tmp_path / str(core_offset))[5]
        peak = spectrum.energy_eV[spectrum.intensity.argmax()] - spectrum.edge_energy_eV
        assert peak == pytest.approx(3 + x + 2 * y + 3 * z, abs=0.2)
        assert (spectrum.edge_energy_eV != 0) == core_offset


def test_shift_does_not_depend_on_the_sites_asked_for(ocean_stand_in, tmp_path):
    engine = ocean_stand_in()
    alone = engine.compute(MIXED, [5], "K", tmp_path / "alone")[5]
    together = engine.compute(MIXED, [0, 5], "K", tmp_path / "together")[5]
    assert alone.edge_energy_eV == together.edge_energy_eV
    np.testing.assert_array_equal(alone.intensity, together.intensity)


def test_scale_is_per_atom_and_not_per_cell_volume(ocean_stand_in, tmp_path):
    wide = MIXED.copy()
    wide.set_cell(wide.cell.array * [1.0, 1.0, 2.0], scale_atoms=True)
    one = ocean_stand_in().compute(MIXED, [0], "K", tmp_path / "one")[0]
    other = ocean_stand_in().compute(wide, [0], "K", tmp_path / "other")[0]
    # The stand-in writes the same dielectric function for both.
    np.testing.assert_allclose(other.intensity, 2 * one.intensity)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("crash", "stopped with code 7: .*DFT stage failed: convergence NOT achieved"),
        ("nothing", r"wrote no CNBSE/absspct_O_\.0001_1s_01; .*its last words: .*Ocean is done"),
        ("cut off", "absspct_O_.0001_1s_02 has other energies than photon 1"),
        ("no shift", r"wrote no core-level shift CNBSE/cls\.zO_0001_n01l00"),
    ],
)
def test_failed_run_says_why_and_where(mode, words, ocean_stand_in, tmp_path):
    structure = MIXED.copy()
    structure.info |= {"trajectory_id": "cell-07", "snapshot_id": 3}
    error = ocean_stand_in(mode).compute(structure, [0], "K", tmp_path / "run")[0]
    assert isinstance(error, EngineError)
    assert "\n" not in str(error)
    assert re.search(rf"^OCEAN, cell-07 snapshot 3, atom 0 \(O\): {words}", str(error)), error


def test_missing_output_fails_its_site_alone(ocean_stand_in, tmp_path):
    found = ocean_stand_in("partial").compute(MIXED, [5, 2, 0], "K", tmp_path / "run")
    assert [type(result) for result in found.values()] == [SiteSpectrum, EngineError, SiteSpectrum]
    assert "absspct_O_.0002_1s_03" in str(found[2])


def test_timeout_ends_the_programs_that_ocean_started(ocean_stand_in, tmp_path):
    engine = ocean_stand_in("hang", timeout_s=3.0)
    error = engine.compute(MIXED, [0], "K", tmp_path / "run")[0]
    assert "not done after 3 s: Welcome to OCEAN; raise timeout_s" in str(error)
    child = Path("/proc") / (tmp_path / "run" / "run-O" / "child.pid").read_text() / "cmdline"
    for _ in range(500):
        # Gone, or dead and not yet collected by its new parent.
        if not child.exists() or not child.read_bytes():
            return
        time.sleep(0.01)
    pytest.fail("the program that OCEAN started is still running")


def test_program_that_cannot_start_is_an_error_of_its_sites(tmp_path):
    path = tmp_path / "ocean.pl"
    path.write_text("#!/nowhere/perl\n")
    path.chmod(0o755)
    error = Ocean(executable=str(path)).compute(MIXED, [0], "K", tmp_path)[0]
    assert "cannot start" in str(error)
    assert "No such file" in str(error)


def test_full_disk_stops_the_build(ocean_stand_in, tmp_path):
    with pytest.raises(OSError, match="No space left") as caught:
        ocean_stand_in("full").compute(MIXED, [0], "K", tmp_path / "run")
    assert caught.value.errno == errno.ENOSPC


def test_missing_program_says_how_to_install_it(tmp_path):
    engine = Ocean(executable="no-such-ocean.pl")
    error = engine.compute(MIXED, [0], "K", tmp_path)[0]
    for words in ("no program 'no-such-ocean.pl'", "times-software/OCEAN", "set executable"):
        assert words in str(error)
    with pytest.raises(EngineError, match="no program"):
        engine.version()


def test_version_is_that_of_the_program(ocean_stand_in):
    assert ocean_stand_in().version() == "OCEAN 3.1.0"


@pytest.mark.parametrize(
    ("structure", "edge", "words"),
    [
        (Atoms("O"), "K", "has no cell"),
        (MIXED, "M5", "no edge 'M5'; give one of K, L3"),
        (MIXED, "L3", "no L3 edge of 'O'"),
    ],
)
def test_what_ocean_cannot_compute_is_refused(structure, edge, words, tmp_path):
    assert words in str(Ocean().compute(structure, [0], edge, tmp_path)[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nkpt": [2, 2]}, "nkpt"),
        ({"nkpt": [0, 2, 2]}, "nkpt"),
        ({"ngkpt": "222"}, "ngkpt"),
        ({"screen_nkpt": [2.5]}, "screen_nkpt"),
        ({"dft": "vasp"}, "give one of qe, abi"),
        ({"operator": "monopole"}, "give one of dipole, quad"),
        ({"broaden_eV": 0.0}, "broaden_eV"),
        ({"diemac": 0.5}, "above 1"),
        ({"para_prefix": ["mpirun", "#"]}, "para_prefix"),
        ({"keywords": {"nspin": "2 } edges { 1"}}, "nspin"),
        ({"keywords": {"Typat": "1 1"}}, "'Typat', which nearedge writes"),
        ({"keywords": {"cnbse.RAD": "3"}}, "'cnbse.RAD', which nearedge writes"),
        ({"keywords": {"nspin": 2}}, "give a table of texts"),
        ({"para_prefix": "mpirun -n 8"}, "give a list"),
        ({"para_prefix": ["mpirun", 8]}, "give a list"),
        ({"pp_files": {"O": "nowhere.fhi"}, "ecut_Ry": 80.0}, "no file nowhere.fhi"),
        ({"pp_files": {"O": "o.fhi"}}, "ecut_Ry"),
    ],
)
def test_wrong_setting_is_refused(settings, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        engine_from_settings("ocean", settings)


def test_recipe_settings_reach_the_input(tmp_path):
    engine = engine_from_settings(
        "ocean", {"nkpt": [2, 2, 1], "keywords": {"nspin": "2"}, "para_prefix": ["srun"]}
    )
    assert isinstance(engine, Ocean)
    found = written(engine, MIXED, [0], tmp_path / "run")
    assert [found[k] for k in ("nkpt", "nspin", "para_prefix")] == [
        ["2", "2", "1"],
        ["2"],
        ["srun"],
    ]


def test_provenance_leaves_out_how_the_program_is_run():
    engine = Ocean()
    elsewhere = replace(engine, executable="/opt/ocean.pl", para_prefix=["srun"], timeout_s=1.0)
    assert elsewhere.settings() == engine.settings()
    assert replace(engine, keywords={"nspin": "2"}).settings() != engine.settings()


def test_last_words_of_a_silent_program():
    assert last_words("####\n\n") == "no message"


def test_recipe_of_the_guide_makes_an_engine():
    guide = (Path(__file__).parents[2] / "docs" / "engines" / "ocean.md").read_text()
    [block] = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    recipe = tomllib.loads(block)["engine"]
    engine = engine_from_settings(recipe["name"], recipe["settings"])
    assert engine.settings()["keywords"] == "nspin 2; occopt 3"
