"""One shift of the energy axis for what one instrument measured, found before a series is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.models import Model
from nearedge.predict import find_shift
from nearedge.series.reading import read_pieces
from nearedge.series.results import Results
from nearedge.spectra import Spectrum
from nearedge.spectra.matching import ShiftEstimate

# A shift is found from the mean of so many spectra at so many places of the series.
_PLACES = 5
_AT_A_PLACE = 20
_ALL = "all files"


class Shifts:
    """Shifts by file, or for all files under the key None; kept with the results.

    Parameters
    ----------
    model, reading, predicting
        As the series is read and predicted; a shift that is given there is not searched.
    results
        Remembers shifts, so that a series that goes on keeps those that it began with.
    """

    def __init__(
        self,
        model: Model,
        reading: Mapping[str, Any],
        predicting: Mapping[str, Any],
        results: Results | None,
    ) -> None:
        self.table: dict[str | None, ShiftEstimate] = {}
        self._model = model
        self._reading = reading
        self._arguments = {k: v for k, v in predicting.items() if k in ("skip", "background")}
        self._given = predicting.get("shift_eV") is not None
        self._results = results
        known = {} if results is None else results.found.get("shifts", {})
        for name, values in known.items():
            self.table[None if name == _ALL else name] = _restored(values)

    def find_common(self, files: Sequence[str]) -> None:
        """Find the shift that all files share, from some of them."""
        if self._given or None in self.table:
            return
        most = _PLACES * 4 - 1
        chosen = sorted({round(k * (len(files) - 1) / most) for k in range(most + 1)})
        self._find(None, [(files[place], 0) for place in chosen])

    def find_for(self, path: str) -> None:
        """Find the shift of one large file, from spectra all over it."""
        if self._given or path in self.table or None in self.table:
            return
        first = next(read_pieces(path, self._reading, size=_AT_A_PLACE))
        last = max(first.count - _AT_A_PLACE, 0)
        self._find(path, [(path, int(start)) for start in np.linspace(0, last, _PLACES)])

    def _find(self, key: str | None, places: list[tuple[str, int]]) -> None:
        spectra: list[Spectrum] = []
        for path, start in dict.fromkeys(places):
            piece = next(read_pieces(path, self._reading, start, _AT_A_PLACE))
            spectra += [one for one in piece.items[:_AT_A_PLACE] if isinstance(one, Spectrum)]
        try:
            shift = find_shift(spectra, self._model, **self._arguments)
        except NearedgeError:
            # Calculated spectra need none, and of others every prediction says what is wrong.
            return
        self.table[key] = shift
        if self._results is not None:
            kept = {_ALL if k is None else k: asdict(v) for k, v in self.table.items()}
            self._results.keep({"shifts": kept})


def _restored(values: Mapping[str, Any]) -> ShiftEstimate:
    """A shift as JSON kept it, where NaN has become None."""
    restored: dict[str, Any] = {}
    for name, value in values.items():
        nan = float("nan") if value is None else value
        restored[name] = np.array(value, dtype=float) if isinstance(value, list) else nan
    return ShiftEstimate(**restored)
