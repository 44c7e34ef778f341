"""Spectra: reading them, and bringing them to one axis, scale and resolution."""

from __future__ import annotations

from nearedge.spectra.align import Alignment, best_shift
from nearedge.spectra.axis import Axis
from nearedge.spectra.blocks import SpectrumBlock
from nearedge.spectra.edges import is_near_edge, tabulated_edge_eV
from nearedge.spectra.grid import PAPER_GRID, EnergyGrid, resample
from nearedge.spectra.library_reference import alignment_reference, mixtures_reference
from nearedge.spectra.matching import ShiftEstimate, known_shift, match
from nearedge.spectra.normalise import broaden, normalise
from nearedge.spectra.prepare import (
    PREPARATION_STEPS,
    Prepared,
    check_background,
    check_steps,
    prepare,
)
from nearedge.spectra.read import iter_blocks, read_spectra
from nearedge.spectra.reference import Reference, load_reference
from nearedge.spectra.simulated import AROUND_EV, simulated_measurement, simulated_scan
from nearedge.spectra.spectrum import Spectrum

__all__ = [
    "AROUND_EV",
    "PAPER_GRID",
    "PREPARATION_STEPS",
    "Alignment",
    "Axis",
    "EnergyGrid",
    "Prepared",
    "Reference",
    "ShiftEstimate",
    "Spectrum",
    "SpectrumBlock",
    "alignment_reference",
    "best_shift",
    "broaden",
    "check_background",
    "check_steps",
    "is_near_edge",
    "iter_blocks",
    "known_shift",
    "load_reference",
    "match",
    "mixtures_reference",
    "normalise",
    "prepare",
    "read_spectra",
    "resample",
    "simulated_measurement",
    "simulated_scan",
    "tabulated_edge_eV",
]
