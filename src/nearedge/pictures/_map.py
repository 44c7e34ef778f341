"""What both pictures of a series need: its headline, and the map if it is one."""

from __future__ import annotations

import numpy as np

from nearedge.series.summary import Trend

# A map must be filled to this share, else its places are no grid.
_FILLED = 0.25


def coordination_map(trend: Trend) -> dict[str, np.ndarray] | None:
    """Coordination number at every place of a map; None if the series has no two dimensions.

    Returns
    -------
    dict or None
        ``"coordination"`` (y, x) with NaN where there is no answer, ``"x"`` and ``"y"``.
    """
    if trend.place is None:
        return None
    x, column = np.unique(trend.place[:, 0], return_inverse=True)
    y, row = np.unique(trend.place[:, 1], return_inverse=True)
    if min(len(x), len(y)) < 2 or len(trend.place) < _FILLED * len(x) * len(y):
        return None
    values = np.full((len(y), len(x)), np.nan)
    values[row, column] = trend.place[:, 2]
    return {"coordination": values, "x": x, "y": y}


def headline(trend: Trend) -> tuple[str, str]:
    """How many spectra were answered, and what the picture averages.

    Examples
    --------
    >>> from nearedge.series import Record, Summary
    >>> from nearedge.predict import Prediction
    >>> summary = Summary(["0 Fe"], points=2)
    >>> summary.add([Record(Prediction("a", "1", "error", message="a: empty"))])
    >>> headline(summary.trend())
    ('1 spectrum: 1 not readable', '')
    """
    total = sum(trend.counts.values())
    words = {"ok": "answered", "abstained": "without an answer", "error": "not readable"}
    parts = [
        f"{trend.counts[key]:,} {word}" for key, word in words.items() if trend.counts.get(key)
    ]
    first = f"{total:,} {'spectrum' if total == 1 else 'spectra'}: {', '.join(parts)}"
    if trend.spectra_per_bin == 1:
        return first, ""
    return first, f"each point and each column is the mean of {trend.spectra_per_bin} spectra"


def strip(trend: Trend) -> str:
    """What the bands around fractions are."""
    return " with its interval" if np.isfinite(trend.shares_low).any() else ""
