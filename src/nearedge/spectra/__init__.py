"""Spectra: reading them, and bringing them to one axis, scale and resolution."""

from __future__ import annotations

from nearedge.spectra.align import Alignment, best_shift
from nearedge.spectra.axis import Axis
from nearedge.spectra.blocks import SpectrumBlock
from nearedge.spectra.edges import is_near_edge, tabulated_edge_eV
from nearedge.spectra.grid import PAPER_GRID, EnergyGrid, resample
from nearedge.spectra.normalise import broaden, normalise
from nearedge.spectra.read import iter_blocks, read_spectra
from nearedge.spectra.spectrum import Spectrum

__all__ = [
    "PAPER_GRID",
    "Alignment",
    "Axis",
    "EnergyGrid",
    "Spectrum",
    "SpectrumBlock",
    "best_shift",
    "broaden",
    "is_near_edge",
    "iter_blocks",
    "normalise",
    "read_spectra",
    "resample",
    "tabulated_edge_eV",
]
