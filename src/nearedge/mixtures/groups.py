"""Groups: the sites that must never be split between training and test."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Int, Shaped

from nearedge.errors import NearedgeError, UsageError

GroupBy = Literal["trajectory", "atom", "structure"]

# With fewer, a 3:1:1 split cannot give every part a trajectory and the training part three.
_ENOUGH_TRAJECTORIES = 5


def site_groups(
    trajectory_id: Shaped[np.ndarray, " site"],
    structure_id: Shaped[np.ndarray, " site"],
    atom_index: Int[np.ndarray, " site"],
    by: GroupBy | None = None,
) -> tuple[Int[np.ndarray, " site"], GroupBy]:
    """Label the group of every site, and say what a group is.

    Structures of one trajectory descend from one cell, so the trajectory is the unit of
    independence. Where there are fewer than 5 of them, the group is an atom followed through its
    trajectory: the pair of `trajectory_id` and `atom_index`, which takes for granted that atoms
    keep their order within a trajectory.

    Parameters
    ----------
    trajectory_id, structure_id
        Identifiers (strings or integers) of every site; shape (site,).
    atom_index
        Index of every site's atom in its structure; shape (site,).
    by
        ``"trajectory"``, ``"atom"`` or ``"structure"`` to choose; None for the rule above. Groups
        by structure let two snapshots of one atom stand on either side of a split, so in a
        trajectory they are weaker than groups by atom.

    Returns
    -------
    labels
        A label from 0 to the number of groups minus 1 for every site; shape (site,). It does not
        depend on the order of the sites.
    by
        What a group is.

    Raises
    ------
    UsageError
        If `by` is unknown.
    NearedgeError
        If a site lacks an identifier that its group needs (empty string or negative number).

    Examples
    --------
    >>> import numpy as np
    >>> trajectory = np.array(["melt", "melt", "melt", "melt"])
    >>> structure = np.array(["melt-0", "melt-0", "melt-1", "melt-1"])
    >>> site_groups(trajectory, structure, np.array([7, 9, 7, 9]))
    (array([0, 1, 0, 1]), 'atom')
    >>> site_groups(trajectory, structure, np.array([7, 9, 7, 9]), by="structure")
    (array([0, 0, 1, 1]), 'structure')
    """
    if by is None:
        enough = len(np.unique(trajectory_id)) >= _ENOUGH_TRAJECTORIES
        by = "trajectory" if enough else "atom"
    if by == "trajectory":
        labels = _codes(trajectory_id, "trajectory_id")
    elif by == "structure":
        labels = _codes(structure_id, "structure_id")
    elif by == "atom":
        atoms = _codes(atom_index, "atom_index")
        pairs = _codes(trajectory_id, "trajectory_id") * (atoms.max(initial=0) + 1) + atoms
        labels = _codes(pairs, "atom")
    else:
        raise UsageError(f"cannot group by {by!r}: choose one of {', '.join(get_args(GroupBy))}")
    return labels, by


def _codes(identifier: Shaped[np.ndarray, " site"], name: str) -> Int[np.ndarray, " site"]:
    """Number the distinct identifiers from 0 in sorted order, refusing missing ones."""
    missing = identifier < 0 if identifier.dtype.kind in "iu" else identifier == ""
    if np.any(missing):
        raise NearedgeError(
            f"site {int(np.argmax(missing))} has no {name} (empty or negative), without which its "
            "group is unknown: give every site one, or group by something else"
        )
    return np.unique(identifier, return_inverse=True)[1].astype(np.int64)
