"""Building: what ends up in the library, and that nothing finished is ever computed again."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list

from nearedge.environments import label_sites, load_scheme
from nearedge.errors import NearedgeError, UsageError
from nearedge.library import build_library, names, open_library, open_structures, running
from nearedge.structures import read_structures


def build(recipe: Path, pool, out: str = "lib.zarr", **options):
    return build_library(recipe, recipe.parent / out, pool, workers=2, **options)


def calls(recipe: Path) -> list[str]:
    path = recipe.parent / "control" / "calls"
    return path.read_text().split() if path.exists() else []


def steer(recipe: Path, name: str, sites: str) -> None:
    (recipe.parent / "control" / name).write_text(sites)


def journal(recipe: Path) -> Path:
    return recipe.parent / "lib.zarr.building" / "journal.jsonl"


def test_library_holds_every_site_of_the_files_in_order(write_recipe, pool):
    recipe = write_recipe()
    report = build(recipe, pool)
    library = open_library(recipe.parent / "lib.zarr")
    frames = read_structures(recipe.parent / "frames.extxyz")
    assert report.sites == report.computed == library.sizes["site"] == 16
    oxygens = [np.flatnonzero(frame.symbols == "O").tolist() for frame in frames]
    assert library["atom_index"].values.tolist() == oxygens[0] + oxygens[1]
    assert names(library, "structure_id").tolist() == ["t1/0"] * 8 + ["t1/1"] * 8
    assert set(names(library, "trajectory_id")) == {"t1"}
    assert library["temperature_K"].values.tolist() == [300.0] * 8 + [1000.0] * 8
    assert set(names(library, "absorber")) == {"O"}
    assert set(names(library, "edge")) == {"K"}
    scheme = load_scheme("li3feo35_oxygen")
    expected = np.concatenate([label_sites(frame, scheme).environment for frame in frames])
    assert names(library, "environment").tolist() == expected.tolist()


def test_report_counts_bonds_per_absorber_and_per_neighbour(write_recipe, pool):
    recipe = write_recipe()
    report = build(recipe, pool)
    frames = read_structures(recipe.parent / "frames.extxyz")
    assert list(report.mean_coordination) == ["t1/0", "t1/1"]
    for frame, mean in zip(frames, report.mean_coordination.values(), strict=True):
        bonds = len(neighbor_list("i", frame, {("Fe", "O"): 2.6})) / 2
        count = frame.symbols.formula.count()
        assert mean["absorber"] == pytest.approx(bonds / count["O"])
        assert mean["neighbour"] == pytest.approx(bonds / count["Fe"])


def test_provenance_tells_how_the_library_was_made(write_recipe, pool):
    recipe = write_recipe(settings=", reach_A = 2.9")
    build(recipe, pool)
    attributes = open_library(recipe.parent / "lib.zarr").attrs
    assert attributes["engine"] == "toy"
    assert attributes["engine_version"] == "toy 1.0"
    assert attributes["engine_settings"] == {"reach_A": 2.9}
    assert attributes["native_broadening"] == "Lorentzian of 1 eV FWHM"
    assert attributes["licence"] == "CC0-1.0"
    assert attributes["recipe"] == recipe.read_text()


@pytest.mark.parametrize("engine", ["toy", "toy-structure"])
def test_engine_runs_once_for_each_site_whatever_it_runs_per(engine, write_recipe, pool):
    recipe = write_recipe(engine=engine)
    assert build(recipe, pool).computed == 16
    assert len(calls(recipe)) == 16


def test_engine_per_site_and_per_structure_give_the_same_spectra(write_recipe, pool):
    intensities = []
    for engine in ("toy", "toy-structure"):
        recipe = write_recipe(engine=engine)
        build(recipe, pool, out=f"{engine}.zarr")
        intensities.append(open_library(recipe.parent / f"{engine}.zarr")["intensity"].values)
    np.testing.assert_array_equal(*intensities)


def test_spectra_keep_their_differences_in_core_level(write_recipe, pool):
    recipe = write_recipe()
    build(recipe, pool)
    library = open_library(recipe.parent / "lib.zarr").load()
    shift_eV = library["core_level_shift_eV"].values
    for structure in range(2):
        own = library["structure_id"].values == structure
        assert abs(shift_eV[own].mean()) < 1e-5
        # The toy's step is half as high as its plateau at the edge.
        assert np.ptp(shift_eV[own]) > 0.1


def test_build_that_is_done_computes_nothing(write_recipe, pool, content):
    recipe = write_recipe()
    build(recipe, pool)
    before = content(recipe.parent / "lib.zarr")
    report = build(recipe, pool)
    assert (report.sites, report.computed) == (16, 0)
    assert len(calls(recipe)) == 16
    assert content(recipe.parent / "lib.zarr") == before


def test_more_structures_cost_only_themselves(write_recipe, pool):
    recipe = write_recipe()
    build(recipe, pool)
    frames = read_structures(recipe.parent / "frames.extxyz")
    third = frames[0].copy()
    third.positions += 0.01 * np.random.default_rng(5).normal(size=third.positions.shape)
    write_recipe([*frames, third])
    report = build(recipe, pool)
    assert (report.sites, report.computed) == (24, 8)


def test_changed_setting_is_never_served_from_earlier_spectra(write_recipe, pool):
    recipe = write_recipe()
    build(recipe, pool)
    write_recipe(settings=", reach_A = 2.5")
    assert build(recipe, pool).computed == 16


def test_whole_number_in_the_settings_is_the_same_provenance(write_recipe, pool):
    recipe = write_recipe(settings=", reach_A = 3.0")
    build(recipe, pool)
    write_recipe(settings=", reach_A = 3")
    assert build(recipe, pool).computed == 0


def test_failing_site_is_recorded_with_its_reason_and_left_out(write_recipe, pool):
    recipe = write_recipe()
    steer(recipe, "fail", "3 7")
    report = build(recipe, pool)
    assert report.sites == 12
    assert list(report.failed) == [
        "t1/0, atom 3", "t1/0, atom 7", "t1/1, atom 3", "t1/1, atom 7",
    ]  # fmt: skip
    assert report.failed["t1/1, atom 7"] == "toy, t1 snapshot 1, atom 7 (O): NO LUCK; try again"
    assert 3 not in open_library(recipe.parent / "lib.zarr")["atom_index"].values


def test_failed_site_is_tried_again_only_when_asked(write_recipe, pool):
    recipe = write_recipe()
    steer(recipe, "fail", "3")
    build(recipe, pool)
    steer(recipe, "fail", "")
    again = build(recipe, pool)
    assert (again.sites, again.computed, len(again.failed)) == (14, 0, 2)
    retried = build(recipe, pool, retry_failed=True)
    assert (retried.sites, retried.computed, len(retried.failed)) == (16, 2, 0)


def test_retry_of_a_structure_asks_the_engine_only_for_what_failed(write_recipe, pool):
    recipe = write_recipe(engine="toy-structure")
    steer(recipe, "fail", "3")
    build(recipe, pool)
    steer(recipe, "fail", "")
    assert build(recipe, pool, retry_failed=True).computed == 2
    assert sorted(calls(recipe), key=int)[:6] == ["1", "1", "3", "3", "3", "3"]


def test_library_after_a_retry_equals_one_that_never_failed(write_recipe, pool):
    recipe = write_recipe()
    build(recipe, pool, out="never.zarr")
    steer(recipe, "fail", "3 9")
    build(recipe, pool)
    steer(recipe, "fail", "")
    build(recipe, pool, retry_failed=True)
    one, other = (open_library(recipe.parent / out).load() for out in ("lib.zarr", "never.zarr"))
    assert one.identical(other)


def test_build_in_which_every_site_fails_is_an_error_and_writes_no_library(write_recipe, pool):
    recipe = write_recipe()
    steer(recipe, "fail", " ".join(map(str, range(16))))
    with pytest.raises(NearedgeError, match=r"no site could .*NO LUCK.* with --retry-failed"):
        build(recipe, pool)
    assert not (recipe.parent / "lib.zarr").exists()


def test_site_without_a_class_is_left_out_with_the_reason(write_recipe, pool):
    crowded = bulk("FeO", "rocksalt", a=4.3, cubic=True)
    crowded.symbols[0] = "Li"
    recipe = write_recipe([crowded])
    report = build(recipe, pool)
    # Of the four oxygens of the cube three stand next to the lithium.
    assert (report.sites, len(report.left_out)) == (3, 1)
    for site, reason in report.left_out.items():
        assert site.startswith("t1/0, atom ")
        assert "within 2.6 Å" in reason
        assert site.split()[-1] not in calls(recipe)


class Flawed:
    """An engine with a defect of its own kind for some sites."""

    name, per, native_broadening = "flawed", "site", "none"
    zero_eV = None

    def __init__(self, good, kind):
        self.good, self.kind = good, kind
        self.full = threading.Event()

    def version(self):
        return "1"

    def settings(self):
        return {}

    def compute(self, structure, sites, edge, folder):
        if sites[0] == 3:
            if self.kind == "raises":
                raise ZeroDivisionError("division by zero")
            if self.kind == "forgets":
                return {}
            if self.kind == "full disk":
                self.full.set()
                raise OSError(28, "No space left on device", str(folder))
        elif self.kind == "full disk":
            # Still under way when the disk is found to be full.
            self.full.wait(30.0)
            time.sleep(0.1)
        return self.good.compute(structure, sites, edge, folder)


@pytest.fixture
def flawed(monkeypatch):
    def install(kind: str) -> None:
        nearedge_toy_engine = import_module("nearedge_toy_engine")

        engine = Flawed(nearedge_toy_engine.Toy(), kind)
        monkeypatch.setattr(
            "nearedge.library.build.engine_from_settings", lambda name, settings: engine
        )

    return install


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("raises", "ZeroDivisionError: division by zero; a defect of the engine"),
        ("forgets", "the engine returned nothing for it"),
    ],
)
def test_defect_of_an_engine_costs_only_its_site(kind, words, write_recipe, pool, flawed):
    flawed(kind)
    report = build(write_recipe(), pool)
    assert report.sites == 14
    assert report.failed["t1/0, atom 3"] == f"flawed, t1 snapshot 0, atom 3 (O): {words}"


def test_full_scratch_disk_stops_the_build_and_fails_no_site(write_recipe, pool, flawed):
    flawed("full disk")
    recipe = write_recipe()
    with pytest.raises(NearedgeError, match=r"No space left on device; .* kept, make room"):
        build(recipe, pool)
    kept = [json.loads(line) for line in journal(recipe).open()]
    assert not any("error" in entry for entry in kept)
    # Of the sites 1 and 3, begun together, the first is kept; what comes after them is not begun.
    assert 1 <= len(kept) <= 2
    flawed("none")
    assert build(recipe, pool).sites == 16


def test_sites_that_a_structure_finished_before_the_disk_was_full_are_kept(
    write_recipe, pool, monkeypatch
):
    toys = import_module("nearedge_toy_engine")
    whole = toys.ToyStructure.compute

    def until_full(self, structure, sites, edge, folder):
        full = OSError(28, "No space left on device", str(folder))
        return whole(self, structure, sites[:3], edge, folder) | dict.fromkeys(sites[3:], full)

    recipe = write_recipe(engine="toy-structure")
    with monkeypatch.context() as patched:
        patched.setattr(toys.ToyStructure, "compute", until_full)
        with pytest.raises(NearedgeError, match=r"No space left on device; 6 finished sites are"):
            build(recipe, pool)
    assert build(recipe, pool).computed == 10


def test_scratch_of_killed_workers_is_removed_and_no_other(
    write_recipe, pool, tmp_path, monkeypatch
):
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = os.uname().nodename
    names = {
        f"nearedge-{host}-{gone.pid}-abc": False,
        f"nearedge-{host}-{os.getppid()}-abc": True,
        f"nearedge-elsewhere-{gone.pid}-abc": True,
        f"nearedge-{host}-mine-abc": True,
        "nearedge-abc": True,
    }
    scratch = tmp_path / "scratch"
    for name in names:
        (scratch / name / "site-1").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    running._remove_left_scratch.cache_clear()
    build(write_recipe(), pool)
    assert {path.name for path in scratch.iterdir()} == {n for n, kept in names.items() if kept}


def test_spectrum_too_narrow_for_the_axis_costs_only_its_site(write_recipe, pool, monkeypatch):
    nearedge_toy_engine = import_module("nearedge_toy_engine")

    from nearedge.engines import SiteSpectrum

    whole = nearedge_toy_engine.Toy._spectrum

    def narrow(self, structure, site):
        made = whole(self, structure, site)
        keep = slice(0, 300) if site == 5 else slice(None)
        return SiteSpectrum(made.energy_eV[keep], made.intensity[keep], made.edge_energy_eV)

    monkeypatch.setattr(nearedge_toy_engine.Toy, "_spectrum", narrow)
    report = build(write_recipe(), pool)
    assert report.sites == 14
    assert list(report.failed) == ["t1/0, atom 5", "t1/1, atom 5"]
    assert "a library needs -5 to 25 eV" in report.failed["t1/0, atom 5"]


@pytest.mark.parametrize("window", ["[-5, 28.5]", "[-9.5, 25]"])
def test_window_that_the_engine_never_covers_is_refused_before_computing(
    window, write_recipe, pool, monkeypatch
):
    monkeypatch.setattr(
        import_module("nearedge_toy_engine").Toy, "covers_eV", (-7.0, 28.0), raising=False
    )
    recipe = write_recipe()
    recipe.write_text(f"window_eV = {window}\n{recipe.read_text()}")
    with pytest.raises(UsageError, match=r"recipe.toml: engine 'toy': spectra of -7 to 28 eV"):
        build(recipe, pool)
    assert not calls(recipe)


def broken_pool() -> ThreadPoolExecutor:
    def fail():
        raise MemoryError

    return ThreadPoolExecutor(2, initializer=fail)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_broken_pool_says_how_to_go_on_and_loses_nothing(write_recipe, pool):
    recipe = write_recipe()
    steer(recipe, "fail", "3 9")
    build(recipe, pool)
    with (
        broken_pool() as dead,
        pytest.raises(
            NearedgeError,
            match=r"a worker process died.*12 finished sites are kept, run the same build",
        ),
    ):
        build(recipe, dead, retry_failed=True)
    steer(recipe, "fail", "")
    assert build(recipe, pool, retry_failed=True).computed == 4


def test_two_builds_into_one_library_the_second_refuses(write_recipe, pool):
    recipe = write_recipe(settings=", pause_s = 0.05")
    refused: list[str] = []

    def start_another(what: str, done: int, total: int) -> None:
        if done == 1:
            with ThreadPoolExecutor(1) as other, pytest.raises(NearedgeError) as error:
                build_library(recipe, recipe.parent / "lib.zarr", other, workers=1)
            refused.append(str(error.value))

    assert build(recipe, pool, progress=start_another).computed == 16
    assert len(refused) == 1
    assert "another build is writing there" in refused[0]


def test_progress_counts_every_site_once(write_recipe, pool):
    recipe = write_recipe()
    steer(recipe, "fail", "3")
    build(recipe, pool)
    seen: list[tuple[str, int, int]] = []
    build(recipe, pool, retry_failed=True, progress=lambda *step: seen.append(step))
    assert seen == [("sites", 15, 16), ("sites", 16, 16)]


def test_damaged_line_of_the_journal_costs_only_its_own_site(write_recipe, pool):
    recipe = write_recipe()
    build(recipe, pool, out="whole.zarr")
    build(recipe, pool)
    lines = journal(recipe).read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][:50] + b"\xff\x00" + lines[4][52:]
    lines[9] = b"[1, 2]\n"
    journal(recipe).write_bytes(b"".join(lines))
    assert build(recipe, pool).computed == 2
    one, other = (open_library(recipe.parent / out).load() for out in ("lib.zarr", "whole.zarr"))
    assert one.identical(other)


def test_line_cut_short_by_a_kill_is_dropped(write_recipe, pool):
    recipe = write_recipe()
    build(recipe, pool)
    journal(recipe).write_bytes(journal(recipe).read_bytes()[:-20])
    report = build(recipe, pool)
    assert (report.sites, report.computed) == (16, 1)
    assert len(journal(recipe).read_bytes().splitlines()) == 16
    assert build(recipe, pool).computed == 0


@pytest.mark.parametrize("what", ["file", "folder", "imported library"])
def test_build_never_replaces_what_it_did_not_make(what, write_recipe, pool, content):
    recipe = write_recipe()
    out = recipe.parent / "lib.zarr"
    if what == "file":
        out.write_text("my results")
    elif what == "folder":
        out.mkdir()
        (out / "notes.txt").write_text("mine")
    else:
        build(recipe, pool, out="other.zarr")
        (recipe.parent / "other.zarr").rename(out)
    before, computed = content(out), len(calls(recipe))
    with pytest.raises(NearedgeError, match=r"exists and .*choose another --out"):
        build(recipe, pool)
    assert content(out) == before
    assert len(calls(recipe)) == computed


def test_something_put_in_the_place_of_a_library_is_noticed_before_computing(
    write_recipe, pool, tmp_path
):
    recipe = write_recipe()
    build(recipe, pool)
    (tmp_path / "lib.zarr").rename(tmp_path / "kept.zarr")
    (tmp_path / "lib.zarr").write_text("my results")
    write_recipe(settings=", reach_A = 2.5")
    with pytest.raises(NearedgeError, match="exists and is not a library"):
        build(recipe, pool)
    assert len(calls(recipe)) == 16
    assert (tmp_path / "lib.zarr").read_text() == "my results"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"toy"', '"tooy"', "recipe.toml: unknown engine 'tooy'; did you mean 'toy'"),
        ("control =", "controll =", "recipe.toml: engine 'toy' has no setting 'controll'"),
        ('"li3feo35_oxygen"', '"li3feo35"', "recipe.toml: no built-in label scheme"),
        ('"frames.extxyz"', '"frame.extxyz"', "frame.extxyz: cannot be read"),
        ('"li3feo35_oxygen"', '"nowhere.toml"', "nowhere.toml: cannot read the label scheme"),
    ],
)
def test_wrong_recipe_touches_no_library(old, new, words, write_recipe, pool, content):
    recipe = write_recipe()
    build(recipe, pool)
    before = content(recipe.parent / "lib.zarr")
    recipe.write_text(recipe.read_text().replace(old, new))
    with pytest.raises(NearedgeError, match=words):
        build(recipe, pool)
    assert content(recipe.parent / "lib.zarr") == before


def test_less_than_one_worker_is_refused(write_recipe, pool):
    recipe = write_recipe()
    with pytest.raises(UsageError, match="--workers 0: give at least 1"):
        build_library(recipe, recipe.parent / "lib.zarr", pool, workers=0)


def test_structures_that_share_a_name_are_refused(write_recipe, pool, tmp_path):
    frames = [Atoms("FeO", [[0, 0, 0], [2.0, 0, 0]], cell=[9.0] * 3, pbc=True) for _ in range(2)]
    for frame in frames:
        frame.info["snapshot_id"] = 4
    with pytest.raises(NearedgeError, match="the structure 't1/4' occurs twice"):
        build(write_recipe(frames), pool)


def test_snapshot_that_is_no_number_is_refused(write_recipe, pool):
    frame = Atoms("FeO", [[0, 0, 0], [2.0, 0, 0]], cell=[9.0] * 3, pbc=True)
    frame.info["snapshot_id"] = "last"
    with pytest.raises(NearedgeError, match=r"frames.extxyz: snapshot_id = 'last' is not a whole"):
        build(write_recipe([frame]), pool)


def test_scheme_is_found_beside_the_recipe(write_recipe, pool):
    recipe = write_recipe()
    (recipe.parent / "mine.toml").write_text(
        'name = "mine"\nabsorber = "O"\n\n[neighbours]\nelements = ["Li"]\ncutoff_A = 2.6\n\n'
        + "".join(f'[[classes]]\nlabel = "{n} Li"\ncoordination = {n}\n\n' for n in range(7))
    )
    recipe.write_text(recipe.read_text().replace("li3feo35_oxygen", "mine.toml"))
    build(recipe, pool)
    library = open_library(recipe.parent / "lib.zarr")
    assert library.attrs["label_scheme"]["name"] == "mine"
    assert set(names(library, "environment")) <= {f"{n} Li" for n in range(7)}


def test_structures_travel_with_the_library(write_recipe, pool):
    recipe = write_recipe()
    build(recipe, pool)
    stored = open_structures(recipe.parent / "lib.zarr")
    for structure, frame in zip(
        stored, read_structures(recipe.parent / "frames.extxyz"), strict=True
    ):
        np.testing.assert_array_equal(structure.positions, frame.positions)
        np.testing.assert_array_equal(structure.cell.array, frame.cell.array)
        assert structure.get_chemical_symbols() == frame.get_chemical_symbols()
