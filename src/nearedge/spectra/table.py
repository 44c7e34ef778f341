"""Text tables: energy in the first column, one spectrum in each further one."""

from __future__ import annotations

from nearedge.spectra.axis import guess_axis
from nearedge.spectra.source import SourceFile
from nearedge.spectra.spectrum import Spectrum


def looks_like(source: SourceFile) -> bool:
    """Accept any file: a table is what remains when no other format fits."""
    return True


def parse(source: SourceFile) -> list[Spectrum]:
    """Read one spectrum per column after the first.

    The scan label is the column's name where a header names every column once, else the number of
    the spectrum, counted from 1.

    Parameters
    ----------
    source
        A text file.

    Returns
    -------
    list of Spectrum
        In column order; the format is ``"two-column"`` or ``"table"``.

    Raises
    ------
    NearedgeError
        If the text is not a clean table, or its energies fit no axis.
    """
    table = source.table
    energy_eV, intensities = table.values[:, 0], table.values[:, 1:].T
    axis = guess_axis(energy_eV, source.name)
    notes = table.notes
    labels = tuple(str(i) for i in range(1, len(intensities) + 1))
    if table.names is not None:
        if len(set(table.names[1:])) == len(labels):
            labels = table.names[1:]
        else:
            notes = (*notes, "column names repeat, so the spectra are numbered instead")
    return [
        Spectrum(
            energy_eV,
            intensity,
            axis=axis,
            source=source.name,
            scan=label,
            format="two-column" if len(labels) == 1 else "table",
            notes=notes,
        )
        for label, intensity in zip(labels, intensities, strict=True)
    ]
