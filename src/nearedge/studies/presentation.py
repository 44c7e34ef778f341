"""A finished study as figures, tables and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.environments import LabelScheme, neighbours_by_gap
from nearedge.mixtures import Sites
from nearedge.models.network import softmax
from nearedge.spectra import PAPER_GRID
from nearedge.studies.figures import (
    Learning,
    Protocol,
    Regression,
    Reliability,
    Score,
    SiteSpectra,
    Sweep,
    cluster_around,
    figure_averaged,
    figure_confusion,
    figure_examples,
    figure_groups,
    figure_hidden_nodes,
    figure_learning,
    figure_networks,
    figure_protocols,
    figure_regression,
    figure_reliability,
    figure_spectra,
    save_figures,
    typical_sites,
)
from nearedge.studies.held_out import ClassifierAnswers, RegressorAnswers
from nearedge.studies.paper import HIDDEN
from nearedge.studies.report import write_report
from nearedge.studies.tables import headline, plural, tables

if TYPE_CHECKING:
    import xarray
    from ase import Atoms
    from matplotlib.figure import Figure

    from nearedge.studies.paper import PaperRun

CAPTIONS = {
    "protocols": "The paper's number, the same protocol here, and what holds on unseen sites: "
    "medians over seeds with their range; filled: models on intensities, open: on the cumulative "
    "spectrum.",
    "fig1_spectra": "Fig. 1: typical spectra of the environments (band: 10 to 90 % of the sites), "
    "the 70 points that the paper's networks see, and the atoms around the site.",
    "fig2_networks": "Fig. 2: the two networks of the paper.",
    "fig3a_hidden_nodes": "Fig. 3a: accuracy of the paper's network against the nodes of the two "
    "hidden layers: pooled on averages, held-out on single sites.",
    "fig3b_examples": "Fig. 3b: accuracy of the paper's network against the number of mixtures; "
    "more mixtures of the same sites bring no new site.",
    "fig4ab_learning": "Fig. 4a, b: mean squared error of the paper's network against epoch at two "
    "learning rates.",
    "fig4c_regression": "Fig. 4c: predicted against true average coordination number; pooled the "
    "paper's network, held-out nearedge's method.",
    "averaged": "Accuracy of the paper's network against the number of raw spectra of one class "
    "in an example, in training and test alike; a network trained on averages loses single sites.",
    "groups": "Does more data still help? Accuracy on the single sites of the same test part for "
    "nested subsets of the training part.",
    "confusion": "Confusion of environments, pooled on mixtures (the paper's network) and held-out "
    "on single sites (nearedge's method).",
    "reliability": "How often answers of a given probability are right, by the probabilities that "
    "the classifiers give before any calibration.",
}


# How a figure calls the methods of `results.json` whose key says too little.
_METHODS = {"paper": "the paper's network"}


@dataclass(frozen=True, eq=False)
class Study:
    """All that a study found.

    Attributes
    ----------
    library, structures, sites
        What it was done on; `sites` on the paper's grid.
    networks
        Runs of the paper's network, by task and protocol, one per seed.
    classifiers, regressors
        Held-out answers of nearedge's method and the baselines, one per seed.
    scores
        Entries of ``results.json`` by task and protocol, one per seed.
    hidden, examples, averaged, groups
        Accuracies while one setting is varied: figures 3a and 3b, and the curves against averaged
        spectra and against training groups.
    learning
        Mean squared errors at each learning rate.
    """

    library: xarray.Dataset
    structures: list[Atoms]
    sites: Sites
    networks: dict[str, dict[str, list[PaperRun]]]
    classifiers: list[ClassifierAnswers]
    regressors: list[RegressorAnswers]
    scores: dict[str, dict[str, list[dict[str, Any]]]]
    hidden: Sweep
    examples: Sweep
    averaged: Sweep
    groups: Sweep
    learning: list[Learning]


def present(study: Study, results: dict[str, Any], out: Path) -> list[str]:
    """Write the figures and the report to `out`; return the headline."""
    figures = {
        "protocols": _protocols(study, results),
        "fig1_spectra": _spectra(study),
        "fig2_networks": _networks(study),
        "fig3a_hidden_nodes": figure_hidden_nodes(study.hidden),
        "fig3b_examples": figure_examples(study.examples),
        "fig4ab_learning": figure_learning(study.learning),
        "fig4c_regression": _regression(study),
        "averaged": figure_averaged(study.averaged),
        "groups": figure_groups(study.groups, plural(study.sites.group_by)),
        "confusion": _confusion(study),
        "reliability": _reliability(study),
    }
    pictures = save_figures(figures, out / "figures")
    lines = headline(results)
    write_report(
        out,
        title="Local environments from XANES: the paper's study, and what holds on unseen sites",
        headline=lines,
        tables=tables(results),
        figures={name: (CAPTIONS[name], pictures[name]) for name in figures},
        results=results,
    )
    return lines


def _protocols(study: Study, results: dict[str, Any]) -> Figure:
    scores = study.scores["classifier"]
    pooled = _by_method("paper", "test", scores["pooled"])
    held_out = _by_method("nearedge", "sites_test", scores["held_out"])
    return figure_protocols(
        [
            Score("paper", "published", np.array([results["paper"]["classifier"]["test"]])),
            *_ranked(pooled, "pooled"),
            *_ranked(held_out, "held-out"),
        ],
        plural(study.sites.group_by),
    )


def _by_method(own: str, key: str, scores: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Accuracy per seed of the network in question, which comes first, and of the baselines."""
    baselines = {
        name: [score["baselines"][name] for score in scores] for name in scores[0]["baselines"]
    }
    return {own: [score[key] for score in scores], **baselines}


def _ranked(accuracies: dict[str, list[float]], protocol: Protocol) -> list[Score]:
    """Scores of one protocol: the network in question first, then by their better median."""
    values = {name: np.array(runs) for name, runs in accuracies.items()}
    scores = [
        Score(_METHODS.get(name, name), protocol, runs, values.get(f"{name}, cumulative"))
        for name, runs in values.items()
        if not name.endswith(", cumulative")
    ]
    return [scores[0], *sorted(scores[1:], key=lambda score: -score.best)]


def _spectra(study: Study) -> Figure:
    library = study.library
    labels = tuple(library["environment"].attrs["labels"])
    energy_eV = library["energy"].values.astype(float)
    intensity = library["intensity"].values.astype(float)
    environment = library["environment"].values.astype(int)
    scheme = LabelScheme.from_dict(library.attrs["label_scheme"])
    clusters = {}
    for label, site in typical_sites(energy_eV, intensity, environment, labels).items():
        structure = study.structures[int(library["structure_id"][site])]
        atom = int(library["atom_index"][site])
        clusters[label] = cluster_around(structure, atom, _reach_A(scheme, structure, atom))
    return figure_spectra(
        SiteSpectra(
            energy_eV,
            intensity,
            environment,
            labels,
            clusters,
            PAPER_GRID,
            library.attrs["energy_zero"],
        )
    )


def _reach_A(scheme: LabelScheme, structure: Atoms, atom: int) -> float:
    """How far from an absorber its neighbours are looked for."""
    if scheme.cutoffs_A is not None:
        return max(scheme.cutoffs_A.values())
    return float(neighbours_by_gap(structure, np.array([atom]), scheme.neighbours).distance_A.max())


def _networks(study: Study) -> Figure:
    mixture = study.networks["regressor"]["pooled"][0].examples.mixtures["test"].intensity[0]
    labels = tuple(study.library["environment"].attrs["labels"])
    return figure_networks(labels, study.sites.intensity[0], mixture, HIDDEN)


def _regression(study: Study) -> Figure:
    run = study.networks["regressor"]["pooled"][0]
    test = run.examples.mixtures["test"]
    training_mean = run.examples.mixtures["train"].target.mean()
    answers = study.regressors[0]
    return figure_regression(
        Regression(
            test.target,
            run.network.outputs(test.intensity)[:, 0].astype(float),
            float(np.mean((training_mean - test.target) ** 2)),
        ),
        Regression(
            answers.true,
            answers.predicted.astype(float),
            float(np.mean((answers.training_mean - answers.true) ** 2)),
        ),
        plural(study.sites.group_by),
    )


def _confusion(study: Study) -> Figure:
    labels = study.sites.labels
    run = study.networks["classifier"]["pooled"][0]
    test = run.examples.mixtures["test"]
    names = np.array(labels)
    answers = study.classifiers[0]
    return figure_confusion(
        labels,
        _counts(names[test.target], names[run.network.codes(test.intensity)], labels),
        _counts(answers.true, answers.predicted, labels),
    )


def _counts(true: np.ndarray, predicted: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    hits = [[(true == row) & (predicted == column) for column in labels] for row in labels]
    return np.array(hits).sum(axis=2)


def _reliability(study: Study) -> Figure:
    pooled = []
    for run in study.networks["classifier"]["pooled"]:
        test = run.examples.mixtures["test"]
        probabilities = softmax(run.network.outputs(test.intensity).astype(float))
        pooled.append((probabilities.max(axis=1), probabilities.argmax(axis=1) == test.target))
    held_out = [(a.probability.astype(float), a.predicted == a.true) for a in study.classifiers]
    return figure_reliability(_joined(pooled), _joined(held_out))


def _joined(answers: list[tuple[np.ndarray, np.ndarray]]) -> Reliability:
    probabilities, correct = zip(*answers, strict=True)
    return Reliability(np.concatenate(probabilities), np.concatenate(correct))
