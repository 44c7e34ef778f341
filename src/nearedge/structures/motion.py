"""How atoms move: relaxation, thermal velocities, and Langevin dynamics with ASE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms


def relax(start: Atoms, calculator: Any, steps: int) -> Atoms:
    """Relax positions, and then the cell with them where the calculator has stress (FIRE).

    Parameters
    ----------
    start
        Not changed.
    steps
        Upper limit: half for the positions, half for both.
    """
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    def fire(target: Any, fmax_eV_A: float, steps: int) -> None:
        # ASE's hint leaves out that no file is allowed, and means silence.
        optimizer = FIRE(target, logfile=None)  # pyright: ignore[reportArgumentType]
        optimizer.run(fmax=fmax_eV_A, steps=steps)

    atoms = start.copy()
    atoms.calc = calculator
    stress = "stress" in getattr(calculator, "implemented_properties", [])
    # Positions first: the forces of an unrelaxed lattice would deform the cell for nothing.
    fire(atoms, 0.3, steps // 2)
    fire(FrechetCellFilter(atoms) if stress else atoms, 0.1, steps - steps // 2)
    return atoms


def draw_velocities(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> None:
    """Give atoms the momenta of a temperature, with the centre of mass at rest."""
    from ase import units

    masses = atoms.get_masses()[:, None]
    momenta = rng.standard_normal((len(atoms), 3)) * np.sqrt(masses * units.kB * temperature_K)
    atoms.set_momenta(momenta - masses * momenta.sum(axis=0) / masses.sum())


def langevin(
    atoms: Atoms,
    *,
    temperature_K: float,
    timestep_fs: float,
    friction_per_fs: float,
    steps: int,
    rng: np.random.Generator,
) -> None:
    """Move atoms by Langevin dynamics; the centre of mass stays where it is.

    So 3 N - 3 degrees of freedom have the temperature, and the kinetic energy is theirs.

    Source: Vanden-Eijnden and Ciccotti, Chem. Phys. Lett. 429, 310 (2006), as in ASE; the centre
    of mass is a holonomic constraint there, which keeps the distribution exact.
    """
    from ase import units
    from ase.constraints import FixCom
    from ase.md.langevin import Langevin

    # Only during the steps: a relaxation or a snapshot has no use for the constraint.
    atoms.set_constraint(FixCom())
    Langevin(
        atoms,
        timestep=timestep_fs * units.fs,
        temperature_K=temperature_K,
        friction=friction_per_fs / units.fs,
        fixcm=False,
        rng=rng,
    ).run(steps)
    atoms.set_constraint()
