"""Which sites of two libraries are of the same material, as their names, atoms and labels tell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Shaped

from nearedge.mixtures import GroupBy

NAMES = ("trajectory_id", "structure_id", "atom")
"""What tells a site from others: keys of `Sites.names`."""

_OF_UNIT: dict[GroupBy, tuple[str, ...]] = {
    "trajectory": NAMES[:1],
    "structure": NAMES[:2],
    "atom": (NAMES[0], NAMES[2]),
}
# Of the atoms that both libraries hold in a trajectory of one name.
_MOST = 0.5

Names = Mapping[str, np.ndarray]


def unit_names(names: Names, by: GroupBy | None = None) -> Shaped[np.ndarray, " site"]:
    """Name of every site's trajectory, structure or atom; of the site itself if not said which.

    Examples
    --------
    >>> melt = {
    ...     "trajectory_id": np.array(["melt", "melt"]),
    ...     "structure_id": np.array(["melt/0", "melt/1"]),
    ...     "atom": np.array(["7", "7"]),
    ... }
    >>> unit_names(melt, "atom")
    array(['melt 7', 'melt 7'], dtype='<U6')
    """
    parts = [names[name] for name in (NAMES if by is None else _OF_UNIT[by])]
    return np.array([" ".join(words) for words in zip(*parts, strict=True)], dtype=str)


def of_same_trajectories(
    names: Names,
    label: Shaped[np.ndarray, " site"],
    other_names: Names,
    other_label: Shaped[np.ndarray, " other"],
) -> Bool[np.ndarray, " site"]:
    """Which sites are of a trajectory that another library holds, too, perhaps by another engine.

    Two libraries may use a name by chance. A trajectory of one name is the same if most atoms that
    both have of it stand in the same environment in both.

    Parameters
    ----------
    names, label
        Of the sites: `NAMES`, each of shape (site,), and environments.
    other_names, other_label
        Of the other library's.
    """
    atom, other_atom = unit_names(names, "atom"), unit_names(other_names, "atom")
    seen = set(zip(other_atom.tolist(), other_label.tolist(), strict=True))
    pairs = zip(atom.tolist(), label.tolist(), strict=True)
    found = np.isin(atom, other_atom)
    agrees = np.array([pair in seen for pair in pairs], dtype=bool)
    trajectories, code = np.unique(names["trajectory_id"], return_inverse=True)
    both, alike = (np.bincount(code[rows], minlength=len(trajectories)) for rows in (found, agrees))
    return (alike > _MOST * both)[code]
