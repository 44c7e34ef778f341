"""The method: how the sites of a library become a classifier, a regressor and a reader of mixtures.

docs/accuracy.md says how it was chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from nearedge.mixtures import Mixtures, Sites, class_fractions, regressor_mixtures, varied_mixtures
from nearedge.models.augmentation import Augmentation
from nearedge.models.expansion import KernelClassifier, KernelRegressor
from nearedge.models.kernel import KernelSettings, fit_kernel_classifier, fit_kernel_regression
from nearedge.models.pretraining import Pretraining
from nearedge.models.sharing import Sharing, absorbers_and_edges, of
from nearedge.spectra import EnergyGrid

# Standard deviation of the coordination number in the embedded library, on which what is in
# neighbours was chosen.
_SPREAD = 1.12


@dataclass(frozen=True)
class Method:
    """What a method trains on, and how.

    Attributes
    ----------
    grid
        Energies at which spectra are sampled.
    near_edge_eV
        Range of energies that the classifier looks at.
    classifier
        Of the kernel for the environment of a single site.
    mixed
        Of the kernel for what is read from mixtures, on all energies: the coordination number, and
        the fractions of the environments.
    mixtures, varied, across
        How many mixtures these two are trained on, beside the single sites: so many of one
        trajectory each, drawn as they come; so many in proportions of any kind, without which
        unusual samples would be read as usual ones; and so many drawn over all trajectories.
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
    mixtures: int = 500
    varied: int = 250
    across: int = 250
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
        self, intensity: Float[np.ndarray, "n energy"], seed: int
    ) -> Float[np.ndarray, "n energy"]:
        """Change spectra, all of them, to be broad and noisy."""
        if self.augmentation is None:
            return intensity
        return replace(self.augmentation, share=1.0).apply(intensity, self.grid, seed)

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
    near_edge_eV=(-5.0, 25.0),
    classifier=KernelSettings(width=2.0, radial=300.0),
    mixed=KernelSettings(width=1.0, radial=0.3, linear=1.0, noise=0.9),
    augmentation=Augmentation(share=0.5, broadening_eV=1.0, noise=0.03),
)
"""What nearedge does unless told otherwise, or an edge is known better
(`nearedge.studies.near_edge.usual_method`)."""


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
        codes,
        np.array(sites.labels)[held],
        method.near_edge(method.classifier),
    )


def fit_samples(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"], seed: int, effort: float = 1.0
) -> tuple[KernelRegressor, KernelClassifier]:
    """Fit what reads samples: their coordination number, and their fractions of environments.

    Both learn from single sites and mixtures of them, and look at the same Gaussians. The first
    learns how many sites a spectrum averages, too, for the width of its intervals.

    Parameters
    ----------
    method, sites, index
        As of `fit_classifier`.
    seed
        Of the mixtures.
    effort
        Share of the mixtures; less than 1 for a quick look.
    """
    own, unit = sites, _unit(sites, index)
    sites, index, weight, source = _together(method, own, index)
    mixtures, usual = _samples(method, sites, index, source, seed, effort)
    averaged = (mixtures.members >= 0).sum(axis=1)
    fractions = class_fractions(mixtures, sites.environment, len(sites.labels))
    labels = np.array(sites.labels)
    held = np.flatnonzero(fractions.any(axis=0) & np.isin(labels, own.labels))
    target = np.column_stack([mixtures.target, np.log(averaged), fractions[:, held]])
    # Members of a mixture are of one source, and have one weight.
    member = mixtures.members[:, 0]
    counted = averaged * weight[member]
    beside = None
    if method.sharing is not None:
        settings = method.near_edge(method.classifier)
        beside = method.sharing.beside(sites, settings, of(own), member)
    fitted = fit_kernel_regression(mixtures.intensity, target, counted, method.mixed, usual, beside)
    number, log_sites, *shares = range(target.shape[1])
    again = target.shape[1]
    regressor = KernelRegressor(fitted.only([number, log_sites, again + number]), unit)
    composition = fitted.only([*shares, *(again + share for share in shares)])
    return regressor, KernelClassifier(composition, labels[held], link="simplex")


def _unit(sites: Sites, index: Int[np.ndarray, " site"]) -> float:
    """What counts as much in the number to be read as one neighbour in a coordination number."""
    if not sites.has_target:
        return 1.0
    return float(sites.coordination[index].std()) / _SPREAD or 1.0


def _together(
    method: Method, sites: Sites, index: Int[np.ndarray, " site"]
) -> tuple[
    Sites,
    Int[np.ndarray, " trained"],
    Float[np.ndarray, " known"],
    Shaped[np.ndarray, " known"],
]:
    """What is trained on: these sites alone, or with those of another engine or other libraries.

    Also the weight of each site, and its source: spectra of two sources make no sample.
    """
    if method.sharing is not None:
        joined = method.sharing.join(sites, index)
        every = np.ones(len(joined.group))
        return joined, np.arange(len(every)), every, absorbers_and_edges(joined)
    if method.pretraining is None:
        every = np.ones(len(sites.group))
        return sites, index, every, every
    together = method.pretraining.join(method.grid, sites, index)
    # Sites of one engine have one weight.
    return together.sites, np.arange(len(together.weight)), together.weight, together.weight


def _samples(
    method: Method,
    sites: Sites,
    index: Int[np.ndarray, " site"],
    source: Shaped[np.ndarray, " known"],
    seed: int,
    effort: float,
) -> tuple[Mixtures, Bool[np.ndarray, " mixture"]]:
    """Single sites, as mixtures of one, and mixtures; and which are of usual composition."""
    trajectory = sites.keys["trajectories"][index]
    spectra, numbers = sites.intensity, sites.coordination
    alone = np.full((len(index), method.sizes[1]), -1)
    alone[:, 0] = index
    shown = spectra[index].astype(np.float64)
    parts = [Mixtures(shown, numbers[index], alone, (alone >= 0).astype(float))]
    usual = [np.zeros(len(index), bool)]
    every = np.unique(trajectory).size

    def add(draw: Callable[..., Mixtures], labels: np.ndarray, count: int, pools: list) -> None:
        for number, pool in enumerate(pools):
            trajectories = np.unique(sites.keys["trajectories"][pool]).size
            own = max(1, round(count * effort * trajectories / every))
            seeded = seed * 1000 + number
            parts.append(draw(spectra, labels, own, seeded, method.sizes, pool))
            usual.append(np.full(own, draw is regressor_mixtures))

    pools = [index[trajectory == own] for own in np.unique(trajectory)]
    sources = [index[source[index] == own] for own in np.unique(source[index])]
    add(regressor_mixtures, numbers, method.mixtures, pools)
    add(varied_mixtures, sites.environment, method.varied, pools)
    add(regressor_mixtures, numbers, method.across, sources)
    members, weights, intensity = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("members", "weights", "intensity")
    )
    target = (np.where(members < 0, 0.0, numbers[members]) * weights).sum(axis=1)
    return Mixtures(intensity, target, members, weights), np.concatenate(usual)
