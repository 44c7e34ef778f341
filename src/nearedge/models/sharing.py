"""One model of several libraries: their sites are trained on together, told apart by embeddings.

docs/many-compounds.md says when that helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from jaxtyping import Int, Shaped

from nearedge.library.schema import CATEGORIES
from nearedge.mixtures import Sites
from nearedge.models.embedding import UNKNOWN, Embedding, learn_embedding, with_dropped
from nearedge.models.expansion import KernelClassifier
from nearedge.models.kernel import (
    Beside,
    KernelSettings,
    fit_kernel_classifier,
    window_inputs,
)

_NAMES = ("trajectory_id", *CATEGORIES)

TOLD = ("absorber", "edge")
"""What is known of any spectrum that comes; all else about a sample is what one wants to know."""


@dataclass(frozen=True, eq=False)
class Sharing:
    """What else to train on: the sites of other libraries.

    Attributes
    ----------
    companions
        Sites of the other libraries, sampled on the method's grid.
    kinds
        Categories that get vectors; without any, all sites are taken for one kind. Space groups
        cost accuracy on materials that were left out (docs/many-compounds.md).
    seed
        Of the vectors and of the categories that are dropped.
    """

    companions: tuple[Sites, ...]
    kinds: tuple[str, ...] = TOLD
    seed: int = 0
    _learned: dict[bytes, Embedding] = field(default_factory=dict, repr=False)

    def join(self, sites: Sites, index: Int[np.ndarray, " site"]) -> Sites:
        """Some sites of a library, and after them those of its companions.

        Materials of the library that none of these sites is of are left out of the companions, too:
        trajectories of one name are one material.
        """
        materials = sites.names["trajectory_id"]
        held_out = sorted(set(materials) - set(materials[index]))
        parts = [sites.part(index)]
        for companion in self.companions:
            kept = ~np.isin(companion.names["trajectory_id"], held_out)
            parts.append(companion.part(np.flatnonzero(kept)))
        labels = tuple(dict.fromkeys(label for part in parts for label in part.labels))
        environment = [
            np.array([labels.index(label) for label in part.labels])[part.environment]
            for part in parts
        ]
        # A material's sites of two absorbers are never averaged.
        _, trajectory = np.unique(
            [
                f"{number} {name}"
                for number, part in enumerate(parts)
                for name in part.names["trajectory_id"]
            ],
            return_inverse=True,
        )
        return Sites(
            intensity=np.concatenate([part.intensity for part in parts]),
            environment=np.concatenate(environment),
            coordination=np.concatenate([part.coordination for part in parts]),
            labels=labels,
            group=trajectory,
            group_by="trajectory",
            keys={"trajectories": trajectory},
            names={name: np.concatenate([part.names[name] for part in parts]) for name in _NAMES},
        )

    def embedding(self, joined: Sites, settings: KernelSettings) -> Embedding:
        """Learn the vectors from single sites and their environments.

        Parameters
        ----------
        joined
            From `join`.
        settings
            Of the classifier's Gaussians.
        """
        # The three models of a fold have their vectors in common.
        key = joined.intensity.tobytes()
        if key not in self._learned:
            categories = with_dropped(self._told(joined), self.seed)
            inputs = window_inputs(joined.intensity.astype(np.float64), settings)
            target = np.eye(len(joined.labels))[joined.environment]
            self._learned.clear()
            self._learned[key] = learn_embedding(inputs, target, categories, self.seed)
        return self._learned[key]

    def classifier(
        self,
        sites: Sites,
        index: Int[np.ndarray, " site"],
        settings: KernelSettings,
        asked: Mapping[str, str] | None = None,
    ) -> KernelClassifier:
        """Fit the classifier of a library's single sites to them and to the companions'.

        Parameters
        ----------
        sites, index
            The library, and the rows to train on.
        settings
            Of the Gaussians.
        asked
            Names of what will be asked about; the library's absorber and edge if not given.
        """
        joined = self.join(sites, index)
        held, codes = np.unique(joined.environment, return_inverse=True)
        fitted = fit_kernel_classifier(
            joined.intensity.astype(np.float64),
            codes,
            np.array(joined.labels)[held],
            settings,
            beside=self.beside(joined, settings, asked or of(sites), np.arange(len(codes))),
        )
        own = np.isin(fitted.classes, sites.labels)
        # An output is for one class and against another, and both must be the library's.
        pairs = [all(own[list(pair)]) for pair in combinations(range(len(own)), 2)]
        return replace(
            fitted,
            expansion=fitted.expansion.only(np.flatnonzero(pairs).tolist()),
            classes=fitted.classes[own],
        )

    def beside(
        self,
        joined: Sites,
        settings: KernelSettings,
        asked: Mapping[str, str],
        rows: Int[np.ndarray, " row"],
    ) -> Beside | None:
        """What some sites are of, and what will be asked about; None if nothing tells them apart.

        Parameters
        ----------
        joined
            From `join`.
        settings
            Of the classifier's Gaussians, for the vectors.
        asked
            Names of what will be asked about.
        rows
            Of `joined`: the sites, or a member of each mixture, whose categories are the mixture's.
        """
        embedding = self.embedding(joined, settings) if self.kinds else Embedding({}, {})
        if not embedding.names:
            return None
        told = {kind: names[rows] for kind, names in self._told(joined).items()}
        one = {kind: np.array([asked.get(kind, UNKNOWN)]) for kind in self.kinds}
        return Beside(embedding.of(told), embedding.of(one)[0])

    def _told(self, sites: Sites) -> dict[str, Shaped[np.ndarray, " site"]]:
        return {kind: sites.names[kind] for kind in self.kinds}


def of(sites: Sites) -> dict[str, str]:
    """Absorber and edge of a library."""
    return {kind: str(sites.names[kind][0]) for kind in TOLD}


def absorbers_and_edges(sites: Sites) -> Shaped[np.ndarray, " site"]:
    """One name for the absorber and the edge of every site."""
    return np.array([" ".join(pair) for pair in zip(*(sites.names[k] for k in TOLD), strict=True)])
