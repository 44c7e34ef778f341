"""The method: how the sites of a library become a classifier, a regressor and a reader of mixtures.

docs/accuracy.md says how it was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from nearedge.mixtures import Mixtures, Sites, class_fractions, regressor_mixtures, varied_mixtures
from nearedge.models.augmentation import Augmentation
from nearedge.models.expansion import Expansion, KernelClassifier, KernelRegressor
from nearedge.models.kernel import KernelSettings, fit_kernel_classifier, fit_kernel_regression
from nearedge.models.pretraining import Pretraining
from nearedge.models.sharing import Sharing, of
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
    mixtures, varied
        How many mixtures these two are trained on, beside the single sites: so many drawn from the
        library as it is, and so many in proportions of any kind, without which unusual samples
        would be read as usual ones. Each is of one trajectory, as a sample is of one material.
    sizes
        Least and greatest number of sites in a mixture.
    augmentation
        How spectra are changed to imitate broad and noisy measurements.
    pretraining
        Sites of another engine to train on, too; None to train from scratch.
    sharing
        Other libraries to train on, too; None for none.
    """

    grid: EnergyGrid
    near_edge_eV: tuple[float, float]
    classifier: KernelSettings
    mixed: KernelSettings
    mixtures: int = 600
    varied: int = 300
    sizes: tuple[int, int] = (2, 70)
    augmentation: Augmentation | None = None
    pretraining: Pretraining | None = None
    sharing: Sharing | None = None

    def within(self, window_eV: tuple[float, float]) -> Method:
        """Return the same method on another energy window, with points as far apart.

        All of the window is then its near edge: how far that reaches differs from edge to edge.
        """
        first, last = map(float, window_eV)
        points = max(2, round((last - first) / self.grid.step_eV) + 1)
        return replace(self, grid=EnergyGrid(first, last, points), near_edge_eV=(first, last))

    def change(
        self, intensity: Float[np.ndarray, "n energy"], seed: int, share: float | None = None
    ) -> Float[np.ndarray, "n energy"]:
        """Change spectra to be broad and noisy; `share` of them, or else the method's share."""
        if self.augmentation is None:
            return intensity
        used = self.augmentation if share is None else replace(self.augmentation, share=share)
        return used.apply(intensity, self.grid, seed)

    @property
    def near_edge_points(self) -> tuple[int, int]:
        """First point of the near edge on the grid, and the one after its last.

        The whole grid where the two do not meet.
        """
        low, high = self.near_edge_eV
        first = round((low - self.grid.start_eV) / self.grid.step_eV)
        stop = round((high - self.grid.start_eV) / self.grid.step_eV) + 1
        first, stop = max(0, first), min(self.grid.points, stop)
        return (first, stop) if stop - first > 1 else (0, self.grid.points)

    def near_edge(self, settings: KernelSettings) -> KernelSettings:
        """Settings with the near edge as their window."""
        return replace(settings, window=self.near_edge_points)


DEFAULT = Method(
    grid=EnergyGrid(-5.0, 25.0, 151),
    near_edge_eV=(-5.0, 8.0),
    classifier=KernelSettings(width=4.0, radial=300.0),
    mixed=KernelSettings(width=4.0, radial=3.0, linear=1.0, noise=0.3),
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
    if method.pretraining is not None:
        return method.pretraining.classifier(method.grid, sites, index)
    if method.sharing is not None:
        return method.sharing.classifier(sites, index, method.near_edge(method.classifier))
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

    It learns how many sites a spectrum averages, too, for the width of its intervals.

    Parameters
    ----------
    method, sites, index
        As of `fit_classifier`.
    seed
        Of the mixtures.
    effort
        Share of the mixtures; less than 1 for a quick look.
    """
    method, joined, index, weight = _together(method, sites, index)
    mixtures = _samples(method, joined, index, seed, effort)
    sites_in_log = np.log((mixtures.members >= 0).sum(axis=1))
    target = np.stack([mixtures.target, sites_in_log], axis=1)
    return KernelRegressor(_fit_mixed(method, sites, joined, mixtures, target, weight))


def fit_composition(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float = 1.0
) -> KernelClassifier:
    """Fit what reads the fractions of environments; arguments as `fit_regressor`."""
    method, joined, index, weight = _together(method, sites, index)
    mixtures = _samples(method, joined, index, seed, effort)
    fractions = class_fractions(mixtures, joined.environment, len(joined.labels))
    labels = np.array(joined.labels)
    held = fractions.any(axis=0)
    if method.sharing is not None:
        held &= np.isin(labels, sites.labels)
    expansion = _fit_mixed(method, sites, joined, mixtures, fractions[:, held], weight)
    return KernelClassifier(expansion, labels[held], link="simplex")


def _together(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"]
) -> tuple[Method, Sites, Int[np.ndarray, " trained"], Float[np.ndarray, " known"]]:
    """What is trained on: these sites alone, or with those of another engine or other libraries."""
    if method.sharing is not None:
        joined = method.sharing.join(sites, index)
        return method, joined, np.arange(len(joined.group)), np.ones(len(joined.group))
    if method.pretraining is None:
        return method, sites, index, np.ones(len(sites.group))
    joined = method.pretraining.join(method.grid, sites, index)
    low, high = (joined.alignment.on_new(at_eV) for at_eV in method.near_edge_eV)
    moved = replace(method, near_edge_eV=(low, high))
    return moved, joined.sites, np.arange(len(joined.weight)), joined.weight


def _fit_mixed(
    method: Method,
    sites: Sites,
    joined: Sites,
    mixtures: Mixtures,
    target: Float[np.ndarray, "n output"],
    weight: Float[np.ndarray, " site"],
) -> Expansion:
    # Members of a mixture are of one trajectory, so of one engine and absorber, and of one weight.
    member = mixtures.members[:, 0]
    averaged = (mixtures.members >= 0).sum(axis=1) * weight[member]
    settings = method.near_edge(method.mixed)
    if method.sharing is None:
        return fit_kernel_regression(mixtures.intensity, target, averaged, settings)
    return method.sharing.regression(
        joined,
        (mixtures.intensity, target, averaged, member),
        (method.near_edge(method.classifier), settings),
        of(sites),
    )


def _samples(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float
) -> Mixtures:
    """Single sites, as mixtures of one, and mixtures within each trajectory."""
    trajectory = sites.keys["trajectories"][index]
    pools = [index[trajectory == own] for own in np.unique(trajectory)]
    usual, varied = (
        max(1, round(count * effort / len(pools))) for count in (method.mixtures, method.varied)
    )
    spectra, numbers = sites.intensity, sites.coordination
    parts = []
    for number, pool in enumerate(pools):
        own = seed * 1000 + number
        parts.append(regressor_mixtures(spectra, numbers, usual, own, method.sizes, pool))
        parts.append(varied_mixtures(spectra, sites.environment, varied, own, method.sizes, pool))
    alone = np.full((len(index), method.sizes[1]), -1)
    alone[:, 0] = index
    members = np.concatenate([alone, *(part.members for part in parts)])
    weights = np.concatenate([(alone >= 0).astype(float), *(part.weights for part in parts)])
    return Mixtures(
        np.concatenate([spectra[index], *(part.intensity for part in parts)]).astype(float),
        (np.where(members < 0, 0.0, numbers[members]) * weights).sum(axis=1),
        members,
        weights,
    )
