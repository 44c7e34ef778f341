"""The nearest sites of the library are found, named by their atoms, and travel with the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nearedge.data import embedded_library, model_folder
from nearedge.environments import neighbour_pairs
from nearedge.errors import NearedgeError
from nearedge.library import open_library, open_structures
from nearedge.library.schema import names
from nearedge.models import load_model, save_model
from nearedge.models.known_sites import sites_attachment
from nearedge.models.nearest import NEAREST, known_sites, nearest_sites
from nearedge.spectra import EnergyGrid


@pytest.fixture(scope="module")
def library():
    return open_library(embedded_library()).load()


@pytest.fixture(scope="module")
def model(library):
    """The shipped model with the sites of the library in the package."""
    bare = load_model(model_folder("default"))
    grid = EnergyGrid(**bare.info["grid"])
    sites = sites_attachment(library, open_structures(embedded_library()), grid)
    return replace(bare, sites=sites)


def test_a_site_of_the_library_is_nearest_to_itself(model) -> None:
    known = known_sites(model)
    rows = [0, 100, len(known.about) - 1]
    found = nearest_sites(model, known.intensity[rows].astype(float))
    for row, sites in zip(rows, found, strict=True):
        assert len(sites) == NEAREST
        assert {k: v for k, v in sites[0].items() if k != "distance"} == known.about[row]
        distances = [site["distance"] for site in sites]
        assert distances[0] == 0
        assert distances == sorted(distances)


def test_a_site_is_told_with_the_atoms_of_its_structure(model, library) -> None:
    place = 321
    told = known_sites(model).about[place]
    one = library.isel(site=place)
    assert told["environment"] == names(library, "environment")[place]
    assert told["coordination"] == int(one["coordination"])
    [structure] = [
        s
        for s in open_structures(embedded_library())
        if s.info["structure_id"] == told["structure"]
    ]
    assert structure[told["atom"]].symbol == told["element"] == "O"
    pairs = neighbour_pairs(structure, 2.6)
    own = pairs.first == told["atom"]
    assert [n["distance_A"] for n in told["neighbours"]] == pytest.approx(
        sorted(pairs.distance_A[own]), abs=1e-3
    )
    iron = sum(n["element"] == "Fe" for n in told["neighbours"])
    assert iron == told["coordination"]


def test_distances_are_usual_for_the_library_and_large_for_what_is_unlike_it(model) -> None:
    known = known_sites(model)
    others = np.abs(np.random.default_rng(0).normal(size=(5, known.intensity.shape[1])))
    usual = nearest_sites(model, known.intensity[::50].astype(float), count=2)
    unlike = nearest_sites(model, others, count=1)
    assert np.median([sites[1]["distance"] for sites in usual]) < 1.5
    assert min(sites[0]["distance"] for sites in unlike) > 1.5


def test_sites_travel_with_the_model(model, tmp_path) -> None:
    parts = {"classifier": model.classifier, "regressor": model.regressor}
    save_model(tmp_path / "model", parts, model.info, "", sites=model.sites)
    again = known_sites(load_model(tmp_path / "model"))
    assert again.about == known_sites(model).about
    assert np.array_equal(again.intensity, known_sites(model).intensity)


def test_a_model_without_sites_names_none(model) -> None:
    spectra = np.ones((1, EnergyGrid(**model.info["grid"]).points))
    assert nearest_sites(replace(model, sites=None), spectra) is None


@pytest.mark.parametrize("damage", ["version", "numbers"])
def test_damaged_sites_are_refused(model, damage) -> None:
    sites = model.sites
    if damage == "version":
        broken = replace(sites, description=sites.description | {"version": 99})
    else:
        broken = replace(sites, numbers={k: v for k, v in sites.numbers.items() if k != "atom"})
    with pytest.raises(NearedgeError, match="train the model again"):
        known_sites(replace(model, sites=broken))


def test_of_a_large_library_sites_all_over_it_are_kept(library, monkeypatch) -> None:
    monkeypatch.setattr("nearedge.models.known_sites._MOST_SITES", 100)
    kept = sites_attachment(
        library, open_structures(embedded_library()), EnergyGrid(-5.0, 25.0, 31)
    )
    assert len(kept.numbers["atom"]) <= 100
    assert np.unique(kept.numbers["trajectory"]).size == len(
        library["trajectory_id"].attrs["labels"]
    )


@pytest.mark.parametrize(
    ("around", "farthest_A"),
    [({"cutoff_A": {"Fe": 2.6, "Li": 2.2}}, 2.6), ({"rule": "largest gap"}, 3.5)],
)
def test_sites_of_any_label_scheme_are_told_with_their_atoms(library, around, farthest_A) -> None:
    own = library.isel(site=[0, 1])
    scheme = own.attrs["label_scheme"]
    elements = ["Fe", "Li"] if isinstance(around.get("cutoff_A"), dict) else ["Fe"]
    own.attrs["label_scheme"] = scheme | {"neighbours": {"elements": elements, **around}}
    known = sites_attachment(own, open_structures(embedded_library()), EnergyGrid(-5.0, 25.0, 31))
    assert known.numbers["distance_A"].max() <= farthest_A
    assert known.numbers["neighbours"].min() > 0
