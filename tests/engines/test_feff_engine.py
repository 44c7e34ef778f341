"""FEFF10: what goes in, what comes out, and its own failures in words one can act on."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import feff10
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from nearedge.engines.base import SiteSpectrum
from nearedge.engines.feff import Feff, read_result
from nearedge.engines.feff_log import complaint
from nearedge.errors import EngineError, UsageError
from nearedge.spectra import is_near_edge

SMALL = Feff(scf_radius_A=2.2, fms_radius_A=2.2, cluster_radius_A=2.2, lmax=1)
MOLECULE = Atoms("LiF", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.6]])


@pytest.fixture(scope="module")
def fluorine(tmp_path_factory):
    """A real run of FEFF: fluorine in the molecule LiF."""
    folder = tmp_path_factory.mktemp("feff")
    [result] = SMALL.compute(MOLECULE, [1], "K", folder).values()
    return result, folder / "site-1"


def test_real_run_gives_the_edge_where_the_element_has_it(fluorine):
    spectrum, _ = fluorine
    assert is_near_edge(spectrum.energy_eV, "F", "K")
    first_eV, last_eV = spectrum.energy_eV[[0, -1]] - spectrum.edge_energy_eV
    assert (first_eV, last_eV) == pytest.approx(SMALL.covers_eV, abs=0.05)


def test_edge_is_the_fermi_level_of_the_same_run(fluorine):
    spectrum, work = fluorine
    omega, e, k = np.loadtxt(work / "xmu.dat", usecols=(0, 1, 2)).T
    header = (work / "xmu.dat").read_text().split("Mu=")[1]
    fermi_level_eV = float(header.split("eV")[0])
    at_fermi_level = np.argmin(np.abs(k))
    assert e[at_fermi_level] == pytest.approx(fermi_level_eV, abs=0.005)
    assert spectrum.edge_energy_eV == pytest.approx(omega[at_fermi_level], abs=1e-6)


def test_scale_is_the_cross_section_per_atom(fluorine):
    spectrum, _ = fluorine
    # 25 eV above its K edge an F atom absorbs about 0.4 Mb = 0.004 A^2 (Henke, Gullikson, Davis,
    # At. Data Nucl. Data Tables 54, 181 (1993)).
    assert spectrum.intensity[-1] == pytest.approx(0.004, rel=0.5)


def test_published_xmu_keeps_its_energies(shared_data, tmp_path):
    published = shared_data / "feff" / "CoO_wurtzite_O_K" / "xmu.dat"
    shutil.copy(published, tmp_path / "xmu.dat")
    spectrum = read_result(tmp_path)
    omega, e, k, mu = np.loadtxt(published, usecols=(0, 1, 2, 3)).T
    np.testing.assert_array_equal(spectrum.energy_eV, omega)
    # Both scales of FEFF, omega and e, agree on where the Fermi level is: e = Mu there.
    assert spectrum.edge_energy_eV - omega[0] == pytest.approx(-11.43 - e[0], abs=0.01)
    assert spectrum.edge_energy_eV == omega[np.flatnonzero(k == 0)[0]]
    np.testing.assert_allclose(spectrum.intensity / spectrum.intensity[-1], mu / mu[-1], rtol=1e-6)


def test_default_input_is_the_one_the_libraries_were_made_with():
    text = Feff().input_text(bulk("MgO", "rocksalt", a=4.21), 1, "K")
    assert text.splitlines()[:17] == [
        "TITLE MgO, atom 1 (O)",
        "EDGE K",
        "S02 1.0",
        "CONTROL 1 1 1 1 1 1",
        "PRINT 0 0 0 0 0 0",
        "COREHOLE FSR",
        "SCF 2.8 0 30 0.3 1",
        "FMS 5.0 0",
        "EXCHANGE 0 0.0 0.0",
        "XANES 2.8 0.05 0.1",
        "EGRID",
        "e_grid -7 -1 1.0",
        "e_grid -0.8 6 0.2",
        "e_grid 6.3 16 0.3",
        "e_grid 16.6 28 0.6",
        "POTENTIALS",
        "0 8 O 2 2 0.001",
    ]
    assert dict(Feff().settings()) == {
        "scf_radius_A": 2.8,
        "fms_radius_A": 5.0,
        "cluster_radius_A": 6.5,
        "scf_iterations": 30,
        "scf_mixing": 0.3,
        "core_hole": "FSR",
        "lmax": 2,
    }


def test_no_iteration_is_no_card():
    # FEFF would take 0 iterations on the card for its default of 30.
    text = Feff(scf_iterations=0).input_text(bulk("MgO", "rocksalt", a=4.21), 1, "K")
    assert "SCF" not in text


def atoms_of(text: str) -> np.ndarray:
    return np.array([line.split() for line in text.split("ATOMS\n")[1].splitlines()[:-1]], float)


def test_cluster_holds_every_periodic_image_within_its_radius():
    rows = atoms_of(Feff().input_text(bulk("MgO", "rocksalt", a=4.21), 1, "K"))
    distance_A = np.linalg.norm(rows[:, :3], axis=1)
    assert rows[0].tolist() == [0, 0, 0, 0]
    assert distance_A.max() <= 6.5
    # Shells of rocksalt: 6 Mg, 12 O, 8 Mg, 6 O, 24 Mg, 24 O, 12 O, 30 Mg, ... up to 3.09 a/2.
    counts = np.unique(np.round(distance_A**2 / 2.105**2).astype(int), return_counts=True)
    assert dict(zip(*map(list, counts), strict=True)) == {
        0: 1, 1: 6, 2: 12, 3: 8, 4: 6, 5: 24, 6: 24, 8: 12, 9: 30,
    }  # fmt: skip
    # Mg, potential 1, stands at odd multiples.
    odd = np.round(distance_A**2 / 2.105**2).astype(int) % 2 == 1
    np.testing.assert_array_equal(rows[1:, 3] == 1, odd[1:])


def test_atoms_at_equal_distance_have_a_stable_order():
    structure = bulk("MgO", "rocksalt", a=4.21, cubic=True)
    shaken = structure.copy()
    shaken.positions += 1e-9 * np.random.default_rng(0).normal(size=shaken.positions.shape)
    rows, others = (atoms_of(Feff().input_text(s, 1, "K")) for s in (structure, shaken))
    np.testing.assert_allclose(rows, others, atol=1e-6)


def test_element_of_a_lone_absorber_is_no_scatterer():
    text = SMALL.input_text(MOLECULE, 1, "K")
    potentials = text.split("POTENTIALS\n")[1].split("ATOMS")[0].splitlines()
    assert [line.split()[1] for line in potentials] == ["9", "3"]


def test_line_break_in_a_name_is_no_card():
    structure = MOLECULE.copy()
    structure.info |= {"trajectory_id": "a\nEND", "snapshot_id": 0}
    assert SMALL.input_text(structure, 1, "K").splitlines()[0] == (
        "TITLE a END snapshot 0, atom 1 (F)"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scf_iterations": -1}, "scf_iterations = -1; give 0 to 100"),
        ({"scf_mixing": 0.9}, "scf_mixing = 0.9; give 0.001 to 0.5"),
        ({"lmax": 9}, "lmax = 9"),
        ({"timeout_s": float("nan")}, "timeout_s = nan"),
        ({"scf_radius_A": -1.0}, "scf_radius_A = -1.0"),
        ({"core_hole": "XYZ"}, "core_hole = 'XYZ'; give one of FSR, RPA, NONE"),
        ({"fms_radius_A": 7.0}, "cluster_radius_A = 6.5 is smaller"),
    ],
)
def test_setting_that_feff_would_replace_silently_is_refused(settings, words):
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        Feff(**settings)


def failure(engine, structure, site, folder, edge="K") -> str:
    [result] = engine.compute(structure, [site], edge, folder).values()
    assert isinstance(result, EngineError)
    assert "\n" not in str(result)
    return str(result)


def test_unknown_edge_is_refused_where_feff_would_compute_the_k_edge(tmp_path):
    message = failure(SMALL, MOLECULE, 1, tmp_path, edge="Q9")
    assert message.startswith("FEFF, LiF, atom 1 (F): no edge 'Q9'; give one of K, L1")


def test_site_without_neighbours_is_refused(tmp_path):
    apart = Atoms("LiF", [[0.0, 0.0, 0.0], [0.0, 0.0, 2.6]])
    assert "no atom within scf_radius_A = 2.2" in failure(SMALL, apart, 1, tmp_path)


def test_one_failure_leaves_the_other_sites_alone(tmp_path):
    structure = Atoms("LiF", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.6]]) + Atoms("F", [[9.0, 9.0, 9.0]])
    results = SMALL.compute(structure, [2, 1], "K", tmp_path)
    assert list(results) == [2, 1]
    assert "atom 2 (F): no atom within scf_radius_A" in str(results[2])
    assert isinstance(results[1], SiteSpectrum)


@pytest.mark.slow
def test_smaller_arrays_for_the_potentials_leave_the_same_bytes(tmp_path):
    rock_salt = bulk("LiF", "rocksalt", a=4.02)
    engine = replace(SMALL, scf_radius_A=2.1, fms_radius_A=3.0, cluster_radius_A=5.0)
    engine.compute(rock_salt, [1], "K", tmp_path)
    work, whole = tmp_path / "site-1", tmp_path / "whole"
    # 6 neighbours within 2.1 Å, 12 more within 3.0 Å.
    assert (work / ".dimensions.dat").read_text().split()[0] == "19"
    assert "cluster of    7 atoms" in (work / "log1.dat").read_text()
    whole.mkdir()
    shutil.copy(work / "feff.inp", whole)
    feff10.run(str(whole / "feff.inp"), str(whole))
    assert (work / "xmu.dat").read_bytes() == (whole / "xmu.dat").read_bytes()


@pytest.mark.slow
def test_spectrum_of_unconverged_potentials_is_an_error(tmp_path):
    # FEFF itself writes xmu.dat all the same, and ends with success.
    message = failure(replace(SMALL, scf_iterations=2), MOLECULE, 1, tmp_path)
    assert (tmp_path / "site-1" / "xmu.dat").exists()
    assert message == (
        "FEFF, LiF, atom 1 (F): Convergence not reached; ran out of iterations; "
        "raise scf_iterations or lower scf_mixing"
    )


@pytest.mark.slow
def test_potentials_of_free_atoms_need_no_convergence(tmp_path):
    [result] = replace(SMALL, scf_iterations=0).compute(MOLECULE, [1], "K", tmp_path).values()
    assert isinstance(result, SiteSpectrum)
    assert result.intensity.max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("moved", ["onto the absorber", "onto another atom"])
def test_overlapping_atoms_are_named_with_their_distance(moved, tmp_path):
    structure = bulk("MgO", "rocksalt", a=4.21).repeat(2)
    target = 3 if moved == "onto the absorber" else 2
    structure.positions[0] = structure.positions[target] + [0.3, 0.0, 0.0]
    message = failure(replace(SMALL, cluster_radius_A=3.2), structure, 3, tmp_path)
    assert message.startswith("FEFF, Mg8O8, atom 3 (O): TWO ATOMS VERY CLOSE TOGETHER. CHECK")
    assert "distance 0.30000E+00 Angstrom; move these atoms apart" in message


@pytest.mark.slow
def test_timeout_is_named_with_its_stage(tmp_path):
    message = failure(Feff(timeout_s=0.5), bulk("MgO", "rocksalt", a=4.21), 1, tmp_path)
    assert re.search(r"stage '\w+' failed: worker exited with signal: 24 \(SIGXCPU\)", message)
    assert message.endswith("more than timeout_s of processor time; raise timeout_s")


def test_time_spent_waiting_is_no_timeout(tmp_path, monkeypatch):
    monkeypatch.setattr("nearedge.engines.feff._RUN_STAGES", "import time; time.sleep(1.2)")
    assert "timeout_s" not in failure(replace(SMALL, timeout_s=0.1), MOLECULE, 1, tmp_path)


@pytest.mark.parametrize(
    ("log", "code", "message"),
    [
        (
            "Calculating SCF potentials ...\n"
            "stage 'pot' failed: worker exited with signal: 24 (SIGXCPU) .feff.error: Starting "
            "FEFF9 module pot. If this message is still here after the module fini shes running, "
            "it must have crashed.",
            1,
            "stage 'pot' failed: worker exited with signal: 24 (SIGXCPU); it took more than "
            "timeout_s of processor time; raise timeout_s",
        ),
        (
            " FRNRM Could not integrate enough charge to reach required z.\n"
            " Atom type Z=           8  charge found=    7.36392117741786       r=   40.44\n"
            "Cannot determine Norman radius -- quitting.\nFRNRM-1\n1\n"
            "stage 'pot' failed (exit code: 1): worker exited with exit status: 1 .feff.error: "
            "Starting FEFF9 module pot.",
            1,
            "FRNRM Could not integrate enough charge to reach required z. Atom type Z= 8 charge "
            "found= 7.36392117741786 r= 40.44; too few neighbours or two atoms too close; look at "
            "the structure",
        ),
        (
            "Found bad counts.\n  Will repeat this iteration. \n"
            "Bad counts found repeatedly - pot will exit now.\n"
            "stage 'xsph' failed (exit code: 1): worker exited with exit status: 1",
            1,
            "Bad counts found repeatedly - pot will exit now; lower scf_mixing, or look at the "
            "structure",
        ),
        (
            "Muffin tin radii and interstitial parameters [bohr]:\n"
            "stage 'pot' failed: worker exited with signal: 9 (SIGKILL) .feff.error: Starting "
            "FEFF9 module pot.",
            1,
            "stage 'pot' failed: worker exited with signal: 9 (SIGKILL); the memory may be used "
            "up: use fewer workers or a smaller fms_radius_A",
        ),
        (
            "Done with module: FMS.\nMKGTR: a new trouble\n1\n"
            "stage 'mkgtr' failed (exit code: 1): worker exited with exit status: 1",
            1,
            "stopped with code 1: Done with module: FMS. MKGTR: a new trouble. stage 'mkgtr' "
            "failed; look at the structure",
        ),
        ("", -9, "stopped with code -9: no message; look at the structure"),
        (
            "Done with module: XAS spectra",
            0,
            "did not report that the potentials converged; raise scf_iterations",
        ),
    ],
)
def test_words_of_feff_come_with_what_to_do(log, code, message):
    assert complaint(log, code) == message


def test_bad_counts_that_feff_mends_itself_are_no_failure():
    log = (
        "Found bad counts.\n  Will repeat this iteration. \nConvergence reached in   12 iterations."
    )
    assert complaint(log, 0) is None


def test_full_disk_stops_the_build_and_is_not_a_failure_of_the_site(tmp_path, monkeypatch):
    monkeypatch.setattr("nearedge.engines.feff._RUN_STAGES", "raise OSError(28, 'No space left on "
                        "device')")  # fmt: skip
    with pytest.raises(OSError, match="No space left"):
        SMALL.compute(MOLECULE, [1], "K", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "wrote no spectrum"),
        ("# omega e k mu mu0 chi\n1 2 3\n", "xmu.dat"),
        ("\n".join(f"{520 + 0.1 * i:.1f} 1.0" for i in range(100)), "does not tell the Fermi"),
    ],
)
def test_damaged_result_is_an_error_of_the_site(content, words, tmp_path):
    if content is not None:
        (tmp_path / "xmu.dat").write_text(content)
    with pytest.raises(EngineError, match=words):
        read_result(tmp_path)


@pytest.fixture
def with_first_value(shared_data, tmp_path):
    """Write the published xmu.dat with another first value of mu."""

    def write(mu: str):
        lines = (shared_data / "feff/CoO_wurtzite_O_K/xmu.dat").read_text().splitlines()
        first = next(n for n, line in enumerate(lines) if not line.lstrip().startswith("#"))
        columns = lines[first].split()
        lines[first] = " ".join([*columns[:3], mu, *columns[4:]])
        (tmp_path / "xmu.dat").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


def test_negative_absorption_is_refused(with_first_value):
    with pytest.raises(EngineError, match="negative intensity"):
        read_result(with_first_value("-0.5"))


def test_noise_below_zero_is_taken_for_zero(with_first_value):
    assert read_result(with_first_value("-1e-6")).intensity[0] == 0.0
