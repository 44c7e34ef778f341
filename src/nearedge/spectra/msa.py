"""The EMSA/MAS text format of electron microscopy, ``.msa`` or ``.emsa`` (ISO 22029).

Header lines ``#KEYWORD : value`` come before ``#SPECTRUM``, then the data, as energy and counts
(``XY``) or as counts alone (``Y``) on the axis that ``#OFFSET`` and ``#XPERCHAN`` give, up to
``#ENDOFDATA``. R. F. Egerton et al., EMSA Bulletin 21, 35 (1991).
"""

from __future__ import annotations

import re

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra.columns import Mode
from nearedge.spectra.header import scan_header
from nearedge.spectra.points import clean_points
from nearedge.spectra.source import SourceFile
from nearedge.spectra.spectrum import Spectrum
from nearedge.spectra.text import LONGEST_COMMENT, read_table
from nearedge.spectra.units import to_eV

_FIELD = re.compile(r"#\s*([A-Z0-9]+)(?:\s*-\S*)?\s*:(.*)", re.IGNORECASE)
_LOSS = ("ELS", "EELS", "")
_PICKED = {"TITLE": "title", "DATE": "date", "TIME": "time", "TEMPERATURE": "temperature"}


def looks_like(source: SourceFile) -> bool:
    """Recognise ``#FORMAT : EMSA/MAS Spectral Data File`` among the first lines."""
    return any(re.match(r"(?i)#\s*FORMAT\s*:\s*EMSA", line.strip()) for line in source.lines[:5])


def parse(source: SourceFile, columns: str | None = None, mode: Mode = "auto") -> list[Spectrum]:
    """Read an energy-loss spectrum on absolute energies.

    Parameters
    ----------
    source
        A file that `looks_like` recognises.
    columns, mode
        Have no meaning here.

    Returns
    -------
    list of Spectrum
        Exactly one, of the kind ``"eels"``, raw.

    Raises
    ------
    NearedgeError
        If the file is not one of energy loss, is damaged or cut off, or gives no energies.
    """
    if columns:
        raise UsageError(f"{source.name}: an EMSA/MAS file has no columns to choose from")
    fields: dict[str, str] = {}
    start = None
    stop = len(source.lines)
    for position, line in enumerate(source.lines):
        if match := _FIELD.fullmatch(line.strip()):
            keyword = match[1].upper()
            if keyword == "SPECTRUM":
                start = position + 1
            elif keyword == "ENDOFDATA":
                stop = position
                break
            elif start is None:
                fields.setdefault(keyword, match[2].strip()[:LONGEST_COMMENT])
    if start is None:
        raise NearedgeError(f"{source.name}: no #SPECTRUM line; the file is damaged, copy it again")
    if stop == len(source.lines):
        raise NearedgeError(
            f"{source.name}: no #ENDOFDATA line; the file is cut off, copy it again"
        )
    if fields.get("SIGNALTYPE", "").upper() not in _LOSS:
        raise NearedgeError(
            f"{source.name}: signal type {fields['SIGNALTYPE']!r} is no energy loss (ELS)"
        )
    data = [*source.lines[start:stop], ""]
    if fields.get("DATATYPE", "XY").upper() == "Y":
        intensity = _counts(data, source.name, start + 1)
        offset, step = (_number(fields, key, source.name) for key in ("OFFSET", "XPERCHAN"))
        energy = offset + step * np.arange(intensity.size)
    else:
        table = read_table(data, source.name, start + 1)
        energy, intensity = table.values[:, 0], table.values[:, 1]
    points = fields.get("NPOINTS", "")
    if points and _number(fields, "NPOINTS", source.name) != intensity.size:
        raise NearedgeError(
            f"{source.name}: {intensity.size} points where #NPOINTS promises {points}; the file "
            "is cut off or damaged, copy it again"
        )
    energy_eV, notes = to_eV(energy, fields.get("XUNITS"), f"{source.name}, #XUNITS")
    header = scan_header((name, fields[key]) for key, name in _PICKED.items() if key in fields)
    scans = clean_points(energy_eV, intensity[:, None], source.name)
    return [
        Spectrum(
            scan.energy_eV,
            scan.values[:, 0],
            axis="absolute",
            source=source.name,
            scan=str(number),
            format="msa",
            notes=(*notes, *scan.notes),
            kind="eels",
            raw=True,
            header=header,
        )
        for number, scan in enumerate(scans, start=1)
    ]


def _counts(lines: list[str], name: str, first_line: int) -> np.ndarray:
    """All numbers of lines that hold one or several each."""
    counts: list[float] = []
    for number, line in enumerate(lines, start=first_line):
        for cell in re.split(r"[\s,]+", line.strip()):
            if not cell:
                continue
            try:
                counts.append(float(cell))
            except ValueError:
                raise NearedgeError(
                    f"{name}, line {number}: {cell[:30]!r} is not a number; copy the file again"
                ) from None
    return np.array(counts)


def _number(fields: dict[str, str], key: str, name: str) -> float:
    try:
        number = float(fields[key])
    except (KeyError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise NearedgeError(
            f"{name}: #{key} is {fields.get(key, 'missing')!r}, not a number; copy the file again"
        )
    return number
