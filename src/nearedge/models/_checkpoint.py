"""Keep a run on disk while it goes on, so that one that was killed can be taken up again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from nearedge.errors import NearedgeError, UsageError

#: All arrays of one model of a run that change, and its history to date.
Snapshot = dict[str, np.ndarray]


def fingerprint(description: str, arrays: Sequence[np.ndarray]) -> str:
    """Condense all that a run depends on into one word."""
    digest = hashlib.blake2b(description.encode(), digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save(path: Path, run: str, models: Sequence[Snapshot]) -> None:
    """Write the snapshots of all models; a crash meanwhile leaves the file as it was."""
    arrays = {
        f"{number}.{name}": np.ascontiguousarray(array)
        for number, snapshot in enumerate(models)
        for name, array in snapshot.items()
    }
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(arrays, unfinished, metadata={"run": run})
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: Path, run: str) -> list[Snapshot]:
    """Read the snapshots of a run; none if there is no such file.

    Raises
    ------
    UsageError
        If the file belongs to another run.
    NearedgeError
        If it is no checkpoint.
    """
    if not path.exists():
        return []
    models: dict[int, Snapshot] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            found = (file.metadata() or {}).get("run")
            if found != run:
                raise UsageError(
                    f"{path} keeps another run: its models, settings, seeds or data differ from "
                    "this one's; remove the file, or give another for this run"
                )
            for key in file.keys():  # noqa: SIM118 - the file is no mapping
                number, name = key.split(".")
                models.setdefault(int(number), {})[name] = file.get_tensor(key)
    except SafetensorError as error:
        raise NearedgeError(
            f"{path} is no checkpoint of a training ({error}); remove it"
        ) from error
    return [models[number] for number in sorted(models)]
