"""Answers of models on groups that they had not seen: what calibration is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from nearedge.mixtures import GroupBy, Mixtures, Sites, group_folds, regressor_mixtures
from nearedge.mixtures import class_fractions as fractions_of
from nearedge.models.expansion import read_samples
from nearedge.models.kinds import Classifier, Regressor
from nearedge.uncertainty.calibration import Calibration, fit_statements
from nearedge.uncertainty.detector import fit_detector
from nearedge.uncertainty.intervals import fit_distance

if TYPE_CHECKING:
    from nearedge.models.method import Method

# A sample's size is not known, so three kinds weigh the same: single sites, averages of few sites,
# and averages of as many as the paper's.
SIZES = ((1, 1), (2, 19), (20, 70))
_MIXTURES_PER_GROUP = 100
_FOLDS = 10
_Table = TypeVar("_Table", "SiteAnswers", "UnitAnswers")


@dataclass(frozen=True, eq=False)
class SiteAnswers:
    """Answers of the classifier on single sites: every site as it is, and once changed.

    Attributes
    ----------
    group, fold, environment
        Group, fold and true class code; shape (row,).
    changed
        Whether the spectrum was made broad and noisy; shape (row,).
    probabilities
        Not calibrated; shape (row, class).
    """

    group: Int[np.ndarray, " row"]
    fold: Int[np.ndarray, " row"]
    environment: Int[np.ndarray, " row"]
    changed: Bool[np.ndarray, " row"]
    probabilities: Float[np.ndarray, "row class"]


@dataclass(frozen=True, eq=False)
class UnitAnswers:
    """Answers on units, which are sites and mixtures of sites, as they are and changed.

    Attributes
    ----------
    group
        Group that the members come from, or where groups are too small to draw mixtures from
        (atoms), their fold; shape (unit,).
    fold, size, changed
        Fold, number of sites, and whether the spectrum was made broad and noisy.
    weight
        Within the group: every kind of size weighs the same.
    coordination, predicted
        Average coordination numbers, true and answered.
    fractions, composition
        Shares of the classes, true and answered; shape (unit, class).
    distance
        About n**-0.5 for an average of n sites: what the regressor says, or else the distance from
        the mean spectrum of the sites that the model was trained on.
    novelty
        Scores of a detector fitted to those sites; shape (unit, component).
    """

    group: Int[np.ndarray, " unit"]
    fold: Int[np.ndarray, " unit"]
    size: Int[np.ndarray, " unit"]
    changed: Bool[np.ndarray, " unit"]
    weight: Float[np.ndarray, " unit"]
    coordination: Float[np.ndarray, " unit"]
    predicted: Float[np.ndarray, " unit"]
    fractions: Float[np.ndarray, "unit class"]
    composition: Float[np.ndarray, "unit class"]
    distance: Float[np.ndarray, " unit"]
    novelty: Float[np.ndarray, "unit component"]

    @property
    def kind(self) -> Int[np.ndarray, " unit"]:
        """0 for single sites, 1 for averages of few and 2 for averages of many."""
        return np.searchsorted([most for _, most in SIZES[:-1]], self.size)


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """All answers, and what a group is.

    Attributes
    ----------
    classes
        Labels that codes and columns count.
    group_by
        What a site's group is.
    sites, units
        See `SiteAnswers` and `UnitAnswers`.
    """

    classes: tuple[str, ...]
    group_by: GroupBy
    sites: SiteAnswers
    units: UnitAnswers

    def without_fold(self, fold: int) -> OutOfFold:
        """What is left when one fold is set aside, to see how well it would have been covered."""
        return self._where(self.sites.fold != fold, self.units.fold != fold)

    def only_fold(self, fold: int) -> OutOfFold:
        """One fold alone."""
        return self._where(self.sites.fold == fold, self.units.fold == fold)

    def _where(self, sites: np.ndarray, units: np.ndarray) -> OutOfFold:
        return OutOfFold(
            self.classes, self.group_by, _rows(self.sites, sites), _rows(self.units, units)
        )


@dataclass(frozen=True, eq=False)
class FoldModels:
    """What was trained without one fold.

    Attributes
    ----------
    classifier, regressor, composition
        Trained models.
    """

    classifier: Classifier
    regressor: Regressor
    composition: Classifier


def answer_out_of_fold(
    method: Method,
    sites: Sites,
    seed: int,
    *,
    folds: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
    observe: Callable[[int, FoldModels], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> OutOfFold:
    """Train a method once per fold and ask about the groups left out.

    Parameters
    ----------
    method
        What is trained.
    sites
        All sites of the training library, on the method's grid.
    seed
        Of folds, mixtures and training.
    folds
        (training, left out) rows of `sites`: those of `nearedge.studies.assess` in training; by
        default 10, or as many as there are groups.
    observe
        Called with the number of each fold and its models, for whatever else they are to be asked.
    progress
        Called with (what, done, in all).
    """
    if folds is None:
        count = min(_FOLDS, np.unique(sites.group).size)
        folds = group_folds(sites.group, count, seed, classes=sites.environment)
    parts = []
    for fold, (train, left_out) in enumerate(folds):
        models = _train(method, sites, train, seed + fold)
        if observe is not None:
            observe(fold, models)
        parts.append(_answers(method, sites, models, train, left_out, fold, seed))
        if progress is not None:
            progress("folds", fold + 1, len(folds))
    return OutOfFold(
        sites.labels,
        sites.group_by,
        _joined([part for part, _ in parts]),
        _joined([part for _, part in parts]),
    )


def _train(method: Method, sites: Sites, train: np.ndarray, seed: int) -> FoldModels:
    from nearedge.models.method import fit_classifier, fit_samples

    return FoldModels(
        fit_classifier(method, sites, train), *fit_samples(method, sites, train, seed)
    )


def _answers(
    method: Method,
    sites: Sites,
    models: FoldModels,
    train: np.ndarray,
    left_out: np.ndarray,
    fold: int,
    seed: int,
) -> tuple[SiteAnswers, UnitAnswers]:
    """Answers of one fold."""
    classifier, composition = models.classifier, models.composition

    def both(intensity: np.ndarray, key: int) -> np.ndarray:
        """Spectra as they are, and made broad and noisy."""
        return np.concatenate([intensity, method.change(intensity, seed * 1000 + key)])

    asked = both(sites.intensity[left_out], fold)
    probabilities = np.zeros((len(asked), len(sites.labels)))
    columns = [sites.labels.index(str(label)) for label in classifier.classes]
    probabilities[:, columns] = classifier.predict_proba(asked)
    site_answers = SiteAnswers(
        group=np.tile(sites.group[left_out], 2),
        fold=np.full(len(asked), fold),
        environment=np.tile(sites.environment[left_out], 2),
        changed=np.repeat([False, True], len(left_out)),
        probabilities=probabilities,
    )
    intensity, labels = _units(sites, left_out, fold, seed)
    asked = both(intensity, 500 + fold)
    seen = _seen_spectra(method, sites, train, seed + fold)
    detector = fit_detector(seen, classifier, method.grid)
    fractions = np.zeros((len(asked), len(sites.labels)))
    (predicted, spread), shares = read_samples(models.regressor, composition, asked)
    if spread is None:
        spread = fit_distance(sites.intensity[train]).of(asked)
    columns = [sites.labels.index(str(label)) for label in composition.classes]
    fractions[:, columns] = shares
    unit_answers = UnitAnswers(
        group=np.tile(labels["group"], 2),
        fold=np.full(len(asked), fold),
        size=np.tile(labels["size"], 2),
        changed=np.repeat([False, True], len(intensity)),
        weight=np.tile(_kind_weights(labels["group"], labels["size"]), 2),
        coordination=np.tile(labels["coordination"], 2),
        predicted=predicted.astype(float),
        fractions=np.tile(labels["fractions"], (2, 1)),
        composition=fractions,
        distance=spread.astype(float),
        novelty=detector.scores(asked, classifier),
    )
    return site_answers, unit_answers


def calibrate(
    method: Method, sites: Sites, known: OutOfFold, classifier: Classifier, seed: int
) -> Calibration:
    """Calibrate models that were trained on all sites, with the answers of the folds' models.

    Parameters
    ----------
    method, sites, seed
        Of the training.
    known
        From `answer_out_of_fold` with the same method and sites.
    classifier
        Trained on all sites.
    """
    everything = np.arange(len(sites.group))
    seen = _seen_spectra(method, sites, everything, seed)
    detector = fit_detector(seen, classifier, method.grid)
    return Calibration(fit_statements(known), fit_distance(sites.intensity), detector)


def _seen_spectra(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int
) -> Float[np.ndarray, "n energy"]:
    """Spectra of training sites as they are and made broad and noisy, to fit a detector to."""
    intensity = sites.intensity[index]
    return np.concatenate([intensity, method.change(intensity, seed)])


def _units(
    sites: Sites, left_out: Int[np.ndarray, " site"], fold: int, seed: int
) -> tuple[Float[np.ndarray, "unit energy"], dict[str, np.ndarray]]:
    """Sites of a fold and mixtures of them, group by group where groups are trajectories."""
    if sites.group_by == "trajectory":
        own = sites.group[left_out]
        pools = {int(group): left_out[own == group] for group in np.unique(own)}
    else:
        pools = {fold: left_out}
    parts: list[tuple[int, Mixtures]] = []
    for group, pool in pools.items():
        for kind, sizes in enumerate(SIZES):
            # Single sites all, each once; drawing without replacement takes every one.
            drawn = (
                _singles(sites, pool)
                if sizes == (1, 1)
                else regressor_mixtures(
                    sites.intensity,
                    sites.coordination,
                    _MIXTURES_PER_GROUP,
                    (seed * 1000 + group) * len(SIZES) + kind,
                    sizes=sizes,
                    site_index=pool,
                )
            )
            parts.append((group, drawn))
    classes = len(sites.labels)
    return np.concatenate([drawn.intensity for _, drawn in parts]), {
        "group": np.concatenate([np.full(len(drawn.target), group) for group, drawn in parts]),
        "size": np.concatenate([(drawn.members >= 0).sum(axis=1) for _, drawn in parts]),
        "coordination": np.concatenate([drawn.target for _, drawn in parts]).astype(float),
        "fractions": np.concatenate(
            [fractions_of(drawn, sites.environment, classes) for _, drawn in parts]
        ),
    }


def _singles(sites: Sites, pool: Int[np.ndarray, " site"]) -> Mixtures:
    """Every site as a mixture of one."""
    return Mixtures(
        sites.intensity[pool].astype(np.float64),
        sites.coordination[pool],
        pool[:, None],
        np.ones((len(pool), 1)),
    )


def _kind_weights(
    group: Int[np.ndarray, " unit"], size: Int[np.ndarray, " unit"]
) -> Float[np.ndarray, " unit"]:
    """Weights by which the kinds of size count alike within every group."""
    kind = np.searchsorted([most for _, most in SIZES[:-1]], size)
    _, code, count = np.unique(
        np.stack([group, kind]), axis=1, return_inverse=True, return_counts=True
    )
    return 1.0 / count[code.ravel()]


def _rows(table: _Table, rows: np.ndarray) -> _Table:
    return type(table)(**{f.name: getattr(table, f.name)[rows] for f in fields(table)})


def _joined(tables: Sequence[_Table]) -> _Table:
    return type(tables[0])(
        **{
            f.name: np.concatenate([getattr(table, f.name) for table in tables])
            for f in fields(tables[0])
        }
    )
