"""Several libraries in one model: what is trained on, and what it is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nearedge.mixtures import Sites
from nearedge.models.kernel import KernelSettings
from nearedge.models.method import DEFAULT, fit_classifier, fit_samples
from nearedge.models.sharing import Sharing
from nearedge.spectra import EnergyGrid

GRID = EnergyGrid(-5.0, 25.0, 31)
METHOD = replace(DEFAULT.within((-5.0, 25.0)), grid=GRID, mixtures=40, varied=20, across=20)
SETTINGS = KernelSettings(width=4.0)


def library(absorber: str, labels: tuple[str, ...], seed: int, materials: int = 8) -> Sites:
    """Sites whose first peak moves with their environment, the other way round for oxygen."""
    rng = np.random.default_rng(seed)
    count = 3 * materials
    environment = np.arange(count) % len(labels)
    place = 1 - environment if absorber == "O" else environment
    centre = 5 + 2.0 * place + rng.normal(scale=0.3, size=count)
    energy = GRID.energy_eV
    intensity = 1 + np.exp(-((energy - centre[:, None]) ** 2) / 8) + 0.02 * rng.random((count, 31))
    trajectory = np.repeat(np.arange(materials), 3)
    return Sites(
        intensity=intensity,
        environment=environment,
        coordination=environment + 4.0,
        labels=labels,
        group=trajectory,
        group_by="trajectory",
        keys={"sites": np.arange(count), "atoms": np.arange(count), "trajectories": trajectory},
        names={
            "trajectory_id": np.array([f"oxide {number}" for number in trajectory]),
            "absorber": np.full(count, absorber),
            "edge": np.full(count, "K"),
            "space_group": np.full(count, ""),
            "defect": np.full(count, ""),
        },
    )


IRON, MANGANESE = (library(name, ("4 O", "6 O"), n) for n, name in enumerate(("Fe", "Mn")))
OXYGEN = library("O", ("2 M", "4 M"), 2)
ALL = np.arange(len(IRON.group))


def test_what_is_held_out_of_a_library_is_held_out_of_its_companions() -> None:
    train = np.flatnonzero(IRON.names["trajectory_id"] != "oxide 3")
    joined = Sharing((MANGANESE, OXYGEN)).join(IRON, train)
    assert "oxide 3" not in joined.names["trajectory_id"]
    assert len(joined.group) == len(train) * 3
    assert joined.labels == ("4 O", "6 O", "2 M", "4 M")


def test_one_material_of_two_absorbers_is_never_averaged() -> None:
    joined = Sharing((OXYGEN,)).join(IRON, ALL)
    for trajectory in np.unique(joined.keys["trajectories"]):
        rows = joined.keys["trajectories"] == trajectory
        assert len(set(joined.names["absorber"][rows])) == 1


@pytest.mark.parametrize("kinds", [(), ("absorber", "edge")])
def test_a_library_is_answered_with_its_own_environments(kinds: tuple[str, ...]) -> None:
    method = replace(METHOD, sharing=Sharing((MANGANESE, OXYGEN), kinds))
    classifier = fit_classifier(method, IRON, ALL)
    _, composition = fit_samples(method, IRON, ALL, seed=0)
    assert classifier.classes.tolist() == composition.classes.tolist() == ["4 O", "6 O"]
    np.testing.assert_allclose(classifier.predict_proba(IRON.intensity).sum(axis=1), 1)


def test_vectors_keep_apart_what_sharing_would_confuse() -> None:
    """Oxygen's peak moves the other way: few sites of its own must not be drowned."""
    few = np.flatnonzero(OXYGEN.group < 2)
    asked = library("O", OXYGEN.labels, seed=9)
    wrong = {}
    for kinds in ((), ("absorber", "edge")):
        method = replace(METHOD, sharing=Sharing((IRON, MANGANESE), kinds))
        own = OXYGEN.part(few)
        regressor, _ = fit_samples(method, own, np.arange(len(few)), seed=0)
        wrong[kinds] = np.mean((regressor.predict(asked.intensity) - asked.coordination) ** 2)
    assert wrong["absorber", "edge"] < 0.5 * wrong[()]


def test_a_companion_of_the_same_behaviour_helps_where_sites_are_few() -> None:
    few = IRON.part(np.array([0, 1]))
    asked = library("Fe", IRON.labels, seed=9)
    right = {}
    for name, sharing in (("separate", None), ("shared", Sharing((MANGANESE,)))):
        method = replace(METHOD, sharing=sharing)
        classifier = fit_classifier(method, few, np.arange(2))
        right[name] = np.mean(
            classifier.predict(asked.intensity) == np.array(asked.labels)[asked.environment]
        )
    assert right["shared"] >= right["separate"]
    assert right["shared"] > 0.9


def test_an_absorber_of_no_library_is_asked_with_the_vector_of_the_unknown() -> None:
    sharing = Sharing((MANGANESE,), ("absorber",))
    unknown = sharing.classifier(IRON, ALL, SETTINGS, {"edge": "K"})
    cobalt = sharing.classifier(IRON, ALL, SETTINGS, {"absorber": "Co", "edge": "K"})
    asked = library("Co", IRON.labels, seed=9)
    np.testing.assert_array_equal(
        unknown.predict_proba(asked.intensity), cobalt.predict_proba(asked.intensity)
    )
    true = np.array(asked.labels)[asked.environment]
    assert np.mean(unknown.predict(asked.intensity) == true) > 0.9
