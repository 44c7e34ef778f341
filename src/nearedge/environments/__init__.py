"""Environments: which class a site belongs to, from the atoms around it."""

from __future__ import annotations

from nearedge.environments.label import SiteLabels, label_sites
from nearedge.environments.neighbours import neighbour_counts, neighbour_pairs
from nearedge.environments.scheme import LabelScheme, load_scheme

__all__ = [
    "LabelScheme",
    "SiteLabels",
    "label_sites",
    "load_scheme",
    "neighbour_counts",
    "neighbour_pairs",
]
