"""Methods: how the sites of a library become a fitted classifier and regressor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from nearedge.mixtures import (
    Sites,
    class_fractions,
    classifier_mixtures,
    regressor_mixtures,
    varied_mixtures,
)
from nearedge.models.augmentation import Augmentation
from nearedge.models.composition import train_composition
from nearedge.models.ensemble import ClassifierEnsemble
from nearedge.models.estimators import SpectrumClassifier, SpectrumRegressor
from nearedge.models.settings import TrainingSettings
from nearedge.spectra import EnergyGrid

_COMPOSITION = TrainingSettings(
    "cross-entropy", epochs=50, batch_size=256, learning_rate=0.003, penalty=1000.0
)


@dataclass(frozen=True)
class Method:
    """What a method trains on, and the arguments of its two estimators.

    Attributes
    ----------
    grid
        Energies at which spectra are sampled.
    classifier, regressor
        Arguments of `SpectrumClassifier` and `SpectrumRegressor`.
    classifier_mixtures, regressor_mixtures
        How many mixtures each is trained on.
    classifier_sizes, regressor_sizes
        Least and greatest number of raw spectra in a mixture.
    composition, composition_mixtures, composition_sizes
        The same for the networks that read the fractions of the environments: their training's
        `TrainingSettings`, and the mixtures, half drawn from the library as it is and half in
        proportions of any kind.
    augmentation
        How mixtures are changed before training.
    """

    grid: EnergyGrid
    classifier: Mapping[str, Any] = field(default_factory=dict)
    regressor: Mapping[str, Any] = field(default_factory=dict)
    classifier_mixtures: int = 4800
    regressor_mixtures: int = 6000
    classifier_sizes: tuple[int, int] = (2, 8)
    regressor_sizes: tuple[int, int] = (20, 70)
    composition: TrainingSettings = _COMPOSITION
    composition_mixtures: int = 6000
    composition_sizes: tuple[int, int] = (1, 70)
    augmentation: Augmentation | None = None

    def within(self, window_eV: tuple[float, float]) -> Method:
        """Return the same method on another energy window, with points as far apart."""
        first, last = window_eV
        points = max(2, round((last - first) / self.grid.step_eV) + 1)
        return replace(self, grid=EnergyGrid(float(first), float(last), points))

    def change(
        self, intensity: Float[np.ndarray, "n energy"], seed: int, share: float | None = None
    ) -> Float[np.ndarray, "n energy"]:
        """Change spectra as in training; `share` of them, where it is not to be the method's."""
        if self.augmentation is None:
            return intensity
        used = self.augmentation if share is None else replace(self.augmentation, share=share)
        return used.apply(intensity, self.grid, seed)


_NETWORK = {"hidden": (64, 32), "ensemble": 8, "normalise": "area", "learning_rate": 0.003}

DEFAULT = Method(
    grid=EnergyGrid(-5.0, 25.0, 151),
    classifier={**_NETWORK, "epochs": 60, "batch_size": 64, "penalty": 100.0},
    regressor={**_NETWORK, "epochs": 200, "batch_size": 256, "penalty": 1000.0},
    classifier_sizes=(1, 4),
    regressor_sizes=(1, 70),
    augmentation=Augmentation(share=0.5, broadening_eV=1.0, noise=0.03),
)
"""What nearedge does unless told otherwise; docs/protocols.md says how it was chosen."""


def fit_classifier(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float = 1.0
) -> SpectrumClassifier:
    """Fit the classifier of a method on mixtures of some sites.

    Parameters
    ----------
    method
        What to train.
    sites
        Sampled on the method's grid.
    index
        Sites to train on, as rows of `sites`.
    seed
        Of the mixtures and of the training.
    effort
        Share of epochs and mixtures; less than 1 for a quick look.
    """
    mixtures = classifier_mixtures(
        sites.intensity,
        sites.environment,
        _share(method.classifier_mixtures, effort),
        seed,
        sizes=method.classifier_sizes,
        site_index=index,
    )
    estimator = SpectrumClassifier(**_scaled(method.classifier, effort), random_state=seed)
    intensity = method.change(mixtures.intensity, seed)
    return estimator.fit(intensity, np.array(sites.labels)[mixtures.target])


def fit_regressor(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float = 1.0
) -> SpectrumRegressor:
    """Fit the regressor of a method on mixtures of some sites; arguments as `fit_classifier`."""
    mixtures = regressor_mixtures(
        sites.intensity,
        sites.coordination,
        _share(method.regressor_mixtures, effort),
        seed,
        sizes=method.regressor_sizes,
        site_index=index,
    )
    estimator = SpectrumRegressor(**_scaled(method.regressor, effort), random_state=seed)
    return estimator.fit(method.change(mixtures.intensity, seed), mixtures.target)


def fit_composition(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float = 1.0
) -> ClassifierEnsemble:
    """Fit the networks that read fractions of environments; arguments as `fit_classifier`."""
    count = _share(method.composition_mixtures, effort)
    sizes = method.composition_sizes
    parts = [
        regressor_mixtures(
            sites.intensity, sites.coordination, count - count // 2, seed, sizes, index
        ),
        varied_mixtures(sites.intensity, sites.environment, count // 2, seed, sizes, index),
    ]
    intensity = np.concatenate([part.intensity for part in parts])
    classes = len(sites.labels)
    return train_composition(
        method.change(intensity, seed),
        np.concatenate([class_fractions(part, sites.environment, classes) for part in parts]),
        sites.labels,
        replace(method.composition, epochs=_share(method.composition.epochs, effort)),
        seed,
    )


def _share(count: int, effort: float) -> int:
    return max(1, round(count * effort))


def _scaled(arguments: Mapping[str, Any], effort: float) -> dict[str, Any]:
    epochs = arguments.get("epochs")
    return dict(arguments) | ({"epochs": _share(epochs, effort)} if epochs else {})
