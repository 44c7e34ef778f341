"""Kernel expansions as scikit-learn estimators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nearedge.models.expansion import KernelClassifier, KernelRegressor
from nearedge.models.kernel import KernelSettings, fit_kernel_classifier, fit_kernel_regression


# As in `estimators`: no __eq__ and no __repr__, and fields that take anything.
@dataclass(eq=False, repr=False)
class _KernelEstimator(BaseEstimator):
    window: Any = None
    width: Any = 4.0
    radial: Any = 300.0
    normalise: Any = "area"

    def _checked(self, x: Any) -> np.ndarray:
        check_is_fitted(self)
        return np.asarray(validate_data(self, x, reset=False, dtype=np.float64))


@dataclass(eq=False, repr=False)
class KernelSpectrumClassifier(ClassifierMixin, _KernelEstimator):
    """Site to class by kernel logistic regression, see `fit_kernel_classifier`.

    Parameters
    ----------
    window, width, radial, normalise
        See `KernelSettings`.

    Attributes
    ----------
    model_ : KernelClassifier
        What was fitted.
    classes_ : array
        Labels in the order of the probabilities.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spectra = 5 + rng.normal(size=(200, 5))
    >>> labels = np.where(spectra[:, 0] > 5, "1 Fe", "2 Fe")
    >>> classifier = KernelSpectrumClassifier(normalise="none")
    >>> classifier = classifier.fit(spectra[:150], labels[:150])
    >>> classifier.score(spectra[150:], labels[150:]) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> KernelSpectrumClassifier:
        """Fit to sampled intensities (spectrum, point) and one label per spectrum.

        Raises
        ------
        NearedgeError
            If the mean of a spectrum is not positive, or settings are impossible.
        ValueError
            If arrays are not what scikit-learn accepts.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        self.classes_, codes = np.unique(y, return_inverse=True)
        kept = np.ones(len(X), bool) if weight is None else weight > 0
        settings = KernelSettings(self.window, self.width, self.radial, normalise=self.normalise)
        self.model_: KernelClassifier = fit_kernel_classifier(
            X[kept],
            codes[kept],
            self.classes_,
            settings,
            None if weight is None else weight[kept],
        )
        return self

    def predict(self, X: Any) -> Shaped[np.ndarray, " spectrum"]:
        """Label of highest probability."""
        spectra = self._checked(X)
        return self.model_.predict(spectra)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "spectrum class"]:
        """Probabilities of the classes."""
        spectra = self._checked(X)
        return self.model_.predict_proba(spectra)


@dataclass(eq=False, repr=False)
class KernelSpectrumRegressor(RegressorMixin, _KernelEstimator):
    """Sample to number by a Gaussian process, see `fit_kernel_regression`.

    Parameters
    ----------
    window, width, radial, normalise, linear, noise
        See `KernelSettings`.

    Attributes
    ----------
    model_ : KernelRegressor
        What was fitted.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spectra = 5 + rng.normal(size=(200, 5))
    >>> regressor = KernelSpectrumRegressor(noise=0.01, normalise="none")
    >>> regressor = regressor.fit(spectra[:150], spectra[:150, 0])
    >>> regressor.score(spectra[150:], spectra[150:, 0]) > 0.8
    True
    """

    radial: Any = 10.0
    linear: Any = 1.0
    noise: Any = 0.3

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> KernelSpectrumRegressor:
        """Fit to sampled intensities (spectrum, point) and one number per spectrum.

        A spectrum's weight divides its noise: for averages, the number of averaged sites. Errors
        are those of `KernelSpectrumClassifier.fit`.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        weight = np.ones(len(X))
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        settings = KernelSettings(
            self.window, self.width, self.radial, self.linear, self.noise, self.normalise
        )
        kept = weight > 0
        self.model_ = KernelRegressor(
            fit_kernel_regression(X[kept], y.astype(np.float64)[kept, None], weight[kept], settings)
        )
        return self

    def predict(self, X: Any) -> Float[np.ndarray, " spectrum"]:
        """Numbers."""
        spectra = self._checked(X)
        return self.model_.predict(spectra)
