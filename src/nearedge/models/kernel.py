"""Fit kernel expansions: logistic regression for environments, Gaussian processes for numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Shaped

from nearedge.errors import UsageError
from nearedge.models.expansion import (
    Expansion,
    KernelClassifier,
    Window,
    gaussians,
    normalised_window,
)
from nearedge.models.network import softmax
from nearedge.models.preprocessing import Preprocessing, fit_preprocessing

_ITERATIONS = 300
# Directions of the kernel that are weaker than the strongest by this factor are rounding errors.
_RANK = 1e-10


@dataclass(frozen=True)
class KernelSettings:
    """How an expansion is fitted.

    Attributes
    ----------
    window
        Range of points on the grid, from the first to the one after the last, that the Gaussians
        look at; None for all.
    width
        Squared width of the Gaussians, exp(-d^2 / width), in units of the median squared distance
        between training spectra.
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
    target: Float[np.ndarray, "spectrum class"],
    classes: Shaped[np.ndarray, " class"],
    settings: KernelSettings,
    weight: Float[np.ndarray, " spectrum"] | None = None,
    beside: Beside | None = None,
) -> KernelClassifier:
    """Fit kernel logistic regression.

    The logits are a constant and a function of the Gaussians' reproducing space; least is the
    cross-entropy plus the function's squared norm divided by twice ``settings.radial``.

    Parameters
    ----------
    x
        Sampled intensities, not normalised.
    target
        Probability of every class: 1 and 0, or anything between.
    classes
        Label of every column of `target`.
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
    Graph. Stat. 14, 185 (2005), equations 4 and 5.
    """
    from scipy.optimize import minimize

    preprocessing, window = _fit_inputs(x, settings)
    centres = window.inputs(x)
    near = gaussians(centres, centres)
    if beside is not None:
        near *= beside.between
    values, vectors = np.linalg.eigh(near)
    kept = values > _RANK * values[-1]
    root = np.sqrt(values[kept])
    basis = vectors[:, kept] * root
    share = np.ones(len(x)) if weight is None else weight * len(x) / weight.sum()
    shape = (basis.shape[1], len(classes))

    def loss(packed: np.ndarray) -> tuple[float, np.ndarray]:
        inner, bias = packed[: -len(classes)].reshape(shape), packed[-len(classes) :]
        logits = basis @ inner + bias
        probability = softmax(logits)
        peak = logits.max(axis=1, keepdims=True)
        log_probability = logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
        slope = share[:, None] * (probability - target)
        value = -(share[:, None] * target * log_probability).sum()
        value += np.square(inner).sum() / (2 * settings.radial)
        gradient = basis.T @ slope + inner / settings.radial
        return float(value), np.concatenate([gradient.ravel(), slope.sum(axis=0)])

    start = np.zeros(shape[0] * shape[1] + len(classes))
    # The search is convex: any start will do.
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    inner, bias = found.x[: -len(classes)].reshape(shape), found.x[-len(classes) :]
    radial = (vectors[:, kept] / root) @ inner
    if beside is not None:
        radial = radial * beside.closeness
    linear = np.zeros((x.shape[1], len(classes)))
    return KernelClassifier(
        _stored(Expansion(preprocessing, window, centres, radial, linear, bias)), classes
    )


def fit_kernel_regression(
    x: Float[np.ndarray, "spectrum feature"],
    target: Float[np.ndarray, "spectrum output"],
    sites: Float[np.ndarray, " spectrum"],
    settings: KernelSettings,
    beside: Beside | None = None,
) -> Expansion:
    """Fit the mean of a Gaussian process whose noise falls with the number of averaged sites.

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
    from scipy.linalg import cho_factor, cho_solve

    preprocessing, window = _fit_inputs(x, settings)
    centres, whole = window.inputs(x), preprocessing.inputs(x)
    covariance = settings.radial * gaussians(centres, centres)
    per_feature = settings.linear / x.shape[1]
    covariance += per_feature * (whole @ whole.T)
    if beside is not None:
        covariance *= beside.between
    covariance[np.diag_indices_from(covariance)] += settings.noise / sites
    # The mean that fits best under this covariance, which is generalised least squares.
    factor = cho_factor(covariance, lower=True)
    ones = cho_solve(factor, np.ones(len(x)))
    bias = ones @ target / ones.sum()
    weights = cho_solve(factor, target - bias)
    if beside is not None:
        weights = weights * beside.closeness
    radial = settings.radial * weights
    linear = per_feature * (whole.T @ weights)
    return _stored(Expansion(preprocessing, window, centres, radial, linear, bias))


def window_inputs(
    x: Float[np.ndarray, "spectrum feature"], settings: KernelSettings
) -> Float[np.ndarray, "spectrum point"]:
    """What the Gaussians of an expansion that is fitted to these spectra see of them."""
    return _fit_inputs(x, settings)[1].inputs(x)


def _fit_inputs(
    x: Float[np.ndarray, "spectrum feature"], settings: KernelSettings
) -> tuple[Preprocessing, Window]:
    """Scales of the whole spectrum and of the window.

    The linear part sees every energy on one scale, so that what hardly varies is not blown up. The
    Gaussians see each divided by the root of its standard deviation: halfway between one scale for
    all and equal variances.
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
    scale = np.sqrt(np.maximum(deviation, floor))
    inputs = (part - mean) / scale
    # Half the mean squared distance between two spectra is their variance, and the median of such
    # sums of many squares is near the mean.
    typical = 2 * float(np.square(inputs).sum(axis=1).mean())
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
