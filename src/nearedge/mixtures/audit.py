"""The leakage audit: which share of the test examples contains something of the training part."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Shaped

from nearedge.errors import NearedgeError
from nearedge.mixtures.averaging import Mixtures


def shared_fraction(
    train_members: Int[np.ndarray, " train *train_member"],
    test_members: Int[np.ndarray, " test *test_member"],
    key: Shaped[np.ndarray, " site"],
) -> float:
    """Give the share of test examples that contain a key of the training part.

    A key is what must not be shared: the raw spectrum itself, its atom, its trajectory.

    Parameters
    ----------
    train_members, test_members
        Sites of every example, padded with -1, shape (example, member); or one site per example,
        shape (example,).
    key
        Key of every site of the library (strings or integers); shape (site,).

    Returns
    -------
    fraction
        From 0 (held-out) to 1.

    Raises
    ------
    NearedgeError
        If an example has no members, or one that is not a site of the library.

    Examples
    --------
    >>> import numpy as np
    >>> atom = np.array(["O1", "O2", "O1", "O2"])
    >>> shared_fraction(np.array([[0]]), np.array([[1, 2], [3, -1]]), atom)
    0.5
    """
    _, code = np.unique(key, return_inverse=True)
    train, test = (
        _checked(members, len(key), part)
        for members, part in ((train_members, "training"), (test_members, "test"))
    )
    seen = np.zeros(len(key), dtype=bool)
    seen[code[train[train >= 0]]] = True
    return float(np.mean((seen[code[test]] & (test >= 0)).any(axis=1)))


def audit(
    train: Mixtures | Int[np.ndarray, " train *train_member"],
    test: Mixtures | Int[np.ndarray, " test *test_member"],
    keys: dict[str, Shaped[np.ndarray, " site"]],
) -> dict[str, float]:
    """Give, for every key, the share of test examples that contain one of the training part.

    Parameters
    ----------
    train, test
        Mixtures, or their members as in `shared_fraction`.
    keys
        Name of every key and its value for every site of the library.

    Returns
    -------
    fractions
        As `keys`, with a number from 0 to 1 each.

    Raises
    ------
    NearedgeError
        As `shared_fraction`.

    Examples
    --------
    >>> import numpy as np
    >>> keys = {"sites": np.arange(3), "trajectories": np.array(["melt", "melt", "quench"])}
    >>> audit(np.array([0]), np.array([1, 2]), keys)
    {'sites': 0.0, 'trajectories': 0.5}
    """
    train_members, test_members = (
        part.members if isinstance(part, Mixtures) else part for part in (train, test)
    )
    return {name: shared_fraction(train_members, test_members, key) for name, key in keys.items()}


def _checked(
    members: Int[np.ndarray, " example *member"], sites: int, part: str
) -> Int[np.ndarray, "example member"]:
    """Bring members to shape (example, member) and refuse what would make the audit a guess."""
    if len(members) == 0:
        raise NearedgeError(f"the {part} part has no examples to audit: give both parts")
    table = members.reshape(len(members), -1)
    if table.max(initial=-1) >= sites or table.min(initial=0) < -1:
        raise NearedgeError(
            f"the {part} part has members from {table.min()} to {table.max()}, but the keys "
            f"cover sites 0 to {sites - 1}: give keys of the library that was averaged"
        )
    bare = ~(table >= 0).any(axis=1)
    if np.any(bare):
        raise NearedgeError(
            f"example {int(np.argmax(bare))} of the {part} part has no members: "
            "what it shares cannot be known; audit mixtures with their members"
        )
    return table
