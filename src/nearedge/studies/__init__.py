"""Studies: the paper's figures, both protocols, cross-validated assessment, the report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearedge.studies.assessment import assess, evaluate
    from nearedge.studies.reproduction import reproduce

_HOMES = {"assess": "assessment", "evaluate": "assessment", "reproduce": "reproduction"}

__all__ = ["assess", "evaluate", "reproduce"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"nearedge.studies.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
