"""Integrated gradients sum to what they explain, and ignore what the network ignores."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.data import model_folder
from nearedge.errors import UsageError
from nearedge.models import (
    ClassifierEnsemble,
    KernelRegressor,
    KernelSettings,
    RegressorEnsemble,
    fit_preprocessing,
    load_model,
)
from nearedge.models.attribution import integrated_gradients, library_mean
from nearedge.models.bands import class_bands
from nearedge.models.expansion import VIEWS, number_slopes, pair_slopes
from nearedge.models.kernel import fit_kernel_classifier, fit_kernel_regression
from nearedge.models.line import gradients, lines
from nearedge.models.nearest import known_sites
from nearedge.models.pairwise import PairwiseSettings, fit_pairwise_classifier

POINTS = 9


def _ensemble(seed: int, normalise: str, representation: str, outputs: int, members: int = 3):
    rng = np.random.default_rng(seed)
    widths = [POINTS, 6, 5, outputs]
    layers = tuple(
        (rng.normal(size=(members, out, into)), rng.normal(size=(members, out)))
        for into, out in pairwise(widths)
    )
    preprocessing = fit_preprocessing(
        rng.uniform(0.5, 2.0, (40, POINTS)), normalise, representation
    )
    if outputs == 1:
        return RegressorEnsemble(layers, preprocessing)
    return ClassifierEnsemble(layers, preprocessing, np.arange(outputs).astype(str))


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    normalise=st.sampled_from(["none", "area"]),
    representation=st.sampled_from(["intensity", "cumulative"]),
    outputs=st.sampled_from([1, 4]),
)
def test_contributions_sum_to_the_difference_of_the_answers(
    seed, normalise, representation, outputs
) -> None:
    ensemble = _ensemble(seed, normalise, representation, outputs)
    rng = np.random.default_rng([seed, 1])
    baseline, x = rng.uniform(0.1, 3.0, (2, POINTS))
    found = integrated_gradients(ensemble, x, baseline, output=outputs - 1)
    difference = found.output - found.baseline_output
    assert found.contribution.sum() == pytest.approx(difference, rel=1e-9, abs=1e-9)
    answers = (
        ensemble.predict_proba(np.stack([baseline, x]))[:, outputs - 1]
        if outputs > 1
        else ensemble.predict(np.stack([baseline, x]))
    )
    assert [found.baseline_output, found.output] == pytest.approx(answers.tolist())


def test_the_shipped_model_is_explained_completely() -> None:
    model = load_model(model_folder("default"))
    points = model.info["grid"]["points"]
    rng = np.random.default_rng(0)
    baseline = rng.uniform(1.0, 1.5, points)
    x = baseline + 0.3 * np.sin(np.linspace(0, 9, points))
    for output in range(6):
        found = integrated_gradients(model.classifier, x, baseline, output)
        assert found.contribution.sum() == pytest.approx(
            found.output - found.baseline_output, rel=1e-6, abs=1e-9
        )
    found = integrated_gradients(model.regressor, x, baseline)
    assert found.contribution.sum() == pytest.approx(found.output - found.baseline_output)


@pytest.mark.parametrize("level", [1.0, 0.01])
def test_expansions_are_explained_completely_whatever_the_window_holds(level: float) -> None:
    """Also where the window is so empty that a share of the whole mean divides it."""
    rng = np.random.default_rng(7)
    spectra = rng.uniform(0.5, 2.0, (40, POINTS))
    kernel = KernelSettings(window=(2, 6), radial=10.0, linear=1.0)
    classes = np.arange(3).astype(str)
    classifier = fit_kernel_classifier(spectra, rng.integers(3, size=40), classes, kernel)
    numbers = fit_kernel_regression(spectra, spectra[:, [3]], np.ones(40), kernel)
    baseline, x = rng.uniform(0.5, 2.0, (2, POINTS))
    x[2:6] *= level
    target = np.column_stack([spectra[:, [3]] / 2, np.zeros(40)])
    twice = fit_kernel_regression(spectra, target, np.ones(40), kernel, spectra[:, 3] < 1.2)
    reconciled = KernelRegressor(twice.only([0, 1, 2]))
    for model, output in ((classifier, 2), (KernelRegressor(numbers), 0), (reconciled, 0)):
        found = integrated_gradients(model, x, baseline, output)
        assert abs(found.output - found.baseline_output) > 0.01
        assert found.contribution.sum() == pytest.approx(
            found.output - found.baseline_output, rel=1e-6
        )


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("normalise", ["area", "none"])
def test_a_line_through_an_expansion_is_what_its_points_are(normalise: str, view: str) -> None:
    """Values as the outputs tell them, and the gradient as a sum of slopes."""
    rng = np.random.default_rng(11)
    spectra = rng.uniform(0.5, 2.0, (40, POINTS))
    kernel = KernelSettings(window=(2, 6), radial=10.0, linear=1.0, normalise=normalise)
    expansion = fit_kernel_regression(spectra, spectra[:, [3, 5]], np.ones(40), kernel)
    expansion = replace(expansion, window=replace(expansion.window, view=view))
    start, *stops = expansion.preprocessing.normalised(rng.uniform(0.5, 2.0, (3, POINTS)))
    places, shares = np.linspace(0, 1, 7), rng.uniform(size=7)

    sweeps = [
        line.sweep(places, shares, np.cos) for line in lines(expansion, start, np.stack(stops))
    ]

    for stop, sweep, found in zip(stops, sweeps, gradients(expansion, sweeps), strict=True):
        line = start + places[:, None] * (stop - start)
        outputs = expansion.outputs(line)
        assert np.ptp(outputs) > 0.01
        np.testing.assert_allclose(sweep.values, outputs, rtol=1e-9)
        slopes = shares @ expansion.slope(line, np.cos(outputs))
        np.testing.assert_allclose(found, slopes, rtol=1e-8, atol=1e-10)
        assert sweep.rise == pytest.approx(slopes @ (stop - start), rel=1e-8)


def test_contributions_agree_with_a_fine_sum_of_slopes_for_sites_and_mixtures() -> None:
    """The points on the line are few where few are enough; what is told errs by less than 1e-6."""
    model = load_model(model_folder("default"))
    known, mean = known_sites(model), library_mean(model)
    rng = np.random.default_rng(0)
    sites = known.intensity[rng.choice(len(known.intensity), 4, replace=False)].astype(float)
    noise = 1 + 0.02 * rng.normal(size=sites.shape[1])
    moved = np.roll(sites[0], 12)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    for spectrum in (*sites, sites.mean(axis=0) * noise, moved):
        code = int(model.classifier.predict_proba(spectrum[None]).argmax())
        for asked, output in ((model.classifier, code), (model.regressor, 0)):
            expansion = asked.expansion
            start, stop = expansion.preprocessing.normalised(np.stack([mean, spectrum]))
            line = start + (nodes[:, None] + 1) / 2 * (stop - start)
            values = expansion.outputs(line)
            if asked is model.regressor:
                weight = number_slopes(values)
            else:
                probability = asked.probabilities(values)
                by_logit = probability[:, [output]] * (np.eye(6)[output] - probability)
                weight = pair_slopes(by_logit, values)
            slow = (weights / 2 @ expansion.slope(line, weight)) * (stop - start)
            found = integrated_gradients(asked, spectrum, mean, output)
            np.testing.assert_allclose(found.contribution, slow, rtol=0, atol=1e-6)
            assert abs(found.contribution.sum() - found.output + found.baseline_output) < 2e-6


@pytest.mark.parametrize("classes", [2, 3])
def test_machines_for_pairs_of_classes_are_explained_completely(classes: int) -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(30) % classes
    x = 1.0 + rng.random((30, 8)) + codes[:, None] * np.linspace(0.0, 0.3, 8)
    settings = PairwiseSettings((0, 8))
    labels = np.array(["4 O", "5 O", "6 O"])[:classes]
    model = fit_pairwise_classifier(x, codes, labels, settings, [np.ones(30)])
    for output in range(classes):
        found = integrated_gradients(model, x[0], x[1], output)
        expected = found.output - found.baseline_output
        assert found.contribution.sum() == pytest.approx(expected, abs=1e-6)


def test_an_energy_that_no_weight_looks_at_contributes_nothing() -> None:
    ensemble = _ensemble(3, "none", "intensity", 1)
    ensemble.parameters[0][0][:, :, 4] = 0.0
    baseline, x = np.random.default_rng(4).uniform(0.1, 3.0, (2, POINTS))
    assert integrated_gradients(ensemble, x, baseline).contribution[4] == 0.0


def test_contributions_are_the_limit_of_a_fine_sum_of_gradients() -> None:
    ensemble = _ensemble(5, "area", "cumulative", 1)
    baseline, x = np.random.default_rng(6).uniform(0.5, 2.0, (2, POINTS))
    baseline, x = baseline / baseline.mean(), x / x.mean()
    change = 1e-6
    places = baseline + (np.arange(4000) + 0.5)[:, None] / 4000 * (x - baseline)
    total = np.zeros(POINTS)
    for point in range(POINTS):
        # Moved along the plane of unit mean, where normalisation changes nothing.
        moved = np.zeros(POINTS)
        moved[point], moved[point - 1] = change, -change
        slopes = ensemble.predict(places + moved) - ensemble.predict(places - moved)
        total[point] = slopes.mean() / (2 * change)
    exact = integrated_gradients(ensemble, x, baseline).contribution / (x - baseline)
    np.testing.assert_allclose(exact - np.roll(exact, 1), total, rtol=1e-2, atol=1e-3)


def test_an_output_that_does_not_exist_is_refused() -> None:
    ensemble = _ensemble(0, "none", "intensity", 4)
    with pytest.raises(UsageError, match="output 4 of a model with 4"):
        integrated_gradients(ensemble, np.ones(POINTS), np.zeros(POINTS), output=4)


def test_bands_hold_eight_tenths_of_a_class_whatever_its_scale() -> None:
    rng = np.random.default_rng(0)
    shape = rng.uniform(0.5, 1.5, (200, 20))
    codes = np.arange(200) % 2
    scaled = shape * rng.uniform(1, 100, (200, 1))
    bands = class_bands(scaled, codes, ["a", "b", "none here"])
    assert list(bands["intensity"]) == ["a", "b"]
    low, middle, high = np.array(bands["intensity"]["a"])
    own = shape[codes == 0] / shape[codes == 0].mean(axis=1, keepdims=True)
    assert ((own >= low) & (own <= high)).mean() == pytest.approx(0.8, abs=0.02)
    assert ((low < middle) & (middle < high)).all()
