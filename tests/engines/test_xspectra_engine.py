"""XSpectra: inputs, outputs, energies and failures; stand-ins take the programs' places.

``recorded/xspectra`` holds what pw.x and xspectra.x of Quantum ESPRESSO 6.7 wrote for Li2O in its
primitive cell, with the settings of `QUICK` and `RECORDED`; of the XML files, the lists of
symmetries, files and times are left out.
"""

from __future__ import annotations

import errno
import re
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from ase.units import Bohr, Hartree

from nearedge.engines import SiteSpectrum, engine_from_settings
from nearedge.engines.xspectra import XSpectra
from nearedge.engines.xspectra_input import (
    POLARISATIONS,
    mesh,
    pw_input,
    supercell,
    xspectra_input,
)
from nearedge.engines.xspectra_output import read_polarisation
from nearedge.engines.xspectra_pseudo import LD1_INPUTS, core_wavefunction
from nearedge.errors import EngineError, UsageError

MIXED = Atoms(
    "OLiOLiLiO",
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
LITHIUM_OXIDE = Atoms(
    "OLi2",
    scaled_positions=[[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]],
    cell=2.31 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    pbc=True,
)
RECORDED = {"image_distance_A": 2.0, "spectrum_points": 161}

# Keywords that no recorded input holds; all stand in PW/Doc/INPUT_PW, XSpectra/Doc/INPUT_XSPECTRA.
CITED = {"cut_stepl", "cut_stepu", "edge", "electron_maxstep", "xcoordcrys", "xe0"}


def keywords(text: str) -> set[str]:
    """Names of all keywords of namelists, without the index of a species."""
    return {
        name.lower() for name in re.findall(r"^[^!\n]*?\b(\w+)(?:\(\d\))?\s*=", text, re.MULTILINE)
    }


def written(engine: XSpectra, structure: Atoms, site: int, folder: Path) -> dict[str, str]:
    """All inputs of one site, by name, after a run of the stand-ins."""
    found = engine.compute(structure, [site], "K", folder)[site]
    assert isinstance(found, SiteSpectrum), found
    return {str(path.relative_to(folder / "O")): path.read_text() for path in folder.rglob("*.in")}


def test_input_holds_the_structure_and_one_hole(shared_data, xspectra_stand_in, tmp_path):
    structure = read(shared_data / "structures" / "POSCAR_Li2O")
    structure = structure[np.random.default_rng(0).permutation(len(structure))]
    site = int(structure.symbols.search("O")[3])
    files = written(xspectra_stand_in(), structure, site, tmp_path / "run")
    for name, holes in (("ground/pw.in", []), (f"site-{site}/pw.in", [site])):
        (tmp_path / "pw.in").write_text(files[name])
        back = read(tmp_path / "pw.in", format="espresso-in")
        assert back.get_chemical_symbols() == structure.get_chemical_symbols()
        np.testing.assert_allclose(back.cell.array, structure.cell.array, atol=1e-9)
        np.testing.assert_allclose(back.positions, structure.positions, atol=1e-9)
        labels = [line.split()[0] for line in files[name].splitlines() if len(line.split()) == 4]
        atoms = [label for label in labels if label[0].isalpha()]
        assert [i for i, label in enumerate(atoms) if label == "O1"] == holes
        assert float(re.search(r"tot_charge = (\S+)", files[name])[1]) == len(holes)


def test_hole_comes_first_among_the_species_as_xspectra_is_told():
    text = pw_input(MIXED, 2, (1, 1, 1), {}, {})
    kinds = text.split("ATOMIC_SPECIES\n")[1].split("ATOMIC_POSITIONS")[0].split("\n")[:-1]
    assert [kind.split()[::2] for kind in kinds] == [
        ["O1", "O.star1s.UPF"],
        ["O", "O.UPF"],
        ["Li", "Li.UPF"],
    ]
    assert "xiabs = 1\n" in xspectra_input((1.0, 0.0, 0.0), 0.0, (1, 1, 1), 0.3, 99, (-9.0, 9.0), 9)


def test_element_of_which_only_the_absorber_is_there_has_no_other_species():
    text = pw_input(LITHIUM_OXIDE, 0, (1, 1, 1), {}, {})
    assert "ntyp = 2" in text
    assert " O.UPF" not in text


def test_every_keyword_is_known_to_the_programs(shared_data, xspectra_stand_in, tmp_path):
    recorded = set().union(
        *(keywords(path.read_text()) for path in (shared_data / "xspectra").glob("*.in"))
    )
    files = written(xspectra_stand_in(), MIXED, 0, tmp_path / "run")
    for name, text in files.items():
        if "ld1" not in name:
            assert keywords(text) <= recorded | CITED


@pytest.mark.parametrize("distance_A", [1.0, 6.0, 6.1, 20.0])
def test_absorber_is_far_from_its_images(distance_A):
    skewed = MIXED.copy()
    skewed.set_cell([[6.0, 0, 0], [3.0, 5.0, 0], [2.0, 1.0, 7.0]], scale_atoms=True)
    cell = supercell(skewed, distance_A)
    np.testing.assert_allclose(cell.positions[: len(skewed)], skewed.positions)
    images = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).T.reshape(-1, 3) @ cell.cell.array
    lengths = np.linalg.norm(images, axis=1)
    assert lengths[lengths > 0].min() >= distance_A
    assert len(cell) < 8 * len(skewed) * max(1.0, distance_A / 5) ** 3


@pytest.mark.parametrize("length_A", [1.0, 6.0, 13.1])
def test_mesh_is_as_dense_in_a_supercell(length_A):
    for cell, lengths in ((MIXED, [6.0, 6.5, 7.0]), (MIXED.repeat((2, 1, 1)), [12.0, 6.5, 7.0])):
        density = np.array(mesh(cell, length_A)) * lengths
        assert np.all(density >= length_A)
        assert np.all(density < length_A + np.array(lengths))


def test_polarisations_span_space():
    np.testing.assert_array_equal(np.abs(np.linalg.det(np.array(POLARISATIONS))), 1.0)
    np.testing.assert_array_equal(np.array(POLARISATIONS) @ np.array(POLARISATIONS).T, np.eye(3))


def test_keyword_with_an_element_reaches_all_its_species():
    system = {"nspin": "2", "starting_magnetization(O)": "0.5"}
    with_hole = pw_input(MIXED, 0, (1, 1, 1), system, {})
    assert "starting_magnetization(1) = 0.5" in with_hole
    assert "starting_magnetization(2) = 0.5" in with_hole
    assert "starting_magnetization(3)" not in with_hole
    assert "starting_magnetization(1) = 0.5" in pw_input(MIXED, None, (1, 1, 1), system, {})
    with pytest.raises(EngineError, match="holds no Fe"):
        pw_input(MIXED, 0, (1, 1, 1), {"starting_magnetization(Fe)": "0.5"}, {})


def test_recorded_run_goes_through_the_engine(xspectra_stand_in, tmp_path):
    engine = xspectra_stand_in("replay", **RECORDED)
    spectrum = engine.compute(LITHIUM_OXIDE, [0], "K", tmp_path / "run")[0]
    assert isinstance(spectrum, SiteSpectrum), spectrum
    folder = Path(__file__).parent / "recorded" / "xspectra"
    total, fermi, bands = {}, {}, {}
    for name in ("ground", "hole"):
        root = ElementTree.parse(folder / f"{name}.xml").getroot()
        total[name] = float(root.findtext(".//etot", "")) * Hartree
        fermi[name] = float(root.findtext(".//fermi_energy", "")) * Hartree
        bands[name] = np.array(root.findtext(".//eigenvalues", "").split(), float) * Hartree
    tables = [np.loadtxt(folder / f"xanes-{n}.dat") for n in (1, 2, 3)]
    hole_eV = total["hole"] - total["ground"]
    np.testing.assert_allclose(
        spectrum.energy_eV, hole_eV + fermi["hole"] + tables[0][:, 0], atol=1e-9
    )
    np.testing.assert_allclose(
        spectrum.intensity, np.mean([t[:, 1] for t in tables], axis=0) * Bohr**2, rtol=1e-9
    )
    # Four occupied bands of O and two of Li 1s: the seventh is the first empty one.
    assert spectrum.edge_energy_eV == pytest.approx(hole_eV + np.sort(bands["ground"])[6])


def test_recorded_spectra_of_two_spins_are_their_total(shared_data):
    folder = shared_data / "xspectra"
    for name in ("NiO.xspectra_dip", "SiO2.xspectra_dip_c", "diamondh.xspectra"):
        energy_eV, cross_section_A2 = read_polarisation(folder / f"{name}.dat")
        table = np.loadtxt(folder / f"{name}.dat")
        np.testing.assert_array_equal(energy_eV, table[:, 0])
        np.testing.assert_allclose(cross_section_A2, table[:, 1] * Bohr**2)


def test_spectrum_of_every_site_comes_back_to_it_in_any_atom_order(xspectra_stand_in, tmp_path):
    engine = xspectra_stand_in()
    sites = [5, 0, 2]
    first = engine.compute(MIXED, sites, "K", tmp_path / "first")
    order = np.random.default_rng(1).permutation(len(MIXED))
    asked = [new for new, old in enumerate(order) if old in sites]
    again = engine.compute(MIXED[order], asked, "K", tmp_path / "again")
    assert (list(first), list(again)) == (sites, asked)
    for new in asked:
        one, other = first[int(order[new])], again[new]
        np.testing.assert_array_equal(one.intensity, other.intensity)
        np.testing.assert_allclose(one.energy_eV, other.energy_eV)
        assert one.edge_energy_eV == pytest.approx(other.edge_energy_eV)


def test_energies_are_differences_of_total_energies(xspectra_stand_in, tmp_path):
    found = xspectra_stand_in().compute(MIXED, [0, 5], "K", tmp_path / "run")
    for site, spectrum in found.items():
        x, y, z = MIXED.positions[site]
        raw = x + 2 * y + 3 * z
        # The stand-in: -200 eV plus that with a hole, -60 eV without; band minimum at 6 eV, and
        # the peak 3 eV plus that above the Fermi level of the run with the hole, 2 eV.
        assert spectrum.edge_energy_eV == pytest.approx(-140 + raw + 6)
        peak_eV = spectrum.energy_eV[spectrum.intensity.argmax()]
        assert peak_eV == pytest.approx(-140 + raw + 2 + 3 + raw, abs=0.11)


def test_sites_do_not_depend_on_which_others_are_asked_for(xspectra_stand_in, tmp_path):
    engine = xspectra_stand_in()
    alone = engine.compute(MIXED, [5], "K", tmp_path / "alone")[5]
    together = engine.compute(MIXED, [0, 5], "K", tmp_path / "together")[5]
    assert alone.edge_energy_eV == together.edge_energy_eV
    np.testing.assert_array_equal(alone.intensity, together.intensity)


def test_wavefunctions_do_not_stay_on_the_disk(xspectra_stand_in, tmp_path):
    xspectra_stand_in().compute(MIXED, [0, 5], "K", tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.save"))


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("no pseudopotential", r"ld1\.x: Error in routine compute_phi \(1\): convergence problem"),
        ("no convergence", r"pw\.x: convergence NOT achieved after 100 iterations; raise scf_"),
        ("not converged", "pw.x did not converge; raise scf_iterations"),
        ("no empty band", "pw.x computed no empty band; raise nbnd"),
        ("cut off", "pw.x wrote no complete data-file-schema.xml"),
        (
            "lanczos",
            r"xspectra\.x: XANES not converged after 2000 iterations; raise",
        ),
        ("nothing", "xspectra.x wrote no xanes-1.dat"),
        ("short", "the polarisations differ in their energies"),
    ],
)
def test_failed_run_says_why_and_where(mode, words, xspectra_stand_in, tmp_path):
    structure = MIXED.copy()
    structure.info |= {"trajectory_id": "cell-07", "snapshot_id": 3}
    error = xspectra_stand_in(mode).compute(structure, [0], "K", tmp_path / "run")[0]
    assert isinstance(error, EngineError)
    assert "\n" not in str(error)
    assert re.search(rf"^XSpectra, cell-07 snapshot 3, atom 0 \(O\): {words}", str(error)), error


def test_failure_of_one_site_leaves_the_others(xspectra_stand_in, tmp_path):
    structure = MIXED.copy()
    structure.positions[0] = [1.5, 0.0, 0.0]
    found = xspectra_stand_in("partial").compute(structure, [5, 0, 2], "K", tmp_path / "run")
    assert [type(result) for result in found.values()] == [SiteSpectrum, EngineError, SiteSpectrum]
    assert "wrote no xanes-3.dat" in str(found[0])


def test_timeout_ends_the_programs_that_it_started(xspectra_stand_in, tmp_path):
    engine = xspectra_stand_in("hang", timeout_s=5.0)
    error = engine.compute(MIXED, [0], "K", tmp_path / "run")[0]
    assert "not done after 5 s: Program PWSCF" in str(error)
    child = Path("/proc") / (tmp_path / "run/O/ground/child.pid").read_text() / "cmdline"
    for _ in range(500):
        # Gone, or dead and not yet collected by its new parent.
        if not child.exists() or not child.read_bytes():
            return
        time.sleep(0.01)
    pytest.fail("the program that pw.x started is still running")


def test_full_disk_stops_the_build(xspectra_stand_in, tmp_path):
    with pytest.raises(OSError, match="No space left") as caught:
        xspectra_stand_in("full").compute(MIXED, [0], "K", tmp_path / "run")
    assert caught.value.errno == errno.ENOSPC


def test_disk_that_fills_up_costs_no_site_before(xspectra_stand_in, tmp_path, monkeypatch):
    whole = XSpectra._site

    def full_at_the_second(self, cell, site, ground, work):
        if site == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(self, cell, site, ground, work)

    monkeypatch.setattr(XSpectra, "_site", full_at_the_second)
    found = xspectra_stand_in().compute(MIXED, [5, 0, 2], "K", tmp_path / "run")
    assert [type(result) for result in found.values()] == [SiteSpectrum, OSError, OSError]


@pytest.mark.parametrize("program", ["pw", "xspectra", "ld1"])
def test_missing_program_says_how_to_install_it(program, xspectra_stand_in, tmp_path):
    engine = replace(xspectra_stand_in(), **{program: "no-such.x"})
    error = engine.compute(MIXED, [0], "K", tmp_path / "run")[0]
    assert "no program 'no-such.x'; install Quantum ESPRESSO (Debian: apt-get" in str(error)
    with pytest.raises(EngineError, match="no program"):
        engine.version()


def test_version_is_that_of_the_program(xspectra_stand_in):
    assert xspectra_stand_in().version() == "Quantum ESPRESSO 6.7MaX"


@pytest.mark.parametrize(
    ("structure", "edge", "words"),
    [
        (Atoms("O"), "K", "has no cell"),
        (MIXED, "L3", "no edge 'L3'; give K"),
        (bulk("MgO", "rocksalt", a=4.2), "K", "no pseudopotential Mg.UPF; put it into the folder"),
    ],
)
def test_what_cannot_be_computed_is_refused(structure, edge, words, xspectra_stand_in, tmp_path):
    site = int(structure.symbols.search("O")[0])
    assert words in str(xspectra_stand_in().compute(structure, [site], edge, tmp_path)[site])


def upf(first: str, second: str) -> str:
    """A file of either version of the format, with two core levels."""
    return (
        f"<UPF>\n<PP_R>\n 0.1 0.2\n 0.3\n</PP_R>\n{first}\n 9.0 8.0\n 7.0\n"
        f"</PP_GIPAW_CORE_ORBITAL{'.1' if '.1' in first else ''}>\n{second}\n 1.0 2.0\n 3.0\n"
        f"</PP_GIPAW_CORE_ORBITAL{'.2' if '.2' in second else ''}>\n</UPF>\n"
    )


VERSION_2 = upf(
    '<PP_GIPAW_CORE_ORBITAL.1 size="3" label="2S" n="2.0" l="0.0">',
    '<PP_GIPAW_CORE_ORBITAL.2 size="3" label="1S" n="1.0" l="0.0">',
)
VERSION_1 = upf(
    "  <PP_GIPAW_CORE_ORBITAL>\n    2    0     N  L      2S     eig:  -3.5",
    "  <PP_GIPAW_CORE_ORBITAL>\n    1    0     N  L      1S     eig:  -25.4",
)


@pytest.mark.parametrize("text", [VERSION_1, VERSION_2], ids=["UPF 1", "UPF 2"])
def test_core_wavefunction_is_the_1s(text, tmp_path):
    (tmp_path / "O.UPF").write_text(text)
    assert core_wavefunction(tmp_path / "O.UPF") == "# 1s\n0.1 1.0\n0.2 2.0\n0.3 3.0\n"


def test_own_pseudopotentials_are_used_and_change_the_provenance(xspectra_stand_in, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("Mg.UPF", "O.UPF", "O.star1s.UPF"):
        (folder / name).write_text(VERSION_2 + name)
    engine = xspectra_stand_in(pseudo_folder=str(folder))
    oxide = bulk("MgO", "rocksalt", a=4.2)
    assert isinstance(engine.compute(oxide, [1], "K", tmp_path / "run")[1], SiteSpectrum)
    for name in ("Mg.UPF", "O.UPF", "O.star1s.UPF"):
        assert (tmp_path / "run" / "O" / name).read_text() == VERSION_2 + name
    before = engine.settings()
    assert before != xspectra_stand_in().settings()
    (folder / "Mg.UPF").write_text("another")
    assert engine.settings() != before


@pytest.mark.parametrize("missing", ["O.UPF", "O.star1s.UPF"])
def test_hole_is_not_mixed_with_another_pseudopotential(missing, xspectra_stand_in, tmp_path):
    (tmp_path / "own").mkdir()
    [present] = {"O.UPF", "O.star1s.UPF"} - {missing}
    (tmp_path / "own" / present).write_text(VERSION_2)
    engine = xspectra_stand_in(pseudo_folder=str(tmp_path / "own"))
    error = engine.compute(MIXED, [0], "K", tmp_path / "run")[0]
    assert f"but no {missing}; add it" in str(error)


def test_pseudopotential_without_core_level_is_refused(xspectra_stand_in, tmp_path):
    (tmp_path / "own").mkdir()
    for name in ("O.UPF", "O.star1s.UPF"):
        (tmp_path / "own" / name).write_text("<UPF></UPF>")
    engine = xspectra_stand_in(pseudo_folder=str(tmp_path / "own"))
    error = engine.compute(MIXED, [0], "K", tmp_path / "run")[0]
    assert "neither O.UPF nor O.star1s.UPF holds a 1S GIPAW core orbital" in str(error)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"broaden_eV": 0.0}, "broaden_eV = 0.0; give 0.01 to 10"),
        ({"ecut_Ry": 1.0}, "ecut_Ry"),
        ({"para_prefix": "mpirun -n 8"}, "give a list"),
        ({"para_prefix": ["mpirun", 8]}, "give a list"),
        ({"system": {"nspin": 2}}, "give a table of texts"),
        ({"system": {"Degauss": "0.1"}}, "'Degauss', which nearedge writes"),
        ({"system": {"celldm(1)": "9.0"}}, "'celldm(1)', which nearedge writes"),
        ({"electrons": {"mixing_beta": "0.3 /"}}, "mixing_beta"),
        ({"system": {"nspin": " "}}, "nspin"),
        ({"pseudo_folder": "nowhere"}, "no such folder"),
    ],
)
def test_wrong_setting_is_refused(settings, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        engine_from_settings("xspectra", settings)


def test_recipe_settings_reach_the_input(xspectra_stand_in, tmp_path):
    engine = xspectra_stand_in(
        ecut_Ry=55.0,
        broaden_eV=0.7,
        system={"nspin": "2", "starting_magnetization(O)": "0.1"},
        electrons={"mixing_beta": "0.3"},
        para_prefix=["env"],
    )
    files = written(engine, MIXED, 0, tmp_path / "run")
    for line in ("ecutwfc = 55", "nspin = 2", "mixing_beta = 0.3"):
        assert f"  {line}\n" in files["ground/pw.in"]
        assert f"  {line}\n" in files["site-0/pw.in"]
    assert "  xgamma = 0.7\n" in files["site-0/xspectra-2.in"]


def test_provenance_leaves_out_how_the_programs_are_run():
    engine = XSpectra()
    elsewhere = replace(engine, pw="/opt/pw.x", para_prefix=["srun"], timeout_s=1.0)
    assert elsewhere.settings() == engine.settings()
    assert replace(engine, system={"nspin": "2"}).settings() != engine.settings()


def test_recipe_of_the_guide_makes_an_engine(tmp_path, monkeypatch):
    guide = (Path(__file__).parents[2] / "docs" / "engines" / "xspectra.md").read_text()
    [block] = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    recipe = tomllib.loads(block)["engine"]
    monkeypatch.chdir(tmp_path)
    Path(recipe["settings"]["pseudo_folder"]).mkdir()
    engine = engine_from_settings(recipe["name"], recipe["settings"])
    assert "Hubbard_U(Fe) = 4.0" in str(engine.settings()["system"])


QUICK = XSpectra(image_distance_A=2.0, ecut_Ry=40.0, kpoint_length_A=3.0, xanes_kpoint_length_A=6.0)


def _real(structure: Atoms, sites: list[int], folder: Path) -> list[SiteSpectrum]:
    found = QUICK.compute(structure, sites, "K", folder)
    spectra = [spectrum for spectrum in found.values() if isinstance(spectrum, SiteSpectrum)]
    assert len(spectra) == len(sites), found
    return spectra


@pytest.mark.slow
@pytest.mark.usefixtures("quantum_espresso")
def test_pseudopotentials_of_ld1_are_like_the_whole_atom(tmp_path):
    for name, text in LD1_INPUTS.items():
        (tmp_path / f"{name}.ld1.in").write_text(text)
        QUICK._make(tmp_path / f"{name}.ld1.in")
        log = (tmp_path / f"{name}.ld1.log").read_text()
        [*_, tested] = log.split("De AE-PS (Ry)")
        rows = re.findall(r"^ +\d \d +\w\w +1\(.*?\) +\S+ +\S+ +(\S+)", tested, re.MULTILINE)
        assert rows
        # Bound states are exact by construction, the unbound ones of O nearly so.
        assert np.abs(np.array(rows, dtype=float)).max() < 1e-3
        assert (tmp_path / name).is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("quantum_espresso")
def test_real_li2o_has_the_cross_section_of_oxygen(tmp_path):
    [spectrum] = _real(LITHIUM_OXIDE, [0], tmp_path / "run")
    relative_eV = spectrum.energy_eV - spectrum.edge_energy_eV
    above = (relative_eV > 5) & (relative_eV < 45)
    # Above the K edge, 2.0e4 cm^2/g (Henke, Gullikson, Davis, At. Data Nucl. Data Tables 54, 181
    # (1993)) times 16.0 u; the fine structure and this crude mesh take a quarter either way.
    assert spectrum.intensity[above].mean() == pytest.approx(5.3e-3, rel=0.25)
    below = relative_eV < -3
    assert spectrum.intensity[below].max() < 0.02 * spectrum.intensity.max()


@pytest.mark.slow
@pytest.mark.usefixtures("quantum_espresso")
def test_real_sites_that_are_alike_have_one_spectrum_and_one_edge(tmp_path):
    one, other = _real(LITHIUM_OXIDE.repeat((2, 1, 1)), [0, 3], tmp_path / "run")
    assert one.edge_energy_eV == pytest.approx(other.edge_energy_eV, abs=1e-3)
    np.testing.assert_allclose(one.intensity, other.intensity, atol=1e-3 * one.intensity.max())


@pytest.mark.slow
@pytest.mark.usefixtures("quantum_espresso")
def test_real_spectrum_does_not_depend_on_how_the_crystal_lies(tmp_path):
    structure = LITHIUM_OXIDE.copy()
    structure.positions[0] += [0.2, 0.0, 0.1]
    turned = structure.copy()
    turned.rotate(50.0, [1.0, 2.0, 3.0], rotate_cell=True)
    [one] = _real(structure, [0], tmp_path / "one")
    [other] = _real(turned, [0], tmp_path / "other")
    assert one.edge_energy_eV == pytest.approx(other.edge_energy_eV, abs=1e-3)
    np.testing.assert_allclose(one.intensity, other.intensity, atol=2e-3 * one.intensity.max())
