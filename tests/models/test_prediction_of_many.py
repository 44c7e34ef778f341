"""The compiled prediction gives what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from nearedge.errors import NearedgeError
from nearedge.models import (
    Architecture,
    ClassifierEnsemble,
    RegressorEnsemble,
    ensemble,
    fit_preprocessing,
    initial_parameters,
)

RNG = np.random.default_rng(4)
X = 1 + RNG.uniform(0, 1, (1003, 21))


def _ensemble(kind, outputs, normalise="none", representation="intensity"):
    members = [initial_parameters(Architecture(21, (11, 5), outputs), seed) for seed in range(3)]
    layers = tuple(
        (np.stack([w for w, _ in layer]), np.stack([b + 0.1 for _, b in layer]))
        for layer in zip(*members, strict=True)
    )
    preprocessing = fit_preprocessing(X, normalise, representation)
    more = (np.arange(outputs),) if kind is ClassifierEnsemble else ()
    return kind(layers, preprocessing, *more)


@pytest.fixture
def many(monkeypatch):
    """Take the compiled way from the first spectrum on."""
    monkeypatch.setattr(ensemble, "_MANY", 0)


@pytest.mark.parametrize("representation", ["intensity", "cumulative"])
@pytest.mark.parametrize("normalise", ["none", "area"])
@pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_very_many_spectra_get_the_answers_that_a_few_get(
    monkeypatch, normalise, representation, dtype, atol
):
    x = X.astype(dtype)
    classifier = _ensemble(ClassifierEnsemble, 10, normalise, representation)
    regressor = _ensemble(RegressorEnsemble, 1, normalise, representation)
    few = classifier.predict_proba(x), regressor.predict(x)
    monkeypatch.setattr(ensemble, "_MANY", 1000)
    many = classifier.predict_proba(x), regressor.predict(x)
    for one, other in zip(few, many, strict=True):
        assert other.shape == one.shape
        np.testing.assert_allclose(other, one, rtol=0, atol=atol)
        assert not np.array_equal(one, other)


def test_the_compiled_way_is_the_same_every_time(many):
    classifier = _ensemble(ClassifierEnsemble, 4)
    np.testing.assert_array_equal(classifier.predict_proba(X), classifier.predict_proba(X))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (17, 20), (1002, 8)])
def test_a_spectrum_that_is_not_finite_is_named_among_very_many(many, value, place):
    x = X.copy()
    x[place] = value
    with pytest.raises(NearedgeError, match=rf"spectrum {place[0]} is .* at point {place[1]}"):
        _ensemble(ClassifierEnsemble, 4).predict_proba(x)


def test_a_spectrum_without_area_is_named_among_very_many(many):
    x = X.copy()
    x[640] = -1.0
    with pytest.raises(NearedgeError, match="spectrum 640 has a mean of -1"):
        _ensemble(RegressorEnsemble, 1, "area").predict(x)
