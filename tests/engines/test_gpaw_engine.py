"""GPAW: what it is told, what is read back, and its failures; a stand-in gives recorded states.

The recorded states are GPAW's own, of the cell below on a coarse grid.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from nearedge.engines import SiteSpectrum, engine_from_settings
from nearedge.engines.gpaw import Gpaw
from nearedge.engines.gpaw_run import VARIABLE, find_python
from nearedge.engines.gpaw_spectrum import States, read_states, site_spectrum
from nearedge.errors import EngineError, UsageError

RECORDED = Path(__file__).parent / "data" / "gpaw_li2o"
CELL = Atoms(
    "OLi2O",
    [[0, 0, 0], [1.2, 1.2, 1.1], [-1.2, 1.2, 1.2], [2.4, 0.3, 2.3]],
    cell=[4.4, 4.5, 4.6],
    pbc=True,
)
FIXED = {
    "edge_energy_eV": 543.1,
    "core_level_factor": 1.0,
    "lifetime_eV": 0.2,
    "broadening_eV": 0.5,
    "broadening_slope": 0.0,
}

# Takes the place of the Python of GPAW's environment.
STAND_IN = """#!{python}
import os, pathlib, shutil, signal, subprocess, sys
mode = {mode!r}
if sys.argv[1] == "-c":
    if mode == "no gpaw":
        sys.exit("ModuleNotFoundError: No module named 'gpaw'")
    print("26.7.0")
    sys.exit()
folder = pathlib.Path(sys.argv[2])
print("     1.0 s  converged in 19 iterations", flush=True)
if mode == "no convergence":
    print("ERROR: KohnShamConvergenceError: Did not converge!  See text output for help.")
    sys.exit(1)
if mode == "no setup":
    print("ERROR: FileNotFoundError: Could not find required PAW dataset file 'O.xas.PBE'.\\nYou "
          "need to set the GPAW_SETUP_PATH environment variable")
    sys.exit(1)
if mode == "full":
    print("ERROR: OSError: [Errno 28] No space left on device")
    sys.exit(1)
if mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "hang":
    child = subprocess.Popen(["sleep", "600"])
    (folder / "child.pid").write_text(str(child.pid))
    child.wait()
content = pathlib.Path({recorded!r}, "states.npz").read_bytes()
if mode == "cut off":
    content = content[:2000]
if mode != "nothing":
    (folder / "states.npz").write_bytes(content)
"""


@pytest.fixture
def stand_in(tmp_path):
    def make(mode: str = "good") -> str:
        path = tmp_path / f"python-{mode.replace(' ', '-')}"
        text = STAND_IN.format(python=sys.executable, mode=mode, recorded=str(RECORDED))
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture(scope="module")
def states() -> States:
    return read_states(RECORDED, "")


def only_error(engine: Gpaw, tmp_path: Path) -> str:
    work = tmp_path / "work"
    work.mkdir()
    result = engine.compute(CELL, [3], "K", work)
    assert isinstance(result[3], EngineError)
    return str(result[3])


def test_every_site_gets_its_own_spectrum_in_the_order_asked_for(stand_in, tmp_path):
    result = Gpaw(python=stand_in()).compute(CELL, [3, 0], "K", tmp_path)
    assert list(result) == [3, 0]
    last, first = result[3], result[0]
    assert isinstance(last, SiteSpectrum)
    assert isinstance(first, SiteSpectrum)
    assert not np.allclose(last.intensity, first.intensity)
    found = read_states(RECORDED, "")
    above_core_eV = found.lowest_unoccupied_eV - found.core_potential_eV
    assert [first.edge_energy_eV, last.edge_energy_eV] == pytest.approx(above_core_eV.tolist())


def test_the_program_is_told_the_structure_and_only_its_own_elements(stand_in, tmp_path):
    engine = Gpaw(
        python=stand_in(),
        magnetic_moments={"Fe": 4.0, "O": 0.5},
        hubbard_eV={"Fe": 4.0, "O": 2.0},
        hubbard_states_eV={"Fe": 8.0},
    )
    engine.compute(CELL, [0], "K", tmp_path)
    told = json.loads((tmp_path / "run-O" / "job.json").read_text())
    assert told["numbers"] == CELL.numbers.tolist()
    np.testing.assert_array_equal(told["positions_A"], CELL.positions)
    np.testing.assert_array_equal(told["cell_A"], CELL.cell.array)
    assert told["magnetic_moments"] == [0.5, 0.0, 0.0, 0.5]
    assert told["hubbard_eV"] == {"O": 2.0}
    assert told["hubbard_states_eV"] == {}


def test_energies_above_the_core_level_do_not_depend_on_the_zero_of_the_potential(states):
    """A structure's electrostatic potential has no zero of its own; the difference has."""
    moved = replace(
        states,
        energy_eV=states.energy_eV + 3.0,
        fermi_eV=states.fermi_eV + 3.0,
        core_potential_eV=states.core_potential_eV + 3.0,
    )
    before, after = site_spectrum(states, 3, **FIXED), site_spectrum(moved, 3, **FIXED)
    np.testing.assert_allclose(after.energy_eV, before.energy_eV, atol=1e-9)
    # A level may fall on the other side of a grid point, which moves it by far less than the width.
    scale = before.intensity.max()
    np.testing.assert_allclose(after.intensity / scale, before.intensity / scale, atol=1e-3)


def test_a_deeper_core_level_moves_the_whole_spectrum_up(states):
    place = int(np.flatnonzero(states.absorbers == 0)[0])
    potential_eV = states.core_potential_eV.copy()
    potential_eV[place] -= 2.0
    before = site_spectrum(states, 0, **FIXED)
    after = site_spectrum(replace(states, core_potential_eV=potential_eV), 0, **FIXED)
    assert after.edge_energy_eV - before.edge_energy_eV == pytest.approx(2.0)
    np.testing.assert_allclose(after.energy_eV - before.energy_eV, 2.0, atol=1e-9)
    np.testing.assert_array_equal(after.intensity, before.intensity)


def test_intensity_adds_up_to_the_dipole_elements_of_the_free_states(states):
    """Broadening moves absorption but makes none: the area is the sum rule's."""
    states = replace(states, hole_eV=np.zeros_like(states.hole_eV))
    zero_eV = states.lowest_unoccupied_eV
    expected = 0.0
    for run, weight in enumerate(states.weights):
        level_eV = states.energy_eV[run]
        free = (level_eV > states.fermi_eV) & (level_eV < zero_eV + 25.0)
        amplitude = states.projection[run, 0][free] @ states.dipole_bohr.T
        strength = (np.abs(amplitude) ** 2).sum(axis=1) / 3
        # 4 pi^2 alpha bohr^2, in Å^2 (CODATA 2018).
        photon_eV = 543.1 + level_eV[free] - zero_eV
        expected += weight * 4 * np.pi**2 / 137.035999 * 0.529177**2 * (strength * photon_eV).sum()
    below_25_eV = replace(
        states, projection=states.projection * (states.energy_eV < zero_eV + 25.0)[:, None, :, None]
    )
    spectrum = site_spectrum(below_25_eV, int(states.absorbers[0]), **FIXED)
    area = np.trapezoid(spectrum.intensity, spectrum.energy_eV)
    assert area == pytest.approx(expected, rel=0.02)


def test_a_core_hole_draws_absorption_to_the_edge_and_keeps_its_sum(states):
    free = site_spectrum(replace(states, hole_eV=0 * states.hole_eV), 0, **FIXED)
    bound = site_spectrum(states, 0, **FIXED)
    near = free.energy_eV < free.edge_energy_eV + 5.0

    def share(spectrum):
        return spectrum.intensity[near].sum() / spectrum.intensity.sum()

    assert share(bound) > share(free)
    assert bound.intensity.sum() == pytest.approx(free.intensity.sum(), rel=0.1)


def test_no_hole_and_a_hole_without_a_field_are_the_same(states):
    nearly_none = replace(states, hole_eV=states.hole_eV * 1e-12)
    none = replace(states, hole_eV=states.hole_eV * 0.0)
    for site in (0, 3):
        first, second = (site_spectrum(s, site, **FIXED) for s in (none, nearly_none))
        scale = first.intensity.max()
        np.testing.assert_allclose(second.intensity / scale, first.intensity / scale, atol=0.01)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("no convergence", ["Did not converge!", "max_iterations"]),
        ("no setup", ["O.xas.PBE", "docs/engines/gpaw.md"]),
        ("killed", ["SIGKILL", "converged in 19 iterations"]),
        ("nothing", ["states.npz"]),
        ("cut off", ["states.npz", "not complete"]),
    ],
)
def test_failures_carry_site_and_the_programs_words(mode, words, stand_in, tmp_path):
    message = only_error(Gpaw(python=stand_in(mode)), tmp_path)
    assert message.startswith("GPAW, Li2O2, atom 3 (O): ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_timeout_ends_what_the_program_started(stand_in, tmp_path):
    message = only_error(Gpaw(python=stand_in("hang"), timeout_s=1.0), tmp_path)
    assert "timeout_s" in message
    child = int((tmp_path / "work" / "run-O" / "child.pid").read_text())
    deadline = time.monotonic() + 5.0
    while _is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_full_disk_stops_the_build(stand_in, tmp_path):
    with pytest.raises(OSError, match="No space left"):
        Gpaw(python=stand_in("full")).compute(CELL, [0], "K", tmp_path)


def test_a_missing_program_says_how_to_install_it(monkeypatch, tmp_path):
    assert "make gpaw" in only_error(Gpaw(python="no-such-python"), tmp_path)
    monkeypatch.setenv(VARIABLE, "no-such-python-either")
    with pytest.raises(EngineError, match="no-such-python-either"):
        find_python("")


def test_the_environment_variable_names_the_program(monkeypatch, stand_in):
    monkeypatch.setenv(VARIABLE, stand_in())
    assert find_python("") == stand_in()
    assert Gpaw().version() == "GPAW 26.7.0"


def test_a_python_without_gpaw_is_told_apart(stand_in):
    with pytest.raises(EngineError, match="No module named 'gpaw'"):
        Gpaw(python=stand_in("no gpaw")).version()


def test_only_k_edges(stand_in, tmp_path):
    [error] = Gpaw(python=stand_in()).compute(CELL, [0], "L3", tmp_path).values()
    assert "give K" in str(error)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"grid_spacing_A": 2.0}, "grid_spacing_A = 2.0"),
        ({"hubbard_eV": {"Fe": "4"}}, "hubbard_eV"),
        ({"hubbard_states_eV": {"Fe": 8.0}}, "add it there"),
        ({"hole_radius": 0.3}, "hole_radius_A"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises(UsageError, match=words):
        engine_from_settings("gpaw", settings)


def test_settings_that_only_run_the_program_are_no_provenance():
    assert Gpaw(python="a", timeout_s=5.0).settings() == Gpaw(python="b").settings()
    assert Gpaw(hubbard_eV={"Fe": 4.0}).settings() != Gpaw().settings()


def iron_oxide(folder: Path, **settings) -> tuple[SiteSpectrum, float]:
    """GPAW's own spectrum of the oxygen in ferromagnetic FeO, and the moment of its iron."""
    structure = bulk("FeO", "rocksalt", a=4.33)
    engine = Gpaw(
        grid_spacing_A=0.3,
        mesh_length_A=4.0,
        scf_mesh_length_A=4.0,
        density_tolerance=1e-3,
        magnetic_moments={"Fe": 4.0},
        hubbard_eV={"Fe": 4.0},
        **settings,
    )
    folder.mkdir()
    spectrum = engine.compute(structure, [1], "K", folder)[1]
    assert isinstance(spectrum, SiteSpectrum), spectrum
    with np.load(folder / "run-O" / "states.npz") as states:
        return spectrum, float(states["magnetic_moments"][0])


@pytest.mark.slow
def test_iron_oxide_is_of_high_spin_and_u_of_the_states_only_moves_its_peaks(gpaw, tmp_path):
    plain, moment = iron_oxide(tmp_path / "plain")
    # Iron of FeO: 3.3 (W. L. Roth, Phys. Rev. 110, 1333, 1958) to 4 Bohr magnetons (d6, S = 2).
    assert 3.3 < moment < 4.0
    same, _ = iron_oxide(tmp_path / "same", hubbard_states_eV={"Fe": 4.0})
    np.testing.assert_array_equal(same.intensity, plain.intensity)
    larger, unchanged = iron_oxide(tmp_path / "larger", hubbard_states_eV={"Fe": 8.0})
    assert unchanged == moment
    # It moves the empty d states of iron, but makes no absorption.
    assert np.abs(larger.intensity - plain.intensity).max() > 0.05 * plain.intensity.max()
    assert larger.intensity.sum() == pytest.approx(plain.intensity.sum(), rel=0.05)
