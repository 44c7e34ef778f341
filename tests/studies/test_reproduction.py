"""`reproduce`: both protocols on real spectra, its results file and its honesty."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearedge.library import import_library
from nearedge.studies import reproduce
from nearedge.studies.extent import EXTENTS, Extent
from nearedge.studies.scores import accuracy, macro_f1, medians, ranges, regression_scores
from nearedge.studies.tables import headline


@pytest.fixture(scope="module")
def ocean_library(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shared_data / "li3feo35_ocean_0K"
    out = tmp_path_factory.mktemp("library") / "ocean.zarr"
    import_library(folder / "POSCAR", [folder / "O_K_spectra.dat"], out, absorber="O")
    return out


@pytest.fixture(scope="module")
def tiny_study(ocean_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    tiny = Extent(
        seeds=(0, 1),
        effort=0.02,
        hidden=((4, 2), (8, 6)),
        examples=(1000, 5000),
        averaged=(1, 8),
        subsets=2,
    )
    EXTENTS["tiny"] = tiny
    try:
        reproduce(ocean_library, out, "tiny")
    finally:
        del EXTENTS["tiny"]
    return out


def _results(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text())


@pytest.mark.slow
def test_results_have_the_keys_of_the_contract(tiny_study: Path) -> None:
    results = _results(tiny_study)
    assert {"sites", "structures", "trajectories", "engine", "classes"} <= set(results["library"])
    assert {"train", "validation", "test"} <= set(results["classifier"]["pooled"])
    held_out = results["classifier"]["held_out"]
    assert {"mixtures_test", "sites_test", "macro_f1", "baselines"} <= set(held_out)
    assert 0 <= held_out["mixtures_baselines"]["paper"] <= 1
    methods = {"1-nearest-neighbour", "support vectors", "random forest", "gradient boosting"}
    methods |= {f"{name}, cumulative" for name in methods}
    everything = {"majority", "logistic", "logistic, cumulative", *methods}
    assert set(held_out["baselines"]) == everything | {"paper", "support vectors, near edge"}
    assert set(results["classifier"]["pooled"]["baselines"]) == everything
    pooled = results["regressor"]["pooled"]
    assert {"mse_test", "rmse_test", "mean_coordination", "constant_mse_test", "r2_test"} <= set(
        pooled
    )
    everything = {"mean", "ridge", "ridge, cumulative", *methods}
    assert set(results["regressor"]["held_out"]["baselines"]) == everything | {"paper"}
    assert set(pooled["baselines"]) == everything
    assert {"audit", "seconds", "versions", "seed"} <= set(results)


@pytest.mark.slow
def test_only_the_pooled_protocol_shares_raw_spectra(tiny_study: Path) -> None:
    audit = _results(tiny_study)["audit"]
    assert audit["pooled_shared_sites_fraction"] == 1.0
    assert audit["held_out_shared_sites_fraction"] == 0.0
    assert audit["held_out_shared_atoms_fraction"] == 0.0


@pytest.mark.slow
def test_every_figure_and_the_report_are_written(tiny_study: Path) -> None:
    names = {path.stem for path in (tiny_study / "figures").glob("*.png")}
    assert {"fig1_spectra", "fig2_networks", "fig3a_hidden_nodes", "fig3b_examples"} <= names
    assert {"fig4ab_learning", "fig4c_regression", "confusion", "reliability"} <= names
    assert {"averaged", "groups", "protocols"} <= names
    report = unescape((tiny_study / "report.html").read_text())
    assert all(line in report for line in _results(tiny_study)["headline"])


@pytest.mark.slow
def test_numbers_are_medians_within_their_ranges(tiny_study: Path) -> None:
    results = _results(tiny_study)
    low, high = results["ranges"]["classifier"]["held_out"]["sites_test"]
    assert low <= results["classifier"]["held_out"]["sites_test"] <= high
    assert results["seeds"] == [0, 1]


@pytest.mark.slow
def test_the_sweeps_are_kept_with_every_seed(tiny_study: Path) -> None:
    sweeps = _results(tiny_study)["sweeps"]
    assert sweeps["hidden"]["setting"] == ["4+2", "8+6"]
    assert np.shape(sweeps["averaged"]["held-out sites"]) == (2, 2)
    assert np.shape(sweeps["groups"]["nearedge"]) == np.shape(sweeps["groups"]["paper"])
    assert sweeps["groups"]["setting"][-1] > sweeps["groups"]["setting"][0]


def _with_baseline(value: float, extent: str = "default", averages: float = 0.8) -> dict[str, Any]:
    classifier = {
        "sites_test": 0.8,
        "baselines": {"paper": 0.7, "logistic": value},
        "mixtures_test": 0.85,
        "mixtures_baselines": {"paper": averages},
    }
    regressor = {"mse_test": 0.02, "constant_mse_test": 0.03, "baselines": {"ridge": 0.05}}
    pooled = {"test": 0.99, "baselines": {"logistic": 0.9}}
    return {
        "classifier": {"pooled": pooled, "held_out": classifier},
        "regressor": {
            "pooled": {"mse_test": 0.003, "baselines": {"ridge": 0.002}},
            "held_out": regressor,
        },
        "group_by": "atom",
        "extent": extent,
    }


def test_a_baseline_that_wins_is_in_the_first_line() -> None:
    assert "beaten by logistic (90.0%)" in headline(_with_baseline(0.9))[0]


def test_the_papers_network_winning_on_averages_is_said_before_what_nearedge_is_good_at() -> None:
    [first, *_] = headline(_with_baseline(0.75, averages=0.9))
    assert first == (
        "Held-out accuracy on averages of one environment: nearedge (85.0%) is beaten by the "
        "paper's network (90.0%)."
    )


def test_no_baseline_is_said_to_win_where_none_does() -> None:
    assert not any(
        "nearedge" in line and "beaten" in line for line in headline(_with_baseline(0.75))
    )


def test_a_baseline_that_beats_the_papers_network_pooled_is_said_too() -> None:
    lines = headline(_with_baseline(0.75))
    assert lines[-1].endswith("the paper's network (0.0030) is beaten by ridge (0.0020).")


def test_a_quick_study_says_that_it_is_one_first() -> None:
    assert "not for quoting" in headline(_with_baseline(0.9, "quick"))[0]


def test_accuracy_and_macro_f1_of_a_known_case() -> None:
    true = np.array(["a", "a", "a", "b"])
    predicted = np.array(["a", "a", "b", "b"])
    assert accuracy(predicted, true) == 0.75
    assert macro_f1(predicted, true) == pytest.approx((0.8 + 2 / 3) / 2)


def test_constant_predictor_has_r2_of_zero_or_less() -> None:
    true = np.array([1.0, 2.0, 4.0])
    scores = regression_scores(np.full(3, 2.0), true, training_mean=2.0)
    assert scores["mse_test"] == scores["constant_mse_test"]
    assert scores["r2_test"] <= 0


def test_numbers_that_are_all_alike_have_no_r2() -> None:
    scores = regression_scores(np.array([2.0, 2.5]), np.full(2, 2.0), training_mean=2.0)
    assert scores["r2_test"] is None
    assert scores["mse_test"] == pytest.approx(0.125)
    assert medians([scores, scores])["r2_test"] is None
    assert ranges([scores, scores])["r2_test"] is None


def test_medians_and_ranges_go_leaf_by_leaf() -> None:
    trees = [{"a": {"b": 1.0}, "c": 5.0}, {"a": {"b": 3.0}, "c": 4.0}, {"a": {"b": 9.0}, "c": 6.0}]
    assert medians(trees) == {"a": {"b": 3.0}, "c": 5.0}
    assert ranges(trees) == {"a": {"b": [1.0, 9.0]}, "c": [4.0, 6.0]}
