"""What lies under an edge: the pre-edge background, and the height of the edge above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra.axis import check_axis
from nearedge.spectra.edges import tabulated_edge_eV

# Width over which the derivative is taken when the edge is looked for, and the share of the highest
# derivative, and the multiple of the typical one, that count as the onset.
_SMOOTH_EV = 1.0
_FINE_EV = 0.1
_ONSET = 0.25
_ABOVE_NOISE = 4.0
# The edge is looked for this far around its tabulated energy: oxides show the oxygen K edge 13 eV
# below the table, and the energy scale of an electron microscope may be off by as much again.
_SEARCH_BELOW_EV = 40.0
_SEARCH_ABOVE_EV = 20.0
# The fit of the background ends this far below the onset, or at this share of the pre-edge if that
# is further, and never reaches back further than _PRE_...: there, other edges may lie.
_CLEAR_EV = 2.0
_CLEAR = 0.1
_PRE_SOFT_EV = 30.0
_PRE_HARD_EV = 150.0
_FEWEST_POINTS = 3
# The post-edge ends where, in the soft X-ray range, the L edges of transition metals may begin.
_SOFT_EV = 1000.0
_POST_SOFT_EV = 60.0
_POST_HARD_EV = 800.0
_POST_START_EV = 25.0


@dataclass(frozen=True)
class Edge:
    """Where the edge of a measured spectrum lies.

    Attributes
    ----------
    onset_eV
        Lowest energy of steep rise, below which the pre-edge lies.
    steepest_eV
        Energy of the highest derivative.
    """

    onset_eV: float
    steepest_eV: float

    def pre_edge(self, energy_eV: Float[np.ndarray, " energy"]) -> slice | None:
        """Points over which a background may be fitted; None if there are fewer than three."""
        longest = _PRE_SOFT_EV if self.onset_eV < _SOFT_EV else _PRE_HARD_EV
        reach = min(self.onset_eV - float(energy_eV[0]), longest)
        stop_eV = self.onset_eV - max(_CLEAR_EV, _CLEAR * reach)
        first = int(np.searchsorted(energy_eV, self.onset_eV - reach))
        last = int(np.searchsorted(energy_eV, stop_eV, side="right"))
        return slice(first, last) if last - first >= _FEWEST_POINTS else None

    def post_edge(self, energy_eV: Float[np.ndarray, " energy"]) -> slice | None:
        """Points over which the level above the edge is fitted; None if there are fewer than 3."""
        longest = _POST_SOFT_EV if self.steepest_eV < _SOFT_EV else _POST_HARD_EV
        reach = min(float(energy_eV[-1]) - self.steepest_eV, longest)
        first = int(np.searchsorted(energy_eV, self.steepest_eV + min(reach / 3, _POST_START_EV)))
        last = int(np.searchsorted(energy_eV, self.steepest_eV + reach, side="right"))
        return slice(first, last) if last - first >= _FEWEST_POINTS else None


def edge_search_eV(element: str, edge: str) -> tuple[float, float]:
    """Lowest and highest energy at which the edge of a measurement is looked for.

    Examples
    --------
    >>> edge_search_eV("Fe", "K")
    (7072.0, 7132.0)
    """
    tabulated_eV = tabulated_edge_eV(element, edge)
    return tabulated_eV - _SEARCH_BELOW_EV, tabulated_eV + _SEARCH_ABOVE_EV


def find_edge(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, " energy"],
    element: str,
    edge: str,
) -> Edge:
    """Find the onset and the steepest point of an edge near its tabulated energy.

    The derivative is that of the spectrum averaged over 1 eV. The onset is the lowest energy at
    which it exceeds a quarter of its highest value, so that a pre-edge peak belongs to the edge.

    Parameters
    ----------
    energy_eV
        Increasing absolute energies.
    intensity
        One spectrum, with or without background.
    element, edge
        Which edge.

    Returns
    -------
    Edge
        Its onset and its steepest point.

    Raises
    ------
    NearedgeError
        If the energies show too little of the range in which the edge is looked for, or nothing
        rises there.

    Examples
    --------
    >>> energy_eV = np.linspace(510.0, 570.0, 601)
    >>> found = find_edge(energy_eV, np.arctan(2 * (energy_eV - 531.0)), "O", "K")
    >>> round(found.steepest_eV, 1), found.onset_eV < found.steepest_eV
    (531.0, True)
    """
    check_axis(energy_eV, "finding the edge")
    lowest, highest = edge_search_eV(element, edge)
    start, stop = max(lowest, float(energy_eV[0])), min(highest, float(energy_eV[-1]))
    if stop - start < 2 * _SMOOTH_EV:
        raise NearedgeError(
            f"the spectrum runs from {energy_eV[0]:g} to {energy_eV[-1]:g} eV and shows too little "
            f"of {lowest:g} to {highest:g} eV, where the {element} {edge} edge is looked for; "
            "check the energy column"
        )
    fine = np.arange(start, stop, _FINE_EV)
    window = np.hanning(round(2 * _SMOOTH_EV / _FINE_EV) + 3)[1:-1]
    values = np.pad(np.interp(fine, energy_eV, intensity), window.size // 2, mode="edge")
    rise = np.gradient(np.convolve(values, window / window.sum(), mode="valid"), fine)
    if rise.max() <= 0:
        raise NearedgeError(
            f"nothing rises between {start:g} and {stop:g} eV, where the {element} {edge} edge is "
            "looked for; check the intensity column"
        )
    steep = max(_ONSET * rise.max(), min(_ABOVE_NOISE * np.median(np.abs(rise)), 0.9 * rise.max()))
    return Edge(float(fine[int(np.argmax(rise >= steep))]), float(fine[int(rise.argmax())]))


def _constant(energy: np.ndarray) -> np.ndarray:
    return np.ones((1, energy.size))


def _line(energy: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(energy), energy])


def _victoreen(energy: np.ndarray) -> np.ndarray:
    return np.stack([energy**-3, energy**-4])


def _power_law(energy: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(energy), np.log(energy)])


# Terms of each form, in energies divided by the pre-edge's mean energy. The power law is linear in
# logarithms.
_TERMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": _constant,
    "line": _line,
    "victoreen": _victoreen,
    "power law": _power_law,
}
BACKGROUNDS = tuple(_TERMS)
"""Forms of a background: constant; line a + b E; Victoreen a/E^3 + b/E^4 (J. A. Victoreen, J. Appl.
Phys. 20, 1141 (1949)); power law A E^-r (R. F. Egerton, Electron Energy-Loss Spectroscopy in the
Electron Microscope, 3rd edition (2011), section 4.4)."""


@dataclass(frozen=True, eq=False)
class Background:
    """A background fitted below an edge and continued under it.

    Attributes
    ----------
    form
        One of `BACKGROUNDS`.
    values
        On the energies of the spectra.
    uncertainty
        Standard error of the continued background at `at_eV`, from the scatter of the pre-edge.
    at_eV
        Where that uncertainty holds.
    """

    form: str
    values: Float[np.ndarray, "*batch energy"]
    uncertainty: Float[np.ndarray, "*batch"]
    at_eV: float


def fit_background(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "*batch energy"],
    region: slice,
    form: str,
    at_eV: float,
) -> Background:
    """Fit a background to the pre-edge by least squares and continue it over all energies.

    Parameters
    ----------
    energy_eV
        Increasing absolute energies.
    intensity
        One spectrum or a batch that shares the energies.
    region
        The points below the edge.
    form
        One of `BACKGROUNDS`. A power law is fitted in logarithms, weighted by the counts, which
        makes up for what the logarithm does to their noise.
    at_eV
        Energy at which the uncertainty of the continued background is wanted.

    Returns
    -------
    Background
        With the shape of `intensity`.

    Raises
    ------
    UsageError
        If there is no such form.
    NearedgeError
        If a power law meets counts that are not positive, or energies that are not.

    Examples
    --------
    >>> energy_eV = np.linspace(440.0, 600.0, 321)
    >>> counts = 1e12 * energy_eV**-2.5
    >>> fitted = fit_background(energy_eV, counts, slice(0, 160), "power law", 560.0)
    >>> bool(np.allclose(fitted.values, counts))
    True
    """
    if form not in _TERMS:
        raise UsageError(f"no background is called {form!r}; choose one of {', '.join(_TERMS)}")
    check_axis(energy_eV, "background")
    measured = np.asarray(intensity, dtype=np.float64)
    pre, logarithmic = measured[..., region], form == "power law"
    if logarithmic and not (pre > 0).all():
        raise NearedgeError(
            "a power law needs positive counts below the edge; choose another background, or check "
            "whether one was already subtracted"
        )
    if form != "constant" and energy_eV[region][0] <= 0:
        raise NearedgeError("a background is fitted to absolute energies, which are positive")
    scale = float(energy_eV[region].mean())
    terms = _TERMS[form](energy_eV / scale if form == "constant" else _positive(energy_eV) / scale)
    fitted, there = terms[:, region], _TERMS[form](np.array([at_eV / scale]))[:, 0]
    weight = pre / pre.mean(axis=-1, keepdims=True) if logarithmic else np.ones_like(pre)
    target = np.log(pre) if logarithmic else pre
    # Normal equations of one or two well scaled terms, for the whole batch at once.
    normal = np.einsum("ip,...p,jp->...ij", fitted, weight, fitted)
    right = np.einsum("ip,...p,...p->...i", fitted, weight, target)
    inverse = np.linalg.inv(normal)
    coefficients = np.einsum("...ij,...j->...i", inverse, right)
    values = coefficients @ terms
    residual = target - values[..., region]
    freedom = max(pre.shape[-1] - len(terms), 1)
    variance = np.einsum("...p,...p->...", weight, residual**2) / freedom
    uncertainty = np.sqrt(variance * np.einsum("i,...ij,j->...", there, inverse, there))
    if logarithmic:
        values = np.exp(values)
        uncertainty = uncertainty * np.exp(coefficients @ there)
    return Background(form, values, np.asarray(uncertainty), at_eV)


def _positive(energy_eV: Float[np.ndarray, " energy"]) -> Float[np.ndarray, " energy"]:
    return np.maximum(energy_eV, np.finfo(float).tiny)


def edge_step(
    energy_eV: Float[np.ndarray, " energy"],
    above_background: Float[np.ndarray, "*batch energy"],
    edge: Edge,
) -> tuple[Float[np.ndarray, "*batch"], int] | None:
    """Height of the edge: the post-edge polynomial at the steepest point.

    Constant where the post-edge spans less than 50 eV, a line below 350 eV, else a parabola.

    Parameters
    ----------
    energy_eV
        Increasing absolute energies.
    above_background
        Intensities after subtraction of the background.
    edge
        From `find_edge`.

    Returns
    -------
    (step, degree) or None
        One step per spectrum and the degree of the polynomial; None without a post-edge.

    Examples
    --------
    >>> energy_eV = np.linspace(500.0, 590.0, 901)
    >>> step = np.where(energy_eV > 530.0, 3.0, 0.0)
    >>> float(edge_step(energy_eV, step, find_edge(energy_eV, step, "O", "K"))[0].round(6))
    3.0
    """
    region = edge.post_edge(energy_eV)
    if region is None:
        return None
    x = energy_eV[region] - edge.steepest_eV
    span = x[-1] - x[0]
    degree = 0 if span < 50.0 else 1 if span < 350.0 else 2
    degree = min(degree, x.size - 2)
    coefficients = np.linalg.pinv(np.vander(x / span, degree + 1, increasing=True))
    return np.asarray(above_background[..., region] @ coefficients[0]), degree
