"""Parts of the page that the browser draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui.element import Element

_STATIC = Path(__file__).parent / "static"

# Colours as molecule viewers use them (Jmol's convention, darkened where it is too pale), and radii
# in Å that leave the bonds to be seen.
ATOM_COLOURS = {
    "O": "#e5383b",
    "Fe": "#d9822b",
    "Li": "#9b6dd6",
    "other": "#7d8a97",
}
_RADII_A = {"O": 0.42, "Fe": 0.55, "Li": 0.33, "other": 0.5}


class Dropzone(Element, component="static/dropzone.js"):
    """Where files are dropped; sends them to an address in one request.

    Parameters
    ----------
    url
        Where to send the files.
    most
        Bytes in a request, at most.
    most_text
        What to say to more.
    """

    def __init__(self, url: str, most: int, most_text: str) -> None:
        super().__init__()
        self._props |= {"url": url, "most": most, "mostText": most_text}


class Range(Element, component="static/range.js"):
    """A number to choose within a range.

    Parameters
    ----------
    least, most, step, value
        The range, and where it begins.
    label, unit
        What is chosen.
    """

    def __init__(
        self, least: float, most: float, step: float, value: float, label: str, unit: str
    ) -> None:
        super().__init__()
        self._props |= {"least": least, "most": most, "step": step, "value": value}
        self._props |= {"label": label, "unit": unit}

    def put(self, value: float) -> None:
        """Move it from here; this is no choice of the user's."""
        self.run_method("put", value)


class Atoms(Element, component="static/atoms.js"):
    """Atoms around a site, the site itself marked, to be rotated."""

    def __init__(self) -> None:
        super().__init__()
        self._props |= {"colours": ATOM_COLOURS, "radii": _RADII_A}
        self._props |= {"symbols": [], "positions": [], "bonds": [], "label": "No site"}

    def show(self, site: dict[str, Any]) -> None:
        """Show a site of `nearedge.web.nearest.sites_with_atoms`."""
        kinds = sorted(set(site["symbols"]))
        counts = ", ".join(f"{site['symbols'].count(kind)} {kind}" for kind in kinds)
        self._props |= {
            "symbols": site["symbols"],
            "positions": site["positions_A"],
            "bonds": site["bonds"],
            "label": f"Atoms around a site with {site['environment']}: {counts}. "
            "Drag or use the arrow keys to rotate.",
        }
        self.update()


def style_sheet() -> str:
    """The page's own style."""
    return (_STATIC / "page.css").read_text(encoding="utf-8")
