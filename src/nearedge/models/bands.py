"""Where the spectra of each class lie: the bands that a picture shows behind a spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from nearedge.models.preprocessing import unit_mean

#: Shares of a class's sites that lie below the lower edge, the middle and the upper edge.
QUANTILES = (0.1, 0.5, 0.9)


def class_bands(
    x: Float[np.ndarray, "site feature"],
    environment: Int[np.ndarray, " site"],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Quantiles of the spectra of each class, each divided by its mean over the grid.

    Parameters
    ----------
    x
        Intensities of sites on the model's grid.
    environment
        Class of each site, as position in `labels`.
    labels
        Names of the classes.

    Returns
    -------
    dict
        Plain values, as `model.json` keeps them: ``"quantiles"``, and in ``"intensity"`` for each
        class with sites one row per quantile, to four digits.

    Raises
    ------
    NearedgeError
        If the mean of a spectrum is not positive.

    Examples
    --------
    >>> x = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    >>> class_bands(x, np.array([0, 0, 0]), ["0 Fe", "1 Fe"])["intensity"]
    {'0 Fe': [[0.6, 0.6], [1.0, 1.0], [1.4, 1.4]]}
    """
    scaled = unit_mean(x)
    bands = {}
    for code, label in enumerate(labels):
        own = scaled[environment == code]
        if len(own):
            rows = np.quantile(own, QUANTILES, axis=0)
            bands[label] = [[float(f"{value:.4g}") for value in row] for row in rows]
    return {"quantiles": list(QUANTILES), "intensity": bands}
