"""Libraries: sites with their structures, environments, spectra and provenance, on disk."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearedge.library.beginning import write_recipe
    from nearedge.library.blocks import Block, shuffled_blocks
    from nearedge.library.build import BuildReport, build_library
    from nearedge.library.folders import ImportReport, import_folder
    from nearedge.library.importing import import_library
    from nearedge.library.info import library_info
    from nearedge.library.recipe import Recipe, load_recipe
    from nearedge.library.relabelling import RelabelReport, relabel_library
    from nearedge.library.schema import names
    from nearedge.library.store import open_library, open_structures, write_library

_HOMES = {
    "Block": "blocks",
    "BuildReport": "build",
    "ImportReport": "folders",
    "Recipe": "recipe",
    "RelabelReport": "relabelling",
    "build_library": "build",
    "import_folder": "folders",
    "import_library": "importing",
    "library_info": "info",
    "load_recipe": "recipe",
    "names": "schema",
    "open_library": "store",
    "open_structures": "store",
    "relabel_library": "relabelling",
    "shuffled_blocks": "blocks",
    "write_library": "store",
    "write_recipe": "beginning",
}

__all__ = [
    "Block",
    "BuildReport",
    "ImportReport",
    "Recipe",
    "RelabelReport",
    "build_library",
    "import_folder",
    "import_library",
    "library_info",
    "load_recipe",
    "names",
    "open_library",
    "open_structures",
    "relabel_library",
    "shuffled_blocks",
    "write_library",
    "write_recipe",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"nearedge.library.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
