"""The structures of a recipe: read from files, or made by molecular dynamics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

from nearedge.compute import run_tasks
from nearedge.errors import NearedgeError
from nearedge.library.recipe import CellRecipe, FileRecipe, Recipe
from nearedge.library.schema import OPTIONAL

if TYPE_CHECKING:
    from ase import Atoms

CHOSEN = "chosen_sites"
"""Entry of a structure's ``info``: the absorbers that the recipe wants, where not all."""

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""


def recipe_structures(
    recipe: Recipe,
    recipe_path: Path,
    work: Path,
    executor: Executor,
    workers: int,
    progress: Progress,
) -> list[Atoms]:
    """Get all structures of a recipe, each with its names and provenance in ``info``.

    Parameters
    ----------
    recipe, recipe_path
        Paths in a recipe are relative to its own folder.
    work
        Trajectories are kept in its folder ``structures``, and taken up again from there.
    executor, workers
        Run the dynamics, one task a trajectory.
    progress
        Called after each trajectory.

    Raises
    ------
    NearedgeError
        If a file cannot be read, a trajectory fails, or two structures have the same name.
    """
    from nearedge.structures import read_structures

    structures: list[Atoms] = []
    for entry in recipe.files:
        structures += _structures_of_file(entry, recipe_path.parent / entry.path)
    jobs = [(cell, seed, work / "structures") for cell in recipe.cells for seed in cell.seeds]
    trajectories: dict[tuple[str, int], Path] = {}
    for (cell, seed, _), future in run_tasks(_run_trajectory, jobs, executor, in_flight=workers):
        trajectories[cell.name, seed] = future.result()
        progress("trajectories", len(trajectories), len(jobs))
    for cell, seed, _ in jobs:
        path = trajectories[cell.name, seed]
        for snapshot in read_structures(path):
            # A file gives a name such as "007" or "1e-01" back as a number.
            snapshot.info["trajectory_id"] = cell.trajectory_id(seed)
            structures.append(_named(snapshot, path))
    counts = Counter(structure.info["structure_id"] for structure in structures)
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice:
        raise NearedgeError(
            f"{recipe_path}: the structure {twice!r} occurs twice; give every trajectory its own "
            f"name"
        )
    return structures


def _structures_of_file(entry: FileRecipe, path: Path) -> list[Atoms]:
    from nearedge.structures import read_structures

    frames = []
    for number, frame in enumerate(read_structures(path)):
        frame.info["trajectory_id"] = entry.trajectory
        frame.info.setdefault("snapshot_id", number)
        for name in OPTIONAL:
            if (told := getattr(entry, name)) is not None:
                frame.info[name] = told
        frame.info.pop(CHOSEN, None)
        if entry.sites is not None:
            frame.info[CHOSEN] = entry.sites
        frames.append(_named(frame, path))
    if entry.snapshots is None:
        return frames
    present = [frame.info["snapshot_id"] for frame in frames]
    for number in entry.snapshots:
        if number not in present:
            raise NearedgeError(
                f"{path}: no snapshot {number}; it has {', '.join(map(str, present))}"
            )
    return [frame for frame in frames if frame.info["snapshot_id"] in entry.snapshots]


def _named(structure: Atoms, path: Path) -> Atoms:
    info = structure.info
    if type(info["snapshot_id"]) is not int:
        raise NearedgeError(
            f"{path}: snapshot_id = {info['snapshot_id']!r} is not a whole number; number the "
            f"snapshots"
        )
    info["structure_id"] = f"{info['trajectory_id']}/{info['snapshot_id']}"
    structure.calc = None
    return structure


def _run_trajectory(job: tuple[CellRecipe, int, Path]) -> Path:
    """Run the dynamics of one disordered cell, in a worker, and return its file of snapshots.

    The snapshots are always taken from that file, whose decimals are limited: a build that goes
    on later must find the very same atoms.
    """
    from nearedge.structures import Cation, Stage, chgnet_calculator, disordered_cell, run_dynamics

    cell, seed, folder = job
    start = disordered_cell(
        anion=cell.anion,
        anions=cell.anions,
        anion_sites=cell.anion_sites,
        cations=[Cation(**cation.model_dump()) for cation in cell.cations],
        anion_site_volume_A3=cell.anion_site_volume_A3,
        seed=seed,
        anion_pairs=cell.anion_pairs,
        anion_pairs_avoid=cell.anion_pairs_avoid,
    )
    trajectory_id = cell.trajectory_id(seed)
    run_dynamics(
        start,
        chgnet_calculator,
        [Stage(**stage.model_dump()) for stage in cell.stages],
        trajectory_id=trajectory_id,
        seed=seed,
        folder=folder,
        timestep_fs=cell.timestep_fs,
    )
    return folder / f"{trajectory_id}.extxyz"
