"""What the page shows of one spectrum, worked out by a worker from what it was predicted to be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.models import Model
from nearedge.pictures import Portrait, portrait
from nearedge.plain import plain, printable
from nearedge.predict import Prediction, predict
from nearedge.series import Record, document
from nearedge.series.reading import Fault, read_pieces
from nearedge.series.record import scaled
from nearedge.spectra import Spectrum
from nearedge.web.nearest import sites_with_atoms

# Digits and points that a curve on a screen can show.
_DIGITS = 5
_MOST_POINTS = 2000


def record_of(entry: Mapping[str, Any], intensity: list[float] | None) -> Record:
    """The record behind an entry of a prediction's JSON.

    Parameters
    ----------
    entry
        As `nearedge.series.document` makes it; keys that this version does not know are dropped.
    intensity
        On the model's grid, divided by its mean; None where there is no answer.
    """
    known = {field.name for field in fields(Prediction)} - {"intensity"}
    prediction = Prediction(**{key: value for key, value in entry.items() if key in known})
    row = None if intensity is None else np.array(intensity, dtype=np.float32)
    return Record(prediction, dict(entry.get("header") or {}), intensity=row)


def row_of(record: Record) -> list[float] | None:
    """Intensity of a record as JSON holds it, with the digits that a screen shows."""
    return None if record.intensity is None else _rounded(record.intensity)


def look(record: Record, model: Model) -> dict[str, Any]:
    """All that the page draws of one answer: its portrait, with the bands of every class."""
    shown = portrait(record, model)
    return plain(_described(shown, _all_bands(model, shown)) | {"number": list(shown.number)})


def neighbours(record: Record, model: Model) -> list[dict[str, Any]]:
    """The sites of the library that a record is nearest to, with their atoms."""
    if record.intensity is None:
        return []
    return plain(sites_with_atoms(model, record.intensity.astype(float)))


def shifted(path: str, name: str, index: int, shift_eV: float, model: Model) -> Record:
    """Predict one spectrum of a file with its energies shifted, whatever kind of axis it has.

    Raises
    ------
    NearedgeError
        If the file does not hold it any more.
    """
    return _at(_read_again(path, name, index), shift_eV, model)


def sweep(
    path: str, name: str, index: int, shifts_eV: Sequence[float], model: Model
) -> list[float | None]:
    """The coordination number of one spectrum at each of some shifts; None where no answer is.

    Raises
    ------
    NearedgeError
        If the file does not hold it any more.
    """
    spectrum = _read_again(path, name, index)
    answers = [_at(spectrum, shift_eV, model).prediction for shift_eV in shifts_eV]
    return [None if one.coordination is None else one.coordination["mean"] for one in answers]


def as_read(path: str, name: str, index: int) -> dict[str, Any]:
    """Energies and intensities of one spectrum as its file holds them, for a chart.

    Raises
    ------
    NearedgeError
        If the file does not hold it any more.
    """
    spectrum = _read_again(path, name, index)
    every = slice(None, None, -(-spectrum.energy_eV.size // _MOST_POINTS))
    shown = {"energy_eV": spectrum.energy_eV[every], "intensity": spectrum.intensity[every]}
    return plain(shown | {"axis": spectrum.axis})


def _read_again(path: str, name: str, index: int) -> Spectrum:
    pieces = read_pieces(path, {"names": {path: name}}, index, 1)
    item = next((item for piece in pieces for item in piece.items), None)
    if item is None or isinstance(item, Fault):
        raise NearedgeError(f"{name}: the spectrum cannot be read again; send the file once more")
    return replace(item, source=name)


def _at(spectrum: Spectrum, shift_eV: float, model: Model) -> Record:
    if spectrum.axis == "relative":
        moved = replace(spectrum, energy_eV=spectrum.energy_eV + shift_eV)
        [answer] = predict([moved], model)
        answer = replace(answer, alignment={"shift_eV": shift_eV, "scale": 1.0})
    elif spectrum.edge_energy_eV is not None and spectrum.kind == "computed":
        [answer] = predict([replace(spectrum, edge_energy_eV=-shift_eV)], model)
    else:
        [answer] = predict([spectrum], model, shift_eV=shift_eV)
    return Record(answer, dict(spectrum.header), intensity=scaled(answer.intensity))


def simulated_series(model: Model, scans: int = 24) -> bytes:
    """A table of scans as an instrument might give them while a sample changes.

    Averages of the library's class medians, from those with few neighbours to those with many,
    with absolute energies, a background and noise.
    """
    bands = model.info["bands"]["intensity"]
    grid_eV = np.linspace(*(model.info["grid"][key] for key in ("start_eV", "stop_eV", "points")))
    counted = [np.array(bands[label])[1] for label in model.info["classes"] if label in bands][:4]
    random = np.random.default_rng(7)
    energy_eV = np.arange(-20.0, 32.0, 0.1)
    edge = [np.interp(energy_eV, grid_eV, curve, left=0.0) for curve in counted]
    columns = [energy_eV + 530.0]
    for done in np.linspace(0.0, 1.0, scans):
        weights = np.exp(-0.5 * ((np.arange(len(edge)) - 0.4 - 2.0 * done) / 0.7) ** 2)
        clean = np.average(edge, axis=0, weights=weights)
        background = 0.25 - 0.002 * energy_eV
        columns.append(clean + background + random.normal(0.0, 0.008, energy_eV.size))
    names = ["energy", *(f"scan_{number}" for number in range(1, scans + 1))]
    lines = [" ".join(f"{value:.4f}" for value in row) for row in np.stack(columns, axis=1)]
    return (
        "# Simulated: averages of the library's classes, with background and noise\n"
        f"# {' '.join(names)}\n" + "\n".join(lines) + "\n"
    ).encode()


def _described(shown: Portrait, bands: Mapping[str, Any]) -> dict[str, Any]:
    found = shown.contribution
    step_eV = float(shown.energy_eV[1] - shown.energy_eV[0])
    return {
        "title": shown.title,
        "absorber": shown.absorber,
        "edge": shown.edge,
        "energy_label": shown.energy_label,
        "energy_eV": _rounded(shown.energy_eV),
        "intensity": None if shown.intensity is None else _rounded(shown.intensity),
        "mean": _rounded(shown.mean),
        "bands": bands,
        "shown_bands": list(shown.bands),
        "labels": list(shown.labels),
        "explained": shown.explained,
        "contribution": None if found is None else _rounded(found.contribution / step_eV),
    }


@lru_cache(maxsize=8)
def _known_bands(model: Model) -> dict[str, list[list[float]]]:
    found = (model.info.get("bands") or {}).get("intensity") or {}
    return {label: [_rounded(np.array(row)) for row in rows] for label, rows in found.items()}


def _all_bands(model: Model, shown: Portrait) -> dict[str, list[list[float]]]:
    own = {label: [_rounded(row) for row in rows] for label, rows in shown.bands.items()}
    return _known_bands(model) | own


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]


def entry_of(record: Record) -> dict[str, Any]:
    """A record as the page keeps it."""
    return {"entry": document(record), "intensity": row_of(record)}


def packed(value: Any) -> bytes:
    """Plain values as a document of JSON."""
    return printable(json.dumps(value, ensure_ascii=False, allow_nan=False)).encode()
