"""The journal: every finished site survives, whatever ends the build."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from nearedge.engines import SiteSpectrum
from nearedge.engines.feff import Feff
from nearedge.errors import EngineError, NearedgeError
from nearedge.library.journal import Journal, site_keys


def spectrum(seed: int) -> SiteSpectrum:
    rng = np.random.default_rng(seed)
    return SiteSpectrum(np.cumsum(rng.random(50)) + 500.0, rng.random(50), 530.0 + rng.random())


def same(one: SiteSpectrum, other: SiteSpectrum) -> bool:
    return (
        np.array_equal(one.energy_eV, other.energy_eV)
        and np.array_equal(one.intensity, other.intensity)
        and one.edge_energy_eV == other.edge_energy_eV
    )


def test_spectra_come_back_to_the_last_bit(tmp_path):
    with Journal(tmp_path / "journal.jsonl") as journal:
        for n in range(3):
            journal.record(f"k{n}", spectrum(n), 1.5)
    with Journal(tmp_path / "journal.jsonl") as journal:
        assert all(same(journal.done[f"k{n}"], spectrum(n)) for n in range(3))
        assert journal.seconds == {"k0": 1.5, "k1": 1.5, "k2": 1.5}


def test_later_success_clears_a_failure(tmp_path):
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.record("k", EngineError("no luck"), 1.0)
    with Journal(tmp_path / "journal.jsonl") as journal:
        assert journal.failed == {"k": "no luck"}
        journal.record("k", spectrum(0), 1.0)
    with Journal(tmp_path / "journal.jsonl") as journal:
        assert (list(journal.done), journal.failed) == (["k"], {})


def test_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with (
        pytest.raises(
            NearedgeError, match=r"cannot lock files \(No locks available\).*another --out"
        ),
        Journal(tmp_path / "journal.jsonl"),
    ):
        pass


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_line_cut_anywhere_costs_only_itself(cut, tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.record("a", spectrum(0), 1.0)
        journal.record("b", spectrum(1), 1.0)
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(path) as journal:
        assert list(journal.done) == ["a"]
        journal.record("b", spectrum(1), 1.0)
    with Journal(path) as journal:
        assert list(journal.done) == ["a", "b"]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"3\n",
        b'"text"\n',
        b"\xff\xfe\n",
        b'{"key": "x", "seconds": null, "error": "e"}\n',
        b'{"key": "x", "seconds": 1}\n',
        b'{"key": "x", "seconds": 1, "energy_eV": 5, "intensity": 5, "edge_energy_eV": 5}\n',
        b'{"key": "x", "seconds": 1, "energy_eV": "AAA", "intensity": "", "edge_energy_eV": 5}\n',
        b'{"key": "x", "seconds": 1, "energy_eV": "", "intensity": "", "edge_energy_eV": 5}\n',
    ],
)
def test_damaged_line_is_passed_over(line, tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.record("a", spectrum(0), 1.0)
    whole = path.read_bytes()
    path.write_bytes(whole + line + whole.replace(b'"a"', b'"b"'))
    with Journal(path) as journal:
        assert list(journal.done) == ["a", "b"]
        assert journal.failed == {}
        assert list(journal.seconds) == ["a", "b"]


def test_second_process_is_refused_until_the_first_ends(tmp_path):
    path = tmp_path / "journal.jsonl"
    code = f"""
import sys, pathlib
from nearedge.errors import NearedgeError
from nearedge.library.journal import Journal
try:
    Journal(pathlib.Path({str(path)!r})).__enter__()
except NearedgeError as error:
    sys.exit(str(error))
"""

    def other() -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

    with Journal(path) as journal:
        journal.record("a", spectrum(0), 1.0)
        refused = other()
        assert refused.returncode == 1
        assert "another build is writing there; wait for it" in refused.stderr
    assert other().returncode == 0
    with Journal(path) as journal:
        assert list(journal.done) == ["a"]


def test_full_disk_is_a_clear_error_and_loses_nothing(tmp_path):
    """The operating system itself refuses to write on, in a process of its own."""
    path = tmp_path / "journal.jsonl"
    code = f"""
import pathlib, resource, sys
import numpy as np
from nearedge.engines import SiteSpectrum
from nearedge.errors import NearedgeError
from nearedge.library.journal import Journal
made = SiteSpectrum(np.arange(50.0), np.ones(50), 5.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
try:
    with Journal(pathlib.Path({str(path)!r})) as journal:
        for n in range(10):
            journal.record(str(n), made, 1.0)
except NearedgeError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot write (File too large); everything up to here is kept, make room" in done.stderr
    assert path.read_bytes().endswith(b"\n")
    with Journal(path) as journal:
        assert list(journal.done) == ["0", "1", "2"]


def test_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(NearedgeError, match=r"journal.jsonl: cannot write \("),
        Journal(tmp_path / "file" / "journal.jsonl"),
    ):
        pass


def test_lock_ends_with_the_build(tmp_path):
    opened = []

    def again() -> None:
        with Journal(tmp_path / "journal.jsonl"):
            opened.append(True)

    with Journal(tmp_path / "journal.jsonl"):
        pass
    thread = threading.Thread(target=again)
    thread.start()
    thread.join()
    assert opened == [True]


STRUCTURE = bulk("MgO", "rocksalt", a=4.21)


def moved() -> Atoms:
    other = STRUCTURE.copy()
    other.positions[0, 0] += 1e-12
    return other


def stretched() -> Atoms:
    other = STRUCTURE.copy()
    other.set_cell(other.cell.array * (1 + 1e-12))
    return other


def opened() -> Atoms:
    other = STRUCTURE.copy()
    other.pbc = [True, True, False]
    return other


def exchanged() -> Atoms:
    other = STRUCTURE.copy()
    other.symbols[0] = "Ca"
    return other


@pytest.mark.parametrize("other", [moved, stretched, opened, exchanged])
def test_any_change_of_the_atoms_gives_another_key(other):
    assert site_keys(STRUCTURE, [1], Feff(), "K")[1] != site_keys(other(), [1], Feff(), "K")[1]


def test_key_depends_on_site_edge_and_settings_but_not_on_names_or_patience():
    key = site_keys(STRUCTURE, [1], Feff(), "K")[1]
    named = STRUCTURE.copy()
    named.info |= {"trajectory_id": "x", "snapshot_id": 3}
    assert site_keys(named, [0, 1], Feff(), "K")[1] == key
    assert site_keys(STRUCTURE, [1], Feff(timeout_s=5.0), "K")[1] == key
    others = [
        site_keys(STRUCTURE, [0], Feff(), "K")[0],
        site_keys(STRUCTURE, [1], Feff(), "L3")[1],
        site_keys(STRUCTURE, [1], Feff(scf_radius_A=3.0), "K")[1],
    ]
    assert key not in others
    assert len(set(others)) == 3


def test_key_is_the_one_that_earlier_builds_wrote(monkeypatch):
    # A journal may hold days of work; a key that changes throws them away.
    monkeypatch.setattr(Feff, "version", lambda self: "FEFF 10.0.0 (feff10-rs 0.2.4)")
    structure = Atoms("MgO", [[0, 0, 0], [0, 0, 2.0]], cell=[4.0, 4.0, 4.0], pbc=True)
    assert site_keys(structure, [1], Feff(), "K")[1] == "0a5dcbb46f9810d7d81feb2539445b23"
