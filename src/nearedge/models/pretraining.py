"""What a model was trained on, kept with it so that training can go on with another engine's sites.

docs/transfer.md says what this brings, and what else was tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import NearedgeError
from nearedge.mixtures import Sites
from nearedge.models.expansion import KernelClassifier
from nearedge.models.pairwise import PairwiseSettings, fit_pairwise_classifier
from nearedge.models.store import Attachment
from nearedge.spectra import EnergyGrid
from nearedge.spectra.between_engines import COMPARED_EV, EngineAlignment, align_engines

WORTHS = (3.0, 10.0, 30.0)
"""How many finishing sites the pretraining library counts as, however many sites it holds.

How alike two engines are is not known, and few finishing sites do not tell it: the classifiers that
all of these give are averaged.
"""

_MIDDLE = WORTHS[len(WORTHS) // 2]
_ARRAYS = ("energy_eV", "intensity", "environment", "coordination", "trajectory")


@dataclass(frozen=True, eq=False)
class Joined:
    """Finishing sites together with pretraining sites on the same energies.

    Attributes
    ----------
    sites
        The pretraining sites first. Their trajectories are others than the finishing sites'.
    weight
        Of every site: 1 for finishing sites; shape (site,).
    alignment
        By which the pretraining spectra were moved.
    """

    sites: Sites
    weight: Float[np.ndarray, " site"]
    alignment: EngineAlignment


@dataclass(frozen=True, eq=False)
class Pretraining:
    """The sites that a model was trained on.

    Attributes
    ----------
    energy_eV
        Of the spectra, relative to their library's zero; shape (energy,).
    intensity
        Cross-sections, not normalised; shape (site, energy).
    environment, coordination, trajectory
        Codes that count `labels`, coordination numbers, and codes of trajectories; shape (site,).
    labels
        Environments.
    described
        Engine, number of sites and hash of the library, for the card.
    """

    energy_eV: Float[np.ndarray, " energy"]
    intensity: Float[np.ndarray, "site energy"]
    environment: Int[np.ndarray, " site"]
    coordination: Float[np.ndarray, " site"]
    trajectory: Int[np.ndarray, " site"]
    labels: tuple[str, ...]
    described: dict[str, Any] = field(default_factory=dict)

    def widen(self, sites: Sites) -> Sites:
        """The same sites with the environments that only the pretraining library knows, too."""
        labels = self._with_labels(sites.labels)
        codes = np.array([labels.index(name) for name in sites.labels], dtype=int)
        return replace(sites, labels=labels, environment=codes[sites.environment])

    def _with_labels(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        return (*self.labels, *(name for name in labels if name not in self.labels))

    def align(
        self, grid: EnergyGrid, sites: Sites, index: Int[np.ndarray, " n"]
    ) -> EngineAlignment:
        """Align with some labelled sites of another engine, sampled on a grid.

        The pretraining sites are weighted to the composition of the others, so that few finishing
        sites of few environments are compared with their like.
        """
        codes = [sites.labels.index(name) if name in sites.labels else -1 for name in self.labels]
        wanted = np.bincount(sites.environment[index], minlength=len(sites.labels))
        held = np.bincount(self.environment, minlength=len(self.labels))
        share = np.array([wanted[code] if code >= 0 else 0 for code in codes]) / np.maximum(held, 1)
        if not share.any():
            raise NearedgeError(
                f"the pretrained model knows {', '.join(self.labels)}, and the finishing sites are "
                f"{', '.join(sites.labels)}; continue from a model of the same label scheme"
            )
        energy_eV, known = self._on(grid)
        new = sites.intensity[index]
        return align_engines(energy_eV, known, new, weight=share[self.environment])

    def align_unlabelled(
        self, grid: EnergyGrid, intensity: Float[np.ndarray, "n grid"]
    ) -> EngineAlignment:
        """Align with spectra of another engine whose environments nobody knows."""
        energy_eV, known = self._on(grid)
        return align_engines(energy_eV, known, intensity)

    def join(
        self,
        grid: EnergyGrid,
        sites: Sites,
        index: Int[np.ndarray, " n"],
        alignment: EngineAlignment | None = None,
        worth: float = _MIDDLE,
    ) -> Joined:
        """Put the pretraining sites on another engine's energies, beside some of its sites.

        Parameters
        ----------
        grid
            On which `sites` are sampled.
        sites, index
            Finishing sites, as rows of `sites`; without any, only the pretraining sites are left.
        alignment
            If it is known; else it is found from the finishing sites.
        worth
            How many finishing sites all pretraining sites together count as.
        """
        if alignment is None:
            alignment = self.align(grid, sites, index)
        labels = self._with_labels(sites.labels)
        codes = np.array([labels.index(name) for name in sites.labels], dtype=int)
        first = int(self.trajectory.max()) + 1
        own = len(self.environment)
        trajectory = np.concatenate([self.trajectory, first + sites.keys["trajectories"][index]])
        joined = Sites(
            intensity=np.concatenate(
                [alignment.moved(self.energy_eV, self.intensity, grid), sites.intensity[index]]
            ),
            environment=np.concatenate([self.environment, codes[sites.environment[index]]]),
            coordination=np.concatenate([self.coordination, sites.coordination[index]]),
            labels=labels,
            group=np.arange(own + len(index)),
            group_by="atom",
            keys={"trajectories": trajectory},
        )
        weight = np.concatenate([np.full(own, worth / own), np.ones(len(index))])
        return Joined(joined, weight, alignment)

    def classifier(
        self,
        grid: EnergyGrid,
        sites: Sites,
        index: Int[np.ndarray, " n"],
        alignment: EngineAlignment | None = None,
        worths: tuple[float, ...] = WORTHS,
    ) -> KernelClassifier:
        """Classifier from pretraining and finishing sites together; arguments as of `join`."""
        joined = self.join(grid, sites, index, alignment, 1.0)
        before = np.arange(len(joined.weight)) < len(self.environment)
        weights = [np.where(before, worth, 1.0) * joined.weight for worth in worths]
        everything = np.arange(len(joined.weight))
        return _fit(grid, joined.sites, everything, weights)

    @staticmethod
    def without(grid: EnergyGrid, sites: Sites, index: Int[np.ndarray, " n"]) -> KernelClassifier:
        """The same machine from finishing sites alone, to see what pretraining brings."""
        return _fit(grid, sites, index, [np.ones(len(index))])

    def _on(self, grid: EnergyGrid) -> tuple[np.ndarray, np.ndarray]:
        still = EngineAlignment(0.0, 1.0)
        return grid.energy_eV, still.moved(self.energy_eV, self.intensity, grid)

    def to_attachment(self) -> Attachment:
        """Arrays and values to be saved with the model."""
        numbers = {name: getattr(self, name) for name in _ARRAYS}
        numbers["intensity"] = self.intensity.astype(np.float32)
        return Attachment(numbers, {"labels": list(self.labels), "described": self.described})


def _fit(
    grid: EnergyGrid,
    sites: Sites,
    index: Int[np.ndarray, " n"],
    weights: list[Float[np.ndarray, " n"]],
) -> KernelClassifier:
    held, codes = np.unique(sites.environment[index], return_inverse=True)
    first, last = np.searchsorted(grid.energy_eV, COMPARED_EV)
    return fit_pairwise_classifier(
        sites.intensity[index],
        codes,
        np.array(sites.labels)[held],
        PairwiseSettings((int(first), int(last) + 1)),
        weights,
    )


def pretraining_of(sites: Sites, grid: EnergyGrid, described: dict[str, Any]) -> Pretraining:
    """Take down what a model is trained on.

    Parameters
    ----------
    sites
        All that it is trained on, sampled on `grid`.
    described
        As of `Pretraining`.
    """
    return Pretraining(
        energy_eV=grid.energy_eV,
        intensity=sites.intensity.astype(np.float32).astype(np.float64),
        environment=sites.environment.astype(np.int64),
        coordination=sites.coordination.astype(np.float64),
        trajectory=np.asarray(sites.keys["trajectories"]).astype(np.int64),
        labels=sites.labels,
        described=described,
    )


def from_attachment(attachment: Attachment) -> Pretraining:
    """Restore what `Pretraining.to_attachment` gave.

    Raises
    ------
    NearedgeError
        If something is missing or does not fit together.
    """
    try:
        arrays = {name: attachment.numbers[name] for name in _ARRAYS}
        labels = tuple(attachment.description["labels"])
        described = dict(attachment.description["described"])
        sites, energies = arrays["intensity"].shape
        if (
            any(arrays[name].shape != (sites,) for name in _ARRAYS[2:])
            or arrays["energy_eV"].shape != (energies,)
            or arrays["environment"].max(initial=-1) >= len(labels)
        ):
            raise ValueError("arrays of different lengths")
    except (KeyError, TypeError, ValueError) as error:
        raise NearedgeError(f"the pretraining sites of the model are damaged: {error}") from None
    arrays["intensity"] = arrays["intensity"].astype(np.float64)
    return Pretraining(**arrays, labels=labels, described=described)
