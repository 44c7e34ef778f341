"""A recipe begun from structure files: each becomes a trajectory under the name of its file."""

from __future__ import annotations

import re

import ase.io
import pytest
from ase.build import bulk

from nearedge.errors import UsageError
from nearedge.library import load_recipe, write_recipe


def structure_file(path):
    path.parent.mkdir(exist_ok=True)
    ase.io.write(path, bulk("MgO", "rocksalt", a=4.21), format="vasp")
    return path


def test_only_an_ending_that_tells_the_format_is_left_out_of_a_name(tmp_path):
    files = [
        structure_file(tmp_path / name)
        for name in ("Li3FeO3.5_a.vasp", "Li3FeO3.5_b.POSCAR", "POSCAR_MgO.poscar.vasp")
    ]
    write_recipe(files, "O", "K", tmp_path / "recipe.toml")
    recipe = load_recipe(tmp_path / "recipe.toml")
    assert [file.trajectory for file in recipe.files] == ["Li3FeO3.5_a", "Li3FeO3.5_b", "MgO"]


def test_two_files_of_one_name_are_both_named(tmp_path):
    files = [structure_file(tmp_path / folder / "cell.vasp") for folder in ("one", "two")]
    with pytest.raises(
        UsageError, match=rf"{re.escape(str(files[0]))} and {re.escape(str(files[1]))} would both"
    ):
        write_recipe(files, "O", "K", tmp_path / "recipe.toml")
    assert not (tmp_path / "recipe.toml").exists()
