"""Sum up a library for aligning measurements with it, and find out how well that works."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import NearedgeError
from nearedge.spectra.matching import match
from nearedge.spectra.normalise import broaden
from nearedge.spectra.reference import Reference

# A sample holds any environments in any shares, but of each environment many sites: the spread
# within an environment enters as that of an average over this many sites.
_SITES_IN_A_SAMPLE = 20
# Directions beyond this share of the variance cannot be told from noise.
_KEPT_VARIANCE = 0.995
_MOST_DIRECTIONS = 12
_DIGITS = 5
# Measurements that are simulated to see how far off the alignment of an unseen structure is: noise
# as a share of the mean, resolution, sites in each, and how many in all.
_NOISE = 0.01
_WIDEST_EV = 1.0
_SITES = (20, 70)
_TRIALS = 80
_MOST_GROUPS = 16
# Share of the simulated errors that must lie within the interval of a normal distribution for it.
_COVERED = 0.9
# The simulated measurement's zero lies in the middle of so wide a range.
_AROUND_EV = 10.0


def alignment_reference(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "site energy"],
    environment: Int[np.ndarray, " site"],
    group: Int[np.ndarray, " site"],
    seed: int = 0,
) -> dict[str, Any]:
    """Sum up a library for aligning measurements with it, as a model's description stores it.

    The covariance of mixtures is taken as that between the mean spectra of the environments (a
    sample may hold any of them, so each counts half by how often it occurs and half as much as any
    other) plus a twentieth of that within an environment (it holds many sites of each). Its
    principal directions are kept.

    How sure an alignment is for a structure that the library does not hold is found out: group by
    group is left out, measurements are simulated from it (mixtures of 20 to 70 sites, broadened by
    up to 1 eV, with noise), and aligned with the rest. What must be added to the uncertainty that
    the alignment gives by itself, so that nine of ten errors lie where nine of ten should, is
    stored as ``scatter_eV``. Errors of one group are alike, so that there are as many of them as
    groups; for a few, the quantile of Student's t takes the place of the normal distribution's.

    Parameters
    ----------
    energy_eV
        Uniform energies relative to the library's zero.
    intensity
        Raw spectra of the sites.
    environment
        Class code of every site.
    group
        What shares a zero and descends from one cell: the trajectory of every site, or the
        structure where there is one trajectory only.
    seed
        Of the simulated measurements.

    Returns
    -------
    dict
        ``energy_eV``; ``intensity``, the raw mean; ``unit_mean`` and ``directions``, of spectra
        divided by their mean; ``scatter_eV``, None where there is one group only. Plain numbers
        and lists, ready for JSON.

    Raises
    ------
    NearedgeError
        If a spectrum is not positive in the mean.

    Examples
    --------
    >>> energy_eV = np.linspace(-5.0, 25.0, 301)
    >>> sites = np.stack([np.exp(-((energy_eV - at) ** 2)) for at in (1.0, 2.0, 3.0, 3.2)])
    >>> one = np.zeros(4, dtype=int)
    >>> from nearedge.spectra.reference import load_reference
    >>> stored = alignment_reference(energy_eV, sites, np.array([0, 1, 2, 2]), one)
    >>> load_reference(stored).directions.shape[1], stored["scatter_eV"]
    (301, None)
    """
    raw = np.asarray(intensity, dtype=np.float64)
    if not (raw.mean(axis=1) > 0).all():
        site = int(np.flatnonzero(~(raw.mean(axis=1) > 0))[0])
        raise NearedgeError(
            f"site {site} has a spectrum whose mean is not positive; check the library"
        )
    mean, directions = _mixtures(raw, environment)
    return {
        "energy_eV": np.asarray(energy_eV, dtype=np.float64).round(6).tolist(),
        "intensity": _rounded(raw.mean(axis=0)),
        "unit_mean": _rounded(mean),
        "directions": [_rounded(row) for row in directions],
        "scatter_eV": _scatter(energy_eV, raw, environment, group, seed),
    }


def _mixtures(
    raw: Float[np.ndarray, "site energy"], environment: Int[np.ndarray, " site"]
) -> tuple[Float[np.ndarray, " energy"], Float[np.ndarray, "direction energy"]]:
    """Mean of the spectra divided by their means, and principal directions of mixtures."""
    unit = raw / raw.mean(axis=1, keepdims=True)
    mean = unit.mean(axis=0)
    rows = []
    codes = np.unique(environment)
    for code in codes:
        own = unit[environment == code]
        share = (len(own) / len(unit) + 1 / len(codes)) / 2
        rows.append(np.sqrt(share) * (own.mean(axis=0) - mean)[None])
        rows.append((own - own.mean(axis=0)) / np.sqrt(len(unit) * _SITES_IN_A_SAMPLE))
    _, size, direction = np.linalg.svd(np.concatenate(rows), full_matrices=False)
    explained = np.cumsum(size**2) / max(float((size**2).sum()), np.finfo(float).tiny)
    kept = min(int(np.searchsorted(explained, _KEPT_VARIANCE)) + 1, _MOST_DIRECTIONS, len(size))
    return mean, size[:kept, None] * direction[:kept]


def _rounded(values: Float[np.ndarray, " energy"]) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def _scatter(
    energy_eV: Float[np.ndarray, " energy"],
    raw: Float[np.ndarray, "site energy"],
    environment: Int[np.ndarray, " site"],
    group: Int[np.ndarray, " site"],
    seed: int,
) -> float | None:
    """What errors of alignment have beyond their own uncertainty, in eV."""
    random = np.random.default_rng(seed)
    groups = random.permutation(np.unique(group))[:_MOST_GROUPS]
    if len(np.unique(group)) < 2:
        return None
    step = energy_eV[1] - energy_eV[0]
    outside = np.arange(step, _AROUND_EV + step / 2, step)
    wide_eV = np.concatenate([energy_eV[0] - outside[::-1], energy_eV, energy_eV[-1] + outside])
    errors = []
    for left_out in groups:
        rest = group != left_out
        reference = Reference(energy_eV, *_mixtures(raw[rest], environment[rest]))
        rows = np.flatnonzero(~rest)
        for _ in range(-(-_TRIALS // len(groups))):
            drawn = random.choice(rows, random.integers(*_SITES, endpoint=True))
            spectrum = broaden(energy_eV, raw[drawn].mean(axis=0), random.uniform(0, _WIDEST_EV))
            measured = np.interp(wide_eV, energy_eV, spectrum / spectrum.mean())
            measured += random.normal(0, _NOISE, measured.size)
            found = match(wide_eV, measured, reference, (-_AROUND_EV, _AROUND_EV))
            errors.append((found.mean_eV, found.uncertainty_eV))
    error_eV, own_eV = np.array(errors).T
    normal = NormalDist().inv_cdf((1 + _COVERED) / 2)
    # The least addition at which each error would lie inside; of these, the one at which enough do.
    needed = np.sqrt(np.maximum((error_eV / normal) ** 2 - own_eV**2, 0.0))
    enough = float(np.quantile(needed, _COVERED, method="higher"))
    # Only training needs it, and it takes long to load.
    from scipy.stats import t as student_t

    few = float(student_t.ppf((1 + _COVERED) / 2, len(groups) - 1)) / normal
    return round(few * enough, 3)
