"""Spectra of the sites of a build: the engine's tasks, run and recorded one by one."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from nearedge.compute import run_tasks
from nearedge.engines import Engine, SiteSpectrum, describe_site
from nearedge.errors import EngineError
from nearedge.library.journal import Journal
from nearedge.library.sources import Progress

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class _Task:
    """Sites that the engine computes in one call."""

    sites: tuple[int, ...]
    keys: tuple[str, ...]
    structure: Atoms
    engine: Engine
    edge: str


def compute_sites(
    structures: Sequence[Atoms],
    keys: Sequence[dict[int, str]],
    engine: Engine,
    edge: str,
    journal: Journal,
    executor: Executor,
    workers: int,
    retry_failed: bool,
    progress: Progress,
) -> int:
    """Run the engine on every site that the journal does not hold; return how many those were.

    Parameters
    ----------
    structures, keys
        For each structure the keys of the sites to compute, by atom.
    journal
        Every site is recorded in it as soon as it is finished.
    retry_failed
        Whether failed sites are computed again.

    Raises
    ------
    BrokenExecutor
        If a worker died; what the others finished is recorded.
    OSError
        If a worker cannot write; what the others had in hand is recorded.
    """

    def is_open(key: str) -> bool:
        return key not in journal.done and (retry_failed or key not in journal.failed)

    everything = sum(len(of_structure) for of_structure in keys)
    tasks = [
        task
        for structure, of_structure in zip(structures, keys, strict=True)
        for task in _tasks(
            structure, {s: k for s, k in of_structure.items() if is_open(k)}, engine, edge
        )
    ]
    total = sum(len(task.sites) for task in tasks)
    computed = 0
    broken: BrokenExecutor | None = None
    unwritable: OSError | None = None
    # Where one worker cannot write, others hardly can; but what they have in hand is recorded.
    handed_out = takewhile(lambda task: unwritable is None, tasks)
    for task, future in run_tasks(_run_engine, handed_out, executor, in_flight=workers):
        error = future.exception()
        if isinstance(error, BrokenExecutor):
            # Others may have finished before the pool broke; their spectra come next.
            broken = error
            continue
        if isinstance(error, OSError):
            unwritable = error
            continue
        results, seconds = future.result()
        for key, result in zip(task.keys, results, strict=True):
            if isinstance(result, OSError):
                unwritable = result
                continue
            journal.record(key, result, seconds / len(results))
            computed += 1
        progress("sites", everything - total + computed, everything)
    if unwritable is not None:
        raise unwritable
    if broken is not None:
        raise broken
    return computed


def _tasks(structure: Atoms, keys: dict[int, str], engine: Engine, edge: str) -> Iterator[_Task]:
    portions = [tuple(keys)] if engine.per == "structure" else [(site,) for site in keys]
    for sites in portions:
        if sites:
            yield _Task(sites, tuple(keys[s] for s in sites), structure, engine, edge)


def _run_engine(task: _Task) -> tuple[list[SiteSpectrum | EngineError | OSError], float]:
    """Run the engine on one task in a scratch folder; runs in a worker.

    Whatever an engine does, each site gets a spectrum or an error; only what concerns no single
    site, a full disk above all, ends the build.
    """
    before = _processor_seconds()
    _remove_left_scratch()
    folder = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-"))
    found: dict[int, object] = {}
    reason = "the engine returned nothing for it"
    try:
        found = dict(task.engine.compute(task.structure, task.sites, task.edge, folder))
    except OSError:
        raise
    except EngineError as error:
        reason = str(error)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}; a defect of the engine".split())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results: list[SiteSpectrum | EngineError | OSError] = []
    for site in task.sites:
        result = found.get(site)
        if not isinstance(result, SiteSpectrum | EngineError | OSError):
            where = describe_site(task.structure, site)
            result = EngineError(f"{task.engine.name}, {where}: {reason}")
        results.append(result)
    return results, _processor_seconds() - before


# A worker that is killed leaves its folder behind, so the name says whose it is; the machine's name
# is in it, too, since several may share a folder for such files.
_SCRATCH = f"nearedge-{os.uname().nodename}-"


@cache
def _remove_left_scratch() -> None:
    """Remove the scratch folders of this machine's workers that have gone; once in a process."""
    for folder in Path(tempfile.gettempdir()).glob(f"{glob.escape(_SCRATCH)}*-*"):
        process = folder.name.removeprefix(_SCRATCH).partition("-")[0]
        if process.isdigit() and not _is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _processor_seconds() -> float:
    """Time that this process and the programs it started have used of all cores."""
    return sum(os.times()[:4])
