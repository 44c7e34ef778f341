"""Fit kernel expansions: logistic regression for environments, Gaussian processes for numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from nearedge.errors import UsageError
from nearedge.models.expansion import (
    Expansion,
    KernelClassifier,
    Window,
    gaussians,
    normalised_window,
)
from nearedge.models.preprocessing import Preprocessing, fit_preprocessing

_ITERATIONS = 300
# Directions of the kernel that are weaker than the strongest by this factor are rounding errors.
_RANK = 1e-10
# Of the classifier's inputs: halfway between one scale for all energies and equal variances.
_EVENNESS = 0.5


@dataclass(frozen=True)
class KernelSettings:
    """How an expansion is fitted.

    Attributes
    ----------
    window
        Range of points on the grid, from the first to the one after the last, that the Gaussians
        look at; None for all.
    width
        Squared width of the Gaussians, exp(-d^2 / width), in units of the mean squared distance
        between training spectra; for a regression, each counts as the sites that it averages.
    radial, linear
        Prior variance of the radial part, and of the linear part for a spectrum that is a typical
        deviation from the mean spectrum at every energy. A classifier has no linear part.
    normalise
        ``"area"``: divide the whole spectrum, and the window, by its mean; or ``"none"``.
    noise
        Variance of what a single site's number holds beyond that; of no meaning to a classifier.
    """

    window: tuple[int, int] | None = None
    width: float = 4.0
    radial: float = 300.0
    linear: float = 0.0
    noise: float = 0.3
    normalise: str = "area"

    def __post_init__(self) -> None:
        if self.window is not None and not 0 <= self.window[0] < self.window[1]:
            raise UsageError(f"window {self.window}: give the first point and one after the last")
        if not min(self.width, self.radial, self.noise) > 0 or self.linear < 0:
            raise UsageError(f"{self}: width, radial and noise must be above 0, linear not below")


@dataclass(frozen=True, eq=False)
class Beside:
    """Further inputs of the Gaussians beside the spectra: what the spectra are of, as vectors.

    A Gaussian of a spectrum and a vector together is the product of two Gaussians. Asked about
    spectra of one vector, the second is a constant for every known spectrum, so that what is fitted
    is an expansion in spectra alone.

    Attributes
    ----------
    vectors
        Of the spectra to fit.
    asked
        Of the spectra that the result will be asked about.
    """

    vectors: Float[np.ndarray, "spectrum component"]
    asked: Float[np.ndarray, " component"]

    @property
    def between(self) -> Float[np.ndarray, "spectrum spectrum"]:
        """Factor of the kernel for every two spectra."""
        return gaussians(self.vectors, self.vectors)

    @property
    def closeness(self) -> Float[np.ndarray, "spectrum 1"]:
        """Factor of the kernel for every spectrum and one that is asked about."""
        return gaussians(self.vectors, self.asked[None])


def fit_kernel_classifier(
    x: Float[np.ndarray, "spectrum feature"],
    codes: Int[np.ndarray, " spectrum"],
    classes: Shaped[np.ndarray, " class"],
    settings: KernelSettings,
    weight: Float[np.ndarray, " spectrum"] | None = None,
    beside: Beside | None = None,
) -> KernelClassifier:
    """Fit kernel logistic regression to every pair of classes.

    Environments that differ by one neighbour are hard to tell apart, all others easy: with a
    function for each pair, the hard ones do not depend on the easy ones. The logit of a pair is a
    constant and a function of the Gaussians' reproducing space; least is the cross-entropy plus
    the function's squared norm divided by twice ``settings.radial``.

    Parameters
    ----------
    x
        Sampled intensities, not normalised.
    codes
        Position in `classes` of every spectrum.
    classes
        Labels, each with a spectrum.
    settings
        Of the kernel.
    weight
        Of every spectrum; only ratios matter.
    beside
        What the spectra are of, if that matters.

    Raises
    ------
    UsageError
        If the window is none of the grid.
    NearedgeError
        If a spectrum cannot be normalised.

    References
    ----------
    J. Zhu and T. Hastie, "Kernel logistic regression and the import vector machine", J. Comput.
    Graph. Stat. 14, 185 (2005), equations 4 and 5, for two classes; one machine for each pair:
    S. Knerr, L. Personnaz and G. Dreyfus, Neurocomputing, NATO ASI F68, 41 (1990).
    """
    preprocessing, window = _fit_inputs(x, settings, _EVENNESS)
    centres = window.inputs(x)
    alike, closeness = _known_beside(gaussians(centres, centres), beside)
    share = np.ones(len(x)) if weight is None else weight * len(x) / weight.sum()
    pairs = list(combinations(range(len(classes)), 2))
    radial, bias = np.zeros((len(x), len(pairs))), np.zeros(len(pairs))
    for number, (one, other) in enumerate(pairs):
        rows = np.flatnonzero((codes == one) | (codes == other))
        radial[rows, number], bias[number] = _logistic(
            alike[np.ix_(rows, rows)], codes[rows] == one, share[rows], settings.radial
        )
    linear = np.zeros((x.shape[1], len(pairs)))
    expansion = Expansion(preprocessing, window, centres, radial * closeness, linear, bias)
    return KernelClassifier(_stored(expansion), classes, "pairs")


def _logistic(
    alike: Float[np.ndarray, "spectrum spectrum"],
    is_one: Bool[np.ndarray, " spectrum"],
    share: Float[np.ndarray, " spectrum"],
    radial: float,
) -> tuple[Float[np.ndarray, " spectrum"], float]:
    """Coefficients of the Gaussians, and the constant, for one class against another."""
    from scipy.optimize import minimize

    values, vectors = np.linalg.eigh(alike)
    kept = values > _RANK * values[-1]
    root = np.sqrt(values[kept])
    basis, side = vectors[:, kept] * root, np.where(is_one, 1.0, -1.0)

    def loss(packed: np.ndarray) -> tuple[float, np.ndarray]:
        inner, margin = packed[:-1], side * (basis @ packed[:-1] + packed[-1])
        slope = -share * side / (1 + np.exp(np.minimum(margin, 500.0)))
        value = share @ np.logaddexp(0, -margin) + inner @ inner / (2 * radial)
        return float(value), np.append(basis.T @ slope + inner / radial, slope.sum())

    # The search is convex: any start will do.
    start, options = np.zeros(basis.shape[1] + 1), {"maxiter": _ITERATIONS}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return (vectors[:, kept] / root) @ found.x[:-1], float(found.x[-1])


def fit_kernel_regression(
    x: Float[np.ndarray, "spectrum feature"],
    target: Float[np.ndarray, "spectrum output"],
    sites: Float[np.ndarray, " spectrum"],
    settings: KernelSettings,
    usual: Bool[np.ndarray, " spectrum"] | None = None,
    beside: Beside | None = None,
) -> Expansion:
    """Fit the mean of a Gaussian process whose noise falls with the number of averaged sites.

    With `usual`, every target is read twice: the second half of the outputs is fitted to usual
    samples alone, without a linear part, so that it stays near what is usual.

    Parameters
    ----------
    x
        Sampled intensities of sites and of averages of sites, not normalised.
    target
        What is to be told from them.
    sites
        How many sites a spectrum averages: its noise is ``settings.noise`` divided by it.
    settings
        Of the kernel.
    usual
        Which spectra average sites as they come.
    beside
        What the spectra are of, if that matters.

    Raises
    ------
    UsageError, NearedgeError
        As `fit_kernel_classifier`.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning" (2006),
    equation 2.25.
    """
    preprocessing, window = _fit_inputs(x, settings, 0.0, sites)
    centres, whole = window.inputs(x), preprocessing.inputs(x)
    alike, closeness = _known_beside(settings.radial * gaussians(centres, centres), beside)
    noise, per_feature = settings.noise / sites, settings.linear / x.shape[1]
    along, _ = _known_beside(per_feature * (whole @ whole.T), beside)
    weights, bias = _posterior_mean(alike + along, noise, target)
    linear = per_feature * (whole.T @ (weights * closeness))
    if usual is not None:
        own, own_bias = _posterior_mean(alike[np.ix_(usual, usual)], noise[usual], target[usual])
        both = np.zeros((len(x), 2 * target.shape[1]))
        both[:, : target.shape[1]] = weights
        both[usual, target.shape[1] :] = own
        weights, bias = both, np.concatenate([bias, own_bias])
        linear = np.concatenate([linear, np.zeros_like(linear)], axis=1)
    radial = settings.radial * weights * closeness
    return _stored(Expansion(preprocessing, window, centres, radial, linear, bias))


def _posterior_mean(
    covariance: Float[np.ndarray, "spectrum spectrum"],
    noise: Float[np.ndarray, " spectrum"],
    target: Float[np.ndarray, "spectrum output"],
) -> tuple[Float[np.ndarray, "spectrum output"], Float[np.ndarray, " output"]]:
    """Weight of every spectrum's covariance, and the constant added to their sum."""
    from scipy.linalg import cho_factor, cho_solve

    # The mean that fits best under this covariance, which is generalised least squares.
    factor = cho_factor(covariance + np.diag(noise), lower=True)
    ones = cho_solve(factor, np.ones(len(noise)))
    bias = ones @ target / ones.sum()
    return cho_solve(factor, target - bias), bias


def _known_beside(
    alike: Float[np.ndarray, "spectrum spectrum"], beside: Beside | None
) -> tuple[Float[np.ndarray, "spectrum spectrum"], Float[np.ndarray, "spectrum 1"]]:
    """A kernel of spectra and what they are of, and its factor towards what is asked about."""
    if beside is None:
        return alike, np.ones((len(alike), 1))
    return alike * beside.between, beside.closeness


def window_inputs(
    x: Float[np.ndarray, "spectrum feature"], settings: KernelSettings
) -> Float[np.ndarray, "spectrum point"]:
    """What the Gaussians of an expansion that is fitted to these spectra see of them."""
    return _fit_inputs(x, settings, _EVENNESS)[1].inputs(x)


def _fit_inputs(
    x: Float[np.ndarray, "spectrum feature"],
    settings: KernelSettings,
    evenness: float,
    weight: Float[np.ndarray, " spectrum"] | None = None,
) -> tuple[Preprocessing, Window]:
    """Scales of the whole spectrum and of the window.

    The linear part sees every energy on one scale, so that what hardly varies is not blown up. The
    Gaussians see each divided by its standard deviation to the power `evenness`: 0 is one scale for
    all, 1 equal variances.
    """
    fitted = fit_preprocessing(x, settings.normalise)
    spread = np.sqrt(np.mean(np.square(fitted.scale)))
    preprocessing = replace(fitted, scale=np.full_like(fitted.scale, spread))
    first, stop = (0, x.shape[1]) if settings.window is None else settings.window
    if stop > x.shape[1]:
        raise UsageError(f"window {settings.window} of spectra with {x.shape[1]} points")
    part = normalised_window(x, settings.normalise, first, stop - first)
    mean, deviation = part.mean(axis=0), part.std(axis=0)
    floor = 1e-3 * max(float(deviation.max()), 1e-12)
    scale = np.maximum(deviation, floor) ** evenness
    inputs = (part - mean) / scale
    inputs -= np.average(inputs, axis=0, weights=weight)
    # Half the mean squared distance between two spectra is their variance.
    typical = 2 * float(np.average(np.square(inputs).sum(axis=1), weights=weight))
    return preprocessing, Window(
        settings.normalise, first, mean, scale * np.sqrt(settings.width * max(typical, 1e-12))
    )


def _stored(expansion: Expansion) -> Expansion:
    """Centres in the precision that they are kept in, so that loading changes no answer."""
    return replace(
        expansion,
        centres=expansion.centres.astype(np.float32),
        radial=expansion.radial.astype(np.float32),
    )
