"""What pw.x and xspectra.x leave behind: energies, eigenvalues, spectra and error messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float

from nearedge.engines.running import last_words
from nearedge.engines.xspectra_input import PREFIX, SAVE
from nearedge.errors import EngineError, NearedgeError
from nearedge.spectra import read_spectra

SPECTRUM = "xanes.dat"


@dataclass(frozen=True)
class Levels:
    """Energies of a self-consistent run, in eV.

    Parameters
    ----------
    total_eV
        Total energy of the cell.
    fermi_eV
        Fermi level; of an insulator, some energy in the gap.
    lowest_empty_eV
        Band minimum: the lowest eigenvalue above the Fermi level.
    """

    total_eV: float
    fermi_eV: float
    lowest_empty_eV: float


def read_levels(work: Path) -> Levels:
    """Read the run of pw.x in a folder, from its ``data-file-schema.xml``, which is in hartree.

    Raises
    ------
    EngineError
        If the file is missing or cut off, the run has not converged, or has no empty band.
    """
    from ase.units import Hartree

    path = work / SAVE / f"{PREFIX}.save" / "data-file-schema.xml"
    try:
        output = ElementTree.parse(path).getroot().find("output")
    except (OSError, ElementTree.ParseError):
        output = None
    if output is None:
        raise EngineError(f"pw.x wrote no complete {path.name}; is this Quantum ESPRESSO 6 or 7?")
    if output.findtext("convergence_info/scf_conv/convergence_achieved", "").strip() != "true":
        raise EngineError("pw.x did not converge; raise scf_iterations or lower mixing_beta")
    total, fermi = (
        output.findtext(name) for name in ("total_energy/etot", "band_structure/fermi_energy")
    )
    bands = " ".join(
        found.text or "" for found in output.findall("band_structure/ks_energies/eigenvalues")
    )
    if total is None or fermi is None or not bands:
        raise EngineError(f"{path.name} holds no total energy, Fermi level or bands")
    eigenvalues_eV = np.array(bands.split(), dtype=float) * Hartree
    fermi_eV = float(fermi) * Hartree
    empty_eV = eigenvalues_eV[eigenvalues_eV > fermi_eV]
    if not empty_eV.size:
        raise EngineError("pw.x computed no empty band; raise nbnd")
    return Levels(float(total) * Hartree, fermi_eV, float(empty_eV.min()))


def read_polarisation(
    path: Path,
) -> tuple[Float[np.ndarray, " energy"], Float[np.ndarray, " energy"]]:
    """Read one ``xanes.dat``.

    Returns
    -------
    energy_eV : (energy,)
        Relative to the zero that was asked for.
    cross_section_A2 : (energy,)
        Of the absorbing atom, both spins together. The program writes it in bohr^2.

    Raises
    ------
    EngineError
        If it is missing, cut off or damaged.

    Examples
    --------
    >>> read_polarisation(Path("nowhere"))
    Traceback (most recent call last):
    nearedge.errors.EngineError: xspectra.x wrote no nowhere
    """
    from ase.units import Bohr

    if not path.is_file():
        raise EngineError(f"xspectra.x wrote no {path.name}")
    try:
        # With two spins the total comes first, then each of them.
        spectrum = read_spectra(path)[0]
    except NearedgeError as error:
        raise EngineError(" ".join(str(error).split())) from error
    return spectrum.energy_eV, spectrum.intensity * Bohr**2


def complaint(program: str, code: int, log: str) -> str | None:
    """Say in the program's own words what went wrong and what to do, or None if nothing did.

    xspectra.x ends some errors with exit code 0, and writes a spectrum that has not converged.

    Parameters
    ----------
    program
        Its name.
    code
        Its exit code.
    log
        All that it printed.

    Examples
    --------
    >>> complaint("pw.x", 1, "%%%\\n Error in routine check_atoms (1):\\n atoms overlap!\\n%%%")
    'pw.x: Error in routine check_atoms (1): atoms overlap!; look at the structure and the settings'
    """
    for pattern, remedy in _COMPLAINTS:
        found = re.search(pattern, log)
        if found:
            return f"{program}: {' '.join(found.group(0).split())}; {remedy}"
    if code or _END.get(program, "") not in log:
        words = last_words(log)
        return (
            f"{program} stopped with code {code}: {words}; look at the structure and the settings"
        )
    return None


# What a program prints at its end if it got there.
_END = {"pw.x": "JOB DONE", "xspectra.x": "END JOB XSpectra"}
_COMPLAINTS = (
    (r"Error in routine .+\n.*", "look at the structure and the settings"),
    (r"ERROR[: ].+", "look at the settings"),
    (
        r"convergence NOT achieved after +\d+ iterations",
        "raise scf_iterations or lower mixing_beta",
    ),
    (r"XANES not converged after +\d+ iterations", "raise iterations or broaden_eV"),
)
