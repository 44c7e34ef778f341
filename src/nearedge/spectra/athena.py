"""Athena projects (``.prj``), as Athena, Demeter and Larch write them, usually packed with gzip.

``rexafs`` reads the records; a project is data in the syntax of Perl or JSON, and none of it is
run. It does so in a helper process (`nearedge.spectra._isolated`), because a damaged project can
keep it busy for minutes. B. Ravel, M. Newville, J. Synchrotron Rad. 12, 537 (2005).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra.axis import guess_axis
from nearedge.spectra.blocks import SpectrumBlock, into_blocks
from nearedge.spectra.columns import Mode
from nearedge.spectra.header import Header, element_and_edge, scan_header
from nearedge.spectra.points import clean_points
from nearedge.spectra.source import SourceFile, load
from nearedge.spectra.spectrum import Spectrum

_PERL = re.compile(rb"#?\s*Athena project file")
_JSON = re.compile(rb'\s*\{.{0,4000}"(?:_____header1|old_group)', re.DOTALL)
_FIELD = re.compile(r"(\w+): (.*)")


def looks_like(source: SourceFile) -> bool:
    """Recognise the first line of a project, after unpacking."""
    start = source.text_head.lstrip(b"\xef\xbb\xbf")
    return bool(_PERL.match(start) or _JSON.match(start))


def blocks(
    path: str, columns: str | None, mode: Mode, start: int, size: int
) -> Iterator[SpectrumBlock]:
    """Read mu(E) of every record, on the energies that Athena shows.

    Athena keeps a shift for every record beside its energies; it is added, and noted. Records of
    chi(k) are left out.

    Parameters
    ----------
    path
        A project.
    columns
        Must be None: a project holds the absorption.
    mode
        Has no meaning here.
    start
        How many spectra to leave out.
    size
        Most spectra in a block.

    Yields
    ------
    SpectrumBlock
        Together one spectrum for each record, called by its label.

    Raises
    ------
    NearedgeError
        If the project is damaged or holds no absorption.
    """
    if columns:
        raise UsageError(f"{path}: an Athena project has no columns to choose from")
    yield from into_blocks(_spectra(load(path)), start, size)


def _spectra(source: SourceFile) -> list[Spectrum]:
    from rexafs.io import parse_measurement

    try:
        document = parse_measurement(source.content).document
    except BaseException as error:
        # A panic of the Rust code arrives as a class of its own beside Exception.
        if not isinstance(error, ValueError) and type(error).__name__ != "PanicException":
            raise
        words = " ".join(str(error).split())[:200]
        raise NearedgeError(
            f"{source.name}: the Athena project is damaged ({words}); save it again"
        ) from error
    spectra: list[Spectrum] = []
    for record in document["scans"]:
        spectra += _record(record, source.name)
    if not spectra:
        raise NearedgeError(f"{source.name}: the project holds no absorption, only chi(k)")
    labels = [spectrum.scan for spectrum in spectra]
    if len(set(labels)) < len(labels):
        spectra = [_numbered(spectrum, i) for i, spectrum in enumerate(spectra, start=1)]
    return spectra


def _record(record: Mapping[str, Any], name: str) -> list[Spectrum]:
    """Spectrum of a record, or none for chi(k)."""
    settings = {
        match[1]: match[2].strip().strip("'\"")
        for line in record["header"].splitlines()
        if (match := _FIELD.fullmatch(line))
    }
    kind = settings.get("recordtype", "")
    if "chi" in kind.lower() or settings.get("is_chi") == "1":
        return []
    label = settings.get("label", "").strip() or str(record["label"]).strip() or record["id"]
    where = f"{name}, spectrum {label}"
    arrays = {column["name"]: column["values"] for column in record["columns"]}
    try:
        energy, mu = (np.array(arrays[axis], dtype=np.float64) for axis in "xy")
    except (KeyError, TypeError, ValueError) as error:
        raise NearedgeError(
            f"{where}: the record has no energies and absorption (x, y) made of numbers; save the "
            "project again"
        ) from error
    if not (np.isfinite(energy).all() and np.isfinite(mu).all() and energy.size):
        raise NearedgeError(f"{where}: the record holds NaN or infinity; remove those points")
    normalised = settings.get("is_nor") == "1" or "norm" in kind
    header: Header = scan_header([("sample", label), *_xdi_fields(record)])
    notes: tuple[str, ...] = ()
    shift = _number(settings.get("bkg_eshift"))
    if shift:
        notes = (f"Athena's energy shift of {shift:.6g} eV was added",)
        header["energy_shift_eV"] = shift
    elif e0 := _number(settings.get("bkg_e0")):
        header["e0_eV"] = e0
    element, edge = element_and_edge(settings.get("bkg_z"), settings.get("fft_edge"))
    scans = clean_points(energy + shift, mu[:, None], where)
    return [
        Spectrum(
            scan.energy_eV,
            scan.values[:, 0],
            axis=guess_axis(scan.energy_eV, where),
            source=name,
            scan=label if len(scans) == 1 else f"{label}, scan {number}",
            format="athena",
            notes=(*notes, *scan.notes),
            kind="mu",
            raw=not normalised,
            element=element,
            edge=edge,
            header=header,
        )
        for number, scan in enumerate(scans, start=1)
    ]


def _xdi_fields(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Start time and sample temperature, where the record keeps the XDI header of its file."""
    text = str(record["metadata"].get("athena.extra", ""))[:20_000]
    found = []
    for family, key in (("Scan", "start_time"), ("Sample", "temperature")):
        match = re.search(rf"'{family}' => \{{[^{{}}]*'{key}' => '([^']*)'", text)
        if match:
            found.append((f"{family}.{key}", match[1]))
    return found


def _number(text: str | None) -> float:
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return number if np.isfinite(number) else 0.0


def _numbered(spectrum: Spectrum, number: int) -> Spectrum:
    """Same spectrum with its place in the project in front of a label that occurs twice."""
    return replace(spectrum, scan=f"{number} {spectrum.scan}")
