"""Write Gatan DigitalMicrograph files, versions 3 and 4, as the microscope program lays them out.

Only what a spectrum needs: ImageList, with data, dimensions, calibrations and names. The layout is
the one that rosettasciio, proven on many real files, reads.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np


def dm_file(
    version: int, data: np.ndarray, axes: list[tuple[float, float, str]], name: str = "EELS scan"
) -> bytes:
    """File with one image; `axes` gives start, step and unit of each axis of `data`."""
    dimensions = list(reversed(data.shape))
    calibrations = [
        {"Origin": -start / step, "Scale": step, "Units": unit}
        for start, step, unit in reversed(axes)
    ]
    image = {
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": ""},
                "Dimension": calibrations,
            },
            "Data": data.astype("<f4"),
            "DataType": 2,
            "Dimensions": dimensions,
        },
        "ImageTags": {"Meta Data": {"Format": "Spectrum", "Signal": "EELS"}},
        "Name": name,
    }
    long = ">q" if version == 4 else ">i"
    body = _group({"ImageList": [image]}, version)
    return struct.pack(">i", version) + struct.pack(long, len(body)) + struct.pack(">i", 1) + body


def _group(tags: dict[str, Any] | list[Any], version: int) -> bytes:
    items = list(tags.items()) if isinstance(tags, dict) else [("", tag) for tag in tags]
    body = b"".join(_tag(name, value, version) for name, value in items)
    return b"\1\0" + struct.pack(">q" if version == 4 else ">i", len(items)) + body


def _tag(name: str, value: Any, version: int) -> bytes:
    label = struct.pack(">h", len(name)) + name.encode()
    if isinstance(value, dict | list):
        content = _group(value, version)
        size = struct.pack(">q", len(content)) if version == 4 else b""
        return b"\x14" + label + size + content
    if isinstance(value, str):
        info, numbers = [20, 4, len(value)], value.encode("utf-16-le")
    elif isinstance(value, np.ndarray):
        info, numbers = [20, 6, value.size], value.tobytes()
    elif isinstance(value, int):
        info, numbers = [5], struct.pack("<I", value)
    else:
        info, numbers = [6], struct.pack("<f", value)
    long = "q" if version == 4 else "i"
    content = b"%%%%" + struct.pack(f">{len(info) + 1}{long}", len(info), *info) + numbers
    size = struct.pack(">q", len(content)) if version == 4 else b""
    return b"\x15" + label + size + content
