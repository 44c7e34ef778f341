"""FEFF10: real-space multiple scattering around one site at a time.

Source: Kas, Vila, Pemmaraju, Tan, Rehr, J. Synchrotron Rad. 28, 1801 (2021); the program comes in
the wheel ``feff10-rs``.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from nearedge.engines.base import JsonValue, SiteSpectrum, describe_site, without_noise
from nearedge.engines.feff_log import complaint
from nearedge.engines.running import run_program
from nearedge.errors import EngineError, NearedgeError, UsageError
from nearedge.spectra import read_spectra

if TYPE_CHECKING:
    from ase import Atoms

# What FEFF can use. It replaces some values outside without a word, so that provenance would not
# say what was computed.
_LIMITS: Mapping[str, tuple[float, float]] = {
    "scf_radius_A": (1.0, 15.0),
    "fms_radius_A": (1.0, 15.0),
    "cluster_radius_A": (1.0, 20.0),
    "scf_iterations": (0, 100),
    "scf_mixing": (0.001, 0.5),
    "lmax": (1, 4),
    "timeout_s": (0.01, 1e6),
}
_CORE_HOLES = ("FSR", "RPA", "NONE")
# An edge that FEFF does not know it takes for the K edge.
_EDGES = ("K", *(f"L{n}" for n in "123"), *(f"M{n}" for n in "12345"))


@dataclass(frozen=True)
class Feff:
    """FEFF10 with self-consistent potentials, a core hole and full multiple scattering.

    Energies are FEFF's photon energies (omega). A site's edge energy is the one at which k is 0:
    the Fermi level that FEFF finds in this site's own potential. FEFF averages polarisations by
    itself, and its cross-section is returned in Å^2.

    Parameters
    ----------
    scf_radius_A, fms_radius_A, cluster_radius_A
        Radii of self-consistency, of full multiple scattering, and of the atoms written out.
    scf_iterations, scf_mixing
        Upper limit of iterations and the share of new density in each. 0 iterations: potentials of
        overlapping free atoms, in a fifth to half of the time; useless for oxygen.
    core_hole
        FEFF's ``COREHOLE`` (``FSR``: final-state rule).
    lmax
        Largest angular momentum in potentials and scattering.
    timeout_s
        Processor time that any one stage of FEFF may take, rounded up to seconds: a busy machine
        fails no site. A site that hangs is given up after twenty times as long.

    Raises
    ------
    UsageError
        For a value that FEFF cannot use.

    Examples
    --------
    >>> Feff().settings()["scf_radius_A"]
    2.8
    """

    scf_radius_A: float = 2.8
    fms_radius_A: float = 5.0
    cluster_radius_A: float = 6.5
    scf_iterations: int = 30
    scf_mixing: float = 0.3
    core_hole: str = "FSR"
    lmax: int = 2
    timeout_s: float = 600.0

    name: ClassVar[str] = "feff"
    per: ClassVar[Literal["site", "structure"]] = "site"
    native_broadening: ClassVar[str] = "Lorentzian of the core-hole width"
    zero_eV: ClassVar[None] = None
    # As `_ENERGY_CARDS` say.
    covers_eV: ClassVar[tuple[float, float]] = (-7.0, 28.0)

    def __post_init__(self) -> None:
        for setting, (low, high) in _LIMITS.items():
            value = getattr(self, setting)
            if not low <= value <= high:
                raise UsageError(f"engine 'feff': {setting} = {value}; give {low} to {high}")
        if self.core_hole not in _CORE_HOLES:
            raise UsageError(
                f"engine 'feff': core_hole = {self.core_hole!r}; give one of "
                f"{', '.join(_CORE_HOLES)}"
            )
        if self.cluster_radius_A < max(self.scf_radius_A, self.fms_radius_A):
            raise UsageError(
                f"engine 'feff': cluster_radius_A = {self.cluster_radius_A} is smaller than "
                f"scf_radius_A or fms_radius_A, which need its atoms; raise it"
            )

    def version(self) -> str:
        """Version of FEFF and of the wheel that carries it."""
        try:
            return f"FEFF 10.0.0 (feff10-rs {package_version('feff10-rs')})"
        except PackageNotFoundError:
            raise EngineError("FEFF is not installed: pip install feff10-rs") from None

    def settings(self) -> Mapping[str, JsonValue]:
        """Parameters that change a spectrum."""
        return {k: v for k, v in asdict(self).items() if k != "timeout_s"}

    def compute(
        self, structure: Atoms, sites: Sequence[int], edge: str, folder: Path
    ) -> dict[int, SiteSpectrum | EngineError]:
        """Run FEFF for every site in a folder of its own."""
        results: dict[int, SiteSpectrum | EngineError] = {}
        scf_atoms = self._largest_scf_cluster(structure)
        for site in sites:
            work = folder / f"site-{site}"
            work.mkdir(parents=True)
            try:
                text = self.input_text(structure, site, edge)
                (work / "feff.inp").write_text(text, encoding="utf-8")
                self._run(work, scf_atoms)
                results[site] = read_result(work)
            except EngineError as error:
                results[site] = EngineError(f"FEFF, {describe_site(structure, site)}: {error}")
        return results

    def input_text(self, structure: Atoms, site: int, edge: str) -> str:
        """FEFF input for one site.

        Atoms of one element share one potential; the absorber has its own (number 0).
        """
        from ase.data import atomic_numbers
        from ase.neighborlist import neighbor_list

        if edge not in _EDGES:
            raise EngineError(f"no edge {edge!r}; give one of {', '.join(_EDGES)}")
        elements = sorted(set(structure.get_chemical_symbols()))
        counts = structure.symbols.formula.count()
        absorber = str(structure.symbols[site])
        first, second, distance, vector = neighbor_list("ijdD", structure, self.cluster_radius_A)
        mine = np.flatnonzero(first == site)
        # A stable order for atoms at equal distance: the same site must give the same input.
        mine = mine[np.lexsort((*np.round(vector[mine].T, 6), np.round(distance[mine], 6)))]
        for radius in ("scf_radius_A", "fms_radius_A"):
            if len(mine) == 0 or distance[mine[0]] > getattr(self, radius):
                raise EngineError(
                    f"no atom within {radius} = {getattr(self, radius)} Å; raise it, or is the "
                    f"structure incomplete?"
                )
        lines = [
            # A line break in a name must not become a card of its own.
            f"TITLE {' '.join(describe_site(structure, site).split())}",
            f"EDGE {edge}",
            "S02 1.0",
            "CONTROL 1 1 1 1 1 1",
            "PRINT 0 0 0 0 0 0",
            f"COREHOLE {self.core_hole}",
            *self._scf_card(),
            f"FMS {self.fms_radius_A} 0",
            "EXCHANGE 0 0.0 0.0",
            *_ENERGY_CARDS,
            "POTENTIALS",
            f"0 {atomic_numbers[absorber]} {absorber} {self.lmax} {self.lmax} 0.001",
        ]
        # An element whose only atom is the absorber has no scatterer to describe.
        present = [e for e in elements if any(structure.symbols[second[k]] == e for k in mine)]
        for number, element in enumerate(present, start=1):
            lines.append(
                f"{number} {atomic_numbers[element]} {element} {self.lmax} {self.lmax} "
                f"{counts[element]}"
            )
        lines += ["ATOMS", "0.0 0.0 0.0 0"]
        for k in mine:
            x, y, z = vector[k]
            number = present.index(structure.symbols[second[k]]) + 1
            lines.append(f"{x:.6f} {y:.6f} {z:.6f} {number}")
        return "\n".join([*lines, "END", ""])

    def _scf_card(self) -> list[str]:
        # FEFF takes 0 iterations for its default; without the card there is no iteration.
        if self.scf_iterations == 0:
            return []
        return [f"SCF {self.scf_radius_A} 0 {self.scf_iterations} {self.scf_mixing} 1"]

    def _largest_scf_cluster(self, structure: Atoms) -> int:
        """Atoms in the largest cluster of ``scf_radius_A`` around any atom, itself among them."""
        from ase.neighborlist import neighbor_list

        # FEFF has the radius in single precision: none that it counts may be missing.
        first = neighbor_list("i", structure, self.scf_radius_A + 0.01)
        return 1 + int(np.bincount(first).max(initial=0))

    def _run(self, work: Path, scf_atoms: int) -> None:
        """Run the stages in a process of their own: FEFF prints, and may stop the interpreter."""
        words = [sys.executable, "-c", _RUN_STAGES]
        words += [str(work.absolute()), str(math.ceil(self.timeout_s)), str(scf_atoms)]
        environment = {**os.environ, **_PROCESS_ENVIRONMENT}
        code, text = run_program(
            words,
            work,
            work / "nearedge.log",
            _PATIENCE * self.timeout_s,
            "is memory enough?",
            environment,
        )
        if problem := complaint(text, code, iterated=self.scf_iterations > 0):
            raise EngineError(problem)


# How many times longer than a stage's processor time a site may take by the clock.
_PATIENCE = 20

# FEFF takes and gives back large arrays in its inner loops. The C library would hand them to the
# kernel each time, which costs as much as the calculation (measured on an oxide cell, O K: 23.6 s
# of one core a site, and 11.9 s when freed memory is kept for the next array).
_PROCESS_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}

# Energies relative to FEFF's Fermi level: fine where the near edge is, coarse in the tails.
_ENERGY_CARDS = (
    "XANES 2.8 0.05 0.1",
    "EGRID",
    "e_grid -7 -1 1.0",
    "e_grid -0.8 6 0.2",
    "e_grid 6.3 16 0.3",
    "e_grid 16.6 28 0.6",
)

# The stages that a near-edge spectrum needs; PATH and GENFMT only hand over empty lists that
# FF2X asks for. FEFF gives all of them arrays for the cluster of full multiple scattering, and POT
# fills these with zeros at every energy: with arrays of its own cluster it takes an eighth less
# time and leaves the same bytes. A stage is a process of its own, which inherits the limit.
_RUN_STAGES = """
import pathlib
import resource
import sys
import feff10
work, seconds, scf_atoms = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
most = resource.getrlimit(resource.RLIMIT_CPU)[1]
if most == resource.RLIM_INFINITY or most > seconds:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
def run(*stages):
    stages = [feff10.Stage.from_name(name) for name in stages]
    config = feff10.FeffConfig.from_file(work, work + "/feff.inp", stages)
    feff10.FeffPipeline(config).run()
try:
    run("rdinp", "atomic")
    dimensions = pathlib.Path(work, ".dimensions.dat")
    sizes = dimensions.read_text()
    atoms, *others = sizes.split()
    dimensions.write_text(" ".join([str(min(scf_atoms, int(atoms))), *others]))
    run("pot")
    dimensions.write_text(sizes)
    run("xsph", "fms", "mkgtr", "path", "genfmt", "ff2x")
except feff10.FeffError as error:
    sys.exit(" ".join(str(error).split()))
"""


def read_result(work: Path) -> SiteSpectrum:
    """Read the spectrum that FEFF left in a folder, on the photon energies of FEFF.

    Raises
    ------
    EngineError
        If there is none, or it cannot be used.
    """
    path = work / "xmu.dat"
    if not path.exists():
        raise EngineError("wrote no spectrum (xmu.dat); look at the structure")
    try:
        [spectrum] = read_spectra(path)
    except NearedgeError as error:
        raise EngineError(str(error)) from error
    if spectrum.edge_energy_eV is None:
        raise EngineError(f"{path.name} does not tell the Fermi level; was it written to the end?")
    return SiteSpectrum(
        spectrum.energy_eV, without_noise(spectrum.intensity), spectrum.edge_energy_eV
    )
