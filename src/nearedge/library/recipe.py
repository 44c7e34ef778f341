"""Recipes: TOML files that say how a library is made."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nearedge.errors import NearedgeError, UsageError, did_you_mean
from nearedge.library.schema import LIBRARY_AXIS, library_axis

# Engines name them like this; a site of any other edge would fail after all the dynamics.
EDGES = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")


class _Table(BaseModel):
    # Strict: a number in quotes is a mistake, not a number.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _list(**limits: Any) -> Any:
    """Field of a TOML list, which Python reads as a list and a frozen model keeps as a tuple."""
    return Field(strict=False, **limits)


class CationRecipe(_Table):
    """One element on the holes of the anion lattice."""

    element: str
    count: int = Field(gt=0)
    octahedral: float = Field(ge=0, le=1)


class StageRecipe(_Table):
    """Dynamics at one temperature."""

    temperature_K: float = Field(gt=0)
    equilibration_steps: int = Field(gt=0)
    snapshots: int = Field(default=1, gt=0)
    interval_steps: int = Field(default=100, gt=0)


class CellRecipe(_Table):
    """Disordered cells that molecular dynamics equilibrates; each seed is one trajectory."""

    name: str = Field(pattern=r"^[\w.-]+$")
    seeds: tuple[int, ...] = _list(min_length=1)
    anion: str
    anions: int = Field(gt=0)
    anion_sites: int = Field(gt=0)
    anion_site_volume_A3: float = Field(gt=0)
    anion_pairs: int = Field(default=0, ge=0)
    anion_pairs_avoid: str | None = None
    cations: tuple[CationRecipe, ...] = _list(min_length=1)
    stages: tuple[StageRecipe, ...] = _list(min_length=1)
    timestep_fs: float = Field(default=2.0, gt=0)

    def trajectory_id(self, seed: int) -> str:
        """Name of the trajectory that starts with a seed."""
        return f"{self.name}-{seed:02d}"


class FileRecipe(_Table):
    """A file of structures that exists already: all or some snapshots, all or some absorbers.

    Its space group and its kind of defect may be told, for models of many compounds.
    """

    path: str
    trajectory: str = Field(min_length=1)
    space_group: str | None = Field(default=None, min_length=1)
    defect: str | None = Field(default=None, min_length=1)
    snapshots: tuple[int, ...] | None = _list(default=None, min_length=1)
    sites: tuple[int, ...] | None = _list(default=None, min_length=1)


class EngineRecipe(_Table):
    """Which program computes the spectra, for which edge, with which settings."""

    name: str
    edge: str = "K"
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("edge")
    @classmethod
    def _is_an_edge(cls, edge: str) -> str:
        if edge not in EDGES:
            raise ValueError(f"give one of {', '.join(EDGES)}")
        return edge


class Recipe(_Table):
    """A whole recipe.

    Attributes
    ----------
    scheme
        Name of a built-in label scheme, the path of one relative to the recipe, or its table.
    window_eV
        First and last energy of the library, relative to its zero.
    cells, files
        Where the structures come from; at least one of the two.
    """

    licence: str
    scheme: str | dict[str, Any]
    engine: EngineRecipe
    window_eV: tuple[float, float] = _list(default=(LIBRARY_AXIS.start_eV, LIBRARY_AXIS.stop_eV))
    cells: tuple[CellRecipe, ...] = _list(default=())
    files: tuple[FileRecipe, ...] = _list(default=())

    @field_validator("window_eV")
    @classmethod
    def _is_a_window(cls, window_eV: tuple[float, float]) -> tuple[float, float]:
        try:
            library_axis(*window_eV)
        except NearedgeError as error:
            raise ValueError(str(error)) from error
        return window_eV

    @model_validator(mode="after")
    def _has_structures(self) -> Recipe:
        if not self.cells and not self.files:
            raise ValueError("give [[cells]] or [[files]], a library needs structures")
        ids = [cell.trajectory_id(seed) for cell in self.cells for seed in cell.seeds]
        ids += {entry.trajectory for entry in self.files}
        twice = next((name for name, count in Counter(ids).items() if count > 1), None)
        if twice:
            raise ValueError(f"two trajectories are called {twice!r}; change a name or a seed")
        return self


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe and refuse what is not one.

    Raises
    ------
    UsageError
        With the file, the key and what to do: not found, not TOML, unknown or missing key, a
        value of the wrong kind.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the recipe ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: not a TOML file ({error}); see the recipes in examples/"
        ) from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{path}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    """First problem of a recipe, as one line."""
    # A misspelt key is also a missing one; the misspelling says what to do.
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    location = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *table, key = problem["loc"]
        return f"unknown key {location!r}{did_you_mean(str(key), _known_keys(table))}"
    if problem["type"] == "missing":
        return f"the key {location!r} is missing; add it"
    message = _WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    return f"{location} = {problem['input']!r}: {message}" if location else message


# Where pydantic speaks of Python instead of TOML.
_WORDS = {
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list; a list of tables has double brackets, as in [[cells]]",
    "too_short": "must not be empty",
}


def _known_keys(table: list[Any]) -> list[str]:
    model: type[BaseModel] = Recipe
    for part in table:
        if isinstance(part, str):
            model = _TABLES[part]
    return list(model.model_fields)


_TABLES: dict[str, type[BaseModel]] = {
    "engine": EngineRecipe,
    "cells": CellRecipe,
    "files": FileRecipe,
    "cations": CationRecipe,
    "stages": StageRecipe,
}
