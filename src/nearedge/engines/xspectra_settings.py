"""What pw.x and xspectra.x can use as settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nearedge.engines.xspectra_input import OWN_NAMES
from nearedge.errors import UsageError

_LIMITS: Mapping[str, tuple[float, float]] = {
    "image_distance_A": (0.1, 50.0),
    "ecut_Ry": (10.0, 500.0),
    "kpoint_length_A": (0.1, 200.0),
    "xanes_kpoint_length_A": (0.1, 200.0),
    "degauss_Ry": (1e-4, 0.1),
    "conv_thr_Ry": (1e-14, 1e-3),
    "scf_iterations": (1, 10_000),
    "broaden_eV": (0.01, 10.0),
    "iterations": (10, 100_000),
    "spectrum_start_eV": (-200.0, -1.0),
    "spectrum_stop_eV": (1.0, 500.0),
    "spectrum_points": (2, 100_000),
    "timeout_s": (0.01, 1e8),
}
_TABLES = ("system", "electrons")
# What would end a value, a namelist or a line.
_UNSAFE = re.compile(r"[/&!\n]")


def check(values: Mapping[str, Any]) -> None:
    """Refuse settings that the programs cannot use.

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
    prefix = values["para_prefix"]
    if isinstance(prefix, str) or not _are_texts(prefix):
        raise _wrong("para_prefix", prefix, 'give a list such as ["mpirun", "-n", "8"]')
    for setting in _TABLES:
        _check_table(setting, values[setting])
    folder = values["pseudo_folder"]
    if folder and not Path(folder).is_dir():
        raise _wrong("pseudo_folder", folder, "there is no such folder; correct it")


def _check_table(setting: str, table: Any) -> None:
    if not isinstance(table, Mapping) or not _are_texts(table.values()):
        raise _wrong(setting, table, "give a table of texts")
    for name, value in table.items():
        if name.partition("(")[0].strip().lower() in OWN_NAMES:
            raise UsageError(
                f"engine 'xspectra': {setting} holds {name!r}, which nearedge writes; use its "
                f"setting, or leave it out"
            )
        if _UNSAFE.search(name + value) or not value.strip():
            raise _wrong(f"{setting}.{name}", value, "leave out /, &, ! and line breaks")


def _wrong(setting: str, value: object, advice: str) -> UsageError:
    return UsageError(f"engine 'xspectra': {setting} = {value!r}; {advice}")


def _are_texts(values: object) -> bool:
    return isinstance(values, Iterable) and all(isinstance(value, str) for value in values)
