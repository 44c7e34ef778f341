"""From lines of text to a checked table of numbers, with a line number in every complaint."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError

COMMENT_PREFIXES = "#%!;"
# Fortran writes D exponents, and drops the letter from exponents of three digits (0.12-102).
_FORTRAN_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]?\d+)|([+-]?\d*\.\d+)([+-]\d{3})")
# What is left between the commas of "531,25 0,123".
_DECIMAL_COMMA = re.compile(r"\d+[\s;]+[+-]?\d+")
_EXPONENT = re.compile(r"[eEdD][+-]?(\d*)$")


@dataclass(frozen=True, eq=False)
class NumberTable:
    """Rows of numbers with increasing first column (the energy), and what the text says of them."""

    values: Float[np.ndarray, "row column"]
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


def read_table(lines: Sequence[str], name: str) -> NumberTable:
    """Read the rows of numbers of a text and check them.

    Comment lines start with ``#``, ``%``, ``!`` or ``;``. Lines before the first row that start
    with a letter or a quotation mark are headers. Cells are separated by commas if the first row
    holds one, else by white space. Decreasing energies are reversed, and that is noted.

    Parameters
    ----------
    lines
        The text. A last line that is not empty did not end in a line end.
    name
        Name of the file, for messages.

    Returns
    -------
    NumberTable
        The checked rows.

    Raises
    ------
    NearedgeError
        If a row is cut off or has too many cells, a cell is not a finite number, the energies
        neither increase nor decrease, or there are no rows or fewer than two columns.
    """
    header: list[str] = []
    values = array("d")
    line_numbers: list[int] = []
    columns = 0
    comma = False
    cells: list[str] = []
    last_column: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if is_comment(line) or (not line_numbers and _is_header(line)):
            if not line_numbers:
                header.append(line.strip())
            continue
        if not line_numbers:
            comma = "," in line
        cells = _split(line, comma)
        if not line_numbers:
            columns = len(cells)
        row = _numbers(cells, name, number)
        if len(cells) != columns:
            raise NearedgeError(
                f"{name}, line {number}: {len(cells)} columns where the rows above have "
                f"{columns}; the file is cut off or damaged here, copy it again"
            )
        values.extend(row)
        line_numbers.append(number)
        last_column.append(cells[-1])
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
    matrix, notes = _increasing(matrix, line_numbers, name)
    return NumberTable(matrix, _column_names(header, columns), notes)


def is_comment(line: str) -> bool:
    """Tell whether a line starts with a comment prefix."""
    return line.lstrip().startswith(tuple(COMMENT_PREFIXES))


def _is_header(line: str) -> bool:
    first = re.split(r"[\s,]", line.strip(), maxsplit=1)[0]
    return (first[:1].isalpha() or first[:1] in ("'", '"')) and _number(first) is None


def _split(line: str, comma: bool) -> list[str]:
    if not comma:
        return line.split()
    cells = [cell.strip() for cell in line.split(",")]
    return cells[:-1] if cells[-1] == "" else cells


def _number(cell: str) -> float | None:
    if "_" in cell:  # Python reads 1_0 as ten
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
            if _DECIMAL_COMMA.fullmatch(cell):
                advice = "commas separate columns, so write numbers with a decimal point"
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
    exponents = [_EXPONENT.search(cell) for cell in others]
    if len(widths) == 1 and len(last) < widths.pop():
        return True
    if not all(exponents):
        return False
    exponent = _EXPONENT.search(last)
    return exponent is None or len(exponent[1]) < min(len(match[1]) for match in exponents if match)


def _increasing(
    values: Float[np.ndarray, "row column"], line_numbers: Sequence[int], name: str
) -> tuple[Float[np.ndarray, "row column"], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    lines = np.asarray(line_numbers)
    if len(values) > 1 and (np.diff(values[:, 0]) < 0).all():
        values, lines = values[::-1], lines[::-1]
        notes = ("decreasing energies were reversed",)
    stuck = np.flatnonzero(np.diff(values[:, 0]) <= 0)
    if stuck.size:
        row = int(stuck[0])
        raise NearedgeError(
            f"{name}, line {lines[row + 1]}: energy {values[row + 1, 0]:.9g} follows "
            f"{values[row, 0]:.9g}; sort the rows by energy, average repeated energies, and put "
            "each scan into a file of its own"
        )
    return values, notes


def _column_names(header: Sequence[str], columns: int) -> tuple[str, ...] | None:
    """The names in the last header line, if it names every column."""
    named = [line for line in header if any(map(str.isalnum, line))]
    if not named:
        return None
    text = named[-1].lstrip(COMMENT_PREFIXES)
    without_units = re.sub(r"\s*[(\[][^)\]]*[)\]]", "", text).strip()
    for separator in (r"\s*,\s*", r"\t+", r"\s{2,}", r"\s+"):
        names = [name.strip().strip("\"'") for name in re.split(separator, without_units)]
        if len(names) != columns or not all(names):
            continue
        # Any comment of the right number of words could be taken for column names.
        if is_comment(named[-1]) and not re.match(r"(?i).*energ|.*omega|e$|ev$", names[0]):
            return None
        return tuple(names)
    return None
