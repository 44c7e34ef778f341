"""Disordered cells: cations on the holes of a close-packed anion lattice with vacancies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from ase import Atoms

# In the primitive cell of an fcc lattice the octahedral hole sits at (1/2, 1/2, 1/2)
# and the two tetrahedral holes at (1/4, 1/4, 1/4) and (3/4, 3/4, 3/4).
_HOLES = {"octahedral": (0.5,), "tetrahedral": (0.25, 0.75)}
_FCC_PRIMITIVE = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
# Closest pair of holes that may both be filled, in units of the conventional lattice constant:
# tetrahedral holes are 0.5 apart, an octahedral and a tetrahedral one that share a face 0.433.
_CLOSEST_HOLES = 0.48
_ATTEMPTS = 20
_ANNEALING_STEPS = 5000


@dataclass(frozen=True)
class Cation:
    """How many atoms of one element go in, and which share of them on octahedral holes.

    Examples
    --------
    >>> Cation("Fe", count=14, octahedral=0.8).octahedral
    0.8
    """

    element: str
    count: int
    octahedral: float


def disordered_cell(
    *,
    anion: str,
    anions: int,
    anion_sites: int,
    cations: Sequence[Cation],
    anion_site_volume_A3: float,
    seed: int,
    anion_pairs: int = 0,
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

    Returns
    -------
    ase.Atoms
        Periodic; cations first, in the order given, then the anions.

    Raises
    ------
    NearedgeError
        If the anions do not fit their lattice, or the cations do not fit their holes.

    Examples
    --------
    >>> cell = disordered_cell(
    ...     anion="O", anions=7, anion_sites=8, anion_site_volume_A3=18.0, seed=0,
    ...     cations=[Cation("Fe", 2, 0.8), Cation("Li", 6, 0.5)],
    ... )
    >>> cell.get_chemical_formula("metal")
    'Fe2Li6O7'
    """
    from ase import Atoms

    if not 0 < anions <= anion_sites:
        raise NearedgeError(
            f"disordered cell: {anions} {anion} atoms do not fit {anion_sites} anion sites; "
            f"give anion_sites >= anions"
        )
    lattice_constant_A = (4.0 * anion_site_volume_A3) ** (1.0 / 3.0)
    cell, repeats = _nearly_cubic_cell(anion_sites)
    cell = cell * lattice_constant_A
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.choice(anion_sites, size=anions, replace=False))
    anion_positions = (repeats @ _FCC_PRIMITIVE * lattice_constant_A)[kept]
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
    _pull_pairs_together(atoms, anion, anion_pairs, anion_pair_distance_A, rng)
    atoms.wrap()
    return atoms


def _nearly_cubic_cell(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Most nearly cubic superlattice of fcc with `points` points, and the points in it.

    Returns the cell (3, 3) for a lattice constant of 1 and the integer coordinates
    (points, 3) of the lattice points along the primitive vectors. Every superlattice has one
    Hermite normal form, so listing those lists them all.
    """
    from ase.geometry.minkowski_reduction import minkowski_reduce

    best, best_score = None, np.inf
    for a in _divisors(points):
        for b in _divisors(points // a):
            c = points // (a * b)
            for d in range(b):
                for e in range(c):
                    for f in range(c):
                        form = np.array([[a, d, e], [0, b, f], [0, 0, c]])
                        vectors = form @ _FCC_PRIMITIVE
                        # A quick bound first: reduction is the slow step.
                        reduced, _ = minkowski_reduce(vectors)
                        score = float(np.sum(np.linalg.norm(reduced, axis=1) ** 2))
                        if score < best_score - 1e-9:
                            best, best_score = (form, reduced), score
    assert best is not None
    form, cell = best
    if np.linalg.det(cell) < 0:
        cell = -cell
    steps = np.diag(form)
    points_in_cell = np.array(
        [(i, j, k) for i in range(steps[0]) for j in range(steps[1]) for k in range(steps[2])]
    )
    return cell, points_in_cell


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _holes(repeats: np.ndarray, lattice_constant_A: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions (holes, 3) in Å and kind (holes,) of every hole of the lattice points."""
    positions, kinds = [], []
    for kind, offsets in _HOLES.items():
        for offset in offsets:
            positions.append((repeats + offset) @ _FCC_PRIMITIVE * lattice_constant_A)
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
        temperature = 1.0 - step / _ANNEALING_STEPS
        mover = int(rng.choice(np.flatnonzero(clashes)))
        old = filled[mover]
        new = int(rng.choice(np.flatnonzero(~occupied & (kinds == kinds[old]))))
        occupied[old] = False
        worse = conflicts[new][occupied].sum() - conflicts[old][occupied].sum()
        if worse > 0 and rng.random() >= np.exp(-worse / max(temperature, 1e-9)):
            new = old
        occupied[new] = True
        filled[mover] = new
    return None


def _pull_pairs_together(
    atoms: Atoms, anion: str, pairs: int, distance_A: float, rng: np.random.Generator
) -> None:
    """Move `pairs` disjoint pairs of neighbouring anions to `distance_A` of each other."""
    from ase.neighborlist import neighbor_list

    if pairs == 0:
        return
    first, second, length = neighbor_list("ijd", atoms, cutoff={(anion, anion): 3.6})
    order = rng.permutation(np.flatnonzero((first < second) & (length > distance_A)))
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
