"""An engine as another package would bring it: installed by its entry points, cheap to run.

Its spectra are invented, but differ from site to site and move with the site's edge as real ones
do. Tests steer it through files in the folder `control`, which work across processes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from nearedge.engines import SiteSpectrum, describe_site
from nearedge.errors import EngineError

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Toy:
    """One peak for each neighbour, on a step at the edge.

    Files in `control`: ``fail`` and ``die`` list the atoms on which the engine fails or its
    process is killed; every atom that is computed is appended to ``calls``.
    """

    reach_A: float = 3.0
    pause_s: float = 0.0
    control: str = ""

    name: ClassVar[str] = "toy"
    per: ClassVar[Literal["site", "structure"]] = "site"
    native_broadening: ClassVar[str] = "Lorentzian of 1 eV FWHM"
    zero_eV: ClassVar[None] = None

    def version(self) -> str:
        return "toy 1.0"

    def settings(self) -> Mapping[str, float]:
        return {"reach_A": self.reach_A}

    def compute(
        self, structure: Atoms, sites: Sequence[int], edge: str, folder: Path
    ) -> dict[int, SiteSpectrum | EngineError]:
        results: dict[int, SiteSpectrum | EngineError] = {}
        for site in sites:
            self._note("calls", site)
            if self._listed("die", site):
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self.pause_s)
            try:
                results[site] = self._spectrum(structure, site)
            except EngineError as error:
                results[site] = EngineError(f"toy, {describe_site(structure, site)}: {error}")
        return results

    def _spectrum(self, structure: Atoms, site: int) -> SiteSpectrum:
        from ase.neighborlist import neighbor_list

        if self._listed("fail", site):
            raise EngineError("NO LUCK; try again")
        first, distances_A = neighbor_list("id", structure, self.reach_A)
        mine = np.sort(distances_A[first == site])
        if len(mine) and mine[0] < 0.7:
            raise EngineError("ATOMS OVERLAP; move them apart")
        edge_eV = 530.0 + 0.2 * len(mine)
        energy_eV = edge_eV + np.arange(-12.0, 40.0, 0.1)
        intensity = 0.5 + np.arctan(2 * (energy_eV - edge_eV)) / np.pi
        for distance in mine:
            intensity += 0.3 / (1 + 4 * (energy_eV - edge_eV - 20.0 / distance**2) ** 2)
        return SiteSpectrum(energy_eV, intensity, edge_eV)

    def _listed(self, name: str, site: int) -> bool:
        path = Path(self.control) / name
        return bool(self.control) and path.exists() and str(site) in path.read_text().split()

    def _note(self, name: str, site: int) -> None:
        if self.control:
            with open(Path(self.control) / name, "a") as file:
                file.write(f"{site}\n")


@dataclass(frozen=True)
class ToyStructure(Toy):
    """The same for a program that computes all sites of a structure in one run."""

    name: ClassVar[str] = "toy-structure"
    per: ClassVar[Literal["site", "structure"]] = "structure"
