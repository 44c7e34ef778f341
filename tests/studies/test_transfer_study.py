"""The study of the transfer between engines, on a small part of real libraries."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nearedge.data import embedded_library
from nearedge.errors import UsageError
from nearedge.library import open_library
from nearedge.mixtures import load_sites
from nearedge.models.method import DEFAULT
from nearedge.models.pretraining import pretraining_of
from nearedge.studies.transfer import PRETRAINED, VECTORS, transfer_study, write_study


@pytest.fixture(scope="module")
def parts():
    """Sites to pretrain on, and 30 sites of another cell to finish with."""
    library = open_library(embedded_library()).load()
    cell = library["trajectory_id"].values
    before = load_sites(library.isel(site=np.flatnonzero(cell == 0)), DEFAULT.grid)
    finishing = library.isel(site=np.flatnonzero(cell == 1)[:30])
    return finishing, pretraining_of(before, DEFAULT.grid, {"engine": "gpaw"})


def test_every_number_of_sites_is_answered_once_a_seed(parts, tmp_path) -> None:
    results = transfer_study(*parts, counts=(0, 5), seeds=2, folds=3)
    found = results["accuracy"]
    assert list(found[PRETRAINED]) == ["0", "5", "all"]
    assert list(found[VECTORS]) == ["5", "all"]
    assert all(len(values) == 2 for values in found[VECTORS].values())
    assert results == transfer_study(*parts, counts=(0, 5), seeds=2, folds=3), "seeded"
    figure = write_study(results, tmp_path)
    assert figure.stat().st_size > 10_000
    assert json.loads((tmp_path / "transfer.json").read_text())["sites"] == 30


def test_more_finishing_sites_than_there_are_is_a_usage_error(parts) -> None:
    with pytest.raises(UsageError, match="25 finishing sites"):
        transfer_study(*parts, counts=(25,), seeds=1, folds=3)
