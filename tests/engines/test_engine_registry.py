"""Engines by name: nearedge's own and those of other packages, with settings that are checked."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nearedge.engines import SiteSpectrum, engine_from_settings, engine_names
from nearedge.errors import EngineError, NearedgeError, UsageError


def test_engine_of_another_package_is_found_by_its_entry_point():
    assert {"feff", "toy", "toy-structure"} <= set(engine_names())
    assert engine_from_settings("toy", {"reach_A": 2.0}).settings() == {"reach_A": 2.0}


def test_unknown_engine_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="unknown engine 'fef'; did you mean 'feff'"):
        engine_from_settings("fef", {})


def test_unknown_setting_is_refused_with_a_suggestion():
    with pytest.raises(
        UsageError, match="'feff' has no setting 'scf_radius'; did you mean 'scf_radius_A'"
    ):
        engine_from_settings("feff", {"scf_radius": 3.0})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("scf_radius_A", "3", "scf_radius_A = '3'; give a number"),
        ("scf_radius_A", True, "scf_radius_A = True; give a number"),
        ("scf_iterations", 2.5, "scf_iterations = 2.5; give a whole number"),
        ("scf_iterations", True, "scf_iterations = True; give a whole number"),
        ("core_hole", 1, "core_hole = 1; give a text"),
        ("lmax", [2], "give a whole number"),
    ],
)
def test_setting_of_the_wrong_kind_is_refused(key, value, words):
    with pytest.raises(UsageError, match=f"engine 'feff': .*{words}"):
        engine_from_settings("feff", {key: value})


def test_whole_number_is_the_same_setting_as_the_decimal_one():
    whole = engine_from_settings("feff", {"scf_radius_A": 3})
    decimal = engine_from_settings("feff", {"scf_radius_A": 3.0})
    assert str(whole.settings()) == str(decimal.settings())


def broken_package(folder, name: str, target: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[nearedge.engines]\n{target}\n")


def test_engine_that_cannot_be_imported_says_so(tmp_path, monkeypatch):
    broken_package(tmp_path, "halfinstalled", "half = no_such_module:Half")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NearedgeError, match="'half' cannot be loaded from no_such_module:Half"):
        engine_from_settings("half", {})


def test_other_packages_cannot_take_the_name_of_an_own_engine(tmp_path, monkeypatch):
    broken_package(tmp_path, "impostor", "feff = no_such_module:Feff")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert engine_from_settings("feff", {}).name == "feff"


def test_setting_without_a_default_is_asked_for(tmp_path, monkeypatch):
    (tmp_path / "needy_engine.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Needy:\n"
        "    program: str\n    name = 'needy'\n    per = 'site'\n    native_broadening = ''\n"
        "    zero_eV = None\n"
        "    def version(self): return '1'\n"
        "    def settings(self): return {}\n"
        "    def compute(self, structure, sites, edge, folder): return {}\n"
    )
    broken_package(tmp_path, "needy", "needy = needy_engine:Needy")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="'needy' needs the setting 'program'"):
        engine_from_settings("needy", {})
    assert engine_from_settings("needy", {"program": "x"}).name == "needy"


def test_conformance_kit_needs_no_test_framework():
    code = "import sys, nearedge.engines.conformance; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


AXIS = np.arange(530.0, 560.0)


@pytest.mark.parametrize(
    ("energy_eV", "intensity", "edge", "words"),
    [
        (AXIS[::-1], np.ones(30), 535.0, "energies do not increase"),
        (np.full(30, 530.0), np.ones(30), 535.0, "energies do not increase"),
        (np.full(30, np.nan), np.ones(30), 535.0, "NaN or infinite"),
        (AXIS, np.full(30, np.inf), 535.0, "NaN or infinite"),
        (AXIS, np.ones(30), float("nan"), "edge energy is not a finite number"),
        (AXIS, np.linspace(-1, 1, 30), 535.0, r"negative intensity \(-1 at 530.00 eV\)"),
        (AXIS[:1], np.ones(1), 535.0, "at least 2 numbers"),
    ],
)
def test_spectrum_that_cannot_be_one_is_refused(energy_eV, intensity, edge, words):
    with pytest.raises(EngineError, match=words):
        SiteSpectrum(energy_eV, intensity, edge)
