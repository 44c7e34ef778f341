"""Relaxation and Langevin dynamics of one cell, in resumable segments."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.errors import NearedgeError

if TYPE_CHECKING:
    from ase import Atoms

# One segment is what a kill can cost. Each has its own random stream, so that a run that was
# interrupted ends in the same atoms as one that was not.
_SEGMENT_STEPS = 20


@dataclass(frozen=True)
class Stage:
    """Dynamics at one temperature: equilibrate, then take evenly spaced snapshots.

    The first snapshot is taken right after `equilibration_steps`, the others
    `interval_steps` apart.

    Examples
    --------
    >>> Stage(temperature_K=300.0, equilibration_steps=200, snapshots=3, interval_steps=50).steps
    300
    """

    temperature_K: float
    equilibration_steps: int
    snapshots: int = 1
    interval_steps: int = 100

    @property
    def steps(self) -> int:
        """Number of time steps from the start of the stage to its last snapshot."""
        return self.equilibration_steps + (self.snapshots - 1) * self.interval_steps


def chgnet_calculator(threads: int = 1) -> Any:
    """CHGNet as an ASE calculator that leaves out what dynamics does not need.

    Source: Deng et al., Nature Machine Intelligence 5, 1031 (2023); the pretrained weights ship
    in the ``chgnet`` wheel.

    Raises
    ------
    NearedgeError
        If the extra ``md`` is not installed.
    """
    try:
        import torch
        from chgnet.model import CHGNet, CHGNetCalculator
    except ImportError as error:
        raise NearedgeError(
            f"molecular dynamics needs CHGNet ({error.name} is missing): "
            f"install torch first, then 'nearedge[md]'; see the README"
        ) from error
    torch.set_num_threads(threads)

    class EnergyForces(CHGNetCalculator):
        def calculate(
            self,
            atoms: Atoms | None = None,
            properties: list[str] | None = None,
            system_changes: list[str] | None = None,
            task: str = "ef",
        ) -> None:
            task = "efs" if "stress" in (properties or []) else task
            super().calculate(atoms, properties, system_changes, task=task)

    # Loading prints to standard output unless told not to.
    model = CHGNet.load(use_device="cpu", verbose=False)
    return EnergyForces(model, use_device="cpu")


def run_dynamics(
    start: Atoms,
    calculator: Any,
    stages: Sequence[Stage],
    *,
    trajectory_id: str,
    seed: int,
    folder: str | os.PathLike[str],
    timestep_fs: float = 2.0,
    friction_per_fs: float = 0.02,
    relax_steps: int = 60,
    progress: Callable[[int, int], None] | None = None,
) -> list[Atoms]:
    """Relax a cell, run Langevin dynamics through the stages, and return the snapshots.

    The state is written to `folder` after every segment of 20 steps; calling again continues
    from there, and a finished trajectory is read back. The result does not depend on where a
    run was interrupted.

    Parameters
    ----------
    start
        The cell to start from; not changed.
    calculator
        Any ASE calculator; stress is used for relaxation where it has it.
    stages
        Temperatures in the order in which they are visited.
    trajectory_id
        Names the files and is written into every snapshot.
    folder
        Where ``<trajectory_id>.state.json`` and ``<trajectory_id>.extxyz`` go.
    timestep_fs, friction_per_fs
        Time step and Langevin friction. Defaults suit ions no lighter than Li.
    relax_steps
        Upper limit of relaxation steps (cell and positions, FIRE) before the dynamics.
    progress
        Called with (steps done, steps in all) after every segment.

    Returns
    -------
    list of ase.Atoms
        Snapshots with ``info`` keys ``trajectory_id``, ``snapshot_id``, ``temperature_K``,
        ``step`` and ``potential_energy_eV``.

    Raises
    ------
    NearedgeError
        If atoms fly apart, or if the folder holds a run with other settings.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "formula": start.get_chemical_formula(),
        "seed": seed,
        "stages": [vars(stage) for stage in stages],
        "timestep_fs": timestep_fs,
        "friction_per_fs": friction_per_fs,
        "relax_steps": relax_steps,
    }
    state_path = folder / f"{trajectory_id}.state.json"
    snapshot_path = folder / f"{trajectory_id}.extxyz"
    if state_path.exists():
        atoms, step, energies, snapshots = _resume(state_path, snapshot_path, settings, start)
    else:
        atoms, step, energies, snapshots = _relax(start, calculator, relax_steps), 0, [], []
        _save_state(state_path, settings, atoms, step, energies)
    total = sum(stage.steps for stage in stages)
    for stage, begin, end, segment_seed, is_snapshot in _segments(stages, seed):
        if end <= step:
            continue
        if begin == 0:
            _draw_velocities(atoms, stage.temperature_K, seed)
        atoms.calc = calculator
        _langevin(atoms, stage.temperature_K, timestep_fs, friction_per_fs, end - begin, segment_seed)
        step = end
        energies.append([step, stage.temperature_K, float(atoms.get_potential_energy())])
        _check_intact(atoms, trajectory_id, step)
        if is_snapshot:
            snapshots.append(_snapshot(atoms, trajectory_id, len(snapshots), stage, step, energies))
            _write_snapshots(snapshot_path, snapshots)
        _save_state(state_path, settings, atoms, step, energies)
        if progress is not None:
            progress(step, total)
    return snapshots


def potential_energy_drift(energies: Sequence[Sequence[float]], temperature_K: float) -> float:
    """Slope of the potential energy over the second half of a stage, in eV per 1000 steps.

    A cell that is still equilibrating drifts down; one at rest scatters around zero.

    Parameters
    ----------
    energies
        Rows of (step, temperature in K, potential energy in eV), as in the state file.
    temperature_K
        The stage to look at.

    Examples
    --------
    >>> round(potential_energy_drift([[100, 300, -5.0], [200, 300, -5.0], [300, 300, -4.9]], 300), 6)
    1.0
    """
    rows = np.array([row for row in energies if row[1] == temperature_K], dtype=float)
    rows = rows[len(rows) // 2 :] if len(rows) > 3 else rows[-2:]
    slope = np.polyfit(rows[:, 0], rows[:, 2], 1)[0] if len(rows) > 1 else 0.0
    return 1000.0 * float(slope)


def _segments(stages: Sequence[Stage], seed: int):
    """Yield (stage, first step, last step, seed, snapshot at the end) for every segment."""
    begin = number = stage_begin = 0
    for stage in stages:
        marks = {
            stage_begin + stage.equilibration_steps + k * stage.interval_steps
            for k in range(stage.snapshots)
        }
        stage_end = stage_begin + stage.steps
        while begin < stage_end:
            next_mark = min(m for m in marks if m > begin)
            end = min(begin + _SEGMENT_STEPS, next_mark)
            yield stage, begin, end, [seed, number], end in marks
            begin, number = end, number + 1
        stage_begin = stage_end


def _relax(start: Atoms, calculator: Any, steps: int) -> Atoms:
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    atoms = start.copy()
    atoms.calc = calculator
    stress = "stress" in getattr(calculator, "implemented_properties", [])
    # Positions first: the forces of an unrelaxed lattice would deform the cell for nothing.
    FIRE(atoms, logfile=None).run(fmax=0.3, steps=steps // 2)
    FIRE(FrechetCellFilter(atoms) if stress else atoms, logfile=None).run(
        fmax=0.1, steps=steps - steps // 2
    )
    return atoms


def _draw_velocities(atoms: Atoms, temperature_K: float, seed: int) -> None:
    from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary

    MaxwellBoltzmannDistribution(atoms, temperature_K=temperature_K, rng=np.random.RandomState(seed))
    Stationary(atoms)


def _langevin(
    atoms: Atoms,
    temperature_K: float,
    timestep_fs: float,
    friction_per_fs: float,
    steps: int,
    seed: list[int],
) -> None:
    from ase import units
    from ase.md.langevin import Langevin

    Langevin(
        atoms,
        timestep=timestep_fs * units.fs,
        temperature_K=temperature_K,
        friction=friction_per_fs / units.fs,
        rng=np.random.RandomState(seed),
        logfile=None,
    ).run(steps)


def _snapshot(
    atoms: Atoms,
    trajectory_id: str,
    number: int,
    stage: Stage,
    step: int,
    energies: Sequence[Sequence[float]],
) -> Atoms:
    snapshot = atoms.copy()
    snapshot.wrap()
    del snapshot.arrays["momenta"]
    snapshot.info = {
        "trajectory_id": trajectory_id,
        "snapshot_id": number,
        "temperature_K": float(stage.temperature_K),
        "step": step,
        "potential_energy_eV": float(energies[-1][2]),
        "energy_drift_eV_per_1000_steps": potential_energy_drift(energies, stage.temperature_K),
    }
    return snapshot


def _check_intact(atoms: Atoms, trajectory_id: str, step: int) -> None:
    speed = np.linalg.norm(atoms.get_velocities(), axis=1)
    kinetic_eV = 0.5 * atoms.get_masses() * speed**2
    if not np.isfinite(kinetic_eV).all() or kinetic_eV.max() > 20.0:
        raise NearedgeError(
            f"dynamics {trajectory_id}: the cell came apart at step {step} (an atom has "
            f"{kinetic_eV.max():.0f} eV of kinetic energy); use a shorter time step or another seed"
        )


def _write_snapshots(path: Path, snapshots: Sequence[Atoms]) -> None:
    from ase.io import write

    temporary = path.with_name(path.name + ".tmp")
    write(temporary, list(snapshots), format="extxyz")
    os.replace(temporary, path)


def _save_state(
    path: Path, settings: dict, atoms: Atoms, step: int, energies: Sequence[Sequence[float]]
) -> None:
    state = {
        "settings": settings,
        "step": step,
        "cell_A": atoms.cell.array.tolist(),
        "positions_A": atoms.positions.tolist(),
        "momenta": atoms.get_momenta().tolist(),
        "energies": list(energies),
    }
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(state))
    os.replace(temporary, path)


def _resume(
    state_path: Path, snapshot_path: Path, settings: dict, start: Atoms
) -> tuple[Atoms, int, list, list[Atoms]]:
    from ase.io import read

    state = json.loads(state_path.read_text())
    if state["settings"] != json.loads(json.dumps(settings)):
        changed = [k for k in settings if state["settings"].get(k) != settings[k]]
        raise NearedgeError(
            f"{state_path}: holds a run with other settings ({', '.join(changed)}); "
            f"choose another folder or restore the settings"
        )
    atoms = start.copy()
    atoms.set_cell(state["cell_A"])
    atoms.positions = state["positions_A"]
    atoms.set_momenta(state["momenta"])
    snapshots = read(snapshot_path, ":") if snapshot_path.exists() else []
    # A kill between writing a snapshot and writing the state leaves one snapshot too many.
    return atoms, state["step"], state["energies"], [
        s for s in snapshots if s.info["step"] <= state["step"]
    ]
