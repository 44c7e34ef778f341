"""Out-of-fold answers of an imaginary model, with groups that differ from each other."""

from __future__ import annotations

import numpy as np
import pytest

from nearedge.models import softmax
from nearedge.uncertainty import OutOfFold, SiteAnswers, UnitAnswers

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
    size = np.tile(np.where(np.arange(sites) % 3, rng.integers(2, 71, size=sites), 1), groups)
    distance = size**-0.5 * rng.uniform(0.8, 1.2, size=len(group))
    true = rng.uniform(0, 4, size=len(group))
    error = 0.8 * rng.normal(size=len(group)) * size**-0.5 + 0.1 * rng.normal(size=groups)[group]
    fractions = rng.dirichlet(np.ones(3), size=len(group))
    return OutOfFold(
        classes=CLASSES,
        group_by=group_by,
        sites=SiteAnswers(group, group, environment, np.zeros(len(group), bool), probabilities),
        units=UnitAnswers(
            group=group,
            fold=group,
            size=size,
            changed=np.zeros(len(group), bool),
            weight=np.ones(len(group)),
            coordination=true,
            predicted=true + error,
            fractions=fractions,
            composition=softmax(np.log(fractions) + 0.3 * rng.normal(size=fractions.shape)),
            distance=distance,
            novelty=rng.normal(size=(len(group), 4)) + 0.3 * rng.normal(size=(groups, 4))[group],
        ),
    )


@pytest.fixture(scope="session")
def make_answers():
    return imaginary
