"""Out-of-fold answers of an imaginary model, with groups that differ from each other."""

from __future__ import annotations

import numpy as np
import pytest

from nearedge.models import softmax
from nearedge.uncertainty import OutOfFold

CLASSES = ("0 Fe", "1 Fe", "2 Fe")


def imaginary(groups: int, sites: int, seed: int, group_by: str = "trajectory") -> OutOfFold:
    """A model that is too sure of itself, on groups with an offset of their own."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), sites)
    environment = rng.choice(3, size=len(group), p=[0.2, 0.5, 0.3])
    logits = 1.5 * np.eye(3)[environment] + rng.normal(size=(len(group), 3))
    logits += 0.3 * rng.normal(size=(groups, 3))[group]
    # The model thinks that all classes are equally frequent, and thrice too sure.
    probabilities = softmax(3.0 * logits)
    size = np.tile(rng.integers(1, 71, size=sites), groups)
    distance = size**-0.5 * rng.uniform(0.8, 1.2, size=len(group))
    true = rng.uniform(0, 4, size=len(group))
    error = 0.8 * rng.normal(size=len(group)) * size**-0.5 + 0.1 * rng.normal(size=groups)[group]
    return OutOfFold(
        classes=CLASSES,
        group_by=group_by,
        group=group,
        fold=group,
        environment=environment,
        probabilities=probabilities,
        unit_group=group,
        unit_fold=group,
        size=size,
        weight=np.ones(len(group)),
        true=true,
        predicted=true + error,
        distance=distance,
    )


@pytest.fixture
def make_answers():
    return imaginary
