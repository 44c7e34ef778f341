"""Relaxation and Langevin dynamics of one cell, in resumable segments."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.structures.checkpoint import (
    cell_hash,
    load_state,
    read_snapshots,
    save_state,
    write_snapshots,
)
from nearedge.structures.motion import draw_velocities, langevin, relax

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

    Raises
    ------
    UsageError
        If the temperature is not above 0, or a number not a whole one of at least 1.

    Examples
    --------
    >>> Stage(temperature_K=300.0, equilibration_steps=200, snapshots=3, interval_steps=50).steps
    300
    """

    temperature_K: float
    equilibration_steps: int
    snapshots: int = 1
    interval_steps: int = 100

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature_K < np.inf:
            raise UsageError(f"stage: temperature_K = {self.temperature_K}; give more than 0 K")
        for name in ("equilibration_steps", "snapshots", "interval_steps"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise UsageError(f"stage: {name} = {value!r}; give a whole number of at least 1")

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
        from chgnet.model.dynamics import CHGNetCalculator
        from chgnet.model.model import CHGNet
    except ImportError as error:
        raise NearedgeError(
            f"molecular dynamics needs CHGNet ({error.name} is missing): "
            f"install torch first, then 'nearedge[md]'; see the README"
        ) from error
    torch.set_num_threads(threads)

    class EnergyForces(CHGNetCalculator):
        def calculate(
            self,
            atoms: Any = None,
            properties: list[str] | None = None,
            system_changes: list[str] | None = None,
            task: Any = "ef",
        ) -> None:
            task = "efs" if "stress" in (properties or []) else task
            # CHGNet's conversion warns of constraints, which do not touch energy or forces.
            free = atoms.copy()
            free.set_constraint()
            super().calculate(free, properties, system_changes, task=task)

    # Standard output belongs to results, and CHGNet announces its device there.
    with redirect_stdout(io.StringIO()):
        return EnergyForces(CHGNet.load(use_device="cpu", verbose=False), use_device="cpu")


def run_dynamics(
    start: Atoms,
    make_calculator: Callable[[], Any],
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
        The cell to start from; not changed. Its constraints are left out.
    make_calculator
        Makes an ASE calculator, for instance `chgnet_calculator`; called once, and not at all
        for a trajectory that is finished. Stress is used for relaxation where it has it.
    stages
        Temperatures in the order in which they are visited.
    trajectory_id
        Names the files and is written into every snapshot: letters, digits and ``._-``.
    seed
        The same seed gives the same trajectory.
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
        ``step``, ``potential_energy_eV`` and ``energy_drift_eV_per_1000_steps``. They are read
        back from the file, so that every call returns the very same positions.

    Raises
    ------
    UsageError
        If an argument makes no sense by itself.
    NearedgeError
        If atoms fly apart; or if the folder holds a run with other settings or from another
        start, or files that are damaged or incomplete.
    """
    _check_arguments(stages, trajectory_id, seed, timestep_fs, friction_per_fs, relax_steps)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NearedgeError(
            f"{folder}: cannot make the folder ({error.strerror}); choose another"
        ) from error
    settings = {
        "formula": start.get_chemical_formula(),
        "start_cell": cell_hash(start),
        "seed": seed,
        "stages": [asdict(stage) for stage in stages],
        "timestep_fs": timestep_fs,
        "friction_per_fs": friction_per_fs,
        "relax_steps": relax_steps,
    }
    state_path = folder / f"{trajectory_id}.state.json"
    snapshot_path = folder / f"{trajectory_id}.extxyz"
    calculator = cache(make_calculator)
    segments = list(_segments(stages))
    free_start = start.copy()
    free_start.set_constraint()
    if state_path.exists():
        atoms, step, energies = load_state(state_path, settings, free_start)
    elif snapshot_path.exists():
        raise NearedgeError(
            f"{snapshot_path}: holds snapshots, but {state_path.name} is missing; restore it, or "
            f"remove the snapshots to run the trajectory again"
        )
    else:
        atoms, step, energies = relax(free_start, calculator(), relax_steps), 0, []
        save_state(state_path, settings, atoms, step, energies)
    marks = [segment.end for segment in segments if segment.ends_in_snapshot]
    snapshots = read_snapshots(snapshot_path, trajectory_id, [m for m in marks if m <= step])
    for segment in segments:
        if segment.end <= step:
            continue
        atoms.calc = calculator()
        # Numbers start at 1: [seed, 0] is the stream of the seed alone, which drew the cell.
        rng = np.random.default_rng([seed, segment.number])
        if segment.begin == 0:
            draw_velocities(atoms, segment.temperature_K, rng)
        langevin(
            atoms,
            temperature_K=segment.temperature_K,
            timestep_fs=timestep_fs,
            friction_per_fs=friction_per_fs,
            steps=segment.end - segment.begin,
            rng=rng,
        )
        step = segment.end
        energies.append([step, segment.temperature_K, float(atoms.get_potential_energy())])
        _check_intact(atoms, trajectory_id, step)
        if segment.ends_in_snapshot:
            snapshots.append(_snapshot(atoms, trajectory_id, len(snapshots), segment, energies))
            write_snapshots(snapshot_path, snapshots)
        save_state(state_path, settings, atoms, step, energies)
        if progress is not None:
            progress(step, segments[-1].end)
    return read_snapshots(snapshot_path, trajectory_id, marks)


def potential_energy_drift(
    energies: Sequence[Sequence[float | int]], first_step: int, last_step: int
) -> float:
    """Slope of the potential energy over the second half of a stage, in eV per 1000 steps.

    A cell that is still equilibrating drifts down; one at rest scatters around zero.

    Parameters
    ----------
    energies
        Rows of (step, temperature in K, potential energy in eV), as in the state file.
    first_step, last_step
        The stage, or a part of it: rows after `first_step`, up to and with `last_step`.

    Returns
    -------
    float
        Zero where the range has fewer than two rows.

    Examples
    --------
    >>> rows = [[100, 300, -5.0], [200, 300, -5.0], [300, 300, -4.9], [400, 1000, -2.0]]
    >>> round(potential_energy_drift(rows, first_step=0, last_step=300), 6)
    1.0
    """
    rows = np.array([row for row in energies if first_step < row[0] <= last_step], dtype=float)
    rows = rows[len(rows) // 2 :] if len(rows) > 2 else rows
    slope = np.polyfit(rows[:, 0], rows[:, 2], 1)[0] if len(rows) > 1 else 0.0
    return 1000.0 * float(slope)


def _check_arguments(
    stages: Sequence[Stage],
    trajectory_id: str,
    seed: int,
    timestep_fs: float,
    friction_per_fs: float,
    relax_steps: int,
) -> None:
    requirements = {
        "no stages; give at least one": len(stages) > 0,
        "the name must be of letters, digits and the characters . _ -": bool(
            re.fullmatch(r"[\w.-]+", trajectory_id)
        ),
        f"seed = {seed}; give 0 or more": seed >= 0,
        f"timestep_fs = {timestep_fs}; give more than 0": 0.0 < timestep_fs < np.inf,
        f"friction_per_fs = {friction_per_fs}; give 0 or more": 0.0 <= friction_per_fs < np.inf,
        f"relax_steps = {relax_steps}; give 0 or more": relax_steps >= 0,
    }
    for message, is_met in requirements.items():
        if not is_met:
            raise UsageError(f"dynamics {trajectory_id!r}: {message}")


class _Segment(NamedTuple):
    """Steps from `begin` to `end` at one temperature."""

    number: int
    begin: int
    end: int
    temperature_K: float
    stage_begin: int
    ends_in_snapshot: bool


def _segments(stages: Sequence[Stage]) -> Iterator[_Segment]:
    number = begin = 0
    for stage in stages:
        stage_begin = begin
        for index in range(stage.snapshots):
            mark = stage_begin + stage.equilibration_steps + index * stage.interval_steps
            while begin < mark:
                number, end = number + 1, min(begin + _SEGMENT_STEPS, mark)
                yield _Segment(
                    number, begin, end, float(stage.temperature_K), stage_begin, end == mark
                )
                begin = end


def _snapshot(
    atoms: Atoms,
    trajectory_id: str,
    number: int,
    segment: _Segment,
    energies: Sequence[Sequence[float | int]],
) -> Atoms:
    snapshot = atoms.copy()
    snapshot.wrap()
    del snapshot.arrays["momenta"]
    snapshot.info = {
        "trajectory_id": trajectory_id,
        "snapshot_id": number,
        "temperature_K": segment.temperature_K,
        "step": segment.end,
        "potential_energy_eV": float(energies[-1][2]),
        "energy_drift_eV_per_1000_steps": potential_energy_drift(
            energies, segment.stage_begin, segment.end
        ),
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
