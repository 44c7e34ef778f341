"""One shift of the energy axis for what one instrument measured, found before a series is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.models import Model
from nearedge.predict import NoEdge, find_shift
from nearedge.series.reading import read_pieces
from nearedge.series.results import Results
from nearedge.spectra import Spectrum
from nearedge.spectra.matching import ShiftEstimate

# A shift is found from the mean of so many spectra at so many places of the series.
_PLACES = 5
_AT_A_PLACE = 20
# The shift that files share is found from so many of them.
_FILES = 20
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
        """Find the shift that all files share, from some of them.

        Files all over the series are looked at, and more where none of those shows the edge.

        Raises
        ------
        NearedgeError
            If spectra show the edge, but no shift fits their mean.
        """
        if self._given or None in self.table:
            return
        spread = np.linspace(0, len(files) - 1, _FILES).round().astype(int).tolist()
        order = [files[place] for place in dict.fromkeys([*spread, *range(len(files))])]
        for start in range(0, len(order), _FILES):
            try:
                found = self._find(None, [(path, 0) for path in order[start : start + _FILES]])
            except NearedgeError as error:
                raise NearedgeError(
                    f"no shift fits the files of one instrument together: {error}; name only files "
                    "that belong together, or have each aligned by itself"
                ) from error
            if found:
                return

    def find_for(self, path: str) -> None:
        """Find the shift of one large file, from spectra all over it."""
        if self._given or path in self.table or None in self.table:
            return
        first = next(read_pieces(path, self._reading, size=_AT_A_PLACE))
        last = max(first.count - _AT_A_PLACE, 0)
        # Where none is found, every prediction says what is wrong.
        with suppress(NearedgeError):
            self._find(path, [(path, int(start)) for start in np.linspace(0, last, _PLACES)])

    def _find(self, key: str | None, places: list[tuple[str, int]]) -> bool:
        """Whether measured spectra of the model's edge are there, and gave a shift."""
        spectra: list[Spectrum] = []
        for path, start in dict.fromkeys(places):
            piece = next(read_pieces(path, self._reading, start, _AT_A_PLACE))
            spectra += [one for one in piece.items[:_AT_A_PLACE] if isinstance(one, Spectrum)]
        try:
            shift = find_shift(spectra, self._model, **self._arguments)
        except (UsageError, NoEdge):
            # Calculated spectra need none, and of another edge every prediction says that it is.
            return False
        self.table[key] = shift
        if self._results is not None:
            kept = {_ALL if k is None else k: asdict(v) for k, v in self.table.items()}
            self._results.keep({"shifts": kept})
        return True


def _restored(values: Mapping[str, Any]) -> ShiftEstimate:
    """A shift as JSON kept it, where NaN has become None."""
    restored: dict[str, Any] = {}
    for name, value in values.items():
        nan = float("nan") if value is None else value
        restored[name] = np.array(value, dtype=float) if isinstance(value, list) else nan
    return ShiftEstimate(**restored)
