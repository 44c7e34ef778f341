"""Windows: a method on another window keeps its spacing, and windows share everything else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nearedge.data import embedded_library
from nearedge.library import open_library
from nearedge.library.schema import LIBRARY_AXIS, site_dataset
from nearedge.mixtures import load_sites
from nearedge.models.method import DEFAULT
from nearedge.spectra import EnergyGrid
from nearedge.studies import assessment

SCHEME = {
    "name": "distances",
    "absorber": "Fe",
    "neighbours": {"elements": ["O"], "cutoff_A": 2.6},
    "classes": [{"label": "4 O", "coordination": 4}, {"label": "6 O", "coordination": 6}],
}


def library(scheme=SCHEME, **more):
    sites = 4
    columns = {
        "intensity": np.random.default_rng(0).random((sites, LIBRARY_AXIS.points)),
        "environment": ["4 O", "6 O"] * 2,
        "coordination": [4, 6] * 2,
        "absorber": ["Fe"] * sites,
        "edge": ["K"] * sites,
        "structure_id": list("aabb"),
        "trajectory_id": list("aabb"),
        "snapshot_id": [0] * sites,
        "atom_index": [0, 1] * 2,
        "temperature_K": [np.nan] * sites,
        "core_level_shift_eV": [0.0] * sites,
    }
    words = dict.fromkeys(
        ("engine", "engine_version", "engine_settings_hash", "energy_zero", "licence", "recipe",
         "native_broadening"), "x",
    )  # fmt: skip
    attributes = {"label_scheme": scheme, "engine_settings": {}, **words}
    return site_dataset(columns | more, attributes)


def test_a_method_on_another_window_keeps_its_spacing():
    other = DEFAULT.within((-1.2, 11.4))
    assert other.grid == EnergyGrid(-1.2, 11.4, 64)
    assert other.grid.step_eV == pytest.approx(DEFAULT.grid.step_eV)
    assert other.near_edge_points == (0, 64)
    assert other.classifier == DEFAULT.classifier


def test_several_windows_are_compared_with_the_same_folds_and_seed(monkeypatch, tmp_path):
    asked = []

    def stand_in(library, method, **given):
        asked.append(given)
        window = [method.grid.start_eV, method.grid.stop_eV]
        held_out = dict.fromkeys(
            ("sites_test", "macro_f1", "coverage", "mean_set_size", "abstained", "mse_test",
             "r2_test", "interval_coverage"), window[0],
        )  # fmt: skip
        figures = {
            "classifier": {"held_out": held_out},
            "regressor": {"held_out": held_out},
            "window_eV": window,
        }
        return SimpleNamespace(figures=figures)

    class Opened:
        def load(self):
            return library()

    monkeypatch.setattr(assessment, "open_library", lambda path: Opened())
    monkeypatch.setattr(assessment, "assess_library", stand_in)
    figures = assessment.assess(tmp_path, seed=3, folds=2, windows=[(-5.0, 25.0), (-1.0, 11.0)])
    assert [one["window_eV"] for one in figures["windows"]] == [[-5.0, 25.0], [-1.0, 11.0]]
    assert [one["macro_f1"] for one in figures["windows"]] == [-5.0, -1.0]
    assert [(given["seed"], given["folds"]) for given in asked] == [(3, 2)] * 2
    assert "windows" not in assessment.assess(tmp_path, windows=[(-1.0, 11.0)])


def test_a_target_is_what_sites_are_averaged_by():
    grid = EnergyGrid(-5.0, 25.0, 151)
    assert load_sites(library(), grid, "atom").coordination.tolist() == [4, 6, 4, 6]
    scheme = SCHEME | {"target": {"quantity": "mean distance"}}
    with_target = library(scheme, target=[1.9, 2.1, 1.8, 2.0])
    assert with_target["target"].attrs["units"] == "Å"
    assert load_sites(with_target, grid, "atom").coordination.tolist() == pytest.approx(
        [1.9, 2.1, 1.8, 2.0]
    )


def test_all_of_the_window_is_near_edge_unless_its_reach_is_known() -> None:
    metal = Path(__file__).parents[2] / "examples" / "many-compounds" / "V.zarr.zip"
    assert assessment.method_for(open_library(embedded_library())).near_edge_eV == (-5.0, 8.0)
    assert assessment.method_for(open_library(metal)).near_edge_eV == (-5.0, 25.0)
