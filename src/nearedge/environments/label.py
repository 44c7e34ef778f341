"""Labels of sites under a label scheme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.environments.neighbours import (
    NeighbourPairs,
    describe,
    neighbour_counts,
    neighbours_by_gap,
    neighbours_within,
)
from nearedge.environments.polyhedra import shape_measures
from nearedge.environments.scheme import LabelScheme
from nearedge.environments.targets import oxidation_states
from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, eq=False)
class SiteLabels:
    """Environment and coordination number of every absorber of one structure.

    Parameters
    ----------
    atom_index
        (site,) index of each absorber in the structure, in structure order, from 0.
    environment
        (site,) label of each site; empty where the scheme has no class for it.
    coordination
        (site,) number of neighbours, of sites without a class and of dimers too.
    reasons
        Why a site has no class, by its index in the structure.
    target
        (site,) the scheme's continuous target; None where that is the coordination number.
    """

    atom_index: Int[np.ndarray, " site"]
    environment: Shaped[np.ndarray, " site"]
    coordination: Int[np.ndarray, " site"]
    reasons: dict[int, str]
    target: Float[np.ndarray, " site"] | None = None


def label_sites(structure: Atoms, scheme: LabelScheme) -> SiteLabels:
    """Label every absorber of a structure by the atoms around it.

    A neighbour is within the cutoff of the scheme, the cutoff included, or before the largest gap
    in the distances. A dimer is strictly closer than its own cutoff, and wins over the classes. A
    class with a polyhedron takes the sites that resemble none of the other polyhedra with as many
    neighbours more. Periodic images count like other atoms.

    Parameters
    ----------
    structure
        One structure; ``info["trajectory_id"]`` and ``info["snapshot_id"]`` name it in messages.
    scheme
        What to count, and which class each arrangement belongs to.

    Returns
    -------
    SiteLabels
        One entry for every absorber.

    Raises
    ------
    NearedgeError
        If the structure has no absorber, atoms that overlap, or absorbers whose oxidation state
        the scheme asks for and does not tell.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from nearedge.environments.scheme import load_scheme
    >>> labels = label_sites(bulk("FeO", "zincblende", a=4.5), load_scheme("li3feo35_oxygen"))
    >>> labels.environment.tolist(), labels.coordination.tolist()
    (['4 Fe'], [4])
    """
    symbols = np.array(structure.get_chemical_symbols())
    atom_index = np.flatnonzero(symbols == scheme.absorber).astype(np.int64)
    if len(atom_index) == 0:
        raise NearedgeError(
            f"{describe(structure)}: has no {scheme.absorber} atom, the absorber of the label "
            f"scheme {scheme.name!r}; choose a scheme for one of its elements"
        )
    pairs = _neighbours(structure, scheme, atom_index)
    counts = np.bincount(pairs.first, minlength=len(structure)).astype(np.int64)[atom_index]
    reasons: dict[int, str] = {}
    environment = []
    for atom, count in zip(atom_index.tolist(), counts.tolist(), strict=True):
        label, reason = _class_of(count, pairs.vector_A[pairs.first == atom], scheme)
        environment.append(label)
        if reason:
            reasons[atom] = reason
    # The first dimer of the scheme wins, so it is written last.
    for elements, cutoff_A, label in reversed(scheme.dimers):
        partners = neighbour_counts(structure, elements, cutoff_A, at_cutoff=False)
        for place, atom in enumerate(atom_index.tolist()):
            if partners[atom]:
                environment[place] = label
                reasons.pop(atom, None)
    target = _target(structure, scheme, atom_index, np.array(environment, dtype=str), pairs)
    for place, atom in enumerate(atom_index.tolist()):
        if target is not None and environment[place] and not np.isfinite(target[place]):
            reasons[atom] = f"{environment[place]}, but no {getattr(scheme.target, 'quantity', '')}"
            environment[place] = ""
    return SiteLabels(atom_index, np.array(environment, dtype=str), counts, reasons, target)


def _neighbours(
    structure: Atoms, scheme: LabelScheme, atom_index: Int[np.ndarray, " site"]
) -> NeighbourPairs:
    if scheme.cutoffs_A is None:
        return neighbours_by_gap(structure, atom_index, scheme.neighbours)
    return neighbours_within(structure, scheme.cutoffs_A)


def _class_of(
    count: int, vectors_A: Float[np.ndarray, "neighbour 3"], scheme: LabelScheme
) -> tuple[str, str]:
    """Label of a site, or an empty one and the reason."""
    candidates = {entry[2]: entry[0] for entry in scheme.classes if entry[1] == count}
    if not candidates:
        return "", _no_class(count, scheme)
    if set(candidates) == {None}:
        return candidates[None], ""
    measures = shape_measures(vectors_A)
    nearest = next(iter(measures))
    label = candidates.get(nearest, candidates.get(None, ""))
    if label:
        return label, ""
    return "", (
        f"{_seen(count, scheme)}, nearest to a {nearest} (shape measure {measures[nearest]:.1f}); "
        f"of {count} neighbours the scheme {scheme.name!r} has {', '.join(map(str, candidates))}"
    )


def _target(
    structure: Atoms,
    scheme: LabelScheme,
    atom_index: Int[np.ndarray, " site"],
    environment: Shaped[np.ndarray, " site"],
    pairs: NeighbourPairs,
) -> Float[np.ndarray, " site"] | None:
    if scheme.target is None:
        return None
    if scheme.target.quantity == "oxidation state":
        return oxidation_states(scheme.target, structure, scheme.absorber, environment)
    atoms = len(structure)
    sums = np.bincount(pairs.first, weights=pairs.distance_A, minlength=atoms)[atom_index]
    counts = np.bincount(pairs.first, minlength=atoms)[atom_index]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _seen(count: int, scheme: LabelScheme) -> str:
    elements = " or ".join(scheme.neighbours)
    if scheme.cutoffs_A is None:
        return f"{count} {elements} before the largest gap"
    distinct = sorted(set(scheme.cutoffs_A.values()))
    return f"{count} {elements} within {' or '.join(f'{c:g}' for c in distinct)} Å"


def _no_class(count: int, scheme: LabelScheme) -> str:
    counts = sorted({c for _, c, _ in scheme.classes})
    unbroken = len(counts) > 1 and counts[-1] - counts[0] == len(counts) - 1
    declared = f"{counts[0]} to {counts[-1]}" if unbroken else ", ".join(map(str, counts))
    return f"{_seen(count, scheme)}; the scheme {scheme.name!r} has classes for {declared}"
