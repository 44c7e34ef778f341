"""Scores of answers, and medians of scores over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped


def accuracy(predicted: Shaped[np.ndarray, " n"], true: Shaped[np.ndarray, " n"]) -> float:
    """Share of right answers.

    Examples
    --------
    >>> accuracy(np.array(["a", "b"]), np.array(["a", "a"]))
    0.5
    """
    return float(np.mean(predicted == true))


def macro_f1(predicted: Shaped[np.ndarray, " n"], true: Shaped[np.ndarray, " n"]) -> float:
    """Mean of the F1 scores of the classes that occur among the true or predicted answers.

    Examples
    --------
    >>> macro_f1(np.array(["a", "b", "b"]), np.array(["a", "b", "b"]))
    1.0
    """
    scores = []
    for label in np.union1d(predicted, true):
        hits = np.sum((predicted == label) & (true == label))
        scores.append(2 * hits / (np.sum(predicted == label) + np.sum(true == label)))
    return float(np.mean(scores))


def regression_scores(
    predicted: Float[np.ndarray, " n"], true: Float[np.ndarray, " n"], training_mean: float
) -> dict[str, float | None]:
    """Mean squared error beside that of the constant training mean, its root, and R2.

    Returns
    -------
    dict
        ``mse_test``, ``rmse_test``, ``constant_mse_test``, ``r2_test``, ``mean_coordination``. R2
        compares with the mean of `true`, which no predictor knows; the constant does not. R2 is
        None where all of `true` are alike.

    Examples
    --------
    >>> regression_scores(np.array([1.0, 2.0]), np.array([1.0, 2.0]), 0.5)["constant_mse_test"]
    1.25
    """
    mse = float(np.mean((predicted - true) ** 2))
    return {
        "mse_test": mse,
        "rmse_test": mse**0.5,
        "constant_mse_test": float(np.mean((training_mean - true) ** 2)),
        "r2_test": 1.0 - mse / float(true.var()) if np.ptp(true) else None,
        "mean_coordination": float(true.mean()),
    }


def r2_in_words(scores: Mapping[str, Any]) -> str:
    """R2 of `regression_scores` for a reader.

    Examples
    --------
    >>> r2_in_words({"r2_test": 0.874}), r2_in_words({"r2_test": None})
    ('0.87', 'undefined')
    """
    return "undefined" if scores["r2_test"] is None else f"{scores['r2_test']:.2f}"


def medians(results: Sequence[Any]) -> Any:
    """Median over seeds of every number in equally built dictionaries; None where one is None.

    Examples
    --------
    >>> medians([{"a": {"b": 1.0}}, {"a": {"b": 3.0}}, {"a": {"b": 2.0}}])
    {'a': {'b': 2.0}}
    """
    if isinstance(results[0], dict):
        return {key: medians([result[key] for result in results]) for key in results[0]}
    return None if None in results else float(np.median(results))


def ranges(results: Sequence[Any]) -> Any:
    """Least and greatest over seeds of every number in equally built dictionaries.

    None where one is None.

    Examples
    --------
    >>> ranges([{"a": 1.0}, {"a": 3.0}])
    {'a': [1.0, 3.0]}
    """
    if isinstance(results[0], dict):
        return {key: ranges([result[key] for result in results]) for key in results[0]}
    return None if None in results else [float(np.min(results)), float(np.max(results))]
