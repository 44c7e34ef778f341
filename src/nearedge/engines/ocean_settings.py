"""What OCEAN can use as settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nearedge.engines.ocean_input import OPERATORS, OWN_KEYWORDS
from nearedge.errors import UsageError

MESHES = ("nkpt", "ngkpt", "screen_nkpt")
"""Settings that are meshes of k-points."""

_TABLES = ("pp_files", "opf_files", "keywords")
# OCEAN takes what follows one of these as a comment, and braces as the bounds of a value.
_UNSAFE = re.compile(r"[#*\\!{}\n]")
_LIMITS: Mapping[str, tuple[float, float]] = {
    "ecut_Ry": (-1.0, 2000.0),
    "toldfe": (1e-16, 1e-2),
    "nbands": (0, 1e6),
    "dft_energy_range_eV": (5.0, 1000.0),
    "screen_energy_range_eV": (5.0, 1000.0),
    "screen_radius_bohr": (1.5, 6.0),
    "broaden_eV": (0.01, 10.0),
    "iterations": (1, 100_000),
    "spectrum_start_eV": (-200.0, -1.0),
    "spectrum_stop_eV": (1.0, 500.0),
    "spectrum_points": (2, 1_000_000),
    "timeout_s": (0.01, 1e8),
}
_CHOICES: Mapping[str, Sequence[str]] = {
    "dft": ("qe", "abi"),
    "operator": OPERATORS,
    "ecut_quality": ("low", "normal", "high"),
}


def check(values: Mapping[str, Any]) -> None:
    """Refuse settings that OCEAN cannot use.

    Parameters
    ----------
    values
        All settings of the engine by name.

    Raises
    ------
    UsageError
        Names the setting, its value, and what to give instead.
    """
    for setting, (low, high) in _LIMITS.items():
        if not low <= values[setting] <= high:
            raise _wrong(setting, values[setting], f"give {low:g} to {high:g}")
    for setting, known in _CHOICES.items():
        if values[setting] not in known:
            raise _wrong(setting, values[setting], f"give one of {', '.join(known)}")
    for setting in MESHES:
        if not _is_mesh(values[setting]):
            advice = "give three whole numbers above 0, or a list of one negative number"
            raise _wrong(setting, values[setting], advice)
    prefix = values["para_prefix"]
    if isinstance(prefix, str) or not _are_texts(prefix):
        raise _wrong("para_prefix", prefix, 'give a list such as ["mpirun", "-n", "8"]')
    for setting in _TABLES:
        table = values[setting]
        if not isinstance(table, Mapping) or not _are_texts(table.values()):
            raise _wrong(setting, table, "give a table of texts")
    if values["diemac"] != 0 and not values["diemac"] > 1:
        raise _wrong("diemac", values["diemac"], "give a number above 1, or 0 to have it computed")
    if values["pp_files"] and values["ecut_Ry"] <= 0:
        raise _wrong("ecut_Ry", values["ecut_Ry"], "give the cutoff that your pp_files need")
    for path in (*values["pp_files"].values(), *opf_paths(values["opf_files"])):
        if not Path(path).is_file():
            raise UsageError(f"engine 'ocean': no file {path}; correct pp_files or opf_files")


def check_cards(own: Mapping[str, str], further: Mapping[str, str]) -> None:
    """Refuse further keywords that nearedge writes, and values that would break the input.

    Raises
    ------
    UsageError
        Names the keyword.
    """
    taken = {name.lower() for name in (*OWN_KEYWORDS, *own)}
    for name in further:
        if name.lower() in taken:
            raise UsageError(
                f"engine 'ocean': keywords holds {name!r}, which nearedge writes; use its "
                f"setting, or leave it out"
            )
    for name, value in (*own.items(), *further.items()):
        if _UNSAFE.search(name + value) or not value.strip():
            raise _wrong(name, value, r"OCEAN cannot read it; leave out #, *, !, \ and braces")


def opf_paths(stems: Mapping[str, str]) -> list[str]:
    """``.fill`` and ``.opts`` file of each stem, in the order of the elements.

    Examples
    --------
    >>> opf_paths({"O": "psp/o"})
    ['psp/o.fill', 'psp/o.opts']
    """
    return [f"{stem}.{end}" for _, stem in sorted(stems.items()) for end in ("fill", "opts")]


def _wrong(setting: str, value: object, advice: str) -> UsageError:
    return UsageError(f"engine 'ocean': {setting} = {value!r}; {advice}")


def _are_texts(values: object) -> bool:
    return isinstance(values, Iterable) and all(isinstance(value, str) for value in values)


def _is_mesh(values: object) -> bool:
    if not isinstance(values, Sequence) or not all(type(v) in (int, float) for v in values):
        return False
    if len(values) == 1:
        return values[0] < 0
    return len(values) == 3 and all(v > 0 and v == int(v) for v in values)
