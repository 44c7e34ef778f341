"""Spectra of one file in blocks, with what is wrong with those that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nearedge.errors import NearedgeError
from nearedge.series.sources import stamp
from nearedge.spectra import Spectrum, SpectrumBlock, iter_blocks


@dataclass(frozen=True)
class Fault:
    """A spectrum that cannot be read, and why."""

    source: str
    scan: str | None
    message: str
    header: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive spectra of one file, from `first` on.

    Attributes
    ----------
    count
        Number of spectra in the file; 0 while it is not known.
    stamp
        Of the file before it was opened, so that what changes while it is read counts as changed.
    """

    path: str
    first: int
    count: int
    items: tuple[Spectrum | Fault, ...]
    stamp: tuple[int, int]


def read_pieces(
    path: str, options: Mapping[str, Any], start: int = 0, size: int = 1000
) -> Iterator[Piece]:
    """Read the spectra of a file from one on.

    Parameters
    ----------
    path
        The file. If it cannot be read on, the rest of it is one fault.
    options
        Further arguments of `nearedge.spectra.iter_blocks`; and under ``names``, by path, what
        files were called where they came from.
    start
        First spectrum, counted from 0.
    size
        Most spectra at a time, roughly.

    Yields
    ------
    Piece
        At least one; the last one knows the number of spectra in the file.
    """
    held: Piece | None = None
    before = stamp(path)
    place = start
    arguments = {key: value for key, value in options.items() if key != "names"}
    arguments["original_name"] = options.get("names", {}).get(path)
    try:
        for block in iter_blocks(path, start=start, size=size, **arguments):
            if held is not None:
                yield held
            held = Piece(path, place, block.total or 0, _items(block), before)
            place += len(held.items)
    except NearedgeError as error:
        message = str(error) if path in str(error) else f"{path}: {error}"
    except Exception as error:
        # One file that a reader stumbles over must not end the series of a night.
        words = " ".join(str(error).split())
        message = (
            f"{path}: {type(error).__name__}: {words}; this is a defect of nearedge, please report "
            "it with the file"
        )
    else:
        if held is None:
            held = Piece(path, place, place, (), before)
        yield replace(held, count=place)
        return
    if held is not None:
        yield replace(held, count=0)
    yield Piece(path, place, place + 1, (Fault(path, None, message),), before)


def _items(block: SpectrumBlock) -> tuple[Spectrum | Fault, ...]:
    sound = iter(block.spectra())
    return tuple(
        next(sound)
        if fault is None
        else Fault(block.source, scan, f"{block.source}, spectrum {scan}: {fault}", dict(header))
        for scan, header, fault in zip(block.scans, block.headers, block.faults, strict=True)
    )
