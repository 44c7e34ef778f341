"""What a file says of a scan, under the same names whatever the file calls it.

Names that `scan_header` gives: ``scan_number``, ``time`` (as written), ``temperature_K``,
``voltage_V``, ``sample``, ``facility``, ``beamline``, ``mono``, ``e0_eV`` (the edge energy that
somebody chose, which is no Fermi level). Stacks add every number or word that they store per
spectrum under the name of its dataset, and maps ``x``, ``y`` (points, from 0).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from nearedge.spectra.edges import ELEMENTS

Header = dict[str, str | float | int]

# Lower-case names without punctuation, as XDI, beamlines and Athena write them.
_NAMES = {
    "scan_number": ("scan number", "scan no", "scan n", "scan"),
    "time": (
        "scan start time", "start of this scan", "start time", "time date", "date", "time",
        "timestamp",
    ),
    "temperature": ("sample temperature", "temperature", "temp"),
    "voltage": ("sample voltage", "voltage", "potential", "ewe", "cell voltage"),
    "sample": ("sample name", "sample", "target", "name", "title"),
    "facility": ("facility name", "facility"),
    "beamline": ("beamline name", "beamline", "beam"),
    "mono": ("mono name", "mono", "monochromator crystal"),
    "e0": ("scan edge energy", "edge energy", "scanparameters e0", "e0"),
}  # fmt: skip
_KNOWN = {word: name for name, words in _NAMES.items() for word in words}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LONGEST_VALUE = 200
_EDGES = re.compile(r"(?i)(K|L[1-3]?|M[1-5]?|N[1-7]?)")


def scan_header(pairs: Iterable[tuple[str, str]]) -> Header:
    """Pick what later steps use from the fields of a file's header.

    The first field of a name counts. A temperature or voltage without a recognised unit stays text.

    Parameters
    ----------
    pairs
        Names and values as the file writes them.

    Returns
    -------
    Header
        Words and numbers under the names listed above.

    Examples
    --------
    >>> scan_header([("Sample.temperature", "25 C"), ("Scan.edge_energy", "7112."), ("x", "1")])
    {'temperature_K': 298.15, 'e0_eV': 7112.0}
    """
    header: Header = {}
    for key, value in pairs:
        words = " ".join(re.findall(r"[^\W_]+", key.lower()))
        name = _KNOWN.get(words)
        value = value.strip()[:_LONGEST_VALUE]
        if name is None or not value:
            continue
        for found, content in _convert(name, value).items():
            header.setdefault(found, content)
    return header


def element_and_edge(element: str | None, edge: str | None) -> tuple[str | None, str | None]:
    """Absorber and edge in their usual spelling; None for what is neither.

    Examples
    --------
    >>> element_and_edge("fe", "k")
    ('Fe', 'K')
    >>> element_and_edge("Fe2O3", "LIII")
    (None, None)
    """
    symbol = (element or "").strip().capitalize()
    shell = (edge or "").strip()
    return (
        symbol if symbol in ELEMENTS else None,
        shell.upper() if _EDGES.fullmatch(shell) else None,
    )


def _convert(name: str, value: str) -> Header:
    match = _NUMBER.search(value)
    number = float(match[0]) if match else math.nan
    unit = value[match.end() :].strip() if match else ""
    if not math.isfinite(number):
        return {name: value} if name not in ("e0", "scan_number") else {}
    if name == "scan_number":
        return {name: int(number)} if number == int(number) and not unit else {}
    if name == "temperature":
        if re.match(r"(?i)k(elvin)?\b", unit):
            return {"temperature_K": number}
        if re.match(r"(?i)(°|deg(ree)?s?\.?)?\s*c(elsius)?\b", unit):
            return {"temperature_K": round(number + 273.15, 6)}
        return {name: value}
    if name == "voltage":
        factor = {"V": 1.0, "mV": 1e-3}.get(unit.split()[0] if unit else "")
        return {name: value} if factor is None else {"voltage_V": number * factor}
    if name == "e0":
        if unit[:3].lower() == "kev":
            number *= 1000
        return {"e0_eV": number}
    return {name: value}
