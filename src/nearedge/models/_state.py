"""What training goes on from, and how it is laid out in the flat arrays of the program."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from nearedge.models.network import Architecture, Parameters

#: Numbers in a register of the compiled program.
LANES = 8


class State(NamedTuple):
    """All that training of one model goes on from.

    The random stream is not part of it: an epoch's shuffling depends on the seed and the number of
    the epoch alone.

    Attributes
    ----------
    parameters, first, second
        Weights and biases, and Adam's running means of gradients and of their squares.
    step, epoch
        Steps and epochs done.
    best, best_loss, waited
        Parameters of least validation loss, that loss, and the epochs since then.
    """

    parameters: Parameters
    first: Parameters
    second: Parameters
    step: Any
    epoch: Any
    best: Parameters
    best_loss: Any
    waited: Any


def padded(width: int) -> int:
    """Round a number of nodes up to whole registers."""
    return -(-width // LANES) * LANES


def flatten(parameters: Parameters, dtype: type) -> Float[np.ndarray, " flat"]:
    """Lay a network out: for each layer the weights (in, out), then the biases, padded."""
    pieces = []
    for weight, bias in parameters:
        out, into = weight.shape
        layer = np.zeros((padded(into) + 1, padded(out)), dtype)
        layer[:into, :out] = weight.T
        layer[-1, :out] = bias
        pieces.append(layer.ravel())
    return np.concatenate(pieces)


def unflatten(flat: Float[np.ndarray, " flat"], architecture: Architecture) -> Parameters:
    """Undo `flatten` for a network of this architecture."""
    layers, at = [], 0
    for into, out in pairwise(architecture.widths):
        shape = padded(into) + 1, padded(out)
        layer = flat[at : at + shape[0] * shape[1]].reshape(shape)
        layers.append((layer[:into, :out].T.copy(), layer[-1, :out].copy()))
        at += layer.size
    return tuple(layers)


def same_widths(state: State, architecture: Architecture) -> bool:
    """Tell whether a state is one of this architecture."""
    found = [weight.shape[::-1] for weight, _ in state.parameters]
    return found == list(pairwise(architecture.widths))
