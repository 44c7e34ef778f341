"""One spectrum and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError
from nearedge.spectra.axis import Axis, check_axis
from nearedge.spectra.header import Header

MINIMUM_POINTS = 10

Kind = Literal[
    "unknown", "mu", "transmission", "fluorescence", "electron yield", "eels", "computed"
]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Intensity on an energy axis in eV with a stated zero.

    The arrays are copied to float64 and made read-only; nothing is normalised or shifted.

    Parameters
    ----------
    energy_eV
        Strictly increasing energies, at least 10.
    intensity
        One finite value per energy.
    axis
        ``"relative"``: measured from a Fermi level or band minimum; ``"absolute"``: the energy
        scale of a beamline, near a tabulated edge.
    source
        The file as it was named by the caller.
    scan
        Label of the spectrum within its file.
    format
        Name of the file format.
    edge_energy_eV
        Energy of the Fermi level or band minimum on the absolute scale, where the file knows it.
    metadata
        What else the file says, by name.
    notes
        What reading changed or what a reader of the result should know, one sentence each.
    kind
        What the intensity is: ``"mu"`` absorption as the file stores it, ``"transmission"``
        ln(i0 / it) and ``"fluorescence"`` or ``"electron yield"`` signal / i0 as the reader
        computed them, ``"eels"`` counts or intensity of an energy-loss spectrum, ``"computed"``
        the cross-section of a program, ``"unknown"`` a column that nothing describes.
    raw
        True: as measured, so that a background must be subtracted and the edge step normalised;
        False: normalised by its maker, or computed; None: the file does not tell.
    element, edge
        Absorber and edge where the file names them, such as ``"Fe"`` and ``"K"``.
    header
        What the file says of the scan, as words or numbers; `nearedge.spectra.header` lists the
        names, among them ``scan_number``, ``time``, ``temperature_K`` and ``voltage_V``.

    Raises
    ------
    NearedgeError
        If the arrays do not match, are too short, hold NaN or infinity, or the energies do not
        increase.

    Examples
    --------
    >>> energy_eV = np.linspace(528.0, 560.0, 321)
    >>> spectrum = Spectrum(
    ...     energy_eV, np.ones(321), "absolute", "a.dat", "1", "two-column", edge_energy_eV=530.0
    ... )
    >>> spectrum.relative_to_edge().energy_eV[[0, -1]]
    array([-2., 30.])
    """

    energy_eV: Float[np.ndarray, " energy"]
    intensity: Float[np.ndarray, " energy"]
    axis: Axis
    source: str
    scan: str
    format: str
    edge_energy_eV: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kind: Kind = "unknown"
    raw: bool | None = None
    element: str | None = None
    edge: str | None = None
    header: Header = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"{self.source}, spectrum {self.scan}"
        for name in ("energy_eV", "intensity"):
            values = np.array(getattr(self, name), dtype=np.float64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        check_axis(self.energy_eV, where)
        if self.intensity.shape != self.energy_eV.shape:
            raise NearedgeError(
                f"{where}: {self.energy_eV.size} energies but intensities of shape "
                f"{self.intensity.shape}; give one intensity per energy"
            )
        if self.energy_eV.size < MINIMUM_POINTS:
            raise NearedgeError(
                f"{where}: only {self.energy_eV.size} points; "
                f"a spectrum needs at least {MINIMUM_POINTS}"
            )
        if not np.isfinite(self.intensity).all():
            point = int(np.flatnonzero(~np.isfinite(self.intensity))[0])
            raise NearedgeError(
                f"{where}: the intensity at {self.energy_eV[point]:g} eV is NaN or infinite; "
                "remove that point"
            )
        if self.axis not in get_args(Axis):
            raise NearedgeError(f"{where}: axis must be relative or absolute, not {self.axis!r}")
        if self.kind not in get_args(Kind):
            raise NearedgeError(f"{where}: kind must be one of {get_args(Kind)}, not {self.kind!r}")
        if self.edge_energy_eV is not None and not np.isfinite(self.edge_energy_eV):
            raise NearedgeError(f"{where}: the edge energy is {self.edge_energy_eV}, not a number")

    def relative_to_edge(self) -> Spectrum:
        """Return the same spectrum with energies measured from its edge energy.

        Returns
        -------
        Spectrum
            With a relative axis; a spectrum whose axis is already relative is returned as it is.

        Raises
        ------
        NearedgeError
            If the axis is absolute and the file does not say where the edge lies.
        """
        if self.axis == "relative":
            return self
        if self.edge_energy_eV is None:
            raise NearedgeError(
                f"{self.source}, spectrum {self.scan}: no edge energy is known, so absolute "
                "energies cannot be made relative; align the spectrum with a reference instead"
            )
        return replace(self, energy_eV=self.energy_eV - self.edge_energy_eV, axis="relative")
