"""One model of several libraries: their sites are trained on together, told apart by embeddings.

docs/many-compounds.md says when that helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Int, Shaped

from nearedge.library.schema import CATEGORIES
from nearedge.mixtures import Sites
from nearedge.models.embedding import UNKNOWN, Embedding, learn_embedding, with_dropped
from nearedge.models.expansion import Expansion, KernelClassifier
from nearedge.models.kernel import (
    Beside,
    KernelSettings,
    fit_kernel_classifier,
    fit_kernel_regression,
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
            np.eye(len(held))[codes],
            np.array(joined.labels)[held],
            settings,
            beside=self._beside(joined, settings, self._told(joined), asked or of(sites)),
        )
        own = np.isin(fitted.classes, sites.labels)
        return replace(
            fitted, expansion=_outputs(fitted.expansion, own), classes=fitted.classes[own]
        )

    def regression(
        self,
        joined: Sites,
        mixtures: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
        settings: tuple[KernelSettings, KernelSettings],
        asked: Mapping[str, str],
    ) -> Expansion:
        """Fit a regression to mixtures of joined sites.

        Parameters
        ----------
        joined
            From `join`.
        mixtures
            Intensities, targets, numbers of averaged sites, and a member of each mixture, whose
            categories are the mixture's.
        settings
            Of the classifier, for the vectors, and of the regression.
        asked
            Names of what will be asked about.
        """
        intensity, target, averaged, member = mixtures
        told = {kind: names[member] for kind, names in self._told(joined).items()}
        beside = self._beside(joined, settings[0], told, asked)
        return fit_kernel_regression(intensity, target, averaged, settings[1], beside)

    def _told(self, sites: Sites) -> dict[str, Shaped[np.ndarray, " site"]]:
        return {kind: sites.names[kind] for kind in self.kinds}

    def _beside(
        self,
        joined: Sites,
        settings: KernelSettings,
        categories: Mapping[str, Shaped[np.ndarray, " row"]],
        asked: Mapping[str, str],
    ) -> Beside | None:
        embedding = self.embedding(joined, settings) if self.kinds else Embedding({}, {})
        if not embedding.names:
            return None
        one = {kind: np.array([asked.get(kind, UNKNOWN)]) for kind in self.kinds}
        return Beside(embedding.of(categories), embedding.of(one)[0])


def of(sites: Sites) -> dict[str, str]:
    """Absorber and edge of a library."""
    return {kind: str(sites.names[kind][0]) for kind in TOLD}


def _outputs(expansion: Expansion, kept: Bool[np.ndarray, " output"]) -> Expansion:
    return replace(
        expansion,
        radial=expansion.radial[:, kept],
        linear=expansion.linear[:, kept],
        bias=expansion.bias[kept],
    )
