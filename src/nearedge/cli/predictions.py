"""Predictions as they are shown, as they come: text for people, JSON, comma-separated values."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

from nearedge.predict import Prediction
from nearedge.series import COLUMNS, Record, cells, document
from nearedge.series.summary import composition_of


class TextWriter:
    """Three lines a spectrum, the number first; what could not be read goes to one line."""

    begun = False

    def write(self, records: Sequence[Record]) -> None:
        """Print the next records."""
        for record in records:
            answer = record.prediction
            stream = sys.stderr if answer.status == "error" else sys.stdout
            for line in _lines(answer):
                print(line, file=stream)
        sys.stdout.flush()

    def end(self, error: str | None = None) -> None:
        """Nothing is left to print."""


class JsonWriter:
    """One JSON list, one entry a line; an error that ends it early is its last entry."""

    begun = False

    def write(self, records: Sequence[Record]) -> None:
        """Print the next records."""
        for record in records:
            self._entry(document(record))
        sys.stdout.flush()

    def end(self, error: str | None = None) -> None:
        """Close the list."""
        if error is not None:
            self._entry({"error": error})
        sys.stdout.write("\n]\n" if self.begun else "[]\n")

    def _entry(self, entry: dict[str, Any]) -> None:
        sys.stdout.write(",\n" if self.begun else "[\n")
        json.dump(entry, sys.stdout, ensure_ascii=False, allow_nan=False)
        self.begun = True


class CsvWriter:
    """One line a spectrum under a header; docs/series.md describes the columns."""

    begun = False

    def __init__(self) -> None:
        self._writer = csv.writer(sys.stdout, lineterminator="\n")

    def write(self, records: Sequence[Record]) -> None:
        """Print the next records."""
        if not self.begun:
            self._writer.writerow(COLUMNS)
            self.begun = True
        self._writer.writerows(cells(record) for record in records)
        sys.stdout.flush()

    def end(self, error: str | None = None) -> None:
        """Nothing is left to print."""


class Quiet:
    """Prints nothing: the answers stand in the results folder."""

    begun = False

    def write(self, records: Sequence[Record]) -> None:
        """Do nothing."""

    def end(self, error: str | None = None) -> None:
        """Do nothing."""


#: Shows blocks of records; `begun` tells whether a document on standard output must be closed.
Writer = TextWriter | JsonWriter | CsvWriter | Quiet


def _lines(answer: Prediction) -> list[str]:
    name = answer.file + (f" [{answer.scan}]" if answer.scan else "")
    if answer.status == "error":
        named = answer.message.startswith(answer.file)
        return [f"error: {answer.message}" if named else f"error: {name}: {answer.message}"]
    if answer.status == "abstained" or answer.environment is None or answer.coordination is None:
        shift = [] if _tells_shift(answer) else [f"  {_shift(answer)}"]
        return [f"no answer  ({name})", f"  abstained: {_warnings(answer)}", *shift]
    number = f"coordination number {answer.coordination['mean']:.2f}"
    if answer.coordination.get("interval"):
        low, high = answer.coordination["interval"]
        number += f", {low:.2f} to {high:.2f} at {answer.coordination['coverage']:.0%}"
    return [
        f"{number}{_ratio(answer.coordination.get('ratio'))}  ({name})",
        _environment(answer),
        f"  {_alignment(answer)}{_warnings(answer)}",
        *_sensitivity(answer),
    ]


def _ratio(ratio: dict[str, Any] | None) -> str:
    """Overall composition of the sample; nothing where it is not defined."""
    if ratio is None:
        return ""
    between = "" if ratio["interval"] is None else ", {:.2f} to {:.2f}".format(*ratio["interval"])
    atoms = " or ".join(ratio["neighbours"])
    return f"; {atoms} for one {ratio['absorber']} in the sample: {ratio['mean']:.2f}{between}"


def _sensitivity(answer: Prediction) -> list[str]:
    """How the coordination number moves when what is unsure is changed; nothing unless asked."""
    words = {
        "shift_eV": "shift {} eV",
        "broadening": "broadening {}",
        "background": "background {}",
    }
    found = [
        f"{word.format(change)} {changed['coordination']:.2f} ({changed['label']})"
        for what, word in words.items()
        for change, changed in ((answer.sensitivity or {}).get(what) or {}).items()
    ]
    return [f"  it would be: {', '.join(found)}"] if found else []


def _environment(answer: Prediction) -> str:
    environment = answer.environment or {}
    likely = sorted(environment["probabilities"].items(), key=lambda item: -item[1])
    site = f"environment {environment['label']}: "
    site += ", ".join(f"{label} {p:.0%}" for label, p in likely if p >= 0.01)
    if environment.get("set") is not None:
        members = ", ".join(environment["set"]) or "none"
        site += f"; at {environment['coverage']:.0%} one of: {members}"
    fractions = composition_of(answer)
    if not fractions:
        return f"  {site}"
    shares = []
    for label, (mean, low, high) in fractions.items():
        between = f" ({low:.0%} to {high:.0%})" if low == low else ""
        shares.append(f"{label} {mean:.0%}{between}")
    return f"  sample of {', '.join(shares)}; if of one kind, {site}"


def _alignment(answer: Prediction) -> str:
    """The shift of the energy axis, unless the message tells it."""
    return "" if _tells_shift(answer) else f"{_shift(answer)}; "


def _tells_shift(answer: Prediction) -> bool:
    shift = (answer.alignment or {}).get("shift_eV")
    return shift is not None and f"{abs(shift):.2f}" in answer.message


def _shift(answer: Prediction) -> str:
    shift = (answer.alignment or {}).get("shift_eV")
    return "energies not matched" if shift is None else f"energy shift {shift:+.2f} eV"


def _warnings(answer: Prediction) -> str:
    """What a reader must know: the message, and why the spectrum is novel unless it says that."""
    novelty = answer.novelty or {}
    said = [answer.message] if answer.message else []
    reason = novelty.get("reason") or ""
    if reason and reason not in answer.message:
        said.append(reason)
    return "; ".join(said) or "no warning"
