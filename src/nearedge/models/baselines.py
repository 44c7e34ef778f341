"""Classical models to compare the networks with, tuned inside what they are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from nearedge.models.preprocessing import features

Folds = Sequence[tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]]

# Equal widths in the scaled inputs: SVC's own "scale" is 1 / (number of points) there.
_KERNELS = ("scale", 0.002, 0.02)
_FOREST: dict[str, Any] = {"n_estimators": 200, "random_state": 0}
# Few and small trees on coarse bins: with six classes boosting still takes most of the time.
_BOOSTING: dict[str, Any] = {
    "max_iter": 50,
    "max_leaf_nodes": 8,
    "max_bins": 63,
    "early_stopping": False,
}
_RATES = {"learning_rate": (0.1, 0.3)}
#: Name of the baseline that sees the near edge alone.
NEAR_EDGE = "support vectors, near edge"


@dataclass(frozen=True)
class Baseline:
    """A classical model and the settings to choose from.

    Attributes
    ----------
    estimator
        Unfitted; from sampled intensities that are not normalised.
    grid
        Values of each setting, by its name in the estimator; empty if there is nothing to choose.
    scoring
        What the choice maximises, as scikit-learn names it.
    """

    estimator: Any
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    scoring: str = "accuracy"

    def tuned(
        self,
        x: Float[np.ndarray, "spectrum point"],
        y: Shaped[np.ndarray, " spectrum"],
        folds: Folds,
    ) -> Any:
        """Choose the settings that do best over folds.

        Parameters
        ----------
        x, y
            Intensities and answers, all of the training part.
        folds
            Rows of `x` to fit on and rows to score; without any, the estimator's own settings stay.

        Returns
        -------
        estimator
            Unfitted, with the settings chosen.

        Examples
        --------
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0]]).repeat(4, axis=0)
        >>> folds = [(np.array([0, 1, 4, 5]), np.array([2, 3, 6, 7]))]
        >>> model = classifier_baselines()["logistic"].tuned(x, np.repeat([0, 1], 4), folds)
        >>> model["model"].C in classifier_baselines()["logistic"].grid["model__C"]
        True
        """
        estimator: Any = clone(self.estimator)
        if not self.grid or not folds:
            return estimator
        search = GridSearchCV(
            estimator, dict(self.grid), cv=list(folds), scoring=self.scoring, refit=False
        )
        return estimator.set_params(**search.fit(x, y).best_params_)


def classifier_baselines(near_edge: int | None = None) -> dict[str, Baseline]:
    """Make baselines for the environment of a site.

    Parameters
    ----------
    near_edge
        How many points from the first on are the near edge. If it is given, the strongest of the
        baselines is made once more, to see nothing but these.

    Returns
    -------
    dict
        By name. All but "majority" divide each spectrum by its mean and scale every feature to
        mean 0 and variance 1, fitted on what they are trained on; those named "cumulative" see
        running sums over energy in place of intensities. The random forest is that of P. Geurts,
        D. Ernst and L. Wehenkel, Mach. Learn. 63, 3 (2006), whose splits are drawn, too: twice as
        fast as one of best splits, and no worse on these spectra.

    Examples
    --------
    >>> list(classifier_baselines())[:3]
    ['majority', '1-nearest-neighbour', '1-nearest-neighbour, cumulative']
    """
    leaves = {"min_samples_leaf": (1, 3)}
    vectors = {"C": (1.0, 10.0, 100.0), "gamma": _KERNELS}
    near = {}
    if near_edge is not None:
        grid = {f"model__{setting}": values for setting, values in vectors.items()}
        near[NEAR_EDGE] = Baseline(_pipeline(SVC(C=10.0), "intensity", near_edge), grid)
    return {
        "majority": Baseline(DummyClassifier(strategy="most_frequent")),
        **_pair("1-nearest-neighbour", KNeighborsClassifier(n_neighbors=1), {}),
        **_pair("logistic", LogisticRegression(max_iter=2000), {"C": (0.003, 0.03, 0.3, 3.0)}),
        **_pair("support vectors", SVC(C=10.0), vectors),
        **near,
        **_pair("random forest", ExtraTreesClassifier(**_FOREST), leaves),
        **_pair("gradient boosting", HistGradientBoostingClassifier(**_BOOSTING), _RATES),
    }


def regressor_baselines() -> dict[str, Baseline]:
    """Make baselines for a coordination number.

    Returns
    -------
    dict
        By name; inputs are prepared as for `classifier_baselines`.

    Examples
    --------
    >>> list(regressor_baselines())[::4]
    ['mean', 'ridge, cumulative', 'random forest, cumulative']
    """
    leaves = {"min_samples_leaf": (1, 5), "max_features": (0.3,)}
    # Averages over many sites differ by little, so the tube must be narrow.
    tube = SVR(C=1.0, epsilon=0.02)
    pairs = {
        **_pair("1-nearest-neighbour", KNeighborsRegressor(n_neighbors=1), {}),
        **_pair("ridge", Ridge(), {"alpha": (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)}),
        **_pair("support vectors", tube, {"C": (0.01, 0.1, 1.0), "gamma": _KERNELS}),
        **_pair("random forest", ExtraTreesRegressor(**_FOREST), leaves),
        **_pair("gradient boosting", HistGradientBoostingRegressor(**_BOOSTING), _RATES),
    }
    scoring = "neg_mean_squared_error"
    return {
        "mean": Baseline(DummyRegressor()),
        **{name: Baseline(pair.estimator, pair.grid, scoring) for name, pair in pairs.items()},
    }


def _pair(name: str, model: Any, grid: Mapping[str, Sequence[Any]]) -> dict[str, Baseline]:
    """One model on intensities and on the cumulative spectrum."""
    settings = {f"model__{setting}": values for setting, values in grid.items()}
    return {
        name: Baseline(_pipeline(model, "intensity"), settings),
        f"{name}, cumulative": Baseline(_pipeline(model, "cumulative"), settings),
    }


def _pipeline(model: Any, representation: str, points: int | None = None) -> Pipeline:
    prepare = partial(_prepared, representation=representation, points=points)
    steps = [("prepare", FunctionTransformer(prepare)), ("scale", StandardScaler())]
    return Pipeline([*steps, ("model", clone(model))])


def _prepared(
    x: Float[np.ndarray, "spectrum point"], representation: str, points: int | None
) -> Float[np.ndarray, "spectrum kept"]:
    return features(x[:, :points], "area", representation)
