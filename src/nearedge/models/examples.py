"""What a model is trained on: inputs, targets and sample weights, checked and made ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from nearedge.errors import NearedgeError, UsageError
from nearedge.models._state import padded


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs, targets and sample weights of one model, or of several models.

    Attributes
    ----------
    x
        Scaled inputs: (example, feature) for all models alike, or (model, example, feature).
    y
        Classifier: class codes, or probabilities with a further axis of classes (soft targets).
        Regressor: numbers. Either has the leading axes of `x`.
    weight
        Sample weight of every example, not negative; None for equal weights. Only their ratios
        matter.

    Examples
    --------
    >>> Examples(np.zeros((5, 70)), np.array([0, 1, 2, 1, 0])).x.shape
    (5, 70)
    """

    x: Float[np.ndarray, "*rows feature"]
    y: Real[np.ndarray, "*targets"]
    weight: Float[np.ndarray, "*rows"] | None = None


class Prepared(NamedTuple):
    """Examples as the program takes them: flat arrays, after the model axis if there is one.

    Attributes
    ----------
    x, targets
        Rows padded to whole registers.
    weight
        Sample weight of every row, on average 1.
    """

    x: Float[np.ndarray, "*model flat"]
    targets: Float[np.ndarray, "*model flat"]
    weight: Float[np.ndarray, "*model row"]

    def of(self, model: int) -> Prepared:
        """Select the share of one model."""
        return Prepared(*(part[model] for part in self)) if self.weight.ndim == 2 else self


def prepare(
    examples: Examples, inputs: int, outputs: int, loss: str, dtype: type, name: str
) -> Prepared:
    """Check examples and lay them out for training.

    Parameters
    ----------
    examples
        As given by the caller.
    inputs, outputs
        Widths of the network's ends.
    loss
        ``"cross-entropy"`` or ``"mean squared error"``.
    dtype
        Floating type of the training.
    name
        What these examples are called in a message.

    Returns
    -------
    Prepared

    Raises
    ------
    UsageError
        If shapes, class codes or weights are impossible.
    NearedgeError
        If a value is not finite.
    """
    x, y, rows = examples.x, examples.y, examples.x.shape[:-1]
    if x.ndim not in (2, 3) or x.size == 0 or x.shape[-1] != inputs:
        raise UsageError(
            f"{name} inputs have shape {x.shape}; give (example, {inputs}) or "
            f"(model, example, {inputs}), with at least one example"
        )
    targets = _codes_to_targets(y, outputs, name) if loss == "cross-entropy" else y
    if targets.shape == rows:
        targets = targets[..., None]
    if targets.shape != (*rows, outputs):
        raise UsageError(
            f"{name} targets have shape {y.shape}, which does not fit inputs of shape {x.shape} "
            f"and {outputs} outputs; give one target per example"
        )
    weight = np.ones(rows) if examples.weight is None else examples.weight
    if weight.shape != rows:
        raise UsageError(
            f"{name} weights have shape {weight.shape}; give one weight per example: {rows}"
        )
    for what, values in (("inputs", x), ("targets", targets), ("weights", weight)):
        with np.errstate(over="ignore"):
            bad = np.argwhere(~np.isfinite(values.astype(dtype)))
        if bad.size:
            raise NearedgeError(
                f"the {name} {what} hold a value that is not a finite {np.dtype(dtype).name}, the "
                f"first at index {tuple(bad[0].tolist())}; remove that example"
            )
    total = weight.sum(axis=-1, keepdims=True)
    if (weight < 0).any() or (total <= 0).any():
        raise UsageError(f"{name} weights must not be negative, and not all of them zero")
    weight = weight * rows[-1] / total
    return Prepared(_padded(x, dtype), _padded(targets, dtype), weight.astype(dtype))


def _padded(
    values: Real[np.ndarray, "*rows column"], dtype: type
) -> Float[np.ndarray, "*model flat"]:
    *models, _, columns = values.shape
    wide = np.zeros((*values.shape[:-1], padded(columns)), dtype)
    wide[..., :columns] = values
    return wide.reshape(*models, -1)


def _codes_to_targets(
    y: Real[np.ndarray, "*targets"], outputs: int, name: str
) -> Float[np.ndarray, "*rows output"]:
    if np.issubdtype(y.dtype, np.integer):
        if y.size and (y.min() < 0 or y.max() >= outputs):
            raise UsageError(
                f"{name} class codes go from {y.min()} to {y.max()}, but the network has "
                f"{outputs} outputs; give codes from 0 to {outputs - 1}"
            )
        return np.eye(outputs)[y]
    if np.isfinite(y).all() and ((y < 0).any() or not np.allclose(y.sum(axis=-1), 1, atol=1e-4)):
        raise UsageError(
            f"{name} targets of a classifier must be class codes (integers) or probabilities that "
            "sum to 1 over the last axis"
        )
    # To the last digit, which the loss relies on.
    return y / y.sum(axis=-1, keepdims=True)
