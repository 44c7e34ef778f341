"""By how much the unknown shift of a measurement widens its interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nearedge._answering import average_answers
from nearedge.data import model_folder
from nearedge.models import load_model
from nearedge.studies.reach import AlignedAnswers, fit_reach


def _answers(seed: int, spread: float = 1.0) -> AlignedAnswers:
    """Of 20 groups whose errors are alike within a group and smaller than the spread says."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(20), 20)
    error = 0.5 * random.normal(size=20)[group] + 0.2 * random.normal(size=400)
    return AlignedAnswers(group, error, np.full(400, 0.1), np.full(400, spread))


def test_intervals_with_the_reach_hold_new_groups_at_the_wanted_rate() -> None:
    reach = fit_reach([_answers(seed=0)])
    new = _answers(seed=1)
    inside = np.abs(new.error) <= np.hypot(new.half_width, reach * new.spread)
    assert 0.8 < inside.mean() <= 1.0
    assert reach < 1.645


def test_a_reach_counts_in_spreads() -> None:
    assert fit_reach([_answers(0, spread=2.0)]) == pytest.approx(
        fit_reach([_answers(0)]) / 2, abs=1e-3
    )


def test_errors_within_the_calibrated_interval_need_no_reach() -> None:
    good = replace(_answers(0), half_width=np.full(400, 10.0))
    assert fit_reach([good]) == 0.0


def test_a_model_with_a_smaller_reach_gives_narrower_intervals_for_unknown_shifts() -> None:
    model = load_model(model_folder("default"))
    reference = model.info["reference"]
    mean = np.array(model.info["bands"]["intensity"]["1 Fe"])[1]
    moved = np.stack([np.roll(mean, by) for by in (-2, 0, 2)])[:, None]

    def width(reach: float) -> float:
        info = model.info | {"reference": dict(reference) | {"reach": reach}}
        answers = average_answers(replace(model, info=info), moved)
        assert answers.high is not None
        return float(answers.high[0] - answers.mean[0])

    assert width(0.0) < width(0.5) < width(1.645)
