"""The paper's study in both protocols: numbers, figures and a report in one folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.library import library_info, open_library, open_structures
from nearedge.mixtures import Sites, held_out_examples, load_sites, pooled_examples
from nearedge.spectra import PAPER_GRID
from nearedge.studies.classical import ask, pooled_question
from nearedge.studies.extent import EXTENTS, Extent, scaled_settings
from nearedge.studies.held_out import (
    ClassifierAnswers,
    RegressorAnswers,
    Split,
    classical_questions,
    classifier_answers,
    regressor_answers,
)
from nearedge.studies.near_edge import OXYGEN
from nearedge.studies.paper import COUNTS, PaperRun, train_networks
from nearedge.studies.scores import accuracy, medians, ranges, regression_scores
from nearedge.studies.sweeps import (
    Progress,
    averaged_sweep,
    examples_sweep,
    groups_sweep,
    hidden_sweep,
    learning_curves,
)

if TYPE_CHECKING:
    from nearedge.studies.figures import Sweep

PAPER_RESULTS = {
    "classifier": {"train": 0.989, "validation": 0.986, "test": 0.987},
    "regressor": {"mse_test": 0.0035},
}
"""What the paper reports."""

Answers = dict[str, np.ndarray]
"""Answers (test,) of the classical baselines, by name."""

_VERSIONED = ("numba", "numpy", "scikit-learn", "xarray", "zarr")


def reproduce(
    library_path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    extent: str = "default",
    executor: Executor | None = None,
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
    executor
        Where the classical baselines run; None for here, one after the other.
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
    from nearedge.studies.figures import Learning, Sweep
    from nearedge.studies.presentation import Study, present

    size = EXTENTS[extent]
    report = progress or (lambda what, done, total: None)
    clock = _Clock()
    library = open_library(library_path).load()
    paper_sites, sites = load_sites(library, PAPER_GRID), load_sites(library, OXYGEN.grid)
    networks: dict[str, dict[str, list[PaperRun]]] = {}
    for task in ("classifier", "regressor"):
        networks[task] = _paper_runs(paper_sites, task, size, report)
        clock.lap(f"paper_{task}")
    splits = [
        Split(sites, run.examples.sites["train"], run.examples.sites["test"], seed, size.effort)
        for run, seed in zip(networks["classifier"]["held_out"], size.seeds, strict=True)
    ]
    pooled, held_out = _classical_answers(networks, splits, executor, report)
    clock.lap("baselines")
    classifiers, regressors = _held_out_runs(networks, splits, paper_sites, held_out, report)
    clock.lap("held_out")
    hidden = hidden_sweep(networks["classifier"], paper_sites, size, report)
    clock.lap("hidden_nodes")
    examples = examples_sweep(paper_sites, size, report)
    clock.lap("examples")
    learning = learning_curves(networks["regressor"], size, report)
    clock.lap("learning")
    averaged = averaged_sweep(paper_sites, size, report)
    clock.lap("averaged")
    groups, by_groups = groups_sweep(splits, paper_sites, size, report)
    clock.lap("groups")
    scores = {
        "classifier": {
            "pooled": list(
                map(_pooled_accuracy, networks["classifier"]["pooled"], pooled["classifier"])
            ),
            "held_out": [
                answers.scores() | {"mixtures_baselines": {"paper": _accuracy_on_mixtures(run)}}
                for answers, run in zip(
                    classifiers, networks["classifier"]["held_out"], strict=True
                )
            ],
        },
        "regressor": {
            "pooled": list(
                map(_pooled_errors, networks["regressor"]["pooled"], pooled["regressor"])
            ),
            "held_out": [answers.scores() for answers in regressors],
        },
    }
    study = Study(
        library=library,
        structures=open_structures(library_path),
        sites=paper_sites,
        networks=networks,
        classifiers=classifiers,
        regressors=regressors,
        scores=scores,
        hidden=Sweep(
            np.array([sum(nodes) for nodes in size.hidden]),
            hidden,
            tuple("+".join(map(str, nodes)) for nodes in size.hidden),
        ),
        examples=Sweep(np.array(size.examples), examples),
        averaged=Sweep(np.array(size.averaged), averaged),
        groups=Sweep(groups, by_groups),
        learning=[Learning(rate, parts) for rate, parts in learning.items()],
    )
    results = {
        "library": _library_summary(library_path),
        **_medians(scores),
        "audit": _audit(networks),
        "sweeps": {
            "hidden": _plain(study.hidden),
            "examples": _plain(study.examples),
            "averaged": _plain(study.averaged),
            "groups": _plain(study.groups),
        },
        "paper": PAPER_RESULTS,
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
        settings=scaled_settings(task, size),
        follow=task == "regressor",
        progress=lambda done, total: progress(f"the paper's {task}", done, total),
    )
    runs = [PaperRun(e, n) for e, n in zip(examples, networks, strict=True)]
    half = len(size.seeds)
    return {"pooled": runs[:half], "held_out": runs[half:]}


def _classical_answers(
    networks: dict[str, dict[str, list[PaperRun]]],
    splits: Sequence[Split],
    executor: Executor | None,
    progress: Progress,
) -> tuple[dict[str, list[Answers]], dict[str, list[Answers]]]:
    """Answers of the classical baselines, pooled and held-out, by task, one per seed.

    In each protocol they see what the network that they are compared with sees: the paper's grid
    pooled, that of nearedge's method held-out.
    """
    pooled = [
        pooled_question(task, run.examples)
        for task, runs in networks.items()
        for run in runs["pooled"]
    ]
    _, near_edge = OXYGEN.near_edge_points
    held_out = [question for split in splits for question in classical_questions(split, near_edge)]
    answers = ask(
        pooled + held_out, executor, lambda done, total: progress("baselines", done, total)
    )
    half, rest = len(splits), answers[len(pooled) :]
    return (
        {"classifier": answers[:half], "regressor": answers[half : 2 * half]},
        {"classifier": rest[::2], "regressor": rest[1::2]},
    )


def _held_out_runs(
    networks: dict[str, dict[str, list[PaperRun]]],
    splits: Sequence[Split],
    paper_sites: Sites,
    classical: dict[str, list[Answers]],
    progress: Progress,
) -> tuple[list[ClassifierAnswers], list[RegressorAnswers]]:
    """nearedge's method on the very splits of the paper's held-out networks."""
    classifiers, regressors = [], []
    for number, split in enumerate(splits):
        network = networks["classifier"]["held_out"][number].network
        codes = network.codes(paper_sites.intensity[split.test])
        baselines = {**classical["classifier"][number], "paper": codes}
        classifiers.append(classifier_answers(OXYGEN, split, baselines))
        run = networks["regressor"]["held_out"][number]
        numbers = run.network.outputs(run.examples.mixtures["test"].intensity)[:, 0]
        baselines = {**classical["regressor"][number], "paper": numbers}
        regressors.append(regressor_answers(OXYGEN, split, baselines))
        progress("held-out", number + 1, len(splits))
    return classifiers, regressors


def _medians(scores: dict[str, dict[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    """The scores of ``results.json``: medians over seeds, with the ranges beside them."""
    return {
        **{task: {p: medians(runs) for p, runs in tree.items()} for task, tree in scores.items()},
        "ranges": {
            task: {p: ranges(runs) for p, runs in tree.items()} for task, tree in scores.items()
        },
    }


def _audit(networks: dict[str, dict[str, list[PaperRun]]]) -> dict[str, float]:
    """Share of the classifiers' test mixtures that hold something of the training part."""
    return {
        f"{protocol}_shared_{what}_fraction": float(
            np.median([run.examples.shared[what] for run in runs])
        )
        for protocol, runs in networks["classifier"].items()
        for what in ("sites", "atoms", "trajectories")
    }


def _plain(sweep: Sweep) -> dict[str, Any]:
    """A sweep as JSON can hold it: its settings, and the accuracies (seed, setting) by part."""
    return {
        "setting": list(sweep.ticks) or sweep.setting.tolist(),
        **{part: values.tolist() for part, values in sweep.accuracy.items()},
    }


def _accuracy_on_mixtures(run: PaperRun) -> float:
    test = run.examples.mixtures["test"]
    return accuracy(run.network.codes(test.intensity), test.target)


def _pooled_accuracy(run: PaperRun, baselines: Answers) -> dict[str, Any]:
    true = run.examples.mixtures["test"].target
    return {
        **{
            part: accuracy(run.network.codes(mixtures.intensity), mixtures.target)
            for part, mixtures in run.examples.mixtures.items()
        },
        "baselines": {name: accuracy(codes, true) for name, codes in baselines.items()},
    }


def _pooled_errors(run: PaperRun, baselines: Answers) -> dict[str, Any]:
    test = run.examples.mixtures["test"]
    training_mean = float(run.examples.mixtures["train"].target.mean())
    predicted = run.network.outputs(test.intensity)[:, 0]
    return {
        **regression_scores(predicted.astype(float), test.target, training_mean),
        "baselines": {
            name: float(np.mean((numbers - test.target) ** 2))
            for name, numbers in baselines.items()
        },
    }


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
