"""Answers of models on groups that they had not seen: what calibration is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from nearedge.mixtures import GroupBy, Sites, group_folds, regressor_mixtures
from nearedge.models.method import Method, fit_classifier, fit_regressor
from nearedge.uncertainty.intervals import fit_distance

# A sample's size is not known, so three kinds weigh the same: single sites, averages of few sites,
# and averages of as many as the paper's.
_SIZES = ((2, 19), (20, 70))
_MIXTURES_PER_GROUP = 100
_FOLDS = 10


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Answers on single sites, and on units: the sites again and mixtures of them.

    Attributes
    ----------
    classes
        Labels that codes count.
    group_by
        What a site's group is.
    group, fold, environment
        Of every site; shape (site,).
    probabilities
        Not calibrated; shape (site, class).
    unit_group
        Group that the members of a unit come from, or where groups are too small to draw mixtures
        from (atoms), their fold; shape (unit,).
    unit_fold, size, weight
        Fold, number of sites, and weight within the group: every kind of size weighs the same.
    true, predicted, distance
        Average coordination numbers, and distance from the mean spectrum.
    """

    classes: tuple[str, ...]
    group_by: GroupBy
    group: Int[np.ndarray, " site"]
    fold: Int[np.ndarray, " site"]
    environment: Int[np.ndarray, " site"]
    probabilities: Float[np.ndarray, "site class"]
    unit_group: Int[np.ndarray, " unit"]
    unit_fold: Int[np.ndarray, " unit"]
    size: Int[np.ndarray, " unit"]
    weight: Float[np.ndarray, " unit"]
    true: Float[np.ndarray, " unit"]
    predicted: Float[np.ndarray, " unit"]
    distance: Float[np.ndarray, " unit"]

    def without_fold(self, fold: int) -> OutOfFold:
        """What is left when one fold is set aside, to see how well it would have been covered."""
        return self._take(self.fold != fold, self.unit_fold != fold)

    def only_fold(self, fold: int) -> OutOfFold:
        """One fold alone."""
        return self._take(self.fold == fold, self.unit_fold == fold)

    def _take(self, sites: np.ndarray, units: np.ndarray) -> OutOfFold:
        return OutOfFold(
            self.classes,
            self.group_by,
            self.group[sites],
            self.fold[sites],
            self.environment[sites],
            self.probabilities[sites],
            self.unit_group[units],
            self.unit_fold[units],
            self.size[units],
            self.weight[units],
            self.true[units],
            self.predicted[units],
            self.distance[units],
        )


@dataclass(frozen=True, eq=False)
class _Units:
    """Spectra and labels of the units of one fold."""

    intensity: Float[np.ndarray, "unit energy"]
    group: Int[np.ndarray, " unit"]
    size: Int[np.ndarray, " unit"]
    coordination: Float[np.ndarray, " unit"]


def answer_out_of_fold(
    method: Method,
    sites: Sites,
    seed: int,
    *,
    folds: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
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
        (training, left out) rows of `sites`; by default 10, or as many as there are groups.
    progress
        Called with (what, done, in all).
    """
    if folds is None:
        count = min(_FOLDS, np.unique(sites.group).size)
        folds = group_folds(sites.group, count, seed, classes=sites.environment)
    count = len(sites.group)
    fold_of, probabilities = np.zeros(count, int), np.zeros((count, len(sites.labels)))
    parts: list[tuple[_Units, np.ndarray, np.ndarray]] = []
    for fold, (train, left_out) in enumerate(folds):
        classifier = fit_classifier(method, sites, train, seed + fold).ensemble_
        regressor = fit_regressor(method, sites, train, seed + fold).ensemble_
        fold_of[left_out] = fold
        columns = [sites.labels.index(str(label)) for label in classifier.classes]
        answers = classifier.predict_proba(sites.intensity[left_out])
        probabilities[np.ix_(left_out, columns)] = answers
        units = _units(sites, left_out, fold, seed)
        distance = fit_distance(sites.intensity[train]).of(units.intensity)
        parts.append((units, regressor.predict(units.intensity).astype(float), distance))
        if progress is not None:
            progress("calibration folds", fold + 1, len(folds))
    size = np.concatenate([units.size for units, _, _ in parts])
    unit_group = np.concatenate([units.group for units, _, _ in parts])
    return OutOfFold(
        classes=sites.labels,
        group_by=sites.group_by,
        group=sites.group,
        fold=fold_of,
        environment=sites.environment,
        probabilities=probabilities,
        unit_group=unit_group,
        unit_fold=np.repeat(np.arange(len(parts)), [len(units.size) for units, _, _ in parts]),
        size=size,
        weight=_kind_weights(unit_group, size),
        true=np.concatenate([units.coordination for units, _, _ in parts]),
        predicted=np.concatenate([predicted for _, predicted, _ in parts]),
        distance=np.concatenate([distance for _, _, distance in parts]),
    )


def _units(sites: Sites, left_out: Int[np.ndarray, " site"], fold: int, seed: int) -> _Units:
    """Sites of a fold and mixtures of them, group by group where groups are trajectories."""
    if sites.group_by == "trajectory":
        pools = {int(g): left_out[sites.group[left_out] == g] for g in sites.group[left_out]}
    else:
        pools = {fold: left_out}
    parts = []
    for group, pool in pools.items():
        ones = np.ones(len(pool), int)
        parts.append((sites.intensity[pool], ones, sites.coordination[pool], group))
        for kind, sizes in enumerate(_SIZES):
            drawn = regressor_mixtures(
                sites.intensity,
                sites.coordination,
                _MIXTURES_PER_GROUP,
                (seed * 1000 + group) * len(_SIZES) + kind,
                sizes=sizes,
                site_index=pool,
            )
            parts.append((drawn.intensity, (drawn.members >= 0).sum(axis=1), drawn.target, group))
    return _Units(
        intensity=np.concatenate([part[0] for part in parts]),
        group=np.concatenate([np.full(len(part[1]), part[3]) for part in parts]),
        size=np.concatenate([part[1] for part in parts]),
        coordination=np.concatenate([part[2] for part in parts]).astype(float),
    )


def _kind_weights(
    group: Int[np.ndarray, " unit"], size: Int[np.ndarray, " unit"]
) -> Float[np.ndarray, " unit"]:
    """Weights by which the three kinds of size count alike within every group."""
    kind = np.searchsorted([1, _SIZES[0][1]], size)
    _, code, count = np.unique(
        np.stack([group, kind]), axis=1, return_inverse=True, return_counts=True
    )
    return 1.0 / count[code]
