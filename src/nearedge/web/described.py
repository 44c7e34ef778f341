"""What the models of a server say of themselves."""

from __future__ import annotations

from functools import lru_cache

from nearedge.data import model_folder
from nearedge.models import load_model
from nearedge.web.schema import ModelEntry


@lru_cache(maxsize=32)
def describe_model(name: str, folder: str) -> ModelEntry:
    """What a model says of itself.

    Raises
    ------
    NearedgeError
        If it cannot be read.
    """
    path = model_folder(folder)
    info = load_model(path).info
    card = path / "card.md"
    return ModelEntry(
        name=name,
        absorber=info["absorber"],
        edge=info["edge"],
        classes=list(map(str, info["classes"])),
        grid=info["grid"],
        library={k: v for k, v in info["library"].items() if k != "classes"},
        held_out=info.get("held_out") or {},
        card=card.read_text(encoding="utf-8") if card.is_file() else "",
    )


@lru_cache(maxsize=32)
def model_bands(folder: str) -> dict[str, list[list[float]]] | None:
    """Quantiles of the library's spectra by class, where a model carries them."""
    info = load_model(model_folder(folder)).info
    return (info.get("bands") or {}).get("intensity") or None
