"""From measured spectra on an absolute axis to what a model looks at, and how sure that is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra import (
    PREPARATION_STEPS,
    EnergyGrid,
    Prepared,
    Reference,
    ShiftEstimate,
    Spectrum,
    is_near_edge,
    load_reference,
    match,
    prepare,
    resample,
)

if TYPE_CHECKING:
    from nearedge.models import Model

# The library's zero, a Fermi level or band minimum, lies this far around the onset of the edge.
_ZERO_BELOW_ONSET_EV = 8.0
_ZERO_ABOVE_ONSET_EV = 6.0
# A best mixture that leaves more than this share of the variance is no match.
_LEAST_EXPLAINED = 0.7
# Nor is one that leaves more than this share of the mean beyond the noise although it is broadened
# by more than the model knows. Simulated measurements of trajectories left out of the embedded
# library (broadened by 1 and 2 eV, noise of 0.3 and 2 %) leave 0.004; docs/decisions/0045.
_MOST_MISFIT = 0.006
# Shifts at which a model is asked, each standing for an equal part of the probability; five change
# no answer by more than a hundredth of its interval.
_NODES = 3
# Spectra that are prepared at once, which bounds the memory.
_BLOCK = 2000
_COMMON_STEP_EV = 0.1
# Median of the absolute value of a normal variable, in standard deviations.
_MEDIAN_OF_NORMAL = 0.6745


@dataclass(frozen=True)
class Handling:
    """What a caller wants done with measured spectra; see `nearedge.predict.predict`."""

    skip: Collection[str] = ()
    background: str | None = None


class NoAnswer(NearedgeError):
    """A spectrum was read, but shows nothing that the model could answer for."""


class NoEdge(NoAnswer):
    """None of some spectra shows the edge that the model knows."""


def check_element(spectrum: Spectrum, model: Model) -> None:
    """Refuse a spectrum whose file says that another element absorbs.

    Raises
    ------
    NoAnswer
        If it does.
    """
    absorber, edge = model.info["absorber"], model.info["edge"]
    if spectrum.element not in (None, absorber):
        raise NoAnswer(
            f"the file says that the absorber is {spectrum.element}, but the model knows the "
            f"{absorber} {edge} edge"
        )


@dataclass(frozen=True)
class Stack:
    """Measured spectra with one energy axis that are prepared alike.

    Attributes
    ----------
    spectra
        At least one.
    model
        Whose edge and library they are compared with.
    handling
        As the caller wants it.
    """

    spectra: Sequence[Spectrum]
    model: Model
    handling: Handling

    def check(self) -> None:
        """Refuse what cannot show the model's edge.

        Raises
        ------
        NoAnswer
            If the energies or the file say that it is another edge.
        """
        absorber, edge = self.model.info["absorber"], self.model.info["edge"]
        first = self.spectra[0]
        energy_eV = first.energy_eV
        if not is_near_edge(energy_eV, absorber, edge):
            raise NoAnswer(
                f"energies from {energy_eV[0]:.1f} to {energy_eV[-1]:.1f} eV do not show the "
                f"{absorber} {edge} edge that the model knows"
            )
        check_element(first, self.model)

    def intensity(self, rows: slice) -> Float[np.ndarray, "spectrum energy"]:
        """Of some of the spectra."""
        return np.stack([spectrum.intensity for spectrum in self.spectra[rows]])

    def typical(self) -> Float[np.ndarray, " energy"]:
        """Mean of all spectra."""
        total = np.zeros(self.spectra[0].energy_eV.size)
        for spectrum in self.spectra:
            total += spectrum.intensity
        return total / len(self.spectra)

    def prepared(self) -> Iterator[tuple[slice, Prepared]]:
        """Blocks of prepared spectra; decisions are the same in all of them.

        Raises
        ------
        NoAnswer
            If no edge rises where it should.
        UsageError
            If a step or background is unknown.
        """
        first = self._first_block
        yield slice(0, min(_BLOCK, len(self.spectra))), first
        steps = first.common_steps
        form = next((s["form"] for s in steps if s["step"] == "background"), None)
        for start in range(_BLOCK, len(self.spectra), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(self.spectra)))
            yield rows, replace(self._prepared(rows, form), common_steps=steps)

    @cached_property
    def _first_block(self) -> Prepared:
        """Needed twice: to find the shift, and to ask the model."""
        return self._prepared(slice(0, _BLOCK), self.handling.background)

    def _prepared(self, rows: slice, background: str | None) -> Prepared:
        first = self.spectra[0]
        try:
            return prepare(
                first.energy_eV,
                self.intensity(rows),
                self.model.info["absorber"],
                self.model.info["edge"],
                # What a program computed has neither glitches nor a background, whatever its axis.
                skip=PREPARATION_STEPS if first.kind == "computed" else self.handling.skip,
                background=background,
                electron_loss=first.kind == "eels",
                normalised=first.raw is False,
                typical=self.typical(),
            )
        except NearedgeError as error:
            raise NoAnswer(str(error)) from error


@lru_cache(maxsize=4)
def _reference(model: Model) -> Reference:
    return load_reference(model.info["reference"])


def align(stacks: Sequence[Stack]) -> ShiftEstimate:
    """Find the one shift of stacks from one instrument, from the mean of all their spectra.

    Raises
    ------
    NoAnswer
        If the mean resembles no mixture of the library, wherever it is put.
    NearedgeError
        If the spectra do not cover what the model looks at.
    """
    first = [next(stack.prepared())[1] for stack in stacks]
    if len(first) == 1:
        energy_eV, mean = first[0].energy_eV, first[0].typical
    else:
        start = max(p.energy_eV[0] for p in first)
        stop = min(p.energy_eV[-1] for p in first)
        points = int((stop - start) / _COMMON_STEP_EV) + 1
        if points < 2:
            raise NearedgeError(
                "the spectra have no energies in common, so they cannot share one shift; align "
                "each by itself"
            )
        common = EnergyGrid(start, start + (points - 1) * _COMMON_STEP_EV, points)
        energy_eV = common.energy_eV
        # Each spectrum counts alike, whatever its detector's units.
        weights = [
            len(stack.spectra) / np.ptp(p.typical) for stack, p in zip(stacks, first, strict=True)
        ]
        rows = [resample(p.energy_eV, p.typical, common) for p in first]
        mean = np.average(rows, axis=0, weights=weights)
    onset_eV = float(np.median([p.edge.onset_eV for p in first]))
    found = match(
        energy_eV,
        mean,
        _reference(stacks[0].model),
        (onset_eV - _ZERO_BELOW_ONSET_EV, onset_eV + _ZERO_ABOVE_ONSET_EV),
    )
    if found.explained < _LEAST_EXPLAINED:
        raise NoAnswer(
            f"the spectrum resembles no mixture of the model's library: the best one explains "
            f"{found.explained:.0%} of it, at a shift of {found.mean_eV:.1f} eV; check what was "
            "measured, its background, or give the shift"
        )
    left = _beyond_noise(energy_eV, mean, found, _reference(stacks[0].model))
    known_eV = stacks[0].model.info.get("trained_broadening_eV", np.inf)
    broader = found.broadening_eV - found.broadening_uncertainty_eV > known_eV
    if broader and left > _MOST_MISFIT:
        raise NoAnswer(
            f"the spectrum is broader than the model's library by {found.broadening_eV:.1f} eV, "
            f"and even so no mixture resembles it: the best, shifted by {found.mean_eV:.1f} eV, "
            f"is off by {left:.1%} of the mean, and spectra of its kind by {_MOST_MISFIT:.1%} at "
            "most; check what was measured, its resolution and its background"
        )
    return found


def _beyond_noise(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, " energy"],
    found: ShiftEstimate,
    reference: Reference,
) -> float:
    """Misfit of the best mixture that noise does not explain, as a share of the mean.

    Noise is told by how far points lie off the line between their neighbours.
    """
    at_eV = energy_eV + found.mean_eV
    within = (at_eV >= reference.energy_eV[0]) & (at_eV <= reference.energy_eV[-1])
    values = intensity[within]
    off = np.abs(values[:-2] - 2 * values[1:-1] + values[2:])
    noise = float(np.median(off)) / (_MEDIAN_OF_NORMAL * np.sqrt(6)) / float(values.mean())
    return float(np.sqrt(max(found.misfit**2 - noise**2, 0.0)))


def inputs(
    block: Prepared, grid: EnergyGrid, shifts_eV: Float[np.ndarray, " node"]
) -> Iterator[Float[np.ndarray, "spectrum grid"]]:
    """What a model looks at, for one shift after the other.

    Raises
    ------
    NearedgeError
        If the spectra do not cover the grid.
    """
    for shift_eV in shifts_eV:
        yield resample(block.energy_eV + shift_eV, block.intensity, grid)


def nodes(estimate: ShiftEstimate) -> Float[np.ndarray, " node"]:
    """Shifts at which to ask the model: few where they hardly differ."""
    if estimate.shift_eV.size == 1:
        return estimate.shift_eV
    return estimate.nodes(_NODES)


def stretch_of(estimate: ShiftEstimate, at_eV: Float[np.ndarray, " node"]) -> float:
    """How much wider the distribution of shifts is than its nodes are spread."""
    return estimate.uncertainty_eV / float(at_eV.std()) if at_eV.size > 1 else 1.0
