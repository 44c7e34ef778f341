"""Put spectra on a common scale, and broaden them as a detector or a short core-hole life does."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra.axis import check_axis


def _mean(
    energy_eV: Float[np.ndarray, " energy"], intensity: Float[np.ndarray, "*batch energy"]
) -> Float[np.ndarray, "*batch"]:
    width_eV = np.zeros_like(energy_eV)
    width_eV[1:] += np.diff(energy_eV) / 2
    width_eV[:-1] += np.diff(energy_eV) / 2
    return np.asarray(intensity @ (width_eV / width_eV.sum()))


def _maximum(
    energy_eV: Float[np.ndarray, " energy"], intensity: Float[np.ndarray, "*batch energy"]
) -> Float[np.ndarray, "*batch"]:
    return np.asarray(intensity.max(axis=-1))


def _one(
    energy_eV: Float[np.ndarray, " energy"], intensity: Float[np.ndarray, "*batch energy"]
) -> Float[np.ndarray, "*batch"]:
    return np.ones(intensity.shape[:-1])


_DIVISORS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "area": _mean,
    "maximum": _maximum,
    "none": _one,
}


def normalise(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*batch energy"],
    method: str,
) -> Float[np.ndarray, "*batch energy"]:
    """Divide each spectrum by its own scale over the given energies.

    Parameters
    ----------
    energy_eV
        Increasing energies; they are the window over which the scale is taken.
    intensity
        One spectrum or a batch.
    method
        ``"area"``: by the mean, that is the trapezoidal area over the window's width, so that the
        result has mean 1 whatever the window and step; ``"maximum"``: by the highest value;
        ``"none"``: not at all.

    Returns
    -------
    array of the same shape
        The normalised spectra, float64.

    Raises
    ------
    UsageError
        If there is no such method.
    NearedgeError
        If the scale of a spectrum is not a positive number.

    Examples
    --------
    >>> normalise(np.array([0.0, 1.0, 2.0]), np.array([[2.0, 2.0, 2.0], [0.0, 4.0, 0.0]]), "area")
    array([[1., 1., 1.],
           [0., 2., 0.]])
    """
    if method not in _DIVISORS:
        raise UsageError(
            f"no normalisation is called {method!r}; choose one of {', '.join(_DIVISORS)}"
        )
    check_axis(energy_eV, "normalising")
    spectra = np.asarray(intensity, dtype=np.float64)
    divisor = _DIVISORS[method](energy_eV, spectra)
    unusable = ~((divisor > 0) & np.isfinite(divisor))
    if unusable.any():
        index = int(np.flatnonzero(unusable)[0])
        raise NearedgeError(
            f"spectrum {index + 1} of {divisor.size} has {method} {divisor.flat[index]:g} between "
            f"{energy_eV[0]:g} and {energy_eV[-1]:g} eV, where it must be positive; check the "
            "background and the energy window"
        )
    return spectra / divisor[..., None]


def _gaussian(x: Float[np.ndarray, " x"]) -> tuple[np.ndarray, np.ndarray]:
    """Density and upper tail of a normal distribution of half width 1 at half maximum."""
    sigma = 1 / math.sqrt(2 * math.log(2))
    density = np.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    return density, np.array([0.5 * math.erfc(value / sigma / math.sqrt(2)) for value in x])


def _lorentzian(x: Float[np.ndarray, " x"]) -> tuple[np.ndarray, np.ndarray]:
    """Density and upper tail of a Cauchy distribution of half width 1 at half maximum."""
    return 1 / (math.pi * (1 + x**2)), 0.5 - np.arctan(x) / math.pi


_SHAPES = {"gaussian": _gaussian, "lorentzian": _lorentzian}

# Off the uniform axis by this fraction of a step at most: FEFF prints 0.1 eV steps to 0.001 eV.
_UNIFORM = 0.02
# Narrower than this fraction of a step, a Lorentzian moves less than 1e-6 of a peak.
_NARROWEST = 1e-3


def broaden(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*batch energy"],
    fwhm_eV: float,
    shape: str = "gaussian",
) -> Float[np.ndarray, "*batch energy"]:
    """Convolve spectra with a line of constant width, holding their end values outside the axis.

    Area is conserved where the line does not reach an end. The kernel is sampled at the axis' own
    step, its tails beyond the ends are integrated exactly, and all weights sum to 1, so that a
    constant stays constant.

    Parameters
    ----------
    energy_eV
        Uniform, increasing energies.
    intensity
        One spectrum or a batch.
    fwhm_eV
        Full width at half maximum of the line; 0 returns the spectra as they are.
    shape
        ``"gaussian"`` (instrument) or ``"lorentzian"`` (core-hole life).

    Returns
    -------
    array of the same shape
        The broadened spectra, float64.

    Raises
    ------
    UsageError
        If the width is negative or not finite, or there is no such shape.
    NearedgeError
        If the axis is not uniform.

    Examples
    --------
    >>> energy_eV = np.linspace(-5.0, 5.0, 101)
    >>> line = np.where(np.isclose(energy_eV, 0.0), 1.0, 0.0)
    >>> wide = broaden(energy_eV, line, fwhm_eV=2.0)
    >>> float(wide.sum().round(6)), float((wide[60] / wide[50]).round(6))
    (1.0, 0.5)
    """
    if shape not in _SHAPES:
        raise UsageError(f"no line shape is called {shape!r}; choose one of {', '.join(_SHAPES)}")
    if not 0 <= fwhm_eV < math.inf:
        raise UsageError(f"a full width of {fwhm_eV} eV is not possible; give 0 or more")
    check_axis(energy_eV, "broadening")
    points = energy_eV.size
    uniform = np.linspace(energy_eV[0], energy_eV[-1], points)
    step_eV = float(uniform[1] - uniform[0])
    if np.abs(energy_eV - uniform).max() > _UNIFORM * step_eV:
        raise NearedgeError(
            "broadening needs uniform energies, but the steps go from "
            f"{np.diff(energy_eV).min():g} to {np.diff(energy_eV).max():g} eV; resample first"
        )
    spectra = np.asarray(intensity, dtype=np.float64)
    if fwhm_eV < _NARROWEST * step_eV:
        return spectra.copy()
    step = 2 * step_eV / fwhm_eV
    density, _ = _SHAPES[shape](np.arange(points) * step)
    _, tail = _SHAPES[shape]((np.arange(points) + 0.5) * step)
    kernel = np.concatenate([density[:0:-1], density]) * step
    # Weight of each point's own axis and of what lies beyond its two ends; the sum is 1 but for
    # what sampling the kernel costs.
    inside = _convolve(np.ones(points), kernel)
    total = inside + tail + tail[::-1]
    held = spectra[..., :1] * tail + spectra[..., -1:] * tail[::-1]
    return (_convolve(spectra, kernel) + held) / total


def _convolve(
    spectra: Float[np.ndarray, "*batch energy"], kernel: Float[np.ndarray, " offset"]
) -> Float[np.ndarray, "*batch energy"]:
    points = spectra.shape[-1]
    length = points + kernel.size - 1
    product = np.fft.rfft(spectra, length) * np.fft.rfft(kernel, length)
    return np.fft.irfft(product, length)[..., points - 1 : 2 * points - 1]
