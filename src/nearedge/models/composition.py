"""What a sample is made of, read from its spectrum as beamlines do: fits of known spectra."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from nearedge.mixtures import Sites
from nearedge.models.preprocessing import unit_mean


def fractions_by_means(
    intensity: Float[np.ndarray, "mixture energy"],
    sites: Sites,
    index: Int[np.ndarray, " site"],
) -> Float[np.ndarray, "mixture class"]:
    """Linear combination fitting: the non-negative mix of class means that fits a spectrum best.

    The custom of beamlines, with the mean spectra of the library's classes as references.

    Parameters
    ----------
    intensity
        Spectra to be resolved.
    sites, index
        Library, and the rows of it that references are made of. A class without a row gets 0.
    """
    held = np.unique(sites.environment[index])
    means = [sites.intensity[index][sites.environment[index] == code].mean(axis=0) for code in held]
    shares = np.zeros((len(intensity), len(sites.labels)))
    shares[:, held] = _non_negative(intensity, np.stack(means))
    return shares / shares.sum(axis=1, keepdims=True)


def fractions_by_library(
    intensity: Float[np.ndarray, "mixture energy"],
    sites: Sites,
    index: Int[np.ndarray, " site"],
) -> Float[np.ndarray, "mixture class"]:
    """Non-negative least squares on the library's single spectra, weights summed by class.

    Arguments as `fractions_by_means`.
    """
    weights = _non_negative(intensity, sites.intensity[index])
    one_hot = np.eye(len(sites.labels))[sites.environment[index]]
    shares = weights @ one_hot
    return shares / shares.sum(axis=1, keepdims=True)


def _non_negative(
    intensity: Float[np.ndarray, "mixture energy"], references: Float[np.ndarray, "n energy"]
) -> Float[np.ndarray, "mixture n"]:
    from scipy.optimize import lsq_linear, nnls

    # The weights of un-normalised references are shares of sites, up to the spectrum's own scale.
    columns = references.T / references.mean()

    def weights(row: np.ndarray) -> np.ndarray:
        try:
            return nnls(columns, row)[0]
        except RuntimeError:
            # Among many references that are nearly alike the active set may go round in circles.
            return lsq_linear(columns, row, (0, np.inf)).x

    return np.stack([weights(row) for row in unit_mean(intensity)])
