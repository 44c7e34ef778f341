"""Sets, intervals and probabilities cover what they say, and travel with the model."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.models import (
    Architecture,
    ClassifierEnsemble,
    RegressorEnsemble,
    fit_preprocessing,
    initial_parameters,
    load_model,
    save_model,
)
from nearedge.spectra import EnergyGrid
from nearedge.uncertainty import (
    Calibration,
    answer,
    fit_detector,
    fit_distance,
    fit_statements,
    from_attachment,
    to_attachment,
)

SPECTRA = np.random.default_rng(0).uniform(0.5, 2.0, size=(40, 7))
DISTANCE = fit_distance(SPECTRA)
GRID = EnergyGrid(0.0, 3.0, 7)


def _ensemble(kind, outputs, *classes):
    layers = tuple(
        (weight[None].astype(np.float32), bias[None].astype(np.float32))
        for weight, bias in initial_parameters(Architecture(7, (4,), outputs), 0)
    )
    return kind(layers, fit_preprocessing(SPECTRA, "area"), *classes)


CLASSIFIER = _ensemble(ClassifierEnsemble, 3, np.array(["0 Fe", "1 Fe", "2 Fe"]))
DETECTOR = fit_detector(SPECTRA, CLASSIFIER, GRID)


def _calibrate(answers):
    return Calibration(fit_statements(answers), DISTANCE, DETECTOR)


@pytest.fixture(scope="module")
def trials(make_answers):
    """Calibrations, each with the answers on one further group."""
    pairs = []
    for seed in range(40):
        everything = make_answers(13, 40, seed)
        pairs.append((fit_statements(everything.without_fold(12)), everything.only_fold(12)))
    return pairs


def _shares(trials, statement):
    """Share of right statements about the further group, per trial."""
    return np.array([statement(calibration, fresh) for calibration, fresh in trials])


def _at_least(shares, coverage):
    return shares.mean() >= coverage - 3 * shares.std() / len(shares) ** 0.5


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_hold_the_environment_of_sites_of_a_new_group(trials, coverage):
    def held(calibration, fresh):
        said = calibration.scaling.apply(fresh.sites.probabilities)
        inside = calibration.sets.members(said, coverage)
        return inside[np.arange(len(inside)), fresh.sites.environment].mean()

    assert _at_least(_shares(trials, held), coverage)


def test_sets_of_a_frequent_class_hold_it_by_itself(trials):
    def held(calibration, fresh):
        inside = calibration.sets.members(calibration.scaling.apply(fresh.sites.probabilities), 0.9)
        return inside[fresh.sites.environment == 0, 0].mean()

    assert _at_least(_shares(trials, held), 0.9)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_hold_the_number_of_a_new_group(trials, coverage):
    def held(calibration, fresh):
        half = calibration.intervals.half_width(fresh.units.distance, coverage)
        return np.mean(np.abs(fresh.units.predicted - fresh.units.coordination) <= half)

    shares = _shares(trials, held)
    assert _at_least(shares, coverage)
    assert shares.mean() < coverage + 0.07


def test_intervals_are_narrow_for_averages_of_many_sites(make_answers):
    calibration = fit_statements(make_answers(12, 80, 0))
    site, average = calibration.intervals.half_width(np.array([1.0, 50**-0.5]), 0.9)
    assert average < 0.4 * site


def test_no_set_is_empty(make_answers):
    calibration = fit_statements(make_answers(12, 40, 0))
    drawn = np.random.default_rng(0).dirichlet(np.full(3, 0.3), size=500)
    for coverage in (0.1, 0.5, 0.9):
        inside = calibration.sets.members(drawn, coverage)
        assert inside[np.arange(500), drawn.argmax(axis=1)].all()


def test_calibrated_probabilities_are_right_as_often_as_they_say(make_answers):
    known, fresh = make_answers(30, 60, 0), make_answers(30, 60, 1)
    said = fit_statements(known).scaling.apply(fresh.sites.probabilities)
    np.testing.assert_allclose(said.sum(axis=1), 1.0)
    right = said.argmax(axis=1) == fresh.sites.environment
    assert said.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.04)
    assert fresh.sites.probabilities.max(axis=1).mean() > right.mean() + 0.1, "was too sure before"


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
    calibration = fit_statements(make_answers(groups, 40, 0, group_by))
    assert calibration.coverage_kind(coverage) == kind


def test_coverage_is_not_called_proven_where_a_class_is_rare(make_answers):
    answers = make_answers(30, 10, 0)
    assert fit_statements(answers).coverage_kind(0.9) == "conformal"
    environment, group = answers.sites.environment, answers.sites.group
    rare = np.where((environment == 0) & (group >= 8), 1, environment)
    said = fit_statements(replace(answers, sites=replace(answers.sites, environment=rare)))
    assert said.sets.curves[0] is None
    assert said.coverage_kind(0.9) == "empirical"


@pytest.fixture
def folder(tmp_path, make_answers):
    known = make_answers(12, 20, 0)
    pair = {
        "classifier": CLASSIFIER,
        "regressor": _ensemble(RegressorEnsemble, 1),
        "composition": CLASSIFIER,
    }
    attachment = to_attachment(_calibrate(known))
    save_model(tmp_path / "model", pair, {}, "# Card\n", attachment)
    pair.pop("composition")
    save_model(tmp_path / "plain", pair, {}, "# Card\n")
    return tmp_path


def test_a_saved_calibration_answers_as_before(folder, make_answers):
    loaded = load_model(folder / "model")
    fresh = replace(loaded, calibration=to_attachment(_calibrate(make_answers(12, 20, 0))))
    saved, made = answer(loaded, SPECTRA), answer(fresh, SPECTRA)
    for name in (
        "probabilities",
        "in_set",
        "mean",
        "low",
        "high",
        "composition",
        "composition_low",
        "p_value",
    ):
        np.testing.assert_array_equal(getattr(saved, name), getattr(made, name))
    assert (saved.coverage, saved.coverage_kind) == (0.9, "conformal")
    assert ((saved.low <= saved.mean) & (saved.mean <= saved.high)).all()
    assert (saved.high > 0).all()


def test_a_model_without_calibration_answers_without_sets(folder):
    answers = answer(load_model(folder / "plain"), SPECTRA)
    assert answers.probabilities.shape == (40, 3)
    assert answers.in_set is None
    assert answers.low is None
    assert answers.composition is None
    assert answers.p_value is None
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


def test_fractions_sum_to_one_and_lie_in_their_intervals(folder):
    answers = answer(load_model(folder / "model"), SPECTRA)
    np.testing.assert_allclose(answers.composition.sum(axis=1), 1.0)
    assert (answers.composition_low <= answers.composition).all()
    assert (answers.composition <= answers.composition_high).all()
    assert (answers.composition_low >= 0).all()
    assert (answers.composition_high <= 1).all()


def test_intervals_hold_the_fractions_of_a_new_group(trials):
    def held(calibration, fresh):
        units = fresh.units
        half = [one.half_width(units.distance, 0.9) for one in calibration.fractions]
        return np.mean(np.abs(units.composition - units.fractions) <= np.stack(half, axis=1))

    assert _at_least(_shares(trials, held), 0.9)


def test_novelty_raises_false_alarms_no_more_often_than_its_level(trials):
    def quiet(calibration, fresh):
        return np.mean(calibration.novelty.p_value(fresh.units.novelty) > 0.05)

    assert _at_least(_shares(trials, quiet), 0.95)


def test_a_spectrum_without_positive_mean_is_novel_and_spoils_no_other(folder):
    model = load_model(folder / "model")
    mixed = SPECTRA.copy()
    mixed[3] = -1.0
    answers, others = answer(model, mixed), answer(model, np.delete(SPECTRA, 3, axis=0))
    assert answers.novel[3]
    assert "not positive" in answers.reasons[3]
    assert np.isnan(answers.mean[3])
    # Numbers are given in single precision.
    np.testing.assert_allclose(np.delete(answers.mean, 3), others.mean, rtol=1e-6)
    np.testing.assert_allclose(np.delete(answers.p_value, 3), others.p_value)


def test_saved_curves_are_small_and_never_state_a_lower_p_value(make_answers):
    made = _calibrate(make_answers(12, 400, 0))
    saved = from_attachment(to_attachment(made))
    fine, coarse = made.statements.sets.pooled, saved.statements.sets.pooled
    asked = np.linspace(0.0, 1.1 * fine.scores[-1], 3000)
    assert len(coarse.scores) < 500 < len(fine.scores)
    assert (coarse.p_value(asked) >= fine.p_value(asked)).all()
    assert (coarse.p_value(asked) - fine.p_value(asked)).max() < 0.006


@pytest.mark.parametrize(
    "damage",
    [
        lambda a: a.description.update(version=99),
        lambda a: a.description.pop("beyond"),
        lambda a: a.numbers.pop("coordination_0.scores"),
    ],
)
def test_a_damaged_calibration_is_refused_in_one_line(make_answers, damage):
    attachment = to_attachment(_calibrate(make_answers(12, 20, 0)))
    damage(attachment)
    with pytest.raises(NearedgeError, match="train the model again"):
        from_attachment(attachment)
