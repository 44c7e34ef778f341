"""The guide to your own compound: its structures are sound, and every command of it runs."""

from __future__ import annotations

import glob
import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from nearedge.cli import main
from nearedge.environments import LabelScheme, label_sites, load_scheme
from nearedge.library import load_recipe, open_library
from nearedge.models.baselines import classifier_baselines, regressor_baselines
from nearedge.structures import read_structures
from nearedge.studies import classical

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "iron-oxides"
GUIDE = (ROOT / "docs" / "your-compound.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("nearedge ")
]

# Mean iron-oxygen distances in Å of the coordination polyhedra, from the effective ionic radii of
# R. D. Shannon, Acta Cryst. A 32, 751 (1976), high spin, O 1.38 Å: Fe(III) 4: 1.87, 6: 2.025;
# Fe(II) 4: 2.01, 6: 2.16; Fe(IV) 6: 1.965.
SHANNON_A = {4: (1.87, 2.01), 6: (1.965, 2.16)}


@pytest.mark.parametrize("edge", ["K", "L3"])
def test_the_recipes_load_and_name_iron_sites_with_a_class(edge):
    recipe = load_recipe(EXAMPLE / ("recipe.toml" if edge == "K" else f"recipe-{edge}.toml"))
    assert recipe.engine.edge == edge
    assert isinstance(recipe.scheme, dict)
    scheme = LabelScheme.from_dict(recipe.scheme)
    count = 0
    for entry in recipe.files:
        for structure in read_structures(EXAMPLE / entry.path):
            labels = label_sites(structure, scheme)
            chosen = np.isin(labels.atom_index, entry.sites)
            assert chosen.sum() == len(entry.sites or ())
            assert set(labels.environment[chosen]) <= {"4 O", "6 O"}
            count += chosen.sum()
    assert count == 34


@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("structures/*")), ids=lambda p: p.stem)
def test_bonds_of_the_structures_are_as_long_as_ionic_radii_say(path):
    scheme = LabelScheme(
        "bonds", "Fe", ("O",), 2.7, (("4", 4), ("6", 6)),
    )  # fmt: skip
    from nearedge.environments import neighbours_within

    for structure in read_structures(path):
        labels = label_sites(structure, scheme)
        assert not labels.reasons
        pairs = neighbours_within(structure, {"O": 2.7})
        for count in set(labels.coordination.tolist()):
            sites = labels.atom_index[labels.coordination == count]
            mean_A = pairs.distance_A[np.isin(pairs.first, sites)].mean()
            shortest, longest = SHANNON_A[count]
            assert shortest - 0.05 < mean_A < longest + 0.05


def test_the_oxidation_scheme_gives_every_oxide_its_state():
    scheme = load_scheme(EXAMPLE / "oxidation.toml")
    states = {}
    for path in EXAMPLE.glob("structures/*"):
        for structure in read_structures(path):
            structure.info["trajectory_id"] = path.stem
            labels = label_sites(structure, scheme)
            assert labels.target is not None
            assert not labels.reasons
            states[path.stem] = sorted(set(labels.target.round(6).tolist()))
    assert states.pop("magnetite") == [2.5, 3.0]
    assert states.pop("strontium-ferrate") == [4.0]
    divalent = {"wustite", "ilmenite", "hercynite", "ulvospinel"}
    assert states == {name: [2.0] if name in divalent else [3.0] for name in states}


def test_init_begins_the_recipe_of_the_example(tmp_path):
    from nearedge.library import write_recipe

    write_recipe(sorted(EXAMPLE.glob("structures/*")), "Fe", "K", tmp_path / "first.toml")
    first = tomllib.loads((tmp_path / "first.toml").read_text())
    kept = tomllib.loads((EXAMPLE / "recipe.toml").read_text())
    assert first["scheme"] | {"name": "iron oxides"} == kept["scheme"]
    assert [f["trajectory"] for f in first["files"]] == [f["trajectory"] for f in kept["files"]]
    assert first["engine"]["name"] == kept["engine"]["name"]


@pytest.mark.slow
def test_every_command_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    """With all sites of the guide, and fewer baselines to compare with."""
    few = {name: classifier_baselines()[name] for name in ("majority", "1-nearest-neighbour")}
    monkeypatch.setattr(classical, "classifier_baselines", lambda near_edge: few)
    ridge = {name: regressor_baselines()[name] for name in ("mean", "ridge")}
    monkeypatch.setattr(classical, "regressor_baselines", lambda: ridge)
    work = tmp_path / "iron-oxides"
    shutil.copytree(EXAMPLE, work)
    monkeypatch.chdir(work)
    assert len(COMMANDS) >= 7
    for line in COMMANDS:
        words = [
            found
            for word in shlex.split(line)[1:]
            for found in (sorted(glob.glob(word)) if "*" in word else [word])
        ]
        assert main(words) == 0, f"{line}: {capsys.readouterr().err[-2000:]}"
        assert capsys.readouterr().out.strip(), line
    library = open_library(work / "fe.zarr")
    assert library.sizes["site"] >= 30
    target = open_library(work / "oxidation.zarr")["target"]
    assert (target.attrs["units"], float(target.max()), float(target.min())) == ("e", 4.0, 2.0)
    assessed = json.loads((work / "assessment" / "assessment.json").read_text())
    assert assessed["group_by"] == "trajectory"
    assert len(assessed["windows"]) == 2
    largest = max(assessed["classes"].values()) / assessed["sites"]
    assert assessed["classifier"]["held_out"]["sites_test"] > largest
    described = json.loads((work / "fe-model" / "model.json").read_text())["info"]
    assert (described["absorber"], described["edge"]) == ("Fe", "K")


def test_the_distances_that_the_guide_shows_are_those_of_the_recipe():
    recipe = (EXAMPLE / "recipe.toml").read_text()
    [shown] = re.findall(r"```\nFe-O\n(.*?)  \.\.\.\n```", GUIDE, re.DOTALL)
    for line in shown.splitlines():
        assert f"#   {line.strip()}\n" in recipe
