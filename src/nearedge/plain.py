"""Values and text as JSON and other files can hold them."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any) -> Any:
    """Turn arrays to lists and NaN and infinity to None, at any depth; JSON has neither.

    Examples
    --------
    >>> plain({"mean": float("nan"), "interval": (1.0, 2.0)})
    {'mean': None, 'interval': [1.0, 2.0]}
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def printable(text: str) -> str:
    r"""Text that UTF-8 can hold: bytes of a file's name that are none become escapes.

    In a document of JSON they are escapes of JSON, which any program reads.

    Examples
    --------
    >>> import os
    >>> printable(os.fsdecode(b"scan_20\xb0C.dat")), printable("20 °C")
    ('scan_20\\udcb0C.dat', '20 °C')
    """
    return text.encode(errors="backslashreplace").decode()
