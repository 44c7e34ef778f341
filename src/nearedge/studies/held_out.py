"""What holds on sites of unseen groups: nearedge's method and the baselines, on one split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.mixtures import Examples, Sites, examples_of_parts
from nearedge.models.kinds import Classifier, Regressor
from nearedge.models.method import Method, fit_classifier, fit_samples
from nearedge.studies.classical import Question, held_out_classifier, held_out_regressor
from nearedge.studies.paper import COUNTS
from nearedge.studies.scores import accuracy, macro_f1, regression_scores


@dataclass(frozen=True, eq=False)
class Split:
    """Sites to train on and sites of other groups to ask about.

    Attributes
    ----------
    sites
        Sampled on the grid of whoever is trained.
    train, test
        Rows of `sites`.
    seed
        Of mixtures and training.
    effort
        Share of epochs and mixtures.
    """

    sites: Sites
    train: Int[np.ndarray, " trained"]
    test: Int[np.ndarray, " tested"]
    seed: int
    effort: float = 1.0

    def examples(self, task: str) -> Examples:
        """Mixtures of the paper's number and sizes within the two parts.

        They have the same members whatever grid the sites are sampled on.
        """
        parts = {"train": self.train, "test": self.test}
        count = round(COUNTS[task] * self.effort)
        return examples_of_parts(self.sites, parts, task, count, self.seed)


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
    method: Method, split: Split, baselines: Mapping[str, Int[np.ndarray, " site"]]
) -> ClassifierAnswers:
    """Train nearedge's classifier on one part of a split and ask it about the other.

    Parameters
    ----------
    method
        nearedge's method.
    split
        Which sites to train on, and which to ask about.
    baselines
        Class codes that others gave for the sites of the test part, by name.
    """
    classifier = fit_classifier(method, split.sites, split.train)
    return ask_classifier(classifier, split, baselines)


def ask_classifier(
    classifier: Classifier, split: Split, baselines: Mapping[str, Int[np.ndarray, " site"]]
) -> ClassifierAnswers:
    """Ask a classifier that was trained on one part of a split about the other."""
    sites, test = split.sites, split.test
    labels = np.array(sites.labels)
    mixtures = split.examples("classifier").mixtures["test"]
    probabilities = classifier.predict_proba(sites.intensity[test])
    return ClassifierAnswers(
        predicted=classifier.classes[probabilities.argmax(axis=1)],
        true=labels[sites.environment[test]],
        probability=probabilities.max(axis=1),
        mixtures_accuracy=accuracy(classifier.predict(mixtures.intensity), labels[mixtures.target]),
        baselines={name: labels[codes] for name, codes in baselines.items()},
    )


def regressor_answers(
    method: Method, split: Split, baselines: Mapping[str, Float[np.ndarray, " mixture"]]
) -> RegressorAnswers:
    """Train nearedge's regressor on one part of a split and ask about mixtures of the other.

    Arguments as `classifier_answers`; `baselines` are numbers for the mixtures of
    ``split.examples("regressor")``.
    """
    regressor, _ = fit_samples(method, split.sites, split.train, split.seed, split.effort)
    return ask_regressor(regressor, split, baselines)


def ask_regressor(
    regressor: Regressor,
    split: Split,
    baselines: Mapping[str, Float[np.ndarray, " mixture"]],
) -> RegressorAnswers:
    """Ask a regressor that was trained on one part of a split about mixtures of the other."""
    asked = split.examples("regressor").mixtures["test"]
    return RegressorAnswers(
        predicted=regressor.predict(asked.intensity).astype(float),
        true=asked.target,
        training_mean=float(split.sites.coordination[split.train].mean()),
        baselines={name: numbers.astype(float) for name, numbers in baselines.items()},
    )


def classical_questions(split: Split, near_edge: int | None = None) -> tuple[Question, Question]:
    """What the classical baselines of both tasks are asked about a split.

    ``near_edge`` as of `held_out_classifier`.
    """
    sites, train, seed = split.sites, split.train, split.seed
    asked = split.examples("regressor").mixtures["test"]
    return (
        held_out_classifier(sites, train, split.test, seed, near_edge),
        held_out_regressor(sites, train, asked, seed, split.effort),
    )
