"""Neighbours of atoms, periodic images included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from ase import Atoms

_OVERLAP_A = 0.5
# Adding lattice vectors to positions rounds at about 1e-14 Å; a bond of exactly the cutoff must
# not depend on where in the cell it lies.
_ROUNDING_A = 1e-9


class NeighbourPairs(NamedTuple):
    """Pairs of atoms: `first` sees `second`, or an image of it, at `distance_A`.

    Every pair is there in both directions; an atom that sees its own image is paired with itself.
    """

    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]
    distance_A: Float[np.ndarray, " pair"]


def neighbour_pairs(structure: Atoms, cutoff_A: float) -> NeighbourPairs:
    """Find all pairs of atoms at `cutoff_A` or closer, each periodic image on its own.

    Cells may be skewed, smaller than the cutoff, or periodic in some directions only.

    Parameters
    ----------
    structure
        Its cell counts along the directions in which it is periodic.
    cutoff_A
        Largest distance, in ångström, the cutoff itself included.

    Returns
    -------
    NeighbourPairs
        Sorted by the first atom.

    Raises
    ------
    NearedgeError
        If atoms are closer than 0.5 Å to each other or to their own image, or if positions or
        cell are not finite or the cell has no volume.

    Examples
    --------
    >>> from ase.build import bulk
    >>> pairs = neighbour_pairs(bulk("Fe", "bcc", a=2.87), cutoff_A=2.6)
    >>> len(pairs.first), round(float(pairs.distance_A[0]), 3)
    (8, 2.485)
    """
    from vesin import NeighborList

    search = NeighborList(
        cutoff=max(cutoff_A, _OVERLAP_A) + 2 * _ROUNDING_A, full_list=True, sorted=True
    )
    try:
        first, second, distance_A = search.compute(
            points=np.asarray(structure.positions, dtype=float),
            box=np.asarray(structure.cell.array, dtype=float),
            periodic=np.asarray(structure.pbc, dtype=bool),
            quantities="ijd",
        )
    except RuntimeError as error:
        raise NearedgeError(
            f"{describe(structure)}: no neighbours can be found ({error}); check cell and positions"
        ) from error
    if len(distance_A) and distance_A.min() < _OVERLAP_A:
        pair = int(np.argmin(distance_A))
        _refuse_overlap(structure, int(first[pair]), int(second[pair]), float(distance_A[pair]))
    within = distance_A <= cutoff_A + _ROUNDING_A
    return NeighbourPairs(
        first[within].astype(np.int64), second[within].astype(np.int64), distance_A[within]
    )


def neighbour_counts(
    structure: Atoms, elements: Iterable[str], cutoff_A: float, *, at_cutoff: bool = True
) -> Int[np.ndarray, " atom"]:
    """Count the atoms of some elements around every atom.

    Parameters
    ----------
    structure
        See `neighbour_pairs`.
    elements
        Elements that count.
    cutoff_A
        Largest distance, in ångström.
    at_cutoff
        Whether an atom at exactly the cutoff counts.

    Returns
    -------
    (atom,) int
        Neighbours of every atom, in structure order.

    Raises
    ------
    NearedgeError
        As `neighbour_pairs`.

    Examples
    --------
    >>> from ase.build import bulk
    >>> neighbour_counts(bulk("MgO", "rocksalt", a=4.2), ["Mg"], cutoff_A=2.1)
    array([0, 6])
    """
    pairs = neighbour_pairs(structure, cutoff_A)
    counted = np.isin(structure.get_chemical_symbols(), list(elements))[pairs.second]
    if not at_cutoff:
        counted &= pairs.distance_A < cutoff_A - _ROUNDING_A
    return np.bincount(pairs.first[counted], minlength=len(structure)).astype(np.int64)


def describe(structure: Atoms) -> str:
    """Name a structure in a message: its trajectory and snapshot where it has them.

    Examples
    --------
    >>> from ase import Atoms
    >>> describe(Atoms("OH2", info={"trajectory_id": "t3", "snapshot_id": 7}))
    'structure H2O (trajectory t3, snapshot 7)'
    """
    known = [
        f"{word} {structure.info[key]}"
        for word, key in (("trajectory", "trajectory_id"), ("snapshot", "snapshot_id"))
        if key in structure.info
    ]
    name = f"structure {structure.get_chemical_formula()}"
    return f"{name} ({', '.join(known)})" if known else name


def _refuse_overlap(structure: Atoms, i: int, j: int, distance_A: float) -> None:
    symbols = structure.get_chemical_symbols()
    other = "its own periodic image" if i == j else f"atom {j} ({symbols[j]})"
    raise NearedgeError(
        f"{describe(structure)}: atom {i} ({symbols[i]}) and {other} are {distance_A:.3f} Å apart; "
        f"atoms cannot be closer than {_OVERLAP_A} Å, correct the structure (atoms count from 0)"
    )
