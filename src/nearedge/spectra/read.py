"""One call that reads spectra from a file, whatever program or beamline wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import athena, feff, msa, ocean, table, xdi, xspectra
from nearedge.spectra.blocks import BLOCK_SPECTRA, SpectrumBlock, into_blocks
from nearedge.spectra.columns import Mode
from nearedge.spectra.source import SourceFile, load
from nearedge.spectra.spectrum import Spectrum

# Both arrays of so many values take 320 MB; more is read with `iter_blocks`.
_MOST_VALUES = 20_000_000


class _Format(NamedTuple):
    name: str
    looks_like: Callable[[SourceFile], bool]
    parse: Callable[[SourceFile, str | None, Mode], list[Spectrum]]


class _StreamedFormat(NamedTuple):
    """A format that a helper process reads; `module` has the generator ``blocks``."""

    module: str
    looks_like: Callable[[SourceFile], bool]


_HDF5 = b"\x89HDF\r\n\x1a\n"


def _is_hdf5(source: SourceFile) -> bool:
    # A user block may come first; its size is a power of two from 512.
    return any(source.head[place : place + 8] == _HDF5 for place in (0, 512, 1024, 2048))


def _is_gatan(source: SourceFile) -> bool:
    # Version 3 or 4, the length (4 or 8 bytes), and whether numbers are little-endian.
    head = source.head
    return (head[:4] == b"\0\0\0\3" and head[8:11] == b"\0\0\0" and head[11:12] in b"\0\1") or (
        head[:4] == b"\0\0\0\4" and head[12:15] == b"\0\0\0" and head[15:16] in b"\0\1"
    )


# The first format that recognises the content reads it: those that need a helper process, then the
# text formats (which refuse binary content), and last the plain table, which accepts all text.
_STREAMED = (
    _StreamedFormat("hdf5", _is_hdf5),
    _StreamedFormat("gatan", _is_gatan),
    _StreamedFormat("athena", athena.looks_like),
)
_FORMATS = (
    _Format("xdi", xdi.looks_like, xdi.parse),
    _Format("msa", msa.looks_like, msa.parse),
    _Format("feff-xmu", feff.looks_like, feff.parse),
    _Format("xspectra", xspectra.looks_like, xspectra.parse),
    _Format("ocean-absspct", ocean.looks_like, ocean.parse),
    _Format("table", table.looks_like, table.parse),
)


def read_spectra(
    path: str | Path,
    columns: str | None = None,
    mode: Mode = "auto",
    original_name: str | None = None,
) -> list[Spectrum]:
    """Read every spectrum of a file, finding its format from the content and not from the name.

    Formats: XDI, Athena projects, text tables (comments, separators, decimal commas and column
    names as beamlines write them), EELS in ``.msa``, ``.dm3``, ``.dm4`` and ``.hspy``, HDF5 and
    NeXus, and the output of FEFF, OCEAN and XSpectra; ``docs/formats.md`` says how each is
    recognised, what is read and what is refused. Energies are returned in eV and increasing; what
    was done to get there (keV, scans that go back, detectors combined) is in `Spectrum.notes`.

    Parameters
    ----------
    path
        The file.
    columns
        The energy and one or more signals, by name or number, where the file does not tell or
        something else is wanted: ``"1,4"``, ``"energy keV,mu"``, ``"energy,ln(i0/it)"``,
        ``"energy,(f1+f2)/i0"``; in HDF5 the paths of datasets. See `nearedge.spectra.columns`.
    mode
        ``"transmission"``, ``"fluorescence"`` or ``"electron yield"`` where a file has detectors
        for several; ``"auto"`` takes stored absorption, then these in this order.
    original_name
        What the file was called where it came from, if it is stored under another name: OCEAN
        writes the element there. It is only read, and never used as a path.

    Returns
    -------
    list of Spectrum
        At least one, in the order of the file.

    Raises
    ------
    NearedgeError
        If the file cannot be read as spectra. The message names the file and, where there is one,
        the line, and says what to do.
    UsageError
        If `columns` cannot be understood or does not fit the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two_atoms.csv"
    ...     rows = [f"{0.1 * i:.1f},{i * i},{i}" for i in range(100)]
    ...     _ = path.write_text("energy_eV,O1,O2\\n" + "\\n".join(rows) + "\\n")
    ...     spectra = read_spectra(path)
    >>> [(spectrum.scan, spectrum.axis, spectrum.energy_eV.size) for spectrum in spectra]
    [('O1', 'relative', 100), ('O2', 'relative', 100)]
    """
    source = load(path, original_name)
    streamed = _streamed(source)
    if streamed is None:
        return _parsed(source, columns, mode)
    spectra: list[Spectrum] = []
    values = 0
    for block in _blocks(streamed, source, columns, mode, 0, BLOCK_SPECTRA):
        fault = next((fault for fault in block.faults if fault), None)
        if fault:
            scan = block.scans[block.faults.index(fault)]
            raise NearedgeError(f"{source.name}, spectrum {scan}: {fault}")
        values += block.intensity.size
        if values > _MOST_VALUES:
            raise NearedgeError(
                f"{source.name}: more than {_MOST_VALUES / 1e6:g} million values are too many to "
                "hold at once; read the file with iter_blocks"
            )
        spectra += block.spectra()
    return spectra


def iter_blocks(
    path: str | Path,
    columns: str | None = None,
    mode: Mode = "auto",
    start: int = 0,
    size: int = BLOCK_SPECTRA,
    original_name: str | None = None,
) -> Iterator[SpectrumBlock]:
    """Read the spectra of a file in blocks that share their energies, in bounded memory.

    A stack in HDF5 is read piece by piece; other files are small and read at once. A spectrum that
    cannot be used is a fault in its block (``block.faults``), not the end of the file.

    Parameters
    ----------
    path, columns, mode, original_name
        As for `read_spectra`.
    start
        Number of the first spectrum, from 0, to go on where an earlier reading ended
        (``block.first + len(block.scans)``).
    size
        Most spectra in a block; blocks are smaller where spectra are long.

    Yields
    ------
    SpectrumBlock
        Energies, intensities (spectrum, energy) and a header for each spectrum, in the order of the
        file.

    Raises
    ------
    NearedgeError
        As `read_spectra` does.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two_atoms.csv"
    ...     rows = [f"{0.1 * i:.1f},{i * i},{i}" for i in range(100)]
    ...     _ = path.write_text("energy_eV,O1,O2\\n" + "\\n".join(rows) + "\\n")
    ...     [block] = iter_blocks(path)
    >>> block.intensity.shape, block.scans
    ((2, 100), ('O1', 'O2'))
    """
    if start < 0 or size < 1:
        raise UsageError(f"start {start} and size {size}: give start from 0 and size from 1")
    source = load(path, original_name)
    streamed = _streamed(source)
    if streamed is None:
        yield from into_blocks(_parsed(source, columns, mode), start, size)
    else:
        yield from _blocks(streamed, source, columns, mode, start, size)


def _streamed(source: SourceFile) -> _StreamedFormat | None:
    return next((candidate for candidate in _STREAMED if candidate.looks_like(source)), None)


def _parsed(source: SourceFile, columns: str | None, mode: Mode) -> list[Spectrum]:
    found = next(candidate for candidate in _FORMATS if candidate.looks_like(source))
    return found.parse(source, columns, mode)


def _blocks(
    streamed: _StreamedFormat,
    source: SourceFile,
    columns: str | None,
    mode: Mode,
    start: int,
    size: int,
) -> Iterator[SpectrumBlock]:
    from nearedge.spectra._isolated import isolated_blocks

    return isolated_blocks(
        streamed.module, source.name, columns=columns, mode=mode, start=start, size=size
    )
