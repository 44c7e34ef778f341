"""What dynamics promises: the right temperature, and the same run however often it is stopped."""

from __future__ import annotations

import json
import os
import shutil
import sys
from functools import partial

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from nearedge.errors import NearedgeError, UsageError
from nearedge.structures import (
    Cation,
    Stage,
    chgnet_calculator,
    disordered_cell,
    potential_energy_drift,
    read_structures,
    run_dynamics,
)
from nearedge.structures.checkpoint import write_snapshots

STAGES = (
    Stage(300.0, equilibration_steps=30, snapshots=2, interval_steps=25),
    Stage(1000.0, equilibration_steps=40, snapshots=2, interval_steps=10),
)
STEPS = 105


class Springs(Calculator):
    """Every atom on its own spring: the energy of the crystal that Einstein assumed."""

    implemented_properties: list[str] = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, rest: Atoms, stiffness_eV_A2: float = 5.0, calls: int = 10**9) -> None:
        super().__init__()
        self.rest_A, self.stiffness, self.calls = rest.positions.copy(), stiffness_eV_A2, calls

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        away = self.atoms.positions - self.rest_A
        self.results = {
            "energy": float(0.5 * self.stiffness * np.sum(away**2)),
            "forces": -self.stiffness * away,
        }


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """On matrices of three by three, threads only wait for each other."""
    with threadpool_limits(1):
        yield


CRYSTAL = bulk("LiF", "rocksalt", a=4.0, cubic=True)


def run(folder, *, make_calculator=lambda: Springs(CRYSTAL), start=CRYSTAL, **changes):
    arguments = {"trajectory_id": "t1", "seed": 3, "relax_steps": 4} | changes
    stages = arguments.pop("stages", STAGES)
    return run_dynamics(start, make_calculator, stages, folder=folder, **arguments)


def no_calculator():
    raise AssertionError("a calculator was asked for")


def stop_at_once(step: int, total: int) -> None:
    raise KeyboardInterrupt


def assert_same_snapshots(ours, theirs) -> None:
    """Bit for bit: sites are named by a hash of the positions."""
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(our.positions, their.positions)
        np.testing.assert_array_equal(our.cell.array, their.cell.array)
        np.testing.assert_array_equal(our.numbers, their.numbers)
        np.testing.assert_array_equal(our.pbc, their.pbc)
        assert our.info == their.info


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Folder of a run that nothing stopped, and the snapshots it returned."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, run(folder)


def same_files(first, second) -> bool:
    names = "t1.state.json", "t1.extxyz"
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_snapshots_come_at_the_steps_and_temperatures_of_their_stages(uninterrupted):
    _, snapshots = uninterrupted
    assert [s.info["step"] for s in snapshots] == [30, 55, 95, 105]
    assert [s.info["temperature_K"] for s in snapshots] == [300.0, 300.0, 1000.0, 1000.0]
    assert [s.info["snapshot_id"] for s in snapshots] == [0, 1, 2, 3]
    assert {s.info["trajectory_id"] for s in snapshots} == {"t1"}


def test_snapshots_carry_the_energy_of_their_atoms(uninterrupted):
    _, snapshots = uninterrupted
    for snapshot in snapshots:
        away = snapshot.positions - CRYSTAL.positions
        away -= np.rint(away @ np.linalg.inv(CRYSTAL.cell)) @ CRYSTAL.cell
        assert snapshot.info["potential_energy_eV"] == pytest.approx(0.5 * 5.0 * np.sum(away**2))


def test_snapshots_are_wrapped_and_in_the_order_of_the_start(uninterrupted):
    _, snapshots = uninterrupted
    for snapshot in snapshots:
        assert snapshot.get_chemical_symbols() == CRYSTAL.get_chemical_symbols()
        scaled = snapshot.get_scaled_positions(wrap=False)
        assert ((scaled >= -1e-6) & (scaled < 1)).all()


def test_the_written_snapshots_are_the_returned_ones(uninterrupted):
    folder, snapshots = uninterrupted
    assert_same_snapshots(read_structures(folder / "t1.extxyz"), snapshots)


def test_snapshots_hold_atoms_alone(uninterrupted):
    _, snapshots = uninterrupted
    for snapshot in snapshots:
        assert set(snapshot.arrays) == {"numbers", "positions"}
        assert not snapshot.constraints
        assert snapshot.calc is None


@pytest.mark.parametrize("name", ["007", "1e-01", "T", "1.50", "a-b_c.2"])
def test_the_name_of_a_trajectory_stays_the_text_it_is(tmp_path, name):
    for _ in range(2):
        snapshots = run(tmp_path, trajectory_id=name, stages=[Stage(300.0, 2, 2, 2)])
        assert [s.info["trajectory_id"] for s in snapshots] == [name] * 2


def test_the_start_is_left_alone(tmp_path):
    start = CRYSTAL.copy()
    start.rattle(0.1, seed=0)
    before = start.copy()
    run(tmp_path, start=start)
    assert start == before
    assert start.calc is None


def test_constraints_of_the_start_are_left_out_and_kept_in_the_start(tmp_path, uninterrupted):
    start = CRYSTAL.copy()
    start.set_constraint(FixAtoms([0]))
    run(tmp_path, start=start)
    assert same_files(tmp_path, uninterrupted[0])
    assert len(start.constraints) == 1


def test_the_same_seed_gives_the_same_run_and_another_another(tmp_path, uninterrupted):
    folder, snapshots = uninterrupted
    run(tmp_path / "same")
    assert same_files(tmp_path / "same", folder)
    other = run(tmp_path / "other", seed=4)
    assert not np.allclose(other[0].positions, snapshots[0].positions)


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stops=st.sets(st.integers(1, STEPS), max_size=4))
def test_a_run_stopped_after_any_segments_ends_in_the_same_files(
    tmp_path_factory, uninterrupted, stops
):
    folder = tmp_path_factory.mktemp("stopped")
    pending = sorted(stops)

    def stop(step: int, total: int) -> None:
        assert total == STEPS
        if pending and step >= pending[0]:
            pending.pop(0)
            raise KeyboardInterrupt

    for _ in range(len(stops) + 1):
        try:
            snapshots = run(folder, progress=stop)
            break
        except KeyboardInterrupt:
            continue
    assert same_files(folder, uninterrupted[0])
    assert_same_snapshots(snapshots, uninterrupted[1])


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=st.lists(st.integers(1, 80), max_size=4))
def test_a_run_killed_inside_a_segment_ends_in_the_same_files(
    tmp_path_factory, uninterrupted, calls
):
    folder = tmp_path_factory.mktemp("killed")
    for count in calls:
        try:
            run(folder, make_calculator=partial(Springs, CRYSTAL, calls=count))
        except KeyboardInterrupt:
            continue
    run(folder)
    assert same_files(folder, uninterrupted[0])


def test_a_kill_between_snapshot_and_state_costs_nothing(tmp_path, uninterrupted):
    state, earlier = tmp_path / "t1.state.json", tmp_path / "earlier.json"
    steps = []

    def keep_the_state_before_the_last_snapshot(step: int, total: int) -> None:
        steps.append(step)
        if step < total:
            shutil.copy(state, earlier)

    run(tmp_path, progress=keep_the_state_before_the_last_snapshot)
    shutil.copy(earlier, state)
    assert len(run(tmp_path, progress=lambda step, total: steps.append(step))) == 4
    assert steps[-2:] == [STEPS, STEPS]
    assert same_files(tmp_path, uninterrupted[0])


def test_a_finished_run_is_read_back_without_a_calculator(uninterrupted):
    folder, snapshots = uninterrupted
    assert_same_snapshots(run(folder, make_calculator=no_calculator), snapshots)


def test_a_run_makes_one_calculator(tmp_path):
    made = []

    def make() -> Springs:
        made.append(Springs(CRYSTAL))
        return made[-1]

    run(tmp_path, make_calculator=make)
    assert len(made) == 1


def test_progress_counts_up_to_all_steps(tmp_path):
    seen = []
    run(tmp_path, progress=lambda step, total: seen.append((step, total)))
    steps = [step for step, _ in seen]
    assert steps == sorted(set(steps))
    assert seen[-1] == (STEPS, STEPS)
    assert {total for _, total in seen} == {STEPS}


def moved(distance_A: float) -> Atoms:
    crystal = CRYSTAL.copy()
    crystal.positions[0, 0] += distance_A
    return crystal


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 4}, "seed"),
        ({"timestep_fs": 1.0}, "timestep_fs"),
        ({"friction_per_fs": 0.01}, "friction_per_fs"),
        ({"relax_steps": 6}, "relax_steps"),
        ({"stages": STAGES[:1]}, "stages"),
        ({"start": bulk("NaF", "rocksalt", a=4.0, cubic=True)}, "formula, start_cell"),
        ({"start": moved(1e-3)}, "start_cell"),
        ({"start": bulk("LiF", "rocksalt", a=4.01, cubic=True)}, "start_cell"),
        ({"start": CRYSTAL[::-1]}, "start_cell"),
    ],
)
def test_a_folder_with_a_run_of_other_settings_is_refused_and_kept(
    tmp_path, uninterrupted, changes, named
):
    folder = shutil.copytree(uninterrupted[0], tmp_path / "copy")
    with pytest.raises(NearedgeError, match=rf"other settings \({named}\)"):
        run(folder, **changes)
    assert same_files(folder, uninterrupted[0])


def test_a_start_that_differs_by_rounding_is_the_same_start(uninterrupted):
    folder, snapshots = uninterrupted
    assert_same_snapshots(run(folder, start=moved(-1e-9)), snapshots)


def test_a_state_of_another_version_is_one_of_other_settings(tmp_path, uninterrupted):
    folder = shutil.copytree(uninterrupted[0], tmp_path / "copy")
    state = json.loads((folder / "t1.state.json").read_text())
    del state["settings"]["start_cell"]
    state["settings"]["thermostat"] = "Berendsen"
    (folder / "t1.state.json").write_text(json.dumps(state))
    with pytest.raises(NearedgeError, match=r"other settings \(thermostat, start_cell\)"):
        run(folder)


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), "the file is missing; restore it, or remove the state too"),
        (lambda file: file.write_text(""), "is empty"),
        (lambda file: file.write_bytes(b"\x80\x00nonsense"), "is binary"),
        (lambda file: file.write_text(file.read_text()[:500]), "damaged or truncated"),
        (
            lambda file: file.write_text(file.read_text().replace("step=30", "step=31")),
            r"counts snapshots at the steps \[30.*here are those at \[31",
        ),
        (
            lambda file: file.write_text(file.read_text().replace("step=30", "")),
            r"here are those at \[None",
        ),
    ],
)
def test_lost_or_damaged_snapshots_are_an_error_and_nothing_is_overwritten(
    tmp_path, uninterrupted, finished, damage, message
):
    folder = tmp_path / "copy"
    if finished:
        shutil.copytree(uninterrupted[0], folder)
    else:

        def stop_half_way(step: int, total: int) -> None:
            if step >= 60:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(folder, progress=stop_half_way)
    damage(folder / "t1.extxyz")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(NearedgeError, match=rf"t1\.extxyz: .*{message}"):
        run(folder, make_calculator=no_calculator)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"settings": {',
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"settings": 3}',
    ],
)
def test_a_damaged_state_is_an_error_that_says_what_to_do(tmp_path, uninterrupted, content):
    folder = shutil.copytree(uninterrupted[0], tmp_path / "copy")
    (folder / "t1.state.json").write_bytes(content)
    with pytest.raises(NearedgeError, match=r"t1\.state\.json: is damaged.*remove it and the"):
        run(folder, make_calculator=no_calculator)
    assert (folder / "t1.extxyz").read_bytes() == (uninterrupted[0] / "t1.extxyz").read_bytes()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("positions_A", [[0.0, 0.0, 0.0]]),
        ("positions_A", "none"),
        ("momenta", [[0.0, 0.0, 0.0]]),
        ("cell_A", None),
        ("step", "many"),
        ("energies", [[20, 300.0]]),
    ],
)
def test_a_state_with_a_wrong_entry_is_damaged(tmp_path, uninterrupted, key, value):
    folder = shutil.copytree(uninterrupted[0], tmp_path / "copy")
    state = json.loads((folder / "t1.state.json").read_text())
    (folder / "t1.state.json").write_text(json.dumps(state | {key: value}))
    with pytest.raises(NearedgeError, match=r"t1\.state\.json: is damaged"):
        run(folder)


def test_snapshots_without_their_state_are_refused_and_kept(tmp_path, uninterrupted):
    folder = shutil.copytree(uninterrupted[0], tmp_path / "copy")
    (folder / "t1.state.json").unlink()
    with pytest.raises(NearedgeError, match=r"t1\.state\.json is missing; restore it, or remove"):
        run(folder, make_calculator=no_calculator)
    assert (folder / "t1.extxyz").read_bytes() == (uninterrupted[0] / "t1.extxyz").read_bytes()


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_refused_before_any_calculation(tmp_path, folder):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NearedgeError, match=rf"{folder}: cannot make the folder"):
        run(tmp_path / folder, make_calculator=no_calculator)


def test_files_that_cannot_be_written_are_one_clear_error(tmp_path):
    (tmp_path / f"t1.state.json.{os.getpid()}.tmp").mkdir()
    with pytest.raises(NearedgeError, match=r"t1\.state\.json: cannot write .*run again"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trajectory_id": "a/b"}, "'a/b': the name must be of letters, digits"),
        ({"trajectory_id": ""}, "'': the name must be of letters, digits"),
        ({"trajectory_id": "a b"}, "'a b': the name must be"),
        ({"seed": -1}, "'t1': seed = -1; give 0 or more"),
        ({"stages": []}, "'t1': no stages; give at least one"),
        ({"timestep_fs": 0.0}, "'t1': timestep_fs = 0.0; give more than 0"),
        ({"friction_per_fs": -0.1}, "'t1': friction_per_fs = -0.1; give 0 or more"),
        ({"relax_steps": -1}, "'t1': relax_steps = -1; give 0 or more"),
    ],
)
def test_an_argument_that_makes_no_sense_is_a_usage_error(tmp_path, changes, message):
    with pytest.raises(UsageError, match=f"^dynamics {message}"):
        run(tmp_path / "new", make_calculator=no_calculator, **changes)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature_K": 0.0}, "temperature_K = 0.0; give more than 0 K"),
        ({"temperature_K": float("nan")}, "temperature_K = nan"),
        ({"equilibration_steps": 0}, "equilibration_steps = 0; give a whole number of at least 1"),
        ({"snapshots": 0}, "snapshots = 0; give"),
        ({"interval_steps": -5}, "interval_steps = -5; give"),
    ],
)
def test_a_stage_that_makes_no_sense_is_a_usage_error(changes, message):
    with pytest.raises(UsageError, match=f"^stage: {message}"):
        Stage(**({"temperature_K": 300.0, "equilibration_steps": 10} | changes))


def test_two_trajectories_live_side_by_side_in_one_folder(tmp_path, uninterrupted):
    run(tmp_path)
    run(tmp_path, trajectory_id="t2", seed=8)
    assert same_files(tmp_path, uninterrupted[0])


def test_atoms_that_fly_apart_are_refused_and_not_written(tmp_path):
    class Repulsion(Springs):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            if self.calls < 10**9 - 60:
                self.results["forces"] = 500.0 * np.sign(self.rest_A - 1.0)

    with pytest.raises(NearedgeError, match=r"dynamics t1: the cell came apart at step \d+") as e:
        run(tmp_path, make_calculator=lambda: Repulsion(CRYSTAL))
    broken_step = int(str(e.value).split("step ")[1].split()[0])
    state = json.loads((tmp_path / "t1.state.json").read_text())
    assert 0 < state["step"] < broken_step
    assert np.abs(np.array(state["positions_A"]) - CRYSTAL.positions).max() < 1.0


@pytest.mark.parametrize(
    ("crystal", "temperature_K", "steps", "tolerance"),
    [
        (CRYSTAL.repeat(2), 300.0, 1200, 0.08),
        # Two atoms would have twice the energy if their centre of mass moved too.
        (bulk("LiF", "rocksalt", a=4.0), 1000.0, 3000, 0.35),
    ],
)
def test_the_energies_are_those_of_equipartition_with_the_centre_of_mass_at_rest(
    tmp_path, crystal, temperature_K, steps, tolerance
):
    masses, kinetic_eV, momentum = crystal.get_masses(), [], []

    def look(step: int, total: int) -> None:
        momenta = np.array(json.loads((tmp_path / "t1.state.json").read_text())["momenta"])
        kinetic_eV.append(np.sum(momenta**2 / masses[:, None]) / 2)
        momentum.append(momenta.sum(axis=0))

    run(
        tmp_path,
        start=crystal,
        make_calculator=lambda: Springs(crystal),
        stages=[Stage(temperature_K, steps)],
        friction_per_fs=0.05,
        progress=look,
    )
    state = json.loads((tmp_path / "t1.state.json").read_text())
    expected_eV = 1.5 * (len(crystal) - 1) * units.kB * temperature_K
    potential_eV = [energy for _, _, energy in state["energies"]]
    assert np.mean(potential_eV[10:]) == pytest.approx(expected_eV, rel=tolerance)
    assert np.mean(kinetic_eV[10:]) == pytest.approx(expected_eV, rel=tolerance)
    np.testing.assert_allclose(momentum, 0.0, atol=1e-9)
    moved_A = masses @ (np.array(state["positions_A"]) - crystal.positions) / masses.sum()
    np.testing.assert_allclose(moved_A, 0.0, atol=1e-9)


def test_without_friction_the_energy_is_kept_from_segment_to_segment(tmp_path):
    total_eV = []

    def total_energy(step: int, total: int) -> None:
        state = json.loads((tmp_path / "t1.state.json").read_text())
        kinetic = np.sum(np.square(state["momenta"]) / CRYSTAL.get_masses()[:, None]) / 2
        total_eV.append(kinetic + state["energies"][-1][2])

    run(
        tmp_path,
        stages=[Stage(600.0, 200)],
        friction_per_fs=0.0,
        timestep_fs=0.5,
        progress=total_energy,
    )
    assert len(total_eV) == 10
    assert np.ptp(total_eV) < 0.01 * np.mean(total_eV)


STRAINED = bulk("Cu", cubic=True)
STRAINED.set_cell(STRAINED.cell.array * [1.08, 1.0, 0.97], scale_atoms=True)
STRAINED.rattle(0.1, seed=1)


def test_the_relaxation_lets_positions_and_cell_follow_their_forces(tmp_path):
    run(tmp_path, start=STRAINED, make_calculator=EMT, stages=[Stage(1.0, 1)], relax_steps=80)
    state = json.loads((tmp_path / "t1.state.json").read_text())
    relaxed = Atoms("Cu4", positions=state["positions_A"], cell=state["cell_A"], pbc=True)
    force_eV_A, stress_eV_A3 = {}, {}
    for name, atoms in (("start", STRAINED.copy()), ("end", relaxed)):
        atoms.calc = EMT()
        force_eV_A[name] = np.linalg.norm(atoms.get_forces(), axis=1).max()
        stress_eV_A3[name] = np.abs(atoms.get_stress()).max()
    assert force_eV_A["end"] < 0.15 < 1.0 < force_eV_A["start"]
    assert stress_eV_A3["end"] < 0.2 * stress_eV_A3["start"]


def test_a_resumed_run_keeps_its_relaxed_cell(tmp_path):
    settings = {
        "start": STRAINED,
        "stages": [Stage(300.0, 30)],
        "relax_steps": 10,
        "make_calculator": EMT,
    }
    [whole] = run(tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", progress=stop_at_once, **settings)
    [resumed] = run(tmp_path / "stopped", **settings)
    np.testing.assert_allclose(resumed.cell.array, whole.cell.array, atol=1e-12)
    # EMT sums over its neighbours in an order that depends on where its list was built.
    np.testing.assert_allclose(resumed.positions, whole.positions, atol=1e-6)
    assert not np.allclose(whole.cell.array, STRAINED.cell.array)


def test_a_half_written_file_is_never_left_behind(tmp_path, monkeypatch):
    write_snapshots(tmp_path / "t1.extxyz", [STRAINED])
    before = (tmp_path / "t1.extxyz").read_bytes()

    def write_half(path, snapshots, format):
        path.write_text("8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ase.io.write", write_half)
    with pytest.raises(NearedgeError, match=r"cannot write \(No space left on device\)"):
        write_snapshots(tmp_path / "t1.extxyz", [STRAINED, STRAINED])
    assert {f.name for f in tmp_path.iterdir()} == {"t1.extxyz"}
    assert (tmp_path / "t1.extxyz").read_bytes() == before


def test_two_runs_of_one_trajectory_write_no_half_file_of_the_other(tmp_path):
    path = tmp_path / "t1.extxyz"
    theirs = path.with_name("t1.extxyz.tmp")
    theirs.write_text("half of another run's")
    write_snapshots(path, [STRAINED])
    assert theirs.read_text() == "half of another run's"


def test_a_finished_run_leaves_its_state_and_its_snapshots(uninterrupted):
    folder, _ = uninterrupted
    assert {f.name for f in folder.iterdir()} == {"t1.state.json", "t1.extxyz"}


def test_the_drift_is_the_slope_of_the_second_half_of_one_stage():
    falling = [[step, 300.0, -step * 0.5] for step in range(10, 110, 10)]
    settled = [[step, 300.0, -50.0 + (step - 100) * 2e-3] for step in range(110, 210, 10)]
    other_stage = [[step, 1000.0, float(step)] for step in range(210, 310, 10)]
    rows = falling + settled + other_stage
    assert potential_energy_drift(rows, 0, 200) == pytest.approx(2.0)
    assert potential_energy_drift(rows, 200, 300) == pytest.approx(1000.0)


def test_two_stages_of_one_temperature_have_each_their_own_drift(tmp_path):
    stages = [Stage(300.0, 60), Stage(900.0, 60), Stage(300.0, 60), Stage(300.0, 60)]
    snapshots = run(tmp_path, stages=stages)
    energies = json.loads((tmp_path / "t1.state.json").read_text())["energies"]
    for number, snapshot in enumerate(snapshots):
        (first, _, low), (last, _, high) = energies[3 * number + 1 : 3 * number + 3]
        assert (first, last) == (60 * number + 40, 60 * number + 60)
        drift = snapshot.info["energy_drift_eV_per_1000_steps"]
        assert drift == pytest.approx(1000.0 * (high - low) / (last - first))


def test_one_energy_has_no_drift():
    assert potential_energy_drift([[20, 300.0, -5.0]], 0, 20) == 0.0


def test_without_chgnet_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NearedgeError, match=r"torch is missing.*nearedge\[md\]"):
        chgnet_calculator()


@pytest.mark.slow
def test_chgnet_moves_an_oxide_and_resumes_and_prints_nothing(tmp_path, missing, capfd):
    try:
        chgnet_calculator()
    except NearedgeError as error:
        missing(str(error))
    start = disordered_cell(
        anion="O",
        anions=4,
        anion_sites=4,
        anion_site_volume_A3=18.0,
        cations=[Cation("Fe", 1, 1.0), Cation("Li", 3, 1.0)],
        seed=0,
    )
    settings = {
        "start": start,
        "stages": [Stage(300.0, 25)],
        "relax_steps": 6,
        "make_calculator": chgnet_calculator,
    }
    [whole] = run(tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", progress=stop_at_once, **settings)
    [resumed] = run(tmp_path / "stopped", **settings)
    assert capfd.readouterr().out == ""
    np.testing.assert_allclose(resumed.positions, whole.positions, atol=1e-4)
    # An oxide of these elements is bound by 4 to 8 eV an atom, and its atoms vibrate about 0.1 Å.
    assert -8 < whole.info["potential_energy_eV"] / len(whole) < -4
    assert whole.get_chemical_formula() == "FeLi3O4"
    shift = whole.get_scaled_positions() - start.get_scaled_positions()
    shift = (shift - np.rint(shift)) @ start.cell.array
    assert 1e-3 < np.abs(shift).max() < 1.0
