"""From lines of text to a table of numbers, with a line number in every complaint."""

from __future__ import annotations

import math
import re
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError

COMMENT_PREFIXES = "#%!;"
_COMMENT_STARTS = tuple(COMMENT_PREFIXES)
# A table of this many characters is read at once, if it holds none of these.
_AT_ONCE = 2 * 10**6
_UNUSUAL = re.compile(rf"[{COMMENT_PREFIXES}_]|\n[ \t]*\n")
_MOST_VALUES = 10_000_000
_LONGEST_LINE = 4 * 10**6
_LONGEST_NUMBER = 100
_MOST_COLUMNS = 20_000
LONGEST_COMMENT = 1000
_MOST_HEADER_LINES = 300
# Fortran writes D exponents, and drops the letter from exponents of three digits (0.12-102).
_FORTRAN_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]?\d+)|([+-]?\d*\.\d+)([+-]\d{3})")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eEdD][+-]?\d+)?|[+-]?\d+,")
# What is left between the commas of "531,25 0,123".
_MIXED_COMMAS = re.compile(r"\d+[\s;]+[+-]?\d+")
_EXPONENT = re.compile(r"[eEdD][+-]?(\d*)$")
# Repetitions are bounded, so that a hostile header costs no more than a long one.
_UNIT = re.compile(r"[(\[]([^()\[\]]{0,40})[)\]]")
_UNIT_AS_WORD = re.compile(r"(?i)(?:.*[\s_/,:]|^)(k?eV)$")
_UNIT_IN_PROSE = re.compile(
    r"(?i)\benerg(?:y|ies)\b(?: axis)?\s{0,4}(?:in\b|:|=|,|-|/)?\s{0,4}[(\[]?\s{0,4}(k?eV)\b"
)


@dataclass(frozen=True, eq=False)
class NumberTable:
    """Rows of numbers in the order of a text, and what the text says of them.

    Parameters
    ----------
    name
        Name of the file, for messages.
    values
        The numbers.
    names
        Names of the columns without their units, where a header has one for each.
    units
        Unit of every column, empty where none is given; None without names.
    lines
        Line number of every row, from 1.
    header
        Lines before the first row, without comment prefixes.
    notes
        What reading had to decide.
    """

    name: str
    values: Float[np.ndarray, "row column"]
    names: tuple[str, ...] | None
    units: tuple[str, ...] | None
    lines: np.ndarray
    header: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def increasing(self) -> NumberTable:
        """Check that the first column increases strictly, as a program writes it.

        Decreasing energies are reversed, and that is noted.

        Raises
        ------
        NearedgeError
            If the energies neither increase nor decrease.
        """
        values, lines, notes = self.values, self.lines, self.notes
        if len(values) > 1 and (np.diff(values[:, 0]) < 0).all():
            values, lines = values[::-1], lines[::-1]
            notes = (*notes, "decreasing energies were reversed")
        stuck = np.flatnonzero(np.diff(values[:, 0]) <= 0)
        if stuck.size:
            row = int(stuck[0])
            raise NearedgeError(
                f"{self.name}, line {lines[row + 1]}: energy {values[row + 1, 0]:.9g} follows "
                f"{values[row, 0]:.9g}, which no program writes; the file is damaged, copy it again"
            )
        return NumberTable(self.name, values, self.names, self.units, lines, self.header, notes)

    def stated_unit(self, column: int) -> str | None:
        """Unit of an energy column, from its name or from a sentence about energies."""
        if self.units is not None and self.units[column]:
            return self.units[column]
        found = {match[1] for line in self.header if (match := _UNIT_IN_PROSE.search(line))}
        return found.pop() if len({unit.lower() for unit in found}) == 1 else None


def read_table(lines: Sequence[str], name: str, first_line: int = 1) -> NumberTable:
    """Read the rows of numbers of a text and check them.

    Comment lines start with ``#``, ``%``, ``!`` or ``;``. Lines before the first row that start
    with a letter, a quotation mark or a bracket, or that consist of punctuation (``=====``), are
    headers. Cells are separated by semicolons if the first row holds one, else by white space if
    its commas are decimal commas (``531,25 0,123``), else by commas if it holds one, else by white
    space.

    Parameters
    ----------
    lines
        The text. A last line that is not empty did not end in a line end.
    name
        Name of the file, for messages.
    first_line
        Number of the first line, for messages.

    Returns
    -------
    NumberTable
        The rows in the order of the text.

    Raises
    ------
    NearedgeError
        If a row is cut off or has too many cells, a cell is not a finite number, or there are no
        rows or fewer than two columns.
    """
    header: deque[str] = deque(maxlen=_MOST_HEADER_LINES)
    values = array("d")
    line_numbers: list[int] = []
    columns = 0
    layout = _Layout(None, False)
    cells: list[str] = []
    last_column: list[str] = []
    for number, line in enumerate(lines, start=first_line):
        if not line.strip():
            continue
        if is_comment(line) or (not line_numbers and _is_header(line)):
            if not line_numbers and len(line) <= _LONGEST_LINE:
                header.append(line.strip())
            continue
        if len(line) > _LONGEST_LINE:
            raise NearedgeError(f"{name}, line {number}: {len(line)} characters are no table")
        if not line_numbers:
            layout = _layout(line)
            rows = list(lines[number - first_line :])
            if (cut := _at_once(rows, layout)) is not None:
                values, last_column = cut
                columns = len(values) // len(last_column)
                line_numbers = list(range(number, number + len(last_column)))
                break
        cells = layout.split(line)
        if not line_numbers:
            columns = len(cells)
            if columns > _MOST_COLUMNS:
                raise NearedgeError(
                    f"{name}, line {number}: {columns} columns are more than the {_MOST_COLUMNS} "
                    "that are read; store the spectra in HDF5"
                )
        row = _numbers(cells, name, number)
        if len(cells) != columns:
            raise NearedgeError(
                f"{name}, line {number}: {len(cells)} columns where the rows above have "
                f"{columns}; the file is cut off or damaged here, copy it again"
            )
        values.extend(row)
        line_numbers.append(number)
        last_column.append(cells[-1])
        if len(values) > _MOST_VALUES:
            raise NearedgeError(
                f"{name}: more than {_MOST_VALUES / 1e6:g} million numbers; split the file, or "
                "store the spectra in HDF5"
            )
    if not line_numbers:
        raise NearedgeError(
            f"{name}: no rows of numbers; a spectrum is a text table with the energy in "
            "the first column"
        )
    if columns < 2:
        raise NearedgeError(
            f"{name}, line {line_numbers[0]}: only one column; give the energy in the "
            "first column and an intensity in each further one"
        )
    if lines[-1].strip() and _looks_cut(last_column):
        raise NearedgeError(
            f"{name}, line {line_numbers[-1]}: the file ends inside the number "
            f"{last_column[-1][:30]!r}; copy it again, or end the line if it is complete"
        )
    matrix = np.frombuffer(values, dtype=np.float64).reshape(-1, columns)
    names, units = _column_names(header, columns) or (None, None)
    return NumberTable(
        name,
        matrix,
        names,
        units,
        np.array(line_numbers),
        tuple(line[:LONGEST_COMMENT].lstrip(COMMENT_PREFIXES).strip() for line in header),
        ("decimal commas were read as points",) if layout.decimal_comma else (),
    )


def is_comment(line: str) -> bool:
    """Tell whether a line starts with a comment prefix."""
    return line.lstrip().startswith(_COMMENT_STARTS)


def _at_once(rows: list[str], layout: _Layout) -> tuple[array[float], list[str]] | None:
    """All numbers of rows without anything unusual in them, and the cells of their last column.

    None where a row wants a closer look, and a complaint perhaps.
    """
    while rows and not rows[-1].strip():
        rows.pop()
    text = "\n".join(rows)
    plain = layout.separator is None and not layout.decimal_comma
    if not plain or len(text) > _AT_ONCE or _UNUSUAL.search(text):
        return None
    cells = [row.split() for row in rows]
    columns = len(cells[0])
    if not all(len(row) == columns for row in cells) or columns > _MOST_COLUMNS:
        return None
    try:
        values = array("d", [float(cell) for row in cells for cell in row])
    except ValueError:
        return None
    return (values, [row[-1] for row in cells]) if np.isfinite(values).all() else None


@dataclass(frozen=True)
class _Layout:
    """How the cells of a row are separated: by a character, or by white space."""

    separator: str | None
    decimal_comma: bool

    def split(self, line: str) -> list[str]:
        if self.decimal_comma:
            line = line.replace(",", ".")
        if self.separator is None:
            return line.split()
        cells = [cell.strip() for cell in line.split(self.separator)]
        return cells[:-1] if cells[-1] == "" else cells


def _layout(row: str) -> _Layout:
    if ";" in row:
        cells = [cell.strip() for cell in row.split(";")]
        return _Layout(";", any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells))
    cells = row.split()
    commas = [cell for cell in cells if "," in cell]
    # "531.25, 0.123" and "531,0.123" separate by commas; "531,25 0,123" and "531 0,123" do not.
    decimal = (
        len(cells) > 1
        and bool(commas)
        and all(_DECIMAL_COMMA.fullmatch(cell) and cell[-1] != "," for cell in commas)
        and not any("." in cell for cell in cells)
    )
    if decimal:
        return _Layout(None, True)
    return _Layout("," if commas else None, False)


def _is_header(line: str) -> bool:
    text = line.strip()
    if not any(map(str.isalnum, text)):
        return True
    first = re.split(r"[\s,;]", text, maxsplit=1)[0]
    return (first[:1].isalpha() or first[:1] in "'\"[($<@&*=") and _number(first) is None


def _number(cell: str) -> float | None:
    if "_" in cell or len(cell) > _LONGEST_NUMBER:  # Python reads 1_0 as ten
        return None
    try:
        return float(cell)
    except ValueError:
        match = _FORTRAN_NUMBER.fullmatch(cell)
        return float(f"{match[1] or match[3]}e{match[2] or match[4]}") if match else None


def _numbers(cells: Sequence[str], name: str, line: int) -> list[float]:
    try:  # whole rows at once, which is what nearly all rows need
        row = list(map(float, cells))
        if all(map(math.isfinite, row)) and "_" not in "".join(cells):
            return row
    except ValueError:
        pass
    row = []
    for column, cell in enumerate(cells, start=1):
        number = _number(cell)
        if number is None:
            advice = "correct the line, or start it with # if it is a comment"
            if _MIXED_COMMAS.fullmatch(cell):
                advice = "commas separate columns here, so write numbers with a decimal point"
            raise NearedgeError(
                f"{name}, line {line}: column {column} holds {cell[:30]!r}, which is not a number; "
                f"{advice}"
            )
        if not math.isfinite(number):
            raise NearedgeError(
                f"{name}, line {line}: column {column} holds {cell[:30]!r}; "
                "remove points without a finite value"
            )
        row.append(number)
    return row


def _looks_cut(column: Sequence[str]) -> bool:
    """Whether the last of these cells is shorter than its format, as when a copy was interrupted.

    Numbers printed with a fixed width are all equally long; exponents always have two digits.
    """
    *others, last = column
    if not others:
        return False
    widths = {len(cell) for cell in others}
    if len(widths) == 1 and len(last) < widths.pop():
        return True
    digits = []
    for cell in others:
        if (match := _EXPONENT.search(cell)) is None:
            return False
        digits.append(len(match[1]))
    exponent = _EXPONENT.search(last)
    return exponent is None or len(exponent[1]) < min(digits)


def _column_names(
    header: Iterable[str], columns: int
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The names in the last header line, and their units, if it names every column."""
    named = [line for line in header if any(map(str.isalnum, line))]
    if not named:
        return None
    text = named[-1].lstrip(COMMENT_PREFIXES).strip()
    text = re.sub(r"^L\s+", "", text)  # SPEC's line of labels
    text = re.sub(r"\s{9,}", " " * 8, text)
    for separator in (r"\s*;\s*", r"\s*,\s*", r"\t+", r"\s{2,}", r"\s+"):
        # White space before a unit in brackets does not separate.
        joined = re.sub(r"\s+(?=[(\[])", "\x00", text) if separator[:2] == r"\s" else text
        cells = [cell.strip().strip("\"'") for cell in re.split(separator, joined.strip())]
        cells = [cell.replace("\x00", " ") for cell in cells]
        names = [_UNIT.sub("", cell).strip() for cell in cells]
        if len(names) != columns or not all(names):
            continue
        # Any comment of the right number of words could be taken for column names.
        if is_comment(named[-1]) and not any(
            re.match(r"(?i).*energ|.*omega|e$|k?ev$", name) for name in names
        ):
            return None
        return tuple(names), tuple(_unit(cell) for cell in cells)
    return None


def _unit(cell: str) -> str:
    if bracket := _UNIT.search(cell):
        return bracket[1].strip()
    if word := _UNIT_AS_WORD.match(cell):
        return word[1]
    return ""
