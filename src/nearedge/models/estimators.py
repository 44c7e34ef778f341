"""The networks as scikit-learn estimators, with the paper's settings as defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nearedge.errors import NearedgeError, UsageError
from nearedge.models.ensemble import ClassifierEnsemble, Ensemble, RegressorEnsemble
from nearedge.models.examples import Examples
from nearedge.models.network import Architecture, Parameters
from nearedge.models.preprocessing import Preprocessing, fit_preprocessing
from nearedge.models.settings import PAPER_CLASSIFIER, PAPER_REGRESSOR, TrainingSettings

Progress = Callable[[int, int], None]


# No __eq__, since scikit-learn compares by identity, and no __repr__, since it brings its own. The
# fields take anything: scikit-learn wants a constructor that only stores, and `fit` refuses.
@dataclass(eq=False, repr=False)
class _SpectrumEstimator(BaseEstimator):
    """What the classifier and the regressor share; see `SpectrumClassifier`."""

    hidden: Any = (8, 6)
    epochs: Any = PAPER_CLASSIFIER.epochs
    batch_size: Any = PAPER_CLASSIFIER.batch_size
    learning_rate: Any = PAPER_CLASSIFIER.learning_rate
    penalty: Any = PAPER_CLASSIFIER.penalty
    ensemble: Any = 1
    normalise: Any = "none"
    representation: Any = "intensity"
    patience: Any = None
    validation_fraction: Any = 0.25
    start: Any = None
    random_state: Any = 0

    def _train(
        self,
        x: np.ndarray,
        y: np.ndarray,
        outputs: int,
        loss: str,
        sample_weight: Any,
        groups: Any,
        progress: Progress | None,
    ) -> tuple[Parameters, Preprocessing]:
        # Numba takes half a second to import, and only training needs it.
        from nearedge.models.training import fresh_state, train

        settings = TrainingSettings(
            loss, self.epochs, self.batch_size, self.learning_rate, self.penalty, self.patience
        )
        if self.ensemble < 1:
            raise UsageError(f"ensemble is {self.ensemble}; give 1 or more")
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, x, dtype=np.float64, ensure_non_negative=True
            )
        random = check_random_state(self.random_state)
        rows, held_back = self._split(x, groups, random.randint(2**31 - 1))
        # Scaling is fitted on the training rows alone; weights that are continued need the scaling
        # that they were trained with.
        preprocessing = self._started(outputs) or fit_preprocessing(
            x[rows], self.normalise, self.representation, None if weight is None else weight[rows]
        )
        preprocessing.check(x)
        inputs = preprocessing.inputs(x)

        def part(chosen: np.ndarray) -> Examples:
            return Examples(inputs[chosen], y[chosen], None if weight is None else weight[chosen])

        trained = train(
            Architecture(x.shape[1], tuple(self.hidden), outputs),
            part(rows),
            settings,
            random.randint(2**31 - 1, size=self.ensemble).tolist(),
            validation=None if held_back is None else part(held_back),
            start=None
            if self.start is None
            else [fresh_state(member) for member in self.start.members()],
            progress=progress,
        )
        self.history_ = trained.history
        self.epochs_ = trained.epochs
        layers = tuple(
            (np.stack([weight for weight, _ in layer]), np.stack([bias for _, bias in layer]))
            for layer in zip(*trained.parameters, strict=True)
        )
        return layers, preprocessing

    def _split(
        self, x: np.ndarray, groups: Any, seed: int
    ) -> tuple[Int[np.ndarray, " trained"], Int[np.ndarray, " held_back"] | None]:
        if self.patience is None:
            return np.arange(len(x)), None
        splitter = ShuffleSplit if groups is None else GroupShuffleSplit
        try:
            split = splitter(1, test_size=self.validation_fraction, random_state=seed)
            return next(iter(split.split(x, groups=groups)))
        except ValueError as error:
            raise NearedgeError(
                f"cannot set aside {self.validation_fraction} of {len(x)} examples for early "
                f"stopping: {error}; give more examples or groups, or patience=None"
            ) from None

    def _started(self, outputs: int) -> Preprocessing | None:
        """Preprocessing of the ensemble to start from, if there is one and it fits."""
        if self.start is None:
            return None
        given: Ensemble = self.start
        asked = (tuple(self.hidden), outputs, self.ensemble, self.normalise, self.representation)
        preprocessing = given.preprocessing
        found = (
            given.architecture.hidden,
            given.architecture.outputs,
            len(given.members()),
            preprocessing.normalise,
            preprocessing.representation,
        )
        if asked != found:
            raise UsageError(
                "the ensemble to start from has (hidden, outputs, members, normalise, "
                f"representation) = {found}, but {asked} is asked for"
            )
        return preprocessing

    def _checked(self, x: Any) -> np.ndarray:
        check_is_fitted(self)
        return np.asarray(validate_data(self, x, reset=False, dtype=(np.float64, np.float32)))


@dataclass(eq=False, repr=False)
class SpectrumClassifier(ClassifierMixin, _SpectrumEstimator):
    """Site to class: an ensemble of networks that reads the environment from a spectrum.

    Defaults are those of the paper: 70-8-6-6 for 70 intensities and six classes, L2 parameter 0.1,
    Adam with learning rate 0.01, mini-batches of 32, 1500 epochs, one network.

    Parameters
    ----------
    hidden
        Nodes of each hidden layer.
    epochs, batch_size, learning_rate, penalty
        See `TrainingSettings`.
    ensemble
        Number of members, trained side by side from different seeds; probabilities are averaged.
    normalise
        ``"none"``, or ``"area"``: divide each spectrum by its mean.
    representation
        ``"intensity"``, or ``"cumulative"``: running sums over energy.
    patience
        None, or early stopping: a member ends after this many epochs without a lower loss on
        examples set aside, and keeps its parameters of lowest loss.
    validation_fraction
        Share set aside if there is `patience`: of the groups, if groups are given to `fit`.
    start
        None, or a trained `ClassifierEnsemble` whose weights, scaling and classes are continued
        from; its shape must be the one asked for.
    random_state
        Seed of initial weights, shuffling and the validation part.

    Attributes
    ----------
    ensemble_ : ClassifierEnsemble
        What was trained, with the input scaling (`ensemble_.preprocessing`); all that is saved.
    classes_ : array
        Labels in the order of the probabilities.
    history_ : dict
        Losses per epoch and member, see `Trained`.
    epochs_ : array
        Epochs that each member was trained.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spectra = rng.normal(size=(200, 5))
    >>> labels = np.where(spectra[:, 0] > 0, "1 Fe", "2 Fe")
    >>> classifier = SpectrumClassifier(epochs=50, ensemble=2).fit(spectra, labels)
    >>> classifier.score(spectra, labels) > 0.9
    True
    >>> classifier.member_probabilities(spectra[:3]).shape
    (2, 3, 2)
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        progress: Progress | None = None,
    ) -> SpectrumClassifier:
        """Train on sampled intensities (spectrum, point) and one label per spectrum.

        Parameters
        ----------
        X, y
            Intensities and labels.
        sample_weight
            One weight per spectrum, not negative; None for equal weights.
        groups
            One group per spectrum; for early stopping, whole groups are set aside.
        progress
            Called with the epochs done and the epochs in all.

        Raises
        ------
        NearedgeError
            If training diverges, or settings or data are impossible.
        ValueError
            If arrays are not what scikit-learn accepts.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        known = np.unique(y) if self.start is None else self.start.classes
        codes = np.searchsorted(known, y).clip(max=len(known) - 1)
        if (known[codes] != y).any():
            unknown = y[known[codes] != y][0]
            raise UsageError(
                f"label {unknown} is not one of the classes of the ensemble to start from: "
                f"{', '.join(map(str, known))}"
            )
        layers, preprocessing = self._train(
            X, codes, len(known), "cross-entropy", sample_weight, groups, progress
        )
        self.ensemble_ = ClassifierEnsemble(layers, preprocessing, known)
        self.classes_ = known
        return self

    def predict(self, X: Any) -> Shaped[np.ndarray, " spectrum"]:
        """Label of highest probability, for every spectrum."""
        spectra = self._checked(X)
        return self.ensemble_.predict(spectra)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "spectrum class"]:
        """Probabilities, averaged over members."""
        spectra = self._checked(X)
        return self.ensemble_.predict_proba(spectra)

    def member_probabilities(self, X: Any) -> Float[np.ndarray, "member spectrum class"]:
        """Probabilities by every member."""
        spectra = self._checked(X)
        return self.ensemble_.member_probabilities(spectra)


@dataclass(eq=False, repr=False)
class SpectrumRegressor(RegressorMixin, _SpectrumEstimator):
    """Sample to number: an ensemble of networks that reads a coordination number.

    Defaults are those of the paper: 70-8-6-1 for 70 intensities, L2 parameter 0.1, Adam with
    learning rate 0.001, mini-batches of 256, 400 epochs, one network.

    Parameters
    ----------
    hidden, epochs, batch_size, learning_rate, penalty, ensemble, normalise, representation, \
patience, validation_fraction, random_state
        As of `SpectrumClassifier`; members' numbers are averaged.
    start
        None, or a trained `RegressorEnsemble` whose weights and scaling are continued from.

    Attributes
    ----------
    ensemble_ : RegressorEnsemble
        What was trained, with the input scaling (`ensemble_.preprocessing`); all that is saved.
    history_ : dict
        Losses per epoch and member, see `Trained`.
    epochs_ : array
        Epochs that each member was trained.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spectra = rng.normal(size=(200, 5))
    >>> regressor = SpectrumRegressor(epochs=200, learning_rate=0.02)
    >>> regressor.fit(spectra, spectra[:, 0]).score(spectra, spectra[:, 0]) > 0.9
    True
    >>> regressor.predict_members(spectra[:3]).shape
    (1, 3)
    """

    epochs: Any = PAPER_REGRESSOR.epochs
    batch_size: Any = PAPER_REGRESSOR.batch_size
    learning_rate: Any = PAPER_REGRESSOR.learning_rate
    penalty: Any = PAPER_REGRESSOR.penalty

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        progress: Progress | None = None,
    ) -> SpectrumRegressor:
        """Train on sampled intensities (spectrum, point) and one number per spectrum.

        Arguments and errors are those of `SpectrumClassifier.fit`.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), y_numeric=True)
        layers, preprocessing = self._train(
            X, y.astype(np.float64), 1, "mean squared error", sample_weight, groups, progress
        )
        self.ensemble_ = RegressorEnsemble(layers, preprocessing)
        return self

    def predict(self, X: Any) -> Float[np.ndarray, " spectrum"]:
        """Numbers, averaged over members."""
        spectra = self._checked(X)
        return self.ensemble_.predict(spectra)

    def predict_members(self, X: Any) -> Float[np.ndarray, "member spectrum"]:
        """Numbers by every member."""
        spectra = self._checked(X)
        return self.ensemble_.predict_members(spectra)
