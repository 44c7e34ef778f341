"""A series as a table: the same columns in the same order, whatever the model and the files."""

from __future__ import annotations

from typing import Any

from nearedge.series.record import Record

#: Values of a header that have a column of their own.
HEADER_VALUES = ("scan_number", "time", "voltage_V", "temperature_K", "x", "y")

#: Columns of ``--csv`` and of ``results.csv``; docs/series.md says what they hold.
COLUMNS = (
    "file",
    "scan",
    "status",
    "coordination",
    "coordination_low",
    "coordination_high",
    "coordination_coverage",
    "environment",
    "probability",
    "set",
    "set_coverage",
    "novelty_p_value",
    "novelty_flag",
    "novelty_reason",
    "shift_eV",
    "scale",
    *HEADER_VALUES,
    "probabilities",
    "composition",
    "message",
)


def cells(record: Record) -> list[Any]:
    """Values of the columns; empty text where there is none.

    Examples
    --------
    >>> from nearedge.predict import Prediction
    >>> record = Record(Prediction("a.dat", "3", "error", message="a.dat: empty"))
    >>> [cell for cell in cells(record) if cell != ""]
    ['a.dat', '3', 'error', 'a.dat: empty']
    """
    answer = record.prediction
    environment, coordination = answer.environment or {}, answer.coordination or {}
    novelty, alignment = answer.novelty or {}, answer.alignment or {}
    probabilities = environment.get("probabilities") or {}
    low, high = coordination.get("interval") or ("", "")
    members = environment.get("set")
    composition = (answer.composition or {}).get("fractions") or {}
    values = (
        answer.file,
        answer.scan,
        answer.status,
        coordination.get("mean"),
        low,
        high,
        coordination.get("coverage"),
        environment.get("label"),
        probabilities.get(environment.get("label")),
        None if members is None else "|".join(members),
        environment.get("coverage"),
        novelty.get("p_value"),
        novelty.get("flag"),
        novelty.get("reason"),
        alignment.get("shift_eV"),
        alignment.get("scale"),
        *(record.header.get(name) for name in HEADER_VALUES),
        "|".join(f"{label}={p:.4f}" for label, p in probabilities.items()),
        "|".join(f"{label}={share:.4f}" for label, share in composition.items()),
        answer.message,
    )
    return ["" if value is None else value for value in values]
