"""The report of a study: one HTML file that holds everything it shows."""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearedge.errors import NearedgeError
from nearedge.studies.style import DPI

_PROVENANCE = {
    "library": "Library",
    "versions": "Versions",
    "seed": "Seed",
    "seeds": "Seeds",
    "seconds": "Seconds",
}


@dataclass(frozen=True)
class Table:
    """A table of a report, its cells ready to print.

    Parameters
    ----------
    title
        What the table shows.
    header
        One name per column; the first column names the rows.
    rows
        As many cells as the header in each.

    Raises
    ------
    NearedgeError
        If a row has another number of cells than the header.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.header):
                raise NearedgeError(
                    f"table {self.title!r}, row {number}: {len(row)} cells under "
                    f"{len(self.header)} headers; give one cell per column"
                )


def write_report(
    folder: str | Path,
    *,
    title: str,
    headline: Sequence[str],
    tables: Sequence[Table],
    figures: Mapping[str, tuple[str, Path]],
    results: Mapping[str, Any],
) -> Path:
    """Write ``report.html``: headline, tables, figures and provenance in one self-contained file.

    It loads nothing from elsewhere, follows the reader's light or dark setting, and prints.

    Parameters
    ----------
    folder
        Made if it does not exist; a report of an earlier run in it is replaced.
    title
        Of the page.
    headline
        The findings, the most important first.
    tables
        Shown in this order.
    figures
        (caption, path of the PNG) by name, shown in this order.
    results
        Everything that was found, as in ``results.json``; its ``library``, ``versions``, ``seed``,
        ``seeds`` and ``seconds`` are shown as provenance, and all of it can be unfolded.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NearedgeError
        If a picture cannot be read or is no PNG, or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> table = Table("Accuracy", ("protocol", "test"), (("pooled", "99 %"), ("held-out", "74 %")))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_report(
    ...         folder, title="A study", headline=["Unseen sites are harder."], tables=[table],
    ...         figures={}, results={"seed": 0},
    ...     )
    ...     "Unseen sites are harder." in path.read_text(encoding="utf-8")
    True
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nearedge.studies", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html.jinja").render(
        title=title,
        headline=headline,
        tables=tables,
        pictures=[_picture(name, *figure) for name, figure in figures.items()],
        provenance=[(word, results[key]) for key, word in _PROVENANCE.items() if key in results],
        results=json.dumps(dict(results), indent=2, ensure_ascii=False, default=_plain),
    )
    path = Path(folder) / "report.html"
    part = path.with_name("report.html.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise NearedgeError(
            f"{path}: cannot write the report ({error.strerror}); choose another folder"
        ) from error
    return path


@dataclass(frozen=True)
class _Picture:
    name: str
    caption: str
    width: int
    height: int
    width_mm: str
    base64: str


def _picture(name: str, caption: str, path: Path) -> _Picture:
    """Read a PNG; its size stands in the first chunk (PNG specification, section 11.2.1)."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise NearedgeError(
            f"{path}: cannot read the figure {name!r} of the report ({error.strerror}); "
            "save the figures first"
        ) from error
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        raise NearedgeError(f"{path}: the figure {name!r} of the report is no PNG; save it as one")
    width, height = struct.unpack(">II", content[16:24])
    return _Picture(
        name=name,
        caption=caption,
        width=width,
        height=height,
        width_mm=f"{width / DPI * 25.4:.0f}",
        base64=base64.b64encode(content).decode("ascii"),
    )


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
