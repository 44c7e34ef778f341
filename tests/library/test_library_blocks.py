"""Blocks: every site once, in an order that the seed decides, without the library in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearedge.data import embedded_library
from nearedge.errors import UsageError
from nearedge.library import blocks, open_library, shuffled_blocks


@pytest.fixture(scope="module")
def library():
    return open_library(embedded_library())


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), run=st.integers(1, 250), chunks=st.integers(1, 5))
def test_every_site_comes_once_with_what_belongs_to_it(seed, run, chunks):
    library = open_library(embedded_library())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CHUNK_SITES", run)
        parts = list(shuffled_blocks(library, seed, chunks))
    assert all(len(part.site) <= run * chunks for part in parts)
    site = np.concatenate([part.site for part in parts])
    assert sorted(site) == list(range(library.sizes["site"]))
    for name in ("intensity", "environment", "coordination"):
        given_values = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(given_values, library[name].values[site])


def test_the_seed_decides_the_order(library):
    one, same, other = (
        np.concatenate([part.site for part in shuffled_blocks(library, seed)]) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_blocks_without_chunks_are_refused(library):
    with pytest.raises(UsageError, match="blocks of 0 chunks: give at least 1"):
        next(shuffled_blocks(library, seed=0, chunks=0))
