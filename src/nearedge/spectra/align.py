"""Find the one shift that puts a spectrum on the energy axis of a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import check_axis

# Share of the reference that a shifted spectrum must cover: over a short overlap almost anything
# correlates.
_LEAST_OVERLAP = 0.8
# A spread below this share of the values is rounding, not signal.
_FLAT = 1e-9


@dataclass(frozen=True)
class Alignment:
    """The shift of a spectrum onto a reference, and how clear the choice was.

    Parameters
    ----------
    shift_eV
        To be added to the spectrum's energies.
    scale
        Factor of the shifted spectrum in its least-squares fit (with a free offset) to the
        reference; the mean over several spectra.
    correlation
        Pearson correlation with the reference at this shift; the mean over several spectra.
    runner_up_shift_eV, runner_up_correlation
        The next best local maximum of the correlation, if there is one. Close correlations at
        distant shifts mean that the alignment is ambiguous.
    """

    shift_eV: float
    scale: float
    correlation: float
    runner_up_shift_eV: float | None
    runner_up_correlation: float | None


def best_shift(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*site energy"],
    reference_energy_eV: Float[np.ndarray, " reference"],
    reference_intensity: Float[np.ndarray, "*site reference"],
    shifts_eV: Float[np.ndarray, " shift"],
) -> Alignment:
    """Scan shifts of a spectrum for the one that correlates best with a reference.

    Correlation ignores scale and constant background. A shift counts only if the shifted spectrum
    covers at least 80 % of the reference's points. The ends of the scanned range count as local
    maxima where the correlation rises towards them, so that a range chosen too small shows.

    One shift belongs to an engine or an instrument, never to a single site: sites differ in the
    position of their edge, and aligning them one by one erases that. To bring the sites of one
    engine onto those of another, give all of them: they get one shift, that of the best mean
    correlation.

    Parameters
    ----------
    energy_eV, intensity
        The spectrum to be shifted, or one for each site.
    reference_energy_eV, reference_intensity
        The reference, or that of each site.
    shifts_eV
        Candidates, in any order.

    Returns
    -------
    Alignment
        The best shift and the runner-up.

    Raises
    ------
    NearedgeError
        If there is no finite candidate, no candidate gives enough overlap, or a spectrum is flat.

    Examples
    --------
    >>> energy_eV = np.linspace(-5.0, 25.0, 301)
    >>> reference = np.exp(-((energy_eV - 3.0) ** 2)) + (energy_eV > 8.0)
    >>> alignment = best_shift(
    ...     energy_eV + 528.0, 7.0 * reference, energy_eV, reference, np.linspace(-540, -520, 201)
    ... )
    >>> round(alignment.shift_eV, 6), round(1 / alignment.scale, 6)
    (-528.0, 7.0)
    """
    check_axis(energy_eV, "aligning")
    check_axis(reference_energy_eV, "aligning, reference")
    shifts = np.unique(np.asarray(shifts_eV, dtype=np.float64))
    if not shifts.size or not np.isfinite(shifts).all():
        raise NearedgeError("aligning: the candidate shifts must be finite numbers, at least one")
    at_eV = reference_energy_eV - shifts[:, None]
    shifted = _interpolate(at_eV, energy_eV, intensity)
    covered = (at_eV >= energy_eV[0]) & (at_eV <= energy_eV[-1])
    enough = covered.mean(axis=1) >= _LEAST_OVERLAP
    if not enough.any():
        raise NearedgeError(
            f"aligning: no shift from {shifts[0]:g} to {shifts[-1]:g} eV brings a spectrum of "
            f"{energy_eV[0]:g} to {energy_eV[-1]:g} eV over {_LEAST_OVERLAP:.0%} of the reference "
            f"({reference_energy_eV[0]:g} to {reference_energy_eV[-1]:g} eV); "
            "check the edge, or measure a wider range"
        )
    correlation, scale = (
        value.reshape(-1, len(shifts)).mean(axis=0)
        for value in _correlate(shifted, reference_intensity, covered)
    )
    usable = enough & np.isfinite(correlation)
    if not usable.any():
        raise NearedgeError(
            "aligning: the spectrum or the reference is flat over the overlap, so no shift is "
            "better than another; check the intensity column"
        )
    merit = np.where(usable, correlation, -np.inf)
    best = int(merit.argmax())
    walls = np.concatenate([[-np.inf], merit, [-np.inf]])
    maxima = np.flatnonzero((merit > walls[:-2]) & (merit >= walls[2:]))
    others = maxima[maxima != best]
    second = int(others[merit[others].argmax()]) if others.size else None
    return Alignment(
        shift_eV=float(shifts[best]),
        scale=float(scale[best]),
        correlation=float(merit[best]),
        runner_up_shift_eV=None if second is None else float(shifts[second]),
        runner_up_correlation=None if second is None else float(merit[second]),
    )


def _interpolate(
    at_eV: Float[np.ndarray, "shift reference"],
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*site energy"],
) -> Float[np.ndarray, "*site shift reference"]:
    """Straight lines between the points, the end values beyond them."""
    within = np.clip(at_eV, energy_eV[0], energy_eV[-1])
    left = np.clip(np.searchsorted(energy_eV, within, side="right") - 1, 0, energy_eV.size - 2)
    part = (within - energy_eV[left]) / (energy_eV[left + 1] - energy_eV[left])
    return (1 - part) * intensity[..., left] + part * intensity[..., left + 1]


def _correlate(
    shifted: Float[np.ndarray, "*site shift reference"],
    reference: Float[np.ndarray, "*site reference"],
    covered: Bool[np.ndarray, "shift reference"],
) -> tuple[Float[np.ndarray, "*site shift"], Float[np.ndarray, "*site shift"]]:
    """Correlation and least-squares factor over the covered points; NaN where either is flat."""
    count = np.maximum(covered.sum(axis=-1), 1)

    def centred(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = np.abs(values * covered).max(axis=-1)
        mean = (values * covered).sum(axis=-1) / count
        deviation = (values - mean[..., None]) * covered
        spread = np.sqrt((deviation**2).sum(axis=-1) / count)
        return deviation, np.where(spread > _FLAT * size, spread, np.nan)

    x, x_spread = centred(shifted)
    y, y_spread = centred(np.broadcast_to(reference[..., None, :], shifted.shape))
    covariance = (x * y).sum(axis=-1) / count
    return covariance / (x_spread * y_spread), covariance / x_spread**2
