"""Gatan's DigitalMicrograph files, ``.dm3`` and ``.dm4``; see `nearedge.spectra.hyperspy`."""

from __future__ import annotations

from collections.abc import Iterator

from nearedge.spectra.blocks import SpectrumBlock
from nearedge.spectra.hyperspy import extra, signal_blocks


def blocks(
    path: str, columns: str | None, mode: str, start: int, size: int
) -> Iterator[SpectrumBlock]:
    """Read the spectra of a DigitalMicrograph file; see `nearedge.spectra.hdf5.blocks`."""
    with extra(path):
        from rsciio.digitalmicrograph import file_reader
    yield from signal_blocks(file_reader, path, "gatan", columns, start, size)
