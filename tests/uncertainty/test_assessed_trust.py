"""What an assessment says of coverage is what was covered, in numbers, tables and the report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nearedge.studies.assessment import Assessment
from nearedge.studies.assessment_report import write_assessment
from nearedge.studies.scores import macro_f1
from nearedge.studies.trust import (
    check_statements,
    number_figures,
    range_by_groups,
    site_figures,
    surest,
)


@pytest.fixture(scope="module")
def known(make_answers):
    return make_answers(14, 40, 3)


@pytest.fixture(scope="module")
def trust(known):
    return check_statements(known)


def test_every_site_and_unit_is_looked_at_once(known, trust):
    assert len(trust.environment) == len(known.sites.group)
    assert len(trust.error) == len(known.units.group)


def test_coverage_is_the_share_of_sites_in_their_sets(trust):
    figures = site_figures(trust)
    held = [trust.in_set[row, code] for row, code in enumerate(trust.environment)]
    assert figures["coverage"] == pytest.approx(np.mean(held))
    low, high = figures["ranges"]["coverage"]
    assert low <= figures["coverage"] <= high
    assert figures["mean_set_size"] == pytest.approx(trust.in_set.sum() / len(held))
    assert sum(figures["set_sizes"].values()) == pytest.approx(1.0)
    assert figures["log_loss"]["calibrated"] < figures["log_loss"]["raw"]


def test_coverage_by_class_averages_to_the_whole(trust):
    by_class = site_figures(trust)["coverage_by_class"]
    counts = np.bincount(trust.environment)
    values = [by_class[label] for label in trust.classes]
    assert np.average(values, weights=counts) == pytest.approx(trust.covered.mean())


def test_answering_only_the_surest_raises_accuracy(trust):
    accuracy = surest(trust)
    assert accuracy[-1] == pytest.approx(trust.right.mean())
    assert accuracy[len(accuracy) // 3] > accuracy[-1]


def test_calibrated_scores_are_those_of_the_confusion(trust):
    figures = site_figures(trust)
    confusion = np.array(figures["confusion"])
    hits, said = np.diagonal(confusion), confusion.sum(axis=0) + confusion.sum(axis=1)
    assert figures["calibrated"]["accuracy"] == pytest.approx(hits.sum() / confusion.sum())
    assert figures["calibrated"]["macro_f1"] == pytest.approx(np.mean(2 * hits / said))


def test_the_range_of_the_macro_f1_holds_it_and_is_one_point_for_groups_that_are_alike(known):
    trust = check_statements(known)
    said = trust.calibrated.argmax(axis=1)
    low, high = site_figures(trust)["ranges"]["macro_f1"]
    assert low < macro_f1(said, trust.environment) < high
    alike = replace(trust, group=np.zeros(len(said), int))
    low, high = site_figures(alike)["ranges"]["macro_f1"]
    assert low == pytest.approx(macro_f1(said, trust.environment))
    assert high == pytest.approx(low)


def test_ranges_widen_when_groups_differ():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(15), 30)
    alike = rng.normal(size=450)
    apart = alike + rng.normal(size=15)[group]
    narrow, wide = range_by_groups(alike, group, 0), range_by_groups(apart, group, 0)
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_the_report_holds_figures_tables_and_all_numbers(known, trust, tmp_path):
    baselines = {"support vectors": 0.6, "paper": 0.5}
    held_out = {"sites_test": 0.7, "macro_f1": 0.6, "baselines": baselines}
    baseline = {"baselines": {"ridge": 0.025}}
    numbers = {"mse_test": 0.02, "constant_mse_test": 0.03, "r2_test": 0.33} | baseline
    figures = {
        "classifier": {"held_out": held_out | site_figures(trust)},
        "regressor": {"held_out": numbers | number_figures(trust)},
        "composition": {"held_out": {"nearedge": 0.05, "class means": 0.1}},
        "coverage_kind": "empirical",
        "group_by": "trajectory",
        "folds": 14,
        "sites": 560,
        "classes": dict(zip(trust.classes, np.bincount(trust.environment).tolist(), strict=True)),
        "seed": 0,
    }
    path = write_assessment(Assessment(figures, known, trust), tmp_path / "out")
    text = path.read_text(encoding="utf-8")
    assert f"{figures['classifier']['held_out']['coverage']:.1%}" in text
    assert "Coverage is empirical" in text
    assert "R2 0.33" in text
    assert f"{np.mean(trust.right):.1%}" in text, "of the answers after calibration"
    assert (tmp_path / "out" / "figures" / "trust.pdf").stat().st_size > 5000
    saved = json.loads((tmp_path / "out" / "assessment.json").read_text(encoding="utf-8"))
    assert saved["classifier"]["held_out"]["mean_set_size"] > 1
