"""Calibrated probabilities, prediction sets, intervals and novelty: how far to trust an answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearedge.uncertainty.answers import Answers, answer
    from nearedge.uncertainty.calibration import (
        DEFAULT_COVERAGE,
        Calibration,
        calibrate,
        from_attachment,
        to_attachment,
    )
    from nearedge.uncertainty.groups import LEAST_GROUPS, GroupCurve, group_curve
    from nearedge.uncertainty.intervals import Distance, Intervals, fit_distance, fit_intervals
    from nearedge.uncertainty.out_of_fold import OutOfFold, answer_out_of_fold
    from nearedge.uncertainty.probabilities import Scaling, fit_scaling
    from nearedge.uncertainty.sets import Sets, fit_sets

# Making out-of-fold answers needs what trains models; a prediction must not wait for that to load.
_MODULE_OF = {
    "DEFAULT_COVERAGE": "calibration",
    "LEAST_GROUPS": "groups",
    "Answers": "answers",
    "Calibration": "calibration",
    "Distance": "intervals",
    "GroupCurve": "groups",
    "Intervals": "intervals",
    "OutOfFold": "out_of_fold",
    "Scaling": "probabilities",
    "Sets": "sets",
    "answer": "answers",
    "answer_out_of_fold": "out_of_fold",
    "calibrate": "calibration",
    "fit_distance": "intervals",
    "fit_intervals": "intervals",
    "fit_scaling": "probabilities",
    "fit_sets": "sets",
    "from_attachment": "calibration",
    "group_curve": "groups",
    "to_attachment": "calibration",
}

__all__ = [
    "DEFAULT_COVERAGE",
    "LEAST_GROUPS",
    "Answers",
    "Calibration",
    "Distance",
    "GroupCurve",
    "Intervals",
    "OutOfFold",
    "Scaling",
    "Sets",
    "answer",
    "answer_out_of_fold",
    "calibrate",
    "fit_distance",
    "fit_intervals",
    "fit_scaling",
    "fit_sets",
    "from_attachment",
    "group_curve",
    "to_attachment",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
