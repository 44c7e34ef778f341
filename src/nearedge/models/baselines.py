"""Classical models to compare the networks with, each from sampled intensities to the answer."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from nearedge.models.preprocessing import unit_mean


def _scaled(estimator: BaseEstimator) -> Pipeline:
    """Area normalisation and feature scaling before the estimator, fitted with it."""
    return make_pipeline(FunctionTransformer(unit_mean), StandardScaler(), estimator)


def classifier_baselines() -> dict[str, Any]:
    """Make unfitted baselines for the environment of a site.

    Returns
    -------
    dict
        By name. All but "majority" divide each spectrum by its mean and scale every feature to
        mean 0 and variance 1, fitted on what they are trained on.

    Examples
    --------
    >>> list(classifier_baselines())
    ['majority', '1-nearest-neighbour', 'logistic', 'support vectors']
    """
    return {
        "majority": DummyClassifier(strategy="most_frequent"),
        "1-nearest-neighbour": _scaled(KNeighborsClassifier(n_neighbors=1)),
        "logistic": _scaled(LogisticRegression(max_iter=5000)),
        "support vectors": _scaled(SVC(C=10.0)),
    }


def regressor_baselines() -> dict[str, Any]:
    """Make unfitted baselines for a coordination number.

    Returns
    -------
    dict
        By name; inputs are prepared as for `classifier_baselines`.

    Examples
    --------
    >>> list(regressor_baselines())
    ['mean', '1-nearest-neighbour', 'ridge', 'support vectors']
    """
    return {
        "mean": DummyRegressor(),
        "1-nearest-neighbour": _scaled(KNeighborsRegressor(n_neighbors=1)),
        "ridge": _scaled(Ridge(alpha=1.0)),
        # Averages over many sites differ by little, so the tube must be narrow.
        "support vectors": _scaled(SVR(C=10.0, epsilon=0.01)),
    }
