"""Support vectors for every pair of classes, as one expansion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.models.expansion import (
    Expansion,
    KernelClassifier,
    Window,
    gaussians,
    normalised_window,
)
from nearedge.models.preprocessing import fit_preprocessing

# What a margin of 1 counts as, in logits.
_SHARPNESS = 10.0


@dataclass(frozen=True)
class PairwiseSettings:
    """How support vectors are fitted.

    Attributes
    ----------
    window
        Range of points on the grid, from the first to the one after the last.
    width
        Squared width of the Gaussians, exp(-d^2 / width), in units of the mean squared distance
        between training spectra.
    cost
        Greatest strength of a spectrum of weight 1.
    """

    window: tuple[int, int]
    width: float = 1.0
    cost: float = 10.0


def fit_pairwise_classifier(
    x: Float[np.ndarray, "spectrum feature"],
    codes: Int[np.ndarray, " spectrum"],
    classes: Shaped[np.ndarray, " class"],
    settings: PairwiseSettings,
    weights: Sequence[Float[np.ndarray, " spectrum"]],
) -> KernelClassifier:
    """Fit a support-vector machine to every pair of classes, on square roots of intensities.

    Environments that differ by one neighbour are hard to tell apart, all others easy: with a
    machine for each pair, the hard ones do not depend on the easy ones.

    Parameters
    ----------
    x
        Sampled intensities, not normalised.
    codes
        Position in `classes` of every spectrum; every class has one.
    classes
        Labels.
    settings
        Of the machines.
    weights
        Of every spectrum, on which its greatest strength depends. The machines that several sets of
        weights give are averaged; the set in the middle gives the scale of the inputs.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-vector networks", Mach. Learn. 20, 273 (1995); one machine for
    each pair: S. Knerr, L. Personnaz and G. Dreyfus, Neurocomputing, NATO ASI F68, 41 (1990).
    """
    from sklearn.svm import SVC

    first, stop = settings.window
    weight = weights[len(weights) // 2]
    part = np.sqrt(np.maximum(normalised_window(x, "area", first, stop - first), 0.0))
    mean = np.average(part, axis=0, weights=weight)
    variance = float(np.average(np.square(part - mean).sum(axis=1), weights=weight))
    scale = np.sqrt(settings.width * 2 * max(variance, 1e-12))
    window = Window("area", first, mean, np.full(part.shape[1], scale), root=True)
    centres = window.inputs(x).astype(np.float32)
    alike = gaussians(centres.astype(np.float64), centres.astype(np.float64))
    pairs = list(combinations(range(len(classes)), 2))
    share = _SHARPNESS / len(weights)
    radial, bias = np.zeros((len(x), len(pairs))), np.zeros(len(pairs))
    for number, (one, other) in enumerate(pairs):
        rows = np.flatnonzero((codes == one) | (codes == other))
        near = alike[np.ix_(rows, rows)]
        for weight in weights:
            machine = SVC(C=settings.cost, kernel="precomputed").fit(
                near, codes[rows] == one, sample_weight=weight[rows]
            )
            radial[rows[machine.support_], number] += share * machine.dual_coef_[0]
            bias[number] += share * machine.intercept_[0]
    used = radial.any(axis=1)
    expansion = Expansion(
        fit_preprocessing(x, "area"),
        window,
        centres[used],
        radial[used].astype(np.float32),
        np.zeros((x.shape[1], len(pairs))),
        bias,
    )
    return KernelClassifier(expansion, classes, link="pairs")
