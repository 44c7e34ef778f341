"""One call that reads spectra from a file, whatever program wrote it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nearedge.spectra import feff, ocean, table
from nearedge.spectra.source import SourceFile, load
from nearedge.spectra.spectrum import Spectrum


class _Format(NamedTuple):
    name: str
    looks_like: Callable[[SourceFile], bool]
    parse: Callable[[SourceFile], list[Spectrum]]


# The first format that recognises the content reads it. Binary formats belong before the text
# formats (which refuse binary content), and the plain table, which accepts all text, comes last.
_FORMATS = (
    _Format("feff-xmu", feff.looks_like, feff.parse),
    _Format("ocean-absspct", ocean.looks_like, ocean.parse),
    _Format("table", table.looks_like, table.parse),
)


def read_spectra(path: str | Path) -> list[Spectrum]:
    """Read every spectrum of a file, finding its format from the content and not from the name.

    Formats: text tables (energy in eV in the first column, a spectrum in each further one; columns
    separated by white space or commas; comments after ``#``, ``%``, ``!`` or ``;``), FEFF's
    ``xmu.dat`` and OCEAN's ``absspct``. Energies and intensities are returned as they stand in the
    file, except that decreasing energies are reversed, FEFF's normalisation is undone and OCEAN's
    polarisations side by side are averaged; `Spectrum.notes` says so where it happened.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of Spectrum
        At least one, in the order of the file.

    Raises
    ------
    NearedgeError
        If the file cannot be read as spectra. The message names the file and, where there is one,
        the line, and says what to do.

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
    source = load(path)
    found = next(candidate for candidate in _FORMATS if candidate.looks_like(source))
    return found.parse(source)
