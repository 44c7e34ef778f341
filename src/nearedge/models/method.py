"""The method: how the sites of a library become a classifier, a regressor and a reader of mixtures.

docs/accuracy.md says how it was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from nearedge.mixtures import Mixtures, Sites, class_fractions, regressor_mixtures
from nearedge.models.augmentation import Augmentation
from nearedge.models.expansion import KernelClassifier, KernelRegressor
from nearedge.models.kernel import KernelSettings, fit_kernel_classifier, fit_kernel_regression
from nearedge.spectra import EnergyGrid


@dataclass(frozen=True)
class Method:
    """What a method trains on, and how.

    Attributes
    ----------
    grid
        Energies at which spectra are sampled.
    near_edge_eV
        Range of energies that the Gaussians of all three models look at.
    classifier
        Of the kernel for the environment of a single site.
    mixed
        Of the kernel for what is read from mixtures: the coordination number, and the fractions of
        the environments.
    mixtures
        How many mixtures these two are trained on, beside the single sites. Each mixture is of one
        trajectory, as a sample is of one material.
    sizes
        Least and greatest number of sites in a mixture.
    augmentation
        How spectra are changed to imitate broad and noisy measurements.
    """

    grid: EnergyGrid
    near_edge_eV: tuple[float, float]
    classifier: KernelSettings
    mixed: KernelSettings
    mixtures: int = 600
    sizes: tuple[int, int] = (2, 70)
    augmentation: Augmentation | None = None

    def change(
        self, intensity: Float[np.ndarray, "n energy"], seed: int, share: float | None = None
    ) -> Float[np.ndarray, "n energy"]:
        """Change spectra to be broad and noisy; `share` of them, or else the method's share."""
        if self.augmentation is None:
            return intensity
        used = self.augmentation if share is None else replace(self.augmentation, share=share)
        return used.apply(intensity, self.grid, seed)

    def near_edge(self, settings: KernelSettings) -> KernelSettings:
        """Settings with the near edge as their window."""
        low, high = self.near_edge_eV
        step = self.grid.step_eV
        first = max(0, round((low - self.grid.start_eV) / step))
        stop = min(self.grid.points, round((high - self.grid.start_eV) / step) + 1)
        return replace(settings, window=(first, stop))


DEFAULT = Method(
    grid=EnergyGrid(-5.0, 25.0, 151),
    near_edge_eV=(-5.0, 8.0),
    classifier=KernelSettings(width=4.0, radial=300.0),
    mixed=KernelSettings(width=4.0, radial=10.0, linear=1.0, noise=0.3),
    augmentation=Augmentation(share=0.5, broadening_eV=1.0, noise=0.03),
)
"""What nearedge does unless told otherwise."""


def fit_classifier(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"]
) -> KernelClassifier:
    """Fit the classifier of a method to single sites.

    Parameters
    ----------
    method
        What to train.
    sites
        Sampled on the method's grid.
    index
        Sites to train on, as rows of `sites`.
    """
    held, codes = np.unique(sites.environment[index], return_inverse=True)
    return fit_kernel_classifier(
        sites.intensity[index].astype(np.float64),
        np.eye(len(held))[codes],
        np.array(sites.labels)[held],
        method.near_edge(method.classifier),
    )


def fit_regressor(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float = 1.0
) -> KernelRegressor:
    """Fit the regressor of a method to single sites and mixtures of them.

    Parameters
    ----------
    method, sites, index
        As of `fit_classifier`.
    seed
        Of the mixtures.
    effort
        Share of the mixtures; less than 1 for a quick look.
    """
    mixtures = _samples(method, sites, index, seed, effort)
    return KernelRegressor(_fit_mixed(method, mixtures, mixtures.target[:, None]))


def fit_composition(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float = 1.0
) -> KernelClassifier:
    """Fit what reads the fractions of environments; arguments as `fit_regressor`."""
    mixtures = _samples(method, sites, index, seed, effort)
    fractions = class_fractions(mixtures, sites.environment, len(sites.labels))
    held = np.flatnonzero(fractions.any(axis=0))
    expansion = _fit_mixed(method, mixtures, fractions[:, held])
    return KernelClassifier(expansion, np.array(sites.labels)[held], link="simplex")


def _fit_mixed(method: Method, mixtures: Mixtures, target: Float[np.ndarray, "n output"]):
    averaged = (mixtures.members >= 0).sum(axis=1).astype(float)
    settings = method.near_edge(method.mixed)
    return fit_kernel_regression(mixtures.intensity, target, averaged, settings)


def _samples(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float
) -> Mixtures:
    """Single sites, as mixtures of one, and mixtures within each trajectory."""
    trajectory = sites.keys["trajectories"][index]
    pools = [index[trajectory == own] for own in np.unique(trajectory)]
    each = max(1, round(method.mixtures * effort / len(pools)))
    parts = [
        regressor_mixtures(
            sites.intensity, sites.coordination, each, seed * 1000 + number, method.sizes, pool
        )
        for number, pool in enumerate(pools)
    ]
    most = method.sizes[1]
    alone = np.full((len(index), most), -1)
    alone[:, 0] = index
    return Mixtures(
        np.concatenate([sites.intensity[index], *(part.intensity for part in parts)]).astype(float),
        np.concatenate([sites.coordination[index], *(part.target for part in parts)]),
        np.concatenate([alone, *(part.members for part in parts)]),
        np.concatenate([(alone >= 0).astype(float), *(part.weights for part in parts)]),
    )
