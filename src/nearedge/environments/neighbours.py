"""Neighbours of atoms, periodic images included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from ase import Atoms

_OVERLAP_A = 0.5
# Adding lattice vectors to positions rounds at about 1e-14 Å; a bond of exactly the cutoff must
# not depend on where in the cell it lies.
_ROUNDING_A = 1e-9
# Where the search for a gap begins; it grows until no larger gap can follow.
_FIRST_RADIUS_A = 4.0


class NeighbourPairs(NamedTuple):
    """Pairs of atoms: `first` sees `second`, or an image of it, at `distance_A` and `vector_A`.

    Every pair is there in both directions; an atom that sees its own image is paired with itself.
    """

    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]
    distance_A: Float[np.ndarray, " pair"]
    vector_A: Float[np.ndarray, "pair 3"]

    def where(self, chosen: Bool[np.ndarray, " pair"]) -> NeighbourPairs:
        """Keep some of the pairs."""
        return NeighbourPairs(*(part[chosen] for part in self))


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
        first, second, distance_A, vector_A = search.compute(
            points=np.asarray(structure.positions, dtype=float),
            box=np.asarray(structure.cell.array, dtype=float),
            periodic=np.asarray(structure.pbc, dtype=bool),
            quantities="ijdD",
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
        first[within].astype(np.int64),
        second[within].astype(np.int64),
        distance_A[within],
        vector_A[within],
    )


def neighbours_within(
    structure: Atoms, cutoffs_A: Mapping[str, float], *, at_cutoff: bool = True
) -> NeighbourPairs:
    """Find the atoms of some elements around every atom, each element with its own cutoff.

    Parameters
    ----------
    structure
        See `neighbour_pairs`.
    cutoffs_A
        Largest distance in ångström of every element that counts.
    at_cutoff
        Whether an atom at exactly the cutoff counts.

    Returns
    -------
    NeighbourPairs
        Sorted by the first atom, which is of any element.

    Raises
    ------
    NearedgeError
        As `neighbour_pairs`.

    Examples
    --------
    >>> from ase.build import bulk
    >>> pairs = neighbours_within(bulk("MgO", "rocksalt", a=4.2), {"Mg": 3.0, "O": 2.0})
    >>> np.bincount(pairs.first).tolist()
    [12, 6]
    """
    pairs = neighbour_pairs(structure, max(cutoffs_A.values(), default=_OVERLAP_A))
    limits = np.array([cutoffs_A.get(s, -np.inf) for s in structure.get_chemical_symbols()])
    limit = limits[pairs.second]
    if at_cutoff:
        return pairs.where(pairs.distance_A <= limit + _ROUNDING_A)
    return pairs.where(pairs.distance_A < limit - _ROUNDING_A)


def neighbours_by_gap(
    structure: Atoms, centres: Int[np.ndarray, " centre"], elements: Iterable[str]
) -> NeighbourPairs:
    """Find the neighbours of some atoms without a cutoff: those before the largest gap.

    Of the distances d1 <= d2 <= ... from an atom to all atoms of the elements, the n nearest are
    its neighbours for which 1/d(n) - 1/d(n+1) is largest. The reciprocal makes near gaps count
    more, and leaves nothing to choose: gaps beyond a distance d are smaller than 1/d. An atom
    always has at least one neighbour this way if there is any atom of the elements.

    Parameters
    ----------
    structure
        See `neighbour_pairs`.
    centres
        Indices of the atoms whose neighbours are wanted.
    elements
        Elements that count.

    Returns
    -------
    NeighbourPairs
        Sorted by the first atom, which is one of the centres.

    Raises
    ------
    NearedgeError
        As `neighbour_pairs`.

    Notes
    -----
    G. O. Brunner, Acta Cryst. A 33, 226 (1977).

    Examples
    --------
    >>> from ase.build import bulk
    >>> len(neighbours_by_gap(bulk("MgO", "rocksalt", a=4.2), np.array([0]), ["O"]).first)
    6
    """
    counts = np.isin(structure.get_chemical_symbols(), list(elements))
    open_centres = np.asarray(centres)
    found = []
    radius_A = _FIRST_RADIUS_A
    while len(open_centres) and counts.any():
        pairs = neighbour_pairs(structure, radius_A)
        pairs = pairs.where(counts[pairs.second] & np.isin(pairs.first, open_centres))
        # A cluster has its farthest atom somewhere; beyond it there is nothing.
        whole = not structure.pbc.any() and radius_A > np.ptp(structure.positions, axis=0).sum()
        closed = []
        for centre in open_centres:
            mine = np.flatnonzero(pairs.first == centre)
            count = _before_gap(np.sort(pairs.distance_A[mine]), bool(whole))
            if count is not None:
                nearest = mine[np.argsort(pairs.distance_A[mine], kind="stable")[:count]]
                found.append(pairs.where(np.isin(np.arange(len(pairs.first)), nearest)))
                closed.append(centre)
        open_centres = np.setdiff1d(open_centres, closed)
        radius_A *= 1.5
    if not found:
        return neighbour_pairs(structure, _OVERLAP_A)
    order = np.argsort(np.concatenate([pairs.first for pairs in found]), kind="stable")
    return NeighbourPairs(*(np.concatenate(parts)[order] for parts in zip(*found, strict=True)))


def _before_gap(distance_A: Float[np.ndarray, " neighbour"], whole: bool) -> int | None:
    """Count the distances before the largest reciprocal gap; None if a larger one may follow."""
    if len(distance_A) == 0:
        return 0 if whole else None
    near = 1.0 / distance_A
    gaps = near - np.append(near[1:], 0.0)
    # What follows the last distance is not known unless it is the last of all.
    known = gaps if whole else gaps[:-1]
    # Equal distances differ by rounding: no gap.
    best = int(np.argmax(known)) if len(known) else -1
    if best < 0 or (not whole and known[best] < near[-1]):
        return None
    return best + 1


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
    pairs = neighbours_within(structure, dict.fromkeys(elements, cutoff_A), at_cutoff=at_cutoff)
    return np.bincount(pairs.first, minlength=len(structure)).astype(np.int64)


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
