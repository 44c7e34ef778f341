"""Figure 1: the spectra of the environments, with the atoms around a typical site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import fill

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nearedge.errors import NearedgeError
from nearedge.spectra.grid import PAPER_GRID, EnergyGrid, resample
from nearedge.studies.atoms import Cluster, draw_cluster, draw_element_key, reach_A
from nearedge.studies.style import (
    FAINT,
    SINGLE_COLUMN_mm,
    SMALL_pt,
    add_axes,
    environment_colours,
    new_figure,
    styled,
)

_TOP_mm = 2.0
_PANEL_mm = 23.0


@dataclass(frozen=True, eq=False)
class SiteSpectra:
    """The raw spectra of a library by environment, with pictures of some sites.

    Parameters
    ----------
    energy_eV
        Increasing energies that cover the grid; shape (energy,).
    intensity
        Spectra on one scale; shape (site, energy).
    environment
        Index into `labels` of each site; shape (site,).
    labels
        All labels of the scheme, in its order.
    clusters
        Atoms around the typical site (see `typical_sites`) of each environment, by label; an
        environment without one is drawn without atoms.
    grid
        Where the networks take their inputs.
    energy_zero
        What the energies are relative to.

    Raises
    ------
    NearedgeError
        If shapes do not match, a code has no label, or a cluster belongs to no label.
    """

    energy_eV: Float[np.ndarray, " energy"]
    intensity: Float[np.ndarray, "site energy"]
    environment: Int[np.ndarray, " site"]
    labels: tuple[str, ...]
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    grid: EnergyGrid = PAPER_GRID
    energy_zero: str = "conduction-band minimum"

    def __post_init__(self) -> None:
        expected = (len(self.environment), len(self.energy_eV))
        if self.intensity.shape != expected:
            raise NearedgeError(
                f"{expected[0]} environments and {expected[1]} energies need intensities of shape "
                f"{expected}, got {self.intensity.shape}"
            )
        codes = self.environment
        if codes.size and not (codes.min() >= 0 and codes.max() < len(self.labels)):
            raise NearedgeError(
                f"environments must be numbers from 0 to {len(self.labels) - 1}, one per label, "
                f"got {codes.min()} to {codes.max()}"
            )
        foreign = sorted(set(self.clusters) - set(self.labels))
        if foreign:
            raise NearedgeError(
                f"there is a cluster for {foreign[0]!r}, which is none of the labels "
                f"{', '.join(self.labels)}"
            )


def typical_sites(
    energy_eV: Float[np.ndarray, " energy"],
    intensity: Float[np.ndarray, "site energy"],
    environment: Int[np.ndarray, " site"],
    labels: tuple[str, ...],
    grid: EnergyGrid = PAPER_GRID,
) -> dict[str, int]:
    """Find the site of each environment whose spectrum is nearest to the median of its class.

    Parameters
    ----------
    energy_eV, intensity, environment, labels, grid
        As in `SiteSpectra`; nearest in the sum of squares on the grid.

    Returns
    -------
    dict
        Row of `intensity` for each label that has sites.

    Examples
    --------
    >>> energy_eV = np.linspace(-5.0, 25.0, 301)
    >>> three = np.array([1.0, 2.0, 9.0])[:, None] * np.exp(-energy_eV**2)
    >>> typical_sites(energy_eV, three, np.array([0, 0, 0]), ("0 Fe", "1 Fe"))
    {'0 Fe': 1}
    """
    points = resample(energy_eV, intensity, grid)
    result = {}
    for code, label in enumerate(labels):
        sites = np.flatnonzero(environment == code)
        if len(sites):
            distance = ((points[sites] - np.median(points[sites], axis=0)) ** 2).sum(axis=1)
            result[label] = int(sites[np.argmin(distance)])
    return result


@styled
def figure_spectra(spectra: SiteSpectra) -> Figure:
    """Draw the typical spectrum of each environment, its spread, and the atoms around the site.

    One panel per label, on common axes: the spectrum of the typical site with the grid's points
    marked, the 10 to 90 % band of the class, and the atoms beside it.

    Parameters
    ----------
    spectra
        Spectra and clusters.

    Returns
    -------
    Figure
        One column wide; two axes per environment, and the key of the elements.
    """
    rows = len(spectra.labels)
    figure = new_figure(SINGLE_COLUMN_mm, _TOP_mm + rows * _PANEL_mm + 21.0)
    typical = typical_sites(
        spectra.energy_eV, spectra.intensity, spectra.environment, spectra.labels, spectra.grid
    )
    colours = environment_colours(spectra.labels)
    highest = _highest(spectra, typical)
    half_width_A = max(map(reach_A, spectra.clusters.values()), default=0.0)
    for row, label in enumerate(spectra.labels):
        top = _TOP_mm + row * _PANEL_mm
        axes = add_axes(figure, 7.0, top, 54.0, _PANEL_mm - 2.0)
        axes.set(xlim=(spectra.grid.start_eV, spectra.grid.stop_eV), ylim=(0, 1.2 * highest))
        axes.tick_params(left=False, labelleft=False, labelbottom=row == rows - 1)
        if row == rows - 1:
            axes.set_xlabel("Energy (eV)")
            zero = fill(f"zero: {spectra.energy_zero}", 48)
            axes.annotate(
                zero,
                (0.5, 0),
                (0, -26),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                va="top",
                color=FAINT,
                fontsize=SMALL_pt,
            )
        if row == rows // 2:
            axes.set_ylabel("Absorption (arb. units)", y=1.0 if rows % 2 == 0 else 0.5)
        _draw_environment(axes, spectra, row, typical.get(label), colours[label])
        if label in spectra.clusters:
            picture = add_axes(figure, 62.0, top - 0.5, _PANEL_mm - 1.0, _PANEL_mm - 1.0)
            draw_cluster(picture, spectra.clusters[label], half_width_A)
    if spectra.clusters:
        absorber = next(iter(spectra.clusters.values())).symbols[0]
        elements = {s for cluster in spectra.clusters.values() for s in cluster.symbols}
        key = add_axes(figure, 7.0, _TOP_mm + rows * _PANEL_mm + 15.5, 70.0, 3.5)
        draw_element_key(key, sorted(elements - {absorber}), absorber)
    return figure


def _highest(spectra: SiteSpectra, typical: dict[str, int]) -> float:
    """Highest value of any band or typical spectrum within the grid."""
    grid = spectra.grid
    shown = (spectra.energy_eV >= grid.start_eV) & (spectra.energy_eV <= grid.stop_eV)
    intensity = spectra.intensity[:, shown]
    tops = [float(intensity[site].max()) for site in typical.values()]
    for code in np.unique(spectra.environment):
        upper = np.quantile(intensity[spectra.environment == code], 0.9, axis=0)
        tops.append(float(upper.max()))
    return max(tops, default=1.0)


def _draw_environment(
    axes: Axes, spectra: SiteSpectra, code: int, typical: int | None, colour: str
) -> None:
    sites = np.flatnonzero(spectra.environment == code)
    number = f"{len(sites)} site{'s' if len(sites) != 1 else ''}" if len(sites) else ""
    axes.annotate(
        spectra.labels[code],
        (0.03, 1.0),
        xycoords="axes fraction",
        va="top",
        fontweight="bold",
    )
    axes.annotate(
        number or "no site in this library",
        (0.99, 1.0),
        xycoords="axes fraction",
        ha="right",
        va="top",
        color=FAINT,
        fontsize=SMALL_pt,
    )
    if typical is None:
        return
    if len(sites) > 1:
        low, high = np.quantile(spectra.intensity[sites], [0.1, 0.9], axis=0)
        axes.fill_between(spectra.energy_eV, low, high, color=colour, alpha=0.22, linewidth=0)
    axes.plot(spectra.energy_eV, spectra.intensity[typical], color=colour, linewidth=0.9)
    points = resample(spectra.energy_eV, spectra.intensity[typical], spectra.grid)
    axes.plot(spectra.grid.energy_eV, points, "o", color=colour, markersize=1.5, clip_on=False)
