"""GPAW: one spin-polarised calculation with a Hubbard U for all absorbers of a structure.

Source: J. J. Mortensen et al., J. Chem. Phys. 160, 092503 (2024), for GPAW; A. H. Larsen et al.,
Phys. Rev. B 80, 195112 (2009), for its localised basis. GPAW is an optional program under the GPL,
run in its own process by its own Python; see ``docs/engines/gpaw.md``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nearedge.engines.base import JsonValue, SiteSpectrum, describe_site
from nearedge.engines.gpaw_run import find_python, program_version, run
from nearedge.engines.gpaw_spectrum import read_states, site_spectrum
from nearedge.engines.ocean_input import edge_eV
from nearedge.errors import EngineError, UsageError

if TYPE_CHECKING:
    from ase import Atoms

# What runs the program, and changes no spectrum.
_RUNNING = ("python", "timeout_s")
_TABLES = ("magnetic_moments", "hubbard_eV", "hubbard_states_eV")
_LIMITS: Mapping[str, tuple[float, float]] = {
    "grid_spacing_A": (0.1, 0.35),
    "smearing_eV": (0.001, 1.0),
    "mesh_length_A": (0.0, 200.0),
    "scf_mesh_length_A": (0.0, 200.0),
    "mixing": (0.001, 1.0),
    "max_iterations": (1, 1000),
    "density_tolerance": (1e-8, 1e-1),
    "hole_radius_A": (0.0, 0.6),
    "core_level_factor": (0.0, 3.0),
    "zero_above_core_eV": (0.0, 1e6),
    "lifetime_eV": (0.05, 5.0),
    "broadening_eV": (0.05, 5.0),
    "broadening_slope": (0.0, 1.0),
    "timeout_s": (0.01, 1e6),
}
# A recipe's tables arrive as they stand there.
_Table = Mapping[str, Any]


@dataclass(frozen=True)
class Gpaw:
    """GPAW with PBE, a localised basis and one run for all absorbers of a structure.

    Each spectrum is the square of the dipole elements between the site's 1s state and the
    unoccupied states, averaged over x, y and z and summed over spins. The states may be those of
    the ground state, or feel the site's screened core hole (`hole_radius_A`); either way one
    self-consistent density serves all sites.

    Energies are those of the final state minus the electrostatic energy of the site's 1s electron,
    whose difference from the mean over all atoms of the absorbing element counts
    `core_level_factor` times: a deeper level takes more energy. A site's edge energy is that of the
    lowest unoccupied state. The scale holds for all structures, so that `zero_above_core_eV` can be
    the zero of a whole library; decision 0011 shows what that brings.

    Parameters
    ----------
    python
        Python of the environment that holds GPAW; empty for ``NEAREDGE_GPAW_PYTHON``, or what
        ``make gpaw`` made.
    functional
        Of GPAW; the absorber's setup must have been made for it.
    basis
        GPAW's basis set.
    grid_spacing_A
        Upper limit for the spacing of the density's grid.
    magnetic_moments
        Starting moment by element, in Bohr magnetons; without any, spins are not distinguished.
    hubbard_eV
        U on the d states by element, for the density.
    hubbard_states_eV
        U for the states of the spectra, in the density that `hubbard_eV` gave; for elements that
        are not named, the same.
    smearing_eV
        Width of the Fermi-Dirac occupations.
    mesh_length_A, scf_mesh_length_A
        The k-point mesh of the spectra, and that of the density, has along each direction as many
        points as the spacing of the cell's planes takes to reach this length; 0 is one point.
    mixing
        Share of the new density.
    max_iterations, density_tolerance
        Limit of iterations, and change of the density (electrons per valence electron) at which
        they end.
    hole_radius_A
        Radius of the shell on which the electron sits that screens the core hole; 0 for no hole.
    core_level_factor
        Factor of the core-level shifts.
    zero_above_core_eV
        Zero of a library, above the electrostatic energy of the 1s electron; it belongs to the
        absorbing element (O: about 135 eV). At 0 each structure has its own zero, the mean edge
        energy of its sites.
    lifetime_eV
        Half width at half maximum of the Lorentzian.
    broadening_eV, broadening_slope
        FWHM of the Gaussian at the band minimum, and its growth per eV above.
    timeout_s
        Limit for a structure.

    Raises
    ------
    UsageError
        For a value that cannot be used.

    Examples
    --------
    >>> Gpaw(hubbard_eV={"Fe": 4.0}).settings()["hubbard_eV"]
    'Fe=4'
    """

    python: str = ""
    functional: str = "PBE"
    basis: str = "dzp"
    grid_spacing_A: float = 0.22
    magnetic_moments: _Table = field(default_factory=dict)
    hubbard_eV: _Table = field(default_factory=dict)
    hubbard_states_eV: _Table = field(default_factory=dict)
    smearing_eV: float = 0.1
    mesh_length_A: float = 12.0
    scf_mesh_length_A: float = 0.0
    mixing: float = 0.1
    max_iterations: int = 100
    density_tolerance: float = 1e-4
    hole_radius_A: float = 0.0
    core_level_factor: float = 1.0
    zero_above_core_eV: float = 0.0
    lifetime_eV: float = 0.4
    broadening_eV: float = 0.8
    broadening_slope: float = 0.1
    timeout_s: float = 14400.0

    name: ClassVar[str] = "gpaw"
    per: ClassVar[Literal["site", "structure"]] = "structure"
    native_broadening: ClassVar[str] = (
        "Lorentzian of half width lifetime_eV; Gaussian of FWHM broadening_eV at the band minimum, "
        "broadening_slope eV wider per eV above"
    )

    def __post_init__(self) -> None:
        for setting, (low, high) in _LIMITS.items():
            value = getattr(self, setting)
            if not low <= value <= high:
                raise UsageError(f"engine 'gpaw': {setting} = {value}; give {low:g} to {high:g}")
        for setting in _TABLES:
            table = getattr(self, setting)
            if not isinstance(table, Mapping) or not all(
                type(value) in (int, float) for value in table.values()
            ):
                raise UsageError(
                    f"engine 'gpaw': {setting} = {table!r}; give a table such as {{Fe = 4.0}}"
                )
        for element in self.hubbard_states_eV:
            if not self.hubbard_eV.get(element):
                raise UsageError(
                    f"engine 'gpaw': hubbard_states_eV names {element}, which has no U in "
                    f"hubbard_eV; add it there"
                )

    @property
    def zero_eV(self) -> float | None:
        """Zero of a library on the scale of all structures, if one is given."""
        return self.zero_above_core_eV or None

    def version(self) -> str:
        """Version of GPAW."""
        return program_version(find_python(self.python))

    def settings(self) -> Mapping[str, JsonValue]:
        """Parameters that change a spectrum."""
        found: dict[str, JsonValue] = {}
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name in _RUNNING:
                continue
            if isinstance(value, Mapping):
                value = " ".join(f"{key}={value[key]:g}" for key in sorted(value))
            found[setting.name] = value
        return found

    def compute(
        self, structure: Atoms, sites: Sequence[int], edge: str, folder: Path
    ) -> dict[int, SiteSpectrum | EngineError]:
        """Run GPAW once for each element among the sites."""
        found: dict[int, SiteSpectrum | EngineError] = {}
        for element in dict.fromkeys(str(structure.symbols[site]) for site in sites):
            mine = [site for site in sites if structure.symbols[site] == element]
            try:
                found.update(self._run_of_element(structure, mine, edge, folder / f"run-{element}"))
            except EngineError as error:
                for site in mine:
                    found[site] = EngineError(f"GPAW, {describe_site(structure, site)}: {error}")
        return {site: found[site] for site in sites}

    def job(self, structure: Atoms, element: str) -> dict[str, Any]:
        """What the program is told about a structure, as plain values."""
        present = set(structure.get_chemical_symbols())
        moments = [float(self.magnetic_moments.get(s, 0.0)) for s in structure.symbols]
        return {
            "numbers": structure.numbers.tolist(),
            "positions_A": structure.positions.tolist(),
            "cell_A": structure.cell.array.tolist(),
            "pbc": [bool(periodic) for periodic in structure.pbc],
            "magnetic_moments": moments,
            "hubbard_eV": {e: float(u) for e, u in self.hubbard_eV.items() if e in present and u},
            "hubbard_states_eV": {
                e: float(u) for e, u in self.hubbard_states_eV.items() if e in present
            },
            "absorber": element,
            "absorber_number": int(structure.numbers[list(structure.symbols).index(element)]),
            **{
                name: getattr(self, name)
                for name in (
                    "functional",
                    "basis",
                    "grid_spacing_A",
                    "smearing_eV",
                    "mesh_length_A",
                    "scf_mesh_length_A",
                    "mixing",
                    "max_iterations",
                    "density_tolerance",
                    "hole_radius_A",
                )
            },
        }

    def _run_of_element(
        self, structure: Atoms, sites: Sequence[int], edge: str, work: Path
    ) -> dict[int, SiteSpectrum]:
        if edge != "K":
            raise EngineError(f"edge {edge!r} is not supported; give K")
        if not structure.cell.rank == 3:
            raise EngineError("the structure has no cell; give it one")
        python = find_python(self.python)
        work.mkdir(parents=True)
        element = str(structure.symbols[sites[0]])
        (work / "job.json").write_text(json.dumps(self.job(structure, element)))
        log = run(python, work, self.timeout_s)
        states = read_states(work, log)
        return {
            site: site_spectrum(
                states,
                site,
                edge_eV(element, edge),
                self.core_level_factor,
                self.lifetime_eV,
                self.broadening_eV,
                self.broadening_slope,
            )
            for site in sites
        }
