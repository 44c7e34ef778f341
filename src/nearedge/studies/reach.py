"""How far the uncertainty of an alignment widens intervals, found on groups left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from nearedge._measured import nodes, stretch_of
from nearedge.mixtures import Sites
from nearedge.models.kinds import Regressor
from nearedge.models.method import Method
from nearedge.spectra import (
    AROUND_EV,
    match,
    mixtures_reference,
    resample,
    simulated_measurement,
)
from nearedge.uncertainty import DEFAULT_COVERAGE, Intervals, fit_distance, group_curve

# Simulated measurements of each group that is left out.
_EACH = 20
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class AlignedAnswers:
    """Answers to simulated measurements of groups that models had not seen.

    Attributes
    ----------
    group
        That each was made of; a fold where groups are no trajectories.
    error
        Of the coordination number, averaged over the shifts that are possible.
    half_width
        Of its interval, were the shift known.
    spread
        Standard deviation of the coordination number over the possible shifts.
    """

    group: Int[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    half_width: Float[np.ndarray, " n"]
    spread: Float[np.ndarray, " n"]


def ask_left_out(
    method: Method,
    sites: Sites,
    spectra: tuple[Float[np.ndarray, " energy"], Float[np.ndarray, "site energy"]],
    zeros: Int[np.ndarray, " site"],
    fold: tuple[Int[np.ndarray, " train"], Int[np.ndarray, " left"]],
    regressor: Regressor,
    intervals: Intervals,
    scatter_eV: float,
    seed: int,
) -> AlignedAnswers:
    """Simulate measurements of one fold, align them with the rest, and ask for their number.

    Parameters
    ----------
    method, sites
        What was trained, and the library on its grid.
    spectra
        Energies and raw spectra of the library.
    zeros
        What shares an energy zero, see `nearedge.spectra.alignment_reference`.
    fold
        Rows that the regressor was trained on, and those left out.
    regressor, intervals
        Trained and calibrated without the fold.
    scatter_eV
        Of the zeros of unseen structures.
    seed
        Of the measurements.
    """
    train, left_out = fold
    energy_eV, raw = spectra
    reference = mixtures_reference(energy_eV, raw[train], zeros[train], seed, scatter_eV)
    random = np.random.default_rng(seed)
    own = sites.group[left_out] if sites.group_by == "trajectory" else np.zeros(len(left_out))
    distance = fit_distance(sites.intensity[train])
    rows = []
    for group in np.unique(own):
        pool = left_out[own == group]
        for _ in range(_EACH):
            wide_eV, measured, drawn = simulated_measurement(energy_eV, raw, pool, random)
            found = match(wide_eV, measured, reference, (-AROUND_EV, AROUND_EV))
            at_eV = nodes(found)
            asked = np.stack([resample(wide_eV + by, measured, method.grid) for by in at_eV])
            numbers, away = regressor.predict_with_spread(asked)
            away = distance.of(asked) if away is None else away
            half = intervals.half_width(away, DEFAULT_COVERAGE).mean()
            error = numbers.mean() - sites.coordination[drawn].mean()
            rows.append((error, half, stretch_of(found, at_eV) * numbers.std()))
    error, half, spread = np.array(rows, dtype=float).T
    group = sites.group[left_out[0]] if sites.group_by != "trajectory" else np.unique(own)
    return AlignedAnswers(np.repeat(group, _EACH).astype(int), error, half, spread)


def fit_reach(answers: Sequence[AlignedAnswers], coverage: float = DEFAULT_COVERAGE) -> float:
    """Fit by how many of its standard deviations the unknown shift widens an interval.

    Half widths are added in squares. The number of deviations that each simulated measurement
    needs to lie inside is calibrated by group, as residuals are.

    Parameters
    ----------
    answers
        Of all folds.
    coverage
        Wanted of the intervals.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> error = rng.normal(0, 5.0, 4000)
    >>> ones = np.ones(4000)
    >>> answers = AlignedAnswers(np.arange(4000), error, 0 * ones, 5 * ones)
    >>> round(fit_reach([answers]), 1)
    1.6
    """
    group, error, half, spread = (
        np.concatenate([getattr(one, name) for one in answers])
        for name in ("group", "error", "half_width", "spread")
    )
    needed = np.sqrt(np.maximum(error**2 - half**2, 0.0)) / np.maximum(spread, _TINY)
    return round(max(group_curve(needed, group).threshold(1.0 - coverage), 0.0), 3)
