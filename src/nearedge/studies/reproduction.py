"""The paper's study in both protocols: numbers, figures and a report in one folder."""

from __future__ import annotations

import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.library import library_info, open_library, open_structures
from nearedge.mixtures import Sites, held_out_examples, load_sites, pooled_examples
from nearedge.models.method import DEFAULT
from nearedge.spectra import PAPER_GRID
from nearedge.studies.extent import EXTENTS, Extent, scaled_settings
from nearedge.studies.held_out import (
    ClassifierAnswers,
    RegressorAnswers,
    classifier_answers,
    regressor_answers,
)
from nearedge.studies.paper import COUNTS, PaperRun, train_networks
from nearedge.studies.scores import accuracy, medians, ranges, regression_scores
from nearedge.studies.sweeps import Progress, examples_sweep, hidden_sweep, learning_curves

if TYPE_CHECKING:
    from nearedge.studies.presentation import Study

PAPER_RESULTS = {
    "classifier": {"train": 0.989, "validation": 0.986, "test": 0.987},
    "regressor": {"mse_test": 0.0035},
}
"""What the paper reports."""

_VERSIONED = ("numba", "numpy", "scikit-learn", "xarray", "zarr")


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
    hidden = hidden_sweep(networks["classifier"], paper_sites, size, report)
    clock.lap("hidden_nodes")
    examples = examples_sweep(paper_sites, size, report)
    clock.lap("examples")
    learning = learning_curves(networks["regressor"], size, report)
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
        settings=scaled_settings(task, size),
        follow=task == "regressor",
        progress=lambda done, total: progress(f"the paper's {task}", done, total),
    )
    runs = [PaperRun(e, n) for e, n in zip(examples, networks, strict=True)]
    half = len(size.seeds)
    return {"pooled": runs[:half], "held_out": runs[half:]}


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
