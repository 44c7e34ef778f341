"""Predictions as text for people and as comma-separated values."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence

from nearedge.predict import Prediction

_COLUMNS = (
    "file",
    "scan",
    "status",
    "label",
    "probability",
    "coordination",
    "shift_eV",
    "message",
)


def print_text(predictions: Sequence[Prediction]) -> None:
    """Three lines a spectrum, the number first; what could not be answered goes to one line."""
    for prediction in predictions:
        name = prediction.file + (f" [{prediction.scan}]" if prediction.scan else "")
        if prediction.environment is None or prediction.coordination is None:
            stream = sys.stderr if prediction.status == "error" else sys.stdout
            print(f"{name}: {prediction.status}: {prediction.message}", file=stream)
            continue
        probabilities = sorted(
            prediction.environment["probabilities"].items(), key=lambda item: -item[1]
        )
        likely = ", ".join(f"{label} {p:.0%}" for label, p in probabilities if p >= 0.01)
        print(f"coordination number {prediction.coordination['mean']:.2f}  ({name})")
        print(f"  environment {prediction.environment['label']}: {likely}")
        shift = (prediction.alignment or {}).get("shift_eV", 0.0)
        notes = prediction.message or "no warning"
        print(f"  energy shift {shift:+.2f} eV; {notes}")


def print_csv(predictions: Sequence[Prediction]) -> None:
    """One line a spectrum, with a header."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for prediction in predictions:
        environment = prediction.environment or {}
        label = environment.get("label", "")
        writer.writerow(
            [
                prediction.file,
                prediction.scan or "",
                prediction.status,
                label,
                environment.get("probabilities", {}).get(label, ""),
                (prediction.coordination or {}).get("mean", ""),
                (prediction.alignment or {}).get("shift_eV", ""),
                prediction.message,
            ]
        )
