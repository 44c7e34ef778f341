"""A series is predicted in order, as it comes, and a bad scan does not end it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nearedge import load_model, read_spectra
from nearedge.data import model_folder
from nearedge.errors import NearedgeError
from nearedge.predict import predict
from nearedge.series import Options, Record, document, find_files, predict_series, run
from nearedge.spectra import iter_blocks


def everything(files, **more) -> list[Record]:
    return [record for block in predict_series(files, **more) for record in block]


def test_a_folder_is_predicted_in_the_order_in_which_people_count(scans: Path) -> None:
    names = [Path(file).name for file in find_files([scans])]
    assert names == [f"scan_{number}.dat" for number in range(1, 13)]


def test_files_keep_the_order_in_which_they_are_named(scans: Path) -> None:
    named = [scans / "scan_3.dat", scans / "scan_1.dat"]
    assert find_files(named) == [str(path) for path in named]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NearedgeError, match="a folder without files"):
        find_files([tmp_path])


def test_a_bad_scan_is_reported_and_the_rest_finish(scans: Path) -> None:
    records = everything(find_files([scans]))
    assert [r.prediction.status for r in records] == ["ok"] * 4 + ["error"] + ["ok"] * 7
    assert "scan_5.dat, line" in records[4].prediction.message


def test_every_answer_is_that_of_the_spectrum_alone(scans: Path) -> None:
    model = load_model(model_folder("default"))
    for record in everything(find_files([scans])):
        if record.prediction.status == "error":
            continue
        [alone] = predict(read_spectra(record.prediction.file), model)
        assert alone.coordination["mean"] == pytest.approx(record.prediction.coordination["mean"])
        assert alone.environment is not None
        assert record.prediction.environment is not None
        assert alone.environment["label"] == record.prediction.environment["label"]


def test_a_spectrum_that_breaks_the_prediction_costs_only_itself(tmp_path: Path, drift) -> None:
    energy_eV, (good, negative, other) = drift(3)
    path = tmp_path / "three.dat"
    np.savetxt(path, np.stack([energy_eV, good, -negative, other], axis=1))
    records = everything([str(path)])
    assert [r.prediction.status for r in records] == ["ok", "abstained", "ok"]
    assert "not positive" in records[1].prediction.message


def test_a_defect_in_the_prediction_of_one_spectrum_costs_only_that(
    tmp_path: Path, drift, monkeypatch
) -> None:
    def stumble(spectra, *more, **arguments):
        if any(spectrum.scan == "2" for spectrum in spectra):
            raise ZeroDivisionError("by nothing")
        return predict(spectra, *more, **arguments)

    energy_eV, three = drift(3)
    path = tmp_path / "three.dat"
    np.savetxt(path, np.column_stack([energy_eV, three.T]))
    monkeypatch.setattr(run, "predict", stumble)
    records = everything([str(path)])
    assert [r.prediction.status for r in records] == ["ok", "error", "ok"]
    assert "spectrum 2: ZeroDivisionError: by nothing" in records[1].prediction.message


def test_a_reader_that_fails_unforeseen_costs_only_its_file(scans: Path, monkeypatch) -> None:
    from nearedge.series import reading

    def stumble(path, **more):
        if "scan_3" in str(path):
            raise IndexError("out of range")
        return iter_blocks(path, **more)

    monkeypatch.setattr(reading, "iter_blocks", stumble)
    records = everything(find_files([scans]))
    assert "IndexError" in records[2].prediction.message
    assert [r.prediction.status for r in records].count("ok") == 10


def test_answers_come_before_the_whole_series_is_read(scans: Path, monkeypatch) -> None:
    monkeypatch.setattr(run, "_FILES_AT_ONCE", 2)
    series = predict_series(find_files([scans]))
    first = next(series)
    (scans / "scan_11.dat").unlink()
    rest = [record for block in series for record in block]
    assert len(first) == 2
    assert len(rest) == 10
    assert "no such file" in rest[8].prediction.message


def test_workers_give_the_same_answers_in_the_same_order(scans: Path, monkeypatch) -> None:
    expected = [document(record) for record in everything(find_files([scans]))]
    monkeypatch.setattr(run, "_FILES_AT_ONCE", 1)
    monkeypatch.setattr(run, "cores", lambda: 2)
    monkeypatch.setattr(run, "_FILES_WORTH_WORKERS", 1)
    monkeypatch.setattr(run, "local_executor", ThreadPoolExecutor)
    got = [document(record) for record in everything(find_files([scans]))]
    assert [d["file"] for d in got] == [d["file"] for d in expected]
    for one, other in zip(got, expected, strict=True):
        assert one["status"] == other["status"]
        if one["coordination"]:
            assert one["coordination"]["mean"] == pytest.approx(other["coordination"]["mean"])


@pytest.mark.slow
def test_worker_processes_give_the_same_answers(scans: Path, monkeypatch) -> None:
    expected = [r.prediction.message for r in everything(find_files([scans]))]
    monkeypatch.setattr(run, "_FILES_AT_ONCE", 1)
    monkeypatch.setattr(run, "cores", lambda: 2)
    monkeypatch.setattr(run, "_FILES_WORTH_WORKERS", 1)
    assert [r.prediction.message for r in everything(find_files([scans]))] == expected


def test_progress_ends_at_the_number_of_spectra(scans: Path) -> None:
    seen = []
    everything(find_files([scans]), progress=lambda *step: seen.append(step))
    assert seen[-1] == ("spectra", 12, 12)


def test_a_missing_model_ends_the_series_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(NearedgeError, match="nowhere"):
        next(predict_series(["a.dat"], model=str(tmp_path / "nowhere")))


def test_why_is_told_of_files_with_few_spectra(tmp_path: Path, drift) -> None:
    energy_eV, spectra = drift(102)
    few, many = tmp_path / "few.dat", tmp_path / "many.dat"
    np.savetxt(few, np.column_stack([energy_eV, *spectra[:3]]))
    np.savetxt(many, np.column_stack([energy_eV, *spectra]))
    options = Options(why=True)
    records = [r for block in predict_series([str(few), str(many)], options=options) for r in block]
    assert [r.prediction.why is not None for r in records] == [True] * 3 + [False] * 102


def foil(path: Path) -> Path:
    """A scan of another edge: iron's, at 7112 eV."""
    energy_eV = np.arange(7060.0, 7200.0, 0.5)
    np.savetxt(path, np.stack([energy_eV, 1 / (1 + np.exp(7112.0 - energy_eV))], axis=1))
    return path


def shifts_of(files) -> list[float | None]:
    records = everything(find_files(files), options=Options(one_instrument=True))
    told = [record.prediction.alignment for record in records]
    return [None if one is None else one["shift_eV"] for one in told]


def test_a_file_of_another_edge_leaves_the_shift_of_one_instrument_as_it_is(
    measured: Path, tmp_path: Path
) -> None:
    alone = shifts_of([measured])
    assert len(set(alone)) == 1
    assert alone[0] is not None
    assert shifts_of([foil(tmp_path / "foil.dat"), measured]) == [None, *alone]


def test_files_between_those_looked_at_first_give_the_shift_too(
    measured: Path, tmp_path: Path, monkeypatch
) -> None:
    foils = [foil(tmp_path / f"foil_{number}.dat") for number in range(2)]
    monkeypatch.setattr("nearedge.series.shifts._FILES", 2)
    answered = shifts_of([foils[0], measured, foils[1]])
    assert answered[0] is None
    assert answered[-1] is None
    assert len(set(answered[1:-1])) == 1


def test_a_shift_that_was_asked_for_and_cannot_be_found_ends_the_series(tmp_path: Path) -> None:
    energy_eV = np.arange(510.0, 570.0, 0.1)
    wave = 1.0 + np.sin(energy_eV) * (energy_eV > 530.0) + 2.0 * (energy_eV > 530.0)
    path = tmp_path / "wave.dat"
    np.savetxt(path, np.stack([energy_eV, wave], axis=1))
    with pytest.raises(NearedgeError, match="no shift fits the files of one instrument"):
        shifts_of([path])
    assert shifts_of([foil(tmp_path / "foil.dat")]) == [None]
