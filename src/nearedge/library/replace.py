"""Replacing a library on disk only by a complete one, and never anything else."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nearedge.errors import NearedgeError, UsageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a place to write to, a file or a folder, that takes the place of `path` afterwards.

    If the body fails, or the process is killed at any moment, what stood at `path` is there still;
    only a kill between two renames leaves it under the name of `replaced`, from where the next
    call brings it back.

    Raises
    ------
    NearedgeError
        If something else than a library stands at `path`, or the disk cannot be written.
    """
    refuse_foreign(path)
    fresh, old = _beside(path, "new"), replaced(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _restore(old, path)
        remove(fresh)
        yield fresh
        remove(old)
        if path.is_dir():
            # No call of the system replaces a folder that is not empty.
            os.replace(path, old)
        os.replace(fresh, path)
    except OSError as error:
        _restore(old, path)
        kept = "what is there stays as it was, " if path.exists() else ""
        raise NearedgeError(
            f"{path}: cannot write the library ({error.strerror or error}); {kept}make room or "
            f"choose another --out"
        ) from error
    finally:
        remove(fresh)
        if path.exists():
            remove(old)


@contextmanager
def alone_at(path: Path) -> Iterator[None]:
    """Wait until no other process makes a library at `path`, and let none begin meanwhile.

    Where a file system has no locks, nobody waits.

    Raises
    ------
    NearedgeError
        If the folder cannot be written.
    """
    lock = _beside(Path(os.path.abspath(path)), "lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(lock)
    except OSError as error:
        raise NearedgeError(
            f"{path}: cannot write the library ({error.strerror}); choose another --out"
        ) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(lock: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_CREAT | os.O_WRONLY, 0o666)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held it may have removed it, so that the next one would lock another file.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def replaced(path: Path) -> Path:
    """Where a library stands for the moment in which its successor takes its place."""
    return _beside(path, "old")


def refuse_foreign(path: Path) -> None:
    """Accept a path only if a library, or nothing, stands there.

    Raises
    ------
    NearedgeError
        If there is a file or a folder, not empty, that is no library of nearedge, or one that is
        not of the kind that its name tells.
    """
    if path.is_dir():
        fits = path.suffix != ".zip" and (not any(path.iterdir()) or _is_library(path))
    else:
        fits = not path.exists() or (path.suffix == ".zip" and _is_library(path))
    if not fits:
        raise NearedgeError(f"{path}: exists and is not a library; choose another --out")


def refuse_existing(path: Path) -> None:
    """Accept a path only if nothing stands there; else UsageError."""
    if path.exists():
        raise UsageError(f"{path}: exists; choose another --out")


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink()


def _is_library(path: Path) -> bool:
    try:
        if path.is_dir():
            text = (path / ".zattrs").read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                text = archive.read(".zattrs")
        return "schema_version" in json.loads(text)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        return False


def _restore(old: Path, path: Path) -> None:
    if old.exists() and not path.exists():
        os.replace(old, path)


def _beside(path: Path, what: str) -> Path:
    """Name of a working copy: hidden, and unlikely to be anybody's own."""
    return path.with_name(f".{path.name}.nearedge-{what}")
