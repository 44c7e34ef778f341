"""Fractions of environments: the method and the fits that beamlines use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nearedge.mixtures import Sites, class_fractions, varied_mixtures
from nearedge.models.composition import fractions_by_library, fractions_by_means
from nearedge.models.method import DEFAULT, Method, fit_samples
from nearedge.spectra import EnergyGrid

CLASSES = ("0 Fe", "1 Fe", "2 Fe")


@pytest.fixture(scope="module")
def sites():
    """Three classes whose peaks lie apart; sites scatter in height."""
    rng = np.random.default_rng(0)
    energy, environment = np.arange(30.0), np.repeat([0, 1, 2], 20)
    peak = np.exp(-(((energy - np.array([8.0, 14.0, 20.0])[environment][:, None]) / 2) ** 2))
    intensity = 0.2 + peak * rng.uniform(0.8, 1.2, (60, 1))
    return Sites(
        intensity, environment, environment.astype(float), CLASSES, np.arange(60), "atom", {}
    )


@pytest.fixture(scope="module")
def asked(sites):
    mixtures = varied_mixtures(sites.intensity, sites.environment, 200, 5, (20, 70))
    return mixtures.intensity, class_fractions(mixtures, sites.environment, 3)


# Sites of one class differ in nothing but height here, which leaves the library's weights free.
@pytest.mark.parametrize(
    ("fit", "most"), [(fractions_by_means, 0.03), (fractions_by_library, 0.08)]
)
def test_fits_find_the_fractions_of_clean_mixtures_on_any_scale(sites, asked, fit, most):
    intensity, true = asked
    fractions = fit(1e4 * intensity, sites, np.arange(60))
    np.testing.assert_allclose(fractions.sum(axis=1), 1.0)
    assert np.sqrt(np.mean((fractions - true) ** 2)) < most


def test_a_class_without_references_gets_nothing(sites, asked):
    fractions = fractions_by_means(asked[0], sites, np.arange(40))
    assert (fractions[:, 2] == 0).all()


def test_the_method_reads_fractions_of_unseen_sites_that_sum_to_one(sites):
    grid = EnergyGrid(0.0, 29.0, 30)
    method = Method(grid, (4.0, 26.0), DEFAULT.classifier, DEFAULT.mixed, mixtures=50, varied=50)
    keyed = replace(sites, keys={"trajectories": np.arange(60) % 2})
    test = np.flatnonzero(np.arange(60) % 4 == 0)
    _, model = fit_samples(method, keyed, np.setdiff1d(np.arange(60), test), seed=0)
    mixtures = varied_mixtures(sites.intensity, sites.environment, 200, 5, (20, 70), test)
    fractions = model.predict_proba(mixtures.intensity)
    np.testing.assert_allclose(fractions.sum(axis=1), 1.0, rtol=1e-5)
    true = class_fractions(mixtures, sites.environment, 3)
    assert np.sqrt(np.mean((fractions - true) ** 2)) < 0.05
    assert model.classes.tolist() == list(CLASSES)


def test_a_target_in_other_units_scales_the_answers_and_nothing_else(sites):
    grid = EnergyGrid(0.0, 29.0, 30)
    method = Method(grid, (4.0, 26.0), DEFAULT.classifier, DEFAULT.mixed, mixtures=50, varied=50)
    keyed = replace(sites, keys={"trajectories": np.arange(60) % 2})
    asked = varied_mixtures(sites.intensity, sites.environment, 50, 5, (1, 70)).intensity
    index = np.arange(0, 60, 2)

    def read(factor: float, has_target: bool):
        scaled = replace(keyed, coordination=factor * keyed.coordination, has_target=has_target)
        regressor, _ = fit_samples(method, scaled, index, seed=0)
        return regressor.unit, regressor.predict(asked)

    unit, expected = read(1.0, True)
    assert unit == pytest.approx(keyed.coordination[index].std() / 1.12)
    scaled_unit, scaled = read(0.125, True)
    assert scaled_unit == pytest.approx(0.125 * unit)
    np.testing.assert_allclose(scaled, 0.125 * expected, rtol=1e-4, atol=1e-6)
    assert read(0.125, False)[0] == 1.0, "a coordination number counts neighbours"
    assert read(0.0, True)[0] == 1.0, "a target that is the same everywhere has no spread"


def test_fits_that_go_round_in_circles_are_finished_another_way(sites, asked, monkeypatch):
    def stuck(*_):
        raise RuntimeError("Maximum number of iterations reached.")

    expected = fractions_by_means(asked[0][:5], sites, np.arange(60))
    monkeypatch.setattr("scipy.optimize.nnls", stuck)
    found = fractions_by_means(asked[0][:5], sites, np.arange(60))
    np.testing.assert_allclose(found, expected, atol=1e-3)
