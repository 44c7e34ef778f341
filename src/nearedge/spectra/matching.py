"""Where a measured spectrum lies on a library's axis, how broad it is, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import check_axis
from nearedge.spectra.grid import EnergyGrid, resample
from nearedge.spectra.reference import Reference

BROADENINGS_EV = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
"""Widths that are tried: full width at half maximum of a Gaussian, beyond the library's own."""

# Standard deviations of what is left of a background, as shares of the spectrum's mean: a constant,
# and the rise of a line over the range.
_LEFT_CONSTANT = 0.05
_LEFT_LINE = 0.1
# Sizes of the misfit (noise of the measurement, errors of the library) that are averaged over.
_MISFITS = np.geomspace(0.002, 0.6, 24)
# Correlation of the misfit is found by repeating.
_PASSES = 4
# Shifts whose probability is below this share of the best one's are forgotten.
_FORGET = 1e-4
# Two shifts this far apart, with less probable ones between them, are two alignments.
_DISTINCT_EV = 1.0
_VALLEY = 0.5


@dataclass(frozen=True, eq=False)
class ShiftEstimate:
    """Probabilities of the shifts that put a measurement on a library's axis.

    Attributes
    ----------
    shift_eV
        Candidates in increasing order, to be added to the measured energies.
    probability
        Of every candidate; they sum to 1.
    broadening_eV, broadening_uncertainty_eV
        Mean and standard deviation of the Gaussian full width at half maximum by which the library
        must be broadened to look like the measurement.
    scale
        What the prepared intensities are multiplied by to have the library's mean.
    misfit
        Root mean square of what remains between the measurement and the best mixture, as a share of
        the measurement's mean.
    explained
        Share of the measurement's variance over the range that the best mixture explains.
    """

    shift_eV: Float[np.ndarray, " shift"]
    probability: Float[np.ndarray, " shift"]
    broadening_eV: float
    broadening_uncertainty_eV: float
    scale: float
    misfit: float
    explained: float

    @property
    def mean_eV(self) -> float:
        """Mean shift."""
        return float(self.shift_eV @ self.probability)

    @property
    def uncertainty_eV(self) -> float:
        """Standard deviation of the shift; at least that of half a step of the candidates."""
        variance = float((self.shift_eV - self.mean_eV) ** 2 @ self.probability)
        step = float(np.min(np.diff(self.shift_eV))) if self.shift_eV.size > 1 else 0.0
        return float(np.sqrt(variance + step**2 / 12))

    def nodes(self, count: int) -> Float[np.ndarray, " node"]:
        """Shifts that stand for equal parts of the probability, in increasing order.

        Examples
        --------
        >>> even = known_shift(-530.0)
        >>> even.nodes(3)
        array([-530., -530., -530.])
        """
        if self.shift_eV.size == 1:
            return np.repeat(self.shift_eV, count)
        step = np.gradient(self.shift_eV)
        ends = self.shift_eV + step / 2
        below = np.cumsum(self.probability)
        at = (np.arange(count) + 0.5) / count
        return np.interp(
            at, np.concatenate([[0.0], below]), np.concatenate([[ends[0] - step[0]], ends])
        )

    def alternatives(self) -> list[tuple[float, float]]:
        """Separate alignments: (shift at the maximum, probability), the most probable first."""
        padded = np.concatenate([[0.0], self.probability, [0.0]])
        peaks = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))
        kept: list[int] = []
        for peak in sorted(peaks, key=lambda index: -self.probability[index]):
            if all(self._apart(int(peak), other) for other in kept):
                kept.append(int(peak))
        nearest = np.abs(self.shift_eV[:, None] - self.shift_eV[kept]).argmin(axis=1)
        shares = [float(self.probability[nearest == place].sum()) for place in range(len(kept))]
        order = np.argsort(shares)[::-1]
        return [(float(self.shift_eV[kept[place]]), shares[place]) for place in order]

    def _apart(self, one: int, other: int) -> bool:
        between = self.probability[min(one, other) : max(one, other) + 1]
        lower = min(self.probability[one], self.probability[other])
        distance = abs(self.shift_eV[one] - self.shift_eV[other])
        return bool(distance >= _DISTINCT_EV and between.min() < _VALLEY * lower)


def known_shift(shift_eV: float) -> ShiftEstimate:
    """Shift that is given and not estimated.

    Examples
    --------
    >>> known_shift(-530.2).mean_eV
    -530.2
    """
    nan = float("nan")
    return ShiftEstimate(np.array([float(shift_eV)]), np.ones(1), nan, nan, nan, nan, nan)


def match(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, " energy"],
    reference: Reference,
    zero_eV: tuple[float, float],
    broadenings_eV: tuple[float, ...] = BROADENINGS_EV,
) -> ShiftEstimate:
    """Find shift, scale and broadening of a prepared measurement against a library.

    At every candidate shift the spectrum, divided by its mean, is compared with the Gaussian
    distribution of the library's mixtures, broadened: mean plus directions of variation plus a
    constant and a line that a background may have left, plus an unknown misfit. The marginal
    likelihood of every shift and width (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes
    for Machine Learning (2006), section 2.7, explicit basis functions) is averaged over misfits.
    What one environment gains by moving its edge and another by being there is thereby weighed, so
    that the shift's probability is as wide as the spectrum leaves it.

    The misfit of neighbouring energies is alike where the library's shape is wrong, or where the
    measurement's steps are coarse. The likelihood therefore counts as many independent points as
    the correlation length of the best fit's residual leaves.

    Parameters
    ----------
    energy_eV, intensity
        Absolute energies, and absorption above the edge.
    reference
        Of the model.
    zero_eV
        Lowest and highest absolute energy at which the library's zero may lie.
    broadenings_eV
        Gaussian widths to try.

    Returns
    -------
    ShiftEstimate
        Probabilities over shifts on a grid as fine as the reference's.

    Raises
    ------
    NearedgeError
        If no shift puts the measurement over the reference's range.

    Examples
    --------
    >>> library_eV = np.linspace(-5.0, 25.0, 301)
    >>> mean = 1 / (1 + np.exp(-2 * library_eV)) + np.exp(-((library_eV - 3.0) ** 2))
    >>> stored = {"energy_eV": library_eV, "intensity": mean, "directions": [], "scatter_eV": 0.0}
    >>> from nearedge.spectra.reference import load_reference
    >>> measured_eV = np.linspace(515.0, 570.0, 1101)
    >>> measured = 7 * np.interp(measured_eV, library_eV + 530.2, mean)
    >>> found = match(measured_eV, measured, load_reference(stored), (520.0, 540.0))
    >>> round(found.mean_eV, 1), found.uncertainty_eV < 0.2
    (-530.2, True)
    """
    check_axis(energy_eV, "aligning")
    windows, zeros = _windows(energy_eV, intensity, reference, zero_eV)
    means = windows.mean(axis=1)
    usable = means > 0
    if not usable.any():
        raise NearedgeError(
            "aligning: the spectrum is not positive above its background; check the intensity "
            "column and the background"
        )
    unit = windows / np.where(usable, means, 1.0)[:, None]
    bases = [_basis(reference, width) for width in broadenings_eV]
    parts = _along_and_rest(unit, reference, broadenings_eV)
    length = 1.0
    for _ in range(_PASSES):
        scores = np.stack(
            [basis.log_likelihood(*part, length) for basis, part in zip(bases, parts, strict=True)]
        )
        scores[:, ~usable] = -np.inf
        width, shift, misfit = np.unravel_index(int(scores.argmax()), scores.shape)
        noise = length * float(_MISFITS[misfit]) ** 2
        residual = bases[width].residual(unit[shift], noise)
        longer = max(length, _correlation_length(residual))
        if longer < 1.05 * length:
            break
        length = longer
    weights = np.exp(scores - scores.max())
    per_width, per_shift = weights.sum(axis=(1, 2)), weights.sum(axis=(0, 2))
    per_width, per_shift = per_width * _cells(broadenings_eV), per_shift / per_shift.sum()
    per_width = per_width / per_width.sum()
    widths = np.array(broadenings_eV)
    broadening = float(widths @ per_width)
    shifts, probability = _scattered(-zeros[::-1], per_shift[::-1], reference)
    variance = float(np.mean((unit[shift] - 1) ** 2))
    left = float(np.mean(residual**2))
    return ShiftEstimate(
        shift_eV=shifts,
        probability=probability,
        broadening_eV=broadening,
        broadening_uncertainty_eV=float(np.sqrt((widths - broadening) ** 2 @ per_width)),
        scale=float(1 / means[shift]),
        misfit=float(np.sqrt(left)),
        explained=1 - left / variance if variance > 0 else 0.0,
    )


def _scattered(
    shift_eV: Float[np.ndarray, " shift"],
    probability: Float[np.ndarray, " shift"],
    reference: Reference,
) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, " kept"]]:
    """Probabilities with the scatter of the library's zeros, without the shifts nobody needs."""
    if reference.scatter_eV > 0:
        reach = max(1, int(np.ceil(4 * reference.scatter_eV / reference.step_eV)))
        offsets = np.arange(-reach, reach + 1) * reference.step_eV / reference.scatter_eV
        kernel = np.exp(-0.5 * offsets**2)
        # Within the candidates: beyond them the measurement does not cover the library's range.
        probability = np.convolve(probability, kernel)[reach : reach + probability.size]
    kept = np.flatnonzero(probability > _FORGET * probability.max())
    # A neighbour on either side, so that the step shows even where one shift takes it all.
    span = slice(max(kept[0] - 1, 0), kept[-1] + 2)
    return shift_eV[span], probability[span] / probability[span].sum()


def _windows(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, " energy"],
    reference: Reference,
    zero_eV: tuple[float, float],
) -> tuple[Float[np.ndarray, "shift point"], Float[np.ndarray, " shift"]]:
    """The measurement on the reference's energies for every zero that it covers."""
    step = reference.step_eV
    first, last = float(reference.energy_eV[0]), float(reference.energy_eV[-1])
    lowest = max(zero_eV[0], float(energy_eV[0]) - first - step / 2)
    highest = min(zero_eV[1], float(energy_eV[-1]) - last + step / 2)
    count = int(np.floor((highest - lowest) / step)) + 1
    if count < 2:
        raise NearedgeError(
            f"aligning: a spectrum of {energy_eV[0]:g} to {energy_eV[-1]:g} eV does not cover "
            f"{first:g} to {last:g} eV around any zero from {zero_eV[0]:g} to {zero_eV[1]:g} eV; "
            "measure a wider range, or check the edge"
        )
    points = reference.energy_eV.size
    start = lowest + first
    fine = EnergyGrid(start, start + (count + points - 2) * step, count + points - 1)
    sampled = resample(energy_eV, intensity, fine)
    windows = np.lib.stride_tricks.sliding_window_view(sampled, points)
    return windows, lowest + step * np.arange(count)


def _along_and_rest(
    unit: Float[np.ndarray, "shift energy"],
    reference: Reference,
    broadenings_eV: tuple[float, ...],
) -> list[tuple[Float[np.ndarray, "shift direction"], Float[np.ndarray, " shift"]]]:
    """For every width, squares of spectra with mean 1, less the mean, along and beside directions.

    All widths' directions and means are multiplied with at once.
    """
    columns, offsets, powers, starts = _together(reference, broadenings_eV)
    products = unit @ columns - offsets
    squares = np.square(unit).sum(axis=1)
    found = []
    for start, stop, power in zip(starts[:-1], starts[1:], powers, strict=True):
        along = np.square(products[:, start : stop - 1])
        off = squares - 2 * products[:, stop - 1] + power
        found.append((along, np.maximum(off - along.sum(axis=1), 0.0)))
    return found


@lru_cache(maxsize=8)
def _together(
    reference: Reference, broadenings_eV: tuple[float, ...]
) -> tuple[
    Float[np.ndarray, "energy column"],
    Float[np.ndarray, " column"],
    Float[np.ndarray, " width"],
    list[int],
]:
    """Directions and, after them, the mean of every width side by side.

    What to subtract from products with them; the squares of the means; and where each width's
    columns begin and end.
    """
    bases = [_basis(reference, width) for width in broadenings_eV]
    columns = [np.column_stack([one.directions, one.mean]) for one in bases]
    offsets = [np.append(one.mean @ one.directions, 0.0) for one in bases]
    starts = np.cumsum([0, *(offset.size for offset in offsets)]).tolist()
    powers = np.array([one.mean @ one.mean for one in bases])
    return np.concatenate(columns, axis=1), np.concatenate(offsets), powers, starts


@lru_cache(maxsize=8 * len(BROADENINGS_EV))
def _basis(reference: Reference, fwhm_eV: float) -> _Basis:
    return _Basis.of(reference, fwhm_eV)


@dataclass(frozen=True, eq=False)
class _Basis:
    """Mean of the mixtures, and orthonormal directions with the variance along each."""

    mean: Float[np.ndarray, " energy"]
    directions: Float[np.ndarray, "energy direction"]
    variance: Float[np.ndarray, " direction"]

    @classmethod
    def of(cls, reference: Reference, fwhm_eV: float) -> _Basis:
        mean, directions = reference.broadened(fwhm_eV)
        line = np.linspace(-0.5, 0.5, mean.size)
        left = np.stack([np.full(mean.size, _LEFT_CONSTANT), _LEFT_LINE * line])
        rows = np.concatenate([directions, left])
        # Measurements are divided by their mean, so that no direction can change it.
        rows = rows - rows.mean(axis=1, keepdims=True) * mean
        u, s, _ = np.linalg.svd(rows.T, full_matrices=False)
        real = s > 1e-9 * s[0]
        return cls(mean / mean.mean(), u[:, real], s[real] ** 2)

    def log_likelihood(
        self,
        along: Float[np.ndarray, "shift direction"],
        rest: Float[np.ndarray, " shift"],
        length: float,
    ) -> Float[np.ndarray, "shift misfit"]:
        """For every size of a misfit that is alike over `length` points."""
        # What is alike over so many points weighs that much more along a wide direction, and there
        # are that many fewer independent ones.
        squares = length * _MISFITS**2
        spread = self.variance[:, None] + squares
        free = max(self.mean.size / length - self.variance.size, 1.0)
        return -0.5 * (
            rest[:, None] / squares
            + along @ (1 / spread)
            + free * np.log(squares)
            + np.log(spread).sum(axis=0)
        )

    def residual(
        self, unit: Float[np.ndarray, " energy"], noise: float
    ) -> Float[np.ndarray, " energy"]:
        """What the most probable mixture leaves of one spectrum."""
        off = unit - self.mean
        along = off @ self.directions * self.variance / (self.variance + noise)
        return off - self.directions @ along


def _cells(widths: tuple[float, ...]) -> Float[np.ndarray, " width"]:
    """Share of the range of widths for which each stands."""
    return np.gradient(np.array(widths)) if len(widths) > 1 else np.ones(1)


def _correlation_length(residual: Float[np.ndarray, " energy"]) -> float:
    """Points over which a residual is alike: 1 + 2 times the sum of its positive correlations."""
    centred = residual - residual.mean()
    power = float(centred @ centred)
    if power <= 0:
        return 1.0
    full = np.correlate(centred, centred, mode="full")[centred.size :] / power
    negative = np.flatnonzero(full <= 0)
    stop = int(negative[0]) if negative.size else full.size
    return 1 + 2 * float(full[:stop].sum())
