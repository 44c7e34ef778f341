"""Spectra of one file from a given one on, with what is wrong with those that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nearedge.errors import NearedgeError
from nearedge.series.sources import Piece
from nearedge.spectra import Spectrum, read_spectra


@dataclass(frozen=True)
class Fault:
    """A spectrum that cannot be read, and why."""

    scan: str | None
    message: str
    header: dict[str, Any] = field(default_factory=dict)


def stack_length(path: str) -> int | None:
    """Number of spectra of a stack, which can be read in pieces; None for any other file."""
    return None


def read_piece(piece: Piece) -> tuple[list[Spectrum | Fault], int]:
    """Read some spectra of a file.

    Returns
    -------
    list of Spectrum or Fault
        In the order of the file; a file that cannot be read at all is one fault.
    int
        Number of spectra in the whole file.
    """
    try:
        spectra: list[Spectrum | Fault] = list(read_spectra(piece.path))
    except NearedgeError as error:
        return [Fault(None, str(error))], 1
    except Exception as error:
        # One file that a reader stumbles over must not end the series of a night.
        words = " ".join(str(error).split())
        return [
            Fault(
                None,
                f"{piece.path}: {type(error).__name__}: {words}; this is a defect of nearedge, "
                "please report it with the file",
            )
        ], 1
    return spectra[piece.first : piece.stop], len(spectra)
