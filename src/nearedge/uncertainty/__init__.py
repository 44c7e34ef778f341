"""Calibrated probabilities, prediction sets, intervals and novelty: how far to trust an answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearedge.uncertainty._saving import from_attachment, to_attachment
    from nearedge.uncertainty.answers import Answers, answer
    from nearedge.uncertainty.calibration import (
        DEFAULT_COVERAGE,
        Calibration,
        Statements,
        fit_statements,
    )
    from nearedge.uncertainty.detector import Detector, fit_detector
    from nearedge.uncertainty.groups import LEAST_GROUPS, GroupCurve, group_curve
    from nearedge.uncertainty.intervals import Distance, Intervals, fit_distance, fit_intervals
    from nearedge.uncertainty.novelty import NOVELTY_LEVEL, Novelty, fit_novelty
    from nearedge.uncertainty.out_of_fold import (
        FoldModels,
        OutOfFold,
        SiteAnswers,
        UnitAnswers,
        answer_out_of_fold,
        calibrate,
    )
    from nearedge.uncertainty.probabilities import Scaling, fit_scaling
    from nearedge.uncertainty.reasons import Correction
    from nearedge.uncertainty.sets import Sets, fit_sets

# Making out-of-fold answers needs what trains models; a prediction must not wait for that to load.
_MODULE_OF = {
    "DEFAULT_COVERAGE": "calibration",
    "LEAST_GROUPS": "groups",
    "NOVELTY_LEVEL": "novelty",
    "Answers": "answers",
    "Calibration": "calibration",
    "Correction": "reasons",
    "Detector": "detector",
    "Distance": "intervals",
    "FoldModels": "out_of_fold",
    "GroupCurve": "groups",
    "Intervals": "intervals",
    "Novelty": "novelty",
    "OutOfFold": "out_of_fold",
    "Scaling": "probabilities",
    "Sets": "sets",
    "SiteAnswers": "out_of_fold",
    "UnitAnswers": "out_of_fold",
    "Statements": "calibration",
    "answer": "answers",
    "answer_out_of_fold": "out_of_fold",
    "calibrate": "out_of_fold",
    "fit_detector": "detector",
    "fit_distance": "intervals",
    "fit_intervals": "intervals",
    "fit_novelty": "novelty",
    "fit_scaling": "probabilities",
    "fit_sets": "sets",
    "fit_statements": "calibration",
    "from_attachment": "_saving",
    "group_curve": "groups",
    "to_attachment": "_saving",
}

__all__ = [
    "DEFAULT_COVERAGE",
    "LEAST_GROUPS",
    "NOVELTY_LEVEL",
    "Answers",
    "Calibration",
    "Correction",
    "Detector",
    "Distance",
    "FoldModels",
    "GroupCurve",
    "Intervals",
    "Novelty",
    "OutOfFold",
    "Scaling",
    "Sets",
    "SiteAnswers",
    "Statements",
    "UnitAnswers",
    "answer",
    "answer_out_of_fold",
    "calibrate",
    "fit_detector",
    "fit_distance",
    "fit_intervals",
    "fit_novelty",
    "fit_scaling",
    "fit_sets",
    "fit_statements",
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
