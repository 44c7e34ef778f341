"""The network: fully connected, ReLU in the hidden layers, linear at the output.

Here it is in NumPy, which is all that prediction needs; `packed` holds the same network for
training, many models at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from nearedge.errors import UsageError

#: One (weight, bias) pair per layer, of shapes (out, in) and (out,), or with one leading axis for
#: the members of an ensemble: (member, out, in) and (member, out).
Parameters = tuple[tuple[np.ndarray, np.ndarray], ...]


@dataclass(frozen=True)
class Architecture:
    """Widths of a network's layers.

    Attributes
    ----------
    inputs
        Number of sampled intensities.
    hidden
        Nodes of each hidden layer.
    outputs
        Number of classes, or 1 for a coordination number.

    Raises
    ------
    UsageError
        If a width is less than 1.

    Examples
    --------
    The two networks of the paper:

    >>> str(Architecture(70, (8, 6), 6)), str(Architecture(70, (8, 6), 1))
    ('70-8-6-6', '70-8-6-1')
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int

    def __post_init__(self) -> None:
        if min(self.widths) < 1:
            raise UsageError(f"every layer needs at least one node, but the widths are {self}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of nodes from the input to the output layer."""
        return (self.inputs, *self.hidden, self.outputs)

    def __str__(self) -> str:
        return "-".join(str(width) for width in self.widths)


def initial_parameters(architecture: Architecture, seed: int) -> Parameters:
    """Draw Glorot-uniform weights; the biases are zero.

    Parameters
    ----------
    architecture
        Widths of the layers.
    seed
        Not negative. The same seed gives the same weights, whatever else is trained alongside.

    Returns
    -------
    tuple of (weight, bias)
        float64, weights of shape (out, in) uniform within sqrt(6 / (in + out)).

    References
    ----------
    X. Glorot and Y. Bengio, AISTATS 2010, equation 16.

    Examples
    --------
    >>> (weight, bias), _ = initial_parameters(Architecture(3, (4,), 1), seed=0)
    >>> weight.shape, bool(np.abs(weight).max() <= np.sqrt(6 / 7)), bias.tolist()
    ((4, 3), True, [0.0, 0.0, 0.0, 0.0])
    """
    rng = np.random.default_rng([seed, 0])
    layers = []
    for fan_in, fan_out in pairwise(architecture.widths):
        limit = math.sqrt(6 / (fan_in + fan_out))
        layers.append((rng.uniform(-limit, limit, (fan_out, fan_in)), np.zeros(fan_out)))
    return tuple(layers)


def outputs(
    parameters: Parameters, x: Float[np.ndarray, "example feature"]
) -> Float[np.ndarray, "*member example output"]:
    """Outputs of one network, or of all members of an ensemble.

    Parameters
    ----------
    parameters
        Layers of one network, or stacked with a leading member axis.
    x
        Inputs as the network was trained on, that is scaled; shape (example, feature).

    Returns
    -------
    array
        Logits of the classes or numbers, shape (example, output), after the member axis if there
        is one.

    Examples
    --------
    >>> weight, bias = np.array([[1.0, -1.0]]), np.array([0.5])
    >>> outputs(((weight, bias),), np.array([[3.0, 1.0], [0.0, 2.0]]))
    array([[ 2.5],
           [-1.5]])
    """
    weight, bias = parameters[0]
    # Examples stand last, along vector registers: (member, node, example).
    activation = weight @ x.T
    activation += bias[..., None]
    for weight, bias in parameters[1:]:
        np.maximum(activation, 0, out=activation)
        activation = weight @ activation
        activation += bias[..., None]
    return np.swapaxes(activation, -1, -2)


def softmax(logits: Float[np.ndarray, "*batch class"]) -> Float[np.ndarray, "*batch class"]:
    """Probabilities from logits, along the last axis.

    Examples
    --------
    >>> softmax(np.array([0.0, 0.0, np.log(2.0)])).round(3)
    array([0.25, 0.25, 0.5 ])
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
