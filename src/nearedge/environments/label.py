"""Labels of sites under a label scheme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int, Shaped

from nearedge.environments.neighbours import describe, neighbour_counts
from nearedge.environments.scheme import LabelScheme
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
    """

    atom_index: Int[np.ndarray, " site"]
    environment: Shaped[np.ndarray, " site"]
    coordination: Int[np.ndarray, " site"]
    reasons: dict[int, str]


def label_sites(structure: Atoms, scheme: LabelScheme) -> SiteLabels:
    """Label every absorber of a structure by the atoms around it.

    A neighbour is within the cutoff of the scheme, the cutoff included; a dimer is strictly
    closer than its own cutoff, and wins over the count. Periodic images count like other atoms.

    Parameters
    ----------
    structure
        One structure; ``info["trajectory_id"]`` and ``info["snapshot_id"]`` name it in messages.
    scheme
        What to count, and which class each count belongs to.

    Returns
    -------
    SiteLabels
        One entry for every absorber.

    Raises
    ------
    NearedgeError
        If the structure has no absorber, or atoms that overlap.

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
    coordination = neighbour_counts(structure, scheme.neighbours, scheme.cutoff_A)[atom_index]
    label_of = {count: label for label, count in scheme.classes}
    environment = [label_of.get(int(count), "") for count in coordination]
    if scheme.dimer_label is not None and scheme.dimer_cutoff_A is not None:
        partners = neighbour_counts(
            structure, scheme.dimer_partners, scheme.dimer_cutoff_A, at_cutoff=False
        )[atom_index]
        environment = [
            scheme.dimer_label if partner else label
            for partner, label in zip(partners, environment, strict=True)
        ]
    return SiteLabels(
        atom_index=atom_index,
        environment=np.array(environment, dtype=str),
        coordination=coordination,
        reasons={
            int(atom): _no_class(int(count), scheme)
            for atom, label, count in zip(atom_index, environment, coordination, strict=True)
            if not label
        },
    )


def _no_class(count: int, scheme: LabelScheme) -> str:
    counts = sorted(c for _, c in scheme.classes)
    unbroken = len(counts) > 1 and counts[-1] - counts[0] == len(counts) - 1
    declared = f"{counts[0]} to {counts[-1]}" if unbroken else ", ".join(map(str, counts))
    return (
        f"{count} {' or '.join(scheme.neighbours)} within {scheme.cutoff_A:g} Å; "
        f"the scheme {scheme.name!r} has classes for {declared}"
    )
