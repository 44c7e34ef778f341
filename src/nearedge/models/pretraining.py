"""What a model was trained on, kept with it so that training can go on with another engine's sites.

docs/transfer.md says what this brings, and what else was tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from nearedge.errors import NearedgeError
from nearedge.mixtures import GroupBy, Sites
from nearedge.models.expansion import KernelClassifier
from nearedge.models.overlap import NAMES, of_same_trajectories, unit_names
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
_AUDITED: dict[str, GroupBy | None] = {"sites": None, "atoms": "atom", "trajectories": "trajectory"}


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
    names
        Trajectory, structure and atom of every site, by `overlap.NAMES`: what is held out of a
        finishing library must not be trained on here. Empty in a model that does not tell.
    """

    energy_eV: Float[np.ndarray, " energy"]
    intensity: Float[np.ndarray, "site energy"]
    environment: Int[np.ndarray, " site"]
    coordination: Float[np.ndarray, " site"]
    trajectory: Int[np.ndarray, " site"]
    labels: tuple[str, ...]
    described: dict[str, Any] = field(default_factory=dict)
    names: dict[str, Shaped[np.ndarray, " site"]] = field(default_factory=dict)

    def widen(self, sites: Sites) -> Sites:
        """The same sites with the environments that only the pretraining library knows, too."""
        labels = self._with_labels(sites.labels)
        codes = np.array([labels.index(name) for name in sites.labels], dtype=int)
        return replace(sites, labels=labels, environment=codes[sites.environment])

    def _with_labels(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        return (*self.labels, *(name for name in labels if name not in self.labels))

    def beside(self, sites: Sites, index: Int[np.ndarray, " n"]) -> Pretraining:
        """What may be trained on beside some finishing sites: nothing of what they leave out.

        Groups of which none of these sites is are held out of the finishing library, and so are
        the same groups here, whichever engine computed them.

        Raises
        ------
        NearedgeError
            If nothing is left.
        """
        mine, theirs = (unit_names(one.names, sites.group_by) for one in (self, sites))
        held_out = np.setdiff1d(theirs, theirs[index])
        dropped = self._known_to(sites) & np.isin(mine, held_out)
        if dropped.all():
            raise NearedgeError(
                "all sites that the pretrained model was trained on are held out of the finishing "
                "library; continue from a model of other structures"
            )
        return self._part(np.flatnonzero(~dropped)) if dropped.any() else self

    def shared(
        self, sites: Sites, index: Int[np.ndarray, " n"], asked: Int[np.ndarray, " m"]
    ) -> dict[str, float]:
        """Share of the sites asked about that stand among those trained on beside others.

        Parameters
        ----------
        sites, index
            As of `beside`.
        asked
            Rows of `sites`.

        Returns
        -------
        dict
            Of the ``sites`` themselves, of their ``atoms`` and of their ``trajectories``.
        """
        kept = self.beside(sites, index)
        known = self._part(np.flatnonzero(self._known_to(sites))).names
        shares = {}
        for what, by in _AUDITED.items():
            mine = np.intersect1d(unit_names(kept.names, by), unit_names(known, by))
            shares[what] = float(np.isin(unit_names(sites.names, by)[asked], mine).mean())
        return shares

    def knows(self, sites: Sites) -> Bool[np.ndarray, " other"]:
        """Which sites of a library are of trajectories that these sites are of, too."""
        label = np.array(sites.labels)[sites.environment]
        return of_same_trajectories(sites.names, label, self.names, self._label)

    def _known_to(self, sites: Sites) -> Bool[np.ndarray, " site"]:
        label = np.array(sites.labels)[sites.environment]
        return of_same_trajectories(self.names, self._label, sites.names, label)

    @property
    def _label(self) -> Shaped[np.ndarray, " site"]:
        return np.array(self.labels)[self.environment]

    def _part(self, rows: Int[np.ndarray, " row"]) -> Pretraining:
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in _ARRAYS if name != "energy_eV"},
            names={name: values[rows] for name, values in self.names.items()},
        )

    def align(
        self, grid: EnergyGrid, sites: Sites, index: Int[np.ndarray, " n"]
    ) -> EngineAlignment:
        """Align with some labelled sites of another engine, sampled on a grid.

        The pretraining sites are weighted to the composition of the others, so that few finishing
        sites of few environments are compared with their like.
        """
        return self.beside(sites, index)._align(grid, sites, index)

    def _align(
        self, grid: EnergyGrid, sites: Sites, index: Int[np.ndarray, " n"]
    ) -> EngineAlignment:
        codes = [sites.labels.index(name) if name in sites.labels else -1 for name in self.labels]
        wanted = np.bincount(sites.environment[index], minlength=len(sites.labels))
        held = np.bincount(self.environment, minlength=len(self.labels))
        share = np.array([wanted[code] if code >= 0 else 0 for code in codes]) / np.maximum(held, 1)
        if not share[held > 0].any():
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

        Pretraining sites that the others leave out stay out, see `beside`.

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
        return self.beside(sites, index)._join(grid, sites, index, alignment, worth)

    def _join(
        self,
        grid: EnergyGrid,
        sites: Sites,
        index: Int[np.ndarray, " n"],
        alignment: EngineAlignment | None,
        worth: float,
    ) -> Joined:
        if alignment is None:
            alignment = self._align(grid, sites, index)
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
        before = np.arange(len(joined.weight)) < len(joined.weight) - len(index)
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
        names = {}
        for name, values in self.names.items():
            words, numbers[name] = np.unique(values, return_inverse=True)
            names[name] = words.tolist()
        described = {"labels": list(self.labels), "described": self.described, "names": names}
        return Attachment(numbers, described)


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
    labels, environment = _held(sites.labels, sites.environment)
    return Pretraining(
        energy_eV=grid.energy_eV,
        intensity=sites.intensity.astype(np.float32).astype(np.float64),
        environment=environment,
        coordination=sites.coordination.astype(np.float64),
        trajectory=np.asarray(sites.keys["trajectories"]).astype(np.int64),
        labels=labels,
        described=described,
        names={name: sites.names[name] for name in NAMES},
    )


def _held(
    labels: tuple[str, ...], environment: Int[np.ndarray, " site"]
) -> tuple[tuple[str, ...], Int[np.ndarray, " site"]]:
    """Environments that have a site, and the codes that count them: no others can be learned."""
    held, codes = np.unique(environment, return_inverse=True)
    return tuple(labels[code] for code in held), codes.astype(np.int64)


def from_attachment(attachment: Attachment, known: Attachment | None = None) -> Pretraining:
    """Restore what `Pretraining.to_attachment` gave.

    Parameters
    ----------
    attachment
        That.
    known
        The model's sites (`Model.sites`): in models that do not say what their training sites are
        called, names are taken from there, if these are all of them.

    Raises
    ------
    NearedgeError
        If something is missing or does not fit together.
    """
    try:
        arrays = {name: attachment.numbers[name] for name in _ARRAYS}
        labels = tuple(attachment.description["labels"])
        described = dict(attachment.description["described"])
        names = {
            name: np.array(words, dtype=str)[attachment.numbers[name]]
            for name, words in attachment.description.get("names", {}).items()
        }
        sites, energies = arrays["intensity"].shape
        if (
            any(arrays[name].shape != (sites,) for name in _ARRAYS[2:])
            or arrays["energy_eV"].shape != (energies,)
            or arrays["environment"].max(initial=-1) >= len(labels)
            or any(values.shape != (sites,) for values in names.values())
        ):
            raise ValueError("arrays of different lengths")
        names = names or _names_of(known, arrays["trajectory"])
        labels, arrays["environment"] = _held(labels, arrays["environment"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise NearedgeError(f"the pretraining sites of the model are damaged: {error}") from None
    arrays["intensity"] = arrays["intensity"].astype(np.float64)
    return Pretraining(**arrays, labels=labels, described=described, names=names)


def _names_of(
    known: Attachment | None, trajectory: Int[np.ndarray, " site"]
) -> dict[str, Shaped[np.ndarray, " site"]]:
    """Names of training sites, from the sites that the model names; empty if those are others."""
    # Both are in the order of the library, but of a large one not every site is named.
    if known is None or not np.array_equal(known.numbers.get("trajectory", ()), trajectory):
        return {}
    numbers, words = known.numbers, known.description
    return {
        "trajectory_id": np.array(words["trajectory"], dtype=str)[numbers["trajectory"]],
        "structure_id": np.array(words["structure"], dtype=str)[numbers["structure"]],
        "atom": numbers["atom"].astype(str),
    }
