"""Building a library from a recipe: structures, then spectra, then the store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.engines import Engine, engine_from_settings
from nearedge.environments import LabelScheme, SiteLabels, label_sites, load_scheme
from nearedge.errors import NearedgeError, UsageError
from nearedge.library.axis import never_on_axis, structure_on_axis
from nearedge.library.columns import add_structure, joined, settings_hash
from nearedge.library.journal import Journal, site_keys
from nearedge.library.recipe import Recipe, load_recipe
from nearedge.library.replace import refuse_foreign
from nearedge.library.running import compute_sites
from nearedge.library.schema import library_axis, site_dataset
from nearedge.library.sources import CHOSEN, Progress, recipe_structures
from nearedge.library.store import write_library
from nearedge.spectra import EnergyGrid

if TYPE_CHECKING:
    from ase import Atoms


RETRY = "after changing what a failure asks for, build again with --retry-failed"
"""What to do about failed sites: the journal keeps them, and not every setting is in their keys."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes
    ----------
    sites
        Sites in the library.
    computed
        Sites that the engine ran on in this call; the others were there from an earlier one.
    left_out
        Name of each site that has no class under the scheme, and why.
    failed
        Name of each site without a usable spectrum, and the program's message.
    core_seconds_per_site
        Processor time, the median over all sites in the library.
    mean_coordination
        For each structure, ``absorber``: mean number of neighbours over all absorbers, those
        without a class too; ``neighbour``: the same bonds per neighbour atom. They tell whether
        a disordered cell resembles the material.
    """

    sites: int
    computed: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    core_seconds_per_site: float = 0.0
    mean_coordination: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def build_library(
    recipe_path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    executor: Executor,
    *,
    workers: int,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Make the library that a recipe describes, going on where an earlier call stopped.

    Work in progress stands in ``<out>.building``: the trajectories, and a journal with every
    finished site. It may be killed at any moment. The library itself appears at `out` when all
    sites are done; sites that the engine fails on are recorded with their reason and left out.

    Parameters
    ----------
    recipe_path
        A TOML recipe.
    out
        Where the library goes: a Zarr directory, or one file if it ends in ``.zip``. A library
        that an earlier build made there is replaced once the new one is complete.
    executor
        Runs the dynamics (one task a trajectory) and the engine (one task a site or structure).
    workers
        How many tasks the executor runs at once.
    retry_failed
        Compute again the sites that failed before.
    progress
        Called whenever something is finished.

    Raises
    ------
    UsageError
        If the recipe is wrong, or something else stands at `out`.
    NearedgeError
        If another build writes there, the disk is full, a worker dies, or every site failed.
    """
    recipe_path, out = Path(recipe_path), Path(out)
    recipe = load_recipe(recipe_path)
    recipe_text = recipe_path.read_text(encoding="utf-8")
    if workers < 1:
        raise UsageError(f"--workers {workers}: give at least 1")
    scheme, engine = _scheme_and_engine(recipe, recipe_path)
    axis = library_axis(*recipe.window_eV)
    covers_eV = getattr(engine, "covers_eV", None)
    if covers_eV and (reason := never_on_axis(covers_eV, axis)):
        raise UsageError(f"{recipe_path}: engine {engine.name!r}: {reason}")
    work = out.with_name(out.name + ".building")
    refuse_foreign(out)
    if out.exists() and not work.exists():
        raise UsageError(f"{out}: exists and was not built here; choose another --out")
    report = progress or (lambda what, done, total: None)
    with Journal(work / "journal.jsonl") as journal, _plain_errors(work, journal):
        structures = recipe_structures(recipe, recipe_path, work, executor, workers, report)
        labels = [label_sites(structure, scheme) for structure in structures]
        keys = [
            site_keys(s, _chosen(s, sites, recipe_path), engine, recipe.engine.edge)
            for s, sites in zip(structures, labels, strict=True)
        ]
        computed = compute_sites(
            structures, keys, engine, recipe.engine.edge, journal, executor, workers,
            retry_failed, report,
        )  # fmt: skip
        columns, summary = _assemble(
            structures, labels, keys, journal, recipe.engine.edge, engine.zero_eV, axis
        )
        library = site_dataset(
            joined(columns),
            {
                "label_scheme": scheme.to_dict(),
                "engine": engine.name,
                "engine_version": engine.version(),
                "engine_settings": dict(engine.settings()),
                "engine_settings_hash": settings_hash(engine.settings()),
                "energy_zero": _zero_in_words(engine.zero_eV),
                "native_broadening": engine.native_broadening,
                "licence": recipe.licence,
                "recipe": recipe_text,
            },
            axis,
        )
        write_library(out, library, structures)
    return BuildReport(
        library.sizes["site"],
        computed,
        mean_coordination=_mean_coordination(structures, labels, scheme),
        **summary,
    )


def _zero_in_words(zero_eV: float | None) -> str:
    if zero_eV is None:
        return "mean edge energy (Fermi level or band minimum) of the structure's sites"
    return f"{zero_eV:g} eV on the engine's scale, the same for all structures"


def _mean_coordination(
    structures: Sequence[Atoms], labels: Sequence[SiteLabels], scheme: LabelScheme
) -> dict[str, dict[str, float]]:
    """Bonds per absorber and per neighbour atom of every structure, by its name."""
    means = {}
    for structure, sites in zip(structures, labels, strict=True):
        bonds = int(sites.coordination.sum())
        neighbours = int(np.isin(structure.get_chemical_symbols(), scheme.neighbours).sum())
        means[structure.info["structure_id"]] = {
            "absorber": bonds / len(sites.atom_index),
            "neighbour": bonds / neighbours if neighbours else 0.0,
        }
    return means


def with_class(sites: SiteLabels) -> np.ndarray:
    """Atoms (site,) that have a class under the scheme."""
    return sites.atom_index[sites.environment != ""]


def _scheme_and_engine(recipe: Recipe, recipe_path: Path) -> tuple[LabelScheme, Engine]:
    """What a recipe names; a scheme that is a file is looked for beside the recipe."""
    given = recipe.scheme
    try:
        engine = engine_from_settings(recipe.engine.name, recipe.engine.settings)
        engine.version()
        if isinstance(given, dict):
            return LabelScheme.from_dict(given), engine
        beside = given.endswith(".toml")
        return load_scheme(recipe_path.parent / given if beside else given), engine
    except UsageError as error:
        raise UsageError(f"{recipe_path}: {error}") from error


def _chosen(structure: Atoms, sites: SiteLabels, recipe_path: Path) -> list[int]:
    """Absorbers to compute: those with a class, of those that the recipe wants."""
    wanted = structure.info.get(CHOSEN, tuple(sites.atom_index.tolist()))
    others = sorted(set(wanted) - set(sites.atom_index.tolist()))
    if others:
        raise UsageError(
            f"{recipe_path}: sites = {list(wanted)}: atom {others[0]} of "
            f"{structure.info['structure_id']} is not one of the absorbers that the scheme labels; "
            f"atoms count from 0"
        )
    return [site for site in with_class(sites).tolist() if site in wanted]


@contextmanager
def _plain_errors(work: Path, journal: Journal) -> Iterator[None]:
    """Turn what can befall any build into an error that says how to go on."""
    try:
        yield
    except BrokenExecutor as error:
        raise NearedgeError(
            f"{work}: a worker process died, perhaps for want of memory ({error}); "
            f"{len(journal.done)} finished sites are kept, run the same build again to go on, "
            f"with fewer workers or more memory for each"
        ) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise NearedgeError(
            f"{work}: {place}{error.strerror or error}; {len(journal.done)} finished sites are "
            f"kept, make room and run the same build again"
        ) from error


def _assemble(
    structures: Sequence[Atoms],
    labels: Sequence[SiteLabels],
    keys: Sequence[Mapping[int, str]],
    journal: Journal,
    edge: str,
    zero_eV: float | None,
    axis: EnergyGrid,
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Bring the finished sites of all structures onto one axis; also return what is missing."""
    columns: dict[str, list[Any]] = {}
    left_out: dict[str, str] = {}
    failed: dict[str, str] = {}
    seconds: list[float] = []
    for structure, sites, of_structure in zip(structures, labels, keys, strict=True):
        name = structure.info["structure_id"]
        chosen = structure.info.get(CHOSEN, sites.atom_index)
        left_out |= {f"{name}, atom {s}": why for s, why in sites.reasons.items() if s in chosen}
        finished = {site: key for site, key in of_structure.items() if key in journal.done}
        failed |= {
            f"{name}, atom {site}": journal.failed.get(key, "not computed")
            for site, key in of_structure.items()
            if site not in finished
        }
        if not finished:
            continue
        intensity, shift, problems = structure_on_axis(
            [journal.done[k] for k in finished.values()], zero_eV, axis
        )
        atoms = list(finished)
        failed |= {f"{name}, atom {atoms[place]}": why for place, why in problems.items()}
        good = [place for place in range(len(atoms)) if place not in problems]
        rows = np.searchsorted(sites.atom_index, [atoms[place] for place in good])
        if good:
            add_structure(
                columns, structure, sites, rows.tolist(), intensity[good], shift[good], edge
            )
            seconds += [journal.seconds[finished[atoms[place]]] for place in good]
    if not columns:
        site, why = next(iter(failed.items()), ("all", "no structure has a site with a class"))
        advice = f"; {RETRY}" if failed else ""
        raise NearedgeError(f"no site could be computed; the first failure: {site}: {why}{advice}")
    return columns, {
        "left_out": left_out,
        "failed": failed,
        "core_seconds_per_site": float(np.median(seconds)),
    }
