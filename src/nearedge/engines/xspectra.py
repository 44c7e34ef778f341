"""XSpectra: pseudopotentials, a core hole in a supercell, and a Lanczos continued fraction.

Source: C. Gougoussis, M. Calandra, A. P. Seitsonen, F. Mauri, Phys. Rev. B 80, 075102 (2009);
M. Taillefumier, D. Cabaret, A. M. Flank, F. Mauri, Phys. Rev. B 66, 195107 (2002); the programs
are part of Quantum ESPRESSO: P. Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from nearedge.engines.base import JsonValue, SiteSpectrum, describe_site, without_noise
from nearedge.engines.running import find_program, run_program
from nearedge.engines.xspectra_input import (
    POLARISATIONS,
    SAVE,
    mesh,
    pw_input,
    supercell,
    xspectra_input,
)
from nearedge.engines.xspectra_output import (
    SPECTRUM,
    Levels,
    complaint,
    read_levels,
    read_polarisation,
)
from nearedge.engines.xspectra_pseudo import Pseudopotentials
from nearedge.engines.xspectra_settings import check
from nearedge.errors import EngineError

if TYPE_CHECKING:
    from ase import Atoms

_INSTALL = "install Quantum ESPRESSO (Debian: apt-get install quantum-espresso)"

# What runs the programs, and changes no spectrum.
_RUNNING = ("pw", "xspectra", "ld1", "para_prefix", "timeout_s")
_Array = Sequence[Any]
_Table = Mapping[str, Any]


@dataclass(frozen=True)
class XSpectra:
    """Quantum ESPRESSO's pw.x and xspectra.x, averaged over three polarisations; K edges.

    The structure is repeated until an absorber is `image_distance_A` from its images. One run of
    pw.x gives the ground state for all sites; a run for each site has a whole hole in that site's
    1s level, with the electron taken out of the cell. An eigenvalue of that run plus the
    difference of the two total energies is the energy to bring the 1s electron there, up to a
    constant of the pseudopotentials. On this scale, one for all sites of a structure, the edge of a
    site lies where the conduction-band minimum (of a metal, the Fermi level) of the ground state
    would lie. The zero of each run's eigenvalues is the mean potential of its cell, which is the
    same for all sites.

    xspectra.x gives the cross-section in bohr^2 at the tabulated photon energy; it is returned
    in Å^2.

    Parameters
    ----------
    pw, xspectra, ld1
        Names on the PATH, or paths, of the programs.
    para_prefix
        Words before pw.x and xspectra.x, such as ``["mpirun", "-n", "8"]``.
    pseudo_folder
        Folder with pseudopotentials ``<El>.UPF`` and, for absorbers, ``<El>.star1s.UPF`` with a
        hole in 1s and GIPAW data. Without it, ld1.x makes those of Li and O.
    image_distance_A
        Distance of an absorber from its periodic images, at least.
    ecut_Ry
        Cutoff of the wavefunctions.
    kpoint_length_A, xanes_kpoint_length_A
        Number of k-points along a cell vector times its length, at least: for the density, and
        for the final states.
    degauss_Ry
        Gaussian smearing of the occupations.
    conv_thr_Ry, scf_iterations
        Convergence of the total energy, and iterations at most.
    broaden_eV
        Half width at half maximum of the Lorentzian.
    iterations
        Of the Lanczos recursion, at most.
    spectrum_start_eV, spectrum_stop_eV, spectrum_points
        Energies of the spectrum, from the Fermi level of the run with the hole.
    system, electrons
        Further keywords of pw.x's namelists and their values, such as ``{"nspin" = "2",
        "starting_magnetization(Fe)" = "0.5"}`` in a recipe; an element in parentheses stands for
        the numbers of its species.
    timeout_s
        Limit for each run of a program.

    Raises
    ------
    UsageError
        For a value that the programs cannot use.

    Examples
    --------
    >>> XSpectra().settings()["broaden_eV"]
    0.3
    """

    pw: str = "pw.x"
    xspectra: str = "xspectra.x"
    ld1: str = "ld1.x"
    para_prefix: _Array = ()
    pseudo_folder: str = ""
    image_distance_A: float = 9.0
    ecut_Ry: float = 70.0
    kpoint_length_A: float = 10.0
    xanes_kpoint_length_A: float = 20.0
    degauss_Ry: float = 0.005
    conv_thr_Ry: float = 1e-8
    scf_iterations: int = 100
    broaden_eV: float = 0.3
    iterations: int = 2000
    spectrum_start_eV: float = -20.0
    spectrum_stop_eV: float = 60.0
    spectrum_points: int = 801
    system: _Table = field(default_factory=dict)
    electrons: _Table = field(default_factory=dict)
    timeout_s: float = 604800.0

    name: ClassVar[str] = "xspectra"
    per: ClassVar[Literal["site", "structure"]] = "structure"
    native_broadening: ClassVar[str] = "Lorentzian of half width broaden_eV at all energies"
    zero_eV: ClassVar[None] = None

    def __post_init__(self) -> None:
        check({setting.name: getattr(self, setting.name) for setting in fields(self)})

    def version(self) -> str:
        """Version of Quantum ESPRESSO, which pw.x prints before it asks for its input."""
        program = find_program(self.pw, _INSTALL)
        for other in (self.xspectra, self.ld1):
            find_program(other, _INSTALL)
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            _, text = run_program([program], work, work / "log", 60.0, _INSTALL, _environment())
        found = re.search(r"Program PWSCF v\.?\s*(\S+)", text)
        return f"Quantum ESPRESSO {found.group(1) if found else 'of unknown version'}"

    def settings(self) -> Mapping[str, JsonValue]:
        """Parameters that change a spectrum; pseudopotentials with a digest of their content."""
        found: dict[str, JsonValue] = {}
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name in _RUNNING:
                continue
            if setting.name == "pseudo_folder":
                value = f"{Path(value).name}:{self._pseudopotentials().digest()}"
            elif setting.name in ("system", "electrons"):
                value = "; ".join(f"{key} = {text}" for key, text in sorted(value.items()))
            found[setting.name] = value
        return found

    def compute(
        self, structure: Atoms, sites: Sequence[int], edge: str, folder: Path
    ) -> dict[int, SiteSpectrum | EngineError | OSError]:
        """Run pw.x once for the ground state, then pw.x and xspectra.x for each site.

        Where a cell has sites of two elements, the ground state is computed for each.
        """
        found: dict[int, SiteSpectrum | EngineError | OSError] = {}
        for element in dict.fromkeys(str(structure.symbols[site]) for site in sites):
            mine = [site for site in sites if structure.symbols[site] == element]
            for site, result in self._sites_of_element(
                structure, mine, edge, folder / element
            ).items():
                if isinstance(result, EngineError):
                    result = EngineError(f"XSpectra, {describe_site(structure, site)}: {result}")
                found[site] = result
        return {site: found[site] for site in sites}

    def _sites_of_element(
        self, structure: Atoms, sites: Sequence[int], edge: str, work: Path
    ) -> dict[int, SiteSpectrum | EngineError | OSError]:
        try:
            if edge != "K":
                raise EngineError(f"no edge {edge!r}; give K")
            cell = supercell(structure, self.image_distance_A)
            work.mkdir(parents=True)
            self._pseudopotentials().gather(
                cell.get_chemical_symbols(), str(structure.symbols[sites[0]]), work, self._make
            )
            ground = self._self_consistent(cell, None, work / "ground")
        except EngineError as error:
            return dict.fromkeys(sites, error)
        found: dict[int, SiteSpectrum | EngineError | OSError] = {}
        for number, site in enumerate(sites):
            try:
                found[site] = self._site(cell, site, ground, work / f"site-{site}")
            except EngineError as error:
                found[site] = error
            except OSError as error:
                # The disk is full; what took hours before is not lost for it.
                return found | dict.fromkeys(sites[number:], error)
        return found

    def _site(self, cell: Atoms, site: int, ground: Levels, work: Path) -> SiteSpectrum:
        excited = self._self_consistent(cell, site, work, keep=True)
        for number, polarisation in enumerate(POLARISATIONS, start=1):
            text = xspectra_input(
                polarisation,
                excited.fermi_eV,
                mesh(cell, self.xanes_kpoint_length_A),
                self.broaden_eV,
                self.iterations,
                (self.spectrum_start_eV, self.spectrum_stop_eV),
                self.spectrum_points,
            )
            self._run("xspectra.x", self.xspectra, text, work, f"xspectra-{number}")
            if (work / SPECTRUM).is_file():
                (work / SPECTRUM).rename(work / _polarised(number))
        shutil.rmtree(work / SAVE)
        return collect(work, ground, excited)

    def _self_consistent(
        self, cell: Atoms, hole: int | None, work: Path, keep: bool = False
    ) -> Levels:
        """Run pw.x; its wavefunctions, which fill disks, stay only if they are to be used."""
        work.mkdir()
        system = {
            "ecutwfc": f"{self.ecut_Ry:g}",
            "occupations": "'smearing'",
            "smearing": "'gaussian'",
            "degauss": f"{self.degauss_Ry:g}",
            **self.system,
        }
        electrons = {
            "conv_thr": f"{self.conv_thr_Ry:g}",
            "electron_maxstep": str(self.scf_iterations),
            **self.electrons,
        }
        text = pw_input(cell, hole, mesh(cell, self.kpoint_length_A), system, electrons)
        self._run("pw.x", self.pw, text, work, "pw")
        levels = read_levels(work)
        if not keep:
            shutil.rmtree(work / SAVE)
        return levels

    def _run(self, name: str, executable: str, text: str, work: Path, stem: str) -> None:
        (work / f"{stem}.in").write_text(text, encoding="utf-8")
        words = [*self.para_prefix, find_program(executable, _INSTALL), "-in", f"{stem}.in"]
        code, log = run_program(
            words, work, work / f"{stem}.log", self.timeout_s, _INSTALL, _environment()
        )
        if problem := complaint(name, code, log):
            raise EngineError(problem)

    def _make(self, path: Path) -> None:
        """Run ld1.x, which is not parallel, on an input file."""
        words = [find_program(self.ld1, _INSTALL), "-in", path.name]
        code, log = run_program(
            words, path.parent, path.with_suffix(".log"), self.timeout_s, _INSTALL, _environment()
        )
        if problem := complaint("ld1.x", code, log):
            raise EngineError(problem)

    def _pseudopotentials(self) -> Pseudopotentials:
        return Pseudopotentials(Path(self.pseudo_folder) if self.pseudo_folder else None)


def collect(work: Path, ground: Levels, excited: Levels) -> SiteSpectrum:
    """Average a site's polarisations and put them on the scale of its structure.

    Parameters
    ----------
    work
        Folder with the spectra of the three polarisations.
    ground, excited
        Energies of the same cell without and with the hole.

    Raises
    ------
    EngineError
        If a spectrum is missing, incomplete or cannot be used.
    """
    spectra = [
        read_polarisation(work / _polarised(number)) for number in range(1, len(POLARISATIONS) + 1)
    ]
    energy_eV = spectra[0][0]
    if any(not np.array_equal(other, energy_eV) for other, _ in spectra):
        raise EngineError(
            "the polarisations differ in their energies; were they written to the end?"
        )
    hole_eV = excited.total_eV - ground.total_eV
    return SiteSpectrum(
        hole_eV + excited.fermi_eV + energy_eV,
        without_noise(np.mean([intensity for _, intensity in spectra], axis=0)),
        hole_eV + ground.lowest_empty_eV,
    )


def _environment() -> dict[str, str]:
    """Variables of the programs: parallel runs start processes, threads would come on top."""
    return {"OMP_NUM_THREADS": "1", **os.environ}


def _polarised(number: int) -> str:
    return f"xanes-{number}.dat"
