"""A finished study as figures, tables and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.mixtures import Sites
from nearedge.spectra import PAPER_GRID
from nearedge.studies.figures import (
    Learning,
    Regression,
    Reliability,
    Score,
    SiteSpectra,
    Sweep,
    cluster_around,
    figure_confusion,
    figure_examples,
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
from nearedge.studies.report import Table, write_report

if TYPE_CHECKING:
    import xarray
    from ase import Atoms
    from matplotlib.figure import Figure

    from nearedge.studies.reproduction import Extent, PaperRun

CAPTIONS = {
    "protocols": "The paper's number, the same protocol here, and what holds on unseen sites.",
    "fig1_spectra": "Fig. 1: typical spectra of the environments (band: 10 to 90 % of the sites), "
    "the points that the networks see, and the atoms around the site.",
    "fig2_networks": "Fig. 2: the two networks of the paper.",
    "fig3a_hidden_nodes": "Fig. 3a: accuracy against the nodes of the two hidden layers.",
    "fig3b_examples": "Fig. 3b: accuracy against the number of mixtures; held-out mixtures are made "
    "from the training sites only, so more of them bring no new site.",
    "fig4ab_learning": "Fig. 4a, b: mean squared error against epoch at two learning rates.",
    "fig4c_regression": "Fig. 4c: predicted against true average coordination number.",
    "confusion": "Confusion of environments, pooled on mixtures and held-out on single sites.",
    "reliability": "How often answers of a given probability are right.",
}


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
    hidden, examples
        Accuracies (seed, setting) by part, of figures 3a and 3b.
    learning
        Mean squared errors (seed, epoch) by learning rate and part.
    extent
        Seeds and settings.
    """

    library: xarray.Dataset
    structures: list[Atoms]
    sites: Sites
    networks: dict[str, dict[str, list[PaperRun]]]
    classifiers: list[ClassifierAnswers]
    regressors: list[RegressorAnswers]
    hidden: dict[str, np.ndarray]
    examples: dict[str, np.ndarray]
    learning: dict[float, dict[str, np.ndarray]]
    extent: Extent


def present(study: Study, results: dict[str, Any], out: Path) -> list[str]:
    """Write the figures and the report to `out`; return the headline."""
    figures = {
        "protocols": _protocols(study, results),
        "fig1_spectra": _spectra(study),
        "fig2_networks": _networks(study),
        "fig3a_hidden_nodes": figure_hidden_nodes(_hidden(study)),
        "fig3b_examples": figure_examples(_examples(study)),
        "fig4ab_learning": figure_learning(
            [Learning(rate, parts) for rate, parts in study.learning.items()]
        ),
        "fig4c_regression": _regression(study),
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


def headline(results: dict[str, Any]) -> list[str]:
    """The findings in words, the most important first; a baseline that wins is named first."""
    classifier, regressor = results["classifier"], results["regressor"]
    held_out = classifier["held_out"]
    group = f"unseen {_plural(results['group_by'])}"
    lines = [
        f"The paper's network classifies {classifier['pooled']['test']:.1%} of averages whose raw "
        f"spectra it was trained on, and {held_out['baselines']['paper']:.1%} of single sites of "
        f"{group}.",
        f"nearedge's method is right on {held_out['sites_test']:.1%} of single sites of {group}.",
        f"The mean squared error of the average coordination number is "
        f"{regressor['pooled']['mse_test']:.4f} pooled and "
        f"{regressor['held_out']['mse_test']:.4f} held-out (constant: "
        f"{regressor['held_out']['constant_mse_test']:.4f}).",
    ]
    lines = [*_winners(held_out, regressor["held_out"]), *lines]
    if results["extent"] == "quick":
        lines.insert(0, "Quick look: a tenth of the epochs and examples; not for quoting.")
    return lines


def _winners(classifier: dict[str, Any], regressor: dict[str, Any]) -> list[str]:
    """A line for each task in which baselines beat nearedge's method."""
    lines = []
    for what, own, baselines, sign, form in (
        ("accuracy on single sites", classifier["sites_test"], classifier["baselines"], -1, ".1%"),
        ("coordination MSE", regressor["mse_test"], regressor["baselines"], 1, ".4f"),
    ):
        better = {n: v for n, v in baselines.items() if sign * v < sign * own}
        if better:
            names = ", ".join(
                f"{name} ({value:{form}})"
                for name, value in sorted(better.items(), key=lambda item: sign * item[1])
            )
            lines.append(f"Held-out {what}: nearedge ({own:{form}}) is beaten by {names}.")
    return lines


def tables(results: dict[str, Any]) -> list[Table]:
    """The paper's numbers, ours pooled, ours held-out; and the held-out baselines."""
    paper = results["paper"]
    classifier, regressor = results["classifier"], results["regressor"]
    pooled, held_out = classifier["pooled"], classifier["held_out"]
    numbers, held_numbers = regressor["pooled"], regressor["held_out"]
    sites = f"unseen {_plural(results['group_by'])}"
    comparison = Table(
        title="The paper's number, ours pooled, ours held-out",
        header=("", "paper", "pooled", "held-out, paper's network", "held-out, nearedge"),
        rows=(
            *(
                (f"accuracy, {part}", f"{paper['classifier'][part]:.1%}", f"{pooled[part]:.1%}",
                 "", "")
                for part in ("train", "validation", "test")
            ),
            (f"accuracy, single sites of {sites}", "", "",
             f"{held_out['baselines']['paper']:.1%}", f"{held_out['sites_test']:.1%}"),
            (f"accuracy, mixtures of {sites}", "", "", "", f"{held_out['mixtures_test']:.1%}"),
            ("macro-F1, single sites", "", "", "", f"{held_out['macro_f1']:.3f}"),
            ("coordination MSE, mixtures", f"{paper['regressor']['mse_test']:.4f}",
             f"{numbers['mse_test']:.4f}", f"{held_numbers['baselines']['paper']:.4f}",
             f"{held_numbers['mse_test']:.4f}"),
            ("  of the constant training mean", "", f"{numbers['constant_mse_test']:.4f}",
             f"{held_numbers['constant_mse_test']:.4f}", f"{held_numbers['constant_mse_test']:.4f}"),
            ("  R2", "", f"{numbers['r2_test']:.3f}", "", f"{held_numbers['r2_test']:.3f}"),
            *(
                (f"test mixtures that share {what} with training", "",
                 f"{results['audit'][f'pooled_shared_{what}_fraction']:.0%}",
                 f"{results['audit'][f'held_out_shared_{what}_fraction']:.0%}",
                 f"{results['audit'][f'held_out_shared_{what}_fraction']:.0%}")
                for what in ("sites", "atoms", "trajectories")
            ),
        ),
    )
    return [
        comparison,
        Table(
            title="Held-out: accuracy on single sites",
            header=("method", "accuracy"),
            rows=_ranked({"nearedge": held_out["sites_test"], **held_out["baselines"]}, "{:.1%}", -1),
        ),
        Table(
            title="Held-out: mean squared error of the average coordination number",
            header=("method", "MSE"),
            rows=_ranked(
                {"nearedge": held_numbers["mse_test"], **held_numbers["baselines"]}, "{:.4f}", 1
            ),
        ),
    ]


def _ranked(values: dict[str, float], form: str, direction: int) -> tuple[tuple[str, str], ...]:
    ordered = sorted(values.items(), key=lambda item: direction * item[1])
    return tuple((name, form.format(value)) for name, value in ordered)


def _plural(group_by: str) -> str:
    return {"trajectory": "trajectories"}.get(group_by, f"{group_by}s")


def _protocols(study: Study, results: dict[str, Any]) -> Figure:
    answers = study.classifiers
    held_out = {
        "nearedge": [a.scores()["sites_test"] for a in answers],
        **{
            name: [a.scores()["baselines"][name] for a in answers] for name in answers[0].baselines
        },
    }
    pooled = [
        float(np.mean(run.network.codes(m.intensity) == m.target))
        for run in study.networks["classifier"]["pooled"]
        for m in [run.examples.mixtures["test"]]
    ]
    scores = [
        Score("paper", "published", np.array([results["paper"]["classifier"]["test"]])),
        Score("paper", "pooled", np.array(pooled)),
        *(Score(name, "held-out", np.array(values)) for name, values in held_out.items()),
    ]
    return figure_protocols(scores, _plural(study.sites.group_by))


def _spectra(study: Study) -> Figure:
    library = study.library
    labels = tuple(library["environment"].attrs["labels"])
    energy_eV = library["energy"].values.astype(float)
    intensity = library["intensity"].values.astype(float)
    environment = library["environment"].values.astype(int)
    cutoff_A = library.attrs["label_scheme"]["neighbours"]["cutoff_A"]
    clusters = {
        label: cluster_around(
            study.structures[int(library["structure_id"][site])],
            int(library["atom_index"][site]),
            cutoff_A,
        )
        for label, site in typical_sites(energy_eV, intensity, environment, labels).items()
    }
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


def _networks(study: Study) -> Figure:
    mixture = study.networks["regressor"]["pooled"][0].examples.mixtures["test"].intensity[0]
    labels = tuple(study.library["environment"].attrs["labels"])
    return figure_networks(labels, study.sites.intensity[0], mixture, HIDDEN)


def _hidden(study: Study) -> Sweep:
    widths = study.extent.hidden
    return Sweep(
        np.array([sum(nodes) for nodes in widths]),
        study.hidden,
        tuple("+".join(map(str, nodes)) for nodes in widths),
    )


def _examples(study: Study) -> Sweep:
    return Sweep(np.array(study.extent.examples), study.examples)


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
        _plural(study.sites.group_by),
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
    return np.array(
        [[int(np.sum((true == row) & (predicted == column))) for column in labels] for row in labels]
    )


def _reliability(study: Study) -> Figure:
    from nearedge.models.network import softmax

    pooled = []
    for run in study.networks["classifier"]["pooled"]:
        test = run.examples.mixtures["test"]
        probabilities = softmax(run.network.outputs(test.intensity).astype(float))
        pooled.append((probabilities.max(axis=1), probabilities.argmax(axis=1) == test.target))
    held_out = [(a.probability.astype(float), a.predicted == a.true) for a in study.classifiers]
    return figure_reliability(
        *(
            Reliability(
                np.concatenate([p for p, _ in answers]), np.concatenate([c for _, c in answers])
            )
            for answers in (pooled, held_out)
        )
    )
