"""Trained networks as ONNX, for programs that know nothing of nearedge; needs the extra ``onnx``.

One graph holds all that prediction needs: the normalisation, the scaling, and the layers of every
member with the average over them, or the Gaussians and the linear part of an expansion.
"""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.models.ensemble import Ensemble
from nearedge.models.expansion import (
    LEAST_SHARE,
    Expansion,
    KernelClassifier,
    KernelRegressor,
    usual_odds,
)
from nearedge.models.kinds import Classifier, Regressor
from nearedge.models.preprocessing import Preprocessing
from nearedge.models.store import Model

# Of 2021, so that programs that are some years old read the file.
_OPSET, _IR_VERSION = 14, 8
_INPUT = "intensity"


def export_onnx(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a trained model as one ONNX file.

    The graph takes ``intensity`` (spectrum, point), float32, sampled on the model's energy grid and
    not normalised. It gives ``probabilities`` (spectrum, class) and ``coordination`` (spectrum,),
    float32, whichever the model has. It checks nothing: spectra that
    nearedge would refuse, because their mean is not positive say, get an answer. Labels of the
    classes, and the grid of a `Model`, stand in the file's metadata as JSON.

    Scaling is done in float64, since running sums differ from their means in late digits only, and
    so are the distances of an expansion; the layers are in float32.

    Parameters
    ----------
    model
        A `Model`, one of its parts, or a fitted estimator.
    path
        Of the file; one that stands there is replaced.

    Raises
    ------
    NearedgeError
        If ONNX is not installed, or the file cannot be written.

    References
    ----------
    ONNX operators of opset 14, https://onnx.ai/onnx/operators.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        raise NearedgeError(
            "ONNX is not installed; install the extra: pip install 'nearedge[onnx]'"
        ) from error
    if isinstance(model, Model):
        parts: list[Classifier | Regressor] = [model.classifier, model.regressor]
    else:
        parts = [getattr(model, "ensemble_", getattr(model, "model_", model))]
    graph = _Graph()
    metadata = {}
    outputs = []
    points = 0
    for part in parts:
        if isinstance(part, Classifier):
            name, shape = "probabilities", ["spectrum", len(part.classes)]
            metadata["classes"] = json.dumps(part.classes.tolist())
        else:
            name, shape = "coordination", ["spectrum"]
        if isinstance(part, Ensemble):
            points = part.preprocessing.mean.size
            _add_ensemble(graph, part, name)
        elif isinstance(part, KernelClassifier | KernelRegressor):
            points = part.preprocessing.mean.size
            _add_expansion(graph, part, name)
        else:
            raise UsageError(f"a {type(part).__name__} cannot be exported")
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    if isinstance(model, Model) and "grid" in model.info:
        metadata["grid"] = json.dumps(model.info["grid"])
    taken = helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, ["spectrum", points])
    made = helper.make_model(
        helper.make_graph(graph.nodes, "nearedge", [taken], outputs, graph.constants),
        producer_name="nearedge",
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made, full_check=True)
    try:
        Path(path).write_bytes(made.SerializeToString())
    except OSError as error:
        raise NearedgeError(f"cannot write {path}: {error.strerror}") from None


class _Graph:
    """Nodes and constants of an ONNX graph, with names of their own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _add_ensemble(graph: _Graph, ensemble: Ensemble, name: str) -> None:
    # (spectrum, node) meets weights (member, in, out): (member, spectrum, out).
    active = _add_preprocessing(graph, ensemble.preprocessing)
    for number, (weight, bias) in enumerate(ensemble.parameters):
        if number:
            active = graph.add("Relu", active)
        kernel = graph.constant(np.swapaxes(weight, 1, 2).astype(np.float32))
        offset = graph.constant(bias[:, None].astype(np.float32))
        active = graph.add("Add", graph.add("MatMul", active, kernel), offset)
    if isinstance(ensemble, Regressor):
        mean = graph.add("ReduceMean", active, axes=[0], keepdims=0)
        graph.add("Squeeze", mean, graph.constant(np.array([1])), name=name)
    else:
        shares = graph.add("Softmax", active, axis=-1)
        graph.add("ReduceMean", shares, name=name, axes=[0], keepdims=0)


def _add_expansion(graph: _Graph, model: KernelClassifier | KernelRegressor, name: str) -> None:
    from onnx import TensorProto

    expansion = model.expansion
    told = list(range(len(expansion.bias)))
    if isinstance(model, KernelRegressor):
        # The number, and that of a usual sample if there is one; how many sites is not told.
        told = told[::2]
    x = graph.add("Cast", _INPUT, to=TensorProto.DOUBLE)
    whole = graph.add("ReduceMean", x, axes=[1], keepdims=1)
    near, part = [], expansion
    while part is not None:
        gaussians = graph.add("Exp", _add_minus_squares(graph, part, x, whole))
        strength = graph.constant(part.radial[:, told].astype(np.float64))
        near.append(graph.add("MatMul", gaussians, strength))
        part = part.further
    values = graph.add("Sum", *near)
    scaled = graph.add("Div", x, whole) if expansion.preprocessing.normalise == "area" else x
    scaled = graph.add("Sub", scaled, graph.constant(expansion.preprocessing.mean))
    scaled = graph.add("Div", scaled, graph.constant(expansion.preprocessing.scale))
    linear = graph.add("MatMul", scaled, graph.constant(expansion.linear[:, told]))
    values = graph.add(
        "Add", graph.add("Add", values, linear), graph.constant(expansion.bias[told])
    )
    if isinstance(model, KernelRegressor):
        if len(told) > 1:
            values = _add_reconciled(graph, values, model.differ)
        values = graph.add("Squeeze", values, graph.constant(np.array([1])))
    elif model.link in ("softmax", "pairs"):
        if model.link == "pairs":
            values = _add_pair_logits(graph, values, len(model.classes))
        values = graph.add("Softmax", values, axis=-1)
    else:
        raise UsageError("fractions of environments cannot be exported")
    graph.add("Cast", values, name=name, to=TensorProto.FLOAT)


def _add_pair_logits(graph: _Graph, values: str, classes: int) -> str:
    """Logits of classes from those of pairs, see `expansion.pair_logits`."""
    pairs = list(combinations(range(classes), 2))
    one, other = (np.zeros((len(pairs), classes)) for _ in range(2))
    for number, (first, second) in enumerate(pairs):
        one[number, first] = other[number, second] = 1.0
    zero, unit = (graph.constant(np.array(value)) for value in (0.0, 1.0))
    # log(1 + exp(v)) without overflow; ONNX Runtime has no Softplus in double precision.
    size = graph.add("Exp", graph.add("Neg", graph.add("Abs", values)))
    small = graph.add("Log", graph.add("Add", size, unit))
    lost = [
        graph.add("MatMul", graph.add("Add", graph.add("Max", side, zero), small), places)
        for side, places in (
            (graph.add("Neg", values), graph.constant(one)),
            (values, graph.constant(other)),
        )
    ]
    return graph.add("Neg", graph.add("Add", *lost))


def _add_reconciled(graph: _Graph, values: str, differ: tuple[float, float]) -> str:
    """The two readings of a sample's number as one, see `expansion.reconciled`."""
    ends = [graph.constant(np.array([end])) for end in (0, 1, 2)]
    columns = graph.constant(np.array([1]))
    number, usual = (graph.add("Slice", values, *pair, columns) for pair in (ends[:2], ends[1:]))
    steepness, level = (graph.constant(np.array(odds)) for odds in usual_odds(differ))
    difference = graph.add("Sub", number, usual)
    squares = graph.add("Mul", graph.add("Mul", difference, difference), steepness)
    share = graph.add("Sigmoid", graph.add("Neg", graph.add("Add", squares, level)))
    return graph.add("Sub", number, graph.add("Mul", share, difference))


def _add_minus_squares(graph: _Graph, expansion: Expansion, x: str, whole: str) -> str:
    """Minus the squared distances from the centres: 2 v.z - v.v - z.z, and never above zero."""
    window, centres = expansion.window, expansion.centres.astype(np.float64)
    stop = window.first + window.mean.size
    ends = [graph.constant(np.array([end])) for end in (window.first, stop)]
    part = graph.add("Slice", x, *ends, graph.constant(np.array([1])))
    if window.normalise == "area":
        least = graph.add("Mul", whole, graph.constant(np.array(LEAST_SHARE)))
        own = graph.add("ReduceMean", part, axes=[1], keepdims=1)
        squares = graph.add("Add", graph.add("Mul", own, own), graph.add("Mul", least, least))
        part = graph.add("Div", part, graph.add("Sqrt", squares))
    if window.view == "roots":
        part = graph.add("Sqrt", graph.add("Max", part, graph.constant(np.array(0.0))))
    elif window.view == "sums":
        part = graph.add("CumSum", part, graph.constant(np.array(1)))
        part = graph.add("Div", part, graph.constant(np.array(float(window.mean.size))))
    inputs = graph.add("Sub", part, graph.constant(window.mean))
    inputs = graph.add("Div", inputs, graph.constant(window.scale))
    product = graph.add("MatMul", inputs, graph.constant(2 * centres.T))
    square = graph.add("ReduceSum", graph.add("Mul", inputs, inputs), graph.constant(np.array([1])))
    squares = graph.add("Sub", product, square)
    squares = graph.add("Sub", squares, graph.constant(np.square(centres).sum(axis=1)))
    return graph.add("Min", squares, graph.constant(np.array(0.0)))


def _add_preprocessing(graph: _Graph, preprocessing: Preprocessing) -> str:
    from onnx import TensorProto

    x = graph.add("Cast", _INPUT, to=TensorProto.DOUBLE)
    if preprocessing.normalise == "area":
        x = graph.add("Div", x, graph.add("ReduceMean", x, axes=[1], keepdims=1))
    if preprocessing.representation == "cumulative":
        x = graph.add("CumSum", x, graph.constant(np.array(1)))
    x = graph.add("Sub", x, graph.constant(preprocessing.mean.astype(np.float64)))
    x = graph.add("Div", x, graph.constant(preprocessing.scale.astype(np.float64)))
    return graph.add("Cast", x, to=TensorProto.FLOAT)
