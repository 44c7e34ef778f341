"""The engines that a recipe can name: those of nearedge, and those that other packages bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, get_type_hints

from nearedge.engines.base import Engine
from nearedge.errors import NearedgeError, UsageError, did_you_mean

_ENGINES = {
    "feff": "nearedge.engines.feff:Feff",
    "gpaw": "nearedge.engines.gpaw:Gpaw",
    "ocean": "nearedge.engines.ocean:Ocean",
    "xspectra": "nearedge.engines.xspectra:XSpectra",
}

GROUP = "nearedge.engines"
"""Entry-point group by which an installed package adds an engine."""


def engine_names() -> tuple[str, ...]:
    """Names of all engines.

    Examples
    --------
    >>> "feff" in engine_names()
    True
    """
    return tuple(_homes())


def engine_from_settings(name: str, settings: Mapping[str, Any]) -> Engine:
    """Make the engine called `name` with the given settings; the rest are its defaults.

    Raises
    ------
    UsageError
        For an unknown engine or setting, with the closest known name, and for a value of the
        wrong kind.

    Examples
    --------
    >>> engine_from_settings("feff", {"scf_radius_A": 3.4}).settings()["scf_radius_A"]
    3.4
    """
    homes = _homes()
    if name not in homes:
        raise UsageError(f"unknown engine {name!r}{did_you_mean(name, homes)}")
    module, class_name = homes[name].split(":")
    try:
        engine_class = getattr(import_module(module), class_name)
    except (ImportError, AttributeError) as error:
        raise NearedgeError(
            f"engine {name!r} cannot be loaded from {homes[name]} ({error}); install its package "
            f"again"
        ) from error
    known = {field.name: field for field in fields(engine_class)}
    kinds = get_type_hints(engine_class)
    values = {}
    for key, value in settings.items():
        if key not in known:
            raise UsageError(f"engine {name!r} has no setting {key!r}{did_you_mean(key, known)}")
        values[key] = _of_kind(kinds[key], value, f"engine {name!r}: {key} = {value!r}")
    for key, field in known.items():
        if key not in values and field.default is MISSING and field.default_factory is MISSING:
            raise UsageError(f"engine {name!r} needs the setting {key!r}; add it")
    return engine_class(**values)


def _homes() -> dict[str, str]:
    """Where each engine's class is, as ``module:class``; nearedge's own names cannot be taken."""
    others = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return {**others, **_ENGINES}


def _of_kind(kind: Any, value: Any, where: str) -> Any:
    """Return the value if it is of the setting's kind; a whole number is also a number.

    TOML's ``3`` and ``3.0`` must give the same engine, and the same provenance.
    """
    if kind is float and type(value) is int:
        return float(value)
    if kind in (bool, int, float, str) and type(value) is not kind:
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise UsageError(f"{where}; give {wanted[kind]}")
    return value
