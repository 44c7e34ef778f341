"""Both protocols: pooled (average, then split) and held-out (split whole groups, then average)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from nearedge.mixtures.audit import audit
from nearedge.mixtures.averaging import Mixtures, classifier_mixtures, regressor_mixtures
from nearedge.mixtures.sites import Sites
from nearedge.mixtures.splitting import check_disjoint, split_examples, split_groups

PARTS = ("train", "validation", "test")
_RATIO = (3, 1, 1)


@dataclass(frozen=True, eq=False)
class Examples:
    """Mixtures of the parts of one split, and the raw sites they were drawn from.

    Attributes
    ----------
    mixtures
        By part.
    sites
        (site,) rows of the library that each part was drawn from, by part; empty when pooled.
    shared
        The leakage audit: share of test mixtures that hold a raw spectrum, atom or trajectory of
        the training part.
    """

    mixtures: dict[str, Mixtures]
    sites: dict[str, Int[np.ndarray, " site"]]
    shared: dict[str, float]


def pooled_examples(
    sites: Sites, task: str, count: int, seed: int, sizes: tuple[int, int] | None = None
) -> Examples:
    """Average first, split afterwards: the paper's wording. Test and training share raw spectra.

    Parameters
    ----------
    task
        ``"classifier"`` or ``"regressor"``.
    count
        Mixtures in all, split 3 : 1 : 1.
    sizes
        Least and greatest number of raw spectra in a mixture, by default those of the paper.
    """
    mixtures = _mixtures(sites, task, count, seed, np.arange(len(sites.group)), sizes)
    parts = split_examples(count, seed, _RATIO)
    chosen = {part: _take(mixtures, getattr(parts, part)) for part in PARTS}
    return Examples(chosen, {}, _audit(sites, chosen))


def held_out_examples(
    sites: Sites, task: str, count: int, seed: int, sizes: tuple[int, int] | None = None
) -> Examples:
    """Split whole groups of raw sites first, average within each part afterwards.

    Arguments as `pooled_examples`.
    """
    parts = split_groups(sites.group, seed, _RATIO, classes=sites.environment)
    check_disjoint(parts, sites.group)
    index = {part: getattr(parts, part) for part in PARTS}
    return examples_of_parts(sites, index, task, count, seed, sizes)


def examples_of_parts(
    sites: Sites,
    index: Mapping[str, Int[np.ndarray, " site"]],
    task: str,
    count: int,
    seed: int,
    sizes: tuple[int, int] | None = None,
) -> Examples:
    """Average within each part of a given split.

    Parameters
    ----------
    index
        Sites of each part, ``"train"`` and ``"test"`` among them.
    count
        Mixtures in all if there were three parts; each part has its share of 3 : 1 : 1.
    sizes
        As in `pooled_examples`.
    """
    chosen = {
        part: _mixtures(
            sites, task, count * ratio // sum(_RATIO), 3 * seed + number, index[part], sizes
        )
        for number, (part, ratio) in enumerate(zip(PARTS, _RATIO, strict=True))
        if part in index
    }
    return Examples(chosen, dict(index), _audit(sites, chosen))


def _mixtures(
    sites: Sites,
    task: str,
    count: int,
    seed: int,
    index: np.ndarray,
    sizes: tuple[int, int] | None,
) -> Mixtures:
    own = {} if sizes is None else {"sizes": sizes}
    if task == "classifier":
        return classifier_mixtures(
            sites.intensity, sites.environment, count, seed, site_index=index, **own
        )
    return regressor_mixtures(
        sites.intensity, sites.coordination, count, seed, site_index=index, **own
    )


def _take(mixtures: Mixtures, index: np.ndarray) -> Mixtures:
    return Mixtures(
        mixtures.intensity[index],
        mixtures.target[index],
        mixtures.members[index],
        mixtures.weights[index],
    )


def _audit(sites: Sites, mixtures: dict[str, Mixtures]) -> dict[str, float]:
    return audit(mixtures["train"].members, mixtures["test"].members, sites.keys)
