"""How far answers on unseen groups can be trusted: coverage, calibration, abstaining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from nearedge.studies.scores import macro_f1
from nearedge.uncertainty import DEFAULT_COVERAGE, NOVELTY_LEVEL, OutOfFold, fit_statements

_RESAMPLES = 1000
_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)
KINDS = ("single sites", "averages of 2 to 19", "averages of 20 to 70")


@dataclass(frozen=True, eq=False)
class Trust:
    """What was said of units whose fold calibration did not use, and what was so.

    Attributes
    ----------
    classes
        Labels that codes count.
    group, environment
        Of every site; shape (site,).
    raw, calibrated
        Probabilities before and after calibration; shape (site, class).
    in_set
        Prediction sets; shape (site, class).
    unit_group, kind
        Of every unit; kinds count `KINDS`; shape (unit,).
    error, half_width
        Of the coordination number, the error being answer minus truth; shape (unit,).
    coordination
        True; shape (unit,).
    fraction_error, fraction_half_width
        Of the fraction of each environment; shape (unit, class).
    p_value
        Of novelty; shape (unit,).
    """

    classes: tuple[str, ...]
    group: Int[np.ndarray, " site"]
    environment: Int[np.ndarray, " site"]
    raw: Float[np.ndarray, "site class"]
    calibrated: Float[np.ndarray, "site class"]
    in_set: Bool[np.ndarray, "site class"]
    unit_group: Int[np.ndarray, " unit"]
    kind: Int[np.ndarray, " unit"]
    error: Float[np.ndarray, " unit"]
    half_width: Float[np.ndarray, " unit"]
    coordination: Float[np.ndarray, " unit"]
    fraction_error: Float[np.ndarray, "unit class"]
    fraction_half_width: Float[np.ndarray, "unit class"]
    p_value: Float[np.ndarray, " unit"]

    @property
    def covered(self) -> Bool[np.ndarray, " site"]:
        """Whether the set of a site holds its environment."""
        return self.in_set[np.arange(len(self.environment)), self.environment]

    @property
    def right(self) -> Bool[np.ndarray, " site"]:
        """Whether the most probable environment of a site is right."""
        return self.calibrated.argmax(axis=1) == self.environment


def check_statements(known: OutOfFold, *, changed: bool = False) -> Trust:
    """Calibrate on all folds but one, look at that one, and go round.

    The models that answered for the other folds have seen the sites of the fold in question; what
    is measured is calibration, with models whose answers are out of fold throughout.

    Parameters
    ----------
    known
        Answers on groups left out.
    changed
        Look at spectra made broad and noisy instead of the library's own.
    """
    parts: list[dict[str, np.ndarray]] = []
    for fold in np.unique(known.sites.fold).tolist():
        said, fresh = fit_statements(known.without_fold(fold)), known.only_fold(fold)
        rows, units = fresh.sites.changed == changed, fresh.units.changed == changed
        raw = fresh.sites.probabilities[rows]
        calibrated = said.scaling.apply(raw)
        distance = fresh.units.distance[units]
        widths = [one.half_width(distance, DEFAULT_COVERAGE) for one in said.fractions]
        parts.append(
            {
                "group": fresh.sites.group[rows],
                "environment": fresh.sites.environment[rows],
                "raw": raw,
                "calibrated": calibrated,
                "in_set": said.sets.members(calibrated, DEFAULT_COVERAGE),
                "unit_group": fresh.units.group[units],
                "kind": fresh.units.kind[units],
                "error": (fresh.units.predicted - fresh.units.coordination)[units],
                "half_width": said.intervals.half_width(distance, DEFAULT_COVERAGE),
                "coordination": fresh.units.coordination[units],
                "fraction_error": (fresh.units.composition - fresh.units.fractions)[units],
                "fraction_half_width": np.stack(widths, axis=1),
                "p_value": said.novelty.p_value(fresh.units.novelty[units]),
            }
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Trust(classes=known.classes, **joined)


def site_figures(trust: Trust, seed: int = 0) -> dict[str, Any]:
    """Coverage, set size, calibration and abstaining on single sites.

    ``calibrated`` scores the answers as `nearedge.predict` gives them, after calibration, and
    those of no answer, too. ``ranges`` holds 95 % intervals of these figures, by bootstrap over
    groups; ``confusion`` counts sites by true (row) and most probable class.
    """
    covered, right = trust.covered.astype(float), trust.right.astype(float)
    size = trust.in_set.sum(axis=1).astype(float)
    alarms = (trust.p_value <= NOVELTY_LEVEL).astype(float)
    accuracy = surest(trust)
    classes = {
        label: trust.environment == code
        for code, label in enumerate(trust.classes)
        if np.any(trust.environment == code)
    }
    measured = {
        "coverage": (covered, trust.group),
        "mean_set_size": (size, trust.group),
        "accuracy": (right, trust.group),
        **{
            f"coverage of {name}": (covered[own], trust.group[own]) for name, own in classes.items()
        },
        **{
            f"false alarms, {name}": (alarms[own], trust.unit_group[own])
            for name, own in _kinds(trust).items()
        },
    }
    answered = trust.calibrated.argmax(axis=1)
    names, group = np.unique(trust.group, return_inverse=True)
    by_group = np.zeros((len(names), len(trust.classes), len(trust.classes)), int)
    np.add.at(by_group, (group, trust.environment, answered), 1)
    ranges = {
        name: range_by_groups(values, groups, seed) for name, (values, groups) in measured.items()
    }
    return {
        "calibrated": {
            "accuracy": float(right.mean()),
            "macro_f1": macro_f1(answered, trust.environment),
        },
        "coverage": float(covered.mean()),
        "confusion": by_group.sum(axis=0).tolist(),
        "by_group": [
            {
                "group": int(one),
                "sites": int(own.sum()),
                "accuracy": float(right[own].mean()),
                "coverage": float(covered[own].mean()),
            }
            for one in np.unique(trust.group)
            for own in [trust.group == one]
        ],
        "mean_set_size": float(size.mean()),
        "abstained": int(alarms[trust.kind == 0].sum()),
        "set_sizes": {str(n): float(np.mean(size == n)) for n in np.unique(size).astype(int)},
        "coverage_by_class": {name: float(covered[own].mean()) for name, own in classes.items()},
        "false_alarms": {name: float(alarms[own].mean()) for name, own in _kinds(trust).items()},
        "accuracy_by_share_answered": {
            str(share): float(accuracy[max(1, round(share * len(accuracy))) - 1])
            for share in _SHARES
        },
        "log_loss": {
            "raw": _log_loss(trust.raw, trust.environment),
            "calibrated": _log_loss(trust.calibrated, trust.environment),
        },
        "mean_probability": {
            "raw": float(trust.raw.max(axis=1).mean()),
            "calibrated": float(trust.calibrated.max(axis=1).mean()),
        },
        "ranges": ranges | {"macro_f1": _macro_f1_range(by_group, seed)},
    }


def number_figures(trust: Trust, seed: int = 0) -> dict[str, Any]:
    """Coverage and width of the intervals, for averages of 20 to 70 sites and by kind.

    ``range`` is a 95 % interval, by bootstrap over groups.
    """
    inside = (np.abs(trust.error) <= trust.half_width).astype(float)
    fractions = (np.abs(trust.fraction_error) <= trust.fraction_half_width).mean(axis=1)
    by_kind = {}
    for name, own in _kinds(trust).items():
        group = trust.unit_group[own]
        by_kind[name] = {
            "interval_coverage": float(inside[own].mean()),
            "range": range_by_groups(inside[own], group, seed),
            "mean_half_width": float(trust.half_width[own].mean()),
            "rmse": float(np.sqrt(np.mean(trust.error[own] ** 2))),
            "fraction_coverage": float(fractions[own].mean()),
            "fraction_range": range_by_groups(fractions[own], group, seed),
            "fraction_half_width": float(trust.fraction_half_width[own].mean()),
            "fraction_rmse": float(np.sqrt(np.mean(trust.fraction_error[own] ** 2))),
        }
    return {"interval_coverage": by_kind[KINDS[-1]]["interval_coverage"], "by_kind": by_kind}


def _kinds(trust: Trust) -> dict[str, np.ndarray]:
    return {name: trust.kind == kind for kind, name in enumerate(KINDS)}


def surest(trust: Trust) -> Float[np.ndarray, " site"]:
    """Accuracy on the 1, 2, ... n answers of highest probability."""
    order = np.argsort(-trust.calibrated.max(axis=1), kind="stable")
    return np.cumsum(trust.right[order]) / np.arange(1, len(order) + 1)


def range_by_groups(
    values: Float[np.ndarray, " row"], group: Int[np.ndarray, " row"], seed: int
) -> list[float]:
    """95 % bootstrap interval of a mean over rows, from groups drawn with replacement.

    Parameters
    ----------
    values, group
        Of every row.
    seed
        Of the draws.

    References
    ----------
    B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", chapter 13 (1993).

    Examples
    --------
    >>> low, high = range_by_groups(np.repeat([0.0, 1.0], 50), np.repeat(np.arange(20), 5), seed=0)
    >>> 0.2 < low < 0.4 < 0.6 < high < 0.8
    True
    """
    _, code = np.unique(group, return_inverse=True)
    sums, counts = np.bincount(code, values), np.bincount(code)
    rng = np.random.default_rng([seed, 17])
    draws = rng.integers(len(counts), size=(_RESAMPLES, len(counts)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    return [float(bound) for bound in np.quantile(means, [0.025, 0.975])]


def _macro_f1_range(confusion: Int[np.ndarray, "group class class"], seed: int) -> list[float]:
    """95 % bootstrap interval of the mean F1 score of the classes, as `range_by_groups`."""
    rng = np.random.default_rng([seed, 17])
    draws = rng.integers(len(confusion), size=(_RESAMPLES, len(confusion)))
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    said = confusion.sum(axis=1) + confusion.sum(axis=2)
    hits, said = hits[draws].sum(axis=1), said[draws].sum(axis=1)
    scores = np.ma.masked_array(2 * hits / np.maximum(said, 1), said == 0).mean(axis=1)
    return [float(bound) for bound in np.quantile(scores.filled(0.0), [0.025, 0.975])]


def _log_loss(probabilities: np.ndarray, environment: np.ndarray) -> float:
    right = probabilities[np.arange(len(environment)), environment]
    return float(-np.log(np.maximum(right, 1e-7)).mean())
