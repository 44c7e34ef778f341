"""Label schemes: which atoms count as neighbours, and which class each arrangement belongs to."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from nearedge.environments import _table as table
from nearedge.environments.polyhedra import POLYHEDRA
from nearedge.environments.targets import Target
from nearedge.errors import NearedgeError, UsageError, did_you_mean

LARGEST_GAP = "largest gap"
"""The rule that finds neighbours without a cutoff (`neighbours_by_gap`)."""


class SiteClass(NamedTuple):
    """A class: sites with so many neighbours, and of one polyhedron if it is named."""

    label: str
    coordination: int
    polyhedron: str | None = None


class Dimer(NamedTuple):
    """Sites with an atom of these elements closer than the cutoff, whatever else is around."""

    elements: tuple[str, ...]
    cutoff_A: float
    label: str


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
        An atom at this distance or closer, in ångström, is a neighbour: one number, or one for
        each of `neighbours`. None: neighbours are those before the largest gap in the distances
        (`nearedge.environments.neighbours.neighbours_by_gap`).
    classes
        Triples of label, coordination number and the name of a polyhedron or None; pairs do where
        there are no polyhedra. A class with a polyhedron wins over one that has the count alone.
    dimers
        Triples of elements, cutoff and label; the first that fits wins, over every class.
    target
        Which number the regressor learns; None for the coordination number.
    absorbers_per_neighbour
        Least and greatest mean number of absorbers around a neighbour, where it is known: it ties
        the overall composition to the average coordination (`overall_ratio`).

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
    cutoff_A: float | tuple[float, ...] | None
    classes: tuple[tuple[Any, ...], ...]
    dimers: tuple[tuple[Any, ...], ...] = ()
    target: Target | None = None
    absorbers_per_neighbour: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(SiteClass(*entry) for entry in self.classes))
        object.__setattr__(self, "dimers", tuple(Dimer(*entry) for entry in self.dimers))
        problem = _problem(self)
        if problem:
            raise UsageError(f"label scheme {self.name!r}: {problem}")

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels in the order of the classes, the dimers' last."""
        return tuple(entry[0] for entry in self.classes) + tuple(d[2] for d in self.dimers)

    @property
    def cutoffs_A(self) -> dict[str, float] | None:
        """Cutoff of each neighbour element in ångström; None where the largest gap decides."""
        if self.cutoff_A is None:
            return None
        if isinstance(self.cutoff_A, tuple):
            return dict(zip(self.neighbours, self.cutoff_A, strict=True))
        return dict.fromkeys(self.neighbours, self.cutoff_A)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelScheme:
        """Build a scheme from plain data laid out as in the TOML files.

        Parameters
        ----------
        values
            Keys ``name``, ``absorber``, ``neighbours`` (``elements``, and ``cutoff_A`` or
            ``rule``; ``absorbers_per_neighbour`` where it is known), ``classes`` (a list of
            ``label`` with ``coordination`` or ``polyhedron`` or both) and, where wanted, ``dimer``
            (``elements``, ``cutoff_A``, ``label``; or a list of such tables) and ``target``
            (``quantity``; ``elements``, ``structures``).

        Raises
        ------
        UsageError
            If a key is unknown or missing, or a value is of the wrong kind or impossible.
        """
        table.check_keys(values, "scheme", "")
        around = values["neighbours"]
        table.check_keys(around, "neighbours", " in [neighbours]")
        elements = table.elements(around["elements"], "neighbours.elements")
        if ("cutoff_A" in around) == ("rule" in around):
            raise UsageError(
                "label scheme: give 'cutoff_A' or 'rule' in [neighbours], one of the two"
            )
        if around.get("rule", LARGEST_GAP) != LARGEST_GAP:
            raise UsageError(
                f"label scheme: unknown neighbours.rule {around['rule']!r}; there is "
                f"{LARGEST_GAP!r}, or give a 'cutoff_A'"
            )
        return cls(
            name=table.text(values["name"], "name"),
            absorber=table.text(values["absorber"], "absorber"),
            neighbours=elements,
            cutoff_A=table.cutoff(around["cutoff_A"], elements) if "cutoff_A" in around else None,
            classes=tuple(table.site_class(c, n) for n, c in table.numbered(values["classes"])),
            dimers=table.dimers(values.get("dimer")),
            target=table.target(values.get("target")),
            absorbers_per_neighbour=table.span(around.get("absorbers_per_neighbour")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Lay the scheme out as plain data that JSON and TOML can hold."""
        around: dict[str, Any] = {"elements": list(self.neighbours)}
        if self.cutoff_A is None:
            around["rule"] = LARGEST_GAP
        else:
            each = isinstance(self.cutoff_A, tuple)
            around["cutoff_A"] = self.cutoffs_A if each else self.cutoff_A
        if self.absorbers_per_neighbour is not None:
            around["absorbers_per_neighbour"] = list(self.absorbers_per_neighbour)
        values: dict[str, Any] = {
            "name": self.name,
            "absorber": self.absorber,
            "neighbours": around,
            "classes": [
                {"label": label, "coordination": count}
                | ({} if polyhedron is None else {"polyhedron": polyhedron})
                for label, count, polyhedron in self.classes
            ],
        }
        dimers = [
            {"elements": list(elements), "cutoff_A": cutoff_A, "label": label}
            for elements, cutoff_A, label in self.dimers
        ]
        if dimers:
            values["dimer"] = dimers[0] if len(dimers) == 1 else dimers
        if self.target is not None:
            values["target"] = self.target.to_dict()
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
        built_in = _built_in()
        if given not in built_in:
            raise UsageError(
                f"no built-in label scheme is called {given!r}"
                f"{table.did_you_mean(given, built_in)}; "
                f"built in: {', '.join(built_in)}; the path of a file ends in .toml"
            )
        source = built_in[given]
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


def scheme_for(absorber: str, path_or_name: str | os.PathLike[str] | None = None) -> LabelScheme:
    """Read a label scheme for an absorber; by default the built-in one, where there is just one.

    Raises
    ------
    UsageError
        If the scheme is for another absorber, or none is given and there is not one to take.

    Examples
    --------
    >>> scheme_for("O").name
    'li3feo35_oxygen'
    """
    if path_or_name is None:
        schemes = [load_scheme(name) for name in _built_in()]
        fitting = [scheme for scheme in schemes if scheme.absorber == absorber]
        if len(fitting) != 1:
            known = ", ".join(f"{scheme.name} for {scheme.absorber}" for scheme in schemes)
            raise UsageError(
                f"--absorber {absorber}: {len(fitting) or 'no'} built-in label schemes are for it "
                f"({known}); give a --scheme (nearedge init writes one from a structure)"
            )
        return fitting[0]
    scheme = load_scheme(path_or_name)
    if scheme.absorber != absorber:
        raise UsageError(
            f"--absorber {absorber}: the scheme {scheme.name!r} labels {scheme.absorber} sites; "
            f"give another --absorber or --scheme"
        )
    return scheme


def _built_in() -> dict[str, Any]:
    """Files of the schemes in the package, by name."""
    folder = resources.files("nearedge.environments") / "schemes"
    files = sorted((file for file in folder.iterdir() if file.is_file()), key=lambda f: f.name)
    return {file.name.removesuffix(".toml"): file for file in files}


def _problem(scheme: LabelScheme) -> str | None:
    """Say what is wrong with the values of a scheme, or None."""
    partners = [element for dimer in scheme.dimers for element in dimer[0]]
    unknown = table.unknown_element((scheme.absorber, *scheme.neighbours, *partners))
    own = scheme.cutoff_A if isinstance(scheme.cutoff_A, tuple) else (scheme.cutoff_A,)
    cutoffs = [c for c in (*own, *(dimer[1] for dimer in scheme.dimers)) if c is not None]
    counts = [count for _, count, _ in scheme.classes]
    arrangements = [
        f"coordination {count}" + (f" as {polyhedron}" if polyhedron else "")
        for _, count, polyhedron in scheme.classes
    ]
    span = scheme.absorbers_per_neighbour
    checks = (
        (not scheme.name, "give it a name"),
        (unknown is not None, unknown),
        (not scheme.neighbours, "give at least one element to count as neighbour"),
        (
            isinstance(scheme.cutoff_A, tuple) and len(own) != len(scheme.neighbours),
            f"{len(own)} cutoffs for {len(scheme.neighbours)} neighbour elements; give one each",
        ),
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
            any(not dimer[0] or not dimer[2] for dimer in scheme.dimers),
            "a dimer needs its elements, its cutoff and its label",
        ),
        ("" in scheme.labels, "a label is empty; the empty label means 'no class'"),
        (
            bool(table.twice(scheme.labels)),
            f"the label {table.twice(scheme.labels)!r} is given twice",
        ),
        (
            bool(table.twice(arrangements)),
            f"two classes have {table.twice(arrangements)}",
        ),
        (
            span is not None and not 0 < span[0] <= span[1] < math.inf,
            f"absorbers_per_neighbour = {span}: give a positive number, or a range",
        ),
    )
    wrong = next((message for wrong, message in checks if wrong), None)
    return wrong or _wrong_polyhedron(scheme.classes)


def _wrong_polyhedron(classes: Iterable[tuple[Any, ...]]) -> str | None:
    for label, count, polyhedron in classes:
        if polyhedron is not None and polyhedron not in POLYHEDRA:
            return f"class {label!r}: no polyhedron {polyhedron!r}" + did_you_mean(
                polyhedron, POLYHEDRA
            )
        if polyhedron is not None and POLYHEDRA[polyhedron] != count:
            return (
                f"class {label!r}: a {polyhedron} has {POLYHEDRA[polyhedron]} neighbours, "
                f"not {count}"
            )
    return None
