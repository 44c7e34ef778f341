"""Sets, intervals and probabilities cover what they say, and travel with the model."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from nearedge.errors import UsageError
from nearedge.models import (
    Architecture,
    ClassifierEnsemble,
    RegressorEnsemble,
    fit_preprocessing,
    initial_parameters,
    load_model,
    save_model,
)
from nearedge.uncertainty import answer, calibrate, fit_distance, to_attachment

SPECTRA = np.random.default_rng(0).uniform(0.5, 2.0, size=(40, 7))
DISTANCE = fit_distance(SPECTRA)


def _coverages(make_answers, statement, groups=12, sites=40, repeats=60):
    """Share of right statements about one new group, per repeat."""
    shares = []
    for seed in range(repeats):
        everything = make_answers(groups + 1, sites, seed)
        known = everything.without_fold(groups)
        shares.append(statement(calibrate(known, DISTANCE), everything.only_fold(groups)))
    return np.array(shares)


def _at_least(shares, coverage):
    return shares.mean() >= coverage - 3 * shares.std() / len(shares) ** 0.5


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_hold_the_environment_of_sites_of_a_new_group(make_answers, coverage):
    def held(calibration, fresh):
        said = calibration.scaling.apply(fresh.probabilities)
        inside = calibration.sets.members(said, coverage)
        return inside[np.arange(len(inside)), fresh.environment].mean()

    assert _at_least(_coverages(make_answers, held), coverage)


def test_sets_of_a_frequent_class_hold_it_by_itself(make_answers):
    def held(calibration, fresh):
        inside = calibration.sets.members(calibration.scaling.apply(fresh.probabilities), 0.9)
        return inside[fresh.environment == 0, 0].mean()

    assert _at_least(_coverages(make_answers, held), 0.9)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_hold_the_number_of_a_new_group(make_answers, coverage):
    def held(calibration, fresh):
        half = calibration.intervals.half_width(fresh.distance, coverage)
        return np.mean(np.abs(fresh.predicted - fresh.true) <= half)

    shares = _coverages(make_answers, held)
    assert _at_least(shares, coverage)
    assert shares.mean() < coverage + 0.07


def test_intervals_are_narrow_for_averages_of_many_sites(make_answers):
    calibration = calibrate(make_answers(12, 80, 0), DISTANCE)
    site, average = calibration.intervals.half_width(np.array([1.0, 50**-0.5]), 0.9)
    assert average < 0.4 * site


def test_no_set_is_empty(make_answers):
    calibration = calibrate(make_answers(12, 40, 0), DISTANCE)
    drawn = np.random.default_rng(0).dirichlet(np.full(3, 0.3), size=500)
    for coverage in (0.1, 0.5, 0.9):
        inside = calibration.sets.members(drawn, coverage)
        assert inside[np.arange(500), drawn.argmax(axis=1)].all()


def test_calibrated_probabilities_are_right_as_often_as_they_say(make_answers):
    known, fresh = make_answers(30, 60, 0), make_answers(30, 60, 1)
    said = calibrate(known, DISTANCE).scaling.apply(fresh.probabilities)
    np.testing.assert_allclose(said.sum(axis=1), 1.0)
    right = said.argmax(axis=1) == fresh.environment
    assert said.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.04)
    assert fresh.probabilities.max(axis=1).mean() > right.mean() + 0.1, "was too sure before"


@pytest.mark.parametrize(
    ("groups", "group_by", "coverage", "kind"),
    [
        (9, "trajectory", 0.9, "conformal"),
        (8, "trajectory", 0.9, "empirical"),
        (9, "trajectory", 0.95, "empirical"),
        (50, "atom", 0.9, "empirical"),
    ],
)
def test_coverage_is_called_proven_only_with_enough_trajectories(
    make_answers, groups, group_by, coverage, kind
):
    calibration = calibrate(make_answers(groups, 10, 0, group_by), DISTANCE)
    assert calibration.coverage_kind(coverage) == kind


def _ensemble(kind, outputs, *classes):
    layers = tuple(
        (weight[None].astype(np.float32), bias[None].astype(np.float32))
        for weight, bias in initial_parameters(Architecture(7, (4,), outputs), 0)
    )
    return kind(layers, fit_preprocessing(SPECTRA, "area"), *classes)


@pytest.fixture
def folder(tmp_path, make_answers):
    known = make_answers(12, 20, 0)
    pair = {
        "classifier": _ensemble(ClassifierEnsemble, 3, np.array(known.classes)),
        "regressor": _ensemble(RegressorEnsemble, 1),
    }
    attachment = to_attachment(calibrate(known, DISTANCE))
    save_model(tmp_path / "model", pair, {}, "# Card\n", attachment)
    save_model(tmp_path / "plain", pair, {}, "# Card\n")
    return tmp_path


def test_a_saved_calibration_answers_as_before(folder, make_answers):
    loaded = load_model(folder / "model")
    fresh = replace(loaded, calibration=to_attachment(calibrate(make_answers(12, 20, 0), DISTANCE)))
    saved, made = answer(loaded, SPECTRA), answer(fresh, SPECTRA)
    for name in ("probabilities", "in_set", "mean", "low", "high"):
        np.testing.assert_array_equal(getattr(saved, name), getattr(made, name))
    assert (saved.coverage, saved.coverage_kind) == (0.9, "conformal")
    assert ((saved.low <= saved.mean) & (saved.mean <= saved.high)).all()
    assert (saved.high > 0).all()


def test_a_model_without_calibration_answers_without_sets(folder):
    answers = answer(load_model(folder / "plain"), SPECTRA)
    assert answers.probabilities.shape == (40, 3)
    assert answers.in_set is None
    assert answers.low is None
    assert answers.coverage is None


def test_a_wider_coverage_gives_sets_that_hold_the_narrower_ones(folder):
    model = load_model(folder / "model")
    narrow, wide = answer(model, SPECTRA, 0.6), answer(model, SPECTRA, 0.9)
    assert (wide.in_set | ~narrow.in_set).all()
    assert (wide.high >= narrow.high).all()


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0, float("nan")])
def test_an_impossible_coverage_is_refused(folder, coverage):
    with pytest.raises(UsageError, match="coverage"):
        answer(load_model(folder / "model"), SPECTRA, coverage)


def test_answering_imports_neither_jax_nor_scikit_learn(folder):
    code = f"""
import sys
import numpy as np
from nearedge.models import load_model
from nearedge.uncertainty import answer
answer(load_model({str(folder / "model")!r}), np.full((2, 7), 1.5))
print([name for name in ("jax", "sklearn", "scipy") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
