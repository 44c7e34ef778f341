"""Text tables: energy in one column, and detectors or spectra in the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import guess_axis
from nearedge.spectra.columns import (
    Choice,
    Mode,
    Signal,
    chosen,
    combine,
    energy_column,
    first_alive,
    has_monitor,
    known,
)
from nearedge.spectra.header import Header, element_and_edge, scan_header
from nearedge.spectra.points import clean_points
from nearedge.spectra.source import SourceFile
from nearedge.spectra.spectrum import Spectrum
from nearedge.spectra.text import NumberTable
from nearedge.spectra.units import to_eV

# First columns that are no energies; their spectra need a calibration that the file does not have.
_NO_ENERGY = re.compile(
    r"(?i)(bragg|2?theta|angle|encoder|mono_?pos|mono_?angle|steps?|motor|pixel|channel|wavelength"
    r"|lambda|k|time|index|point)([\W_].*)?"
)
_FIELD = re.compile(r"\s*%?([^:=]{1,40}?)\s*[:=]\s*(.*)")


def looks_like(source: SourceFile) -> bool:
    """Accept any file: a table is what remains when no other format fits."""
    return True


def parse(source: SourceFile, columns: str | None = None, mode: Mode = "auto") -> list[Spectrum]:
    """Read the chosen columns, or what their names tell, or one spectrum per further column.

    The scan label is the column's name where a header names every column once, else the number of
    the spectrum, counted from 1. Where the names tell of a monitor (i0), the absorption is worked
    out from the detectors and is the only spectrum.

    Parameters
    ----------
    source
        A text file.
    columns, mode
        As for `nearedge.spectra.read_spectra`.

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
    fields = [(m[1], m[2]) for line in table.header if (m := _FIELD.fullmatch(line))]
    words = {key.strip().lower(): value for key, value in reversed(fields)}
    element, edge = element_and_edge(
        words.get("element", words.get("absorber", words.get("atom"))), words.get("edge")
    )
    return from_table(
        table,
        choose(table, columns, mode),
        format="two-column" if table.values.shape[1] == 2 else "table",
        header=scan_header(fields),
        element=element,
        edge=edge,
    )


def from_table(
    table: NumberTable,
    choice: Choice,
    *,
    format: str,
    header: Header,
    element: str | None = None,
    edge: str | None = None,
    notes: tuple[str, ...] = (),
) -> list[Spectrum]:
    """Make spectra of the chosen columns of a table.

    Parameters
    ----------
    table
        The numbers.
    choice
        Energy and signals.
    format, header, element, edge, notes
        As in `Spectrum`.

    Returns
    -------
    list of Spectrum
        At least one; several sweeps in one table are several spectra.

    Raises
    ------
    NearedgeError
        If the energies are none, or a signal has no values.
    """
    name = table.names[choice.energy] if table.names else str(choice.energy + 1)
    energy_eV, unit_notes = to_eV(
        table.values[:, choice.energy],
        choice.unit or table.stated_unit(choice.energy),
        f"{table.name}, column {name!r}",
    )
    notes = (*notes, *table.notes, *unit_notes, *choice.notes)
    if choice.every:
        parts = [_every_row(signal, table) for signal in choice.signals]
    else:
        parts = [first_alive(choice, table.values, table.name)]
    spectra: list[Spectrum] = []
    for signal, intensity, usable, signal_notes in parts:
        scans = clean_points(
            energy_eV[usable], intensity[usable][:, None], table.name, table.lines[usable]
        )
        for number, scan in enumerate(scans, start=1):
            label = signal.label
            if len(scans) > 1:
                label = str(number) if len(parts) == 1 else f"{label}, scan {number}"
            spectra.append(
                Spectrum(
                    scan.energy_eV,
                    scan.values[:, 0],
                    axis=guess_axis(scan.energy_eV, table.name),
                    source=table.name,
                    scan=label,
                    format=format,
                    notes=(*notes, *signal_notes, *scan.notes),
                    kind=signal.kind,
                    raw=signal.raw,
                    element=element,
                    edge=edge,
                    header={**header, "scan_number": number} if len(scans) > 1 else header,
                )
            )
    return spectra


def choose(table: NumberTable, columns: str | None, mode: Mode) -> Choice:
    """Take the user's columns, else the detectors that names tell, else every further column."""
    names, count = table.names, table.values.shape[1]
    if columns:
        return chosen(columns, names, count, table.name)
    if names is None:
        if mode != "auto":
            raise NearedgeError(
                f"{table.name}: the file names no columns, so the {mode} signal cannot be found; "
                "choose with columns, such as '1,ln(2/3)'"
            )
        return _every_column(range(1, count), [str(i) for i in range(1, count)], energy=0)
    by_name = known(names, mode, table.name)
    if by_name is not None and (mode != "auto" or has_monitor(names)):
        return by_name
    energy = energy_column(names)
    if energy is None:
        if _NO_ENERGY.fullmatch(names[0]):
            raise NearedgeError(
                f"{table.name}: column {names[0]!r} is no energy; convert it to eV with the "
                "calibration of the instrument, or name the energy with columns, such as '3,mu'"
            )
        energy = 0
    others = [i for i in range(count) if i != energy]
    if len({names[i] for i in others}) < len(others):
        choice = _every_column(others, [str(i + 1) for i in range(len(others))], energy)
        note = "column names repeat, so the spectra are numbered instead"
        return replace(choice, notes=(note,))
    choice = _every_column(others, [names[i] for i in others], energy)
    told = {signal.numerator: signal for signal in by_name.signals} if by_name else {}
    return replace(choice, signals=tuple(told.get(s.numerator, s) for s in choice.signals))


def _every_column(others: Sequence[int], labels: Sequence[str], energy: int) -> Choice:
    signals = [Signal(label, (i,)) for label, i in zip(labels, others, strict=True)]
    return Choice(energy, tuple(signals))


def _every_row(
    signal: Signal, table: NumberTable
) -> tuple[Signal, np.ndarray, np.ndarray, tuple[str, ...]]:
    intensity, usable = combine(signal, table.values)
    if not usable.all():
        row = int(np.flatnonzero(~usable)[0])
        raise NearedgeError(
            f"{table.name}, line {table.lines[row]}: {signal.label} has no finite value here; "
            "remove points without beam, or choose other columns"
        )
    notes = (f"mu computed as {signal.label}",) if signal.denominator else ()
    return signal, intensity, usable, notes
