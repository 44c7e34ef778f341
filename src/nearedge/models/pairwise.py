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
    viewed,
)
from nearedge.models.preprocessing import fit_preprocessing

# Of the window: see `Window`.
_VIEWS = ("roots", "sums")
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
    """Fit support-vector machines to every pair of classes, on two views of the spectra.

    One looks at square roots of intensities, one at running sums; their answers are averaged.
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
        weights give are averaged; the set in the middle gives the scales of the inputs.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-vector networks", Mach. Learn. 20, 273 (1995); one machine for
    each pair: S. Knerr, L. Personnaz and G. Dreyfus, Neurocomputing, NATO ASI F68, 41 (1990).
    """
    first, stop = settings.window
    part = normalised_window(x, "area", first, stop - first)
    preprocessing = fit_preprocessing(x, "area")
    linear = np.zeros((x.shape[1], len(classes) * (len(classes) - 1) // 2))
    every, nothing = len(classes), np.zeros(linear.shape[1])
    roots, sums = (_machines(part, view, codes, every, settings, weights) for view in _VIEWS)
    further = Expansion(preprocessing, *sums[:3], linear, nothing)
    expansion = Expansion(preprocessing, *roots[:3], linear, roots[3] + sums[3], further)
    return KernelClassifier(expansion, classes, link="pairs")


def _machines(
    part: Float[np.ndarray, "spectrum point"],
    view: str,
    codes: Int[np.ndarray, " spectrum"],
    classes: int,
    settings: PairwiseSettings,
    weights: Sequence[Float[np.ndarray, " spectrum"]],
) -> tuple[Window, np.ndarray, np.ndarray, np.ndarray]:
    """The machines of one view: its window, centres, their strengths, and the constants."""
    from sklearn.svm import SVC

    weight = weights[len(weights) // 2]
    seen = viewed(part, view)
    mean = np.average(seen, axis=0, weights=weight)
    variance = float(np.average(np.square(seen - mean).sum(axis=1), weights=weight))
    scale = np.full(part.shape[1], np.sqrt(settings.width * 2 * max(variance, 1e-12)))
    centres = ((seen - mean) / scale).astype(np.float32)
    alike = gaussians(centres.astype(np.float64), centres.astype(np.float64))
    pairs = list(combinations(range(classes), 2))
    share = _SHARPNESS / (len(weights) * len(_VIEWS))
    radial, bias = np.zeros((len(part), len(pairs))), np.zeros(len(pairs))
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
    window = Window("area", settings.window[0], mean, scale, view)
    return window, centres[used], radial[used].astype(np.float32), bias
