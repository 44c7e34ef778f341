"""Plain data, as TOML and JSON give it, checked on its way into a label scheme."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from nearedge.environments.polyhedra import POLYHEDRA
from nearedge.environments.targets import Target
from nearedge.errors import UsageError
from nearedge.errors import did_you_mean as or_known

_KEYS = {
    "scheme": ("name", "absorber", "neighbours", "dimer", "classes", "target"),
    "neighbours": ("elements", "cutoff_A", "rule", "absorbers_per_neighbour"),
    "dimer": ("elements", "cutoff_A", "label"),
    "classes": ("label", "coordination", "polyhedron"),
    "target": ("quantity", "elements", "structures"),
}
_OPTIONAL = {
    "scheme": ("dimer", "target"),
    "neighbours": ("cutoff_A", "rule", "absorbers_per_neighbour"),
    "classes": ("coordination", "polyhedron"),
    "target": ("elements", "structures"),
}


def check_keys(values: Any, table: str, where: str) -> None:
    """Refuse what is no table, and unknown or missing keys."""
    if not isinstance(values, Mapping):
        raise UsageError(
            f"label scheme: expected a table{where or ' of keys'}, got {values!r}; "
            f"the keys are {', '.join(_KEYS[table])}"
        )
    for key in values:
        if key not in _KEYS[table]:
            raise UsageError(
                f"label scheme: unknown key {key!r}{where}{did_you_mean(str(key), _KEYS[table])}; "
                f"the keys are {', '.join(_KEYS[table])}"
            )
    for key in _KEYS[table]:
        if key not in values and key not in _OPTIONAL.get(table, ()):
            raise UsageError(f"label scheme: the key {key!r} is missing{where}; add it")


def text(value: Any, key: str) -> str:
    """Accept a text."""
    if not isinstance(value, str):
        raise UsageError(f"label scheme: {key!r} must be a text in quotes, got {value!r}")
    return value


def number(value: Any, key: str) -> float:
    """Accept a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"label scheme: {key!r} must be a number in Å, got {value!r}")
    return float(value)


def elements(value: Any, key: str) -> tuple[str, ...]:
    """Accept a list of texts."""
    if not isinstance(value, list | tuple):
        raise UsageError(f"label scheme: {key!r} must be a list of elements, got {value!r}")
    return tuple(text(element, key) for element in value)


def cutoff(value: Any, of: tuple[str, ...]) -> float | tuple[float, ...]:
    """Accept one cutoff for all elements, or a table of one for each."""
    if not isinstance(value, Mapping):
        return number(value, "neighbours.cutoff_A")
    if set(value) != set(of):
        raise UsageError(
            f"label scheme: neighbours.cutoff_A is for {', '.join(map(str, value))}, the elements "
            f"are {', '.join(of)}; give one cutoff for each, or one number for all"
        )
    return tuple(number(value[element], f"neighbours.cutoff_A.{element}") for element in of)


def numbered(values: Any) -> list[tuple[int, Any]]:
    """Accept the list of classes, counted from 1."""
    if not isinstance(values, list | tuple):
        raise UsageError("label scheme: 'classes' must be a list of tables ([[classes]])")
    return list(enumerate(values, start=1))


def site_class(entry: Any, place: int) -> tuple[str, int, str | None]:
    """Accept a class; a polyhedron that is known tells the number of neighbours."""
    where = f" in [[classes]] number {place}"
    check_keys(entry, "classes", where)
    polyhedron = entry.get("polyhedron")
    if polyhedron is not None and text(polyhedron, "classes.polyhedron") not in POLYHEDRA:
        raise UsageError(
            f"label scheme: no polyhedron {polyhedron!r}{where}{or_known(polyhedron, POLYHEDRA)}"
        )
    if polyhedron is None and "coordination" not in entry:
        raise UsageError(
            f"label scheme: the key 'coordination' is missing{where}; add it, or a 'polyhedron'"
        )
    count = entry["coordination"] if "coordination" in entry else POLYHEDRA[str(polyhedron)]
    if isinstance(count, bool) or not isinstance(count, int):
        raise UsageError(f"label scheme: 'coordination' must be a whole number, got {count!r}")
    return text(entry["label"], "classes.label"), count, polyhedron


def dimers(value: Any) -> tuple[tuple[tuple[str, ...], float, str], ...]:
    """Accept no dimer, one table, or a list of tables."""
    entries = [] if value is None else value if isinstance(value, list | tuple) else [value]
    for entry in entries:
        check_keys(entry, "dimer", " in [dimer]")
    return tuple(
        (
            elements(entry["elements"], "dimer.elements"),
            number(entry["cutoff_A"], "dimer.cutoff_A"),
            text(entry["label"], "dimer.label"),
        )
        for entry in entries
    )


def span(value: Any) -> tuple[float, float] | None:
    """Accept nothing, one number, or the two ends of a range."""
    if value is None:
        return None
    ends = value if isinstance(value, list | tuple) else (value, value)
    if len(ends) != 2 or any(isinstance(e, bool) or not isinstance(e, int | float) for e in ends):
        raise UsageError(
            f"label scheme: 'absorbers_per_neighbour' must be a number, or a list of the least and "
            f"the greatest one, got {value!r}"
        )
    return float(ends[0]), float(ends[1])


def target(value: Any) -> Target | None:
    """Accept no target, or its table."""
    if value is None:
        return None
    check_keys(value, "target", " in [target]")
    for key in ("elements", "structures"):
        if not isinstance(value.get(key, {}), Mapping):
            raise UsageError(
                f"label scheme: target.{key} must be a table of oxidation states, got "
                f"{value[key]!r}"
            )
    return Target(
        text(value["quantity"], "target.quantity"),
        {name: _state(state) for name, state in value.get("elements", {}).items()},
        {
            name: {label: _state(one) for label, one in state.items()}
            if isinstance(state, Mapping)
            else _state(state)
            for name, state in value.get("structures", {}).items()
        },
    )


def _state(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"label scheme: oxidation states must be numbers, got {value!r}")
    return float(value)


def unknown_element(symbols: Iterable[str]) -> str | None:
    """Say which of the symbols is no element, or None."""
    from ase.data import chemical_symbols

    known = chemical_symbols[1:]  # the first entry, X, stands for "no element"
    for element in symbols:
        if element not in known:
            guess = element.strip().capitalize()
            hint = f"; did you mean {guess!r}?" if guess in known else ""
            return f"{element!r} is not the symbol of an element{hint}"
    return None


def twice(values: Iterable[str]) -> str:
    """Return the first value that occurs a second time, or an empty string."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the closest known word, if one is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
