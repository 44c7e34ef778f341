"""From the states that GPAW found to the spectrum of a site."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Complex, Float, Int

from nearedge.engines.base import SiteSpectrum
from nearedge.engines.running import last_words
from nearedge.errors import EngineError

# Relative to the lowest unoccupied state; wide enough for a library's axis after any shift.
_START_EV, _STOP_EV, _STEP_EV = -12.0, 40.0, 0.05


@dataclass(frozen=True)
class States:
    """Eigenstates of one structure, seen from its absorbers.

    Parameters
    ----------
    energy_eV
        For each k-point and spin ("run") the energies of all states, increasing.
    projection
        Amplitude of each state in the partial waves of each absorber.
    weights
        Share of each run; the sum is the number of 1s electrons, 2.
    spin
        Of each run.
    absorbers
        Atom indices, all atoms of the absorbing element.
    fermi_eV
        Fermi level on the scale of `energy_eV`.
    core_potential_eV
        Electrostatic energy of a 1s electron at each absorber.
    dipole_bohr
        Dipole elements between 1s and the partial waves, for x, y and z.
    hole_eV
        Field of the screened core hole between partial waves; zero for none.
    """

    energy_eV: Float[np.ndarray, "run state"]
    projection: Complex[np.ndarray, "run absorber state wave"]
    weights: Float[np.ndarray, " run"]
    spin: Int[np.ndarray, " run"]
    absorbers: Int[np.ndarray, " absorber"]
    fermi_eV: float
    core_potential_eV: Float[np.ndarray, " absorber"]
    dipole_bohr: Float[np.ndarray, "3 wave"]
    hole_eV: Float[np.ndarray, "wave wave"]

    @property
    def lowest_unoccupied_eV(self) -> float:
        """Energy of the first state above the Fermi level."""
        return float(self.energy_eV[self.energy_eV > self.fermi_eV].min())


def read_states(work: Path, log: str) -> States:
    """Read what the program left in a folder.

    Raises
    ------
    EngineError
        If there is nothing, or it cannot be used.
    """
    path = work / "states.npz"
    if not path.exists():
        raise EngineError(f"wrote no {path.name}: {last_words(log)}")
    try:
        with np.load(path, allow_pickle=False) as found:
            return States(
                **{name: found[name] for name in States.__annotations__ if name != "fermi_eV"},
                fermi_eV=float(found["fermi_eV"]),
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise EngineError(f"{path.name} is not complete ({error}): {last_words(log)}") from error


def site_spectrum(
    states: States,
    site: int,
    edge_energy_eV: float,
    core_level_factor: float,
    lifetime_eV: float,
    broadening_eV: float,
    broadening_slope: float,
) -> SiteSpectrum:
    """Cross-section of one absorber in Å^2 over the energy above its 1s electron.

    The energy is that of the final state minus the electrostatic energy of the site's 1s electron;
    of the latter, the difference from the mean over the absorbers counts `core_level_factor` times.

    Fermi's golden rule: 4 pi^2 alpha times photon energy times the squared dipole element in the
    mean over three directions, for each state above the Fermi level.

    Parameters
    ----------
    states
        Of the whole structure.
    site
        Atom index of the absorber.
    edge_energy_eV
        Photon energy at the edge.
    core_level_factor
        Factor of the core-level shift.
    lifetime_eV
        Half width at half maximum of the Lorentzian.
    broadening_eV, broadening_slope
        FWHM of the Gaussian at the band minimum and its growth per eV.
    """
    from ase.units import Bohr, alpha

    place = int(np.flatnonzero(states.absorbers == site)[0])
    grid_eV = np.arange(_START_EV, _STOP_EV, _STEP_EV)
    zero_eV = states.lowest_unoccupied_eV
    of_states = _with_hole if states.hole_eV.any() else _without_hole
    sharp = of_states(states, place, grid_eV + zero_eV, lifetime_eV)
    fwhm_eV = broadening_eV + broadening_slope * np.maximum(grid_eV, 0.0)
    strength = _broadened(sharp, grid_eV, fwhm_eV)
    photon_eV = edge_energy_eV + grid_eV
    cross_section_A2 = 4 * np.pi**2 * alpha * photon_eV * strength * Bohr**2
    potential_eV = states.core_potential_eV
    mean_eV = float(potential_eV.mean())
    level_eV = mean_eV + core_level_factor * (float(potential_eV[place]) - mean_eV)
    edge_eV = zero_eV - level_eV
    return SiteSpectrum(grid_eV + edge_eV, cross_section_A2, edge_eV)


def _without_hole(
    states: States, place: int, energy_eV: Float[np.ndarray, " energy"], lifetime_eV: float
) -> Float[np.ndarray, " energy"]:
    """Squared dipole elements per eV (bohr^2/eV) of the unoccupied states, mean over directions."""
    result = np.zeros(len(energy_eV))
    for run, weight in enumerate(states.weights):
        level_eV = states.energy_eV[run]
        free = level_eV > states.fermi_eV
        amplitude = states.projection[run, place][free] @ states.dipole_bohr.T
        strength = weight * (np.abs(amplitude) ** 2).mean(axis=1)
        result += _on_grid(level_eV[free], strength, energy_eV)
    distance = energy_eV[:, None] - energy_eV[None, :]
    return (lifetime_eV / np.pi / (distance**2 + lifetime_eV**2)) @ result * _STEP_EV


def _with_hole(
    states: States, place: int, energy_eV: Float[np.ndarray, " energy"], lifetime_eV: float
) -> Float[np.ndarray, " energy"]:
    """The same for an electron in the field of this site's hole, kept out of occupied states.

    The field acts only between partial waves, so that Dyson's equation for the Green's function
    between them, G = G0 + G0 W G, is one small linear system for each energy (Koster and Slater,
    Phys. Rev. 95, 1167 (1954)); G0 holds the unoccupied states.
    """
    waves = states.hole_eV.shape[0]
    result = np.zeros(len(energy_eV))
    # Linear response at all grid points at once: 1 / (E - level + i gamma).
    kernel = 1.0 / (energy_eV[:, None] - energy_eV[None, :] + 1j * lifetime_eV)
    for spin in np.unique(states.spin):
        runs = np.flatnonzero(states.spin == spin)
        share = states.weights[runs] / states.weights[runs].sum()
        density = np.zeros((len(energy_eV), waves * waves), complex)
        for run, weight in zip(runs, share, strict=True):
            free = states.energy_eV[run] > states.fermi_eV
            amplitude = states.projection[run, place][free]
            pairs = amplitude.conj()[:, :, None] * amplitude[:, None, :] * weight
            density += _on_grid(
                states.energy_eV[run][free], pairs.reshape(len(pairs), -1), energy_eV
            )
        free_green = (kernel @ density * _STEP_EV).reshape(-1, waves, waves)
        green = np.linalg.solve(np.eye(waves) - free_green @ states.hole_eV, free_green)
        response = np.einsum("ci,eij,cj->e", states.dipole_bohr, green, states.dipole_bohr)
        result += states.weights[runs].sum() * -response.imag / (3 * np.pi)
    return np.maximum(result, 0.0)


def _on_grid(
    level_eV: Float[np.ndarray, " state"],
    value: Float[np.ndarray, "state ..."] | Complex[np.ndarray, "state ..."],
    energy_eV: Float[np.ndarray, " energy"],
) -> Float[np.ndarray, "energy ..."] | Complex[np.ndarray, "energy ..."]:
    """Density per eV, each level shared between its two neighbours on the grid."""
    result = np.zeros((len(energy_eV), *value.shape[1:]), value.dtype)
    position = (level_eV - energy_eV[0]) / _STEP_EV
    lower = np.floor(position).astype(int)
    inside = (lower >= 0) & (lower < len(energy_eV) - 1)
    upper_share = (position - lower)[inside].reshape(-1, *[1] * (value.ndim - 1))
    np.add.at(result, lower[inside], value[inside] * (1 - upper_share) / _STEP_EV)
    np.add.at(result, lower[inside] + 1, value[inside] * upper_share / _STEP_EV)
    return result


def _broadened(
    density: Float[np.ndarray, " energy"],
    grid_eV: Float[np.ndarray, " energy"],
    fwhm_eV: Float[np.ndarray, " energy"],
) -> Float[np.ndarray, " energy"]:
    """Convolve with a Gaussian whose width is that of the energy it comes from."""
    sigma_eV = fwhm_eV / np.sqrt(8 * np.log(2))
    distance = (grid_eV[:, None] - grid_eV[None, :]) / sigma_eV[None, :]
    kernel = np.exp(-0.5 * distance**2) / (np.sqrt(2 * np.pi) * sigma_eV[None, :])
    return kernel @ density * _STEP_EV
