"""Several libraries together: one shared method, assessed on each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from nearedge.errors import UsageError, did_you_mean
from nearedge.library import open_library
from nearedge.library.schema import CATEGORIES, absorber_and_edge
from nearedge.mixtures import GroupBy, load_sites
from nearedge.models.method import Method
from nearedge.models.sharing import TOLD, Sharing
from nearedge.studies.assessment import assess_library, method_for


def assess_together(
    library_paths: Sequence[str | os.PathLike[str]],
    *,
    group_by: GroupBy | None = None,
    folds: int | None = None,
    seed: int = 0,
    window_eV: tuple[float, float] | None = None,
    categories: tuple[str, ...] = TOLD,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Cross-validate one shared method on whole groups of each of several libraries.

    Materials that are left out of a library are left out of the others, too. The baselines are
    those of the library alone.

    Parameters
    ----------
    library_paths
        Labelled libraries, each of another absorber or edge.
    group_by, folds, seed, out, executor, progress
        As of `nearedge.studies.assess`; in `out` every library has a folder of its own.
    window_eV
        First and last energy that the method looks at; its own if not given.
    categories
        That get vectors: some of ``absorber``, ``edge``, ``space_group`` and ``defect``.

    Returns
    -------
    dict
        ``libraries``: what `nearedge.studies.assess` returns, by absorber and edge as in "Fe-K".

    Raises
    ------
    UsageError
        If two libraries are of the same absorber and edge.
    """
    figures = {}
    for name, path in model_names(library_paths).items():
        library = open_library(path).load()
        others = [other for other in library_paths if other != path]
        assessment = assess_library(
            library,
            sharing_with(method_for(library, window_eV), others, seed, categories),
            group_by=group_by,
            folds=folds,
            seed=seed,
            executor=executor,
            progress=progress,
        )
        figures[name] = assessment.figures
        if out is not None:
            from nearedge.studies.assessment_report import write_assessment

            write_assessment(assessment, Path(out) / name)
    return {"libraries": figures}


def sharing_with(
    method: Method,
    companions: Sequence[str | os.PathLike[str]],
    seed: int,
    categories: tuple[str, ...] = TOLD,
) -> Method:
    """Let a method train on the sites of other libraries, too.

    Raises
    ------
    UsageError
        If one of them does not cover the energies that the method looks at, or there is no such
        category.
    """
    for name in categories:
        if name not in CATEGORIES:
            raise UsageError(
                f"no category {name!r}{did_you_mean(name, CATEGORIES)}; give some of "
                f"{', '.join(CATEGORIES)}"
            )
    window_eV = (method.grid.start_eV, method.grid.stop_eV)
    sites = []
    for path in companions:
        library = open_library(path).load()
        try:
            method_for(library, window_eV)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        sites.append(load_sites(library, method.grid))
    return replace(method, sharing=Sharing(tuple(sites), categories, seed))


def model_names(
    library_paths: Sequence[str | os.PathLike[str]],
) -> dict[str, str | os.PathLike[str]]:
    """Libraries by absorber and edge, as in "Fe-K".

    Raises
    ------
    UsageError
        If two have the same.
    """
    named: dict[str, str | os.PathLike[str]] = {}
    for path in library_paths:
        one = _described(path)
        name = f"{one['absorber']}-{one['edge']}"
        if name in named:
            raise UsageError(
                f"{named[name]} and {path} are both of the {one['absorber']} {one['edge']} edge; "
                f"give one library for each absorber and edge"
            )
        named[name] = path
    return named


def companions_in_words(companions: Sequence[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """What a model's card says of the libraries that it was trained on together with its own."""
    return [_described(path) for path in companions]


def _described(path: str | os.PathLike[str]) -> dict[str, Any]:
    library = open_library(path)
    absorber, edge = absorber_and_edge(library)
    return {"absorber": absorber, "edge": edge, "sites": library.sizes["site"]}
