"""Engines: programs that turn a site into a spectrum, one file per program."""

from nearedge.engines.base import Engine, SiteSpectrum, describe_site, without_noise
from nearedge.engines.registry import engine_from_settings, engine_names

__all__ = [
    "Engine",
    "SiteSpectrum",
    "describe_site",
    "engine_from_settings",
    "engine_names",
    "without_noise",
]
