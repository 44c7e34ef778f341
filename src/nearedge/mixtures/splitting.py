"""Splits of examples (pooled) and of whole groups (held-out) into parts and folds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, Shaped

from nearedge.errors import NearedgeError, UsageError
from nearedge.mixtures._spread import holdings_of, spread, teachers_first

_PARTS = ("training", "validation", "test")


@dataclass(frozen=True, eq=False)
class Parts:
    """Indices of the training, validation and test parts; each sorted, no two overlapping.

    Raises
    ------
    NearedgeError
        If an index stands in two parts, or a part is not sorted.

    Examples
    --------
    >>> import numpy as np
    >>> Parts(train=np.array([0, 2, 3]), validation=np.array([1]), test=np.array([4])).test
    array([4])
    """

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]

    def __post_init__(self):
        for name, part in zip(_PARTS, self.indices, strict=True):
            if np.any(np.diff(part) <= 0):
                raise NearedgeError(f"the {name} part is not sorted or repeats an index: sort it")
        every = np.sort(np.concatenate(self.indices))
        twice = every[1:][np.diff(every) == 0]
        if len(twice):
            raise NearedgeError(
                f"index {twice[0]} stands in two of the training, validation and test parts: "
                "give each index to one part"
            )

    @property
    def indices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three parts in order."""
        return self.train, self.validation, self.test


def split_examples(count: int, seed: int, ratio: tuple[int, int, int] = (3, 1, 1)) -> Parts:
    """Split examples at random, each on its own: the *pooled* protocol.

    Parameters
    ----------
    count
        Number of examples.
    seed
        The same seed gives the same split.
    ratio
        Relative sizes of the training, validation and test parts.

    Returns
    -------
    Parts
        Indices from 0 to `count` - 1, each in one part; sizes within 1 of the ratio.

    Raises
    ------
    UsageError
        If a part would be empty.

    Examples
    --------
    >>> parts = split_examples(8000, seed=0)
    >>> len(parts.train), len(parts.validation), len(parts.test)
    (4800, 1600, 1600)
    """
    edges = np.rint(count * np.cumsum(_shares(ratio))).astype(np.int64)
    sizes = np.diff(edges, prepend=0)
    if np.any(sizes < 1):
        raise UsageError(
            f"{count} examples split {':'.join(map(str, ratio))} leave the "
            f"{_PARTS[int(np.argmin(sizes))]} part empty: make more examples"
        )
    shuffled = np.random.default_rng(seed).permutation(count)
    return Parts(*(np.sort(part) for part in np.split(shuffled, edges[:-1])))


def split_groups(
    groups: Shaped[np.ndarray, " site"],
    seed: int,
    ratio: tuple[int, int, int] = (3, 1, 1),
    classes: Shaped[np.ndarray, " site"] | None = None,
) -> Parts:
    """Split sites so that every group stays whole: the *held-out* protocol.

    The groups come in random order, and each goes to the part that still needs most of what the
    group holds: the sum, over the classes and over all sites, of the group's share of them times
    what the part lacks of its share. Every class therefore weighs the same, however rare; ties
    are drawn. Two rules stand above need: no part stays empty, and a class that occurs in several
    groups is always in the training part. A class that occurs in one group alone mostly ends up
    in the training part, and then goes untested.

    Parameters
    ----------
    groups
        Group label of every site; shape (site,).
    seed
        The same seed gives the same split.
    ratio
        Relative sizes of the training, validation and test parts, in sites.
    classes
        Class of every site, to spread each over the parts in the same ratio; shape (site,).
        None balances the number of sites only; no part then strays from the ratio by more than
        twice the largest group.

    Returns
    -------
    Parts
        Indices of sites, each site in one part.

    Raises
    ------
    NearedgeError
        If there are fewer than 3 groups, or so few that the training part cannot hold every
        class that occurs in several groups.

    Examples
    --------
    >>> import numpy as np
    >>> parts = split_groups(np.repeat(np.arange(5), 4), seed=0)
    >>> len(parts.train), len(parts.validation), len(parts.test)
    (12, 4, 4)
    """
    names, holdings = holdings_of(groups, classes)
    if len(names) < 3:
        raise NearedgeError(
            f"training, validation and test parts need at least 3 groups, got {len(names)}: "
            "add trajectories to the library or group by something finer"
        )
    rng = np.random.default_rng(seed)
    order = teachers_first(rng.permutation(len(names)), holdings > 0)
    part_of = spread(holdings, _shares(ratio), order, rng, teachers=len(names) - 2)
    part_of_site = part_of[np.searchsorted(names, groups)]
    return Parts(*(np.flatnonzero(part_of_site == part) for part in range(3)))


def group_folds(
    groups: Shaped[np.ndarray, " site"],
    folds: int,
    seed: int,
    classes: Shaped[np.ndarray, " site"] | None = None,
) -> list[tuple[Int[np.ndarray, " train"], Int[np.ndarray, " test"]]]:
    """Divide sites into folds of whole groups and test each fold once.

    Groups are spread as in `split_groups`, with equal folds in place of the three parts.

    Parameters
    ----------
    groups
        Group label of every site; shape (site,).
    folds
        Number of folds, from 2 to the number of groups.
    seed
        The same seed gives the same folds.
    classes
        Class of every site, to spread each evenly over the folds; shape (site,).

    Returns
    -------
    list of (train, test)
        Sorted indices of sites. Every site is in the test part of exactly one fold and in the
        training part of the others.

    Raises
    ------
    UsageError
        If `folds` is below 2 or above the number of groups.

    Examples
    --------
    >>> import numpy as np
    >>> folds = group_folds(np.array([0, 0, 1, 1]), folds=2, seed=0)
    >>> sorted(test.tolist() for train, test in folds)
    [[0, 1], [2, 3]]
    """
    names, holdings = holdings_of(groups, classes)
    if not 2 <= folds <= len(names):
        raise UsageError(
            f"cannot make {folds} folds of {len(names)} groups: choose from 2 to the number of "
            "groups, or group by something finer"
        )
    rng = np.random.default_rng(seed)
    fold_of = spread(holdings, np.full(folds, 1 / folds), rng.permutation(len(names)), rng)
    fold_of_site = fold_of[np.searchsorted(names, groups)]
    return [
        (np.flatnonzero(fold_of_site != fold), np.flatnonzero(fold_of_site == fold))
        for fold in range(folds)
    ]


def check_disjoint(parts: Parts, groups: Shaped[np.ndarray, " site"]) -> None:
    """Refuse parts between which a group is split.

    Parameters
    ----------
    parts
        Indices of sites.
    groups
        Group label of every site of the library; shape (site,).

    Raises
    ------
    NearedgeError
        If a group stands in two parts (names the group and a site of it in each), or a part
        holds sites that have no group.

    Examples
    --------
    >>> import numpy as np
    >>> parts = Parts(train=np.array([0, 1]), validation=np.array([2]), test=np.array([3]))
    >>> check_disjoint(parts, np.array(["a", "b", "c", "b"]))
    Traceback (most recent call last):
    nearedge.errors.NearedgeError: group 'b' is split: site 1 is in the training part and site 3
    in the test part; split by group with split_groups
    """
    last = max(part.max(initial=-1) for part in parts.indices)
    if last >= len(groups):
        raise NearedgeError(
            f"site {last} is in a part, but there are groups for {len(groups)} sites only: "
            "give the groups of the library that was split"
        )
    named = list(zip(_PARTS, parts.indices, strict=True))
    for (left, first), (right, second) in combinations(named, 2):
        crossing = np.intersect1d(groups[first], groups[second])
        if len(crossing):
            group = crossing[0]
            site, other = (part[groups[part] == group][0] for part in (first, second))
            raise NearedgeError(
                f"group {group.item() if isinstance(group, np.generic) else group!r} is split: "
                f"site {site} is in the {left} part and site {other} in the {right} part; "
                "split by group with split_groups"
            )


def _shares(ratio: tuple[int, int, int]) -> Float[np.ndarray, " part"]:
    if min(ratio) < 1:
        raise UsageError(f"the ratio {ratio} leaves a part empty: give three positive numbers")
    return np.array(ratio) / sum(ratio)
