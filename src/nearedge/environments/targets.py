"""Continuous targets: what a site is described by instead of its coordination number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Shaped

from nearedge.environments.neighbours import describe
from nearedge.errors import UsageError

if TYPE_CHECKING:
    from ase import Atoms

QUANTITIES: Mapping[str, str] = {"mean distance": "Å", "oxidation state": "e"}
"""What can be a target, with its unit."""


@dataclass(frozen=True)
class Target:
    """A number per site that the regressor learns in place of the coordination number.

    Parameters
    ----------
    quantity
        ``"mean distance"``: to the counted neighbours, in Å. ``"oxidation state"``: of the
        absorber, in elementary charges, which nearedge never guesses.
    elements
        Oxidation states of all other elements: the absorbers of a structure share what balances
        them.
    structures
        Oxidation state of the absorbers of one structure, by the name of its trajectory or its
        own: a number, or one for each environment. It wins over `elements`.

    Raises
    ------
    UsageError
        If the quantity is unknown, or the oxidation states are missing or out of place.

    Examples
    --------
    >>> Target("oxidation state", structures={"magnetite": {"4 O": 3.0, "6 O": 2.5}}).unit
    'e'
    """

    quantity: str
    elements: Mapping[str, float] = field(default_factory=dict)
    structures: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise UsageError(
                f"target.quantity = {self.quantity!r}: give one of {', '.join(QUANTITIES)}, or "
                f"leave [target] out for the coordination number"
            )
        given = bool(self.elements or self.structures)
        if given != (self.quantity == "oxidation state"):
            raise UsageError(
                f"target: 'elements' and 'structures' say oxidation states; "
                f"{'leave them out of a ' if given else 'give at least one of them for an '}"
                f"{self.quantity}"
            )

    @property
    def unit(self) -> str:
        """Unit of the numbers."""
        return QUANTITIES[self.quantity]

    def to_dict(self) -> dict[str, Any]:
        """Lay the target out as plain data that JSON and TOML can hold."""
        values: dict[str, Any] = {"quantity": self.quantity}
        if self.elements:
            values["elements"] = dict(self.elements)
        if self.structures:
            values["structures"] = {
                name: dict(state) if isinstance(state, Mapping) else state
                for name, state in self.structures.items()
            }
        return values


def oxidation_states(
    target: Target, structure: Atoms, absorber: str, environment: Shaped[np.ndarray, " site"]
) -> Float[np.ndarray, " site"]:
    """Look up the oxidation state of every absorber of a structure.

    Parameters
    ----------
    target
        What the user gave.
    structure
        With ``trajectory_id`` or ``structure_id`` in its ``info`` where states go by structure.
    absorber
        Element of the sites.
    environment
        (site,) label of each site.

    Returns
    -------
    (site,) float
        In elementary charges; NaN for an environment that the structure's table leaves out.

    Raises
    ------
    UsageError
        If the states of this structure do not follow from what was given.

    Examples
    --------
    >>> from ase.build import bulk
    >>> oxidation_states(
    ...     Target("oxidation state", elements={"O": -2.0}), bulk("FeO", "rocksalt", a=4.3), "Fe",
    ...     np.array(["6 O"]),
    ... )
    array([2.])
    """
    for key in ("structure_id", "trajectory_id"):
        state = target.structures.get(str(structure.info.get(key)))
        if isinstance(state, Mapping):
            return np.array([float(state.get(str(label), np.nan)) for label in environment])
        if state is not None:
            return np.full(len(environment), float(state))
    counts = structure.symbols.formula.count()
    others = [element for element in counts if element != absorber]
    missing = [element for element in others if element not in target.elements]
    if missing:
        raise UsageError(
            f"{describe(structure)}: the oxidation state of its {absorber} is not given; add the "
            f"structure to target.structures, or {', '.join(missing)} to target.elements"
        )
    charge = sum(counts[element] * target.elements[element] for element in others)
    # `0 -` keeps a neutral absorber from being minus zero.
    return np.full(len(environment), 0.0 - charge / counts[absorber])
