"""How far the energies reach that tell sites apart, where that was measured."""

from __future__ import annotations

from dataclasses import replace

from nearedge.models.method import DEFAULT, Method

# From the Fermi level or band minimum; on held-out sites (docs/accuracy.md).
_TELLING_EV = {("O", "K"): (-5.0, 8.0)}


def usual_method(absorber: str, edge: str) -> Method:
    """What nearedge does about an edge: all of the window is near edge unless it is known better.

    Examples
    --------
    >>> usual_method("O", "K").near_edge_eV, usual_method("Fe", "K").near_edge_eV
    ((-5.0, 8.0), (-5.0, 25.0))
    """
    return replace(DEFAULT, near_edge_eV=_TELLING_EV.get((absorber, edge), DEFAULT.near_edge_eV))


OXYGEN = usual_method("O", "K")
"""The method for the edge that the paper is about."""
