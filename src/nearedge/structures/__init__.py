"""Structures: read trajectories and crystals, build disordered cells, run molecular dynamics."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearedge.structures.disordered import Cation, disordered_cell
    from nearedge.structures.dynamics import (
        Stage,
        chgnet_calculator,
        potential_energy_drift,
        run_dynamics,
    )
    from nearedge.structures.read import read_structures

__all__ = [
    "Cation",
    "Stage",
    "chgnet_calculator",
    "disordered_cell",
    "potential_energy_drift",
    "read_structures",
    "run_dynamics",
]

_MODULE_OF = {
    "Cation": "disordered",
    "Stage": "dynamics",
    "chgnet_calculator": "dynamics",
    "disordered_cell": "disordered",
    "potential_energy_drift": "dynamics",
    "read_structures": "read",
    "run_dynamics": "dynamics",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
