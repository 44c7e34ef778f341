"""The ``xanes.dat`` of XSpectra (Quantum ESPRESSO).

Comment lines name the final state's angular momentum and the broadening, then the columns: energy
from the Fermi level or the lowest empty state (eV) and the cross-section, with the spin channels
after their sum. O. Bunău, M. Calandra, Phys. Rev. B 87, 205105 (2013).
"""

from __future__ import annotations

import re

import numpy as np

from nearedge.spectra.columns import Choice, Mode, Signal, chosen
from nearedge.spectra.source import SourceFile
from nearedge.spectra.spectrum import Spectrum

_BROADENING = re.compile(r"Broadening parameter \(in eV\):\s*([-+.\deE]+)")


def looks_like(source: SourceFile) -> bool:
    """Recognise XSpectra's line on the final state."""
    return any("Final state angular momentum" in comment for comment in source.comments[:20])


def parse(source: SourceFile, columns: str | None = None, mode: Mode = "auto") -> list[Spectrum]:
    """Read the cross-section, summed over spins, on the program's relative energies.

    The metadata hold ``broadening_eV`` where the file gives it. A spin channel is read by its
    column's name, ``columns="1,sigma_up"``.

    Parameters
    ----------
    source
        A file that `looks_like` recognises.
    columns
        As for `nearedge.spectra.read_spectra`.
    mode
        Has no meaning for a computed file.

    Returns
    -------
    list of Spectrum
        Exactly one, unless `columns` names several.

    Raises
    ------
    NearedgeError
        If the table is damaged.
    """
    table = source.table.increasing()
    names = table.names
    choice = Choice(0, (Signal("1", (1,)),))
    if columns:
        choice = chosen(columns, names, table.values.shape[1], source.name)
    notes = table.notes
    if not columns and table.values.shape[1] > 2:
        notes = (*notes, "spin channels are in the file; the sum of both is read")
    metadata = {}
    for comment in source.comments[:20]:
        if match := _BROADENING.search(comment):
            metadata["broadening_eV"] = float(match[1])
    return [
        Spectrum(
            table.values[:, choice.energy],
            np.sum(table.values[:, signal.numerator], axis=1),
            axis="relative",
            source=source.name,
            scan=signal.label,
            format="xspectra",
            metadata=metadata,
            notes=notes,
            kind="computed",
            raw=False,
        )
        for signal in choice.signals
    ]
