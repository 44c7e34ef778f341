"""Recipes: a mistake at any level is one line that says which key and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from nearedge.errors import UsageError
from nearedge.library import load_recipe

WHOLE = """licence = "CC0-1.0"
scheme = "li3feo35_oxygen"

[engine]
name = "feff"
edge = "K"
settings = { scf_radius_A = 3.0 }

[[cells]]
name = "cell"
seeds = [1, 2]
anion = "O"
anions = 49
anion_sites = 56
anion_site_volume_A3 = 18.15

[[cells.cations]]
element = "Fe"
count = 14
octahedral = 0.9

[[cells.stages]]
temperature_K = 1000
equilibration_steps = 500

[[files]]
path = "more.extxyz"
trajectory = "more"
"""


def load(tmp_path, text: str):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return load_recipe(path)


def test_whole_recipe_is_read_with_its_defaults(tmp_path):
    recipe = load(tmp_path, WHOLE)
    [cell] = recipe.cells
    assert cell.seeds == (1, 2)
    assert (cell.anion_pairs, cell.timestep_fs) == (0, 2.0)
    [stage] = cell.stages
    assert (stage.temperature_K, stage.snapshots, stage.interval_steps) == (1000.0, 1, 100)
    assert [entry.trajectory for entry in recipe.files] == ["more"]
    assert recipe.engine.settings == {"scf_radius_A": 3.0}


def test_committed_recipes_are_recipes():
    folder = Path(__file__).parents[2] / "examples" / "recipes"
    recipes = sorted(folder.glob("*.toml"))
    assert recipes
    for path in recipes:
        assert load_recipe(path).licence


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("licence =", "license =", "unknown key 'license'; did you mean 'licence'"),
        ("edge =", "edges =", "unknown key 'engine.edges'; did you mean 'edge'"),
        ("seeds =", "seed =", "unknown key 'cells.0.seed'; did you mean 'seeds'"),
        ("octahedral =", "octaedral =", "'cells.0.cations.0.octaedral'; did you mean 'octahedral'"),
        ("equilibration_steps", "equilibration", "did you mean 'equilibration_steps'"),
        ("trajectory =", "trajectories =", "'files.0.trajectories'; did you mean 'trajectory'"),
        ("[[files]]", "[[file]]", "unknown key 'file'; did you mean 'files'"),
    ],
)
def test_unknown_key_is_refused_with_a_suggestion(old, new, words, tmp_path):
    # An unknown key comes with the missing one; the unknown one tells what to do.
    text = WHOLE.replace(old, new, 1)
    with pytest.raises(UsageError, match=words):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('licence = "CC0-1.0"\n', "licence"),
        ('name = "feff"\n', "engine.name"),
        ("anions = 49\n", "cells.0.anions"),
        ('element = "Fe"\n', "cells.0.cations.0.element"),
        ("temperature_K = 1000\n", "cells.0.stages.0.temperature_K"),
        ('path = "more.extxyz"\n', "files.0.path"),
    ],
)
def test_missing_key_is_named_with_its_place(line, key, tmp_path):
    with pytest.raises(UsageError, match=f"the key '{key}' is missing; add it"):
        load(tmp_path, WHOLE.replace(line, ""))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("anions = 49", 'anions = "49"', "cells.0.anions = '49': Input should be a valid integer"),
        ("anions = 49", "anions = 49.0", r"cells.0.anions = 49.0: Input should be a valid integer"),
        ("anions = 49", "anions = true", "cells.0.anions = True"),
        ("anions = 49", "anions = 0", "cells.0.anions = 0: Input should be greater than 0"),
        ("octahedral = 0.9", "octahedral = 1.9", "octahedral = 1.9: Input should be less than"),
        ("seeds = [1, 2]", "seeds = []", r"cells.0.seeds = \[\]: must not be empty"),
        ("seeds = [1, 2]", "seeds = 1", "cells.0.seeds = 1: must be a list"),
        ("seeds = [1, 2]", 'seeds = ["1"]', "cells.0.seeds.0 = '1'"),
        ("seeds = [1, 2]", "seeds = [2, 2]", "two trajectories are called 'cell-02'"),
        ('trajectory = "more"', 'trajectory = "cell-01"', "two trajectories are called 'cell-01'"),
        ('name = "cell"', 'name = "a/b"', "cells.0.name = 'a/b'"),
        ('edge = "K"', 'edge = "Q9"', "engine.edge = 'Q9': give one of K, L1"),
        (
            "settings = { scf_radius_A = 3.0 }",
            "settings = 3",
            "engine.settings = 3: must be a table",
        ),
        ("[[files]]", "[files]", r"files = {.*}: must be a list; .* double brackets"),
        ('licence = "CC0-1.0"', "licence = 2020-01-01", "licence = "),
    ],
)
def test_value_of_the_wrong_kind_is_shown_with_its_key(old, new, words, tmp_path):
    with pytest.raises(UsageError, match=words) as error:
        load(tmp_path, WHOLE.replace(old, new))
    assert str(error.value).startswith(str(tmp_path / "recipe.toml"))
    assert "\n" not in str(error.value)


def test_engine_that_is_no_table_is_refused(tmp_path):
    text = 'licence = "x"\nscheme = "y"\nengine = "feff"\n[[files]]\npath = "a"\ntrajectory = "b"\n'
    with pytest.raises(UsageError, match="engine = 'feff': must be a table"):
        load(tmp_path, text)


def test_recipe_without_structures_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"give \[\[cells\]\] or \[\[files\]\]"):
        load(tmp_path, WHOLE.split("[[cells]]")[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"licence = ", "not a TOML file"),
        (b"\xff\xfe\x00", "not a TOML file"),
        (b"", "the key 'licence' is missing"),
    ],
)
def test_file_that_is_no_recipe_is_refused(content, words, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as error:
        load_recipe(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_recipe_that_cannot_be_read_is_an_error(name, tmp_path):
    with pytest.raises(UsageError, match="cannot read the recipe"):
        load_recipe(tmp_path / name)
