"""Baselines are tuned and trained inside the training part, and asked about the test part."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from nearedge.mixtures import Sites, pooled_examples
from nearedge.studies import classical
from nearedge.studies.classical import ask, held_out_classifier, pooled_question
from nearedge.studies.held_out import Split, classical_questions

GROUPS = 12
# Each group has a point of its own, so that a mixture shows which groups it was averaged from.
SPECTRA = np.repeat(np.eye(GROUPS), 6, axis=0) + 1e-6
GROUP = np.repeat(np.arange(GROUPS), 6)
CLASSES = np.tile(np.arange(3), 24)
SITES = Sites(
    intensity=SPECTRA,
    environment=CLASSES,
    coordination=CLASSES.astype(float),
    labels=("0 Fe", "1 Fe", "2 Fe"),
    group=GROUP,
    group_by="trajectory",
    keys=dict.fromkeys(("sites", "atoms", "trajectories"), GROUP),
)
SPLIT = Split(SITES, np.flatnonzero(GROUP < 9), np.flatnonzero(GROUP >= 9), seed=0)


def groups_of(x: np.ndarray) -> set[int]:
    return set(np.flatnonzero((x > 1e-3).any(axis=0)).tolist())


@pytest.mark.parametrize("task", [0, 1])
def test_folds_for_tuning_share_no_group_with_each_other_or_the_test_part(task: int) -> None:
    question = classical_questions(SPLIT)[task]
    assert groups_of(question.x) == set(range(9))
    assert groups_of(question.asked) == {9, 10, 11}
    assert len(question.folds) == 3
    for fitted, scored in question.folds:
        seen, asked = groups_of(question.tuning_x[fitted]), groups_of(question.tuning_x[scored])
        assert seen | asked == set(range(9))
        assert not seen & asked


def test_a_training_part_of_one_group_is_not_tuned_on() -> None:
    alone = Split(SITES, np.flatnonzero(GROUP == 0), SPLIT.test, seed=0)
    assert [question.folds for question in classical_questions(alone)] == [[], []]


def test_pooled_baselines_learn_from_all_training_mixtures() -> None:
    examples = pooled_examples(SITES, "classifier", 2000, seed=0)
    question = pooled_question("classifier", examples)
    assert len(question.y) == 1200
    assert max(int(rows.max()) for fold in question.folds for rows in fold) < 1000
    np.testing.assert_array_equal(question.asked, examples.mixtures["test"].intensity)


def test_baselines_that_need_no_tuning_are_asked_by_themselves() -> None:
    questions = [*classical_questions(replace(SPLIT, effort=0.1))]
    [sites, mixtures] = ask(questions, tuned=False)
    neighbours = {"1-nearest-neighbour", "1-nearest-neighbour, cumulative"}
    assert set(sites) == {"majority"} | neighbours
    assert set(mixtures) == {"mean"} | neighbours


def test_an_executor_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    baselines = classical.classifier_baselines()
    chosen = {name: baselines[name] for name in ("majority", "1-nearest-neighbour", "logistic")}
    monkeypatch.setattr(classical, "classifier_baselines", lambda near_edge: chosen)
    question = held_out_classifier(SITES, SPLIT.train, SPLIT.test, seed=0)
    told: list[tuple[int, int]] = []
    [here] = ask([question], progress=lambda *done: told.append(done))
    with ThreadPoolExecutor(2) as executor:
        [there] = ask([question], executor)
    assert list(here) == list(there) == list(chosen)
    for name in chosen:
        np.testing.assert_array_equal(here[name], there[name])
    assert told == [(1, 3), (2, 3), (3, 3)]
