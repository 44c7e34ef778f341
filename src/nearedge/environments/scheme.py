"""Label schemes: which atoms count as neighbours, and which class each count belongs to."""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from nearedge.errors import NearedgeError, UsageError

_KEYS = {
    "scheme": ("name", "absorber", "neighbours", "dimer", "classes"),
    "neighbours": ("elements", "cutoff_A"),
    "dimer": ("elements", "cutoff_A", "label"),
    "classes": ("label", "coordination"),
}
_OPTIONAL = frozenset({"dimer"})


@dataclass(frozen=True)
class LabelScheme:
    """Which class a site belongs to, as data: elements, cutoffs and the label of each count.

    Parameters
    ----------
    name
        What the scheme is called in libraries and messages.
    absorber
        Element of the sites that are labelled.
    neighbours
        Elements whose atoms are counted.
    cutoff_A
        An atom at this distance or closer, in ångström, is a neighbour.
    classes
        Pairs of (label, coordination number), in the order of the labels.
    dimer_partners, dimer_cutoff_A, dimer_label
        A site with an atom of these elements closer than this distance has this label, whatever
        its coordination number; leave all three out for a scheme without dimers.

    Raises
    ------
    UsageError
        If a value is missing, impossible or contradicts another.

    Examples
    --------
    >>> scheme = LabelScheme(
    ...     name="titania", absorber="O", neighbours=("Ti",), cutoff_A=2.3,
    ...     classes=(("bridging", 2), ("bulk", 3)),
    ... )
    >>> scheme.labels
    ('bridging', 'bulk')
    >>> LabelScheme.from_dict(scheme.to_dict()) == scheme
    True
    """

    name: str
    absorber: str
    neighbours: tuple[str, ...]
    cutoff_A: float
    classes: tuple[tuple[str, int], ...]
    dimer_partners: tuple[str, ...] = ()
    dimer_cutoff_A: float | None = None
    dimer_label: str | None = None

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise UsageError(f"label scheme {self.name!r}: {problem}")

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels in the order of the classes, the dimer's last."""
        counted = tuple(label for label, _ in self.classes)
        return counted if self.dimer_label is None else (*counted, self.dimer_label)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelScheme:
        """Build a scheme from plain data laid out as in the TOML files.

        Parameters
        ----------
        values
            Keys ``name``, ``absorber``, ``neighbours`` (``elements``, ``cutoff_A``), ``classes``
            (a list of ``label`` and ``coordination``) and, where there are dimers, ``dimer``
            (``elements``, ``cutoff_A``, ``label``).

        Raises
        ------
        UsageError
            If a key is unknown or missing, or a value is of the wrong kind or impossible.
        """
        _check_keys(values, "scheme", "")
        _check_keys(values["neighbours"], "neighbours", " in [neighbours]")
        dimer = values.get("dimer")
        if dimer is not None:
            _check_keys(dimer, "dimer", " in [dimer]")
        if not isinstance(values["classes"], list | tuple):
            raise UsageError("label scheme: 'classes' must be a list of tables ([[classes]])")
        for number, entry in enumerate(values["classes"], start=1):
            _check_keys(entry, "classes", f" in [[classes]] number {number}")
        return cls(
            name=_text(values["name"], "name"),
            absorber=_text(values["absorber"], "absorber"),
            neighbours=_elements(values["neighbours"]["elements"], "neighbours.elements"),
            cutoff_A=_number(values["neighbours"]["cutoff_A"], "neighbours.cutoff_A"),
            classes=tuple(
                (_text(c["label"], "classes.label"), _count(c["coordination"]))
                for c in values["classes"]
            ),
            dimer_partners=() if dimer is None else _elements(dimer["elements"], "dimer.elements"),
            dimer_cutoff_A=None if dimer is None else _number(dimer["cutoff_A"], "dimer.cutoff_A"),
            dimer_label=None if dimer is None else _text(dimer["label"], "dimer.label"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Lay the scheme out as plain data that JSON and TOML can hold."""
        values: dict[str, Any] = {
            "name": self.name,
            "absorber": self.absorber,
            "neighbours": {"elements": list(self.neighbours), "cutoff_A": self.cutoff_A},
            "classes": [{"label": label, "coordination": count} for label, count in self.classes],
        }
        if self.dimer_label is not None:
            values["dimer"] = {
                "elements": list(self.dimer_partners),
                "cutoff_A": self.dimer_cutoff_A,
                "label": self.dimer_label,
            }
        return values


def load_scheme(path_or_name: str | os.PathLike[str]) -> LabelScheme:
    """Read a label scheme from a TOML file, or one of the built-in schemes by its name.

    Parameters
    ----------
    path_or_name
        A path, recognised by its separator or its ending ``.toml``, or a built-in name.

    Raises
    ------
    UsageError
        If no built-in scheme has this name, or the file does not describe a scheme.
    NearedgeError
        If the file cannot be read.

    Examples
    --------
    >>> load_scheme("li3feo35_oxygen").labels
    ('0 Fe', '1 Fe', '2 Fe', '3 Fe', '4 Fe', 'O-O dimer')
    """
    given = os.fspath(path_or_name)
    if given.endswith(".toml") or os.path.dirname(given):
        source: Any = Path(given)
    else:
        folder = resources.files("nearedge.environments") / "schemes"
        names = sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.is_file())
        if given not in names:
            raise UsageError(
                f"no built-in label scheme is called {given!r}{_did_you_mean(given, names)}; "
                f"built in: {', '.join(names)}; the path of a file ends in .toml"
            )
        source = folder / f"{given}.toml"
    try:
        return LabelScheme.from_dict(tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise NearedgeError(
            f"{source}: cannot read the label scheme ({error.strerror}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source}: not a text file in UTF-8; give a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: not valid TOML ({error}); correct the file") from error
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error


def _problem(scheme: LabelScheme) -> str | None:
    """Say what is wrong with the values of a scheme, or None."""
    unknown = _unknown_element((scheme.absorber, *scheme.neighbours, *scheme.dimer_partners))
    dimer = (scheme.dimer_cutoff_A, scheme.dimer_label, scheme.dimer_partners or None)
    cutoffs = [c for c in (scheme.cutoff_A, scheme.dimer_cutoff_A) if c is not None]
    counts = [count for _, count in scheme.classes]
    checks = (
        (not scheme.name, "give it a name"),
        (unknown is not None, unknown),
        (not scheme.neighbours, "give at least one element to count as neighbour"),
        (
            not all(c > 0 and math.isfinite(c) for c in cutoffs),
            f"cutoffs must be positive lengths in Å, got {cutoffs}",
        ),
        (not scheme.classes, "give at least one class"),
        (
            any(count < 0 for count in counts),
            f"coordination numbers cannot be negative, got {counts}",
        ),
        (
            any(d is None for d in dimer) and any(d is not None for d in dimer),
            "a dimer needs its elements, its cutoff and its label, or none of them",
        ),
        ("" in scheme.labels, "a label is empty; the empty label means 'no class'"),
        (bool(_twice(scheme.labels)), f"the label {_twice(scheme.labels)!r} is given twice"),
        (
            bool(_twice(map(str, counts))),
            f"two classes have coordination {_twice(map(str, counts))}",
        ),
    )
    return next((message for wrong, message in checks if wrong), None)


def _check_keys(values: Any, table: str, where: str) -> None:
    if not isinstance(values, Mapping):
        raise UsageError(
            f"label scheme: expected a table{where or ' of keys'}, got {values!r}; "
            f"the keys are {', '.join(_KEYS[table])}"
        )
    for key in values:
        if key not in _KEYS[table]:
            raise UsageError(
                f"label scheme: unknown key {key!r}{where}{_did_you_mean(str(key), _KEYS[table])}; "
                f"the keys are {', '.join(_KEYS[table])}"
            )
    for key in _KEYS[table]:
        if key not in values and key not in _OPTIONAL:
            raise UsageError(f"label scheme: the key {key!r} is missing{where}; add it")


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"label scheme: {key!r} must be a text in quotes, got {value!r}")
    return value


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"label scheme: {key!r} must be a number in Å, got {value!r}")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"label scheme: 'coordination' must be a whole number, got {value!r}")
    return value


def _elements(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"label scheme: {key!r} must be a list of elements, got {value!r}")
    return tuple(_text(element, key) for element in value)


def _unknown_element(elements: Iterable[str]) -> str | None:
    from ase.data import chemical_symbols

    known = chemical_symbols[1:]  # the first entry, X, stands for "no element"
    for element in elements:
        if element not in known:
            guess = element.strip().capitalize()
            hint = f"; did you mean {guess!r}?" if guess in known else ""
            return f"{element!r} is not the symbol of an element{hint}"
    return None


def _twice(values: Iterable[str]) -> str:
    """Return the first value that occurs a second time, or an empty string."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return ""


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
