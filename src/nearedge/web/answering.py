"""What a worker does: read files, ask the model, and answer in JSON or HTML.

Everything here runs in the worker. A task that fails with a `NearedgeError` is answered with its
message; whatever else happens to it ends in an answer too, so that the worker stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from nearedge.data import model_folder
from nearedge.errors import NearedgeError
from nearedge.models import Model, load_model
from nearedge.predict import Prediction, predict
from nearedge.series import Options, Record, document, predict_series
from nearedge.series.reading import Fault, read_pieces
from nearedge.series.record import scaled
from nearedge.spectra import Spectrum
from nearedge.spectra.edges import tabulated_edge_eV
from nearedge.web._frames import Answer, Task
from nearedge.web.arrays import read_arrays
from nearedge.web.limits import Limits
from nearedge.web.looking import (
    as_read,
    entry_of,
    look,
    neighbours,
    packed,
    record_of,
    shifted,
    simulated_series,
    sweep,
)
from nearedge.web.report import report

# As a series does: nobody reads why each of so many spectra is answered as it is.
_MANY_SPECTRA = 100

_READING = ("columns",)
_PREDICTING = ("skip", "background", "shift_eV", "sensitivity")

Models = Mapping[str, Model]
_Found = list[Spectrum | Fault]


class Refused(NearedgeError):
    """A request that asks for too much or for something impossible; carries the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def load_models(named: Mapping[str, str]) -> dict[str, Model]:
    """Load models: name to folder becomes name to model."""
    models = {name: load_model(model_folder(folder)) for name, folder in named.items()}
    for model in models.values():
        _warm_up(model)
    return models


def _warm_up(model: Model) -> None:
    """Answer once, so that the first user does not wait for what is made at the first use."""
    reference = model.info["reference"]
    energy_eV = np.array(reference["energy_eV"], dtype=float)
    intensity = np.array(reference["intensity"], dtype=float)
    edge_eV = tabulated_edge_eV(model.info["absorber"], model.info["edge"])
    with suppress(NearedgeError):
        predict(
            [
                Spectrum(energy_eV, intensity, "relative", "", "1", "warm-up"),
                Spectrum(energy_eV + edge_eV, intensity, "absolute", "", "2", "warm-up"),
            ],
            model,
            why=True,
        )


def answer_tasks(tasks: Sequence[Task], models: Models, limits: Limits) -> list[Answer]:
    """Answer tasks, those for a few spectra in one call of the model."""
    answers: dict[int, Answer] = {}
    together: dict[str, list[int]] = {}
    for index, task in enumerate(tasks):
        if task.kind == "predict" and task.options.get("small"):
            alone = str(index) if task.options.get("one_instrument") else ""
            key = alone + json.dumps(task.options, sort_keys=True)
            together.setdefault(key, []).append(index)
        else:
            answers[index] = _guarded(lambda task=task: _KINDS[task.kind](task, models, limits))
    for indices in together.values():
        answers |= zip(
            indices, _small([tasks[index] for index in indices], models, limits), strict=True
        )
    return [answers[index] for index in range(len(tasks))]


def records_of(task: Task, models: Models, limits: Limits) -> list[Record]:
    """Read the files of a task as a series and predict every spectrum; sources are the paths.

    Raises
    ------
    Refused
        If the files hold too many spectra.
    """
    options = _options(task)
    model = models[task.options["model"]]
    paths = [path for _, path in task.files]
    records: list[Record] = []
    for block in predict_series(paths, model, options, workers=1):
        records += block
        if len(records) > limits.spectra or block[0].count > limits.spectra:
            raise Refused(413, limits.too_many_spectra())
    return records


def _predict(task: Task, models: Models, limits: Limits) -> Answer:
    if task.body:
        return _small([task], models, limits)[0]
    shown = {path: name for name, path in task.files}
    records = [_renamed(record, shown) for record in records_of(task, models, limits)]
    return _entries(records, task)


def _entries(records: Sequence[Record], task: Task) -> Answer:
    """The JSON of the command line; for listeners with the intensities, which the page draws."""
    form = entry_of if task.options.get("rows") else document
    return Answer(200, packed([form(record) for record in records]))


def _small(tasks: Sequence[Task], models: Models, limits: Limits) -> list[Answer]:
    """Answer tasks that have the same options and few spectra."""
    answers: dict[int, Answer] = {}
    found: dict[int, _Found] = {}
    for index, task in enumerate(tasks):
        try:
            found[index] = _read(task, limits)
        except Exception as error:
            answers[index] = _failed(error)
    model = models[tasks[0].options["model"]]
    arguments = _arguments(tasks[0])
    many = {index for index, items in found.items() if len(items) > _MANY_SPECTRA}
    try:
        predictions = _asked_together(
            {index: items for index, items in found.items() if index not in many}, model, arguments
        )
        for index in many:
            predictions |= _asked_together({index: found[index]}, model, arguments | {"why": False})
    except Exception:
        # One of them fails: it must not take the others with it.
        predictions = {}
        for index, items in found.items():
            try:
                predictions |= _asked_together({index: items}, model, arguments)
            except Exception as error:
                answers[index] = _failed(error)
    for index, own in predictions.items():
        records = [
            Record(
                prediction,
                dict(item.header),
                place,
                len(own),
                intensity=scaled(prediction.intensity),
            )
            for place, (item, prediction) in enumerate(zip(found[index], own, strict=True))
        ]
        answers[index] = _guarded(
            lambda records=records, task=tasks[index]: _entries(records, task)
        )
    return [answers[index] for index in range(len(tasks))]


def _asked_together(
    found: Mapping[int, _Found], model: Model, arguments: Mapping[str, Any]
) -> dict[int, list[Prediction]]:
    """Predictions of the spectra of several tasks, which know nothing of one another."""
    spectra = [
        # The source tells the files of one task from those of another: a stack shares one shift.
        replace(item, source=f"{index}/{item.source}")
        for index, items in found.items()
        for item in items
        if isinstance(item, Spectrum)
    ]
    asked = iter(predict(spectra, model, **arguments) if spectra else ())
    return {
        index: [
            Prediction(item.source, item.scan, "error", message=item.message)
            if isinstance(item, Fault)
            else _unmarked(next(asked), f"{index}/")
            for item in items
        ]
        for index, items in found.items()
    }


def _unmarked(prediction: Prediction, mark: str) -> Prediction:
    name = prediction.file.removeprefix(mark)
    message = prediction.message.replace(prediction.file, name)
    return replace(prediction, file=name, message=message)


def _read(task: Task, limits: Limits) -> _Found:
    """Spectra and faults of a task under the names that its sender gave."""
    found: _Found = read_arrays(task.body) if task.body else []
    reading = _options(task).reading
    for name, path in task.files:
        for piece in read_pieces(path, reading):
            for item in piece.items:
                if isinstance(item, Fault):
                    message = item.message.replace(path, name)
                    found.append(replace(item, source=name, message=message))
                else:
                    notes = tuple(note.replace(path, name) for note in item.notes)
                    found.append(replace(item, source=name, notes=notes))
            if len(found) > limits.spectra:
                raise Refused(413, limits.too_many_spectra())
    return found


def _options(task: Task) -> Options:
    given = {key: value for key, value in task.options.items() if value is not None}
    return Options(
        reading={key: given[key] for key in _READING if key in given}
        | {"names": {path: name for name, path in task.files}},
        predicting={key: given[key] for key in _PREDICTING if key in given},
        one_instrument=bool(given.get("one_instrument")),
        why=bool(given.get("why")),
    )


def _arguments(task: Task) -> dict[str, Any]:
    alike = {"one_instrument": True} if task.options.get("one_instrument") else {}
    return {**_options(task).predicting, **alike, "why": bool(task.options.get("why"))}


def _renamed(record: Record, shown: Mapping[str, str]) -> Record:
    """A record under the name that its sender gave the file."""
    answer = record.prediction
    message = answer.message
    name = shown.get(answer.file, answer.file)
    message = message.replace(answer.file, name)
    return replace(record, prediction=replace(answer, file=name, message=message))


def _guarded(work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> Answer:
    if isinstance(error, Refused):
        return Answer.error(error.status, str(error))
    if isinstance(error, NearedgeError):
        return Answer.error(422, " ".join(str(error).split()))
    if isinstance(error, MemoryError):
        return Answer.error(413, "the files need more memory than a request may have; send fewer")
    # Nothing of the request goes into the message, since it may be shown to others.
    return Answer.error(500, f"{type(error).__name__}: this is a defect of nearedge, please report")


def _open(task: Task, models: Models, limits: Limits) -> Answer:
    """Predict files for the page: with the intensities, and where to read each spectrum again."""
    shown = {path: name for name, path in task.files}
    found = [
        entry_of(_renamed(record, shown)) | {"path": record.prediction.file, "index": record.index}
        for record in records_of(task, models, limits)
    ]
    return Answer(200, packed(found))


def _look(task: Task, models: Models, limits: Limits) -> Answer:
    name = task.options["model"]
    model = models[name]
    given = json.loads(task.body)
    record = record_of(given["entry"], given["intensity"])
    what = task.options["what"]
    if what == "report":
        return Answer(200, report(record, model, name).encode())
    return Answer(200, packed((look if what == "portrait" else neighbours)(record, model)))


def _shift(task: Task, models: Models, limits: Limits) -> Answer:
    model = models[task.options["model"]]
    [(name, path)] = task.files
    record = shifted(path, name, task.options["index"], task.options["shift_eV"], model)
    return Answer(200, packed(entry_of(record) | {"portrait": look(record, model)}))


def _read_only(task: Task, models: Models, limits: Limits) -> Answer:
    [(name, path)] = task.files
    return Answer(200, packed(as_read(path, name, task.options["index"])))


def _sweep(task: Task, models: Models, limits: Limits) -> Answer:
    model = models[task.options["model"]]
    [(name, path)] = task.files
    shifts_eV = task.options["shifts_eV"]
    return Answer(200, packed(sweep(path, name, task.options["index"], shifts_eV, model)))


def _example(task: Task, models: Models, limits: Limits) -> Answer:
    model = models[task.options["model"]]
    return Answer(200, simulated_series(model, task.options["scans"]))


_KINDS: dict[str, Callable[[Task, Models, Limits], Answer]] = {
    "predict": _predict,
    "open": _open,
    "look": _look,
    "shift": _shift,
    "read": _read_only,
    "sweep": _sweep,
    "example": _example,
}
