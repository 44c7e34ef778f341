"""The classical baselines on a split: what they are tuned on, trained on and asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int, Real
from threadpoolctl import threadpool_limits

from nearedge.errors import UsageError
from nearedge.mixtures import Examples, Mixtures, Sites, group_folds, regressor_mixtures
from nearedge.models.baselines import Baseline, Folds, classifier_baselines, regressor_baselines

_FOLDS = 3
_TUNING = 1000
"""Examples that settings are chosen on."""
# In the held-out protocol more mixtures of the same sites bring next to nothing, and support
# vectors take time with the square of their number. Pooled, they bring the leak: all are used.
_HELD_OUT_MIXTURES = 2000


@dataclass(frozen=True, eq=False)
class Question:
    """What the baselines of a task are tuned on, trained on and asked.

    Attributes
    ----------
    task
        ``"classifier"`` or ``"regressor"``.
    tuning_x, tuning_y, folds
        Examples of the training part to choose settings on, and which of them are fitted and
        scored in turn.
    x, y
        The training part.
    asked
        Intensities of the test part.
    near_edge
        How many points from the first on are the near edge, if a baseline shall see it alone.
    """

    task: str
    tuning_x: Float[np.ndarray, "tuning point"]
    tuning_y: Real[np.ndarray, " tuning"]
    folds: Folds
    x: Float[np.ndarray, "train point"]
    y: Real[np.ndarray, " train"]
    asked: Float[np.ndarray, "test point"]
    near_edge: int | None = None


def held_out_classifier(
    sites: Sites,
    train: Int[np.ndarray, " train"],
    test: Int[np.ndarray, " test"],
    seed: int,
    near_edge: int | None = None,
) -> Question:
    """Ask about single sites of unseen groups; settings are chosen by folds of whole groups."""
    x, y = sites.intensity[train], sites.environment[train]
    folds, asked = _folds(sites, train, seed), sites.intensity[test]
    return Question("classifier", x, y, folds, x, y, asked, near_edge)


def held_out_regressor(
    sites: Sites,
    train: Int[np.ndarray, " train"],
    asked: Mixtures,
    seed: int,
    effort: float = 1.0,
) -> Question:
    """Ask about mixtures of unseen groups.

    A mixture holds many groups, so each fold averages anew: its sites to fit on by themselves, and
    its sites to score by themselves.
    """

    def drawn(count: int, index: np.ndarray) -> Mixtures:
        return regressor_mixtures(
            sites.intensity,
            sites.coordination,
            max(2, round(count * effort)),
            seed,
            site_index=index,
        )

    parts = [
        drawn(count, train[rows])
        for fitted, scored in _folds(sites, train, seed)
        for count, rows in ((2 * _TUNING // 3, fitted), (_TUNING // 3, scored))
    ]
    ends = np.cumsum([0, *(len(part.target) for part in parts)])
    rows = [np.arange(first, last) for first, last in pairwise(ends)]
    taught = drawn(_HELD_OUT_MIXTURES, train)
    return Question(
        "regressor",
        np.concatenate([part.intensity for part in parts] or [taught.intensity]),
        np.concatenate([part.target for part in parts] or [taught.target]),
        list(zip(rows[::2], rows[1::2], strict=True)),
        taught.intensity,
        taught.target,
        asked.intensity,
    )


def pooled_question(task: str, examples: Examples) -> Question:
    """Ask about test mixtures of the pooled protocol, which also splits mixtures for the folds."""
    train = examples.mixtures["train"]
    x, y = train.intensity, train.target
    part = np.arange(min(_TUNING, len(y))) % _FOLDS
    folds = [(np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(_FOLDS)]
    return Question(
        task, x[: len(part)], y[: len(part)], folds, x, y, examples.mixtures["test"].intensity
    )


def ask(
    questions: Sequence[Question],
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    tuned: bool = True,
) -> list[dict[str, Real[np.ndarray, " test"]]]:
    """Tune, train and ask every baseline of every question.

    Parameters
    ----------
    questions
        Of any task and protocol.
    executor
        Where each baseline of each question runs by itself; None for here, one after the other.
    progress
        Called with (done, in all).
    tuned
        Whether to ask those that must be tuned, which take nearly all of the time.

    Returns
    -------
    list of dict
        For each question, the answers (test,) by the name of the baseline.
    """
    tasks = [
        (number, name, baseline, question)
        for number, question in enumerate(questions)
        for name, baseline in _baselines(question).items()
        if tuned or not baseline.grid
    ]
    run = map if executor is None else executor.map
    answers: list[dict[str, np.ndarray]] = [{} for _ in questions]
    for done, (number, name, answer) in enumerate(run(_answer, tasks), start=1):
        answers[number][name] = answer
        if progress is not None:
            progress(done, len(tasks))
    return answers


def _baselines(question: Question) -> dict[str, Baseline]:
    if question.task == "classifier":
        return classifier_baselines(question.near_edge)
    return regressor_baselines()


def _answer(task: tuple[int, str, Baseline, Question]) -> tuple[int, str, np.ndarray]:
    number, name, baseline, question = task
    # On data this small, threads wait for each other longer than they work.
    with threadpool_limits(1):
        model = baseline.tuned(question.tuning_x, question.tuning_y, question.folds)
        return number, name, model.fit(question.x, question.y).predict(question.asked)


def _folds(sites: Sites, train: Int[np.ndarray, " train"], seed: int) -> Folds:
    """Folds of whole groups within the training part; none if it is a single group."""
    groups = sites.group[train]
    try:
        return group_folds(
            groups, min(_FOLDS, len(np.unique(groups))), seed, classes=sites.environment[train]
        )
    except UsageError:
        return []
