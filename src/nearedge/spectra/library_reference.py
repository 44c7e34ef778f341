"""Sum up a library for aligning measurements with it, and find out how well that works."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from nearedge.errors import NearedgeError
from nearedge.spectra.matching import match
from nearedge.spectra.reference import Reference
from nearedge.spectra.simulated import AROUND_EV, drawn_sites, simulated_measurement

# So many samples of each group tell how samples differ.
_SAMPLES = 40
# Directions beyond this share of the variance cannot be told from noise.
_KEPT_VARIANCE = 0.999
_MOST_DIRECTIONS = 20
_DIGITS = 5
# Measurements that are simulated to see how far off the alignment of an unseen structure is.
_TRIALS = 80
_MOST_GROUPS = 16
# Where the error of few groups is known, Student's t at this share stands for the normal
# distribution.
_COVERED = 0.9


def alignment_reference(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "site energy"],
    group: Int[np.ndarray, " site"],
    seed: int = 0,
) -> dict[str, Any]:
    """Sum up a library for aligning measurements with it, as a model's description stores it.

    A sample is of one material, so mixtures are drawn within each group: averages of 20 to 70
    sites. Their mean and the principal directions in which they differ are kept. What groups differ
    by as a whole is in them, as it is in what will be measured.

    How sure an alignment is for a structure that the library does not hold is found out: group by
    group is left out, measurements are simulated from it (mixtures, broadened by up to 1 eV, with
    noise), and aligned with the rest. What the mean square of the errors exceeds that of the
    uncertainties by is stored, as a standard deviation, as ``scatter_eV``. Errors of one group are
    alike, so that there are as many of them as groups; for a few it is raised as Student's t
    exceeds the normal distribution.

    Parameters
    ----------
    energy_eV
        Uniform energies relative to the library's zero.
    intensity
        Raw spectra of the sites.
    group
        What shares a zero and descends from one cell: the trajectory of every site, or the
        structure where there is one trajectory only.
    seed
        Of the mixtures and the simulated measurements.

    Returns
    -------
    dict
        ``energy_eV``; ``intensity``, the raw mean; ``unit_mean`` and ``directions``, of mixtures
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
    >>> from nearedge.spectra.reference import load_reference
    >>> stored = alignment_reference(energy_eV, sites, np.zeros(4, dtype=int))
    >>> load_reference(stored).directions.shape[1], stored["scatter_eV"]
    (301, None)
    """
    raw = np.asarray(intensity, dtype=np.float64)
    if not (raw.mean(axis=1) > 0).all():
        site = int(np.flatnonzero(~(raw.mean(axis=1) > 0))[0])
        raise NearedgeError(
            f"site {site} has a spectrum whose mean is not positive; check the library"
        )
    known = mixtures_reference(energy_eV, raw, group, seed)
    return {
        "energy_eV": np.asarray(energy_eV, dtype=np.float64).round(6).tolist(),
        "intensity": _rounded(raw.mean(axis=0)),
        "unit_mean": _rounded(known.mean),
        "directions": [_rounded(row) for row in known.directions],
        "scatter_eV": _scatter(energy_eV, raw, group, seed),
    }


def mixtures_reference(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "site energy"],
    group: Int[np.ndarray, " site"],
    seed: int = 0,
    scatter_eV: float = 0.0,
) -> Reference:
    """Mean and principal directions of mixtures within each group; see `alignment_reference`."""
    random = np.random.default_rng(seed)
    rows = []
    for own in np.unique(group):
        sites = np.flatnonzero(group == own)
        for _ in range(_SAMPLES):
            mixed = intensity[drawn_sites(sites, random)].mean(axis=0)
            rows.append(mixed / mixed.mean())
    mean = np.mean(rows, axis=0)
    off = (np.stack(rows) - mean) / np.sqrt(len(rows))
    _, size, direction = np.linalg.svd(off, full_matrices=False)
    explained = np.cumsum(size**2) / max(float((size**2).sum()), np.finfo(float).tiny)
    kept = min(int(np.searchsorted(explained, _KEPT_VARIANCE)) + 1, _MOST_DIRECTIONS, len(size))
    return Reference(energy_eV, mean, size[:kept, None] * direction[:kept], scatter_eV)


def _rounded(values: Float[np.ndarray, " energy"]) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def _scatter(
    energy_eV: Float[np.ndarray, " energy"],
    raw: Float[np.ndarray, "site energy"],
    group: Int[np.ndarray, " site"],
    seed: int,
) -> float | None:
    """What errors of alignment have beyond their own uncertainty, in eV."""
    random = np.random.default_rng(seed)
    groups = random.permutation(np.unique(group))[:_MOST_GROUPS]
    if len(np.unique(group)) < 2:
        return None
    errors = []
    for left_out in groups:
        rest = group != left_out
        reference = mixtures_reference(energy_eV, raw[rest], group[rest], seed)
        for _ in range(-(-_TRIALS // len(groups))):
            wide_eV, measured, _ = simulated_measurement(
                energy_eV, raw, np.flatnonzero(~rest), random
            )
            found = match(wide_eV, measured, reference, (-AROUND_EV, AROUND_EV))
            errors.append((found.mean_eV, found.uncertainty_eV))
    error_eV, own_eV = np.array(errors).T
    excess = float(np.sqrt(max(float(np.mean(error_eV**2 - own_eV**2)), 0.0)))
    # Only training needs it, and it takes long to load.
    from scipy.stats import t as student_t

    normal = NormalDist().inv_cdf((1 + _COVERED) / 2)
    few = float(student_t.ppf((1 + _COVERED) / 2, len(groups) - 1)) / normal
    return round(few * excess, 3)
