"""Columns of a library, filled structure by structure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from nearedge.environments import SiteLabels
from nearedge.library.schema import OPTIONAL

if TYPE_CHECKING:
    from ase import Atoms


def add_structure(
    columns: dict[str, list[Any]],
    structure: Atoms,
    sites: SiteLabels,
    rows: Sequence[int],
    intensity: Float[np.ndarray, "row energy"],
    core_level_shift_eV: Float[np.ndarray, " row"],
    edge: str,
) -> None:
    """Append sites of one structure to the columns of a library.

    Parameters
    ----------
    columns
        For each variable of `nearedge.library.schema.SITE_VARIABLES` and `OPTIONAL`, and for
        ``target`` where the scheme has one, one array per structure; extended in place.
    structure
        With ``structure_id``, ``trajectory_id`` and ``snapshot_id`` in its ``info``, and
        ``space_group`` and ``defect`` where they are known.
    sites
        Labels of all its absorbers.
    rows
        Which of them are appended.
    intensity, core_level_shift_eV
        Of these, as `nearedge.library.axis.structure_on_axis` gives them.
    edge
        Absorption edge.
    """
    info = structure.info
    count = len(rows)
    atom_index = sites.atom_index[list(rows)]
    values = {
        "intensity": intensity.astype(np.float32),
        "environment": sites.environment[list(rows)],
        "coordination": sites.coordination[list(rows)],
        "absorber": np.array([structure.symbols[i] for i in atom_index]),
        "edge": np.array([edge] * count),
        "structure_id": np.array([info["structure_id"]] * count),
        "trajectory_id": np.array([info["trajectory_id"]] * count),
        "snapshot_id": np.full(count, info["snapshot_id"]),
        "atom_index": atom_index,
        "temperature_K": np.full(count, info.get("temperature_K", np.nan)),
        "core_level_shift_eV": core_level_shift_eV,
    }
    for name in OPTIONAL:
        values[name] = np.array([str(info.get(name, ""))] * count)
    if sites.target is not None:
        values["target"] = sites.target[list(rows)]
    for name, value in values.items():
        columns.setdefault(name, []).append(value)


def joined(columns: Mapping[str, Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
    """Columns of all structures, one array per variable."""
    return {name: np.concatenate(list(parts)) for name, parts in columns.items()}


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Short hash of an engine's settings.

    Examples
    --------
    >>> settings_hash({"b": 1, "a": 2}) == settings_hash({"a": 2, "b": 1})
    True
    """
    text = json.dumps(dict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
