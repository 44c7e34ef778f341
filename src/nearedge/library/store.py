"""Libraries on disk: one Zarr store, a directory or a ``.zarr.zip`` file."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.library.blocks import CHUNK_SITES
from nearedge.library.replace import replaced, replacing
from nearedge.library.schema import CODED, check_library, codes

if TYPE_CHECKING:
    import xarray
    from ase import Atoms

_STRUCTURES = "structures"


def open_library(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Open a library lazily and check its schema.

    Parameters
    ----------
    path
        A Zarr directory or a ``.zarr.zip`` file.

    Returns
    -------
    xarray.Dataset
        Dimensions ``site`` and ``energy``; see `nearedge.library.schema` for the variables.

    Raises
    ------
    NearedgeError
        If there is no library there, it is damaged, or it has another schema.
    """
    return check_library(_open(path, group=None), str(path))


def open_structures(path: str | os.PathLike[str]) -> list[Atoms]:
    """Read the structures that travel with a library, in the order of its ``structure_id`` codes.

    Each carries ``info`` with ``structure_id``, ``trajectory_id``, ``snapshot_id`` and
    ``temperature_K``.

    Raises
    ------
    NearedgeError
        If there is no library there, or it is damaged.
    """
    from ase import Atoms

    with reading(path):
        stored = _open(path, group=_STRUCTURES).load()
        counts = stored["atoms"].values
        structures = []
        for number, end in enumerate(np.cumsum(counts)):
            atoms = slice(int(end - counts[number]), int(end))
            structures.append(
                Atoms(
                    numbers=stored["atomic_number"].values[atoms],
                    positions=stored["position_A"].values[atoms],
                    cell=stored["cell_A"].values[number],
                    pbc=stored["pbc"].values[number],
                    info=dict(stored.attrs["info"][number]),
                )
            )
        return structures


def write_library(
    path: str | os.PathLike[str], library: xarray.Dataset, structures: Sequence[Atoms]
) -> None:
    """Write a library as a Zarr directory, or as one file if `path` ends in ``.zip``.

    An existing library is replaced only once the new one is complete.

    Parameters
    ----------
    library
        As made by `nearedge.library.schema.site_dataset`.
    structures
        In any order, each with its name in ``info["structure_id"]``; those without a site in the
        library are left out.

    Raises
    ------
    NearedgeError
        If the library is not one, a structure is missing, something else stands at `path`, or it
        cannot be written.
    """
    path = Path(path)
    _check_values(check_library(library, str(path)), str(path))
    by_name = {structure.info.get("structure_id"): structure for structure in structures}
    used = library["structure_id"].attrs["labels"]
    missing = [name for name in used if name not in by_name]
    if missing:
        raise NearedgeError(f"{path}: the structure {missing[0]!r} of its sites was not given")
    with replacing(path) as fresh:
        if path.suffix == ".zip":
            with tempfile.TemporaryDirectory() as folder:
                _write_store(Path(folder), library, [by_name[name] for name in used])
                _zip(Path(folder), fresh)
        else:
            _write_store(fresh, library, [by_name[name] for name in used])


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say of any trouble inside a store that the library is damaged.

    A damaged store makes its readers (xarray, Zarr, the decompressors) raise nearly anything.
    """
    try:
        yield
    except NearedgeError:
        raise
    except Exception as error:
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        raise NearedgeError(
            f"{path}: not a nearedge library or damaged ({detail[:150]}); build or import it again"
        ) from error


def _open(path: str | os.PathLike[str], group: str | None) -> xarray.Dataset:
    import xarray
    from zarr.storage import ZipStore

    path = Path(path)
    if not path.exists():
        hint = "; check the path"
        if path.with_name(path.name + ".building").exists():
            hint = " yet: its build has not finished, run the same build again to go on"
        if replaced(path).exists():
            hint = f": it was being replaced; rename {replaced(path)} to it"
        raise NearedgeError(f"{path}: no library there{hint}")
    with reading(path):
        store: Any = str(path)
        if path.is_file():
            store = ZipStore(path, mode="r")
        return xarray.open_zarr(store, group=group, consolidated=True, zarr_format=2, chunks=None)


def _check_values(library: xarray.Dataset, where: str) -> None:
    """Look at every value once, before it is written."""
    if library.sizes["site"] == 0:
        raise NearedgeError(f"{where}: a library without sites; give it at least one")
    for variable in CODED:
        codes(library, variable)
    intensity = library["intensity"].values
    if not np.isfinite(intensity).all() or intensity.min() < 0:
        site = int(np.argmax(~(intensity >= 0).all(axis=1) | ~np.isfinite(intensity).all(axis=1)))
        raise NearedgeError(
            f"{where}: the spectrum of site {site} has negative or infinite values or NaN; compute "
            f"it again"
        )


def _write_store(path: Path, library: xarray.Dataset, structures: Sequence[Atoms]) -> None:
    chunk = (max(1, min(library.sizes["site"], CHUNK_SITES)), library.sizes["energy"])
    library.to_zarr(
        path,
        mode="w",
        zarr_format=2,
        consolidated=True,
        encoding={"intensity": {"chunks": chunk}},
    )
    _structure_dataset(structures).to_zarr(
        path, group=_STRUCTURES, mode="w", zarr_format=2, consolidated=True
    )


def _structure_dataset(structures: Sequence[Atoms]) -> xarray.Dataset:
    import xarray

    return xarray.Dataset(
        {
            "atoms": ("structure", np.array([len(s) for s in structures], dtype=np.int32)),
            "cell_A": (
                ("structure", "vector", "axis"),
                np.array([s.cell.array for s in structures]),
            ),
            "pbc": (("structure", "vector"), np.array([s.pbc for s in structures])),
            "atomic_number": (
                "atom",
                np.concatenate([s.numbers for s in structures]).astype(np.int16),
            ),
            "position_A": (("atom", "axis"), np.concatenate([s.positions for s in structures])),
        },
        attrs={"info": [_plain(s.info) for s in structures]},
    )


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    """Keep the entries of `info` that JSON can hold, as plain Python values."""
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in info.items()}
    return {k: v for k, v in plain.items() if isinstance(v, str | int | float | bool)}


def _zip(folder: Path, target: Path) -> None:
    """Pack a folder; chunks are compressed already, dates are fixed so that bytes repeat."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                name = file.relative_to(folder).as_posix()
                archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
