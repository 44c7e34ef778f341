"""Spectra that `rosettasciio` reads: HyperSpy's ``.hspy`` and Gatan's ``.dm3`` and ``.dm4``.

Runs in a helper process (`nearedge.spectra._isolated`). The package is an extra (``eels``): it is
under the GPL, and brings Dask along. https://hyperspy.org/rosettasciio.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra.blocks import SpectrumBlock, row_faults
from nearedge.spectra.header import Header, scan_header
from nearedge.spectra.points import clean_points
from nearedge.spectra.spectrum import MINIMUM_POINTS
from nearedge.spectra.units import to_eV

_BLOCK_VALUES = 4_000_000
_MOST_POINTS = 1_000_000
_LARGEST_IN_MEMORY_BYTES = 50 * 10**6


def blocks(
    path: str, columns: str | None, mode: str, start: int, size: int
) -> Iterator[SpectrumBlock]:
    """Read the spectra of a HyperSpy file, block by block; see `nearedge.spectra.hdf5.blocks`."""
    with extra(path):
        from rsciio.hspy import file_reader
    yield from signal_blocks(file_reader, path, "hyperspy", columns, start, size)


class extra:
    """Say how to get the package where it is missing."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ImportError):
            raise NearedgeError(
                f"{self.path}: this format of electron microscopy needs rosettasciio; install it "
                "with: pip install 'nearedge[eels]'"
            ) from error


def signal_blocks(
    file_reader: Callable[..., list[dict[str, Any]]],
    path: str,
    format: str,
    columns: str | None,
    start: int,
    size: int,
) -> Iterator[SpectrumBlock]:
    """Read every signal of a file that has one energy axis; images are left out.

    Parameters
    ----------
    file_reader
        Reader of rosettasciio.
    path
        The file.
    format
        Name of the format, for the spectra.
    columns
        Must be None: these files know their axes.
    start
        How many spectra to leave out.
    size
        Most spectra in a block.

    Yields
    ------
    SpectrumBlock
        Of the kind ``"eels"``, raw.

    Raises
    ------
    NearedgeError
        If no signal has an axis in eV or keV.
    """
    if columns:
        raise UsageError(f"{path}: a file of electron microscopy has no columns to choose from")
    # Dask serves files beyond the memory of the helper, slowly.
    signals = file_reader(path, lazy=os.path.getsize(path) > _LARGEST_IN_MEMORY_BYTES)
    found = [(signal, axis) for signal in signals if (axis := _energy_axis(signal)) is not None]
    if not found:
        units = sorted({str(axis.get("units")) for signal in signals for axis in signal["axes"]})
        raise NearedgeError(
            f"{path}: no signal has an energy axis (units are {', '.join(units) or 'missing'}); "
            "calibrate it in eV"
        )
    first = 0
    for number, (signal, axis) in enumerate(found, start=1):
        label = _title(signal) or f"signal {number}"
        total = _count(signal, axis)
        yield from _read(
            signal, axis, path, format, label if len(found) > 1 else "", start - first, size, first
        )
        first += total


def _energy_axis(signal: dict[str, Any]) -> int | None:
    energies = [
        i
        for i, axis in enumerate(signal["axes"])
        if str(axis.get("units")).lower() in ("ev", "kev")
    ]
    return energies[0] if len(energies) == 1 and signal["data"].dtype.kind in "fiu" else None


def _count(signal: dict[str, Any], axis: int) -> int:
    shape = signal["data"].shape
    return math.prod(shape[:axis] + shape[axis + 1 :])


def _read(
    signal: dict[str, Any],
    axis: int,
    path: str,
    format: str,
    label: str,
    start: int,
    size: int,
    first: int,
) -> Iterator[SpectrumBlock]:
    description = signal["axes"][axis]
    data = signal["data"]
    points = data.shape[axis]
    where = f"{path}, {label or 'spectrum'}"
    if not MINIMUM_POINTS <= points <= _MOST_POINTS:
        raise NearedgeError(
            f"{where}: {points} energies are no spectrum, which has {MINIMUM_POINTS} to "
            f"{_MOST_POINTS}"
        )
    if "axis" in description:
        energy = np.asarray(description["axis"], dtype=np.float64)
    else:
        energy = float(description["offset"]) + float(description["scale"]) * np.arange(points)
    energy_eV, notes = to_eV(energy, str(description["units"]), where)
    if energy_eV.shape != (points,) or not np.isfinite(energy_eV).all():
        raise NearedgeError(f"{where}: the energy axis is damaged; save the file again")
    others = data.shape[:axis] + data.shape[axis + 1 :]
    total = math.prod(others)
    rows_of_energies = np.moveaxis(data, axis, -1).reshape((total, points))
    header = _header(signal)
    rows = max(1, min(size, _BLOCK_VALUES // points))
    position = max(start, 0)
    while position < total:
        stop = min(total, position + rows)
        values = np.asarray(rows_of_energies[position:stop], dtype=np.float64)
        scans = clean_points(energy_eV, values.T, where)
        if len(scans) > 1:
            raise NearedgeError(f"{where}: the energies go through several sweeps")
        intensity = np.ascontiguousarray(scans[0].values.T)
        yield SpectrumBlock(
            scans[0].energy_eV,
            intensity,
            scans=tuple(_label(label, total, i) for i in range(position, stop)),
            headers=tuple(_place(header, others, i) for i in range(position, stop)),
            faults=row_faults(intensity, scans[0].energy_eV),
            first=first + position,
            axis="absolute",
            source=path,
            format=format,
            kind="eels",
            raw=True,
            notes=(*notes, *scans[0].notes),
        )
        position = stop


def _label(label: str, total: int, number: int) -> str:
    if not label:
        return str(number + 1)
    return label if total == 1 else f"{label} {number + 1}"


def _place(header: Header, others: tuple[int, ...], number: int) -> Header:
    if len(others) != 2:
        return dict(header)
    y, x = divmod(number, others[1])
    return {**header, "y": y, "x": x}


def _title(signal: dict[str, Any]) -> str:
    return str(signal.get("metadata", {}).get("General", {}).get("title", "")).strip()


def _header(signal: dict[str, Any]) -> Header:
    general = signal.get("metadata", {}).get("General", {})
    pairs = [(name, str(general[name])) for name in ("title", "date", "time") if general.get(name)]
    return scan_header(pairs)
