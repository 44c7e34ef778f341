"""From the sites of a library to examples: group, split, average, and audit what leaked."""

from __future__ import annotations

from nearedge.mixtures.audit import audit, shared_fraction
from nearedge.mixtures.averaging import (
    Mixtures,
    class_fractions,
    classifier_mixtures,
    regressor_mixtures,
)
from nearedge.mixtures.groups import GroupBy, site_groups
from nearedge.mixtures.protocols import (
    PARTS,
    Examples,
    examples_of_parts,
    held_out_examples,
    pooled_examples,
)
from nearedge.mixtures.sites import Sites, load_sites
from nearedge.mixtures.splitting import (
    Parts,
    check_disjoint,
    group_folds,
    split_examples,
    split_groups,
)
from nearedge.mixtures.varied import varied_mixtures

__all__ = [
    "PARTS",
    "Examples",
    "GroupBy",
    "Mixtures",
    "Parts",
    "Sites",
    "audit",
    "check_disjoint",
    "class_fractions",
    "classifier_mixtures",
    "examples_of_parts",
    "group_folds",
    "held_out_examples",
    "load_sites",
    "pooled_examples",
    "regressor_mixtures",
    "shared_fraction",
    "site_groups",
    "split_examples",
    "split_groups",
    "varied_mixtures",
]
