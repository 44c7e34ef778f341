"""XDI, the XAFS Data Interchange format 1.0.

The first line names the version; ``# Family.key: value`` lines follow up to ``# ///`` (user
comments) or ``# ---``, then a line of column labels and the table. B. Ravel, M. Newville, J. Phys.
Conf. Ser. 712, 012148 (2016); https://github.com/XraySpectroscopy/XAS-Data-Interchange.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nearedge.errors import NearedgeError
from nearedge.spectra.columns import Mode, chosen, energy_column, known
from nearedge.spectra.header import element_and_edge, scan_header
from nearedge.spectra.source import SourceFile
from nearedge.spectra.spectrum import Spectrum
from nearedge.spectra.table import from_table
from nearedge.spectra.text import NumberTable, read_table

_VERSION = re.compile(r"#\s*XDI/(\S+).*")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_]*)\.([A-Za-z0-9_]+)\s*:\s*(\S.*)")
_FAMILIES = "column|element|mono|scan|beamline|facility|detector|sample"
_OWN_FIELD = re.compile(rf"(?i)#\s*({_FAMILIES})\.\w+\s*:")
_COMMENT = "#"


def looks_like(source: SourceFile) -> bool:
    """Recognise the version line, or at least three fields of XDI's own families."""
    head = [line.strip() for line in source.lines[:80]]
    if _VERSION.fullmatch(head[0]):
        return True
    fields = [line for line in head if _OWN_FIELD.match(line)]
    return len(fields) >= 3


def parse(source: SourceFile, columns: str | None = None, mode: Mode = "auto") -> list[Spectrum]:
    """Read the absorption, stored or worked out from the detectors.

    What XDI calls a warning (no element, no column labels, a line with another comment character)
    is a note; an error there is one here.

    Parameters
    ----------
    source
        A file that `looks_like` recognises.
    columns, mode
        As for `nearedge.spectra.read_spectra`.

    Returns
    -------
    list of Spectrum
        One for each sweep and chosen signal.

    Raises
    ------
    NearedgeError
        If the first line is not that of XDI, a header line is malformed, the table is damaged, or
        the energies are angles.
    """
    if not _VERSION.fullmatch(source.lines[0].strip()):
        raise NearedgeError(
            f"{source.name}, line 1: the header is that of XDI, but the first line is not "
            "'# XDI/1.0'; write it there"
        )
    fields, notes, ruled = _header(source.lines, source.name)
    if not ruled:
        notes.append("the line '# ----' after the header is missing")
    table = read_table(source.lines, source.name)
    names, units, label_notes = _labels(fields, table)
    notes += label_notes
    table = NumberTable(
        table.name, table.values, names, units, table.lines, table.header, table.notes
    )
    element, edge = element_and_edge(fields.get("element.symbol"), fields.get("element.edge"))
    for key, what, found in (("symbol", "element", element), ("edge", "edge", edge)):
        if found is None:
            value = fields.get(f"element.{key}")
            given = f"{value!r} is no {what}" if value else "is missing"
            notes.append(f"Element.{key} {given}")
    if not columns and energy_column(names) is None:
        spacing = "" if "mono.d_spacing" in fields else " and Mono.d_spacing is missing"
        raise NearedgeError(
            f"{source.name}: no column holds the energy (there are {', '.join(names)}){spacing}; "
            "convert the angle or encoder position to eV with the calibration of the instrument"
        )
    if columns:
        choice = chosen(columns, names, len(names), source.name)
    else:
        choice = known(names, mode, source.name)
    if choice is None:
        raise NearedgeError(
            f"{source.name}: none of the columns {', '.join(names)} is a signal known by its name; "
            "choose with columns, such as 'energy,det/i0'"
        )
    return from_table(
        table,
        choice,
        format="xdi",
        header=scan_header(fields.items()),
        element=element,
        edge=edge,
        notes=tuple(notes),
    )


def _header(lines: Sequence[str], name: str) -> tuple[dict[str, str], list[str], bool]:
    """Fields by lower-case name, notes, and whether the header is closed by a rule."""
    fields: dict[str, str] = {}
    notes: list[str] = []
    in_fields, ruled = True, False
    for number, line in enumerate(lines[1:], start=2):
        text = line.strip()
        if text and not text.startswith(_COMMENT):
            if text[0] in "!%;":
                notes.append(f"line {number} starts with {text[0]!r} instead of '#' and is ignored")
                continue
            break
        words = text.lstrip(_COMMENT).strip()
        if re.fullmatch(r"-{3,}", words):
            ruled = True
            break
        if re.fullmatch(r"/{3,}", words):
            in_fields = False
        if not words or not in_fields:
            continue
        if match := _FIELD.fullmatch(words):
            fields.setdefault(f"{match[1]}.{match[2]}".lower(), match[3].strip())
        elif not _is_label_line(lines, number):
            raise NearedgeError(
                f"{name}, line {number}: {words[:60]!r} is not 'Family.key: value'; correct the "
                "line, or put it after a line '# ///' for comments"
            )
    return fields, notes, ruled


def _is_label_line(lines: Sequence[str], number: int) -> bool:
    """Whether the table starts right after this line, which then names its columns."""
    following = lines[number].strip() if number < len(lines) else ""
    return bool(following) and not following.startswith(tuple("#!%;"))


def _labels(
    fields: dict[str, str], table: NumberTable
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Names and units of the columns, from Column.N fields, else from the line above the table."""
    count = table.values.shape[1]
    given = {
        int(key.split(".")[1]): value
        for key, value in fields.items()
        if re.fullmatch(r"column\.\d{1,6}", key)
    }
    notes = []
    if not given:
        notes.append("no Column fields; the line above the table names the columns")
    elif set(given) != set(range(1, count + 1)):
        notes.append(
            f"Column fields are numbered {', '.join(map(str, sorted(given)))}, but there are "
            f"{count} columns"
        )
    names, units = [], []
    for number in range(1, count + 1):
        words = given.get(number, "").split()
        if words:
            names.append(words[0])
            units.append(words[1] if len(words) > 1 else "")
        elif table.names is not None:
            names.append(table.names[number - 1])
            units.append(table.units[number - 1] if table.units else "")
        else:
            names.append(f"col{number}")
            units.append("")
    return tuple(names), tuple(units), notes
