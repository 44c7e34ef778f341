"""Networks and kernel expansions as named arrays and plain values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from nearedge.errors import UsageError
from nearedge.models.ensemble import ClassifierEnsemble, Ensemble, RegressorEnsemble
from nearedge.models.expansion import (
    VIEWS,
    Expansion,
    KernelClassifier,
    KernelRegressor,
    Window,
)
from nearedge.models.kinds import Classifier, Regressor
from nearedge.models.network import Architecture
from nearedge.models.preprocessing import Preprocessing

_LINKS = ("softmax", "simplex", "pairs")


def tensors_of(model: Classifier | Regressor) -> dict[str, np.ndarray]:
    """Arrays of a model by name.

    Raises
    ------
    UsageError
        If it is neither networks nor an expansion.
    """
    if isinstance(model, Ensemble):
        preprocessing, tensors = model.preprocessing, {}
        for index, (weight, bias) in enumerate(model.parameters):
            tensors |= {f"layer{index}.weight": weight, f"layer{index}.bias": bias}
    elif isinstance(model, KernelClassifier | KernelRegressor):
        expansion = model.expansion
        preprocessing = expansion.preprocessing
        tensors = {
            "window.mean": expansion.window.mean,
            "window.scale": expansion.window.scale,
            "centres": expansion.centres,
            "radial": expansion.radial,
            "linear": expansion.linear,
            "bias": expansion.bias,
        }
        if (further := expansion.further) is not None:
            # Its linear part and its constant are zero, see `pairwise`.
            tensors |= {
                "further.window.mean": further.window.mean,
                "further.window.scale": further.window.scale,
                "further.centres": further.centres,
                "further.radial": further.radial,
            }
    else:
        raise UsageError(f"a {type(model).__name__} cannot be saved; give networks or an expansion")
    tensors |= {"mean": preprocessing.mean, "scale": preprocessing.scale}
    return {name: np.ascontiguousarray(value) for name, value in tensors.items()}


def described(model: Any) -> dict[str, Any]:
    """What else belongs to a model, as JSON can hold it."""
    preprocessing = model.preprocessing
    words: dict[str, Any] = {
        "normalise": preprocessing.normalise,
        "representation": preprocessing.representation,
    }
    if isinstance(model, Ensemble):
        words |= {
            "kind": "networks",
            "architecture": list(model.architecture.widths),
            "members": len(model.members()),
        }
    else:
        window, further = model.expansion.window, model.expansion.further
        words |= {"kind": "kernel", "window_first": window.first, "window_view": window.view}
        if further is not None:
            words["further_view"] = further.window.view
    if isinstance(model, Classifier):
        words["classes"] = model.classes.tolist()
    if isinstance(model, KernelClassifier):
        words["link"] = model.link
    if isinstance(model, KernelRegressor):
        words["unit"] = model.unit
    return words


def restored(
    role: str, words: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> Classifier | Regressor:
    """Make a model of what was saved.

    Parameters
    ----------
    role
        ``"classifier"``, ``"regressor"`` or ``"composition"``: what the tensors' names begin with.
    words, tensors
        From `described` and `tensors_of`.

    Raises
    ------
    KeyError, TypeError, ValueError, UsageError
        If something is missing or does not fit.
    """
    if words.get("kind", "networks") == "networks":
        return _restored_networks(role, words, tensors)
    if words["kind"] != "kernel":
        raise ValueError(f"no kind of model is called {words['kind']!r}")
    return _restored_expansion(role, words, tensors)


def _own(
    role: str, shapes: Mapping[str, tuple[int, ...]], tensors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    own = {name: tensors[f"{role}.{name}"] for name in shapes}
    for name, shape in shapes.items():
        if own[name].shape != shape:
            raise ValueError(f"{role}.{name} has shape {own[name].shape} instead of {shape}")
    return own


def _classes(words: Mapping[str, Any], outputs: int) -> np.ndarray:
    classes = np.array(words["classes"])
    if classes.shape != (outputs,):
        raise ValueError(f"{classes.size} classes for {outputs} outputs")
    return classes


def _restored_networks(
    role: str, words: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> ClassifierEnsemble | RegressorEnsemble:
    inputs, *hidden, outputs = words["architecture"]
    widths = Architecture(inputs, tuple(hidden), outputs).widths
    members = words["members"]
    shapes: dict[str, tuple[int, ...]] = {"mean": (inputs,), "scale": (inputs,)}
    for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
        shapes[f"layer{index}.weight"] = (members, fan_out, fan_in)
        shapes[f"layer{index}.bias"] = (members, fan_out)
    own = _own(role, shapes, tensors)
    layers = tuple(
        (own[f"layer{index}.weight"], own[f"layer{index}.bias"]) for index in range(len(widths) - 1)
    )
    preprocessing = Preprocessing(
        words["normalise"], words["representation"], own["mean"], own["scale"]
    )
    if role == "regressor":
        return RegressorEnsemble(layers, preprocessing)
    return ClassifierEnsemble(layers, preprocessing, _classes(words, outputs))


def _restored_expansion(
    role: str, words: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> KernelClassifier | KernelRegressor:
    first = words["window_first"]
    features, outputs = tensors[f"{role}.linear"].shape
    centres, points = tensors[f"{role}.centres"].shape
    if not isinstance(first, int) or not 0 <= first <= features - points:
        raise ValueError(f"{role} has a window of {points} points from {first} of {features}")
    shapes: dict[str, tuple[int, ...]] = {
        "mean": (features,),
        "scale": (features,),
        "window.mean": (points,),
        "window.scale": (points,),
        "centres": (centres, points),
        "radial": (centres, outputs),
        "linear": (features, outputs),
        "bias": (outputs,),
    }
    if "further_view" in words:
        shapes |= {
            "further.window.mean": (points,),
            "further.window.scale": (points,),
            "further.centres": (len(tensors[f"{role}.further.centres"]), points),
            "further.radial": (len(tensors[f"{role}.further.centres"]), outputs),
        }
    own = _own(role, shapes, tensors)
    preprocessing = Preprocessing(
        words["normalise"], words["representation"], own["mean"], own["scale"]
    )

    def part(name: str, view: str) -> tuple[Window, np.ndarray, np.ndarray]:
        mean, scale = own[f"{name}window.mean"], own[f"{name}window.scale"]
        if view not in VIEWS:
            raise ValueError(f"no view of a window is called {view!r}")
        window = Window(words["normalise"], first, mean, scale, view)
        return window, own[f"{name}centres"], own[f"{name}radial"]

    further = None
    if "further_view" in words:
        nothing = np.zeros_like(own["linear"]), np.zeros_like(own["bias"])
        further = Expansion(preprocessing, *part("further.", words["further_view"]), *nothing)
    # Models of before there were other views say whether roots are taken.
    view = words.get("window_view", "roots" if words.get("window_root") else "plain")
    expansion = Expansion(preprocessing, *part("", view), own["linear"], own["bias"], further)
    if role == "regressor":
        if outputs not in (1, 2, 3):
            raise ValueError(f"{outputs} outputs of a regressor")
        # Models of before there were units took every number for a coordination number.
        return KernelRegressor(expansion, float(words.get("unit", 1.0)))
    if words["link"] not in _LINKS:
        raise ValueError(f"no link is called {words['link']!r}")
    classes = len(words["classes"])
    possible = {
        "softmax": (classes,),
        "simplex": (classes, 2 * classes),
        "pairs": (classes * (classes - 1) // 2,),
    }
    if outputs not in possible[words["link"]]:
        raise ValueError(f"{outputs} outputs of a {words['link']} for {classes} classes")
    return KernelClassifier(expansion, np.array(words["classes"]), words["link"])
