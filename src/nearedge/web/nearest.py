"""The sites of a model's library whose spectra are most like one, with the atoms around them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from nearedge.data import embedded_library
from nearedge.models import Model, unit_mean
from nearedge.spectra import EnergyGrid

# Atoms to show around a site, in Å, and how far apart bonded ones are, in units of the sum of
# their covalent radii.
_AROUND_A = 4.2
_BOND = 1.25


def nearest_sites(
    model: Model, intensity: Float[np.ndarray, " grid"], count: int = 3
) -> list[dict[str, Any]]:
    """Find the library's sites with the most similar spectra.

    Parameters
    ----------
    model
        Whose library is looked through; only the one in the package is at hand.
    intensity
        On the model's grid.
    count
        How many.

    Returns
    -------
    list of dict
        The nearest first: ``environment``, ``coordination``, ``distance`` (root mean square
        difference of the spectra divided by their means), ``name`` of the structure, the site's
        spectrum as ``intensity``, and the atoms around it as ``symbols``, ``positions_A`` with the
        site first and at zero, and ``bonds``, pairs of their places. Empty if the library is not
        at hand.
    """
    held = _library(model)
    if held is None:
        return []
    library, rows, structures = held
    distance = np.sqrt(((rows - unit_mean(intensity[None])) ** 2).mean(axis=1))
    found = []
    for site in np.argsort(distance)[:count]:
        structure = structures[int(library["structure"][site])]
        atoms = _cluster(structure, int(library["atom"][site]))
        found.append(
            {
                "environment": library["environment"][site],
                "coordination": float(library["coordination"][site]),
                "distance": float(distance[site]),
                "name": str(structure.info.get("structure_id", "")),
                "intensity": [round(float(value), 5) for value in rows[site]],
                **atoms,
            }
        )
    return found


@lru_cache(maxsize=2)
def _library(model: Model) -> tuple[dict[str, Any], np.ndarray, Any] | None:
    from nearedge.library import names, open_library, open_structures
    from nearedge.mixtures import load_sites
    from nearedge.studies.training import library_hash

    library = open_library(embedded_library()).load()
    if library_hash(library) != model.info["library"]["hash"]:
        return None
    sites = load_sites(library, EnergyGrid(**model.info["grid"]))
    held = {
        "environment": [str(name) for name in names(library, "environment")],
        "coordination": library["coordination"].values.astype(float),
        "structure": library["structure_id"].values,
        "atom": library["atom_index"].values,
    }
    return held, unit_mean(sites.intensity), open_structures(embedded_library())


def _cluster(structure: Any, site: int) -> dict[str, Any]:
    """Atoms around a site, over the walls of the cell."""
    from ase.data import covalent_radii

    cell, at = np.array(structure.cell), structure.positions - structure.positions[site]
    steps = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    # The cell is larger than the cluster, so that its nearest images are enough.
    at = at - np.round(at @ np.linalg.inv(cell)) @ cell
    every = (at[:, None] + steps @ cell).reshape(-1, 3)
    numbers = np.repeat(structure.numbers, len(steps))
    away = np.linalg.norm(every, axis=1)
    near = np.argsort(away, kind="stable")
    near = near[away[near] < _AROUND_A]
    positions, kinds = every[near], numbers[near]
    radii = covalent_radii[kinds]
    gaps = np.linalg.norm(positions[:, None] - positions, axis=2)
    oxides = (kinds[:, None] == 8) ^ (kinds == 8)
    peroxide = (kinds[:, None] == 8) & (kinds == 8) & (gaps < 1.7)
    bonded = (gaps < _BOND * (radii[:, None] + radii)) & (oxides | peroxide)
    from ase.data import chemical_symbols

    return {
        "symbols": [chemical_symbols[kind] for kind in kinds],
        "positions_A": positions.round(3).tolist(),
        "bonds": [[int(i), int(j)] for i, j in np.argwhere(np.triu(bonded, 1))],
    }
