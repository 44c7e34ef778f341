"""Drawing the atoms around a site as a small ball-and-stick picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from nearedge.errors import NearedgeError
from nearedge.studies.style import INK, SMALL_pt, height_pt

if TYPE_CHECKING:
    from ase import Atoms

_RADIUS_SHARE = 0.48
_SHADES = 7
_DIRECTIONS = 400
_RIM_pt = 0.4
_ABSORBER_RIM_pt = 1.2
# Of a picture's half width over the farthest atom: room for its rim.
_MARGIN = 1.02


@dataclass(frozen=True, eq=False)
class Cluster:
    """The atoms around a site, the site itself first and at the origin.

    Parameters
    ----------
    symbols
        Element of each atom; the first is the absorber.
    positions_A
        Positions relative to the site in ångström; shape (atom, 3), the first row zero.

    Raises
    ------
    NearedgeError
        If the two do not match, or the first atom is not at the origin.
    """

    symbols: tuple[str, ...]
    positions_A: Float[np.ndarray, "atom 3"]

    def __post_init__(self) -> None:
        if self.positions_A.shape != (len(self.symbols), 3) or not self.symbols:
            raise NearedgeError(
                f"a cluster of {len(self.symbols)} elements needs positions of shape "
                f"({len(self.symbols)}, 3) with the absorber first, got {self.positions_A.shape}"
            )
        if not np.isfinite(self.positions_A).all() or np.abs(self.positions_A[0]).max() > 1e-6:
            raise NearedgeError(
                "the positions of a cluster must be finite and relative to its first atom, the "
                "absorber; subtract the absorber's position from all"
            )


def cluster_around(structure: Atoms, atom_index: int, cutoff_A: float = 2.6) -> Cluster:
    """Cut the atoms within a distance of one atom out of a periodic structure.

    Parameters
    ----------
    structure
        One structure.
    atom_index
        The absorber, counted from 0.
    cutoff_A
        Largest distance in ångström.

    Examples
    --------
    >>> from ase.build import bulk
    >>> cluster = cluster_around(bulk("MgO", "rocksalt", a=4.2), 1)
    >>> cluster.symbols
    ('O', 'Mg', 'Mg', 'Mg', 'Mg', 'Mg', 'Mg')
    """
    from ase.neighborlist import neighbor_list

    first, second, vector = neighbor_list("ijD", structure, cutoff_A)
    near = first == atom_index
    symbols = structure.get_chemical_symbols()
    return Cluster(
        symbols=(symbols[atom_index], *(symbols[j] for j in second[near])),
        positions_A=np.concatenate([np.zeros((1, 3)), vector[near]]),
    )


def reach_A(cluster: Cluster) -> float:
    """Half the width in ångström that a picture of a cluster needs, whatever the view.

    Examples
    --------
    >>> one = Cluster(("O", "Li"), np.array([[0.0, 0.0, 0.0], [2.5, 0.0, 0.0]]))
    >>> round(float(reach_A(one)), 1)
    3.2
    """
    distances = np.linalg.norm(cluster.positions_A, axis=1)[_bonded(cluster)]
    symbols = np.array(cluster.symbols)[_bonded(cluster)]
    ends = [d + _radius_A(symbol) for d, symbol in zip(distances, symbols.tolist(), strict=True)]
    return _MARGIN * max(ends)


def draw_cluster(axes: Axes, cluster: Cluster, half_width_A: float) -> None:
    """Draw a cluster into axes: shaded balls, nearer ones in front, with bonds to the absorber.

    The absorber has a thick rim. The direction of view is the one in which the atoms hide each
    other least. Atoms of the absorber's own element that are farther than a bond (1.3 times the
    covalent radii) are left out; all others are joined to it.

    Parameters
    ----------
    axes
        Its frame and ticks are removed.
    cluster
        The atoms.
    half_width_A
        Half the width of the picture in ångström, at least `reach_A`; the same in all pictures
        makes them comparable.
    """
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set(xlim=(-half_width_A, half_width_A), ylim=(-half_width_A, half_width_A))
    shown = np.flatnonzero(_bonded(cluster))
    positions = cluster.positions_A[shown] @ _clearest_view(cluster.positions_A[shown]).T
    for place, atom in zip(positions, shown, strict=True):
        symbol = cluster.symbols[atom]
        if atom > 0:
            _draw_bond(axes, place, symbol, cluster.symbols[0])
        _draw_ball(axes, place, _radius_A(symbol), symbol, _RIM_pt if atom else _ABSORBER_RIM_pt)


def draw_element_key(axes: Axes, symbols: Sequence[str], absorber: str) -> None:
    """Draw one ball per element with its name, in a row; the absorber has its thick rim.

    Parameters
    ----------
    axes
        As wide as the row; its frame and ticks are removed.
    symbols
        Elements in the order of the row.
    absorber
        Element of the sites.
    """
    axes.set_axis_off()
    axes.set(xlim=(0, axes.bbox.width / axes.bbox.height), ylim=(-0.5, 0.5))
    letter = 0.65 * SMALL_pt / height_pt(axes)
    x = 0.5
    for symbol in (absorber, *symbols):
        text, rim = (f"{symbol}, absorber", _ABSORBER_RIM_pt) if x == 0.5 else (symbol, _RIM_pt)
        radius = 0.6 * _radius_A(symbol)
        _draw_ball(axes, np.array([x, 0.0, 0.0]), radius, symbol, rim)
        axes.text(x + radius + 0.25, 0, text, va="center_baseline", fontsize=SMALL_pt)
        x += radius + 1.3 + letter * len(text)


def _radius_A(symbol: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return _RADIUS_SHARE * float(covalent_radii[atomic_numbers[symbol]])


def _colour(symbol: str) -> np.ndarray:
    from ase.data import atomic_numbers
    from ase.data.colors import jmol_colors

    return np.asarray(jmol_colors[atomic_numbers[symbol]], dtype=float)


def _bonded(cluster: Cluster) -> np.ndarray:
    """Say of each atom whether it is the absorber or joined to it."""
    distance_A = np.linalg.norm(cluster.positions_A, axis=1)
    absorber = cluster.symbols[0]
    like = np.array([symbol == absorber for symbol in cluster.symbols])
    reach_A = 2 * 1.3 * _radius_A(absorber) / _RADIUS_SHARE
    return ~like | (distance_A <= reach_A)


def _clearest_view(positions_A: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) after which the two closest atoms on paper are as far apart as possible."""
    count = np.arange(_DIRECTIONS) + 0.5
    height = 1 - count / _DIRECTIONS
    angle = np.pi * (1 + np.sqrt(5)) * count
    flat = np.sqrt(1 - height**2)
    views = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)
    along = positions_A @ views.T
    difference = positions_A[:, None] - positions_A[None]
    depth = along[:, None] - along[None]
    upper = np.triu_indices(len(positions_A), 1)
    apart = np.sqrt(np.maximum((difference**2).sum(-1)[..., None] - depth**2, 0))[upper]
    best = views[int(np.argmax(apart.min(axis=0)))] if len(apart) else views[0]
    right = np.cross([0.0, 1.0, 0.0] if abs(best[1]) < 0.9 else [1.0, 0.0, 0.0], best)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(best, right), best])


def _draw_ball(axes: Axes, place: np.ndarray, radius: float, symbol: str, rim: float) -> None:
    colour = _colour(symbol)
    order = 10 + float(place[2])
    x, y = float(place[0]), float(place[1])
    dark = 0.72 * colour
    axes.add_patch(
        Circle((x, y), radius, facecolor=dark, edgecolor=INK, linewidth=rim, zorder=order)
    )
    # Discs that shrink towards the light in the upper left: a shaded ball that stays vector art.
    for shade in np.linspace(0, 1, _SHADES + 1)[1:]:
        tint = dark + 0.28 * shade * colour + 0.45 * shade**2 * (1 - colour)
        shift = 0.32 * shade * radius
        disc = Circle((x - shift, y + shift), radius * (0.97 - 0.78 * shade), linewidth=0)
        disc.set(facecolor=np.clip(tint, 0, 1), zorder=order + 1e-4)
        axes.add_patch(disc)


def _draw_bond(axes: Axes, end: np.ndarray, symbol: str, absorber: str) -> None:
    """Draw a stick between the surfaces of two balls, each half in the colour of its atom."""
    direction = end / np.linalg.norm(end)
    start = 0.9 * _radius_A(absorber) * direction
    stop = end - 0.9 * _radius_A(symbol) * direction
    middle = (start + stop) / 2
    for near, far, half in ((start, middle, absorber), (middle, stop, symbol)):
        order = 10 + float(near[2] + far[2]) / 2
        line = ([near[0], far[0]], [near[1], far[1]])
        axes.plot(*line, color=INK, linewidth=2.6, solid_capstyle="butt", zorder=order)
        axes.plot(
            *line,
            color=0.9 * _colour(half),
            linewidth=1.8,
            solid_capstyle="butt",
            zorder=order + 1e-4,
        )
