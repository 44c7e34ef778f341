"""What every engine must keep to, as checks that anyone can run on an engine of their own.

List a `Case` for the engine in a test, with a structure that its program computes in seconds, and
assert that `failures` finds nothing::

    def test_my_engine_conforms(tmp_path):
        case = Case(MyEngine(), bulk("MgO", "rocksalt", a=4.2), sites=(1, 0), broken=...)
        assert failures(case, tmp_path) == []
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.engines.base import Engine, SiteSpectrum
from nearedge.errors import EngineError

if TYPE_CHECKING:
    from ase import Atoms

# The part of a spectrum that a library needs, relative to the edge. An axis in hartree, rydberg
# or keV is too short for it, one in meV too coarse.
_WINDOW_EV = (-5.0, 25.0)
_COARSEST_EV = 2.0


@dataclass(frozen=True)
class Case:
    """An engine, and small calculations to try it on.

    Parameters
    ----------
    engine
        With settings that make it fast rather than good.
    structure
        A structure on which the program succeeds.
    sites
        At least two sites that differ, better not in increasing order.
    broken_structure, broken_site
        A site on which the program itself fails: overlapping atoms, too few iterations ...
    broken_engine
        The engine for it, if it takes other settings.
    words
        What the program prints then; must stand in the error.
    edge
        Absorption edge of all sites.
    """

    engine: Engine
    structure: Atoms
    sites: Sequence[int]
    broken_structure: Atoms
    broken_site: int
    words: str
    broken_engine: Engine | None = None
    edge: str = "K"


@dataclass(frozen=True)
class Observation:
    """What an engine did with a case: run on all sites, again in reverse order, and broken."""

    case: Case
    first: Any
    again: Any
    broken: Any
    structure_before: Atoms


def failures(case: Case, folder: Path) -> list[str]:
    """Run the engine on its case and return what it does not keep to; empty if it conforms.

    Parameters
    ----------
    case
        The engine and its small calculations.
    folder
        An empty folder for scratch files, pytest's ``tmp_path`` for example.

    Returns
    -------
    list of str
        For each check that is not passed, its name and the reason.
    """
    observation = observe(case, folder)
    found = []
    for check in CHECKS:
        problem = check(observation)
        if problem:
            found.append(f"{check.__name__}: {problem}")
    return found


def observe(case: Case, folder: Path) -> Observation:
    """Run the engine three times; an exception stands where its result would."""
    before = case.structure.copy()

    def run(engine: Engine, structure: Atoms, sites: Sequence[int], name: str) -> Any:
        work = folder / name
        work.mkdir(parents=True)
        try:
            return dict(engine.compute(structure, sites, case.edge, work))
        except Exception as error:
            return error

    return Observation(
        case,
        run(case.engine, case.structure, case.sites, "first"),
        run(case.engine, case.structure, case.sites[::-1], "again"),
        run(case.broken_engine or case.engine, case.broken_structure, [case.broken_site], "broken"),
        before,
    )


def computes_every_site_in_order(seen: Observation) -> str | None:
    """One spectrum for each site asked for, in the order asked for."""
    if len(set(seen.case.sites)) < 2:
        return "list at least two sites, one alone shows nothing about their order"
    for result, sites in ((seen.first, seen.case.sites), (seen.again, seen.case.sites[::-1])):
        if isinstance(result, Exception):
            return f"raised {type(result).__name__}: {result}"
        if list(result) != list(sites):
            return f"asked for sites {list(sites)}, got {list(result)}"
        for site, spectrum in result.items():
            if not isinstance(spectrum, SiteSpectrum):
                return f"site {site}: no spectrum but {spectrum!r}"
    return None


def same_site_same_spectrum(seen: Observation) -> str | None:
    """The same numbers to the last bit, whatever the order of the sites."""
    first, again = _spectra(seen.first), _spectra(seen.again)
    for site in first.keys() & again.keys():
        for field in ("energy_eV", "intensity", "edge_energy_eV"):
            one, other = getattr(first[site], field), getattr(again[site], field)
            if not np.array_equal(one, other):
                return f"site {site}: {field} differs between two runs"
    return None


def different_sites_different_spectra(seen: Observation) -> str | None:
    """The site itself is computed, not always the same one."""
    spectra = list(_spectra(seen.first).values())
    for spectrum in spectra[1:]:
        same = spectrum.energy_eV.shape == spectra[0].energy_eV.shape and np.array_equal(
            spectrum.intensity, spectra[0].intensity
        )
        if same:
            return f"sites {list(seen.case.sites)} have the same spectrum"
    return None


def structure_is_untouched(seen: Observation) -> str | None:
    """Atoms, cell, entries and calculator are as they were."""
    before, after = seen.structure_before, seen.case.structure
    if before.arrays.keys() != after.arrays.keys():
        return f"arrays are now {sorted(after.arrays)}"
    for name, values in before.arrays.items():
        if not np.array_equal(values, after.arrays[name]):
            return f"{name} changed"
    if not np.array_equal(before.cell.array, after.cell.array):
        return "the cell changed"
    if not np.array_equal(before.pbc, after.pbc):
        return "the periodicity changed"
    if before.info != after.info:
        return f"info is now {after.info}"
    return None if after.calc is None else "a calculator was attached"


def energies_increase_in_eV(seen: Observation) -> str | None:
    """Increasing energies in eV that cover the near edge around the site's own edge."""
    for site, spectrum in _spectra(seen.first).items():
        energy_eV = spectrum.energy_eV
        if not np.all(np.diff(energy_eV) > 0):
            return f"site {site}: the energies do not increase"
        low, high = (spectrum.edge_energy_eV + limit for limit in _WINDOW_EV)
        if not (energy_eV[0] <= low and energy_eV[-1] >= high):
            return (
                f"site {site}: {energy_eV[0]:g} to {energy_eV[-1]:g} does not cover {low:g} to "
                f"{high:g} eV around the edge; other unit?"
            )
        inside = energy_eV[(energy_eV >= low) & (energy_eV <= high)]
        if len(inside) < 2 or np.diff(inside).max() > _COARSEST_EV:
            return f"site {site}: steps of more than {_COARSEST_EV:g} eV near the edge; other unit?"
    return None


def intensities_are_cross_sections(seen: Observation) -> str | None:
    """Finite, nowhere negative, not zero everywhere."""
    for site, spectrum in _spectra(seen.first).items():
        intensity = spectrum.intensity
        if intensity.shape != spectrum.energy_eV.shape:
            return f"site {site}: {intensity.shape} intensities"
        if not np.isfinite(intensity).all():
            return f"site {site}: NaN or infinite"
        if intensity.min() < 0:
            return f"site {site}: negative ({intensity.min():g})"
        if intensity.max() == 0:
            return f"site {site}: zero everywhere"
    return None


def failure_is_returned_in_the_programs_words(seen: Observation) -> str | None:
    """A failing site has an EngineError: one line with structure, site and the program's words."""
    case, result = seen.case, seen.broken
    if isinstance(result, Exception):
        return f"raised {type(result).__name__} instead of returning an EngineError: {result}"
    error = result.get(case.broken_site)
    if not isinstance(error, EngineError):
        return f"{case.broken_site} has no EngineError but {error!r}"
    message = str(error)
    wanted = {
        "the program's words": case.words,
        "the site": f"atom {case.broken_site} ",
        "the structure": str(
            case.broken_structure.info.get(
                "trajectory_id", case.broken_structure.get_chemical_formula("metal")
            )
        ),
    }
    for what, text in wanted.items():
        if text not in message:
            return f"the error does not name {what} ({text!r}): {message!r}"
    return None if "\n" not in message else f"the error has more than one line: {message!r}"


def settings_are_json(seen: Observation) -> str | None:
    """Settings are plain values, the same each time."""
    engine = seen.case.engine
    settings = dict(engine.settings())
    try:
        text = json.dumps(settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"{error}"
    if json.loads(text) != settings or dict(engine.settings()) != settings:
        return f"not the same after JSON, or at the second call: {settings}"
    return None


def tells_name_version_and_broadening(seen: Observation) -> str | None:
    """Name, version and broadening are one line each, and `per` is one of its two values."""
    engine = seen.case.engine
    for what, text in (
        ("name", engine.name),
        ("version", engine.version()),
        ("native_broadening", engine.native_broadening),
    ):
        if not isinstance(text, str) or not text.strip() or "\n" in text:
            return f"{what} is {text!r}"
    if engine.name != engine.name.lower() or " " in engine.name:
        return f"name {engine.name!r} is not one lower-case word"
    return None if engine.per in ("site", "structure") else f"per is {engine.per!r}"


def travels_to_a_worker(seen: Observation) -> str | None:
    """The engine can be pickled, and is the same engine afterwards."""
    engine = seen.case.engine
    try:
        there = pickle.loads(pickle.dumps(engine))
    except Exception as error:
        return f"cannot be pickled: {error}"
    before, after = ((e.name, str(dict(e.settings()))) for e in (engine, there))
    return None if before == after else f"was {before}, is {after} after pickling"


CHECKS: tuple[Callable[[Observation], str | None], ...] = (
    computes_every_site_in_order,
    same_site_same_spectrum,
    different_sites_different_spectra,
    structure_is_untouched,
    energies_increase_in_eV,
    intensities_are_cross_sections,
    failure_is_returned_in_the_programs_words,
    settings_are_json,
    tells_name_version_and_broadening,
    travels_to_a_worker,
)
"""Each takes an `Observation` and returns what is wrong, or None."""


def _spectra(result: Any) -> dict[int, SiteSpectrum]:
    """Those sites of a result that have a spectrum; the others are another check's business."""
    if not isinstance(result, dict):
        return {}
    return {site: s for site, s in result.items() if isinstance(s, SiteSpectrum)}
