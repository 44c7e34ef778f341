"""What a run of dynamics keeps on disk: its state after each segment, and its snapshots."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.structures.read import read_structures

if TYPE_CHECKING:
    from ase import Atoms


def cell_hash(atoms: Atoms) -> str:
    """Short hash of elements, positions and cell, the same for lengths equal within 1e-6 Å.

    Examples
    --------
    >>> from ase.build import bulk
    >>> cell_hash(bulk("Cu", a=3.6)) == cell_hash(bulk("Cu", a=3.7))
    False
    """
    content = hashlib.sha256()
    for array in (atoms.numbers, atoms.positions * 1e6, atoms.cell.array * 1e6):
        content.update(np.rint(array).astype(np.int64).tobytes())
    return content.hexdigest()[:16]


def save_state(
    path: Path,
    settings: Mapping[str, Any],
    atoms: Atoms,
    step: int,
    energies: Sequence[Sequence[float | int]],
) -> None:
    """Write all that the next segment needs, exactly.

    Raises
    ------
    NearedgeError
        If the file cannot be written; the one before it stays.
    """
    state = {
        "settings": settings,
        "step": step,
        "cell_A": atoms.cell.array.tolist(),
        "positions_A": atoms.positions.tolist(),
        "momenta": atoms.get_momenta().tolist(),
        "energies": energies,
    }
    with _replacing(path) as temporary:
        temporary.write_text(json.dumps(state), encoding="utf-8")


def load_state(
    path: Path, settings: Mapping[str, Any], start: Atoms
) -> tuple[Atoms, int, list[list[float | int]]]:
    """Read atoms, steps done, and rows of (step, temperature in K, potential energy in eV).

    Raises
    ------
    NearedgeError
        If the file is damaged, or of a run with other settings.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        theirs, ours = state["settings"], json.loads(json.dumps(settings))
        changed = [key for key in {**theirs, **ours} if theirs.get(key) != ours.get(key)]
        if changed:
            raise NearedgeError(
                f"{path}: holds a run with other settings ({', '.join(changed)}); choose another "
                f"folder or restore the settings"
            )
        atoms = start.copy()
        atoms.set_cell(np.array(state["cell_A"], dtype=float).reshape(3, 3))
        atoms.set_positions(np.array(state["positions_A"], dtype=float).reshape(-1, 3))
        atoms.set_momenta(np.array(state["momenta"], dtype=float).reshape(-1, 3))
        energies = [[int(step), float(t), float(energy)] for step, t, energy in state["energies"]]
        return atoms, int(state["step"]), energies
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NearedgeError(
            f"{path}: is damaged or cannot be read ({type(error).__name__}: {error}); restore it, "
            f"or remove it and the .extxyz beside it to run the trajectory again"
        ) from error


def write_snapshots(path: Path, snapshots: Sequence[Atoms]) -> None:
    """Write all snapshots of a trajectory.

    Raises
    ------
    NearedgeError
        If the file cannot be written; the one before it stays.
    """
    from ase.io import write

    with _replacing(path) as temporary:
        write(temporary, list(snapshots), format="extxyz")


def read_snapshots(path: Path, trajectory_id: str, steps: Sequence[int]) -> list[Atoms]:
    """Read the snapshots taken at `steps`; later ones, of which no state knows, are left out.

    Raises
    ------
    NearedgeError
        If the file cannot be read or lacks a snapshot.
    """
    if not steps:
        return []
    # A kill between writing a snapshot and writing the state leaves one snapshot too many.
    snapshots = read_structures(path)[: len(steps)] if path.exists() else []
    found = [snapshot.info.get("step") for snapshot in snapshots]
    if found != list(steps):
        raise NearedgeError(
            f"{path}: the state beside it counts snapshots at the steps {list(steps)}, but "
            f"{f'here are those at {found}' if path.exists() else 'the file is missing'}; restore "
            f"it, or remove the state too to run the trajectory again"
        )
    for snapshot in snapshots:
        # The file has no types: a name such as 007 or 1e-01 is read as a number.
        snapshot.info["trajectory_id"] = trajectory_id
    return snapshots


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path, and let what was written there take the place of `path`."""
    # Its own name, since another run may be at the same trajectory.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise NearedgeError(
            f"{path}: cannot write ({error.strerror or error}); what was finished before stays, "
            f"make room and run again"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
