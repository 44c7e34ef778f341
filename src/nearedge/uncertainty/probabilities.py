"""Probabilities that mean what they say: one temperature and one offset per class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.errors import NearedgeError
from nearedge.models.network import softmax

# Networks answer in single precision: a probability below this is rounding.
_LEAST = 1e-7
# Strength of the penalty on the offsets, per group-weighted mean log loss: out-of-fold log loss on
# the embedded library is least from 0.005 to 0.02, docs/uncertainty.md.
_PENALTY = 0.02


@dataclass(frozen=True, eq=False)
class Scaling:
    """Map from a network's probabilities to calibrated ones.

    Attributes
    ----------
    sharpness
        Factor of the log probabilities, the inverse temperature: below 1 where the network is too
        sure of itself.
    offset
        Added to the log probabilities afterwards; shape (class,). Training balances the classes,
        and this brings back how frequent they are.
    """

    sharpness: float
    offset: Float[np.ndarray, " class"]

    def apply(
        self, probabilities: Float[np.ndarray, "spectrum class"]
    ) -> Float[np.ndarray, "spectrum class"]:
        """Calibrated probabilities, each row summing to 1."""
        logs = np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
        return softmax(self.sharpness * logs + self.offset)


def group_weights(group: Shaped[np.ndarray, " unit"]) -> Float[np.ndarray, " unit"]:
    """Weights that sum to 1 and give every group the same share.

    Examples
    --------
    >>> group_weights(np.array(["a", "a", "b"]))
    array([0.25, 0.25, 0.5 ])
    """
    _, code, count = np.unique(group, return_inverse=True, return_counts=True)
    return 1.0 / (count[code] * count.size)


def fit_scaling(
    probabilities: Float[np.ndarray, "site class"],
    environment: Int[np.ndarray, " site"],
    group: Shaped[np.ndarray, " site"],
) -> Scaling:
    """Fit temperature and offsets to answers on sites that the networks had not seen.

    Minimises the log loss, each group weighing the same, plus 0.02 times the sum of squared
    offsets.

    Parameters
    ----------
    probabilities
        Out-of-fold probabilities.
    environment
        True class codes.
    group
        Group of every site.

    Raises
    ------
    NearedgeError
        If the fit fails.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks",
    ICML 2017 (temperature scaling; bias-corrected as in A. Alexandari, A. Kundaje and A.
    Shrikumar, ICML 2020).

    Examples
    --------
    A network that says 90 % and is right in two cases of three:

    >>> said = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    >>> scaling = fit_scaling(said, np.array([0, 0, 0, 1, 1, 1]), np.arange(6))
    >>> scaling.apply(said[:1]).round(2)
    array([[0.67, 0.33]])
    """
    # SciPy takes a third of a second to import, and only calibrating needs it.
    from scipy.optimize import minimize

    logs = np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
    weight = group_weights(group)
    right = np.eye(logs.shape[1])[environment]

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        sharpness, offset = np.exp(x[0]), x[1:]
        answer = softmax(sharpness * logs + offset)
        value = -weight @ np.log(np.maximum((answer * right).sum(axis=1), 1e-300))
        slope = weight[:, None] * (answer - right)
        gradient = np.concatenate(
            [[sharpness * (slope * logs).sum()], slope.sum(axis=0) + 2 * _PENALTY * offset]
        )
        return float(value + _PENALTY * offset @ offset), gradient

    start = np.zeros(1 + logs.shape[1])
    # Answers that are all right would make the sharpness infinite.
    bounds = [(np.log(0.01), np.log(100.0))] + [(None, None)] * logs.shape[1]
    fit = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    if not np.isfinite(fit.x).all():
        raise NearedgeError(f"probabilities cannot be calibrated: {fit.message}; train again")
    return Scaling(float(np.exp(fit.x[0])), fit.x[1:])
