"""The sites of a library as a model keeps them, to name those that a spectrum is nearest to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from nearedge.environments import LabelScheme, neighbour_pairs
from nearedge.library.schema import codes
from nearedge.models.nearest import SITES_VERSION
from nearedge.models.preprocessing import unit_mean
from nearedge.models.store import Attachment
from nearedge.spectra import EnergyGrid, resample

if TYPE_CHECKING:
    import xarray
    from ase import Atoms

# More make the model large; of larger libraries every so many sites are kept.
_MOST_SITES = 4000
# How far atoms are told where the largest gap between distances decides what a neighbour is.
_WITHOUT_CUTOFF_A = 3.5


def sites_attachment(
    library: xarray.Dataset, structures: Sequence[Atoms], grid: EnergyGrid
) -> Attachment:
    """Sum up a library's sites as a model keeps them.

    Parameters
    ----------
    library
        From `nearedge.library.open_library`.
    structures
        Its structures, from `nearedge.library.open_structures`.
    grid
        Of the model.

    Returns
    -------
    Attachment
        Spectra in half precision; environments, names and the atoms within the label scheme's
        largest cutoff, or 3.5 Å where it has none, nearest first.
    """
    scheme = LabelScheme.from_dict(library.attrs["label_scheme"])
    every = -(-library.sizes["site"] // _MOST_SITES)
    rows = np.arange(0, library.sizes["site"], every)
    intensity = library["intensity"].values[rows].astype(float)
    sampled = resample(library["energy"].values.astype(float), intensity, grid)
    structure = codes(library, "structure_id")[rows]
    atom = library["atom_index"].values[rows].astype(int)
    farthest_A = max((scheme.cutoffs_A or {"": _WITHOUT_CUTOFF_A}).values())
    around = _around(structures, structure, atom, farthest_A)
    elements = sorted({z for found in around for z, _ in found})
    numbers = {
        "intensity": unit_mean(sampled).astype(np.float16),
        "atom": atom.astype(np.int32),
        "coordination": library["coordination"].values[rows].astype(np.int16),
        "structure": structure.astype(np.int32),
        "trajectory": codes(library, "trajectory_id")[rows].astype(np.int32),
        "environment": codes(library, "environment")[rows].astype(np.int16),
        "absorber": codes(library, "absorber")[rows].astype(np.int16),
        "neighbours": np.array([len(found) for found in around], np.int16),
        "distance_A": np.array([d for found in around for _, d in found], np.float32),
        "element": np.array([elements.index(z) for found in around for z, _ in found], np.int16),
    }
    labels = {
        name: list(map(str, library[variable].attrs["labels"]))
        for name, variable in (
            ("structure", "structure_id"),
            ("trajectory", "trajectory_id"),
            ("environment", "environment"),
            ("absorber", "absorber"),
        )
    }
    labels["elements"] = elements
    kept = {"version": SITES_VERSION, "cutoff_A": scheme.cutoff_A, "every": every}
    return Attachment(numbers, kept | labels)


def _around(
    structures: Sequence[Atoms],
    structure: Int[np.ndarray, " site"],
    atom: Int[np.ndarray, " site"],
    cutoff_A: float,
) -> list[list[tuple[str, float]]]:
    """Elements and distances of the atoms around every site, nearest first."""
    found: list[list[tuple[str, float]]] = [[] for _ in structure]
    for code in np.unique(structure).tolist():
        pairs = neighbour_pairs(structures[code], cutoff_A)
        symbols = structures[code].get_chemical_symbols()
        for site in np.flatnonzero(structure == code).tolist():
            own = np.flatnonzero(pairs.first == atom[site])
            own = own[np.argsort(pairs.distance_A[own], kind="stable")]
            found[site] = [
                (symbols[pairs.second[pair]], float(pairs.distance_A[pair])) for pair in own
            ]
    return found
