"""Training that goes on from another engine's sites."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearedge.data import embedded_library, model_folder
from nearedge.errors import NearedgeError
from nearedge.library import open_library
from nearedge.mixtures import Sites, load_sites
from nearedge.models import load_model, save_model
from nearedge.models.attribution import integrated_gradients
from nearedge.models.expansion import read_samples
from nearedge.models.method import DEFAULT, fit_classifier, fit_samples
from nearedge.models.overlap import NAMES
from nearedge.models.pretraining import Pretraining, from_attachment, pretraining_of
from nearedge.models.store import Attachment
from nearedge.spectra.between_engines import EngineAlignment

LABELS = ("0 Fe", "1 Fe", "2 Fe")
GRID = DEFAULT.grid
# The classes differ in a first peak alone.
METHOD = replace(DEFAULT, near_edge_eV=(-5.0, 8.0))


def sites(seed: int, count: int = 90, labels: tuple[str, ...] = LABELS) -> Sites:
    """A first peak that moves up and sinks with the class, with scatter from site to site."""
    rng = np.random.default_rng(seed)
    code = np.arange(count) % len(labels)
    at = 2.0 + 0.8 * code + rng.normal(0.0, 0.35, count)
    height = 2.0 - 0.5 * code + rng.normal(0.0, 0.25, count)
    energy_eV = GRID.energy_eV
    edge = 1 / (1 + np.exp(-(energy_eV - 3.0)))
    intensity = edge + height[:, None] * np.exp(-((energy_eV - at[:, None]) ** 2))
    return Sites(
        intensity=intensity,
        environment=code,
        coordination=code.astype(float),
        labels=labels,
        group=np.arange(count),
        group_by="atom",
        keys={"trajectories": np.arange(count) // 30},
        names={
            "trajectory_id": np.array([f"cell-{seed}-{site // 30}" for site in range(count)]),
            "structure_id": np.array([f"cell-{seed}-{site // 30}/0" for site in range(count)]),
            "atom": np.arange(count).astype(str),
        },
    )


def other_engine(which: Sites, shift_eV: float = 2.0) -> Sites:
    moved = EngineAlignment(shift_eV, 1.0).moved(GRID.energy_eV, which.intensity, GRID)
    trajectories = {"trajectories": np.zeros(len(which.group), dtype=int)}
    return replace(which, intensity=moved, keys=trajectories)


@pytest.fixture(scope="module")
def pretraining() -> Pretraining:
    return pretraining_of(sites(0), GRID, {"engine": "toy", "sites": 90})


def accuracy(classifier, on: Sites) -> float:
    return float(np.mean(classifier.predict(on.intensity) == np.array(on.labels)[on.environment]))


def test_it_is_better_than_few_sites_from_scratch(pretraining: Pretraining) -> None:
    few, unseen = other_engine(sites(1)), other_engine(sites(2))
    index = np.arange(6)
    scratch = fit_classifier(METHOD, few, index)
    continued = fit_classifier(replace(METHOD, pretraining=pretraining), few, index)
    assert accuracy(continued, unseen) > accuracy(scratch, unseen)


def test_without_finishing_sites_one_alignment_makes_it_work(pretraining: Pretraining) -> None:
    unseen, nothing = other_engine(sites(2)), np.arange(0)
    alignment = pretraining.align_unlabelled(GRID, unseen.intensity)
    aligned = pretraining.classifier(GRID, unseen, nothing, alignment)
    as_it_is = pretraining.classifier(GRID, unseen, nothing, EngineAlignment(0.0, 1.0))
    assert accuracy(aligned, unseen) > 0.8 > 0.6 > accuracy(as_it_is, unseen)


def test_a_class_that_no_finishing_site_has_is_still_known(pretraining: Pretraining) -> None:
    few = other_engine(sites(1, labels=LABELS[:2]))
    method = replace(METHOD, pretraining=pretraining)
    continued = fit_classifier(method, few, np.arange(20))
    third = other_engine(sites(2))
    asked = third.intensity[third.environment == 2]
    assert np.mean(continued.predict(asked) == "2 Fe") > 0.5


def test_sites_that_are_not_trained_on_change_nothing(pretraining: Pretraining) -> None:
    method, index = replace(METHOD, pretraining=pretraining, mixtures=30), np.arange(40)
    few = other_engine(sites(1))
    spoiled = replace(few, intensity=few.intensity.copy(), environment=few.environment.copy())
    spoiled.intensity[40:] = np.roll(few.intensity[40:], 30, axis=1)
    spoiled.environment[40:] = 0
    (number, shares), (again, shares_again) = (
        fit_samples(method, given, index, 0) for given in (few, spoiled)
    )
    one, other = (fit_classifier(method, given, index) for given in (few, spoiled))
    asked = few.intensity
    np.testing.assert_array_equal(one.predict_proba(asked), other.predict_proba(asked))
    np.testing.assert_array_equal(number.predict(asked), again.predict(asked))
    np.testing.assert_array_equal(shares.predict_proba(asked), shares_again.predict_proba(asked))


def test_numbers_of_mixtures_are_read_on_the_new_engines_energies(pretraining) -> None:
    few, unseen = other_engine(sites(1)), other_engine(sites(2))
    method = replace(METHOD, pretraining=pretraining, mixtures=60)
    regressor, _ = fit_samples(method, few, np.arange(30), 0)
    means = [unseen.intensity[rows].mean(axis=0) for rows in (np.arange(0, 90, 3), np.arange(90))]
    low, middle = regressor.predict(np.stack(means))
    assert low == pytest.approx(0.0, abs=0.35)
    assert middle == pytest.approx(1.0, abs=0.35)


def test_groups_that_are_held_out_are_held_out_of_the_pretraining_too(pretraining) -> None:
    same, index = other_engine(sites(0)), np.arange(5, 90)
    spoiled = replace(pretraining, intensity=pretraining.intensity.copy())
    spoiled.intensity[:5] = np.roll(pretraining.intensity[:5], 30, axis=1)
    for by, left in (("atom", 85), ("structure", 90), ("trajectory", 90)):
        one, other = (
            before.classifier(GRID, replace(same, group_by=by), index)
            for before in (pretraining, spoiled)
        )
        assert len(pretraining.beside(replace(same, group_by=by), index).environment) == left
        answers = [fitted.predict_proba(same.intensity) for fitted in (one, other)]
        assert np.array_equal(*answers) == (by == "atom"), "the trajectory is trained on"
    apart = replace(same, group_by="trajectory")
    kept = pretraining.beside(apart, np.arange(30, 90))
    assert set(kept.names["trajectory_id"]) == {"cell-0-1", "cell-0-2"}
    with pytest.raises(NearedgeError, match="other structures"):
        pretraining.beside(same, np.arange(0))


def test_a_name_that_two_libraries_share_by_chance_holds_nothing_out(pretraining) -> None:
    turned = replace(other_engine(sites(0)), environment=(np.arange(90) + 1) % 3)
    assert pretraining.beside(turned, np.arange(30)) is pretraining
    assert not pretraining.knows(turned).any()
    mostly = replace(turned, environment=np.where(np.arange(90) % 5, np.arange(90) % 3, 0))
    assert pretraining.knows(mostly).all(), "a few labels may differ between schemes"


def test_the_audit_counts_what_pretraining_and_test_sites_share(pretraining, monkeypatch) -> None:
    same, train, test = other_engine(sites(0)), np.arange(10, 90), np.arange(10)
    shares = {"sites": 0.0, "atoms": 0.0, "trajectories": 1.0}
    assert pretraining.shared(same, train, test) == shares
    assert pretraining.shared(other_engine(sites(1)), train, test) == dict.fromkeys(shares, 0.0)
    monkeypatch.setattr(Pretraining, "beside", lambda self, *_: self)
    assert pretraining.shared(same, train, test) == dict.fromkeys(shares, 1.0)


def test_models_of_before_take_the_names_of_their_sites_from_those_they_name() -> None:
    model = load_model(model_folder("default"))
    assert model.training is not None
    assert model.sites is not None
    library = load_sites(open_library(embedded_library()).load(), GRID)
    found = from_attachment(model.training, model.sites).names
    assert {name: found[name].tolist() for name in NAMES} == {
        name: library.names[name].tolist() for name in NAMES
    }
    few = {name: values[::2] for name, values in model.sites.numbers.items()}
    assert from_attachment(model.training, Attachment(few, model.sites.description)).names == {}
    assert from_attachment(model.training).names == {}


def test_environments_without_sites_are_not_handed_on(pretraining) -> None:
    """A model that was continued knows more environments than its own library has."""
    few = pretraining.widen(other_engine(sites(1, labels=LABELS[:2])))
    assert few.labels == LABELS
    renamed = replace(few, labels=(LABELS[2], *LABELS[:2]), environment=few.environment + 1)
    for own in (few, renamed):
        made = pretraining_of(own, GRID, {"engine": "other"})
        assert made.labels == LABELS[:2]
        assert (made.environment == few.environment).all()
        saved = made.to_attachment()
        old = saved.description | {"labels": list(own.labels)}
        again = from_attachment(Attachment(saved.numbers | {"environment": own.environment}, old))
        assert again.labels == LABELS[:2], "models of before handed them on"
        third = replace(METHOD, pretraining=again)
        wide = again.widen(other_engine(sites(2, labels=LABELS[:2])))
        classes = fit_classifier(third, wide, np.arange(30)).classes
        assert tuple(classes) == wide.labels


def test_the_model_is_saved_and_loaded_with_its_sites(pretraining, tmp_path: Path) -> None:
    few = other_engine(sites(1))
    method = replace(METHOD, pretraining=pretraining, mixtures=30)
    classifier = fit_classifier(method, few, np.arange(40))
    regressor, composition = fit_samples(method, few, np.arange(40), 0)
    parts = {"classifier": classifier, "regressor": regressor, "composition": composition}
    training = pretraining_of(few, GRID, {"engine": "other"}).to_attachment()
    save_model(tmp_path / "model", parts, {}, "# Card", training=training)
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.classifier.predict_proba(few.intensity), classifier.predict_proba(few.intensity)
    )
    assert loaded.composition is not None
    for before, after in zip(
        read_samples(regressor, composition, few.intensity),
        read_samples(loaded.regressor, loaded.composition, few.intensity),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)
    assert loaded.training is not None
    again = from_attachment(loaded.training)
    assert again.described == {"engine": "other"}
    assert again.labels == LABELS
    assert {name: again.names[name].tolist() for name in NAMES} == {
        name: few.names[name].tolist() for name in NAMES
    }
    np.testing.assert_allclose(again.intensity, few.intensity, rtol=1e-6)


def test_roots_and_running_sums_are_averaged(pretraining: Pretraining) -> None:
    """Both views answer alone, too, and every pair's logit is the sum of their halves."""
    few, unseen = other_engine(sites(1)), other_engine(sites(2))
    whole = fit_classifier(replace(DEFAULT, pretraining=pretraining), few, np.arange(40))
    sums = whole.expansion.further
    assert sums is not None
    assert (whole.expansion.window.view, sums.window.view) == ("roots", "sums")
    roots = replace(whole.expansion, further=None)
    for part in (roots, sums):
        assert accuracy(replace(whole, expansion=part), unseen) > 0.6
    np.testing.assert_allclose(
        whole.expansion.outputs(unseen.intensity),
        roots.outputs(unseen.intensity) + sums.outputs(unseen.intensity),
    )


def test_damaged_sites_are_refused(pretraining: Pretraining) -> None:
    whole = pretraining.to_attachment()
    short = Attachment(whole.numbers | {"environment": np.zeros(3, int)}, whole.description)
    for damaged in (short, Attachment({}, whole.description), Attachment(whole.numbers, {})):
        with pytest.raises(NearedgeError, match="damaged"):
            from_attachment(damaged)


def test_models_of_other_environments_are_refused(pretraining: Pretraining) -> None:
    few = other_engine(sites(1, labels=("octahedral", "tetrahedral")))
    with pytest.raises(NearedgeError, match="octahedral, tetrahedral"):
        pretraining.align(GRID, few, np.arange(20))


def test_energies_that_decided_sum_to_the_answer(pretraining: Pretraining) -> None:
    few = other_engine(sites(1))
    method = replace(METHOD, pretraining=pretraining)
    classifier = fit_classifier(method, few, np.arange(40))
    found = integrated_gradients(classifier, few.intensity[0], few.intensity.mean(axis=0), 0)
    whole = found.output - found.baseline_output
    assert abs(whole) > 0.05
    assert found.contribution.sum() == pytest.approx(whole, rel=0.02)
