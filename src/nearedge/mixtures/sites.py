"""The sites of a library as arrays: spectra on a grid, labels, and what must not be split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from nearedge.library.schema import CATEGORIES, TARGET, names
from nearedge.mixtures.groups import GroupBy, site_groups
from nearedge.spectra import EnergyGrid, resample

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites of a library, sampled on a model's grid and not normalised.

    Attributes
    ----------
    intensity
        (site, energy) cross-sections on the grid.
    environment
        (site,) positions in `labels`.
    coordination
        (site,) coordination numbers, or the library's continuous target where it has one.
    labels
        Classes of the label scheme that occur in the library, in the scheme's order.
    group, group_by
        (site,) what must not be split, and which rule made the groups.
    keys
        Per site what a leak may share: the raw spectrum, the atom, the trajectory.
    names
        Per site its trajectory, structure, atom, absorber and edge, and its space group and defect
        where the library tells; an empty name is unknown.
    has_target
        Whether `coordination` holds the library's target.
    """

    intensity: Float[np.ndarray, "site energy"]
    environment: Int[np.ndarray, " site"]
    coordination: Float[np.ndarray, " site"]
    labels: tuple[str, ...]
    group: Int[np.ndarray, " site"]
    group_by: GroupBy
    keys: dict[str, np.ndarray]
    names: dict[str, np.ndarray] = field(default_factory=dict)
    has_target: bool = False

    def part(self, rows: Int[np.ndarray, " row"] | Bool[np.ndarray, " site"]) -> Sites:
        """Some of the sites, with the same labels.

        Parameters
        ----------
        rows
            Their positions, or True for each that is kept.
        """
        return replace(
            self,
            intensity=self.intensity[rows],
            environment=self.environment[rows],
            coordination=self.coordination[rows],
            group=self.group[rows],
            keys={name: keys[rows] for name, keys in self.keys.items()},
            names={name: values[rows] for name, values in self.names.items()},
        )


def load_sites(library: xarray.Dataset, grid: EnergyGrid, group_by: GroupBy | None = None) -> Sites:
    """Sample the spectra of a library on a grid and group its sites.

    Classes without a site are left out, so that accuracy and macro-F1 speak of what is there.
    """
    trajectory = library["trajectory_id"].values
    atom = library["atom_index"].values
    group, rule = site_groups(trajectory, library["structure_id"].values, atom, group_by)
    present = names(library, "environment")
    labels = tuple(
        label for label in library["environment"].attrs["labels"] if label in set(present)
    )
    energy_eV = library["energy"].values.astype(float)
    intensity = resample(energy_eV, library["intensity"].values.astype(float), grid)
    return Sites(
        intensity=intensity,
        environment=np.array([labels.index(name) for name in present]),
        coordination=library[TARGET if TARGET in library else "coordination"].values.astype(float),
        labels=labels,
        group=group,
        group_by=rule,
        keys={
            "sites": np.arange(len(trajectory)),
            "atoms": np.unique(np.stack([trajectory, atom]), axis=1, return_inverse=True)[1],
            "trajectories": trajectory,
        },
        names={
            **{name: names(library, name) for name in ("trajectory_id", "structure_id")},
            "atom": atom.astype(str),
            **{name: names(library, name) for name in CATEGORIES},
        },
        has_target=TARGET in library,
    )
