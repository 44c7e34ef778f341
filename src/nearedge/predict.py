"""From spectra to predictions: the one path that command line, server and notebooks share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nearedge.data import DEFAULT_MODEL, model_folder
from nearedge.errors import NearedgeError
from nearedge.spectra import EnergyGrid, Spectrum, best_shift, is_near_edge, read_spectra, resample

if TYPE_CHECKING:
    from nearedge.models import Model

# A second alignment whose correlation comes this close, this far away, may be the right one.
_TIE = 0.02
_DISTINCT_eV = 1.5
_COARSE_STEP_eV = 0.1


@dataclass(frozen=True)
class Prediction:
    """What the model says of one spectrum; `to_dict` gives the JSON of ``nearedge predict``.

    Attributes
    ----------
    file, scan
        Where the spectrum came from.
    status
        ``"ok"``; ``"abstained"``: read, but no answer is justified; ``"error"``: not readable.
    environment
        ``label``, ``probabilities``, ``set`` and ``coverage``. The set and its coverage are None
        while the model carries no calibration.
    coordination
        ``mean``, ``interval`` and ``coverage``; the latter two None without calibration.
    novelty
        ``p_value``, ``flag`` and ``reason``.
    alignment
        ``shift_eV`` that was added to the energies and ``scale`` of the fit to the library.
    message
        What a reader of the answer must know, or why there is none.
    intensity
        What the model looked at: intensities on its grid. Not part of `to_dict`.
    """

    file: str
    scan: str | None
    status: Literal["ok", "abstained", "error"]
    environment: dict[str, Any] | None = None
    coordination: dict[str, Any] | None = None
    novelty: dict[str, Any] | None = None
    alignment: dict[str, Any] | None = None
    message: str = ""
    intensity: np.ndarray | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON.

        Examples
        --------
        >>> Prediction("a.dat", None, "error", message="a.dat: empty file").to_dict()["status"]
        'error'
        """
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "intensity"}


@cache
def _model(folder: str) -> Model:
    from nearedge.models import load_model

    return load_model(model_folder(folder))


def predict_files(
    paths: Sequence[str | os.PathLike[str]], model: str = DEFAULT_MODEL
) -> list[Prediction]:
    """Read files and predict every spectrum in them; a file that cannot be read is one `error`.

    Parameters
    ----------
    paths
        Files in any format that `nearedge.spectra.read_spectra` knows.
    model
        Folder of a model, or ``"default"``.

    Raises
    ------
    NearedgeError
        If the model cannot be loaded.
    """
    loaded = _model(model)
    predictions: list[Prediction] = []
    for path in paths:
        try:
            spectra = read_spectra(Path(path))
        except NearedgeError as error:
            predictions.append(Prediction(str(path), None, "error", message=str(error)))
            continue
        predictions += predict(spectra, loaded)
    return predictions


def predict(spectra: Sequence[Spectrum], model: Model) -> list[Prediction]:
    """Predict the environment and the coordination number behind each spectrum.

    Energies are relative to the library's zero, as they come from a calculation, or absolute.
    Relative ones are never shifted. Absolute ones are referred to the Fermi level where the file
    tells it, and else aligned with the mean spectrum of the library; the shift is reported.

    Parameters
    ----------
    spectra
        From `nearedge.spectra.read_spectra`, or made by hand.
    model
        From `nearedge.models.load_model`.

    Returns
    -------
    list of Prediction
        One per spectrum, in order.
    """
    prepared = [_prepare(spectrum, model) for spectrum in spectra]
    rows = [p.intensity for p in prepared if p.intensity is not None]
    predictions: list[Prediction] = []
    if rows:
        x = np.stack(rows)
        probabilities = iter(model.classifier.predict_proba(x))
        coordination = iter(model.regressor.predict(x))
    for step in prepared:
        if step.intensity is None:
            predictions.append(step.answer)
            continue
        predictions.append(
            replace(
                _answer(step.answer, model, next(probabilities), float(next(coordination))),
                intensity=step.intensity,
            )
        )
    return predictions


@dataclass(frozen=True)
class _Prepared:
    answer: Prediction
    intensity: np.ndarray | None = None


def _prepare(spectrum: Spectrum, model: Model) -> _Prepared:
    """Bring one spectrum to the model's axis, or say why it cannot be."""
    grid = EnergyGrid(**model.info["grid"])
    answer = Prediction(
        spectrum.source, spectrum.scan, "ok", alignment={"shift_eV": 0.0, "scale": 1.0}
    )
    notes = list(spectrum.notes)
    try:
        if spectrum.axis == "absolute":
            refused, answer, spectrum = _to_relative(spectrum, model, answer, notes)
            if refused:
                return _Prepared(replace(answer, status="abstained", message=refused))
        intensity = resample(spectrum.energy_eV, spectrum.intensity, grid)
    except NearedgeError as error:
        where = f"{spectrum.source}, spectrum {spectrum.scan}"
        message = str(error) if spectrum.source in str(error) else f"{where}: {error}"
        return _Prepared(replace(answer, status="error", alignment=None, message=message))
    return _Prepared(replace(answer, message="; ".join(notes)), intensity)


def _to_relative(
    spectrum: Spectrum, model: Model, answer: Prediction, notes: list[str]
) -> tuple[str, Prediction, Spectrum]:
    """Energies relative to the library's zero; a reason instead where that is not justified."""
    absorber, edge = model.info["absorber"], model.info["edge"]
    if not is_near_edge(spectrum.energy_eV, absorber, edge):
        return (
            f"energies from {spectrum.energy_eV[0]:.1f} to {spectrum.energy_eV[-1]:.1f} eV do not "
            f"show the {absorber} {edge} edge that the model knows",
            replace(answer, alignment=None),
            spectrum,
        )
    if spectrum.edge_energy_eV is not None:
        notes.append(
            f"energies taken relative to the file's Fermi level, {spectrum.edge_energy_eV:.2f} eV"
        )
        shift = -spectrum.edge_energy_eV
        alignment = {"shift_eV": shift, "scale": 1.0}
        return "", replace(answer, alignment=alignment), spectrum.relative_to_edge()
    reference = model.info["reference"]
    reference_energy = np.array(reference["energy_eV"])
    candidates = np.arange(
        reference_energy[0] - spectrum.energy_eV[-1],
        reference_energy[-1] - spectrum.energy_eV[0],
        _COARSE_STEP_eV,
    )
    fit = best_shift(
        spectrum.energy_eV,
        spectrum.intensity,
        reference_energy,
        np.array(reference["intensity"]),
        candidates,
    )
    alignment = {"shift_eV": fit.shift_eV, "scale": fit.scale}
    answer = replace(answer, alignment=alignment)
    tied = (
        fit.runner_up_correlation is not None
        and fit.runner_up_shift_eV is not None
        and fit.correlation - fit.runner_up_correlation < _TIE
        and abs(fit.shift_eV - fit.runner_up_shift_eV) > _DISTINCT_eV
    )
    if tied:
        return (
            f"the energy axis fits the library equally well shifted by {fit.shift_eV:.1f} eV and "
            f"by {fit.runner_up_shift_eV:.1f} eV; give relative energies",
            answer,
            spectrum,
        )
    notes.append(f"energies shifted by {fit.shift_eV:.1f} eV to match the library's mean spectrum")
    return "", answer, replace(spectrum, energy_eV=spectrum.energy_eV + fit.shift_eV)


def _answer(
    answer: Prediction, model: Model, probabilities: np.ndarray, coordination: float
) -> Prediction:
    labels = [str(label) for label in model.classifier.classes]
    best = int(np.argmax(probabilities))
    return replace(
        answer,
        environment={
            "label": labels[best],
            "probabilities": {
                label: float(p) for label, p in zip(labels, probabilities, strict=True)
            },
            "set": None,
            "coverage": None,
        },
        coordination={"mean": coordination, "interval": None, "coverage": None},
        novelty={
            "p_value": None,
            "flag": False,
            "reason": "not assessed: this model carries no calibration",
        },
    )
