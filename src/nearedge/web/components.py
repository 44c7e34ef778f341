"""Parts of the page that the browser draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui.element import Element

_STATIC = Path(__file__).parent / "static"

# Of Jmol's colours: paler ones are not seen on a white page.
_LIGHTEST = 0.6
# Red, green and blue in lightness (ITU-R BT.709).
_LIGHTNESS = (0.2126, 0.7152, 0.0722)
# Radius in Å of any atom, and what its covalent radius adds: leaves the bonds to be seen.
_RADIUS_A, _COVALENT = 0.2, 0.27


def atom_colour(element: str) -> str:
    """Colour of an element's atoms: Jmol's, as molecule viewers use it, darkened where it is pale.

    Examples
    --------
    >>> atom_colour("O")
    '#ff0d0d'
    """
    from ase.data import atomic_numbers
    from ase.data.colors import jmol_colors

    colour = jmol_colors[atomic_numbers[element]]
    shades = colour * min(1.0, _LIGHTEST / float(colour @ _LIGHTNESS))
    return "#" + "".join(f"{round(255 * shade):02x}" for shade in shades)


def _radius_A(element: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return round(_RADIUS_A + _COVALENT * float(covalent_radii[atomic_numbers[element]]), 2)


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
        self._props |= {"colours": [], "radii": []}
        self._props |= {"positions": [], "bonds": [], "label": "No site"}

    def show(self, site: dict[str, Any]) -> None:
        """Show a site of `nearedge.web.nearest.sites_with_atoms`."""
        kinds = sorted(set(site["symbols"]))
        counts = ", ".join(f"{site['symbols'].count(kind)} {kind}" for kind in kinds)
        self._props |= {
            "colours": list(map(atom_colour, site["symbols"])),
            "radii": list(map(_radius_A, site["symbols"])),
            "positions": site["positions_A"],
            "bonds": site["bonds"],
            "label": f"Atoms around a site with {site['environment']}: {counts}. "
            "Drag or use the arrow keys to rotate.",
        }
        self.update()


def style_sheet() -> str:
    """The page's own style."""
    return (_STATIC / "page.css").read_text(encoding="utf-8")
