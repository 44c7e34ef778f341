"""A first recipe for structures at hand, with every guess explained in its comments."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nearedge.environments import LabelScheme
from nearedge.environments.guess import Guess, guess_scheme
from nearedge.errors import NearedgeError, UsageError
from nearedge.library.importing import check_edge
from nearedge.library.schema import LIBRARY_AXIS
from nearedge.structures import read_structures

if TYPE_CHECKING:
    from ase import Atoms

# The engine's own default is enough for bonds of oxides; self-consistency needs the first shell.
_SCF_RADIUS_A = 2.8


def write_recipe(
    paths: Sequence[str | os.PathLike[str]],
    absorber: str,
    edge: str = "K",
    out: str | os.PathLike[str] = "recipe.toml",
) -> Guess:
    """Write a commented recipe for a library of some structures.

    Nothing is asked: neighbour elements, cutoffs and classes follow from the distances in the
    structures, which the comments show, and of sites that look alike one is computed.

    Parameters
    ----------
    paths
        Files of structures; each becomes a trajectory named after its file.
    absorber
        Element whose sites are computed.
    edge
        Absorption edge.
    out
        The recipe; nothing may stand there.

    Returns
    -------
    Guess
        What was guessed.

    Raises
    ------
    UsageError
        If something stands at `out`, the edge is unknown, or two files have the same name.
    NearedgeError
        If a structure cannot be read, or none has the absorber.
    """
    out = Path(out)
    check_edge(edge)
    if out.exists():
        raise UsageError(f"{out}: exists; choose another --out, or move it away")
    files: dict[str, Path] = {}
    for path in map(Path, paths):
        other = files.setdefault(_trajectory(path), path)
        if other is not path:
            raise UsageError(
                f"{other} and {path} would both be called {_trajectory(path)!r}; rename one of them"
            )
    frames = {name: read_structures(path) for name, path in files.items()}
    name = f"{'_'.join(list(files)[:1])}_{absorber}"
    guess = guess_scheme([s for of_file in frames.values() for s in of_file], absorber, name)
    text = _recipe(files, frames, guess, absorber, edge, out.parent)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NearedgeError(f"{out}: cannot be written ({error.strerror})") from error
    return guess


# Other dots belong to a name, as in Li3FeO3.5.
_ENDINGS = "cif|xyz|extxyz|traj|xml|vasp|poscar"


def _trajectory(path: Path) -> str:
    """Name of a structure: its file's, without the words that only tell the format."""
    stem = re.sub(rf"(\.({_ENDINGS}))+$", "", path.name, flags=re.IGNORECASE)
    short = stem.removeprefix("POSCAR_").removeprefix("CONTCAR_")
    return short or stem


def _recipe(
    files: dict[str, Path],
    frames: dict[str, list[Atoms]],
    guess: Guess,
    absorber: str,
    edge: str,
    folder: Path,
) -> str:
    lines = [
        f"# {absorber} {edge} edge of {_some(list(files))}, begun by nearedge init.",
        "# Next: nearedge library build THIS_FILE --out LIB",
        "",
        "# Under which licence the library may be used; say so before you share it.",
        'licence = "not stated"',
        "",
        "# First and last energy of the library in eV, from the Fermi level or band minimum.",
        f"window_eV = [{LIBRARY_AXIS.start_eV:g}, {LIBRARY_AXIS.stop_eV:g}]",
        "",
        "[engine]",
        'name = "feff"',
        f"edge = {json.dumps(edge)}",
        *_settings(guess),
        "",
        *_scheme(guess, absorber),
    ]
    lines += [
        "",
        "# A trajectory is what must never stand on both sides of a test: one name for everything",
        "# that descends from one cell.",
    ]
    place = 0
    for name, path in files.items():
        alike = guess.alike[place : place + len(frames[name])]
        place += len(frames[name])
        if not any(alike):
            lines += ["", f"# {path.name} has no {absorber} and was left out."]
            continue
        lines += [
            "",
            "[[files]]",
            f"path = {json.dumps(os.path.relpath(path, folder))}",
            f"trajectory = {json.dumps(name, ensure_ascii=False)}",
        ]
        if len(alike) == 1:
            lines += _sites(alike[0], absorber)
    return "\n".join([*lines, ""])


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _settings(guess: Guess) -> list[str]:
    farthest = max((shell.gap_A[0] for shell in guess.shells), default=0.0)
    lines = [
        "# Minutes of one core a site. More self-consistency (scf_radius_A) and scattering",
        "# (fms_radius_A, at most cluster_radius_A) cost more and come closer to experiment.",
        "[engine.settings]",
    ]
    if farthest > _SCF_RADIUS_A:
        radius = round(farthest + 0.05, 1)
        return [
            *lines,
            f"# The farthest neighbour is at {farthest:.2f} Å.",
            f"scf_radius_A = {radius}",
        ]
    return [*lines, f"scf_radius_A = {_SCF_RADIUS_A}"]


def _scheme(guess: Guess, absorber: str) -> list[str]:
    scheme = guess.scheme
    lines = [f"# Which class a {absorber} site belongs to. Change what you know better."]
    for shell in guess.shells:
        lines += ["#", f"# Distances from {absorber} to {shell.element}, all sites together:"]
        lines += [f"#   {line}" for line in shell.histogram()]
        if shell.gap_A[1] - shell.gap_A[0] < 0.3:
            lines.append("#   A narrow gap: look whether these are two shells at all.")
    left = [shell.element for shell in guess.shells if shell.element not in scheme.neighbours]
    if left and not scheme.dimers:
        lines += [
            "#",
            f"# {absorber} has {', '.join(left)} around it too. Counted together they hardly tell "
            f"sites apart;",
            f"# {scheme.neighbours[0]} alone is counted, which scatters most.",
        ]
    lines += [
        "",
        "[scheme]",
        f"name = {json.dumps(scheme.name, ensure_ascii=False)}",
        f"absorber = {json.dumps(absorber)}",
        "",
        "[scheme.neighbours]",
        f"elements = {json.dumps(list(scheme.neighbours))}",
        f"cutoff_A = {_cutoff(scheme)}",
    ]
    for elements, cutoff_A, label in scheme.dimers:
        lines += [
            "",
            "# A pair closer than this wins over the count.",
            "[scheme.dimer]",
            f"elements = {json.dumps(list(elements))}",
            f"cutoff_A = {cutoff_A:g}",
            f"label = {json.dumps(label)}",
        ]
    kinds = [label for label, count in guess.sites.items() if count]
    if len(kinds) < 2:
        lines += [
            "",
            f"# All sites are {kinds[0]}: a model needs structures with at least two kinds. Add",
            "# them below, or to the command.",
        ]
    for label, count, _ in scheme.classes:
        shapes = ", ".join(f"{number} {shape}" for shape, number in guess.polyhedra[label].items())
        lines += [
            "",
            f"# Sites: {guess.sites[label]}"
            + (f", by nearest polyhedron {shapes}" if shapes else ""),
            "[[scheme.classes]]",
            f"label = {json.dumps(label, ensure_ascii=False)}",
            f"coordination = {count}",
        ]
    return lines


def _cutoff(scheme: LabelScheme) -> str:
    if isinstance(scheme.cutoff_A, tuple):
        pairs = zip(scheme.neighbours, scheme.cutoff_A, strict=True)
        return "{ " + ", ".join(f"{element} = {cutoff:g}" for element, cutoff in pairs) + " }"
    return f"{scheme.cutoff_A:g}"


def _sites(alike: Sequence[Sequence[int]], absorber: str) -> list[str]:
    """One site of each group that looks alike, where that saves any."""
    total = sum(map(len, alike))
    if len(alike) == total:
        return []
    groups = "; ".join(f"{group[0]} stands for {len(group)}" for group in alike)
    return [
        f"# Of {total} {absorber} atoms (counted from 0) {len(alike)} differ in their distances up "
        f"to 6.5 Å:",
        f"# {groups}. Without this line all are computed.",
        f"sites = [{', '.join(str(group[0]) for group in alike)}]",
    ]
