"""Environments: which class a site belongs to, from the atoms around it."""

from __future__ import annotations

from nearedge.environments.label import SiteLabels, label_sites
from nearedge.environments.neighbours import (
    neighbour_counts,
    neighbour_pairs,
    neighbours_by_gap,
    neighbours_within,
)
from nearedge.environments.polyhedra import POLYHEDRA, nearest_polyhedron, shape_measures
from nearedge.environments.ratio import Ratio, overall_ratio
from nearedge.environments.scheme import Dimer, LabelScheme, SiteClass, load_scheme, scheme_for
from nearedge.environments.targets import Target

__all__ = [
    "POLYHEDRA",
    "Dimer",
    "LabelScheme",
    "Ratio",
    "SiteClass",
    "SiteLabels",
    "Target",
    "label_sites",
    "load_scheme",
    "nearest_polyhedron",
    "neighbour_counts",
    "neighbour_pairs",
    "neighbours_by_gap",
    "neighbours_within",
    "overall_ratio",
    "scheme_for",
    "shape_measures",
]
