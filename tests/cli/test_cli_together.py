"""Several libraries in one call of train and assess."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nearedge.cli.app import _TOLD
from nearedge.library import library_info, names, open_library
from nearedge.models import load_model
from nearedge.models.embedding import from_attachment
from nearedge.models.sharing import TOLD

EXAMPLE = Path(__file__).parents[2] / "examples" / "many-compounds"
LIBRARIES = {name: EXAMPLE / f"{name}.zarr.zip" for name in ("V", "Mn", "Fe", "O")}


@pytest.mark.parametrize("absorber", LIBRARIES)
def test_the_libraries_of_the_example_are_whole(absorber: str) -> None:
    library = open_library(LIBRARIES[absorber])
    info = library_info(LIBRARIES[absorber])
    assert set(names(library, "absorber")) == {absorber}
    assert info["trajectories"] >= 6
    assert info["sites"] >= 30
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


@pytest.mark.slow
def test_a_shared_model_is_trained_saved_and_asked(nearedge, tmp_path: Path) -> None:
    out = tmp_path / "shared"
    trained = nearedge(
        "train", LIBRARIES["V"], LIBRARIES["Mn"], "--out", out,
        "--categories", "absorber,space_group", "--json",
    )  # fmt: skip
    assert trained.code == 0, trained.err
    assert set(trained.document) == {"V-K", "Mn-K"}
    assert trained.document["V-K"]["shared_with"] == [{"absorber": "Mn", "edge": "K", "sites": 43}]
    assert "43 sites of Mn (K edge)" in (out / "V-K" / "card.md").read_text()
    vectors = {}
    for name in ("V-K", "Mn-K"):
        model = load_model(out / name)
        assert model.classifier.classes.tolist() == ["4 O", "5 O", "6 O"]
        assert model.embedding is not None
        vectors[name] = from_attachment(model.embedding)
        assert vectors[name].names["absorber"] == ("", "Mn", "V")
        assert "space_group" in vectors[name].names
    library = open_library(LIBRARIES["V"])
    spectrum = tmp_path / "site.dat"
    rows = zip(library["energy"].values, library["intensity"].values[0], strict=True)
    spectrum.write_text("".join(f"{energy:.3f} {value:.6e}\n" for energy, value in rows))
    [answer] = nearedge("predict", spectrum, "--model", out / "V-K", "--json").document
    assert answer["status"] in {"ok", "abstained"}


@pytest.mark.slow
def test_a_shared_method_is_assessed_on_every_library(nearedge, tmp_path: Path) -> None:
    out = tmp_path / "assessment"
    words = ("--folds", "2", "--out", out, "--json")
    answer = nearedge("assess", LIBRARIES["V"], LIBRARIES["Mn"], *words)
    assert answer.code == 0, answer.err
    assert set(answer.document["libraries"]) == {"V-K", "Mn-K"}
    for name, figures in answer.document["libraries"].items():
        held_out = figures["classifier"]["held_out"]
        assert held_out["sites_test"] > held_out["baselines"]["majority"]
        written = json.loads((out / name / "assessment.json").read_text())
        assert written["sites"] == figures["sites"]
