"""The atoms around the library's sites that a spectrum is nearest to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from nearedge.data import embedded_library
from nearedge.models import Model
from nearedge.models.nearest import nearest_sites

if TYPE_CHECKING:
    from ase import Atoms

# Atoms to show around a site, and how far apart bonded ones are, in units of the sum of their
# covalent radii; two anions are bonded in a pair only, as in a peroxide.
_AROUND_A = 4.2
_BOND = 1.25
_PAIR = 1.29
# N, O, F, S, Cl, Se, Br, Te and I.
_ANIONS = (7, 8, 9, 16, 17, 34, 35, 52, 53)
# Distances are kept with so much rounding.
_SAME_A = 0.02


def sites_with_atoms(model: Model, intensity: Float[np.ndarray, " grid"]) -> list[dict[str, Any]]:
    """Name the library's sites that a spectrum is nearest to, with the atoms around them.

    Parameters
    ----------
    model
        Whose library is looked through.
    intensity
        On the model's grid.

    Returns
    -------
    list of dict
        As `nearedge.models.nearest.nearest_sites` gives them, the nearest first; and where their
        structures are at hand (in the library of the package) ``symbols`` and ``positions_A`` with
        the site first and at zero, and ``bonds``, pairs of their places. Empty for a model that
        carries no sites.
    """
    [found] = nearest_sites(model, intensity[None]) or [[]]
    structures = _structures() if found else {}
    return [site | (_around(structures.get(site["structure"]), site) or {}) for site in found]


@lru_cache(maxsize=1)
def _structures() -> dict[str, Atoms]:
    from nearedge.library import open_structures

    return {str(one.info["structure_id"]): one for one in open_structures(embedded_library())}


def _around(structure: Atoms | None, site: dict[str, Any]) -> dict[str, Any] | None:
    """The atoms around a site; None if they are not those that the model knows it by.

    A model may have been trained on another library, with structures of the same names.
    """
    if structure is None or site["atom"] >= len(structure):
        return None
    if structure[site["atom"]].symbol != site["element"]:
        return None
    cluster = _cluster(structure, site["atom"])
    away = np.linalg.norm(cluster["positions_A"], axis=1)
    for neighbour in site["neighbours"]:
        at = [kind == neighbour["element"] for kind in cluster["symbols"]]
        if np.abs(away[at] - neighbour["distance_A"]).min(initial=np.inf) > _SAME_A:
            return None
    return cluster


def _cluster(structure: Atoms, site: int) -> dict[str, Any]:
    """Atoms around a site, over the walls of the cell."""
    from ase.data import chemical_symbols, covalent_radii

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
    anion, reach = np.isin(kinds, _ANIONS), radii[:, None] + radii
    unlike, like = anion[:, None] ^ anion, anion[:, None] & anion
    bonded = (unlike & (gaps < _BOND * reach)) | (like & (gaps < _PAIR * reach))
    return {
        "symbols": [chemical_symbols[kind] for kind in kinds],
        "positions_A": positions.round(3).tolist(),
        "bonds": [[int(i), int(j)] for i, j in np.argwhere(np.triu(bonded, 1))],
    }
