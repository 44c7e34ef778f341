"""A spectrum of another kind is flagged, with a reason and a correction where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from nearedge.models import (
    Architecture,
    ClassifierEnsemble,
    Model,
    RegressorEnsemble,
    fit_preprocessing,
    initial_parameters,
)
from nearedge.spectra import EnergyGrid, broaden
from nearedge.uncertainty import (
    Calibration,
    Statements,
    answer,
    fit_detector,
    fit_distance,
    fit_intervals,
    fit_novelty,
    fit_scaling,
    fit_sets,
    to_attachment,
)

GRID = EnergyGrid(-5.0, 25.0, 151)
CLASSES = np.array(["0 Fe", "1 Fe"])


def _noisy(spectra, rng):
    return spectra + 0.02 * rng.normal(size=spectra.shape)


def _sites(count, seed):
    """Edges with two peaks, whose places and heights scatter."""
    rng = np.random.default_rng(seed)
    energy_eV = GRID.energy_eV
    edge = rng.normal(0.0, 0.2, (count, 1))
    spectra = 0.5 + np.arctan((energy_eV - edge) / 0.3) / np.pi
    for place in (2.0, 9.0):
        height = rng.uniform(0.5, 1.5, (count, 1))
        spectra += height * np.exp(-((energy_eV - edge - place) ** 2))
    return _noisy(spectra, rng)


def _averages(count, seed):
    rng = np.random.default_rng(seed)
    pool = _sites(30, seed)
    drawn = [pool[rng.integers(30, size=20)].mean(axis=0) for _ in range(count)]
    return _noisy(np.stack(drawn), rng)


def _ensemble(kind, outputs, *classes):
    layers = tuple(
        (weight[None], bias[None])
        for weight, bias in initial_parameters(Architecture(151, (16, 8), outputs), 1)
    )
    return kind(layers, fit_preprocessing(_sites(50, 0), "area"), *classes)


@pytest.fixture(scope="module")
def model():
    classifier = _ensemble(ClassifierEnsemble, 2, CLASSES)
    train = _sites(100, 1)
    detector = fit_detector(train, classifier, GRID)
    kinds = [_sites(40, 100 + group) for group in range(20)]
    many = [_averages(40, 200 + group) for group in range(20)]
    spectra = np.concatenate([*kinds, *many])
    group = np.tile(np.repeat(np.arange(20), 40), 2)
    kind = np.repeat([0, 1], 800)
    said = classifier.predict_proba(spectra)
    code, ones = group % 2, np.ones(len(group))
    error, distance = 0.1 * np.sin(np.arange(1600.0)), fit_distance(train)
    intervals = fit_intervals(error, distance.of(spectra), group, ones)
    statements = Statements(
        fit_scaling(said, code, group),
        fit_sets(said, code, group),
        intervals,
        (intervals, intervals),
        fit_novelty(detector.scores(spectra, classifier), group, kind, ones),
        "trajectory",
        20,
    )
    attachment = to_attachment(Calibration(statements, distance, detector))
    return Model(
        classifier, _ensemble(RegressorEnsemble, 1), {}, classifier, calibration=attachment
    )


def _shifted(spectra, shift_eV):
    energy_eV = GRID.energy_eV
    return np.stack([np.interp(energy_eV - shift_eV, energy_eV, row) for row in spectra])


@pytest.mark.parametrize("spectra", [_sites(400, 900), _averages(400, 901)])
def test_spectra_of_the_librarys_kind_are_rarely_flagged(model, spectra):
    assert answer(model, spectra).novel.mean() <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


@pytest.mark.parametrize("shift_eV", [-3.5, 3.5])
@pytest.mark.parametrize("draw", [_sites, _averages])
def test_shifted_spectra_are_flagged_and_the_shift_is_named(model, draw, shift_eV):
    answers = answer(model, _shifted(draw(40, 902), shift_eV))
    assert answers.novel.mean() >= 0.95
    corrections = [c for c in answers.corrections if c is not None and c.kind == "shift"]
    assert len(corrections) >= 30
    assert np.median([c.amount for c in corrections]) == pytest.approx(-shift_eV, abs=0.5)
    named = [reason for reason in answers.reasons if reason.startswith("shifted by about")]
    assert len(named) == len(corrections)


def test_a_correction_tells_what_the_spectrum_would_be_read_as(model):
    spectra = _averages(10, 903)
    straight = answer(model, spectra)
    moved = answer(model, _shifted(spectra, 3.0))
    for row, correction in enumerate(moved.corrections):
        assert correction is not None
        np.testing.assert_allclose(correction.probabilities, straight.probabilities[row], atol=0.1)
        assert correction.p_value > 0.05


def test_a_broad_spectrum_is_called_broad(model):
    answers = answer(model, broaden(GRID.energy_eV, _averages(20, 904), 4.0))
    assert answers.novel.all()
    assert "broader than anything in the library" in answers.reasons


def test_a_background_is_named_and_taken_off(model):
    spectra = _averages(20, 905)
    answers = answer(model, spectra + 0.5 * spectra.mean(axis=1, keepdims=True))
    assert answers.novel.all()
    assert all("pre-edge" in reason for reason in answers.reasons)
    amounts = [c.amount for c in answers.corrections if c is not None]
    assert np.median(amounts) == pytest.approx(1 / 3, abs=0.1)


@pytest.mark.parametrize(
    "spectra",
    [
        np.random.default_rng(0).random((30, 151)),
        np.ones((1, 151)),
        np.linspace(0.1, 1.0, 151)[None],
        _sites(30, 906)[:, ::-1].copy(),
        -np.ones((1, 151)),
    ],
    ids=["noise", "flat", "ramp", "reversed", "negative"],
)
def test_what_is_no_such_spectrum_is_flagged_with_a_reason(model, spectra):
    answers = answer(model, spectra)
    assert answers.novel.all()
    assert all(answers.reasons)


def test_scale_is_no_novelty(model):
    spectra = _sites(20, 907)
    small, large = answer(model, spectra), answer(model, 1e4 * spectra)
    np.testing.assert_allclose(small.p_value, large.p_value)
