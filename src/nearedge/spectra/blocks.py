"""Many spectra on one energy axis, as stacks and maps hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import Axis
from nearedge.spectra.header import Header
from nearedge.spectra.spectrum import Kind, Spectrum

BLOCK_SPECTRA = 1000


@dataclass(frozen=True, eq=False)
class SpectrumBlock:
    """Consecutive spectra of one file that share energies and origin.

    Parameters
    ----------
    energy_eV
        Strictly increasing energies.
    intensity
        One row per spectrum; a row with a fault may hold NaN.
    scans
        Label of every spectrum within its file.
    headers
        What the file says of every spectrum: `Spectrum.header`.
    faults
        None for a readable spectrum, else what is wrong with it, so that one bad scan does not end
        a series.
    first
        Number of the first row among the spectra of the file, from 0: where to go on with
        ``iter_blocks(path, start=...)``.
    total
        Number of spectra in the file, where the reader knows it.
    axis, source, format, kind, raw, element, edge, notes
        As in `Spectrum`, for all rows.

    Raises
    ------
    NearedgeError
        If the lengths do not match.

    Examples
    --------
    >>> energy_eV = np.linspace(528.0, 560.0, 321)
    >>> intensity = np.ones((3, 321))
    >>> intensity[1, 7] = np.nan
    >>> block = SpectrumBlock(
    ...     energy_eV, intensity, ("1", "2", "3"), ({}, {}, {}), (None, "a gap", None), 0,
    ...     axis="absolute", source="stack.h5", format="hdf5",
    ... )
    >>> [spectrum.scan for spectrum in block.spectra()]
    ['1', '3']
    """  # fmt: skip

    energy_eV: Float[np.ndarray, " energy"]
    intensity: Float[np.ndarray, "spectrum energy"]
    scans: tuple[str, ...]
    headers: tuple[Header, ...]
    faults: tuple[str | None, ...]
    first: int
    axis: Axis
    source: str
    format: str
    kind: Kind = "unknown"
    raw: bool | None = None
    element: str | None = None
    edge: str | None = None
    notes: tuple[str, ...] = ()
    total: int | None = None
    _spectra: tuple[Spectrum, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        count = len(self.intensity)
        if {count} != {len(self.scans), len(self.headers), len(self.faults)}:
            raise NearedgeError(
                f"{self.source}: a block of {count} spectra with {len(self.scans)} labels, "
                f"{len(self.headers)} headers and {len(self.faults)} faults; give one each"
            )

    def spectra(self) -> list[Spectrum]:
        """Spectra of the rows without a fault."""
        if self._spectra is not None:
            return list(self._spectra)
        return [
            Spectrum(
                self.energy_eV,
                row,
                axis=self.axis,
                source=self.source,
                scan=scan,
                format=self.format,
                notes=self.notes,
                kind=self.kind,
                raw=self.raw,
                element=self.element,
                edge=self.edge,
                header=header,
            )
            for row, scan, header, fault in zip(
                self.intensity, self.scans, self.headers, self.faults, strict=True
            )
            if fault is None
        ]


def into_blocks(
    spectra: Sequence[Spectrum], start: int = 0, size: int = BLOCK_SPECTRA
) -> Iterator[SpectrumBlock]:
    """Group consecutive spectra that share their energies, notes and origin.

    Parameters
    ----------
    spectra
        In the order of their file.
    start
        How many to leave out.
    size
        Most spectra in a block.

    Yields
    ------
    SpectrumBlock
        Together they hold all spectra, in order.
    """

    def shared(item: tuple[int, Spectrum]) -> tuple:
        position, s = item
        origin = (s.axis, s.source, s.format, s.kind, s.raw, s.element, s.edge, s.notes)
        return (position // size, s.energy_eV.tobytes(), s.edge_energy_eV, *origin)

    for _, group in groupby(enumerate(spectra[start:]), shared):
        items = list(group)
        rows = tuple(spectrum for _, spectrum in items)
        one = rows[0]
        yield SpectrumBlock(
            one.energy_eV,
            np.stack([spectrum.intensity for spectrum in rows]),
            scans=tuple(spectrum.scan for spectrum in rows),
            headers=tuple(spectrum.header for spectrum in rows),
            faults=(None,) * len(rows),
            first=start + items[0][0],
            axis=one.axis,
            source=one.source,
            format=one.format,
            kind=one.kind,
            raw=one.raw,
            element=one.element,
            edge=one.edge,
            notes=one.notes,
            total=len(spectra),
            _spectra=rows,
        )


def row_faults(
    intensity: Float[np.ndarray, "spectrum energy"], energy_eV: Float[np.ndarray, " energy"]
) -> tuple[str | None, ...]:
    """Say of each row whether it has a value at every energy.

    Examples
    --------
    >>> row_faults(np.array([[1.0, 2.0], [1.0, np.nan]]), np.array([530.0, 531.0]))
    (None, '1 of 2 intensities is NaN or infinite, the first at 531 eV; was the scan interrupted?')
    """
    finite = np.isfinite(intensity)
    faults: list[str | None] = [None] * len(intensity)
    for row in np.flatnonzero(~finite.all(axis=1)):
        bad = np.flatnonzero(~finite[row])
        faults[row] = (
            f"{bad.size} of {energy_eV.size} intensities {'is' if bad.size == 1 else 'are'} NaN or "
            f"infinite, the first at {energy_eV[bad[0]]:g} eV; was the scan interrupted?"
        )
    return tuple(faults)
