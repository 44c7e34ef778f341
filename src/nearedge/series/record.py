"""One spectrum of a series: its prediction, and what its header says of the experiment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from nearedge.models import unit_mean
from nearedge.plain import plain
from nearedge.predict import Prediction


@dataclass(frozen=True, eq=False)
class Record:
    """One spectrum of a series.

    Attributes
    ----------
    prediction
        What the model says of it.
    header
        What the file says of the scan: scan number, time, voltage, place on a map.
    index, count
        Position in its file, from 0, and the number of spectra in that file.
    stamp
        Size in bytes and time of change in ns of the file when it was read; a file that has
        changed since is read again.
    intensity
        On the model's axis, divided by the mean; None where there is no answer.
    """

    prediction: Prediction
    header: dict[str, Any] = field(default_factory=dict)
    index: int = 0
    count: int = 1
    stamp: tuple[int, int] = (0, 0)
    intensity: Float32[np.ndarray, " grid"] | None = None


def document(record: Record) -> dict[str, Any]:
    """Plain values for JSON: those of the prediction, and ``header``.

    Examples
    --------
    >>> record = Record(Prediction("a.dat", None, "error", message="empty"), {"scan_number": 7})
    >>> document(record)["header"]
    {'scan_number': 7}
    """
    return plain(record.prediction.to_dict() | {"header": record.header})


def scaled(intensity: Float[np.ndarray, " grid"] | None) -> Float32[np.ndarray, " grid"] | None:
    """Intensities divided by their mean, as a record holds them; None without a positive one.

    Examples
    --------
    >>> scaled(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5]
    """
    if intensity is None or intensity.mean() <= 0:
        return None
    return unit_mean(intensity[None])[0].astype(np.float32)
