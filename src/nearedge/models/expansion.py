"""Kernel expansions: a linear map of the whole spectrum, plus Gaussians around known spectra.

Only NumPy is imported here, like everything that prediction needs; `kernel` fits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np
from jaxtyping import Float, Shaped

from nearedge.models.kinds import Classifier, Regressor
from nearedge.models.network import softmax
from nearedge.models.preprocessing import Preprocessing

# Spectra that are answered together: enough to fill a matrix product, few enough for the cache.
_BLOCK = 512
# Share of the mean over the whole grid that the mean over a window counts as at least. A spectrum
# that is all but empty there is none of the library's, and must not be blown up; added in squares,
# it changes others by a constant factor, near enough.
LEAST_SHARE = 0.05
# Averages of more sites than in training are not told apart from those of as many.
_MOST_LOG = 4.25
# Two readings of a sample differ by about so much if its composition is usual, and if it may be
# any: of the number, in units of `KernelRegressor`, and of the fractions of environments.
NUMBERS_DIFFER = (0.15, 0.5)
FRACTIONS_DIFFER = (0.15, 0.40)
# What Gaussians can see of a window, see `Window`.
VIEWS = ("plain", "roots", "sums")
# The slope of the square root is taken no nearer to zero than this share of the mean.
_FLAT = 1e-6


@dataclass(frozen=True, eq=False)
class Window:
    """A range of a spectrum, divided by its own mean if wanted, and scaled.

    Attributes
    ----------
    normalise
        ``"none"``, or ``"area"``: divide by the mean over the range, see `normalised_window`.
    first
        Position of its first energy on the grid.
    mean, scale
        Subtracted from, and dividing, each intensity after that; shape (point,).
    view
        ``"plain"``: as they are; ``"roots"``: square roots of the divided intensities; ``"sums"``:
        their running sums over the number of points, which change little where a peak moves.
    """

    normalise: str
    first: int
    mean: Float[np.ndarray, " point"]
    scale: Float[np.ndarray, " point"]
    view: str = "plain"

    @property
    def inside(self) -> slice:
        """Its places on the grid."""
        return slice(self.first, self.first + self.mean.size)

    def inputs(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum point"]:
        """Scaled intensities within the window, in the precision of `x`."""
        part = viewed(normalised_window(x, self.normalise, self.first, self.mean.size), self.view)
        return (part - self.mean.astype(x.dtype)) / self.scale.astype(x.dtype)

    def pull_back(
        self,
        gradient: Float[np.ndarray, "spectrum point"],
        x: Float[np.ndarray, "spectrum feature"],
    ) -> Float[np.ndarray, "spectrum feature"]:
        """Gradient with respect to the intensities, from one with respect to `inputs`."""
        points, inside = self.mean.size, self.inside
        by_part, result = gradient / self.scale, np.zeros_like(x)
        if self.view == "roots":
            part = normalised_window(x, self.normalise, self.first, points)
            by_part = by_part / (2 * np.sqrt(np.maximum(part, _FLAT)))
        elif self.view == "sums":
            # An intensity enters all sums from its own on.
            by_part = np.cumsum(by_part[:, ::-1], axis=1)[:, ::-1] / points
        if self.normalise == "none":
            result[:, inside] = by_part
            return result
        part = normalised_window(x, self.normalise, self.first, points)
        own = x[:, inside].mean(axis=1, keepdims=True)
        whole = x.mean(axis=1, keepdims=True)
        divisor = np.hypot(own, LEAST_SHARE * whole)
        # An intensity enters the divisor, too, and so lowers all others.
        through = (by_part * part).sum(axis=1, keepdims=True) / divisor**2
        result -= through * LEAST_SHARE**2 * whole / x.shape[1]
        result[:, inside] += by_part / divisor - through * own / points
        return result


def normalised_window(
    x: Float[np.ndarray, "spectrum feature"], normalise: str, first: int, points: int
) -> Float[np.ndarray, "spectrum point"]:
    """Cut a range out of spectra and, for ``"area"``, divide it by its mean.

    A share of the mean over the whole spectrum is added to the divisor, in squares.
    """
    part = x[:, first : first + points]
    if normalise == "none":
        return part
    least = LEAST_SHARE * x.mean(axis=1, keepdims=True)
    return part / np.hypot(part.mean(axis=1, keepdims=True), least)


def viewed(
    part: Float[np.ndarray, "spectrum point"], view: str
) -> Float[np.ndarray, "spectrum point"]:
    """What Gaussians see of a window, see `Window`.

    Examples
    --------
    >>> viewed(np.array([[4.0, 0.0, 9.0]]), "roots")
    array([[2., 0., 3.]])
    >>> viewed(np.array([[3.0, 0.0, 9.0]]), "sums")
    array([[1., 1., 4.]])
    """
    if view == "roots":
        return np.sqrt(np.maximum(part, 0.0))
    if view == "sums":
        return np.cumsum(part, axis=1) / part.shape[1]
    return part


@dataclass(frozen=True, eq=False)
class _Known:
    """Centres and their coefficients as they are worked with.

    Attributes
    ----------
    centres, radial
        In double precision: large coefficients of near spectra cancel.
    squares
        Squared lengths of the centres.
    """

    centres: Float[np.ndarray, "centre point"]
    radial: Float[np.ndarray, "centre output"]
    squares: Float[np.ndarray, " centre"]


@dataclass(frozen=True, eq=False)
class Expansion:
    """f(x) = bias + linear . u(x) + sum over centres z of radial_z exp(-|v(x) - z|^2).

    Attributes
    ----------
    preprocessing
        Gives u from the whole spectrum.
    window
        Gives v from a part of it; its scale holds the width of the Gaussians.
    centres
        Inputs v of known spectra; shape (centre, point).
    radial, linear, bias
        Coefficients; shapes (centre, output), (feature, output) and (output,).
    further
        Another expansion with the same outputs, which is added; None for none.
    """

    preprocessing: Preprocessing
    window: Window
    centres: Float[np.ndarray, "centre point"]
    radial: Float[np.ndarray, "centre output"]
    linear: Float[np.ndarray, "feature output"]
    bias: Float[np.ndarray, " output"]
    further: Expansion | None = None

    def outputs(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum output"]:
        """Value of every output, worked out in double precision and given in that of `x`.

        Raises
        ------
        NearedgeError
            If spectra have another number of points than the training spectra, or hold values that
            are not finite, or a mean that is not positive.
        """
        self.preprocessing.check(x)
        values, known = np.empty((len(x), len(self.bias)), x.dtype), self.known
        for first in range(0, len(x), _BLOCK):
            block = x[first : first + _BLOCK].astype(np.float64)
            near = _gaussians(self.window.inputs(block), known.centres, known.squares)
            whole = self.preprocessing.inputs(block) @ self.linear if self.linear.any() else 0.0
            values[first : first + _BLOCK] = near @ known.radial + whole + self.bias
        return values if self.further is None else values + self.further.outputs(x)

    @cached_property
    def known(self) -> _Known:
        """What every question needs of the centres."""
        centres = self.centres.astype(np.float64)
        return _Known(centres, self.radial.astype(np.float64), np.square(centres).sum(axis=1))

    def only(self, outputs: Sequence[int]) -> Expansion:
        """The same expansion with some of its outputs; the centres are shared, not copied."""
        chosen = list(outputs)
        return replace(
            self,
            radial=self.radial[:, chosen],
            linear=self.linear[:, chosen],
            bias=self.bias[chosen],
            further=None if self.further is None else self.further.only(chosen),
        )

    def slope(
        self,
        x: Float[np.ndarray, "spectrum feature"],
        weight: Float[np.ndarray, "spectrum output"],
    ) -> Float[np.ndarray, "spectrum feature"]:
        """Gradient of the outputs' weighted sum with respect to normalised intensities.

        Parameters
        ----------
        x
            Normalised by `preprocessing`; spectra that differ from it by a factor have the same
            answer.
        weight
            Of every output.
        """
        inputs, known = self.window.inputs(x), self.known
        strength = _gaussians(inputs, known.centres, known.squares) * (weight @ known.radial.T)
        near = -2 * (strength.sum(axis=1, keepdims=True) * inputs - strength @ known.centres)
        whole = (weight @ self.linear.T) / self.preprocessing.scale
        own = self.window.pull_back(near, x) + whole
        return own if self.further is None else own + self.further.slope(x, weight)


def gaussians(
    inputs: Float[np.ndarray, "spectrum point"], centres: Float[np.ndarray, "centre point"]
) -> Float[np.ndarray, "spectrum centre"]:
    """exp(-|v - z|^2) of all inputs v and centres z.

    Examples
    --------
    >>> gaussians(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 1.0]])).round(3)
    array([[1.   , 0.368]])
    """
    return _gaussians(inputs, centres, np.square(centres).sum(axis=1))


def _gaussians(
    inputs: Float[np.ndarray, "spectrum point"],
    centres: Float[np.ndarray, "centre point"],
    centre_squares: Float[np.ndarray, " centre"],
) -> Float[np.ndarray, "spectrum centre"]:
    squares = 2 * inputs @ centres.T
    squares -= np.square(inputs).sum(axis=1)[:, None]
    squares -= centre_squares
    # Rounding may leave a spectrum at less than no distance from itself.
    return np.exp(np.minimum(squares, 0, out=squares), out=squares)


@dataclass(frozen=True, eq=False)
class KernelClassifier(Classifier):
    """An expansion that gives probabilities of environments, or fractions of a sample's sites.

    Attributes
    ----------
    expansion
        One output per class.
    classes
        Label of every output.
    link
        ``"softmax"``: outputs are logits of probabilities; ``"simplex"``: outputs are fractions,
        of which the nearest that are not negative and sum to 1 are given, and with twice as many
        outputs as classes the second half reads usual samples, see `reconciled`; ``"pairs"``:
        every output is for one of two classes and against the other, see `pair_logits`.
    """

    expansion: Expansion
    classes: Shaped[np.ndarray, " class"]
    link: str = "softmax"

    @property
    def preprocessing(self) -> Preprocessing:
        """Of the whole spectrum."""
        return self.expansion.preprocessing

    def representation(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum node"]:
        """Inputs of the Gaussians: spectra at a distance of 1 are alike to 1/e."""
        self.preprocessing.check(x)
        return self.expansion.window.inputs(x)

    def predict_proba(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> Float[np.ndarray, "spectrum class"]:
        """Probabilities or fractions."""
        return self.probabilities(self.expansion.outputs(x))

    def probabilities(
        self, outputs: Float[np.ndarray, "spectrum output"]
    ) -> Float[np.ndarray, "spectrum class"]:
        """Probabilities or fractions from the outputs of the expansion."""
        count = len(self.classes)
        if self.link == "simplex":
            if outputs.shape[1] > count:
                outputs = reconciled(outputs[:, :count], outputs[:, count:], FRACTIONS_DIFFER)
            return on_simplex(outputs)
        return softmax(pair_logits(outputs, count) if self.link == "pairs" else outputs)


@dataclass(frozen=True, eq=False)
class KernelRegressor(Regressor):
    """An expansion that gives average coordination numbers.

    Attributes
    ----------
    expansion
        Its first output is the number; a second, if there is one, the logarithm of how many sites
        a spectrum averages; a third the number of a sample of usual composition, see `reconciled`.
    unit
        What counts as much in this number as one neighbour in a coordination number.
    """

    expansion: Expansion
    unit: float = 1.0

    @property
    def preprocessing(self) -> Preprocessing:
        """Of the whole spectrum."""
        return self.expansion.preprocessing

    def predict(self, x: Float[np.ndarray, "spectrum feature"]) -> Float[np.ndarray, " spectrum"]:
        """Average coordination number of every spectrum."""
        return self.numbers(self.expansion.outputs(x))[0]

    def predict_with_spread(
        self, x: Float[np.ndarray, "spectrum feature"]
    ) -> tuple[Float[np.ndarray, " spectrum"], Float[np.ndarray, " spectrum"] | None]:
        """`predict`, and about n**-0.5 for a spectrum that averages n sites, if the model knows."""
        return self.numbers(self.expansion.outputs(x))

    @property
    def differ(self) -> tuple[float, float]:
        """How far two readings differ, see `reconciled`."""
        usual, any_sample = NUMBERS_DIFFER
        return usual * self.unit, any_sample * self.unit

    def numbers(
        self, outputs: Float[np.ndarray, "spectrum output"]
    ) -> tuple[Float[np.ndarray, " spectrum"], Float[np.ndarray, " spectrum"] | None]:
        """What `predict_with_spread` gives, from the outputs of the expansion."""
        number = outputs[:, 0]
        if outputs.shape[1] > 2:
            number = reconciled(outputs[:, :1], outputs[:, 2:], self.differ)[:, 0]
        if outputs.shape[1] == 1:
            return number, None
        return number, np.exp(-0.5 * outputs[:, 1].clip(0.0, _MOST_LOG))


def read_samples(
    regressor: Regressor, composition: Classifier, x: Float[np.ndarray, "spectrum feature"]
) -> tuple[
    tuple[Float[np.ndarray, " spectrum"], Float[np.ndarray, " spectrum"] | None],
    Float[np.ndarray, "spectrum class"],
]:
    """`predict_with_spread` of the one and `predict_proba` of the other.

    Two expansions around the same spectra cost as much as one.
    """
    if (
        not isinstance(regressor, KernelRegressor)
        or not isinstance(composition, KernelClassifier)
        or regressor.expansion.centres is not composition.expansion.centres
    ):
        return regressor.predict_with_spread(x), composition.predict_proba(x)
    both = _side_by_side(regressor.expansion, composition.expansion).outputs(x)
    own = len(regressor.expansion.bias)
    return regressor.numbers(both[:, :own]), composition.probabilities(both[:, own:])


@lru_cache(maxsize=4)
def _side_by_side(one: Expansion, other: Expansion) -> Expansion:
    """The outputs of two expansions around the same centres."""
    return replace(
        one,
        radial=np.concatenate([one.radial, other.radial], axis=1),
        linear=np.concatenate([one.linear, other.linear], axis=1),
        bias=np.concatenate([one.bias, other.bias]),
    )


def reconciled(
    any_sample: Float[np.ndarray, "row column"],
    usual_sample: Float[np.ndarray, "row column"],
    differ: tuple[float, float],
) -> Float[np.ndarray, "row column"]:
    """Mean of two readings, weighted by how probable it is that the sample is usual.

    Near the usual composition a spectrum says little about what differs, and the best reading
    stays close to the mean; far from it, that would be wrong. What a sample is, is told from how
    far the two readings are apart: normal with one standard deviation if it is usual, with another
    if it may be any.

    Parameters
    ----------
    any_sample, usual_sample
        Reading for samples of any composition, and for usual ones.
    differ
        The two standard deviations.

    Examples
    --------
    >>> one, other = np.array([[1.6], [3.0]]), np.array([[1.5], [1.7]])
    >>> reconciled(one, other, (0.15, 0.5)).round(2)
    array([[1.53],
           [3.  ]])
    """
    difference = any_sample - usual_sample
    return any_sample - usual_share(difference, differ) * difference


def number_slopes(
    outputs: Float[np.ndarray, "spectrum output"], differ: tuple[float, float] = NUMBERS_DIFFER
) -> Float[np.ndarray, "spectrum output"]:
    """Gradient of a regressor's reconciled number with respect to the expansion's outputs."""
    difference = outputs[:, :1] - outputs[:, 2:]
    share = usual_share(difference, differ)
    steepness, _ = usual_odds(differ)
    # The share falls where the difference grows.
    kept = share * (1 - 2 * steepness * np.square(difference) * (1 - share))
    return np.concatenate([1 - kept, np.zeros_like(kept), kept], axis=1)


def usual_share(
    difference: Float[np.ndarray, "row column"], differ: tuple[float, float]
) -> Float[np.ndarray, "row 1"]:
    """Probability that a sample whose two readings differ by so much is usual; a priori, 1/2."""
    steepness, level = usual_odds(differ)
    squares = np.square(difference).sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(np.minimum(steepness * squares + level, 60.0)))


def usual_odds(differ: tuple[float, float]) -> tuple[float, float]:
    """a and b for which exp(a d^2 + b) are the odds against a usual sample at a distance d."""
    usual, any_sample = differ
    return (usual**-2 - any_sample**-2) / 2, float(np.log(usual / any_sample))


def pair_logits(
    outputs: Float[np.ndarray, "row pair"], classes: int
) -> Float[np.ndarray, "row class"]:
    """Logits of classes from the logits of every pair: log of the product of a class's chances.

    Examples
    --------
    >>> pair_logits(np.array([[30.0, 30.0, 0.0]]), 3).round(1)
    array([[ -0. , -30.7, -30.7]])
    """
    one, other = _sides(classes)
    against = -np.logaddexp(0, -outputs) @ one - np.logaddexp(0, outputs) @ other
    return against.astype(outputs.dtype, copy=False)


@lru_cache(maxsize=8)
def _sides(classes: int) -> tuple[Float[np.ndarray, "pair class"], Float[np.ndarray, "pair class"]]:
    """Which class a pair's output is for, and which one it is against: 1 there, else 0."""
    every = np.eye(classes)
    # One class has no pair, but is no error.
    pairs = np.array(list(combinations(range(classes), 2)), int).reshape(-1, 2)
    return every[pairs[:, 0]], every[pairs[:, 1]]


def pair_slopes(
    weight: Float[np.ndarray, "row class"], outputs: Float[np.ndarray, "row pair"]
) -> Float[np.ndarray, "row pair"]:
    """Gradient with respect to pairs' outputs, from one with respect to `pair_logits`."""
    against = 1 / (1 + np.exp(np.clip(outputs, -50, 50)))
    one, other = _sides(weight.shape[1])
    return weight @ one.T * against - weight @ other.T * (1 - against)


def on_simplex(values: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row column"]:
    """Nearest rows, by Euclidean distance, that hold no negative number and sum to 1.

    References
    ----------
    J. Duchi, S. Shalev-Shwartz, Y. Singer and T. Chandra, "Efficient projections onto the l1-ball",
    ICML 2008, figure 1.

    Examples
    --------
    >>> on_simplex(np.array([[0.5, 0.7, -0.4]])).round(2)
    array([[0.4, 0.6, 0. ]])
    """
    falling = -np.sort(-values, axis=1)
    excess = (np.cumsum(falling, axis=1) - 1) / np.arange(1, values.shape[1] + 1)
    kept = (falling > excess).sum(axis=1) - 1
    return np.maximum(values - np.take_along_axis(excess, kept[:, None], axis=1), 0)
