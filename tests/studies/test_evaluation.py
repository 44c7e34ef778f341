"""A trained model on a library: what is compared, and what is said where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from nearedge.data import DEFAULT_MODEL, embedded_library
from nearedge.library import open_library
from nearedge.studies import assessment, evaluate


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
    return open_library(embedded_library("feff")).load().isel(site=np.arange(0, 928, 40))


def test_sites_that_the_model_was_trained_on_are_counted(on, feff) -> None:
    assert on(feff)["trained_on"] == feff.sizes["site"]
    labels = [f"other-{name}" for name in feff["trajectory_id"].attrs["labels"]]
    other = feff.assign(trajectory_id=feff["trajectory_id"].assign_attrs(labels=labels))
    assert on(other)["trained_on"] == 0
    first = feff["trajectory_id"].values == feff["trajectory_id"].values[0]
    labels[int(feff["trajectory_id"].values[0])] = feff["trajectory_id"].attrs["labels"][0]
    mixed = feff.assign(trajectory_id=feff["trajectory_id"].assign_attrs(labels=labels))
    assert on(mixed)["trained_on"] == first.sum()
