"""Disordered cells: cations on the holes of a close-packed anion lattice with vacancies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.structures.superlattice import FCC_PRIMITIVE, nearly_cubic_cell

if TYPE_CHECKING:
    from ase import Atoms

# In the primitive cell of an fcc lattice the octahedral hole sits at (1/2, 1/2, 1/2)
# and the two tetrahedral holes at (1/4, 1/4, 1/4) and (3/4, 3/4, 3/4).
_HOLES = {"octahedral": (0.5,), "tetrahedral": (0.25, 0.75)}
# Closest pair of holes that may both be filled, in units of the conventional lattice constant:
# tetrahedral holes are 0.5 apart, an octahedral and a tetrahedral one that share a face 0.433.
_CLOSEST_HOLES = 0.48
# Nearest neighbours of an anion are cations on the holes next to it: octahedral ones are 0.5 away,
# tetrahedral ones 0.433, the next shell 0.83.
_FIRST_SHELL = 0.6
_ATTEMPTS = 20
_ANNEALING_STEPS = 5000
# In shared faces. Of 12 cells of 14 Fe and 42 Li on 56 sites, five attempts solve 1 from a start at
# 1.0, 11 from 0.5 and 3 from 0.3.
_HOTTEST = 0.5


@dataclass(frozen=True)
class Cation:
    """How many atoms of one element go in, and which share of them on octahedral holes.

    Raises
    ------
    UsageError
        If the element is unknown, the count not positive, or the share not between 0 and 1.

    Examples
    --------
    >>> Cation("Fe", count=14, octahedral=0.8).octahedral
    0.8
    """

    element: str
    count: int
    octahedral: float

    def __post_init__(self) -> None:
        _check_element(self.element)
        _require(self.count > 0, f"{self.count} atoms of {self.element}; give 1 or more")
        _require(
            0.0 <= self.octahedral <= 1.0,
            f"octahedral = {self.octahedral} for {self.element}; give a share from 0 to 1",
        )


def disordered_cell(
    *,
    anion: str,
    anions: int,
    anion_sites: int,
    cations: Sequence[Cation],
    anion_site_volume_A3: float,
    seed: int,
    anion_pairs: int = 0,
    anion_pairs_avoid: str | None = None,
    anion_pair_distance_A: float = 1.45,
) -> Atoms:
    """Draw one random arrangement of cations and anion vacancies in a nearly cubic cell.

    The anions occupy a face-centred cubic lattice of `anion_sites` points, all but
    ``anion_sites - anions`` of them. Each cation takes a random free hole of its kind, never one
    that shares a face with a filled hole. The result is a starting point: relax it.

    Parameters
    ----------
    anion, anions, anion_sites
        Element, number of atoms, and number of lattice points they are spread over.
    cations
        Elements in the order in which they choose their holes.
    anion_site_volume_A3
        Volume per anion lattice point, in cubic ångström.
    seed
        The same seed gives the same cell.
    anion_pairs
        Number of neighbouring anions pulled together to `anion_pair_distance_A`
        (peroxide seeds; 1.45 Å is the O-O bond length of Li2O2).
    anion_pairs_avoid
        Choose the pairs with the fewest nearest neighbours of this element. Peroxide next to a
        metal that can be oxidised opens again; among Li it stays.

    Returns
    -------
    ase.Atoms
        Periodic; cations first, in the order given, then the anions.

    Raises
    ------
    UsageError
        If an argument makes no sense by itself, or there are more anions than lattice points.
    NearedgeError
        If the cations do not fit their holes, or the anion pairs the anions.

    Examples
    --------
    >>> cell = disordered_cell(
    ...     anion="O", anions=14, anion_sites=16, anion_site_volume_A3=18.0, seed=0,
    ...     cations=[Cation("Fe", 4, octahedral=1.0), Cation("Li", 8, octahedral=0.75)],
    ... )
    >>> cell.get_chemical_formula("metal")
    'Fe4Li8O14'
    """
    from ase import Atoms

    _check_element(anion)
    _require(
        0 < anions <= anion_sites,
        f"{anions} {anion} atoms do not fit {anion_sites} anion sites; give at least one, and "
        f"anion_sites >= anions",
    )
    _require(len(cations) > 0, "no cations; give at least one")
    _require(
        0.0 < anion_site_volume_A3 < np.inf,
        f"anion_site_volume_A3 = {anion_site_volume_A3}; give more than 0",
    )
    _require(seed >= 0, f"seed = {seed}; give 0 or more")
    _require(anion_pairs >= 0, f"anion_pairs = {anion_pairs}; give 0 or more")
    _require(
        0.0 < anion_pair_distance_A < np.inf,
        f"anion_pair_distance_A = {anion_pair_distance_A}; give more than 0",
    )
    present = {cation.element for cation in cations}
    _require(
        anion_pairs_avoid is None or anion_pairs_avoid in present,
        f"anion_pairs_avoid = {anion_pairs_avoid!r}; give one of {', '.join(sorted(present))}",
    )
    lattice_constant_A = (4.0 * anion_site_volume_A3) ** (1.0 / 3.0)
    cell, repeats = nearly_cubic_cell(anion_sites)
    cell = cell * lattice_constant_A
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.choice(anion_sites, size=anions, replace=False))
    anion_positions = (repeats @ FCC_PRIMITIVE * lattice_constant_A)[kept]
    hole_positions, hole_kinds = _holes(repeats, lattice_constant_A)
    blocked = _too_close(hole_positions, cell, _CLOSEST_HOLES * lattice_constant_A)
    for _ in range(_ATTEMPTS):
        chosen = _fill(hole_kinds, blocked, cations, rng)
        if chosen is not None:
            break
    else:
        wanted = ", ".join(f"{c.count} {c.element}" for c in cations)
        raise NearedgeError(
            f"disordered cell (seed {seed}): no way found to put {wanted} on the holes of "
            f"{anion_sites} anion sites in {_ATTEMPTS} attempts; use more anion sites, or a "
            f"share of octahedral holes closer to 1"
        )
    symbols = [c.element for c in cations for _ in range(c.count)] + [anion] * anions
    positions = np.concatenate([hole_positions[chosen], anion_positions])
    atoms = Atoms(symbols, positions=positions, cell=cell, pbc=True)
    shell_A = _FIRST_SHELL * lattice_constant_A
    avoided = _neighbours_of(atoms, anion, anion_pairs_avoid, shell_A)
    _pull_pairs_together(atoms, anion, anion_pairs, anion_pair_distance_A, avoided, rng)
    atoms.wrap()
    return atoms


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise UsageError(f"disordered cell: {message}")


def _check_element(symbol: str) -> None:
    from ase.data import chemical_symbols

    # The first entry stands for "no element".
    known = symbol in chemical_symbols[1:]
    _require(known, f"{symbol!r} is no element; give a chemical symbol such as 'Fe'")


def _holes(repeats: np.ndarray, lattice_constant_A: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions (holes, 3) in Å and kind (holes,) of every hole of the lattice points."""
    positions, kinds = [], []
    for kind, offsets in _HOLES.items():
        for offset in offsets:
            positions.append((repeats + offset) @ FCC_PRIMITIVE * lattice_constant_A)
            kinds += [kind] * len(repeats)
    return np.concatenate(positions), np.array(kinds)


def _too_close(positions: np.ndarray, cell: np.ndarray, closest_A: float) -> np.ndarray:
    """Boolean matrix (holes, holes): both cannot be filled."""
    from ase.geometry import get_distances

    _, distances = get_distances(positions, cell=cell, pbc=True)
    return distances < closest_A


def _fill(
    kinds: np.ndarray, blocked: np.ndarray, cations: Sequence[Cation], rng: np.random.Generator
) -> np.ndarray | None:
    """Choose a hole for every cation by annealing away pairs that share a face.

    Returns the holes in the order of the cations, or None if a shared face remains.
    """
    chosen = []
    for cation in cations:
        octahedral = round(cation.count * cation.octahedral)
        shares = {"octahedral": octahedral, "tetrahedral": cation.count - octahedral}
        for kind, count in shares.items():
            free = np.setdiff1d(np.flatnonzero(kinds == kind), chosen)
            if count > len(free):
                return None
            chosen += rng.choice(free, size=count, replace=False).tolist()
    filled = np.array(chosen)
    occupied = np.zeros(len(kinds), dtype=bool)
    occupied[filled] = True
    conflicts = blocked & ~np.eye(len(kinds), dtype=bool)
    for step in range(_ANNEALING_STEPS):
        clashes = conflicts[filled][:, occupied].sum(axis=1)
        if not clashes.any():
            return filled
        temperature = _HOTTEST * (1.0 - step / _ANNEALING_STEPS)
        mover = int(rng.choice(np.flatnonzero(clashes)))
        old = filled[mover]
        free = np.flatnonzero(~occupied & (kinds == kinds[old]))
        if not len(free):
            # All holes of its kind are filled, so each hole of the other kind has filled
            # neighbours, and no arrangement is without shared faces.
            return None
        new = int(rng.choice(free))
        occupied[old] = False
        worse = conflicts[new][occupied].sum() - conflicts[old][occupied].sum()
        if worse > 0 and rng.random() >= np.exp(-worse / max(temperature, 1e-9)):
            new = old
        occupied[new] = True
        filled[mover] = new
    return None


def _neighbours_of(atoms: Atoms, anion: str, element: str | None, cutoff_A: float) -> np.ndarray:
    """Number of neighbours of an element around every atom (atom,); zeros for None."""
    from ase.neighborlist import neighbor_list

    if element is None:
        return np.zeros(len(atoms), dtype=int)
    first = neighbor_list("i", atoms, cutoff={(anion, element): cutoff_A})
    return np.bincount(first, minlength=len(atoms))


def _pull_pairs_together(
    atoms: Atoms,
    anion: str,
    pairs: int,
    distance_A: float,
    avoided: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Move `pairs` disjoint pairs of neighbouring anions to `distance_A` of each other.

    Pairs with the smallest sum of `avoided` (atom,) come first, in random order among equals.
    """
    from ase.neighborlist import neighbor_list

    if pairs == 0:
        return
    first, second, length = neighbor_list("ijd", atoms, cutoff={(anion, anion): 3.6})
    order = rng.permutation(np.flatnonzero((first < second) & (length > distance_A)))
    order = order[np.argsort((avoided[first] + avoided[second])[order], kind="stable")]
    used: set[int] = set()
    for pair in order:
        i, j = int(first[pair]), int(second[pair])
        if i in used or j in used:
            continue
        atoms.set_distance(i, j, distance_A, mic=True)
        used |= {i, j}
        if len(used) == 2 * pairs:
            return
    raise NearedgeError(
        f"disordered cell: found only {len(used) // 2} of {pairs} {anion}-{anion} pairs to pull "
        f"together; ask for fewer"
    )
