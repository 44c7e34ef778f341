"""A series in bounded memory: what its trend, its heat map and its map show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from nearedge.predict import Prediction
from nearedge.series.record import Record

# A page shows no more rows of a heat map, nor more points of a curve, than this.
_MOST_BINS = 400
# What orders a series must be known for this share of its spectra.
_KNOWN = 0.9

_NUMBERS = ("coordination", "low", "high", "scan_number", "time", "voltage_V")


class Bins:
    """Means of consecutive rows; their number is halved whenever there are too many.

    Rows may hold NaN, which does not count.

    Parameters
    ----------
    width
        Number of values in a row.
    most
        Bins at most; an even number.

    Examples
    --------
    >>> bins = Bins(width=1, most=2)
    >>> bins.add(np.array([[1.0], [3.0], [np.nan], [8.0]]))
    >>> bins.rows_per_bin, bins.means().ravel()
    (2, array([2., 8.]))
    """

    def __init__(self, width: int, most: int = _MOST_BINS) -> None:
        self.rows_per_bin = 1
        self.rows = 0
        self._most = most
        self._sums = np.zeros((most, width))
        self._counts = np.zeros((most, width))

    def add(self, rows: Float[np.ndarray, "row value"]) -> None:
        """Add the next rows."""
        while self.rows + len(rows) > self._most * self.rows_per_bin:
            for table in (self._sums, self._counts):
                table[: self._most // 2] = table[0::2] + table[1::2]
                table[self._most // 2 :] = 0
            self.rows_per_bin *= 2
        known = np.isfinite(rows)
        bins = np.arange(self.rows, self.rows + len(rows)) // self.rows_per_bin
        np.add.at(self._sums, bins, np.where(known, rows, 0.0))
        np.add.at(self._counts, bins, known)
        self.rows += len(rows)

    def means(self) -> Float[np.ndarray, "bin value"]:
        """Mean of every bin that has a row; NaN where it has no known value."""
        used = -(-self.rows // self.rows_per_bin)
        counts = self._counts[:used]
        return np.where(counts > 0, self._sums[:used] / np.maximum(counts, 1), np.nan)

    def known(self) -> Float[np.ndarray, " value"]:
        """How many rows held each value."""
        return self._counts.sum(axis=0)


@dataclass(frozen=True, eq=False)
class Trend:
    """What pictures of a series show; one row per bin of consecutive spectra.

    Attributes
    ----------
    along, edges
        Middle and ends of each bin on the axis that orders the series; shapes (bin,), (bin + 1,).
    axis
        Which axis that is, as the picture writes it.
    coordination, low, high
        Means of the coordination number and of the ends of its interval; NaN without.
    shares
        (bin, environment) mean fractions if `kind` is ``"composition"``, else mean probabilities.
    shares_low, shares_high
        Ends of their intervals; NaN without.
    voltage_V
        NaN without.
    intensity
        (bin, grid) mean spectra, each divided by its mean.
    place
        x, y and coordination number of every spectrum of a map; None if the series is none.
    spectra_per_bin, counts
        How many spectra a bin averages; how many had each status.
    """

    along: Float[np.ndarray, " bin"]
    edges: Float[np.ndarray, " end"]
    axis: str
    coordination: Float[np.ndarray, " bin"]
    low: Float[np.ndarray, " bin"]
    high: Float[np.ndarray, " bin"]
    shares: Float[np.ndarray, "bin environment"]
    shares_low: Float[np.ndarray, "bin environment"]
    shares_high: Float[np.ndarray, "bin environment"]
    kind: Literal["composition", "probability"]
    voltage_V: Float[np.ndarray, " bin"]
    intensity: Float[np.ndarray, "bin grid"]
    place: Float[np.ndarray, "spectrum 3"] | None
    spectra_per_bin: int
    counts: dict[str, int]


class Summary:
    """Collects the records of a series for `trend`, in memory that does not grow with it.

    Only of a map every spectrum is kept, as three numbers.

    Parameters
    ----------
    labels
        Environments that the model knows.
    points
        Number of intensities on the model's axis.
    """

    def __init__(self, labels: Sequence[str], points: int) -> None:
        self.labels = tuple(labels)
        self.counts: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.least, self.greatest = np.inf, -np.inf
        self._columns = len(_NUMBERS) + 4 * len(self.labels)
        self._points = points
        self._bins = Bins(self._columns + points)
        self._places: list[np.ndarray] = []
        self._mapped = True

    def add(self, block: Sequence[Record]) -> None:
        """Take the next records."""
        rows = np.full((len(block), self._columns + self._points), np.nan)
        places = np.full((len(block), 3), np.nan, dtype=np.float32)
        for row, place, record in zip(rows, places, block, strict=True):
            self._fill(row, record)
            header = record.header
            place[:] = header.get("x", np.nan), header.get("y", np.nan), row[0]
        self._bins.add(rows)
        self._mapped = self._mapped and bool(np.isfinite(places[:, :2]).all())
        if self._mapped:
            self._places.append(places)
        else:
            self._places.clear()

    def _fill(self, row: np.ndarray, record: Record) -> None:
        answer, header = record.prediction, record.header
        self.counts[answer.status] += 1
        if answer.status == "error" and len(self.messages) < 1000:
            self.messages[answer.message] += 1
        if record.intensity is not None:
            row[self._columns :] = record.intensity
        row[3] = _float(header.get("scan_number"))
        row[4] = seconds(header.get("time"))
        row[5] = _float(header.get("voltage_V"))
        if answer.status != "ok" or answer.coordination is None:
            return
        mean = _float(answer.coordination["mean"])
        row[0] = mean
        self.least, self.greatest = min(self.least, mean), max(self.greatest, mean)
        row[1:3] = answer.coordination.get("interval") or (np.nan, np.nan)
        start, count = len(_NUMBERS), len(self.labels)
        probabilities = (answer.environment or {}).get("probabilities") or {}
        shares = composition_of(answer)
        for place, label in enumerate(self.labels, start=start):
            row[place] = _float(probabilities.get(label))
            if label in shares:
                row[place + count : place + 4 * count : count] = shares[label]

    def trend(self) -> Trend:
        """What there is to draw.

        Examples
        --------
        >>> from nearedge.predict import Prediction
        >>> summary = Summary(["0 Fe"], points=2)
        >>> answer = Prediction("a", "1", "ok", coordination={"mean": 1.5})
        >>> summary.add([Record(answer, {"scan_number": n}) for n in (7, 8, 9)])
        >>> trend = summary.trend()
        >>> trend.axis, trend.along.tolist(), trend.coordination.tolist()
        ('Scan number', [7.0, 8.0, 9.0], [1.5, 1.5, 1.5])
        """
        means = self._bins.means()
        known = self._bins.known()
        start, count = len(_NUMBERS), len(self.labels)
        blocks = [means[:, start + k * count : start + (k + 1) * count] for k in range(4)]
        has_composition = bool(known[start + count : start + 2 * count].any())
        nothing = np.full_like(blocks[0], np.nan)
        along, edges, axis = self._axis(means, known)
        return Trend(
            along=along,
            edges=edges,
            axis=axis,
            coordination=means[:, 0],
            low=means[:, 1],
            high=means[:, 2],
            shares=blocks[1] if has_composition else blocks[0],
            shares_low=blocks[2] if has_composition else nothing,
            shares_high=blocks[3] if has_composition else nothing,
            kind="composition" if has_composition else "probability",
            voltage_V=means[:, 5],
            intensity=means[:, self._columns :],
            place=np.concatenate(self._places) if self._mapped and self._places else None,
            spectra_per_bin=self._bins.rows_per_bin,
            counts=dict(self.counts),
        )

    def _axis(self, means: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
        """Time where nearly every header tells it, else scan number, else position."""
        for place, name in ((4, "Time"), (3, "Scan number")):
            values = means[:, place]
            if known[place] < _KNOWN * self._bins.rows or not np.isfinite(values).all():
                continue
            if (np.diff(values) > 0).all():
                if name == "Time":
                    values, name = _elapsed(values)
                return values, _edges(values), name
        width = self._bins.rows_per_bin
        edges = np.append(np.arange(len(means)) * width, self._bins.rows) + 0.5
        return (edges[:-1] + edges[1:]) / 2, edges, "Spectrum"


def composition_of(answer: Prediction) -> dict[str, tuple[float, float, float]]:
    """Fraction of each environment with the ends of its interval, NaN without one.

    Empty for a prediction without a composition. One is a dictionary with ``"fractions"`` by label
    and, of a calibrated model, ``"intervals"`` by label.
    """
    composition = answer.composition or {}
    intervals = composition.get("intervals") or {}
    found = {}
    for label, share in (composition.get("fractions") or {}).items():
        low, high = intervals.get(label) or (np.nan, np.nan)
        found[label] = (float(share), float(low), float(high))
    return found


def seconds(time: Any) -> float:
    """Seconds from an arbitrary zero, of a number or of a date and time; NaN if it is neither.

    What names no time zone counts as UTC, so that no hour is missing or twice on any machine.

    Examples
    --------
    >>> seconds("2001-06-26 21:21:20") - seconds("2001-06-26T21:21:00")
    20.0
    """
    if isinstance(time, str):
        for form in ("%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%a %b %d %H:%M:%S %Y"):
            try:
                moment = datetime.strptime(time.strip(), form)
            except ValueError:
                continue
            return moment.replace(tzinfo=UTC).timestamp()
        try:
            moment = datetime.fromisoformat(time.strip())
        except ValueError:
            return _float(time)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    return _float(time)


def _elapsed(values: np.ndarray) -> tuple[np.ndarray, str]:
    passed = values - values[0]
    span = float(passed[-1])
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if span > 2 * length:
            return passed / length, f"Time ({unit})"
    return passed, "Time (s)"


def _edges(middles: np.ndarray) -> np.ndarray:
    if len(middles) == 1:
        return middles[0] + np.array([-0.5, 0.5])
    between = (middles[:-1] + middles[1:]) / 2
    first, last = 2 * middles[0] - between[0], 2 * middles[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


def _float(value: Any) -> float:
    try:
        return np.nan if value is None else float(value)
    except (TypeError, ValueError):
        return np.nan
