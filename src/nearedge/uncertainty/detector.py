"""Four ways in which a spectrum can differ from every spectrum of the library."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float

from nearedge.models.kinds import Classifier
from nearedge.models.preprocessing import unit_mean
from nearedge.spectra import EnergyGrid, broaden

#: What each column of a detector's scores measures.
COMPONENTS = ("shape", "representation", "position", "smoothness")
# Variance that every direction is given at least, as a share of the mean over directions.
_RIDGE = {"shape": 1e-3, "representation": 1e-2}
# Shifts are looked for this far to either side; windows narrower than four times that give less.
_FARTHEST_SHIFT_eV = 5.0
# Noise of a scan must not hide that the spectrum under it is smooth.
_SMOOTHED_eV = 1.0
# Spectra that are looked at together, so that they stay in the cache.
_ROWS = 256
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A normal distribution with few directions of its own variance, the rest alike.

    Attributes
    ----------
    mean
        Shape (feature,).
    directions
        Orthonormal columns, in units of one over their standard deviation; (feature, direction).
    rest
        Standard deviation along every other direction.

    References
    ----------
    M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", J. R. Stat. Soc.
    B 61, 611 (1999).
    """

    mean: Float[np.ndarray, " feature"]
    directions: Float[np.ndarray, "feature direction"]
    rest: float

    def distance(self, x: Float[np.ndarray, "n feature"]) -> Float[np.ndarray, " n"]:
        """Mahalanobis distance over the root of the number of features: typically 1."""
        difference = x.astype(np.float64) - self.mean
        along = difference @ self.excess
        squares = (difference**2).sum(axis=1) / self.rest**2 - (along**2).sum(axis=1)
        return np.sqrt(np.maximum(squares, 0.0) / x.shape[1])

    @cached_property
    def excess(self) -> Float[np.ndarray, "feature direction"]:
        """Directions scaled so that the squares along them are what `rest` counts too much."""
        length = np.linalg.norm(self.directions, axis=0)
        # Differences of large squares are left: in single precision they would depend on how many
        # spectra are asked about at once.
        return self.directions / length * np.sqrt(np.maximum(self.rest**-2 - length**2, 0.0))


def fit_ellipsoid(x: Float[np.ndarray, "n feature"], ridge: float) -> Ellipsoid:
    """Fit to features of training spectra.

    Parameters
    ----------
    x
        Features.
    ridge
        Variance added to every direction, as a share of the mean variance.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(500, 3)) * np.array([3.0, 1.0, 0.001])
    >>> fit_ellipsoid(x, ridge=0.01).distance(np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 3.0]])).round(1)
    array([0.8, 9.7])
    """
    values = x.astype(np.float64)
    mean = values.mean(axis=0)
    _, singular, across = np.linalg.svd(values - mean, full_matrices=False)
    variance = singular**2 / len(values)
    least = max(ridge * float(variance.sum()) / values.shape[1], _TINY)
    own = variance > least
    spread = np.sqrt(variance[own] + least)
    return Ellipsoid(mean, across[own].T / spread, float(np.sqrt(least)))


@dataclass(frozen=True, eq=False)
class Detector:
    """Scores of how unusual spectra are.

    Attributes
    ----------
    grid
        Energies of the spectra.
    shape, inner, representation
        Ellipsoids of area-normalised spectra, of their middle part, and of the classifier's
        representation.
    """

    grid: EnergyGrid
    shape: Ellipsoid
    inner: Ellipsoid
    representation: Ellipsoid

    def scores(
        self, intensity: Float[np.ndarray, "n energy"], classifier: Classifier
    ) -> Float[np.ndarray, "n component"]:
        """Score spectra by each component; higher is more unusual.

        *Shape*: distance of the area-normalised spectrum from the library's sites.
        *Representation*: the same of what the classifier makes of it.
        *Position*: how many times closer it would be, shifted. Averages of many sites lie so close
        to the mean that even shifted ones are no odd sites; odd averages they are.
        *Smoothness*: how small its second derivative is.
        """
        away = self.shifted_distances(intensity)
        unshifted = away[:, away.shape[1] // 2]
        spectra = unit_mean(intensity.astype(np.float64))
        curved = spectra @ _curving(self.grid)
        return np.stack(
            [
                self.shape.distance(spectra),
                self.representation.distance(classifier.representation(intensity)),
                unshifted / np.maximum(away.min(axis=1), _TINY),
                -np.log(np.sqrt((curved**2).mean(axis=1)) + _TINY),
            ],
            axis=1,
        )

    @property
    def shifts_eV(self) -> Float[np.ndarray, " shift"]:
        """Shifts that spectra are compared at; zero is in the middle."""
        margin = shift_margin(self.grid)
        return self.grid.step_eV * np.arange(-margin, margin + 1)

    def shifted_distances(
        self, intensity: Float[np.ndarray, "n energy"]
    ) -> Float[np.ndarray, "n shift"]:
        """Distance of the middle part from the library's, were the spectrum shifted by so much.

        A spectrum that lies 2 eV too high is closest at -2 eV.
        """
        away = np.full((len(intensity), self.shifts_eV.size), np.inf)
        for first in range(0, len(intensity), _ROWS):
            rows = slice(first, first + _ROWS)
            self._distances(intensity[rows].astype(np.float64), away[rows])
        return away

    def _distances(
        self, intensity: Float[np.ndarray, "n energy"], away: Float[np.ndarray, "n shift"]
    ) -> None:
        """Fill in `shifted_distances`.

        A window w is divided by its own mean m and compared with r. Its squared distance is
        |w / m - r|^2, as `Ellipsoid.distance` counts it; multiplied out, sums over windows are
        differences of running sums or products with one matrix, and only the product of w with
        the directions is taken for every window.
        """
        inner, width = self.inner, self.inner.mean.size
        starts = np.arange(2 * shift_margin(self.grid), -1, -1)
        unit = intensity / np.maximum(intensity.mean(axis=1, keepdims=True), _TINY)
        total, power = (
            sums[:, starts + width] - sums[:, starts]
            for sums in (_running(unit), _running(unit**2))
        )
        along = np.empty(away.shape)
        for column, start in enumerate(starts.tolist()):
            within = unit[:, start : start + width] @ inner.excess
            along[:, column] = np.einsum("nd,nd->n", within, within)
        with_mean, with_usual, own = self._own
        both = unit @ with_mean / inner.rest**2 - unit @ with_usual
        usable = total > 0
        mean = np.where(usable, total, 1.0) / width
        squares = (power / inner.rest**2 - along) / mean**2 - 2 * both / mean + own
        away[usable] = np.sqrt(np.maximum(squares, 0.0) / width)[usable]

    @cached_property
    def _own(
        self,
    ) -> tuple[Float[np.ndarray, "energy shift"], Float[np.ndarray, "energy shift"], float]:
        """The library's mean and its usual part, to multiply windows with, and their square."""
        inner = self.inner
        usual = inner.mean @ inner.excess
        own = float(inner.mean @ inner.mean / inner.rest**2 - usual @ usual)
        return self._against(inner.mean), self._against(inner.excess @ usual), own

    def _against(self, row: Float[np.ndarray, " inner"]) -> Float[np.ndarray, "energy shift"]:
        """Matrix that gives the product of `row` with every window of a spectrum."""
        starts = range(2 * shift_margin(self.grid), -1, -1)
        matrix = np.zeros((self.grid.points, len(starts)))
        for column, start in enumerate(starts):
            matrix[start : start + row.size, column] = row
        return matrix


def _running(values: Float[np.ndarray, "n energy"]) -> Float[np.ndarray, "n edge"]:
    """Sums from the first energy on."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


@lru_cache(maxsize=4)
def _curving(grid: EnergyGrid) -> Float[np.ndarray, "energy inside"]:
    """Matrix that gives the second difference of a spectrum, smoothed."""
    unit = np.eye(grid.points)
    return np.diff(broaden(grid.energy_eV, unit, _SMOOTHED_eV), n=2, axis=1)


def fit_detector(
    intensity: Float[np.ndarray, "n energy"], classifier: Classifier, grid: EnergyGrid
) -> Detector:
    """Fit to the spectra of the sites that a classifier was trained on.

    Parameters
    ----------
    intensity
        Sampled spectra, as they are and as training changes them.
    classifier
        Whose representation is looked at.
    grid
        Energies of the spectra.
    """
    middle = _middle(intensity, shift_margin(grid), 0)
    return Detector(
        grid,
        fit_ellipsoid(unit_mean(intensity.astype(np.float64)), _RIDGE["shape"]),
        fit_ellipsoid(unit_mean(middle.astype(np.float64)), _RIDGE["shape"]),
        fit_ellipsoid(classifier.representation(intensity), _RIDGE["representation"]),
    )


def shift_margin(grid: EnergyGrid) -> int:
    """Points to leave out at either end, so that the middle part can be shifted over the rest."""
    return min(round(_FARTHEST_SHIFT_eV / grid.step_eV), (grid.points - 2) // 4)


def _middle(intensity: np.ndarray, margin: int, offset: int) -> np.ndarray:
    points = intensity.shape[1]
    return intensity[:, margin + offset : points - margin + offset].astype(np.float64)
