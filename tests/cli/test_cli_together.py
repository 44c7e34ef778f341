"""Several libraries in one call of train and assess."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearedge.cli.app import _TOLD
from nearedge.library import library_info, names, open_library, open_structures, write_library
from nearedge.models import load_model
from nearedge.models.baselines import classifier_baselines, regressor_baselines
from nearedge.models.embedding import from_attachment
from nearedge.models.sharing import TOLD
from nearedge.studies import classical, paper

EXAMPLE = Path(__file__).parents[2] / "examples" / "many-compounds"
LIBRARIES = {name: EXAMPLE / f"{name}.zarr.zip" for name in ("V", "Mn", "Fe", "O")}


@pytest.mark.parametrize("absorber", LIBRARIES)
def test_the_libraries_of_the_example_are_whole(absorber: str) -> None:
    library = open_library(LIBRARIES[absorber])
    info = library_info(LIBRARIES[absorber])
    assert set(names(library, "absorber")) == {absorber}
    assert info["trajectories"] >= 6
    assert info["sites"] >= 25
    # Told by the recipe for every crystal.
    assert "" not in set(names(library, "space_group"))
    # A space group that no library has told is an empty name.
    assert set(names(library, "defect")) == {""}


@pytest.mark.parametrize("command", [("assess",), ("train", "--out", "model")])
def test_two_libraries_of_one_edge_are_refused(nearedge, command: tuple[str, ...]) -> None:
    answer = nearedge(*command, LIBRARIES["V"], LIBRARIES["V"])
    assert answer.code == 2
    assert "both of the V K edge" in answer.err


def test_several_libraries_continue_from_no_model(nearedge) -> None:
    answer = nearedge("assess", LIBRARIES["V"], LIBRARIES["Mn"], "--from", "default")
    assert answer.code == 2
    assert "--from and several libraries exclude each other" in answer.err


def test_several_libraries_have_one_window(nearedge) -> None:
    answer = nearedge("assess", LIBRARIES["V"], LIBRARIES["Mn"], "--window", "-5:25,-5:12")
    assert answer.code == 2
    assert "several windows" in answer.err


def test_a_category_that_does_not_exist_is_refused(nearedge) -> None:
    answer = nearedge("assess", LIBRARIES["V"], LIBRARIES["Mn"], "--categories", "absorbers")
    assert answer.code == 2
    assert "no category 'absorbers'" in answer.err
    assert "absorber, edge, space_group, defect" in answer.err


def test_the_categories_are_those_that_are_told_unless_others_are_wanted() -> None:
    assert tuple(_TOLD.split(",")) == TOLD


# Two kinds of sites of each metal, at least three materials of a kind, one snapshot of each.
FEW = {
    "V": (
        "vanadium-dioxide", "karelianite", "lanthanum-vanadate",
        "yttrium-vanadate", "lutetium-vanadate", "scandium-vanadate",
    ),
    "Mn": (
        "manganosite", "pyrolusite", "pyrophanite",
        "galaxite", "jacobsite", "hausmannite",
    ),
}  # fmt: skip


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Small libraries, and networks of the paper that are trained for a short time."""
    for task, settings in paper.SETTINGS.items():
        monkeypatch.setitem(paper.SETTINGS, task, replace(settings, epochs=10))
    paths = {}
    for absorber, materials in FEW.items():
        library = open_library(LIBRARIES[absorber]).load()
        first = library["snapshot_id"].values == 0
        rows = np.flatnonzero(first & np.isin(names(library, "trajectory_id"), materials))
        assert len(rows) >= len(materials)
        paths[absorber] = tmp_path / f"{absorber}.zarr"
        structures = open_structures(LIBRARIES[absorber])
        write_library(paths[absorber], library.isel(site=rows), structures)
    return paths


@pytest.mark.slow
def test_a_shared_model_is_trained_saved_and_asked(nearedge, few, tmp_path: Path) -> None:
    out = tmp_path / "shared"
    trained = nearedge(
        "train", few["V"], few["Mn"], "--out", out,
        "--categories", "absorber,space_group", "--json",
    )  # fmt: skip
    assert trained.code == 0, trained.err
    assert set(trained.document) == {"V-K", "Mn-K"}
    assert trained.document["V-K"]["shared_with"] == [{"absorber": "Mn", "edge": "K", "sites": 7}]
    assert "7 sites of Mn (K edge)" in (out / "V-K" / "card.md").read_text()
    for name in ("V-K", "Mn-K"):
        model = load_model(out / name)
        assert model.classifier.classes.tolist() == ["4 O", "6 O"]
        assert model.embedding is not None
        vectors = from_attachment(model.embedding)
        assert vectors.names["absorber"] == ("", "Mn", "V")
        assert "space_group" in vectors.names
    library = open_library(LIBRARIES["V"])
    spectrum = tmp_path / "site.dat"
    rows = zip(library["energy"].values, library["intensity"].values[0], strict=True)
    spectrum.write_text("".join(f"{energy:.3f} {value:.6e}\n" for energy, value in rows))
    [answer] = nearedge("predict", spectrum, "--model", out / "V-K", "--json").document
    assert answer["status"] in {"ok", "abstained"}, answer["message"]


@pytest.mark.slow
def test_a_shared_method_is_assessed_on_every_library(
    nearedge, few, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {name: classifier_baselines()[name] for name in ("majority", "1-nearest-neighbour")}
    monkeypatch.setattr(classical, "classifier_baselines", lambda near_edge: chosen)
    ridge = {name: regressor_baselines()[name] for name in ("mean", "ridge")}
    monkeypatch.setattr(classical, "regressor_baselines", lambda: ridge)
    out = tmp_path / "assessment"
    words = ("--folds", "2", "--out", out, "--json")
    answer = nearedge("assess", few["V"], few["Mn"], *words)
    assert answer.code == 0, answer.err
    assert set(answer.document["libraries"]) == {"V-K", "Mn-K"}
    for name, figures in answer.document["libraries"].items():
        held_out = figures["classifier"]["held_out"]
        assert set(held_out["baselines"]) == {"majority", "1-nearest-neighbour", "paper"}
        assert held_out["sites_test"] > held_out["baselines"]["majority"]
        written = json.loads((out / name / "assessment.json").read_text())
        assert written["sites"] == figures["sites"] >= 6
