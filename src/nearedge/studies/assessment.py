"""How well a method does on a library's unseen groups, and a trained model on a new library."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.data import model_folder
from nearedge.errors import NearedgeError, UsageError
from nearedge.library import open_library
from nearedge.mixtures import (
    GroupBy,
    Sites,
    group_folds,
    load_sites,
    regressor_mixtures,
)
from nearedge.models import load_model
from nearedge.models.method import DEFAULT
from nearedge.spectra import PAPER_GRID, EnergyGrid
from nearedge.studies.classical import ask
from nearedge.studies.held_out import (
    ClassifierAnswers,
    RegressorAnswers,
    Split,
    classical_questions,
    classifier_answers,
    regressor_answers,
)
from nearedge.studies.paper import train_networks
from nearedge.studies.scores import accuracy, macro_f1, regression_scores

if TYPE_CHECKING:
    import xarray

_FOLDS = 5
_EVALUATION_MIXTURES = 2000


def assess(
    library_path: str | os.PathLike[str],
    *,
    group_by: GroupBy | None = None,
    folds: int | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Cross-validate nearedge's method, the paper's network and the baselines on whole groups.

    Every site is answered once, by models that saw no site of its group.

    Parameters
    ----------
    library_path
        A labelled library.
    group_by
        What is never split; by default trajectories where there are at least 5, else atoms.
    folds
        Number of folds, by default 5 or the number of groups if that is less.
    seed
        Of the folds, the mixtures and the training.
    executor
        Where the classical baselines run; None for here, one after the other.
    progress
        Called with (what, done, in all).

    Returns
    -------
    dict
        ``classifier.held_out``, ``regressor.held_out``, ``audit``, ``group_by``, ``folds``,
        ``sites``, ``classes`` and ``seed``.
    """
    library = open_library(library_path).load()
    return assess_library(
        library, group_by=group_by, folds=folds, seed=seed, executor=executor, progress=progress
    )


def assess_library(
    library: xarray.Dataset,
    *,
    group_by: GroupBy | None = None,
    folds: int | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Do what `assess` does for a library that is open already."""
    sites = load_sites(library, DEFAULT.grid, group_by)
    paper_sites = load_sites(library, PAPER_GRID, group_by)
    groups = len(np.unique(sites.group))
    folds = min(_FOLDS, groups) if folds is None else folds
    if not 2 <= folds <= groups:
        raise UsageError(f"--folds {folds}: give 2 to {groups}, the number of groups")
    splits = group_folds(sites.group, folds, seed, classes=sites.environment)
    networks = {
        task: _paper_networks(paper_sites, splits, task, seed)
        for task in ("classifier", "regressor")
    }
    classifiers: list[ClassifierAnswers] = []
    regressors: list[RegressorAnswers] = []
    parts = [Split(sites, *rows, seed + fold) for fold, rows in enumerate(splits)]
    questions = [question for split in parts for question in classical_questions(split)]
    classical = ask(
        questions,
        executor,
        None if progress is None else lambda *done: progress("baselines", *done),
    )
    for fold, split in enumerate(parts):
        network, _ = networks["classifier"][fold]
        paper = network.codes(paper_sites.intensity[split.test])
        baselines = {**classical[2 * fold], "paper": paper}
        classifiers.append(classifier_answers(DEFAULT, split, baselines))
        network, examples = networks["regressor"][fold]
        paper = network.outputs(examples.mixtures["test"].intensity)[:, 0]
        baselines = {**classical[2 * fold + 1], "paper": paper}
        regressors.append(regressor_answers(DEFAULT, split, baselines))
        if progress is not None:
            progress("folds", fold + 1, folds)
    shared = [examples.shared for _, examples in networks["classifier"]]
    return {
        "classifier": {"held_out": _all_sites(classifiers)},
        "regressor": {"held_out": _all_mixtures(regressors)},
        "audit": {
            f"held_out_shared_{what}_fraction": float(np.mean([s[what] for s in shared]))
            for what in shared[0]
        },
        "group_by": sites.group_by,
        "folds": folds,
        "sites": len(sites.group),
        "classes": {
            label: int(np.sum(sites.environment == code)) for code, label in enumerate(sites.labels)
        },
        "seed": seed,
    }


def evaluate(model: str, library_path: str | os.PathLike[str], seed: int = 0) -> dict[str, Any]:
    """Score a trained model on a labelled library that it never saw.

    Returns
    -------
    dict
        ``accuracy``, ``macro_f1``, ``coverage`` and ``mean_set_size`` (None while the model
        carries no calibration), ``coordination_mse`` on mixtures beside the mean squared error of
        the constant training mean, ``abstained`` and ``sites``.

    Raises
    ------
    NearedgeError
        If the library's classes or absorber are not the model's.
    """
    loaded = load_model(model_folder(model))
    library = open_library(library_path).load()
    sites = load_sites(library, EnergyGrid(**loaded.info["grid"]), group_by="atom")
    unknown = set(sites.labels) - set(loaded.classifier.classes.tolist())
    if unknown:
        raise NearedgeError(
            f"{library_path}: holds the classes {', '.join(sorted(unknown))}, which the model has "
            f"never seen; train a model on a library that has them"
        )
    true = np.array(sites.labels)[sites.environment]
    predicted = loaded.classifier.predict(sites.intensity)
    mixtures = regressor_mixtures(sites.intensity, sites.coordination, _EVALUATION_MIXTURES, seed)
    numbers = regression_scores(
        loaded.regressor.predict(mixtures.intensity).astype(float),
        mixtures.target,
        float(loaded.info["library"]["mean_coordination"]),
    )
    return {
        "accuracy": accuracy(predicted, true),
        "macro_f1": macro_f1(predicted, true),
        "coverage": None,
        "mean_set_size": None,
        "coordination_mse": numbers["mse_test"],
        "constant_mse": numbers["constant_mse_test"],
        "coordination_r2": numbers["r2_test"],
        "abstained": 0,
        "sites": len(sites.group),
    }


def _paper_networks(
    sites: Sites, splits: Sequence[tuple[np.ndarray, np.ndarray]], task: str, seed: int
) -> list[tuple[Any, Any]]:
    """The paper's network for every fold, with the examples of the fold."""
    examples = [
        Split(sites, train, test, seed + fold).examples(task)
        for fold, (train, test) in enumerate(splits)
    ]
    outputs = len(sites.labels) if task == "classifier" else 1
    networks = train_networks(examples, task, outputs, [seed + f for f in range(len(splits))])
    return list(zip(networks, examples, strict=True))


def _all_sites(folds: Sequence[ClassifierAnswers]) -> dict[str, Any]:
    """Scores over the sites of all folds together."""
    return ClassifierAnswers(
        predicted=np.concatenate([fold.predicted for fold in folds]),
        true=np.concatenate([fold.true for fold in folds]),
        probability=np.concatenate([fold.probability for fold in folds]),
        mixtures_accuracy=float(np.mean([fold.mixtures_accuracy for fold in folds])),
        baselines={
            name: np.concatenate([fold.baselines[name] for fold in folds])
            for name in folds[0].baselines
        },
    ).scores()


def _all_mixtures(folds: Sequence[RegressorAnswers]) -> dict[str, Any]:
    """Scores over the mixtures of all folds together, the constant being each fold's own."""
    true = np.concatenate([fold.true for fold in folds])
    scores = RegressorAnswers(
        predicted=np.concatenate([fold.predicted for fold in folds]),
        true=true,
        training_mean=float(np.mean([fold.training_mean for fold in folds])),
        baselines={
            name: np.concatenate([fold.baselines[name] for fold in folds])
            for name in folds[0].baselines
        },
    ).scores()
    constant = np.concatenate([np.full(len(f.true), f.training_mean) for f in folds])
    return scores | {"constant_mse_test": float(np.mean((constant - true) ** 2))}
