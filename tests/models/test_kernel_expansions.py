"""Kernel expansions learn what they are shown, keep it on disk, and see no scale."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.models import (
    KernelClassifier,
    KernelRegressor,
    KernelSettings,
    load_model,
    save_model,
)
from nearedge.models._saving import described, restored, tensors_of
from nearedge.models.expansion import (
    VIEWS,
    gaussians,
    number_slopes,
    on_simplex,
    read_samples,
)
from nearedge.models.kernel import fit_kernel_classifier, fit_kernel_regression

RNG = np.random.default_rng(0)
ENERGY = np.arange(40.0)
CODES = RNG.integers(3, size=90)
CENTRES = np.array([8.0, 11.0, 14.0])[CODES] + RNG.normal(scale=0.5, size=90)
SPECTRA = 0.3 + np.exp(-(((ENERGY - CENTRES[:, None]) / 3) ** 2))
SPECTRA *= RNG.uniform(0.5, 2.0, (90, 1))
CLASSES = np.array(["0 Fe", "1 Fe", "2 Fe"])
KERNEL = KernelSettings(window=(2, 24), radial=30.0, linear=1.0, noise=0.05)
TRAINED = np.arange(60)


@pytest.fixture(scope="module")
def classifier() -> KernelClassifier:
    return fit_kernel_classifier(SPECTRA[TRAINED], CODES[TRAINED], CLASSES, KERNEL)


@pytest.fixture(scope="module")
def numbers():
    return fit_kernel_regression(SPECTRA[TRAINED], CENTRES[TRAINED, None], np.ones(60), KERNEL)


def test_unseen_spectra_are_told_apart_and_their_numbers_read(classifier, numbers) -> None:
    assert (classifier.predict(SPECTRA[60:]) == CLASSES[CODES[60:]]).mean() > 0.9
    off = KernelRegressor(numbers).predict(SPECTRA[60:]) - CENTRES[60:]
    assert np.sqrt(np.mean(off**2)) < 0.2 * CENTRES.std()


def test_answers_depend_on_neither_scale_nor_what_is_asked_beside(classifier, numbers) -> None:
    alone = np.concatenate([classifier.predict_proba(SPECTRA[[row]]) for row in range(70, 73)])
    np.testing.assert_allclose(classifier.predict_proba(7.0 * SPECTRA)[70:73], alone, rtol=1e-9)
    np.testing.assert_allclose(
        KernelRegressor(numbers).predict(7.0 * SPECTRA), KernelRegressor(numbers).predict(SPECTRA)
    )


def test_the_logits_of_every_pair_are_at_the_minimum_of_its_penalised_cross_entropy(
    classifier,
) -> None:
    """No step along the kernel's own functions or the constants lowers it."""
    every = gaussians(classifier.representation(SPECTRA[TRAINED]), classifier.expansion.centres)
    rng = np.random.default_rng(3)
    for number, (one, other) in enumerate(combinations(range(3), 2)):
        rows = np.flatnonzero(np.isin(CODES[TRAINED], (one, other)))
        kernel, side = every[np.ix_(rows, rows)], np.where(CODES[rows] == one, 1.0, -1.0)

        def loss(coefficients: np.ndarray, bias: float, kernel=kernel, side=side) -> float:
            margin = side * (kernel @ coefficients + bias)
            norm = coefficients @ kernel @ coefficients
            return float(np.logaddexp(0, -margin).sum() + norm / (2 * KERNEL.radial))

        radial = classifier.expansion.radial[:, number].astype(float)
        assert not np.delete(radial, rows).any()
        radial, bias = radial[rows], classifier.expansion.bias[number]
        least = loss(radial, bias)
        for _ in range(20):
            step = rng.normal(size=len(rows)) * 1e-2
            assert loss(radial + step, bias + rng.normal() * 1e-2) > least


def test_the_regression_is_the_mean_of_its_gaussian_process() -> None:
    """With the constant that generalised least squares gives, worked out the long way."""
    sites = np.random.default_rng(4).integers(1, 9, size=60).astype(float)
    fitted = fit_kernel_regression(SPECTRA[TRAINED], CENTRES[TRAINED, None], sites, KERNEL)
    near, whole = fitted.window.inputs(SPECTRA), fitted.preprocessing.inputs(SPECTRA)
    prior = KERNEL.radial * gaussians(near, near) + whole @ whole.T * KERNEL.linear / 40
    inverse = np.linalg.inv(prior[:60, :60] + np.diag(KERNEL.noise / sites))
    mean = inverse.sum(axis=0) @ CENTRES[:60] / inverse.sum()
    expected = mean + prior[60:, :60] @ inverse @ (CENTRES[:60] - mean)
    np.testing.assert_allclose(fitted.outputs(SPECTRA[60:])[:, 0], expected, rtol=1e-4)


def test_usual_samples_are_read_by_what_usual_samples_taught() -> None:
    """Far from them the answer is that for any sample; near them it is drawn to theirs."""
    usual = np.abs(CENTRES[TRAINED] - 11.0) < 1.0
    target = np.stack([CENTRES[TRAINED], np.zeros(60)], axis=1) / 10
    fitted = fit_kernel_regression(SPECTRA[TRAINED], target, np.ones(60), KERNEL, usual)
    regressor, outputs = KernelRegressor(fitted.only([0, 1, 2])), fitted.outputs(SPECTRA)
    assert np.abs(outputs[:, 1]).max() < 1e-6
    own = fit_kernel_regression(SPECTRA[TRAINED], target[:, :1], np.ones(60), KERNEL)
    np.testing.assert_allclose(outputs[:, 0], own.outputs(SPECTRA)[:, 0], rtol=1e-6)
    apart = np.abs(outputs[:, 0] - outputs[:, 2])
    number, near = regressor.predict(SPECTRA), apart < 0.05
    assert near.any()
    assert (np.abs(number - outputs[:, 2])[near] < np.abs(number - outputs[:, 0])[near]).all()
    far = outputs[:1, :3] + np.array([[2.0, 0.0, 0.0]])
    np.testing.assert_allclose(regressor.numbers(far)[0], far[:, 0], rtol=1e-6)


def test_a_number_in_other_units_is_read_alike(tmp_path: Path, classifier) -> None:
    usual = np.abs(CENTRES[TRAINED] - 11.0) < 1.0
    target = np.stack([CENTRES[TRAINED], np.zeros(60)], axis=1) / 10
    for factor in (1.0, 0.01):
        fitted = fit_kernel_regression(
            SPECTRA[TRAINED], factor * target, np.ones(60), KERNEL, usual
        )
        regressor = KernelRegressor(fitted.only([0, 1, 2]), unit=factor)
        outputs = regressor.expansion.outputs(SPECTRA)
        if factor == 1.0:
            expected = regressor.predict(SPECTRA)
            slopes = number_slopes(outputs, regressor.differ)
            shares = (expected - outputs[:, 0]) / (outputs[:, 2] - outputs[:, 0])
            assert np.ptp(shares) > 0.1
            continue
        np.testing.assert_allclose(regressor.predict(SPECTRA), factor * expected, rtol=1e-3)
        np.testing.assert_allclose(number_slopes(outputs, regressor.differ), slopes, atol=1e-2)
        save_model(tmp_path / "model", {"classifier": classifier, "regressor": regressor}, {}, "")
        assert load_model(tmp_path / "model").regressor.unit == factor
    words = {name: value for name, value in described(regressor).items() if name != "unit"}
    tensors = {f"regressor.{name}": value for name, value in tensors_of(regressor).items()}
    assert restored("regressor", words, tensors).unit == 1.0, "models of before"


def test_two_readers_around_the_same_spectra_are_kept_and_asked_as_one(tmp_path: Path) -> None:
    usual = CENTRES[TRAINED] < 12.0
    target = np.column_stack([CENTRES[TRAINED], np.ones(60), np.eye(3)[CODES[TRAINED]]])
    fitted = fit_kernel_regression(SPECTRA[TRAINED], target, np.ones(60), KERNEL, usual)
    regressor = KernelRegressor(fitted.only([0, 1, 5]))
    composition = KernelClassifier(fitted.only([2, 3, 4, 7, 8, 9]), CLASSES, link="simplex")
    classifier = fit_kernel_classifier(SPECTRA[TRAINED], CODES[TRAINED], CLASSES, KERNEL)
    parts = {"classifier": classifier, "regressor": regressor, "composition": composition}
    save_model(tmp_path / "model", parts, {}, "# card")
    loaded = load_model(tmp_path / "model")
    assert loaded.composition is not None
    (number, spread), fractions = read_samples(loaded.regressor, loaded.composition, SPECTRA)
    alone, alone_spread = regressor.predict_with_spread(SPECTRA)
    assert spread is not None
    assert alone_spread is not None
    np.testing.assert_allclose(number, alone, rtol=1e-9)
    np.testing.assert_allclose(spread, alone_spread, rtol=1e-9)
    np.testing.assert_allclose(fractions, composition.predict_proba(SPECTRA), atol=1e-9)
    np.testing.assert_allclose(fractions.sum(axis=1), 1.0)
    stored = (tmp_path / "model" / "model.safetensors").read_bytes()
    assert b"composition.centres" not in stored[:20000]


def test_what_lies_outside_the_window_does_not_sway_the_classifier(classifier) -> None:
    changed = SPECTRA[60:].copy()
    changed[:, 30:] *= 1.5
    np.testing.assert_allclose(
        classifier.predict_proba(changed), classifier.predict_proba(SPECTRA[60:]), atol=2e-3
    )


def test_a_spectrum_that_is_empty_within_the_window_still_gets_an_answer(classifier) -> None:
    empty = np.zeros((1, 40))
    empty[0, 30:] = 1.0
    assert classifier.predict_proba(empty).sum() == pytest.approx(1.0)
    with pytest.raises(NearedgeError, match="mean of 0"):
        classifier.predict_proba(np.zeros((1, 40)))


def test_a_weight_of_two_is_the_same_as_showing_a_spectrum_twice() -> None:
    weight = np.ones(60)
    weight[:20] = 2.0
    codes = CODES[TRAINED]
    rows = np.concatenate([np.arange(60), np.arange(20)])
    settings = KernelSettings(window=(2, 24), radial=30.0)
    once = fit_kernel_classifier(SPECTRA[TRAINED], codes, CLASSES, settings, weight)
    twice = fit_kernel_classifier(SPECTRA[rows], codes[rows], CLASSES, settings)
    # Scales of 60 spectra and of 80 differ, and so does their sum of weights beside the penalty.
    difference = once.predict_proba(SPECTRA[60:]) - twice.predict_proba(SPECTRA[60:])
    assert np.abs(difference).max() < 0.05


def test_fractions_are_the_nearest_point_that_is_a_composition() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(50, 4))
    nearest = on_simplex(values)
    assert (nearest >= 0).all()
    np.testing.assert_allclose(nearest.sum(axis=1), 1.0)
    away = np.linalg.norm(values - nearest, axis=1)
    for other in rng.dirichlet(np.ones(4), size=200):
        assert (np.linalg.norm(values - other, axis=1) >= away - 1e-12).all()


def test_saved_expansions_answer_as_before(tmp_path: Path, classifier, numbers) -> None:
    fractions = fit_kernel_regression(
        SPECTRA[TRAINED], np.eye(3)[CODES[TRAINED]], np.ones(60), KERNEL
    )
    composition = KernelClassifier(fractions, CLASSES, link="simplex")
    parts = {
        "classifier": classifier,
        "regressor": KernelRegressor(numbers),
        "composition": composition,
    }
    save_model(tmp_path / "model", parts, {}, "# card")
    loaded = load_model(tmp_path / "model")
    assert loaded.composition is not None
    for before, after in (
        (classifier.predict_proba, loaded.classifier.predict_proba),
        (KernelRegressor(numbers).predict, loaded.regressor.predict),
        (composition.predict_proba, loaded.composition.predict_proba),
    ):
        np.testing.assert_array_equal(before(SPECTRA), after(SPECTRA))


@pytest.mark.parametrize("view", VIEWS)
def test_the_slope_of_every_view_is_that_of_finite_differences(classifier, view: str) -> None:
    window = replace(classifier.expansion.window, view=view)
    centres = window.inputs(SPECTRA[TRAINED])
    expansion = replace(classifier.expansion, window=window, centres=centres)
    x = expansion.preprocessing.normalised(SPECTRA[60:61])
    slope = expansion.slope(x, np.ones((1, 3)))[0]
    step = 1e-5 * np.eye(x.shape[1])
    ends = [
        expansion.outputs(x + sign * step - sign * step.mean(axis=1, keepdims=True)).sum(axis=1)
        for sign in (1, -1)
    ]
    # A step that leaves the mean as it is: normalised again, nothing else changes.
    np.testing.assert_allclose(
        (ends[0] - ends[1]) / 2e-5, slope - slope.mean(), rtol=1e-3, atol=1e-3 * np.abs(slope).max()
    )


def test_models_that_say_only_whether_roots_are_taken_load(tmp_path: Path, classifier) -> None:
    window = replace(classifier.expansion.window, view="roots")
    rooted = replace(classifier, expansion=replace(classifier.expansion, window=window))
    words, tensors = described(rooted), tensors_of(rooted)
    assert words.pop("window_view") == "roots"
    named = {f"classifier.{name}": value for name, value in tensors.items()}
    again = restored("classifier", words | {"window_root": True}, named)
    assert isinstance(again, KernelClassifier)
    np.testing.assert_array_equal(again.predict_proba(SPECTRA), rooted.predict_proba(SPECTRA))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="window"):
        KernelSettings(window=(5, 5))
    with pytest.raises(UsageError, match="above 0"):
        KernelSettings(width=0.0)
    with pytest.raises(UsageError, match="with 40 points"):
        fit_kernel_classifier(SPECTRA, CODES, CLASSES, KernelSettings(window=(0, 41)))
