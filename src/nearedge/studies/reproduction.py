"""The paper's study in both protocols: numbers, figures and a report in one folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.library import library_info, open_library, open_structures
from nearedge.mixtures import Examples, Sites, held_out_examples, load_sites, pooled_examples
from nearedge.models.method import DEFAULT
from nearedge.spectra import PAPER_GRID
from nearedge.studies.held_out import (
    ClassifierAnswers,
    RegressorAnswers,
    classifier_answers,
    regressor_answers,
)
from nearedge.studies.paper import COUNTS, SETTINGS, Network, train_networks
from nearedge.studies.scores import accuracy, medians, ranges, regression_scores

if TYPE_CHECKING:
    from nearedge.studies.presentation import Study

Progress = Callable[[str, int, int], None]

PAPER_RESULTS = {
    "classifier": {"train": 0.989, "validation": 0.986, "test": 0.987},
    "regressor": {"mse_test": 0.0035},
}
"""What the paper reports."""

_VERSIONED = ("jax", "numpy", "scikit-learn", "xarray", "zarr")


@dataclass(frozen=True)
class Extent:
    """How much of the study is done.

    Attributes
    ----------
    seeds
        Every number is a median over them.
    effort
        Share of the paper's epochs and mixtures.
    hidden
        Widths of figure 3a.
    examples
        Numbers of mixtures of figure 3b.
    learning_rates
        Of figures 4a and 4b.
    """

    seeds: tuple[int, ...] = (0,)
    effort: float = 1.0
    hidden: tuple[tuple[int, int], ...] = tuple((n, n - 2) for n in range(4, 11))
    examples: tuple[int, ...] = tuple(range(1000, 10001, 1000))
    learning_rates: tuple[float, ...] = (0.01, 0.001)


EXTENTS = {
    "quick": Extent(effort=0.3, hidden=((4, 2), (8, 6)), examples=(1000, 10000)),
    "default": Extent(),
    "full": Extent(seeds=(0, 1, 2, 3, 4), hidden=tuple((n, n - 2) for n in range(4, 17))),
}
"""``nearedge reproduce --quick``, without an option, and ``--full``."""


@dataclass(frozen=True, eq=False)
class PaperRun:
    """The paper's network on one seed in one protocol.

    Attributes
    ----------
    examples
        What it was trained and scored on.
    network
        The trained network.
    """

    examples: Examples
    network: Network


def reproduce(
    library_path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    extent: str = "default",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the study on a library and write ``results.json``, figures and ``report.html``.

    Parameters
    ----------
    library_path
        A library with at least two classes.
    out
        Folder for the results; files of an earlier run there are replaced at the end.
    extent
        ``"quick"``, ``"default"`` or ``"full"``.
    progress
        Called with (what, done, in all).

    Returns
    -------
    dict
        The content of ``results.json``.

    Raises
    ------
    NearedgeError
        If the library cannot be read or has too few groups to be split.
    """
    from nearedge.studies.presentation import Study, present

    size = EXTENTS[extent]
    report = progress or (lambda what, done, total: None)
    clock = _Clock()
    library = open_library(library_path).load()
    paper_sites, sites = load_sites(library, PAPER_GRID), load_sites(library, DEFAULT.grid)
    networks: dict[str, dict[str, list[PaperRun]]] = {}
    for task in ("classifier", "regressor"):
        networks[task] = _paper_runs(paper_sites, task, size, report)
        clock.lap(f"paper_{task}")
    classifiers, regressors = _held_out_runs(networks, sites, paper_sites, size, report)
    clock.lap("held_out")
    hidden = _hidden_sweep(networks["classifier"], paper_sites, size, report)
    clock.lap("hidden_nodes")
    examples = _examples_sweep(paper_sites, size, report)
    clock.lap("examples")
    learning = _learning_curves(networks["regressor"], size, report)
    clock.lap("learning")
    study = Study(
        library=library,
        structures=open_structures(library_path),
        sites=paper_sites,
        networks=networks,
        classifiers=classifiers,
        regressors=regressors,
        hidden=hidden,
        examples=examples,
        learning=learning,
        extent=size,
    )
    results = {
        "library": _library_summary(library_path),
        **_scores(study),
        "seconds": clock.seconds,
        "versions": {name: version(name) for name in ("nearedge", *_VERSIONED)},
        "seed": size.seeds[0],
        "seeds": list(size.seeds),
        "extent": extent,
        "group_by": paper_sites.group_by,
    }
    report("figures", 0, 1)
    results["headline"] = present(study, results, Path(out))
    clock.lap("figures")
    results["seconds"] = clock.seconds | {"total": clock.total()}
    _write_json(Path(out) / "results.json", results)
    return results


def _paper_runs(
    sites: Sites, task: str, size: Extent, progress: Progress
) -> dict[str, list[PaperRun]]:
    """The paper's network for every seed, in both protocols, trained side by side."""
    protocols = {"pooled": pooled_examples, "held_out": held_out_examples}
    count = round(COUNTS[task] * size.effort)
    examples = [
        make(sites, task, count, seed) for make in protocols.values() for seed in size.seeds
    ]
    networks = train_networks(
        examples,
        task,
        len(sites.labels) if task == "classifier" else 1,
        size.seeds * len(protocols),
        settings=_settings(task, size),
        follow=task == "regressor",
        progress=lambda done, total: progress(f"the paper's {task}", done, total),
    )
    runs = [PaperRun(e, n) for e, n in zip(examples, networks, strict=True)]
    half = len(size.seeds)
    return {"pooled": runs[:half], "held_out": runs[half:]}


def _settings(task: str, size: Extent) -> Any:
    return replace(SETTINGS[task], epochs=max(1, round(SETTINGS[task].epochs * size.effort)))


def _held_out_runs(
    networks: dict[str, dict[str, list[PaperRun]]],
    sites: Sites,
    paper_sites: Sites,
    size: Extent,
    progress: Progress,
) -> tuple[list[ClassifierAnswers], list[RegressorAnswers]]:
    """nearedge's method and the baselines on the very splits of the paper's held-out networks."""
    classifiers, regressors = [], []
    for number, seed in enumerate(size.seeds):
        run = networks["classifier"]["held_out"][number]
        train, test = run.examples.sites["train"], run.examples.sites["test"]
        answers = classifier_answers(DEFAULT, sites, paper_sites, train, test, seed, size.effort)
        labels = np.array(sites.labels)
        answers.baselines["paper"] = labels[run.network.codes(paper_sites.intensity[test])]
        classifiers.append(answers)
        run = networks["regressor"]["held_out"][number]
        numbers = regressor_answers(DEFAULT, sites, paper_sites, train, test, seed, size.effort)
        mixtures = run.examples.mixtures["test"]
        numbers.baselines["paper"] = run.network.outputs(mixtures.intensity)[:, 0]
        regressors.append(numbers)
        progress("held-out", number + 1, len(size.seeds))
    return classifiers, regressors


def _hidden_sweep(
    runs: dict[str, list[PaperRun]], sites: Sites, size: Extent, progress: Progress
) -> dict[str, np.ndarray]:
    """Accuracy (seed, width) by part, for every width of figure 3a, all trained side by side."""
    both = runs["pooled"] + runs["held_out"]
    examples = [run.examples for run in both for _ in size.hidden]
    networks = train_networks(
        examples,
        "classifier",
        len(sites.labels),
        [seed for _ in runs for seed in size.seeds for _ in size.hidden],
        hidden=[nodes for _ in both for nodes in size.hidden],
        settings=_settings("classifier", size),
        progress=lambda done, total: progress("hidden nodes", done, total),
    )
    return _sweep_accuracy(examples, networks, sites, len(size.seeds), len(size.hidden))


def _examples_sweep(sites: Sites, size: Extent, progress: Progress) -> dict[str, np.ndarray]:
    """Accuracy (seed, number) by part, for every number of mixtures of figure 3b."""
    columns = []
    for number, count in enumerate(size.examples):
        scaled = max(50, round(count * size.effort))
        examples = [
            make(sites, "classifier", scaled, seed)
            for make in (pooled_examples, held_out_examples)
            for seed in size.seeds
        ]
        networks = train_networks(
            examples,
            "classifier",
            len(sites.labels),
            size.seeds * 2,
            settings=_settings("classifier", size),
        )
        columns.append(_sweep_accuracy(examples, networks, sites, len(size.seeds), 1))
        progress("numbers of examples", number + 1, len(size.examples))
    return {part: np.concatenate([c[part] for c in columns], axis=1) for part in columns[0]}


def _sweep_accuracy(
    examples: Sequence[Examples],
    networks: Sequence[Network],
    sites: Sites,
    seeds: int,
    settings: int,
) -> dict[str, np.ndarray]:
    """Accuracy (seed, setting): of the pooled parts, and on raw sites of unseen groups."""
    rows: dict[str, list[float]] = {}
    for example, network in zip(examples, networks, strict=True):
        if example.sites:
            test = example.sites["test"]
            scores = {"held-out": (network.codes(sites.intensity[test]), sites.environment[test])}
        else:
            scores = {
                part: (network.codes(mixtures.intensity), mixtures.target)
                for part, mixtures in example.mixtures.items()
            }
        for part, (predicted, true) in scores.items():
            rows.setdefault(part, []).append(accuracy(predicted, true))
    return {part: np.reshape(values, (seeds, settings)) for part, values in rows.items()}


def _learning_curves(
    runs: dict[str, list[PaperRun]], size: Extent, progress: Progress
) -> dict[float, dict[str, np.ndarray]]:
    """Mean squared error (seed, epoch) by part, at every learning rate of figures 4a and 4b."""
    both = runs["pooled"] + runs["held_out"]
    curves = {}
    for rate in size.learning_rates:
        networks = [run.network for run in both]
        if rate != SETTINGS["regressor"].learning_rate:
            networks = train_networks(
                [run.examples for run in both],
                "regressor",
                1,
                size.seeds * 2,
                settings=replace(_settings("regressor", size), learning_rate=rate),
                follow=True,
                progress=lambda done, total: progress("learning rates", done, total),
            )
        half = len(size.seeds)
        parts = {
            part: np.stack([n.history[part] for n in networks[:half]])
            for part in ("train", "validation", "test")
        }
        parts["held-out"] = np.stack([n.history["test"] for n in networks[half:]])
        curves[rate] = parts
    return curves


def _scores(study: Study) -> dict[str, Any]:
    """The scores of ``results.json``: medians over seeds, with the ranges beside them."""
    classifier, regressor = study.networks["classifier"], study.networks["regressor"]
    trees = {
        "classifier": {
            "pooled": [_pooled_accuracy(run) for run in classifier["pooled"]],
            "held_out": [answers.scores() for answers in study.classifiers],
        },
        "regressor": {
            "pooled": [_pooled_errors(run) for run in regressor["pooled"]],
            "held_out": [answers.scores() for answers in study.regressors],
        },
    }
    audit = {
        f"{protocol}_shared_{what}_fraction": float(
            np.median([run.examples.shared[what] for run in runs])
        )
        for protocol, runs in classifier.items()
        for what in ("sites", "atoms", "trajectories")
    }
    return {
        **{task: {p: medians(s) for p, s in tree.items()} for task, tree in trees.items()},
        "audit": audit,
        "ranges": {task: {p: ranges(s) for p, s in tree.items()} for task, tree in trees.items()},
        "paper": PAPER_RESULTS,
    }


def _pooled_accuracy(run: PaperRun) -> dict[str, float]:
    return {
        part: accuracy(run.network.codes(mixtures.intensity), mixtures.target)
        for part, mixtures in run.examples.mixtures.items()
    }


def _pooled_errors(run: PaperRun) -> dict[str, float]:
    test = run.examples.mixtures["test"]
    training_mean = float(run.examples.mixtures["train"].target.mean())
    predicted = run.network.outputs(test.intensity)[:, 0]
    return regression_scores(predicted.astype(float), test.target, training_mean)


def _library_summary(path: str | os.PathLike[str]) -> dict[str, Any]:
    info = library_info(path)
    keys = ("sites", "structures", "trajectories", "engine", "classes", "mean_coordination")
    return {key: info[key] for key in keys}


def _write_json(path: Path, document: Any) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    os.replace(temporary, path)


class _Clock:
    """Seconds of each step of a study."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 2)
        self._last = now

    def total(self) -> float:
        return round(time.monotonic() - self._start, 2)
