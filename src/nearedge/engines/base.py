"""What every engine is: sites of a structure in, one spectrum per site out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from nearedge.errors import EngineError

if TYPE_CHECKING:
    from ase import Atoms

JsonValue = str | int | float | bool | None

# Interpolation and truncated sums leave a little below zero where there is no absorption. What
# is larger than this share of the highest peak is not noise but a calculation gone wrong.
_NOISE = 1e-3


@dataclass(frozen=True, eq=False)
class SiteSpectrum:
    """What an engine computed for one site, on the engine's own energy scale.

    The scale is one for all sites of a structure, so that differences between the sites'
    core levels stay in the spectra.

    Parameters
    ----------
    energy_eV
        Increasing energies (n,).
    intensity
        Per-atom cross-section (n,), on one scale for all sites; polarisations are averaged.
    edge_energy_eV
        Energy of this site's edge on the same scale: where its Fermi level or band minimum lies
        (docs/energy-axis.md says where exactly, for each engine).

    Raises
    ------
    EngineError
        If the axis is not increasing, or a value is not finite or is negative.

    Examples
    --------
    >>> spectrum = SiteSpectrum(np.arange(530.0, 540.0), np.ones(10), edge_energy_eV=531.5)
    >>> spectrum.intensity.shape
    (10,)
    """

    energy_eV: Float[np.ndarray, " energy"]
    intensity: Float[np.ndarray, " energy"]
    edge_energy_eV: float

    def __post_init__(self) -> None:
        energy_eV, intensity = self.energy_eV, self.intensity
        if energy_eV.ndim != 1 or energy_eV.shape != intensity.shape or len(energy_eV) < 2:
            raise EngineError(
                f"spectrum with {energy_eV.shape} energies and {intensity.shape} intensities: "
                f"both must be one list of at least 2 numbers"
            )
        if not (np.isfinite(energy_eV).all() and np.isfinite(intensity).all()):
            raise EngineError("spectrum holds NaN or infinite values; look at the program's log")
        if not np.isfinite(self.edge_energy_eV):
            raise EngineError("the edge energy is not a finite number; look at the program's log")
        if np.any(np.diff(energy_eV) <= 0):
            raise EngineError("spectrum's energies do not increase; look at the program's log")
        if intensity.min() < 0:
            raise EngineError(
                f"spectrum has a negative intensity ({intensity.min():.3g} at "
                f"{energy_eV[intensity.argmin()]:.2f} eV); the calculation is not converged"
            )


@runtime_checkable
class Engine(Protocol):
    """A program that turns sites into spectra.

    An engine is a frozen dataclass: its fields are the settings that a recipe may give, and it
    travels to worker processes. `nearedge.engines.conformance` checks what is promised here.

    Attributes
    ----------
    name
        Short lower-case name, used in recipes and provenance.
    per
        ``"site"`` if the program runs once per site, ``"structure"`` if one run serves all sites.
    native_broadening
        In words and eV: what broadening the spectra already carry.
    zero_eV
        Where a library's zero lies on the engine's scale, if that scale is the same for all
        structures; None if it is not, and the mean edge energy of each structure is its zero.
    covers_eV
        Optional: first and last energy of every spectrum, from the site's edge energy. A build
        whose library would need more is then refused before anything is computed.
    """

    name: ClassVar[str]
    per: ClassVar[Literal["site", "structure"]]
    native_broadening: ClassVar[str]

    @property
    def zero_eV(self) -> float | None:
        """Zero of a library, or None."""
        ...

    def version(self) -> str:
        """Version of the program itself; EngineError if it is not installed."""
        ...

    def settings(self) -> Mapping[str, JsonValue]:
        """Everything that changes a spectrum, for provenance and its hash."""
        ...

    def compute(
        self, structure: Atoms, sites: Sequence[int], edge: str, folder: Path
    ) -> Mapping[int, SiteSpectrum | EngineError | OSError]:
        """Spectra of the sites, or the error of each that failed, in the order asked for.

        An error names structure and site (`describe_site`), repeats the program's own words and
        says what to do. Only what concerns no single site is raised, such as `OSError` for a
        full disk: a build then stops instead of recording all its sites as failed. An engine that
        has finished other sites of the call may give the `OSError` in the place of the rest.

        Parameters
        ----------
        structure
            Periodic or not; never changed.
        sites
            Indices of the absorbing atoms.
        edge
            ``"K"``, ``"L3"`` ...
        folder
            An empty scratch folder that belongs to this call.
        """
        ...


def describe_site(structure: Atoms, site: int) -> str:
    """Name a site in words, for messages.

    Examples
    --------
    >>> from ase.build import bulk
    >>> describe_site(bulk("MgO", "rocksalt", a=4.2), 1)
    'MgO, atom 1 (O)'
    """
    info = structure.info
    if "trajectory_id" in info and "snapshot_id" in info:
        name = f"{info['trajectory_id']} snapshot {info['snapshot_id']}"
    else:
        name = info.get("structure_id", structure.get_chemical_formula("metal"))
    return f"{name}, atom {site} ({structure.symbols[site]})"


def without_noise(intensity: Float[np.ndarray, " energy"]) -> Float[np.ndarray, " energy"]:
    """Set to zero what is negative by less than a thousandth of the highest peak.

    A larger negative value stays, so that `SiteSpectrum` refuses it.

    Examples
    --------
    >>> without_noise(np.array([-1e-5, 1.0]))
    array([0., 1.])
    >>> without_noise(np.array([-0.1, 1.0]))
    array([-0.1,  1. ])
    """
    noise = (intensity < 0) & (intensity > -_NOISE * intensity.max())
    return np.where(noise, 0.0, intensity)
