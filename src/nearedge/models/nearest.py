"""The sites that a model was trained on, and which of them a spectrum is nearest to.

They travel with the model, so that an answer can be compared with atoms wherever the model goes;
docs/decisions/0043 says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from nearedge.errors import NearedgeError
from nearedge.models.store import Attachment, Model

#: How many sites are named.
NEAREST = 3
#: Of the attachment that `nearedge.models.known_sites` makes.
SITES_VERSION = 1
# Sites that are compared with all others at once, which bounds the memory.
_ROWS = 256


@dataclass(frozen=True, eq=False)
class KnownSites:
    """Sites of the library that a model was trained on.

    Attributes
    ----------
    intensity
        Spectra on the model's grid, each divided by its mean; shape (site, energy).
    about
        For every site what `nearest_sites` tells of it beside the distance.
    group
        Trajectory of every site.
    """

    intensity: Float32[np.ndarray, "site energy"]
    about: tuple[dict[str, Any], ...]
    group: Int[np.ndarray, " site"]


def known_sites(model: Model) -> KnownSites | None:
    """Sites that a model carries; None for one of an earlier version, which carries none.

    Raises
    ------
    NearedgeError
        If they are damaged or of another version.
    """
    return None if model.sites is None else _restored(model.sites)


@lru_cache(maxsize=4)
def _restored(kept: Attachment) -> KnownSites:
    numbers, words = kept.numbers, kept.description
    if words.get("version") != SITES_VERSION:
        raise NearedgeError(
            f"the model's sites have version {words.get('version')}, and this nearedge reads "
            f"version {SITES_VERSION}; train the model again"
        )
    try:
        stops = np.cumsum(numbers["neighbours"].astype(int))
        starts = stops - numbers["neighbours"]
        around = [
            {"element": words["elements"][code], "distance_A": round(float(d), 3)}
            for code, d in zip(numbers["element"], numbers["distance_A"], strict=True)
        ]
        about = tuple(
            {
                "environment": words["environment"][numbers["environment"][site]],
                "coordination": int(numbers["coordination"][site]),
                "element": words["absorber"][numbers["absorber"][site]],
                "atom": int(numbers["atom"][site]),
                "structure": words["structure"][numbers["structure"][site]],
                "trajectory": words["trajectory"][numbers["trajectory"][site]],
                "neighbours": around[starts[site] : stops[site]],
            }
            for site in range(len(stops))
        )
        return KnownSites(
            numbers["intensity"].astype(np.float32), about, numbers["trajectory"].astype(int)
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise NearedgeError(
            f"the model's sites are damaged: {error}; train the model again"
        ) from None


def nearest_sites(
    model: Model, intensity: Float[np.ndarray, "n energy"], count: int = NEAREST
) -> list[list[dict[str, Any]]] | None:
    """Name the library's sites that spectra are nearest to, as the classifier sees them.

    Parameters
    ----------
    model
        From `nearedge.models.load_model`.
    intensity
        Spectra on its grid, with positive means.
    count
        How many sites to name.

    Returns
    -------
    list of list of dict
        For every spectrum its nearest sites, the nearest first. ``distance`` is Euclidean between
        the representations that the classifier makes of both, in units of what separates a site of
        the library from the nearest one of another trajectory (the median): about 1 for a spectrum
        of the library's kind. ``environment``, ``coordination``, ``element``; ``atom``, its index
        in ``structure``, from 0; ``trajectory``; ``neighbours`` within the label scheme's cutoff.
        None for a model that carries no sites.

    Examples
    --------
    >>> from nearedge.data import model_folder
    >>> from nearedge.models import load_model
    >>> model = load_model(model_folder("default"))
    >>> known = known_sites(model)
    >>> [[nearest]] = nearest_sites(model, known.intensity[:1].astype(float), count=1)
    >>> nearest["distance"], nearest["element"]
    (0.0, 'O')
    """
    known = known_sites(model)
    if known is None:
        return None
    features, typical = _features(model)
    own = model.classifier.representation(intensity.astype(np.float32))
    squares = _squares(own, features)
    count = min(count, len(known.about))
    found = []
    for row in squares:
        order = np.argsort(row, kind="stable")[:count]
        found.append(
            [
                {"distance": round(float(np.sqrt(row[site])) / typical, 3)} | known.about[site]
                for site in order
            ]
        )
    return found


@lru_cache(maxsize=4)
def _features(model: Model) -> tuple[np.ndarray, float]:
    """Representations of the known sites, and what usually separates trajectories."""
    known = known_sites(model)
    assert known is not None
    features = model.classifier.representation(known.intensity)
    # Of a library of one trajectory, all sites but itself are of another one.
    alone = np.unique(known.group).size < 2
    group = np.arange(len(features)) if alone else known.group
    nearest = np.zeros(len(features))
    for first in range(0, len(features), _ROWS):
        rows = slice(first, first + _ROWS)
        squares = _squares(features[rows], features)
        squares[group[rows, None] == group] = np.inf
        nearest[rows] = np.sqrt(squares.min(axis=1))
    finite = nearest[np.isfinite(nearest)]
    typical = float(np.median(finite)) if finite.size else 1.0
    return features, max(typical, 1e-12)


def _squares(
    one: Float[np.ndarray, "n feature"], other: Float[np.ndarray, "site feature"]
) -> Float[np.ndarray, "n site"]:
    """Squared distances."""
    cross = one.astype(np.float64) @ other.astype(np.float64).T
    squares = (one.astype(np.float64) ** 2).sum(axis=1)[:, None] - 2 * cross
    squares += (other.astype(np.float64) ** 2).sum(axis=1)
    # Of equal spectra nothing is left but rounding.
    return np.where(squares < 1e-9 * np.abs(cross), 0.0, squares)
