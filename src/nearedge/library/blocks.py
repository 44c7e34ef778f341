"""Sites of a library that is larger than memory, in random order, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from nearedge.errors import UsageError
from nearedge.library.schema import codes

if TYPE_CHECKING:
    import xarray

# As many sites as one chunk of the store holds: a read then decompresses nothing in vain.
CHUNK_SITES = 4096


class Block(NamedTuple):
    """Some sites of a library, in random order.

    Attributes
    ----------
    site
        Rows of the library; shape (block,).
    intensity
        Raw spectra on the library's energies; shape (block, energy).
    environment
        Codes of the classes, as in the library; shape (block,).
    coordination
        Coordination numbers; shape (block,).
    """

    site: Int[np.ndarray, " block"]
    intensity: Float32[np.ndarray, "block energy"]
    environment: Int[np.ndarray, " block"]
    coordination: Int[np.ndarray, " block"]


def shuffled_blocks(library: xarray.Dataset, seed: int, chunks: int = 16) -> Iterator[Block]:
    """Pass once over all sites of a library, in random order and in little memory.

    Runs of neighbouring sites, a chunk of the store each, are visited in random order; `chunks` of
    them at a time are read and their sites shuffled. Every site comes exactly once. Neighbours in
    the store end up in the same block, so that a block is as varied as its `chunks` runs are: raise
    the number for a library whose neighbouring sites resemble each other.

    Parameters
    ----------
    library
        From `nearedge.library.open_library`; not loaded.
    seed
        The same seed gives the same order.
    chunks
        Runs in a block. A block of 16 holds 65536 sites: 18 MB with 70 energies, 79 MB with 301.

    Yields
    ------
    Block

    Raises
    ------
    UsageError
        If `chunks` is below 1.

    Examples
    --------
    >>> from nearedge.data import embedded_library
    >>> from nearedge.library import open_library
    >>> library = open_library(embedded_library())
    >>> blocks = shuffled_blocks(library, seed=0)
    >>> sum(len(block.site) for block in blocks) == library.sizes["site"]
    True
    """
    if chunks < 1:
        raise UsageError(f"blocks of {chunks} chunks: give at least 1")
    rng = np.random.default_rng(seed)
    sites = library.sizes["site"]
    environment = codes(library, "environment")
    coordination = library["coordination"].values
    begins = rng.permutation(np.arange(0, sites, CHUNK_SITES))
    for first in range(0, len(begins), chunks):
        runs = [slice(b, min(b + CHUNK_SITES, sites)) for b in begins[first : first + chunks]]
        site = np.concatenate([np.arange(run.start, run.stop) for run in runs])
        read = np.concatenate([library["intensity"][run].values for run in runs])
        order = rng.permutation(len(site))
        site = site[order]
        yield Block(site, read[order], environment[site], coordination[site])
