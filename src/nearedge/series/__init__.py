"""Series: hundreds to hundreds of thousands of spectra of one experiment, in bounded memory."""

from __future__ import annotations

from nearedge.series.columns import COLUMNS, cells
from nearedge.series.record import Record, document
from nearedge.series.results import Results
from nearedge.series.run import Options, predict_series
from nearedge.series.sources import find_files
from nearedge.series.summary import Summary

__all__ = [
    "COLUMNS",
    "Options",
    "Record",
    "Results",
    "Summary",
    "cells",
    "document",
    "find_files",
    "predict_series",
]
