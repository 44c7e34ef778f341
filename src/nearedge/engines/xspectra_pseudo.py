"""Pseudopotentials for XSpectra: made by Quantum ESPRESSO's ``ld1.x``, or from a folder.

The inputs follow atomic/Doc/INPUT_LD1 of Quantum ESPRESSO: norm-conserving pseudopotentials
(N. Troullier, J. L. Martins, Phys. Rev. B 43, 1993 (1991)) with PBE, scalar-relativistic.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nearedge.errors import EngineError

CORE_FILE = "core.wfc"
"""Radial wavefunction of the absorber's 1s level, as xspectra.x reads it."""


def _with_two_partial_waves(
    element: str, charge: int, shells: tuple[int, int], radius_a0: float, name: str
) -> str:
    """Input for 2s and 2p valence, 3d local, and two partial waves of s and of p for GIPAW.

    Two are what xspectra.x needs up to 30 or 40 eV above the edge (XSpectra/Doc/INPUT_XSPECTRA);
    the second is unbound, at an energy (Ry) just above zero. `shells` are the electrons in 1s and
    2p.
    """
    electrons_1s, electrons_2p = shells
    config = f"1s{electrons_1s} 2s2 2p{electrons_2p} 3s-1 3p-1 3d-1"
    radius = f"{radius_a0} {radius_a0}"
    return f"""&input
  title = '{element}', zed = {charge:.1f}, rel = 1, dft = 'PBE', iswitch = 3
  config = '{config}'
/
&inputp
  pseudotype = 1, tm = .true., lloc = 2, file_pseudopw = '{name}'
  lgipaw_reconstruction = .true., file_recon = '{name}.recon'
/
3
2S 1 0  2.0 0.00 {radius}
2P 2 1 {electrons_2p:4.1f} 0.00 {radius}
3D 3 2 -1.0 0.30 {radius}
&test
/
4
2S 1 0  2.0 0.00 {radius}
3S 2 0  0.0 0.05 {radius}
2P 2 1 {electrons_2p:4.1f} 0.00 {radius}
3P 3 1  0.0 0.05 {radius}
"""


def _with_shell_1s(
    element: str, charge: int, radius_1s_a0: float, radius_2p_a0: float, name: str
) -> str:
    """Input of an ion that has lost all but its 1s electrons, which are valence.

    Of the neutral atom, which it is not made for, 2s and 2p are right to 1 mRy and the 1s to 7
    (Z = 3). Single-projector, so the 2s is the second state of the potential that gives the right
    1s.
    """
    return f"""&input
  title = '{element}', zed = {charge:.1f}, rel = 1, dft = 'PBE', iswitch = 3
  config = '1s2 2p-1'
/
&inputp
  pseudotype = 1, tm = .true., lloc = 1, file_pseudopw = '{name}'
/
2
1S 1 0  2.0  0.00 {radius_1s_a0} {radius_1s_a0}
2P 2 1 -1.0 -0.20 {radius_2p_a0} {radius_2p_a0}
"""


# Radii in bohr. Half the bond of an O-O dimer is 1.37 bohr, so that spheres of 1.35 do not overlap
# there. With 70 Ry the 1s of Li and the 2p of O lie within 3 mRy, the 2p of O with a core hole
# within 4 mRy, of their values at 100 Ry (ld1.x, test with Bessel functions). The core-hole atom is
# neutral: in a solid the other electrons screen the hole.
LD1_INPUTS = {
    "Li.UPF": _with_shell_1s("Li", 3, 1.2, 1.5, "Li.UPF"),
    "O.UPF": _with_two_partial_waves("O", 8, (2, 4), 1.35, "O.UPF"),
    "O.star1s.UPF": _with_two_partial_waves("O", 8, (1, 5), 1.35, "O.star1s.UPF"),
}
"""Input of ld1.x for each file that it can make."""


def plain_file(element: str) -> str:
    """Name of an element's pseudopotential."""
    return f"{element}.UPF"


def core_hole_file(element: str) -> str:
    """Name of the pseudopotential with a hole in the 1s level; Quantum ESPRESSO says star1s."""
    return f"{element}.star1s.UPF"


@dataclass(frozen=True)
class Pseudopotentials:
    """Where pseudopotentials come from.

    Parameters
    ----------
    folder
        A folder with ``<El>.UPF`` and, for absorbers, ``<El>.star1s.UPF``; what is not in it is
        made by ld1.x if it can be. None for ld1.x alone.
    """

    folder: Path | None

    def digest(self) -> str:
        """Digest of all inputs of ld1.x and of all files in the folder."""
        found = hashlib.sha256(repr(sorted(LD1_INPUTS.items())).encode())
        for path in sorted(self.folder.glob("*.UPF")) if self.folder else ():
            found.update(path.name.encode() + b"\0" + path.read_bytes())
        return found.hexdigest()[:16]

    def gather(
        self, elements: Sequence[str], absorber: str, work: Path, make: Callable[[Path], None]
    ) -> None:
        """Put all pseudopotentials and the core wavefunction into `work`.

        Parameters
        ----------
        elements
            Of the structure.
        absorber
            The element with the core hole.
        work
            An existing folder.
        make
            Runs ld1.x on an input file, in that file's folder.

        Raises
        ------
        EngineError
            Names the file that is missing, or that holds no core wavefunction.
        """
        own, hole = plain_file(absorber), core_hole_file(absorber)
        if self._has(own) != self._has(hole):
            missing = hole if self._has(own) else own
            raise EngineError(
                f"{self.folder} has one pseudopotential of {absorber} but no {missing}; add it, "
                f"since total energies with and without the hole are compared"
            )
        for name in (*map(plain_file, dict.fromkeys(elements)), hole):
            self._put(name, work, make)
        text = core_wavefunction(work / own) or core_wavefunction(work / hole)
        if text is None:
            raise EngineError(
                f"neither {own} nor {hole} holds a 1S GIPAW core orbital; make them with "
                f"lgipaw_reconstruction = .true."
            )
        (work / CORE_FILE).write_text(text, encoding="utf-8")

    def _has(self, name: str) -> bool:
        return self.folder is not None and (self.folder / name).is_file()

    def _put(self, name: str, work: Path, make: Callable[[Path], None]) -> None:
        if self.folder is not None and self._has(name):
            shutil.copy(self.folder / name, work / name)
            return
        if name not in LD1_INPUTS:
            raise EngineError(
                f"no pseudopotential {name}; put it into the folder that pseudo_folder names "
                f"(nearedge makes only {', '.join(LD1_INPUTS)})"
            )
        path = work / f"{name}.ld1.in"
        path.write_text(LD1_INPUTS[name], encoding="utf-8")
        make(path)
        if not (work / name).is_file():
            raise EngineError(f"ld1.x wrote no {name}; is this Quantum ESPRESSO 6 or 7?")


def core_wavefunction(path: Path) -> str | None:
    """Radius (bohr) and radial 1s wavefunction from a UPF file, or None if it holds none.

    UPF 2 keeps quantum numbers in attributes, UPF 1 in a line of their own
    (upflib/read_upf_v1.f90 in Quantum ESPRESSO).
    """
    text = path.read_text(errors="replace")
    radii = re.search(r"<PP_R(?:\s[^>]*)?>([^<]*)</PP_R>", text)
    for orbital in re.finditer(
        r"<PP_GIPAW_CORE_ORBITAL(?:\.\d+)?(\s[^>]*)?>([^<]*)</PP_GIPAW_CORE_ORBITAL", text
    ):
        attributes, content = orbital.groups()
        label = attributes if attributes and "label" in attributes else None
        if label is None:
            label, _, content = content.lstrip().partition("\n")
        if radii and re.search(r"\b1S\b", label, re.IGNORECASE):
            pairs = zip(radii.group(1).split(), content.split(), strict=True)
            return "# 1s\n" + "".join(f"{r} {wavefunction}\n" for r, wavefunction in pairs)
    return None
