"""Models on disk: `model.safetensors` (numbers), `model.json` (everything else), `card.md`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from nearedge.data import model_folder
from nearedge.errors import NearedgeError, UsageError
from nearedge.models._saving import described, restored, tensors_of
from nearedge.models.expansion import KernelClassifier, KernelRegressor
from nearedge.models.kinds import Classifier, Regressor

#: Version of the format that is written. Version 1, which knows networks only, is read, too.
FORMAT_VERSION = 2
_NUMBERS, _DESCRIPTION, _CARD = "model.safetensors", "model.json", "card.md"
_KINDS = {"classifier": Classifier, "regressor": Regressor, "composition": Classifier}
# Models of earlier versions lack these, and read as well.
_OPTIONAL = {"composition"}
_CALIBRATION, _SITES, _TRAINING = "calibration", "sites", "training"
# What reads samples looks at one set of known spectra, which is kept once.
_SHARED = ("regressor.centres", "composition.centres")
_EMBEDDING = "embedding"


@dataclass(frozen=True, eq=False)
class Attachment:
    """Arrays and values that another part of nearedge keeps with a model and understands.

    Attributes
    ----------
    numbers
        Arrays by name; saved in `model.safetensors`.
    description
        As JSON can hold it; saved in `model.json`.
    """

    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model: from spectra to environments and to coordination numbers.

    Attributes
    ----------
    classifier, regressor
        Networks or kernel expansions.
    info
        What was saved with them: energy grid, versions, library hash, held-out figures.
    composition
        Gives the fraction of sites in each environment; None in a model without.
    calibration
        What `nearedge.uncertainty` makes statements of coverage from; None in a model without.
    sites
        Sites of the library that `nearedge.models.nearest` compares with; None in a model without.
    training
        The sites it was trained on, see `nearedge.models.pretraining`; None in a model without.
    embedding
        Vectors of the categories of a model of several libraries, see `nearedge.models.embedding`;
        None in a model of one.
    """

    classifier: Classifier
    regressor: Regressor
    info: dict[str, Any]
    composition: Classifier | None = None
    calibration: Attachment | None = None
    sites: Attachment | None = None
    training: Attachment | None = None
    embedding: Attachment | None = None


def save_model(
    folder: str | os.PathLike[str],
    estimators: Mapping[str, Any],
    info: Mapping[str, Any],
    card: str,
    calibration: Attachment | None = None,
    sites: Attachment | None = None,
    training: Attachment | None = None,
    embedding: Attachment | None = None,
) -> None:
    """Write a model folder, whole or not at all.

    A model that stands there already is replaced; any other folder is left alone.

    Parameters
    ----------
    folder
        To be made.
    estimators
        ``"classifier"`` and ``"regressor"``: a `Classifier` and a `Regressor`, or estimators that
        were fitted to one; and ``"composition"``, a `Classifier`, if there is one.
    info
        Whatever belongs to the model, as JSON can hold it.
    card
        Text of `card.md`.
    calibration
        What belongs to the model for stating its uncertainty.
    sites
        The sites that it was trained on, from `nearedge.models.known_sites`.
    training
        The sites it was trained on, for others to continue from.
    embedding
        Vectors of categories.

    Raises
    ------
    UsageError
        If an estimator is missing or of the wrong kind.
    NearedgeError
        If `info` is not JSON, or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from nearedge.models import ClassifierEnsemble, RegressorEnsemble, fit_preprocessing
    >>> x = np.array([[0.0, 1.0], [1.0, 3.0]])
    >>> layers = ((np.ones((1, 1, 2)), np.zeros((1, 1))),)
    >>> pair = {
    ...     "classifier": ClassifierEnsemble(layers, fit_preprocessing(x), np.array(["0 Fe"])),
    ...     "regressor": RegressorEnsemble(layers, fit_preprocessing(x)),
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(f"{folder}/tiny", pair, {"seed": 0}, "# A tiny model")
    ...     model = load_model(f"{folder}/tiny")
    >>> model.regressor.predict(x), model.info
    (array([-2.,  2.]), {'seed': 0})
    """
    models = _models(estimators)
    tensors: dict[str, np.ndarray] = {}
    for kind, model in models.items():
        tensors |= {f"{kind}.{name}": value for name, value in tensors_of(model).items()}
    if _around_the_same(models):
        del tensors[_SHARED[1]]
    attached: dict[str, Any] = {}
    parts = (
        (_CALIBRATION, calibration),
        (_SITES, sites),
        (_TRAINING, training),
        (_EMBEDDING, embedding),
    )
    for part, attachment in parts:
        if attachment is not None:
            tensors |= {
                f"{part}.{name}": np.ascontiguousarray(value)
                for name, value in attachment.numbers.items()
            }
            attached[part] = attachment.description
    numbers = save_tensors(tensors)
    description = {
        "format": "nearedge model",
        "format_version": FORMAT_VERSION,
        "sha256": hashlib.sha256(numbers).hexdigest(),
        **{kind: described(model) for kind, model in models.items()},
        **attached,
        "info": dict(info),
    }
    try:
        text = json.dumps(description, indent=2, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise NearedgeError(
            f"the description of the model cannot be written as JSON: {error}; use plain numbers, "
            "text, lists and dictionaries"
        ) from None
    contents = {_NUMBERS: numbers, _DESCRIPTION: f"{text}\n".encode(), _CARD: card.encode()}
    try:
        _write_whole(Path(folder), contents)
    except OSError as error:
        raise NearedgeError(f"cannot write the model {folder}: {error.strerror or error}") from None


def _around_the_same(models: Mapping[str, Classifier | Regressor]) -> bool:
    """Whether the regressor and the reader of fractions share their centres."""
    regressor, composition = models["regressor"], models.get("composition")
    return (
        isinstance(regressor, KernelRegressor)
        and isinstance(composition, KernelClassifier)
        and regressor.expansion.centres is composition.expansion.centres
    )


def _models(estimators: Mapping[str, Any]) -> dict[str, Classifier | Regressor]:
    models = {
        kind: getattr(given, "ensemble_", getattr(given, "model_", given))
        for kind, given in estimators.items()
    }
    right = {
        kind: isinstance(models.get(kind), wanted)
        for kind, wanted in _KINDS.items()
        if kind in models or kind not in _OPTIONAL
    }
    if not set(models) <= set(_KINDS) or not all(right.values()):
        given = {kind: type(estimator).__name__ for kind, estimator in estimators.items()}
        raise UsageError(
            f"a model needs a fitted 'classifier' and a fitted 'regressor', but got {given}"
        )
    return models


def _write_whole(folder: Path, contents: Mapping[str, bytes]) -> None:
    if folder.exists() and not (folder / _DESCRIPTION).is_file():
        raise NearedgeError(f"{folder} exists and is not a model; choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh, old = scratch / "new", scratch / "old"
        fresh.mkdir()
        for name, content in contents.items():
            (fresh / name).write_bytes(content)
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load_model(folder: str | os.PathLike[str]) -> Model:
    """Read a model folder.

    Raises
    ------
    NearedgeError
        If the folder is missing, damaged, or of another format version.
    """
    path = Path(folder)
    try:
        numbers = (path / _NUMBERS).read_bytes()
        description = json.loads((path / _DESCRIPTION).read_bytes())
    except OSError as error:
        raise NearedgeError(
            f"cannot read the model {path}: {error.strerror} ({error.filename}); give a folder "
            "that nearedge train has written"
        ) from None
    except ValueError as error:
        raise NearedgeError(f"{path / _DESCRIPTION} is damaged: {error}; train again") from None
    _check_description(description, path)
    if hashlib.sha256(numbers).hexdigest() != description["sha256"]:
        raise NearedgeError(
            f"{path / _NUMBERS} is damaged, or does not belong to {_DESCRIPTION} beside it; "
            "train again"
        )
    try:
        tensors = load_tensors(numbers)
        if _SHARED[0] in tensors:
            tensors.setdefault(_SHARED[1], tensors[_SHARED[0]])
        parts: dict[str, Any] = {
            kind: restored(kind, description[kind], tensors)
            for kind in _KINDS
            if kind in description or kind not in _OPTIONAL
        }
        calibration = _attachment(_CALIBRATION, description, tensors)
        sites = _attachment(_SITES, description, tensors)
        training = _attachment(_TRAINING, description, tensors)
        embedding = _attachment(_EMBEDDING, description, tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, UsageError) as error:
        raise NearedgeError(f"the model {path} is damaged: {error}; train again") from None
    return Model(
        parts["classifier"],
        parts["regressor"],
        description["info"],
        parts.get("composition"),
        calibration,
        sites,
        training,
        embedding,
    )


_cached: dict[str, tuple[tuple[int, int], Model]] = {}


def cached_model(name: str) -> Model:
    """A model that is read once, and again only after it was written again.

    Parameters
    ----------
    name
        Its folder, or ``"default"``.

    Raises
    ------
    NearedgeError
        As `load_model`.

    Examples
    --------
    >>> cached_model("default") is cached_model("default")
    True
    """
    folder = model_folder(name).absolute()
    try:
        status = (folder / _DESCRIPTION).stat()
    except OSError:
        return load_model(folder)  # which says what is wrong
    state = (status.st_mtime_ns, status.st_size)
    known = _cached.get(str(folder))
    if known is None or known[0] != state:
        known = _cached[str(folder)] = (state, load_model(folder))
    return known[1]


def _attachment(
    name: str, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> Attachment | None:
    if name not in description:
        return None
    if not isinstance(description[name], dict):
        raise ValueError(f"{name} is no dictionary")
    numbers = {
        key.removeprefix(f"{name}."): value
        for key, value in tensors.items()
        if key.startswith(f"{name}.")
    }
    return Attachment(numbers, description[name])


def _check_description(description: Any, path: Path) -> None:
    if not isinstance(description, dict) or description.get("format") != "nearedge model":
        raise NearedgeError(f"{path / _DESCRIPTION} does not describe a nearedge model")
    version = description.get("format_version")
    if version not in (1, FORMAT_VERSION):
        raise NearedgeError(
            f"the model {path} has format version {version}, and this nearedge reads versions 1 to "
            f"{FORMAT_VERSION}; train it again, or use the nearedge it was made with"
        )
    for key, kind in (("sha256", str), ("classifier", dict), ("regressor", dict), ("info", dict)):
        if not isinstance(description.get(key), kind):
            raise NearedgeError(f"{path / _DESCRIPTION} is damaged: it lacks {key!r}; train again")
