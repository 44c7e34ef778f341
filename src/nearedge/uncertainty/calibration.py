"""All that is fitted to answers on unseen groups, and how it travels with a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nearedge.models.store import Attachment
from nearedge.uncertainty.groups import GroupCurve
from nearedge.uncertainty.intervals import Distance, Intervals, fit_intervals
from nearedge.uncertainty.probabilities import Scaling, fit_scaling
from nearedge.uncertainty.sets import Sets, fit_sets

if TYPE_CHECKING:
    from nearedge.uncertainty.out_of_fold import OutOfFold

#: Of sets and intervals, unless another one is asked for.
DEFAULT_COVERAGE = 0.9
CoverageKind = Literal["conformal", "empirical"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What turns a model's numbers into statements with a coverage.

    Attributes
    ----------
    scaling, sets
        Of the environments, in the order of the model's classes.
    distance, intervals
        Of the coordination number.
    group_by, groups
        What a calibration group is, and how many there were.
    """

    scaling: Scaling
    sets: Sets
    distance: Distance
    intervals: Intervals
    group_by: str
    groups: int

    def coverage_kind(self, coverage: float) -> CoverageKind:
        """``"conformal"`` if the coverage is proven for new trajectories, else ``"empirical"``.

        The proof needs trajectories as groups, and at least ``coverage / (1 - coverage)`` of them:
        9 for 0.9.
        """
        enough = self.groups * (1.0 - coverage) >= coverage - 1e-9
        return "conformal" if self.group_by == "trajectory" and enough else "empirical"


def calibrate(answers: OutOfFold, distance: Distance) -> Calibration:
    """Fit calibration to answers of models that are trained as the model at hand was.

    Parameters
    ----------
    answers
        From `answer_out_of_fold` on the library that the model is trained on.
    distance
        Fitted to all sites of that library.
    """
    scaling = fit_scaling(answers.probabilities, answers.environment, answers.group)
    return Calibration(
        scaling=scaling,
        sets=fit_sets(scaling.apply(answers.probabilities), answers.environment, answers.group),
        distance=distance,
        intervals=fit_intervals(
            answers.predicted - answers.true, answers.distance, answers.unit_group, answers.weight
        ),
        group_by=answers.group_by,
        groups=np.unique(answers.group).size,
    )


def to_attachment(calibration: Calibration) -> Attachment:
    """Plain arrays and values, to be saved with the model."""
    sets = calibration.sets
    numbers = {
        "offset": calibration.scaling.offset,
        "reference": calibration.distance.reference,
        **_curve_numbers("pooled", sets.pooled),
        **_curve_numbers("interval", calibration.intervals.curve),
    }
    for code, curve in enumerate(sets.curves):
        if curve is not None:
            numbers |= _curve_numbers(f"class{code}", curve)
    return Attachment(
        numbers,
        {
            "sharpness": calibration.scaling.sharpness,
            "own_curves": [code for code, curve in enumerate(sets.curves) if curve is not None],
            "typical_distance": calibration.distance.typical,
            "interval_floor": calibration.intervals.floor,
            "interval_slope": calibration.intervals.slope,
            "group_by": calibration.group_by,
            "groups": calibration.groups,
        },
    )


def from_attachment(attachment: Attachment) -> Calibration:
    """Undo `to_attachment`."""
    numbers, values = attachment.numbers, attachment.description
    offset = numbers["offset"]
    curves = tuple(
        _curve(numbers, f"class{code}") if code in values["own_curves"] else None
        for code in range(len(offset))
    )
    return Calibration(
        Scaling(values["sharpness"], offset),
        Sets(curves, _curve(numbers, "pooled")),
        Distance(numbers["reference"], values["typical_distance"]),
        Intervals(values["interval_floor"], values["interval_slope"], _curve(numbers, "interval")),
        values["group_by"],
        values["groups"],
    )


def _curve_numbers(name: str, curve: GroupCurve) -> dict[str, np.ndarray]:
    return {
        f"{name}.scores": curve.scores,
        f"{name}.p_values": curve.p_values,
        f"{name}.beyond": np.array([curve.beyond]),
    }


def _curve(numbers: dict[str, np.ndarray], name: str) -> GroupCurve:
    beyond = float(numbers[f"{name}.beyond"][0])
    return GroupCurve(numbers[f"{name}.scores"], numbers[f"{name}.p_values"], beyond)
