"""The results folder keeps what is finished, never mixes runs, and survives any cut."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from nearedge.errors import NearedgeError, UsageError
from nearedge.series import COLUMNS, Results, document, find_files, predict_series, reading, run
from nearedge.spectra import iter_blocks

RUN = {"model": "m", "options": {}}
POINTS = 151


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(run, "_FILES_AT_ONCE", 2)


@pytest.fixture
def predicted(monkeypatch):
    """Files that were really predicted, not read back."""
    names: list[str] = []
    original = run.predict_step

    def count(step, *more):
        if isinstance(step, run._Files):
            names.extend(Path(path).name for path, _ in step.starts)
        return original(step, *more)

    monkeypatch.setattr(run, "predict_step", count)
    return names


def complete(folder: Path, files, stop: int | None = None):
    records = []
    with Results(folder, RUN, POINTS) as results:
        series = predict_series(files, results=results)
        for number, block in enumerate(series):
            records += block
            if number == stop:
                series.close()
                return records
        results.write_table(files)
    return records


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_second_call_predicts_nothing_and_answers_the_same(
    scans: Path, folder: Path, predicted
) -> None:
    files = find_files([scans])
    first = complete(folder, files)
    predicted.clear()
    again = complete(folder, files)
    assert predicted == []
    assert [document(r) for r in again] == [document(r) for r in first]
    for one, other in zip(first, again, strict=True):
        if one.intensity is None:
            assert other.intensity is None
        else:
            np.testing.assert_array_equal(one.intensity, other.intensity)


def test_an_interrupted_series_goes_on_where_it_stopped(
    scans: Path, folder: Path, predicted
) -> None:
    files = find_files([scans])
    complete(folder, files, stop=2)
    predicted.clear()
    records = complete(folder, files)
    assert predicted == [f"scan_{number}.dat" for number in range(7, 13)]
    assert [r.prediction.file for r in records] == files


def test_the_table_is_in_the_order_of_the_series_with_documented_columns(
    scans: Path, folder: Path
) -> None:
    files = find_files([scans])
    complete(folder, list(reversed(files)), stop=1)
    complete(folder, files)
    rows = table(folder)
    assert tuple(rows[0]) == COLUMNS
    assert [row["file"] for row in rows] == files


def test_a_file_that_has_changed_is_predicted_again(scans: Path, folder: Path, predicted) -> None:
    files = find_files([scans])
    complete(folder, files)
    predicted.clear()
    (scans / "scan_5.dat").write_bytes((scans / "scan_6.dat").read_bytes())
    records = complete(folder, files)
    assert predicted == ["scan_5.dat"]
    assert records[4].prediction.status == "ok"
    assert records[4].prediction.coordination["mean"] == pytest.approx(
        records[5].prediction.coordination["mean"]
    )
    predicted.clear()
    complete(folder, files)
    assert predicted == []


def test_a_file_that_changes_while_it_is_read_is_predicted_again(
    scans: Path, folder: Path, predicted, monkeypatch
) -> None:
    def read_and_change(path, **more):
        try:
            yield from iter_blocks(path, **more)
        finally:
            if path.endswith("scan_5.dat"):
                (scans / "scan_5.dat").write_bytes((scans / "scan_6.dat").read_bytes())

    monkeypatch.setattr(reading, "iter_blocks", read_and_change)
    files = find_files([scans])
    assert complete(folder, files)[4].prediction.status == "error"
    monkeypatch.setattr(reading, "iter_blocks", iter_blocks)
    predicted.clear()
    assert complete(folder, files)[4].prediction.status == "ok"
    assert predicted == ["scan_5.dat"]


def test_cut_anywhere_the_results_go_on_to_the_same_end(scans: Path, folder: Path) -> None:
    files = find_files([scans])
    expected = [document(r) for r in complete(folder, files)]
    lines, spectra = folder / "results.jsonl", folder / "spectra.f32"
    whole = lines.read_bytes(), spectra.read_bytes()
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(whole[0]) + 1, 12):
        # A kill leaves a beginning of the lines, and of the spectra at least what belongs to it.
        rows = whole[0][:cut].count(b"\n") * 4 * POINTS
        lines.write_bytes(whole[0][:cut])
        spectra.write_bytes(whole[1][: min(len(whole[1]), rows + int(rng.integers(0, 700)))])
        assert [document(r) for r in complete(folder, files)] == expected
        assert spectra.stat().st_size == len(whole[1])


def test_a_damaged_line_costs_its_own_file(scans: Path, folder: Path, predicted) -> None:
    files = find_files([scans])
    expected = [document(r) for r in complete(folder, files)]
    lines = (folder / "results.jsonl").read_bytes().splitlines(keepends=True)
    lines[6] = b"#" * (len(lines[6]) - 1) + b"\n"
    (folder / "results.jsonl").write_bytes(b"".join(lines))
    predicted.clear()
    assert [document(r) for r in complete(folder, files)] == expected
    assert predicted == ["scan_7.dat"]


def test_results_of_another_model_are_refused(scans: Path, folder: Path) -> None:
    complete(folder, find_files([scans]), stop=0)
    with (
        pytest.raises(UsageError, match="made with another model; choose another --out"),
        Results(folder, RUN | {"model": "n"}, POINTS),
    ):
        pass


def test_a_folder_of_something_else_is_left_alone(scans: Path) -> None:
    before = sorted(scans.iterdir())
    with pytest.raises(UsageError, match="holds no results"), Results(scans, RUN, POINTS):
        pass
    assert sorted(scans.iterdir()) == before


def test_a_folder_left_by_a_kill_in_the_first_moment_is_taken(scans: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "results.jsonl").touch()
    assert len(complete(folder, find_files([scans]))) == 12


def test_two_series_cannot_write_to_one_folder(folder: Path) -> None:
    with (
        Results(folder, RUN, POINTS),
        pytest.raises(NearedgeError, match="another series is being written there"),
        Results(folder, RUN, POINTS),
    ):
        pass


def test_lines_are_json_for_other_programs(scans: Path, folder: Path) -> None:
    complete(folder, find_files([scans]))
    entries = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert {entry["status"] for entry in entries} == {"ok", "error"}
    rows = np.fromfile(folder / "spectra.f32", dtype="<f4").reshape(len(entries), POINTS)
    known = np.isfinite(rows).all(axis=1)
    assert known.tolist() == [entry["status"] == "ok" for entry in entries]
    np.testing.assert_allclose(rows[known].mean(axis=1), 1.0, rtol=1e-5)


def test_a_name_that_is_no_text_is_kept_and_read_back(scans: Path, folder: Path, predicted) -> None:
    odd = str(scans / os.fsdecode(b"scan_20\xb0C.dat"))
    os.rename(scans / "scan_2.dat", odd)
    files = find_files([scans])
    with Results(folder, RUN, POINTS) as results:
        results.keep({"found in": odd})
    first = complete(folder, files)
    assert len(first) == 12
    predicted.clear()
    assert [document(r) for r in complete(folder, files)] == [document(r) for r in first]
    assert predicted == []
    names = [json.loads(line)["file"] for line in (folder / "results.jsonl").open()]
    assert sorted(names) == sorted(files)
    assert [row["file"] for row in table(folder) if "C.dat" in row["file"]] == [
        str(scans / "scan_20\\udcb0C.dat")
    ]
