"""All that is fitted to answers on unseen groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nearedge.uncertainty.detector import Detector
from nearedge.uncertainty.intervals import Distance, Intervals, fit_intervals
from nearedge.uncertainty.novelty import Novelty, fit_novelty
from nearedge.uncertainty.probabilities import Scaling, fit_scaling
from nearedge.uncertainty.sets import Sets, fit_sets

if TYPE_CHECKING:
    from nearedge.uncertainty.out_of_fold import OutOfFold

#: Of sets and intervals, unless another one is asked for.
DEFAULT_COVERAGE = 0.9
CoverageKind = Literal["conformal", "empirical"]
# A measured sample averages very many sites. Averages of few are not always told apart from those
# of many by their spectra, and would make the intervals of these too wide.
_KIND_WEIGHTS = np.array([1.0, 0.1, 4.0])


@dataclass(frozen=True, eq=False)
class Statements:
    """What turns a model's numbers into statements with a coverage.

    Attributes
    ----------
    scaling, sets
        Of the environments, in the order of the model's classes.
    intervals
        Of the coordination number.
    fractions
        Intervals of the fraction of each environment; one per class.
    novelty
        Whether a spectrum is of the library's kind.
    group_by, groups
        What a calibration group is, and how many there were.
    """

    scaling: Scaling
    sets: Sets
    intervals: Intervals
    fractions: tuple[Intervals, ...]
    novelty: Novelty
    group_by: str
    groups: int

    def coverage_kind(self, coverage: float) -> CoverageKind:
        """``"conformal"`` if the coverage is proven for new trajectories, else ``"empirical"``.

        The proof needs trajectories as groups, at least ``coverage / (1 - coverage)`` of them (9
        for 0.9), and for the sets a curve of its own for every class: one fitted to the sites of
        all classes says nothing of a rare one.
        """
        enough = self.groups * (1.0 - coverage) >= coverage - 1e-9
        own = all(curve is not None for curve in self.sets.curves)
        proven = self.group_by == "trajectory" and enough and own
        return "conformal" if proven else "empirical"


def fit_statements(answers: OutOfFold) -> Statements:
    """Fit to answers of models that are trained as the model at hand was.

    Parameters
    ----------
    answers
        From `answer_out_of_fold` on the library that the model is trained on.
    """
    sites, units = answers.sites, answers.units
    weight = units.weight * _KIND_WEIGHTS[units.kind]
    scaling = fit_scaling(sites.probabilities, sites.environment, sites.group)
    residuals = (units.composition - units.fractions).T
    return Statements(
        scaling=scaling,
        sets=fit_sets(scaling.apply(sites.probabilities), sites.environment, sites.group),
        intervals=fit_intervals(
            units.predicted - units.coordination, units.distance, units.group, weight
        ),
        fractions=tuple(
            fit_intervals(residual, units.distance, units.group, weight) for residual in residuals
        ),
        novelty=fit_novelty(units.novelty, units.group, units.kind, units.weight),
        group_by=answers.group_by,
        groups=np.unique(sites.group).size,
    )


@dataclass(frozen=True, eq=False)
class Calibration:
    """All that a model carries to say how far to trust it.

    Attributes
    ----------
    statements
        Fitted to answers on unseen groups.
    distance, detector
        Fitted to the sites that the model was trained on.
    """

    statements: Statements
    distance: Distance
    detector: Detector
