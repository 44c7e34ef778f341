"""Guessing a label scheme from structures, and showing what the guess rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from nearedge.environments.label import label_sites
from nearedge.environments.neighbours import neighbour_pairs, neighbours_by_gap, neighbours_within
from nearedge.environments.polyhedra import nearest_polyhedron
from nearedge.environments.scheme import LabelScheme
from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from ase import Atoms

_REACH_A = 6.5
_BIN_A = 0.1
# Bonds are up to a quarter longer than the sum of covalent radii (Cordero et al., Dalton Trans.
# 2008, 2832, standard deviations and the ionic bonds beyond them); what is farther is no dimer.
_BOND = 1.25
# A count of fewer sites than this share does not tell sites apart.
_SHARE = 0.1
# Distances that agree to this are taken for those of equivalent sites.
_ALIKE_A = 1e-3


@dataclass(frozen=True, eq=False)
class Shell:
    """Distances from all absorbers to one element, and the cutoff that was put into their gap.

    Attributes
    ----------
    element
        Of the neighbours.
    distance_A
        Sorted, up to a little beyond the gap.
    gap_A
        The last distance before the largest gap, and the first after it.
    cutoff_A
        In the middle of the gap.
    """

    element: str
    distance_A: Float[np.ndarray, " pair"]
    gap_A: tuple[float, float]
    cutoff_A: float

    def histogram(self) -> list[str]:
        """Lines of text: a bar for each tenth of an ångström, and the cutoff in its place.

        Examples
        --------
        >>> shell = Shell("O", np.array([1.97, 2.01, 2.03, 3.4]), (2.03, 3.4), 2.7)
        >>> print(*shell.histogram(), sep=chr(10))
        1.9 to 2.0 Å  #  1
        2.0 to 2.1 Å  ##  2
        --- nothing from 2.03 to 3.40 Å: cutoff 2.7 Å ---
        3.4 to 3.5 Å  #  1
        """
        numbers = np.floor(self.distance_A / _BIN_A + 1e-9).astype(int)
        longest = np.bincount(numbers).max()
        lines = []
        for number in sorted(set(numbers.tolist())):
            for inside in (True, False):
                mine = (numbers == number) & ((self.distance_A <= self.gap_A[0]) == inside)
                if not mine.any():
                    continue
                cut = not inside and self.distance_A[mine][0] == self.gap_A[1]
                if cut:
                    lines.append(
                        f"--- nothing from {self.gap_A[0]:.2f} to {self.gap_A[1]:.2f} Å: cutoff "
                        f"{self.cutoff_A:g} Å ---"
                    )
                bar = "#" * max(1, round(40 * mine.sum() / max(longest, 40)))
                first = number * _BIN_A
                lines.append(f"{first:.1f} to {first + _BIN_A:.1f} Å  {bar}  {mine.sum()}")
        return lines


@dataclass(frozen=True, eq=False)
class Guess:
    """A label scheme that fits some structures, and what speaks for it.

    Attributes
    ----------
    scheme
        Neighbour elements, cutoffs, classes for all counts that occur.
    shells
        The distances, one for each neighbour element and for the dimer.
    sites
        Number of sites by label.
    polyhedra
        Number of sites of every class by the polyhedron they resemble most.
    alike
        For each structure, groups of atoms that no distance up to 6.5 Å tells apart.
    """

    scheme: LabelScheme
    shells: tuple[Shell, ...]
    sites: Mapping[str, int]
    polyhedra: Mapping[str, Mapping[str, int]]
    alike: tuple[tuple[tuple[int, ...], ...], ...]


def guess_scheme(structures: Sequence[Atoms], absorber: str, name: str) -> Guess:
    """Guess how the sites of an element are best labelled, from the structures' own distances.

    Neighbour elements are those before the largest gap in the distances around any absorber
    (Brunner's rule, `neighbours_by_gap`); each gets a cutoff in the middle of the largest gap of
    its distances from all absorbers together. An absorber's own element among them is a dimer if
    other elements are there too and the distance is that of a bond. Several elements are counted
    together if that tells sites apart, into two counts with a tenth of the sites each; if not, the
    heaviest alone is counted, which scatters most. Classes are the counts from the smallest to the
    largest.

    Parameters
    ----------
    structures
        At least one; together they decide.
    absorber
        Element whose sites are labelled.
    name
        Of the scheme.

    Raises
    ------
    NearedgeError
        If no structure has the absorber, or it has no neighbours.

    Examples
    --------
    >>> from ase.build import bulk
    >>> guess = guess_scheme([bulk("FeO", "rocksalt", a=4.33)], "Fe", "wustite")
    >>> guess.scheme.neighbours, guess.scheme.cutoff_A, guess.scheme.labels
    (('O',), 2.95, ('6 O',))
    """
    with_it = [s for s in structures if absorber in s.get_chemical_symbols()]
    if not with_it:
        elements = sorted({e for s in structures for e in s.get_chemical_symbols()})
        raise NearedgeError(
            f"no structure has a {absorber} atom; they have {', '.join(elements)}: choose an "
            f"--absorber among them"
        )
    elements = _first_shell(with_it, absorber)
    if not elements:
        raise NearedgeError(f"the {absorber} atoms have no neighbours; is the structure complete?")
    own = absorber in elements and len(elements) > 1
    shells = {element: _shell(with_it, absorber, element) for element in elements}
    bond_A = _BOND * 2 * _covalent_radius_A(absorber)
    dimers = ()
    if own:
        shell = shells.pop(absorber)
        if shell.distance_A[0] < bond_A:
            short_A = min(shell.cutoff_A, round(bond_A, 2))
            shells[absorber] = Shell(absorber, shell.distance_A, shell.gap_A, short_A)
            dimers = (((absorber,), short_A, f"{absorber}-{absorber} dimer"),)

    def scheme(neighbours: Sequence[str], counts: Sequence[int]) -> LabelScheme:
        cutoffs_A = tuple(shells[element].cutoff_A for element in neighbours)
        return LabelScheme(
            name=name,
            absorber=absorber,
            neighbours=tuple(neighbours),
            cutoff_A=cutoffs_A[0] if len(set(cutoffs_A)) == 1 else cutoffs_A,
            classes=tuple((f"{count} {'/'.join(neighbours)}", count) for count in counts),
            dimers=dimers,
        )

    chosen = tuple(element for element in shells if element != absorber or not dimers)
    counts = _counts(with_it, scheme(chosen, [0]))
    together = len(chosen) > 1
    if together and np.sum(np.bincount(counts) >= _SHARE * len(counts)) < 2:
        chosen = (max(chosen, key=_atomic_number),)
        counts = _counts(with_it, scheme(chosen, [0]))
    final = scheme(chosen, range(int(counts.min()), int(counts.max()) + 1))
    sites, polyhedra = _census(with_it, final)
    alike = tuple(
        _alike(s, absorber) if absorber in s.get_chemical_symbols() else () for s in structures
    )
    return Guess(final, tuple(shells.values()), sites, polyhedra, alike)


def _counts(structures: Sequence[Atoms], scheme: LabelScheme) -> Int[np.ndarray, " site"]:
    return np.concatenate([label_sites(structure, scheme).coordination for structure in structures])


def _first_shell(structures: Sequence[Atoms], absorber: str) -> tuple[str, ...]:
    """Elements before the gap around any absorber, the nearest first."""
    nearest: dict[str, float] = {}
    for structure in structures:
        symbols = np.array(structure.get_chemical_symbols())
        pairs = neighbours_by_gap(structure, np.flatnonzero(symbols == absorber), set(symbols))
        for second, distance_A in zip(pairs.second, pairs.distance_A, strict=True):
            element = str(symbols[second])
            nearest[element] = min(float(distance_A), nearest.get(element, np.inf))
    return tuple(sorted(nearest, key=lambda element: nearest[element]))


def _shell(structures: Sequence[Atoms], absorber: str, element: str) -> Shell:
    distance_A = np.sort(np.concatenate([_distances(s, absorber, element) for s in structures]))
    near = 1.0 / distance_A
    # An atom without a second shell has nothing but vacuum beyond the first.
    gaps = near - np.append(near[1:], 1.0 / _REACH_A)
    last = int(np.argmax(gaps))
    after = float(distance_A[last + 1]) if last + 1 < len(distance_A) else _REACH_A
    before = float(distance_A[last])
    middle = (before + after) / 2
    rounded = round(round(middle / 0.05) * 0.05, 2)
    cutoff_A = rounded if before < rounded < after else middle
    return Shell(element, distance_A[distance_A <= after + 0.5], (before, after), cutoff_A)


def _distances(structure: Atoms, absorber: str, element: str) -> Float[np.ndarray, " pair"]:
    symbols = np.array(structure.get_chemical_symbols())
    pairs = neighbour_pairs(structure, _REACH_A)
    return pairs.distance_A[(symbols[pairs.first] == absorber) & (symbols[pairs.second] == element)]


def _census(
    structures: Sequence[Atoms], scheme: LabelScheme
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    sites = dict.fromkeys(scheme.labels, 0)
    polyhedra: dict[str, dict[str, int]] = {label: {} for label in scheme.labels}
    for structure in structures:
        labels = label_sites(structure, scheme)
        pairs = neighbours_within(structure, scheme.cutoffs_A or {})
        for atom, label in zip(labels.atom_index, labels.environment, strict=True):
            sites[str(label)] += 1
            shape = nearest_polyhedron(pairs.vector_A[pairs.first == atom])
            if shape is not None:
                mine = polyhedra[str(label)]
                mine[shape] = mine.get(shape, 0) + 1
    return sites, polyhedra


def _alike(structure: Atoms, absorber: str) -> tuple[tuple[int, ...], ...]:
    """Groups of absorbers with the same distances to the same elements."""
    symbols = np.array(structure.get_chemical_symbols())
    pairs = neighbour_pairs(structure, _REACH_A)
    groups: list[tuple[Any, list[int]]] = []
    for atom in np.flatnonzero(symbols == absorber).tolist():
        mine = pairs.first == atom
        around, distance_A = symbols[pairs.second[mine]], pairs.distance_A[mine]
        order = np.lexsort((around, np.round(distance_A / _ALIKE_A)))
        seen = (around[order], distance_A[order])
        for (elements, distances), members in groups:
            if (
                len(distances) == len(seen[1])
                and (elements == seen[0]).all()
                and np.allclose(distances, seen[1], rtol=0, atol=_ALIKE_A)
            ):
                members.append(atom)
                break
        else:
            groups.append((seen, [atom]))
    return tuple(tuple(members) for _, members in groups)


def _atomic_number(element: str) -> int:
    from ase.data import atomic_numbers

    return atomic_numbers[element]


def _covalent_radius_A(element: str) -> float:
    from ase.data import covalent_radii

    return float(covalent_radii[_atomic_number(element)])
