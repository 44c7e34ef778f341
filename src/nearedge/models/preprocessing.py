"""From sampled intensities to the inputs of a network, with scales fitted on training spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError, UsageError


def _positive_means(
    x: Float[np.ndarray, "spectrum feature"],
) -> Float[np.ndarray, "spectrum 1"]:
    mean = x.mean(axis=1, keepdims=True)
    if (mean <= 0).any():
        index = int(np.flatnonzero(mean <= 0)[0])
        raise NearedgeError(
            f"spectrum {index} has a mean of {float(mean[index, 0]):g} and cannot be normalised by "
            "its area; check its background, or choose normalise='none'"
        )
    return mean


def unit_mean(x: Float[np.ndarray, "spectrum feature"]) -> Float[np.ndarray, "spectrum feature"]:
    """Divide each spectrum by its mean, that is, by its area on a uniform grid.

    Raises
    ------
    NearedgeError
        If the mean of a spectrum is not positive.

    Examples
    --------
    >>> unit_mean(np.array([[1.0, 3.0], [5.0, 5.0]]))
    array([[0.5, 1.5],
           [1. , 1. ]])
    """
    return x / _positive_means(x)


_NORMALISATIONS = {"none": lambda x: x, "area": unit_mean}
_REPRESENTATIONS = {"intensity": lambda x: x, "cumulative": lambda x: np.cumsum(x, axis=1)}


def _check_choices(normalise: str, representation: str) -> None:
    for name, value, choices in (
        ("normalise", normalise, _NORMALISATIONS),
        ("representation", representation, _REPRESENTATIONS),
    ):
        if value not in choices:
            raise UsageError(f"{name} is {value!r}; choose {' or '.join(choices)}")


def features(
    x: Float[np.ndarray, "spectrum feature"],
    normalise: str = "none",
    representation: str = "intensity",
) -> Float[np.ndarray, "spectrum feature"]:
    """What is scaled to become the inputs of a model.

    Parameters
    ----------
    x
        Sampled intensities.
    normalise, representation
        See `Preprocessing`.

    Raises
    ------
    NearedgeError
        If the mean of a spectrum to normalise is not positive.

    Examples
    --------
    >>> features(np.array([[1.0, 3.0]]), "area", "cumulative")
    array([[0.5, 2. ]])
    """
    return _REPRESENTATIONS[representation](_NORMALISATIONS[normalise](x))


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """From sampled intensities to the inputs of a network.

    Attributes
    ----------
    normalise
        ``"none"``, or ``"area"``: divide each spectrum by its mean.
    representation
        ``"intensity"``, or ``"cumulative"``: running sums from the lowest energy up.
    mean, scale
        Average and standard deviation of every feature over the training spectra; shape (feature,).

    Raises
    ------
    UsageError
        If there is no such normalisation or representation.
    """

    normalise: str
    representation: str
    mean: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]

    def __post_init__(self) -> None:
        _check_choices(self.normalise, self.representation)

    def check(self, x: Float[np.ndarray, "spectrum feature"]) -> None:
        """Refuse spectra that no model can answer for.

        Raises
        ------
        UsageError
            If the spectra do not have the number of points of the training spectra.
        NearedgeError
            If a value is not finite, or a mean to divide by not positive.
        """
        if x.shape[1] != self.mean.size:
            raise UsageError(
                f"spectra have {x.shape[1]} points, but the model was trained on {self.mean.size}; "
                "sample them on the model's energy grid"
            )
        finite = np.isfinite(x)
        if not finite.all():
            spectrum, point = np.argwhere(~finite)[0].tolist()
            raise NearedgeError(
                f"spectrum {spectrum} is {x[spectrum, point]} at point {point}; remove or mend it"
            )
        if self.normalise == "area":
            _positive_means(x)

    def normalised(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum feature"]:
        """Intensities after normalisation, before representation and scaling."""
        return _NORMALISATIONS[self.normalise](x)

    def pull_back(self, gradient: Float[np.ndarray, " feature"]) -> Float[np.ndarray, " feature"]:
        """Gradient with respect to normalised intensities, from one with respect to `inputs`."""
        of_features = gradient / self.scale
        if self.representation == "cumulative":
            # Each intensity enters every running sum from its own energy up.
            return np.cumsum(of_features[::-1])[::-1]
        return of_features

    def inputs(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum feature"]:
        """Inputs of the network, in the precision of `x`."""
        bare = features(x, self.normalise, self.representation)
        return (bare - self.mean.astype(x.dtype)) / self.scale.astype(x.dtype)


def fit_preprocessing(
    x: Float[np.ndarray, "spectrum feature"],
    normalise: str = "none",
    representation: str = "intensity",
    weight: Float[np.ndarray, " spectrum"] | None = None,
) -> Preprocessing:
    """Fit the scaling of inputs on training spectra.

    Parameters
    ----------
    x
        Sampled intensities of the training part only.
    normalise, representation
        See `Preprocessing`.
    weight
        Sample weights.

    Raises
    ------
    UsageError
        If there is no such normalisation or representation.
    NearedgeError
        If the mean of a spectrum to normalise is not positive.

    Examples
    --------
    >>> fitted = fit_preprocessing(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> fitted.inputs(np.array([[3.0, 6.0]]))
    array([[1., 1.]])
    """
    _check_choices(normalise, representation)
    bare = features(x, normalise, representation).astype(np.float64)
    mean = np.average(bare, axis=0, weights=weight)
    scale = np.sqrt(np.average(np.square(bare - mean), axis=0, weights=weight))
    # A constant feature, rounding aside, carries nothing; it must not be blown up either.
    constant = scale <= 10 * np.finfo(x.dtype).eps * np.abs(mean)
    return Preprocessing(normalise, representation, mean, np.where(constant, 1.0, scale))
