"""Networks answer from raw intensities, in NumPy alone, the same in blocks or one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearedge.errors import NearedgeError, UsageError
from nearedge.models import (
    Architecture,
    ClassifierEnsemble,
    RegressorEnsemble,
    fit_preprocessing,
    initial_parameters,
    outputs,
    unit_mean,
)

RNG = np.random.default_rng(0)
SPECTRA = RNG.uniform(0.5, 2.0, size=(60, 7))


def _stacked(members, architecture):
    drawn = [initial_parameters(architecture, seed) for seed in range(members)]
    return tuple(
        (np.stack([w for w, _ in layer]), np.stack([b for _, b in layer]) + 0.1)
        for layer in zip(*drawn, strict=True)
    )


@pytest.fixture
def regressor():
    preprocessing = fit_preprocessing(SPECTRA, "area", "cumulative")
    return RegressorEnsemble(_stacked(3, Architecture(7, (4, 3), 1)), preprocessing)


@pytest.fixture
def classifier():
    layers = _stacked(3, Architecture(7, (4, 3), 2))
    return ClassifierEnsemble(layers, fit_preprocessing(SPECTRA), np.array(["0 Fe", "1 Fe"]))


def test_the_forward_pass_is_relu_between_layers_and_linear_at_the_end():
    layers = _stacked(1, Architecture(7, (4, 3), 2))
    (w1, b1), (w2, b2), (w3, b3) = ((w[0], b[0]) for w, b in layers)
    for x, got in zip(SPECTRA, outputs(layers, SPECTRA)[0], strict=True):
        hidden = np.maximum(w2 @ np.maximum(w1 @ x + b1, 0) + b2, 0)
        np.testing.assert_allclose(got, w3 @ hidden + b3, rtol=1e-12)


def test_members_answer_as_they_would_by_themselves(regressor):
    inputs = regressor.preprocessing.inputs(SPECTRA)
    for member, answers in zip(
        regressor.members(), regressor.predict_members(SPECTRA), strict=True
    ):
        np.testing.assert_allclose(outputs(member, inputs)[:, 0], answers, rtol=1e-12)
    np.testing.assert_allclose(
        regressor.predict(SPECTRA), regressor.predict_members(SPECTRA).mean(axis=0)
    )


def test_probabilities_sum_to_one_and_the_label_is_the_likeliest(classifier):
    probabilities = classifier.predict_proba(SPECTRA)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(
        probabilities, classifier.member_probabilities(SPECTRA).mean(axis=0), rtol=1e-12
    )
    likeliest = np.array(["0 Fe", "1 Fe"])[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(classifier.predict(SPECTRA), likeliest)


def test_many_spectra_are_answered_as_one_by_one(regressor):
    many = np.tile(SPECTRA, (150, 1))
    np.testing.assert_allclose(
        regressor.predict(many), np.tile(regressor.predict(SPECTRA), 150), rtol=1e-10
    )
    assert regressor.predict(SPECTRA[:0]).shape == (0,)


def test_single_precision_spectra_stay_in_single_precision(regressor):
    answers = RegressorEnsemble(
        tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in regressor.parameters),
        regressor.preprocessing,
    ).predict(SPECTRA.astype(np.float32))
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, regressor.predict(SPECTRA), rtol=1e-4)


@given(st.floats(1e-6, 1e6))
def test_area_normalisation_removes_the_scale_of_a_spectrum(factor):
    np.testing.assert_allclose(unit_mean(SPECTRA * factor), unit_mean(SPECTRA), rtol=1e-12)
    np.testing.assert_allclose(unit_mean(SPECTRA * factor).mean(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("normalise", ["none", "area"])
@pytest.mark.parametrize("representation", ["intensity", "cumulative"])
def test_inputs_have_mean_zero_and_unit_deviation_on_the_training_spectra(
    normalise, representation
):
    inputs = fit_preprocessing(SPECTRA, normalise, representation).inputs(SPECTRA)
    # The last running sum of spectra of equal area is constant, and must come out as such.
    varying = inputs[:, :-1] if (normalise, representation) == ("area", "cumulative") else inputs
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(varying.std(axis=0), 1, rtol=1e-12)
    assert np.abs(inputs[:, varying.shape[1] :]).max(initial=0) < 1e-9


def test_sample_weights_act_on_the_scaling_like_repetitions():
    counts = RNG.integers(1, 4, size=60)
    weighted = fit_preprocessing(SPECTRA, weight=counts.astype(float))
    repeated = fit_preprocessing(np.repeat(SPECTRA, counts, axis=0))
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-12)
    np.testing.assert_allclose(weighted.scale, repeated.scale, rtol=1e-12)


def test_what_cannot_be_answered_is_refused_by_spectrum_and_point(regressor):
    spoiled = np.tile(SPECTRA, (150, 1))
    spoiled[8000, 3] = np.nan
    with pytest.raises(NearedgeError, match="spectrum 8000 is nan at point 3"):
        regressor.predict(spoiled)
    spoiled[8000] = -1.0
    with pytest.raises(NearedgeError, match="spectrum 8000 has a mean of -1"):
        regressor.predict(spoiled)
    with pytest.raises(UsageError, match="6 points, but the model was trained on 7"):
        regressor.predict(SPECTRA[:, :6])


@pytest.mark.parametrize("choice", [{"normalise": "max"}, {"representation": "derivative"}])
def test_an_unknown_preprocessing_is_refused(choice):
    with pytest.raises(UsageError, match="choose"):
        fit_preprocessing(SPECTRA, **choice)


@given(st.integers(0, 2**31), st.integers(1, 80), st.integers(1, 20))
def test_initial_weights_are_glorot_uniform_with_zero_biases(seed, inputs, hidden):
    architecture = Architecture(inputs, (hidden,), 3)
    layers = initial_parameters(architecture, seed)
    for (weight, bias), ends in zip(layers, (inputs + hidden, hidden + 3), strict=True):
        assert np.abs(weight).max() <= np.sqrt(6 / ends)
        assert not bias.any()
    again = initial_parameters(architecture, seed)
    np.testing.assert_array_equal(layers[0][0], again[0][0])


def test_initial_weights_fill_their_range_evenly():
    weight = initial_parameters(Architecture(300, (300,), 1), seed=0)[0][0]
    limit = np.sqrt(6 / 600)
    counts, _ = np.histogram(weight, bins=10, range=(-limit, limit))
    assert np.abs(counts / 9000 - 1).max() < 0.05


def test_a_layer_without_nodes_is_refused():
    with pytest.raises(UsageError, match="70-0-6"):
        Architecture(70, (0,), 6)
