"""The files of a series, in order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from nearedge.errors import NearedgeError


def find_files(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Files of a series in order: those named, and all in the folders named.

    A folder stands for the files in it and in its folders, sorted so that ``scan_2`` comes before
    ``scan_10``; names that start with a dot are left out.

    Parameters
    ----------
    paths
        Files and folders. A file that does not exist is passed on: it ends in an `error` of its
        own when it is read, and not the series.

    Raises
    ------
    NearedgeError
        If a folder cannot be read or holds no file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("scan_10.xdi", "scan_9.xdi", ".hidden"):
    ...         Path(folder, name).touch()
    ...     [Path(file).name for file in find_files([folder])]
    ['scan_9.xdi', 'scan_10.xdi']
    """
    files: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            files.append(str(path))
            continue
        found = _inside(str(path))
        if not found:
            raise NearedgeError(f"{path}: a folder without files; name the folder of the scans")
        files += found
    return files


def _inside(folder: str) -> list[str]:
    def refuse(error: OSError) -> None:
        raise NearedgeError(
            f"{error.filename}: cannot be read ({error.strerror}); check its permissions"
        )

    found: list[str] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(place, name) for name in names if not name.startswith(".")]
    return sorted(found, key=_natural)


def _natural(path: str) -> list[tuple[int, int | str]]:
    """Sort key under which numbers in a name count as numbers."""
    parts = re.split(r"(\d+)", path)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def stamp(path: str) -> tuple[int, int]:
    """Size in bytes and time of change in ns, by which a file that has changed is recognised."""
    try:
        status = Path(path).stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)
