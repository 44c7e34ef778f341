"""OCEAN: Bethe-Salpeter equation for core excitations, one run for all absorbers of a structure.

Source: J. Vinson, J. J. Rehr, J. J. Kas, E. L. Shirley, Phys. Rev. B 83, 115106 (2011); J. Vinson,
Phys. Chem. Chem. Phys. 24, 12787 (2022) for OCEAN 3; github.com/times-software/OCEAN.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from nearedge.engines.base import JsonValue, SiteSpectrum, describe_site
from nearedge.engines.ocean_input import (
    core_level,
    edge_eV,
    index_of_its_element,
    ocean_input,
    photon_files,
)
from nearedge.engines.ocean_output import read_site
from nearedge.engines.ocean_run import find_ocean, run
from nearedge.engines.ocean_settings import MESHES, check, check_cards, opf_paths
from nearedge.engines.running import last_words
from nearedge.errors import EngineError

if TYPE_CHECKING:
    from ase import Atoms

# What runs the program, and changes no spectrum.
_RUNNING = ("executable", "para_prefix", "timeout_s")

# A recipe's arrays and tables arrive as they stand there; `check` looks into them.
_Array = Sequence[Any]
_Table = Mapping[str, Any]


@dataclass(frozen=True)
class Ocean:
    """OCEAN with Quantum ESPRESSO or ABINIT, averaged over three polarisations.

    OCEAN's energies are relative: zero is the conduction-band minimum of the cell (the Fermi level
    of a metal) plus the core-hole binding energy (user's guide, card CNBSE.SPECT_RANGE), one zero
    for all sites. It holds no difference between the sites' core levels unless `core_offset` is
    set; then OCEAN moves each spectrum by its site's core level relative to the mean over all
    absorbers of the run. So that this mean does not depend on the sites asked for, a run with
    `core_offset` computes all atoms of the absorbing element. The edge energy of a site is its
    shift, or 0 without `core_offset`.

    OCEAN gives the part of the cell's dielectric function that one site absorbs. It is returned as
    cross-section in Å^2: times cell volume and photon energy over hbar c.

    Sites of different elements take one run for each element. ``L3`` is OCEAN's 2p spectrum, which
    holds L2 too.

    Parameters
    ----------
    executable
        Name on the PATH, or path, of ``ocean.pl``.
    para_prefix
        Words before every parallel program, such as ``["mpirun", "-n", "8"]``.
    dft
        ``"qe"`` or ``"abi"``.
    operator
        ``"dipole"``, or ``"quad"`` for dipole and quadrupole.
    nkpt, ngkpt, screen_nkpt
        k-points of the final states, the density and the screening: three numbers, or one negative
        number, from which OCEAN chooses the mesh by the size of the cell.
    nbands
        Bands of the final states, occupied ones included; 0 for as many as `dft_energy_range_eV`
        above the Fermi level takes.
    screen_energy_range_eV
        The same for the screening.
    ecut_Ry, ecut_quality
        Plane-wave cutoff; -1 for the one that `pp_database` recommends at this quality. OCEAN 3
        takes it in Ry (PSP/extractPsp.pl), whatever older guides say.
    toldfe
        Convergence of the total energy (Ry for Quantum ESPRESSO, hartree for ABINIT).
    diemac
        Static dielectric constant; 0 if OCEAN shall compute it.
    pp_database
        One of OCEAN's pseudopotential sets.
    pp_files, opf_files
        Pseudopotentials of your own by element, and by absorbing element the common stem of its
        ``.fill`` and ``.opts`` files; they replace `pp_database`.
    screen_radius_bohr
        Radius within which the screening of the core hole is computed from first principles.
    broaden_eV
        Half width at half maximum of the Lorentzian.
    iterations
        Of the Haydock recursion.
    spectrum_start_eV, spectrum_stop_eV, spectrum_points
        Energies of the spectrum.
    core_offset
        Whether site-to-site core-level shifts are computed.
    keywords
        Further OCEAN keywords and their values, such as ``{"nspin" = "2"}`` in a recipe.
    timeout_s
        Limit for a run.

    Raises
    ------
    UsageError
        For a value that OCEAN cannot use.

    Examples
    --------
    >>> Ocean(nkpt=[2, 2, 2]).settings()["nkpt"]
    '2 2 2'
    """

    executable: str = "ocean.pl"
    para_prefix: _Array = ()
    dft: str = "qe"
    operator: str = "dipole"
    nkpt: _Array = (-3,)
    ngkpt: _Array = (-3,)
    screen_nkpt: _Array = (-2.55,)
    nbands: int = 0
    dft_energy_range_eV: float = 50.0
    screen_energy_range_eV: float = 150.0
    ecut_Ry: float = -1.0
    ecut_quality: str = "normal"
    toldfe: float = 1e-10
    diemac: float = 0.0
    pp_database: str = "ONCVPSP-PBE-PDv0.4-stringent"
    pp_files: _Table = field(default_factory=dict)
    opf_files: _Table = field(default_factory=dict)
    screen_radius_bohr: float = 4.0
    broaden_eV: float = 0.1
    iterations: int = 100
    spectrum_start_eV: float = -20.0
    spectrum_stop_eV: float = 60.0
    spectrum_points: int = 1601
    core_offset: bool = True
    keywords: _Table = field(default_factory=dict)
    timeout_s: float = 604800.0

    name: ClassVar[str] = "ocean"
    per: ClassVar[Literal["site", "structure"]] = "structure"
    native_broadening: ClassVar[str] = (
        "Lorentzian of half width broaden_eV at the edge, as OCEAN widens it above"
    )
    zero_eV: ClassVar[None] = None

    def __post_init__(self) -> None:
        check({setting.name: getattr(self, setting.name) for setting in fields(self)})
        check_cards(self._own_cards(), self.keywords)

    def version(self) -> str:
        """Version of OCEAN, from the file ``Version`` next to its ``ocean.pl``."""
        path = Path(find_ocean(self.executable)).resolve().with_name("Version")
        text = " ".join(path.read_text(errors="replace").split()) if path.is_file() else ""
        return f"OCEAN {text or 'of unknown version'}"

    def settings(self) -> Mapping[str, JsonValue]:
        """Parameters that change a spectrum; files of your own with a digest of their content."""
        found: dict[str, JsonValue] = {}
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name in _RUNNING:
                continue
            if setting.name == "pp_files":
                files = [(e, file) for e, p in sorted(value.items()) for file in _formats(p)]
                value = " ".join(f"{e}={_digest(file)}" for e, file in files)
            elif setting.name == "opf_files":
                value = " ".join(_digest(path) for path in opf_paths(value))
            elif setting.name == "keywords":
                value = "; ".join(f"{k} {' '.join(v.split())}" for k, v in sorted(value.items()))
            elif setting.name in MESHES:
                value = _words(value)
            found[setting.name] = value
        return found

    def compute(
        self, structure: Atoms, sites: Sequence[int], edge: str, folder: Path
    ) -> dict[int, SiteSpectrum | EngineError]:
        """Run OCEAN once for each element among the sites."""
        found: dict[int, SiteSpectrum | EngineError] = {}
        for element in dict.fromkeys(str(structure.symbols[site]) for site in sites):
            mine = [site for site in sites if structure.symbols[site] == element]
            for site, result in self._run_of_element(
                structure, mine, edge, folder / f"run-{element}"
            ).items():
                if isinstance(result, EngineError):
                    result = EngineError(f"OCEAN, {describe_site(structure, site)}: {result}")
                found[site] = result
        return {site: found[site] for site in sites}

    def _run_of_element(
        self, structure: Atoms, sites: Sequence[int], edge: str, work: Path
    ) -> dict[int, SiteSpectrum | EngineError]:
        try:
            self.write_input(structure, sites, edge, work)
            log = run(find_ocean(self.executable), work, self.timeout_s)
        except EngineError as error:
            return dict.fromkeys(sites, error)
        found: dict[int, SiteSpectrum | EngineError] = {}
        for site in sites:
            try:
                found[site] = self.collect(structure, site, edge, work)
            except EngineError as error:
                found[site] = EngineError(f"{error}; its last words: {last_words(log)}")
        return found

    def write_input(self, structure: Atoms, sites: Sequence[int], edge: str, work: Path) -> None:
        """Write all that OCEAN reads into a new folder; the sites are of one element."""
        level = core_level(edge)
        element = str(structure.symbols[sites[0]])
        photons = photon_files(element, edge, self.operator)
        if self.core_offset:
            edges = [(-int(structure.numbers[sites[0]]), level.n, level.l)]
        else:
            edges = [(site + 1, level.n, level.l) for site in sorted(set(sites))]
        cards = self._cards()
        own_files: list[Path] = []
        if self.pp_files:
            elements = list(dict.fromkeys(structure.get_chemical_symbols()))
            missing = [e for e in elements if e not in self.pp_files]
            if missing or element not in self.opf_files:
                raise EngineError(
                    f"no pp_files of {', '.join(missing)}; add them"
                    if missing
                    else f"no opf_files of {element}; add the stem of its .fill and .opts files"
                )
            number = int(structure.numbers[sites[0]])
            fill, opts = (Path(p) for p in opf_paths({element: self.opf_files[element]}))
            cards["pp_list"] = " ".join(Path(self.pp_files[e]).name for e in elements)
            cards["opf.fill"] = f"{number} {fill.name}"
            cards["opf.opts"] = f"{number} {opts.name}"
            own_files = [*(p for e in elements for p in _formats(self.pp_files[e])), fill, opts]
        text = ocean_input(structure, edges, cards)
        work.mkdir(parents=True)
        (work / "ocean.in").write_text(text, encoding="utf-8")
        for name, content in photons.items():
            (work / name).write_text(content, encoding="utf-8")
        for path in own_files:
            shutil.copy(path, work)

    def collect(self, structure: Atoms, site: int, edge: str, work: Path) -> SiteSpectrum:
        """Read one site's spectrum from the folder of a finished run.

        Raises
        ------
        EngineError
            If the site's output is missing, incomplete or cannot be used.
        """
        from ase.units import _c, _e, _hbar

        element = str(structure.symbols[site])
        energy_eV, dielectric, shift_eV = read_site(
            work, element, index_of_its_element(structure, site), core_level(edge), self.core_offset
        )
        hbar_c_eV_A = _hbar * _c / _e * 1e10
        photon_eV = np.maximum(edge_eV(element, edge) + energy_eV, 0.0)
        cross_section_A2 = dielectric * abs(structure.cell.volume) * photon_eV / hbar_c_eV_A
        return SiteSpectrum(energy_eV, cross_section_A2, shift_eV)

    def _cards(self) -> dict[str, str]:
        """Keywords that do not depend on the structure."""
        return {**self._own_cards(), **self.keywords}

    def _own_cards(self) -> dict[str, str]:
        prefix = " ".join(self.para_prefix)
        radius = f"{self.screen_radius_bohr:.2f}"
        return {
            **({"para_prefix": prefix} if self.para_prefix else {}),
            "dft": self.dft,
            **(
                {"opf.program": "shirley"}
                if self.pp_files
                else {"pp_database": self.pp_database, "opf.program": "hamann"}
            ),
            "ecut": f"{self.ecut_Ry:g}",
            "ecut.quality": self.ecut_quality,
            "toldfe": f"{self.toldfe:g}",
            "diemac": f"{self.diemac:g}" if self.diemac else "dfpt",
            "nkpt": _words(self.nkpt),
            "ngkpt": _words(self.ngkpt),
            "screen.nkpt": _words(self.screen_nkpt),
            **(
                {"nbands": str(self.nbands)}
                if self.nbands
                else {"dft_energy_range": f"{self.dft_energy_range_eV:g}"}
            ),
            "screen_energy_range": f"{self.screen_energy_range_eV:g}",
            "screen.shells": radius,
            "cnbse.rad": radius,
            "cnbse.broaden": f"{self.broaden_eV:g}",
            "cnbse.niter": str(self.iterations),
            "cnbse.spect_range": (
                f"{self.spectrum_points} {self.spectrum_start_eV:g} {self.spectrum_stop_eV:g}"
            ),
            "core_offset": "true" if self.core_offset else "false",
        }


def _words(values: _Array) -> str:
    return " ".join(f"{value:g}" for value in values)


def _formats(pseudopotential: str) -> list[Path]:
    """A pseudopotential's file, and the same for Quantum ESPRESSO, with a further suffix."""
    path = Path(pseudopotential)
    upf = path.with_name(f"{path.name}.UPF")
    return [path, *([upf] if upf.is_file() else [])]


def _digest(path: str | Path) -> str:
    content = Path(path).read_bytes()
    return f"{Path(path).name}:{hashlib.sha256(content).hexdigest()[:16]}"
