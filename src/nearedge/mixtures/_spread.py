"""The seeded greedy that spreads whole groups over the parts of a split, or over folds."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from nearedge.errors import NearedgeError

_TIE = 1e-12


def holdings_of(
    groups: Shaped[np.ndarray, " site"], classes: Shaped[np.ndarray, " site"] | None
) -> tuple[Shaped[np.ndarray, " group"], Float[np.ndarray, "group kind"]]:
    """Sort the groups and give each one's share of all sites and of every class."""
    names, group_of = np.unique(groups, return_inverse=True)
    kinds = [np.zeros(len(groups), dtype=np.int64)]
    if classes is not None:
        kinds.append(np.unique(classes, return_inverse=True)[1])
    tables = []
    for kind in kinds:
        table = np.zeros((len(names), kind.max(initial=0) + 1))
        np.add.at(table, (group_of, kind), 1)
        tables.append(table / np.maximum(table.sum(axis=0), 1))
    return names, np.hstack(tables)


def teachers_first(
    order: Int[np.ndarray, " group"], holds: Bool[np.ndarray, "group kind"]
) -> Int[np.ndarray, " group"]:
    """Move to the end two groups that the training part can do without.

    What occurs in several groups must occur outside those two; the validation and the test part
    can then always be filled without costing the training part a class.
    """
    several = holds[:, holds.sum(axis=0) > 1]
    for pair in combinations(order[::-1], 2):
        outside = np.setdiff1d(order, pair)
        if several[outside].any(axis=0).all():
            return np.concatenate([order[~np.isin(order, pair)], pair])
    raise NearedgeError(
        f"{len(order)} groups are too few: whichever two are held out, a class that occurs in "
        "both is missing from the training part; add trajectories or group by something finer"
    )


def spread(
    holdings: Float[np.ndarray, "group kind"],
    wanted: Float[np.ndarray, " part"],
    order: Int[np.ndarray, " group"],
    rng: np.random.Generator,
    teachers: int = 0,
) -> Int[np.ndarray, " group"]:
    """Give each group, in order, to the part that needs most of what it holds.

    The first `teachers` groups see to it that part 0 gets some of every kind they hold.
    """
    last_chance = np.full(holdings.shape[1], -1)
    for position, group in enumerate(order[:teachers]):
        last_chance[holdings[group] > 0] = position
    part_of = np.full(len(holdings), -1)
    need = np.repeat(wanted[:, None], holdings.shape[1], axis=1)
    taught = np.zeros(holdings.shape[1], dtype=bool)
    empty = np.ones(len(wanted), dtype=bool)
    for position, group in enumerate(order):
        if np.any((last_chance == position) & ~taught):
            choices = np.array([0])
        elif len(order) - position == empty.sum():
            choices = np.flatnonzero(empty)
        else:
            choices = np.arange(len(wanted))
        gain = need[choices] @ holdings[group]
        part = rng.choice(choices[gain >= gain.max() - _TIE])
        part_of[group] = part
        need[part] -= holdings[group]
        empty[part] = False
        if part == 0:
            taught |= holdings[group] > 0
    return part_of
