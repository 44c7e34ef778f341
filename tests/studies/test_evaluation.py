"""A trained model on a library: what is compared, and what is said where it cannot be."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nearedge.data import DEFAULT_MODEL, embedded_library
from nearedge.errors import NearedgeError, UsageError
from nearedge.library import open_library
from nearedge.studies import assessment, evaluate
from nearedge.studies.assessment_report import headline
from nearedge.studies.near_edge import OXYGEN


@pytest.fixture
def on(monkeypatch):
    """Evaluate the model of the package on a library in memory."""

    def run(library):
        class Opened:
            def load(self):
                return library

        monkeypatch.setattr(assessment, "open_library", lambda path: Opened())
        monkeypatch.setattr(assessment, "_EVALUATION_MIXTURES", 20)
        return evaluate(DEFAULT_MODEL, "a.zarr")

    return run


@pytest.fixture(scope="module")
def feff():
    """Some sites of structures that the model was trained on, by another engine."""
    return open_library(embedded_library("feff")).load().isel(site=np.arange(0, 1805, 80))


def test_sites_that_the_model_was_trained_on_are_counted(on, feff) -> None:
    assert on(feff)["trained_on"] == feff.sizes["site"]
    labels = [f"other-{name}" for name in feff["trajectory_id"].attrs["labels"]]
    other = feff.assign(trajectory_id=feff["trajectory_id"].assign_attrs(labels=labels))
    assert on(other)["trained_on"] == 0
    first = feff["trajectory_id"].values == feff["trajectory_id"].values[0]
    labels[int(feff["trajectory_id"].values[0])] = feff["trajectory_id"].attrs["labels"][0]
    mixed = feff.assign(trajectory_id=feff["trajectory_id"].assign_attrs(labels=labels))
    assert on(mixed)["trained_on"] == first.sum()


def _labelled(library, **words):
    """The same library with other words in its label scheme."""
    return library.assign_attrs(label_scheme=library.attrs["label_scheme"] | words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.assign(absorber=one["absorber"].assign_attrs(labels=["F"])), "of F at"),
        (lambda one: one.assign(edge=one["edge"].assign_attrs(labels=["L3"])), "the L3 edge"),
        (lambda one: _labelled(one, target={"quantity": "mean distance"}), "the mean distance"),
    ],
)
def test_a_library_of_something_else_is_refused(on, feff, change, words) -> None:
    with pytest.raises(NearedgeError, match=words):
        on(change(feff))


def test_one_site_is_enough_to_be_asked_about(on, feff) -> None:
    scores = on(feff.isel(site=[0]))
    assert scores["sites"] == 1
    assert scores["coordination_r2"] is None, "all mixtures of one site have its number"
    with pytest.raises(UsageError, match=r"1 group.*hold any out"):
        assessment.assess_library(feff.isel(site=[0]), OXYGEN)


def test_progress_is_told(monkeypatch, feff) -> None:
    class Opened:
        def load(self):
            return feff

    monkeypatch.setattr(assessment, "open_library", lambda path: Opened())
    monkeypatch.setattr(assessment, "_EVALUATION_MIXTURES", 20)
    told = []
    evaluate(DEFAULT_MODEL, "a.zarr", progress=lambda *step: told.append(step))
    assert told == [("questions", 1, 2), ("questions", 2, 2)]


@pytest.mark.slow
def test_sites_that_all_have_one_coordination_number_are_assessed() -> None:
    library = open_library(embedded_library()).load()
    one = np.flatnonzero(library["coordination"].values == 1)
    figures = assessment.assess_library(library.isel(site=one[::20]), OXYGEN, folds=2, tuned=False)
    assert figures.figures["regressor"]["held_out"]["r2_test"] is None
    json.dumps(figures.figures, allow_nan=False)
    assert "R2 undefined" in " ".join(headline(figures.figures))
