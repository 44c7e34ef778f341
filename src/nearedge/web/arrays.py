"""Spectra that arrive as arrays in JSON."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nearedge.errors import NearedgeError
from nearedge.series.reading import Fault
from nearedge.spectra import Spectrum
from nearedge.spectra.axis import check_axis, guess_axis

_Number = Annotated[float, Field(allow_inf_nan=False)]


class SpectrumArrays(BaseModel):
    """One spectrum: as many intensities as energies."""

    model_config = ConfigDict(extra="forbid")

    energy_eV: list[_Number] = Field(description="Increasing energies in eV", max_length=100_000)
    intensity: list[_Number] = Field(
        description="One intensity per energy, in any unit", max_length=100_000
    )
    name: str = Field("arrays", description="Name to give back with the answer", max_length=200)
    axis: Literal["relative", "absolute"] | None = Field(
        None,
        description="Whether energies are relative to a Fermi level or band minimum, or absolute; "
        "told by their numbers if left out",
    )


class Arrays(BaseModel):
    """Spectra as arrays."""

    model_config = ConfigDict(extra="forbid")

    spectra: list[SpectrumArrays] = Field(min_length=1, max_length=2000)


class NotArrays(NearedgeError):
    """A document that is not as `Arrays` describes it."""


def read_arrays(body: bytes) -> list[Spectrum | Fault]:
    """Spectra of a document as `Arrays` describes it.

    Raises
    ------
    NotArrays
        If it is no such document.

    Examples
    --------
    >>> body = b'{"spectra": [{"energy_eV": [-5, 25], "intensity": [1]}]}'
    >>> [fault] = read_arrays(body)
    >>> fault.message
    'arrays, spectrum 1: 2 energies but 1 intensities; give one intensity per energy'
    """
    try:
        arrays = Arrays.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
        raise NotArrays(
            f"the document is not as openapi.json describes it: {place.lstrip('.')} "
            f"{first['msg'].lower()}"
        ) from None
    return [_spectrum(given, str(number)) for number, given in enumerate(arrays.spectra, start=1)]


def _spectrum(given: SpectrumArrays, scan: str) -> Spectrum | Fault:
    energy_eV = np.array(given.energy_eV, dtype=float)
    where = f"{given.name}, spectrum {scan}"
    if len(given.intensity) != len(given.energy_eV):
        return Fault(
            given.name,
            scan,
            f"{where}: {len(given.energy_eV)} energies but {len(given.intensity)} intensities; "
            "give one intensity per energy",
        )
    try:
        check_axis(energy_eV, where)
        return Spectrum(
            energy_eV,
            np.array(given.intensity, dtype=float),
            given.axis or guess_axis(energy_eV, where),
            given.name,
            scan,
            "arrays",
        )
    except NearedgeError as error:
        return Fault(given.name, scan, str(error))
