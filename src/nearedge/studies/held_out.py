"""What holds on sites of unseen groups: nearedge's method and the baselines, on one split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.mixtures import Examples, Sites, examples_of_parts, regressor_mixtures
from nearedge.models.baselines import classifier_baselines, regressor_baselines
from nearedge.models.method import Method, fit_classifier, fit_regressor
from nearedge.studies.paper import COUNTS
from nearedge.studies.scores import accuracy, macro_f1, regression_scores

# Support vectors take time with the square of the number of examples.
_BASELINE_MIXTURES = 2000


@dataclass(frozen=True, eq=False)
class ClassifierAnswers:
    """Answers on the raw sites of a test part.

    Attributes
    ----------
    predicted, true
        Labels (site,).
    probability
        Of the predicted label (site,).
    mixtures_accuracy
        Accuracy on mixtures of the test sites.
    baselines
        Labels (site,) by the name of the baseline.
    """

    predicted: Shaped[np.ndarray, " site"]
    true: Shaped[np.ndarray, " site"]
    probability: Float[np.ndarray, " site"]
    mixtures_accuracy: float
    baselines: dict[str, Shaped[np.ndarray, " site"]]

    def scores(self) -> dict[str, Any]:
        """The entries of ``classifier.held_out`` in ``results.json``."""
        return {
            "mixtures_test": self.mixtures_accuracy,
            "sites_test": accuracy(self.predicted, self.true),
            "macro_f1": macro_f1(self.predicted, self.true),
            "baselines": {
                name: accuracy(labels, self.true) for name, labels in self.baselines.items()
            },
        }


@dataclass(frozen=True, eq=False)
class RegressorAnswers:
    """Answers on mixtures of the raw sites of a test part.

    Attributes
    ----------
    predicted, true
        Average coordination numbers (mixture,).
    training_mean
        Mean over the training sites: the constant predictor.
    baselines
        Numbers (mixture,) by the name of the baseline.
    """

    predicted: Float[np.ndarray, " mixture"]
    true: Float[np.ndarray, " mixture"]
    training_mean: float
    baselines: dict[str, Float[np.ndarray, " mixture"]]

    def scores(self) -> dict[str, Any]:
        """The entries of ``regressor.held_out`` in ``results.json``."""
        return {
            **regression_scores(self.predicted, self.true, self.training_mean),
            "baselines": {
                name: float(np.mean((numbers - self.true) ** 2))
                for name, numbers in self.baselines.items()
            },
        }


def classifier_answers(
    method: Method,
    sites: Sites,
    paper_sites: Sites,
    train: Int[np.ndarray, " trained"],
    test: Int[np.ndarray, " tested"],
    seed: int,
    effort: float = 1.0,
) -> ClassifierAnswers:
    """Train nearedge's classifier and the baselines on some sites and ask them about others.

    Parameters
    ----------
    method
        nearedge's method.
    sites, paper_sites
        The same sites on the method's grid and on the paper's, which the baselines see.
    train, test
        Rows of both.
    seed
        Of mixtures and training.
    effort
        Share of epochs and mixtures.
    """
    labels = np.array(sites.labels)
    classifier = fit_classifier(method, sites, train, seed, effort)
    mixtures = _test_mixtures(sites, train, test, "classifier", seed, effort)
    probabilities = classifier.predict_proba(sites.intensity[test])
    return ClassifierAnswers(
        predicted=classifier.classes_[probabilities.argmax(axis=1)],
        true=labels[sites.environment[test]],
        probability=probabilities.max(axis=1),
        mixtures_accuracy=accuracy(classifier.predict(mixtures.intensity), labels[mixtures.target]),
        baselines={
            name: model.fit(
                paper_sites.intensity[train], labels[paper_sites.environment[train]]
            ).predict(paper_sites.intensity[test])
            for name, model in classifier_baselines().items()
        },
    )


def regressor_answers(
    method: Method,
    sites: Sites,
    paper_sites: Sites,
    train: Int[np.ndarray, " trained"],
    test: Int[np.ndarray, " tested"],
    seed: int,
    effort: float = 1.0,
) -> RegressorAnswers:
    """Train nearedge's regressor and the baselines on some sites and ask about mixtures of others.

    Arguments as `classifier_answers`.
    """
    regressor = fit_regressor(method, sites, train, seed, effort)
    asked = _test_mixtures(sites, train, test, "regressor", seed, effort)
    baseline_asked = _test_mixtures(paper_sites, train, test, "regressor", seed, effort)
    taught = regressor_mixtures(
        paper_sites.intensity,
        paper_sites.coordination,
        round(_BASELINE_MIXTURES * effort),
        seed,
        site_index=train,
    )
    return RegressorAnswers(
        predicted=regressor.predict(asked.intensity),
        true=asked.target,
        training_mean=float(sites.coordination[train].mean()),
        baselines={
            name: model.fit(taught.intensity, taught.target).predict(baseline_asked.intensity)
            for name, model in regressor_baselines().items()
        },
    )


def _test_mixtures(
    sites: Sites,
    train: Int[np.ndarray, " trained"],
    test: Int[np.ndarray, " tested"],
    task: str,
    seed: int,
    effort: float,
) -> Any:
    """Mixtures of the test part; the same members whatever grid the sites are sampled on."""
    return split_examples(sites, train, test, task, seed, effort).mixtures["test"]


def split_examples(
    sites: Sites,
    train: Int[np.ndarray, " trained"],
    test: Int[np.ndarray, " tested"],
    task: str,
    seed: int,
    effort: float = 1.0,
) -> Examples:
    """Mixtures of the paper's number and sizes within the two parts of a given split."""
    return examples_of_parts(
        sites, {"train": train, "test": test}, task, round(COUNTS[task] * effort), seed
    )
