"""How well a method does on a library's unseen groups, and a trained model on a new library."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.data import model_folder
from nearedge.errors import NearedgeError, UsageError
from nearedge.library import open_library
from nearedge.library.schema import absorber_and_edge
from nearedge.mixtures import (
    GroupBy,
    Sites,
    class_fractions,
    group_folds,
    load_sites,
    regressor_mixtures,
)
from nearedge.models import Model, load_model
from nearedge.models.composition import fractions_by_library, fractions_by_means
from nearedge.models.kinds import Classifier
from nearedge.models.method import Method
from nearedge.models.pretraining import from_attachment
from nearedge.spectra import PAPER_GRID, EnergyGrid
from nearedge.studies.classical import ask
from nearedge.studies.continuing import continuing
from nearedge.studies.held_out import (
    ClassifierAnswers,
    RegressorAnswers,
    Split,
    ask_classifier,
    ask_regressor,
    classical_questions,
)
from nearedge.studies.near_edge import usual_method
from nearedge.studies.paper import train_networks
from nearedge.studies.scores import accuracy, macro_f1, regression_scores
from nearedge.studies.tables import plural
from nearedge.studies.trust import Trust, check_statements, number_figures, site_figures
from nearedge.uncertainty import (
    DEFAULT_COVERAGE,
    FoldModels,
    OutOfFold,
    answer,
    answer_out_of_fold,
    fit_statements,
)

if TYPE_CHECKING:
    import xarray

_FOLDS = 5
_EVALUATION_MIXTURES = 2000
# Non-negative least squares on all library spectra takes about 10 ms each.
_FRACTION_MIXTURES = 200
# Of a model's `info`, where it tells the libraries that it was trained on.
_LIBRARIES = ("library", "pretraining")


def assess(
    library_path: str | os.PathLike[str],
    *,
    pretrained: str | None = None,
    group_by: GroupBy | None = None,
    folds: int | None = None,
    seed: int = 0,
    windows: Sequence[tuple[float, float]] = (),
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Cross-validate nearedge's method, the paper's network and the baselines on whole groups.

    Every site is answered once, by models that saw no site of its group.

    Parameters
    ----------
    library_path
        A labelled library.
    pretrained
        Folder of a model, or ``"default"``, to continue from in every fold; None to train from
        scratch.
    group_by
        What is never split; by default trajectories where there are at least 5, else atoms.
    folds
        Number of folds, by default 5 or the number of groups if that is less.
    seed
        Of the folds, the mixtures and the training.
    windows
        First and last energy in eV that the method looks at, instead of its own; of several, which
        are compared on the same folds, the first is reported in full.
    out
        Folder for ``assessment.json``, the figures and ``report.html``; None for none.
    executor
        Where the classical baselines run; None for here, one after the other.
    progress
        Called with (what, done, in all).

    Returns
    -------
    dict
        ``classifier.held_out``, ``regressor.held_out``, ``composition.held_out``, the first two
        again for broad and noisy spectra (``broadened_and_noisy``), ``coverage_kind``,
        ``audit``, ``group_by``, ``folds``, ``sites``, ``classes``, ``window_eV`` and ``seed``;
        ``windows`` with the main figures of each where several are compared; continued from a
        pretrained model also ``pretraining``: its engine and library, and the ``alignment`` found
        in every fold.
    """
    library = open_library(library_path).load()
    assessments = [
        assess_library(
            library,
            method_for(library, window, pretrained),
            group_by=group_by,
            folds=folds,
            seed=seed,
            executor=executor,
            progress=progress,
        )
        for window in (windows or [None])
    ]
    assessment = assessments[0]
    if len(assessments) > 1:
        assessment.figures["windows"] = [_main_figures(other.figures) for other in assessments]
    if out is not None:
        from nearedge.studies.assessment_report import write_assessment

        write_assessment(assessment, out)
    return assessment.figures


@dataclass(frozen=True, eq=False)
class Assessment:
    """What a cross-validation found.

    Attributes
    ----------
    figures
        As ``nearedge assess --json`` prints them.
    known
        Answers on groups left out, which calibration is made of.
    trust
        How far calibration can be trusted, on folds that it did not use.
    """

    figures: dict[str, Any]
    known: OutOfFold
    trust: Trust


def assess_library(
    library: xarray.Dataset,
    method: Method,
    *,
    group_by: GroupBy | None = None,
    folds: int | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    observe: Callable[[tuple[np.ndarray, np.ndarray], FoldModels], None] | None = None,
    tuned: bool = True,
) -> Assessment:
    """Do what `assess` does for a library that is open already and one method.

    `observe` is called with the rows of each fold, trained on and left out, and its models. Unless
    `tuned`, only those baselines are asked that have nothing to tune.
    """
    sites = load_sites(library, method.grid, group_by)
    if method.pretraining is not None:
        sites = method.pretraining.widen(sites)
    paper_sites = load_sites(library, PAPER_GRID, group_by)
    groups = len(np.unique(sites.group))
    if groups < 2:
        raise UsageError(
            f"grouping {len(sites.group)} sites by {sites.group_by} gives {groups} group(s), and "
            f"at least 2 are needed to hold any out: add {plural(sites.group_by)} to the library "
            "or group by something finer"
        )
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
    _, near_edge = method.near_edge_points
    questions = [question for split in parts for question in classical_questions(split, near_edge)]
    classical = ask(
        questions,
        executor,
        None if progress is None else lambda *done: progress("baselines", *done),
        tuned,
    )
    fractions: list[dict[str, float]] = []

    def ask_models(fold: int, models: FoldModels) -> None:
        split = parts[fold]
        network, _ = networks["classifier"][fold]
        paper = network.codes(paper_sites.intensity[split.test])
        baselines = {**classical[2 * fold], "paper": paper}
        classifiers.append(ask_classifier(models.classifier, split, baselines))
        network, examples = networks["regressor"][fold]
        paper = network.outputs(examples.mixtures["test"].intensity)[:, 0]
        baselines = {**classical[2 * fold + 1], "paper": paper}
        regressors.append(ask_regressor(models.regressor, split, baselines))
        fractions.append(_fraction_errors(models.composition, split))
        if observe is not None:
            observe((split.train, split.test), models)

    known = answer_out_of_fold(
        method, sites, seed, folds=splits, observe=ask_models, progress=progress
    )
    trust, broad = check_statements(known), check_statements(known, changed=True)
    shared = [examples.shared for _, examples in networks["classifier"]]
    figures = {
        "classifier": {"held_out": _all_sites(classifiers) | site_figures(trust, seed)},
        "regressor": {"held_out": _all_mixtures(regressors) | number_figures(trust, seed)},
        "composition": {
            "held_out": {
                name: float(np.mean([fold[name] for fold in fractions])) for name in fractions[0]
            }
        },
        "broadened_and_noisy": {
            "classifier": site_figures(broad, seed),
            "regressor": number_figures(broad, seed),
        },
        "coverage_kind": fit_statements(known).coverage_kind(DEFAULT_COVERAGE),
        "audit": _audited("held_out", shared),
        "group_by": sites.group_by,
        "folds": folds,
        "sites": len(sites.group),
        "classes": {
            label: int(np.sum(sites.environment == code)) for code, label in enumerate(sites.labels)
        },
        "window_eV": [method.grid.start_eV, method.grid.stop_eV],
        "seed": seed,
    }
    if sites.group_by == "trajectory":
        labels = library["trajectory_id"].attrs["labels"]
        codes = dict(
            zip(sites.group.tolist(), library["trajectory_id"].values.tolist(), strict=True)
        )
        for what in (
            figures["classifier"]["held_out"],
            figures["broadened_and_noisy"]["classifier"],
        ):
            for one in what["by_group"]:
                one["group"] = labels[codes[one["group"]]]
    if method.pretraining is not None:
        shared = [method.pretraining.shared(sites, part.train, part.test) for part in parts]
        figures["audit"] |= _audited("pretraining", shared)
        figures["pretraining"] = method.pretraining.described | {
            "alignment": [
                method.pretraining.align(method.grid, sites, part.train).to_dict() for part in parts
            ]
        }
    return Assessment(figures, known, trust)


def method_for(
    library: xarray.Dataset,
    window_eV: tuple[float, float] | None = None,
    pretrained: str | None = None,
) -> Method:
    """Return nearedge's method for a library.

    Parameters
    ----------
    library
        Must cover the energies that the method looks at.
    window_eV
        First and last of them; if not given the method's own, all of which counts as near edge
        unless it is known how far that reaches.
    pretrained
        Folder of a model to continue from, or ``"default"``.

    Raises
    ------
    UsageError
        If the library does not cover the window.
    NearedgeError
        If the pretrained model cannot be used.
    """
    method = usual_method(*absorber_and_edge(library))
    if pretrained is not None:
        method = continuing(pretrained, method)
    if window_eV is not None:
        method = method.within(window_eV)
    first, last = (float(library["energy"][end]) for end in (0, -1))
    slack = method.grid.step_eV / 2
    if method.grid.start_eV < first - slack or method.grid.stop_eV > last + slack:
        raise UsageError(
            f"the library has energies from {first:g} to {last:g} eV, the method looks at "
            f"{method.grid.start_eV:g} to {method.grid.stop_eV:g} eV; give a --window within the "
            f"library's"
        )
    return method


def evaluate(
    model: str,
    library_path: str | os.PathLike[str],
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Score a trained model on a labelled library, and tell whether it was trained on that.

    Returns
    -------
    dict
        ``trained_on``: how many of the sites are of trajectories that the model was trained on,
        also by another engine; None where it does not tell. Only without any do the figures say
        what holds on unseen sites.
        ``accuracy``, ``macro_f1``, ``coverage`` and ``mean_set_size`` of the prediction sets (None
        while the model carries no calibration), ``coordination_mse`` on mixtures beside the mean
        squared error of the constant training mean, ``interval_coverage`` on the same mixtures,
        ``abstained`` (sites flagged as novel), ``abstained_mixtures`` and ``sites``. Flagged ones
        count in all figures with the answer that would have been given.

    Raises
    ------
    NearedgeError
        If the library is of another absorber or edge than the model, labelled with another
        quantity, or holds classes that the model does not know.
    """
    loaded = load_model(model_folder(model))
    library = open_library(library_path).load()
    mine = loaded.info["absorber"], loaded.info["edge"], _quantity(loaded.info["label_scheme"])
    theirs = *absorber_and_edge(library), _quantity(library.attrs["label_scheme"])
    if mine != theirs:
        raise NearedgeError(
            "{}: is of {} at the {} edge and labelled with the {}, ".format(library_path, *theirs)
            + "and the model of {} at the {} edge, and reads the {}; ".format(*mine)
            + "take a model that was trained on such a library"
        )
    sites = load_sites(library, EnergyGrid(**loaded.info["grid"]), group_by="atom")
    unknown = set(sites.labels) - set(loaded.classifier.classes.tolist())
    if unknown:
        raise NearedgeError(
            f"{library_path}: holds the classes {', '.join(sorted(unknown))}, which the model has "
            f"never seen; train a model on a library that has them"
        )
    true = np.array(sites.labels)[sites.environment]
    classes = loaded.classifier.classes
    answers = answer(loaded, sites.intensity)
    if progress is not None:
        progress("questions", 1, 2)
    predicted = classes[answers.probabilities.argmax(axis=1)]
    mixtures = regressor_mixtures(sites.intensity, sites.coordination, _EVALUATION_MIXTURES, seed)
    asked = answer(loaded, mixtures.intensity)
    if progress is not None:
        progress("questions", 2, 2)
    numbers = regression_scores(
        asked.mean, mixtures.target, float(loaded.info["library"]["mean_coordination"])
    )
    coverage = mean_set_size = interval_coverage = None
    if answers.in_set is not None and asked.low is not None and asked.high is not None:
        codes = np.array([classes.tolist().index(label) for label in true])
        coverage = float(answers.in_set[np.arange(len(codes)), codes].mean())
        mean_set_size = float(answers.in_set.sum(axis=1).mean())
        inside = (asked.low <= mixtures.target) & (mixtures.target <= asked.high)
        interval_coverage = float(inside.mean())
    return {
        "accuracy": accuracy(predicted, true),
        "macro_f1": macro_f1(predicted, true),
        "coverage": coverage,
        "mean_set_size": mean_set_size,
        "coordination_mse": numbers["mse_test"],
        "constant_mse": numbers["constant_mse_test"],
        "coordination_r2": numbers["r2_test"],
        "interval_coverage": interval_coverage,
        "coverage_kind": answers.coverage_kind,
        "abstained": 0 if answers.novel is None else int(answers.novel.sum()),
        "abstained_mixtures": 0 if asked.novel is None else int(asked.novel.sum()),
        "sites": len(sites.group),
        "trained_on": _trained_on(loaded, library, sites),
    }


def _quantity(label_scheme: dict[str, Any]) -> str:
    """What the regressor reads."""
    return (label_scheme.get("target") or {}).get("quantity", "coordination number")


def _trained_on(model: Model, library: xarray.Dataset, sites: Sites) -> int | None:
    """Number of sites of trajectories that a model was trained on; None if it does not tell."""
    from nearedge.studies.training import library_hash

    # A continued model does not carry what it was continued from.
    libraries = [model.info[part].get("hash") for part in _LIBRARIES if part in model.info]
    if library_hash(library) in libraries:
        return len(sites.group)
    if model.training is None:
        return None
    training = from_attachment(model.training, model.sites)
    return int(training.knows(sites).sum()) if training.names else None


def _fraction_errors(composition: Classifier, split: Split) -> dict[str, float]:
    """Root mean square error of fractions on mixtures of the test part, beside other methods'."""
    sites, train = split.sites, split.train
    mixtures = regressor_mixtures(
        sites.intensity, sites.coordination, _FRACTION_MIXTURES, split.seed, site_index=split.test
    )
    true = class_fractions(mixtures, sites.environment, len(sites.labels))
    own = np.zeros_like(true)
    columns = [sites.labels.index(str(label)) for label in composition.classes]
    own[:, columns] = composition.predict_proba(mixtures.intensity)
    held = np.bincount(sites.environment[train], minlength=len(sites.labels)) / len(train)
    answers = {
        "nearedge": own,
        "training mean": np.broadcast_to(held, true.shape),
        "class means": fractions_by_means(mixtures.intensity, sites, train),
        "library spectra": fractions_by_library(mixtures.intensity, sites, train),
    }
    return {
        name: float(np.sqrt(np.mean((fractions - true) ** 2)))
        for name, fractions in answers.items()
    }


def _main_figures(figures: dict[str, Any]) -> dict[str, Any]:
    """What windows are compared by."""
    classifier, regressor = figures["classifier"]["held_out"], figures["regressor"]["held_out"]
    return {
        "window_eV": figures["window_eV"],
        **{key: classifier[key] for key in ("sites_test", "macro_f1", "coverage", "mean_set_size")},
        **{key: regressor[key] for key in ("mse_test", "r2_test", "interval_coverage")},
        "abstained": classifier["abstained"],
    }


def _audited(with_what: str, folds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over folds of what test sites share, as `audit` in the figures names them."""
    return {
        f"{with_what}_shared_{what}_fraction": float(np.mean([fold[what] for fold in folds]))
        for what in folds[0]
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
