"""What `nearedge predict` prints, writes and returns, for one file and for a series."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nearedge.cli.predictions import CsvWriter, JsonWriter, TextWriter
from nearedge.predict import Prediction
from nearedge.series import COLUMNS, Record

EXAMPLE = Path(__file__).parents[2] / "examples" / "spectra" / "site.dat"
CUT = "1 2\n2 3\n3\n"

WARNING = "the spectrum is unlike the library"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.dat"
    path.write_text(CUT)
    return path


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Folder with three scans, the second cut off."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in (1, 3):
        (folder / f"scan_{number}.dat").write_bytes(EXAMPLE.read_bytes())
    (folder / "scan_2.dat").write_text(CUT)
    return folder


CALIBRATED = Record(
    Prediction(
        "a.xdi",
        "7",
        "ok",
        environment={
            "label": "2 Fe",
            "probabilities": {"1 Fe": 0.25, "2 Fe": 0.75},
            "set": ["1 Fe", "2 Fe"],
            "coverage": 0.9,
        },
        coordination={"mean": 1.75, "interval": [1.5, 2.25], "coverage": 0.9},
        novelty={"p_value": 0.03, "flag": True, "reason": WARNING},
        alignment={"shift_eV": -530.25, "scale": 2.0},
        message="measured in fluorescence",
        composition={
            "fractions": {"1 Fe": 0.4, "2 Fe": 0.6},
            "intervals": {"1 Fe": [0.3, 0.5], "2 Fe": [0.5, 0.7]},
            "coverage": 0.9,
        },
    ),
    {"scan_number": 7, "time": "2024-05-01T08:00:00", "voltage_V": 3.9},
)


def shown(writer, capsys) -> str:
    writer.write([CALIBRATED])
    writer.end()
    return capsys.readouterr().out


def test_text_is_three_lines_with_number_interval_set_and_warning(capsys) -> None:
    first, second, third = shown(TextWriter(), capsys).splitlines()
    assert first.startswith("coordination number 1.75, 1.50 to 2.25 at 90%")
    assert "sample of 1 Fe 40% (30% to 50%), 2 Fe 60% (50% to 70%)" in second
    assert "2 Fe 75%, 1 Fe 25%; at 90% one of: 1 Fe, 2 Fe" in second
    assert "energy shift -530.25 eV" in third
    assert "fluorescence" in third
    assert WARNING in third


def test_csv_holds_all_of_it_in_the_documented_columns(capsys) -> None:
    [row] = csv.DictReader(io.StringIO(shown(CsvWriter(), capsys)))
    assert tuple(row) == COLUMNS
    assert (row["coordination_low"], row["coordination_high"]) == ("1.5", "2.25")
    assert (row["set"], row["set_coverage"]) == ("1 Fe|2 Fe", "0.9")
    assert (row["novelty_flag"], row["novelty_reason"]) == ("True", WARNING)
    assert (row["scan_number"], row["voltage_V"]) == ("7", "3.9")
    assert row["time"] == "2024-05-01T08:00:00"
    assert row["composition"] == "1 Fe=0.4000|2 Fe=0.6000"
    assert row["message"] == "measured in fluorescence"


def test_json_holds_the_prediction_and_the_header(capsys) -> None:
    [entry] = json.loads(shown(JsonWriter(), capsys))
    assert entry["header"] == CALIBRATED.header
    assert entry["novelty"]["reason"] == WARNING
    assert entry["message"] == "measured in fluorescence"
    assert "intensity" not in entry


def test_every_documented_column_is_described() -> None:
    text = (Path(__file__).parents[2] / "docs" / "series.md").read_text()
    table = text.split("| column | content |")[1].splitlines()
    described = [line.split("|")[1].strip() for line in table if line.startswith("| `")]
    names = [name.strip("` ") for cell in described for name in cell.split(",")]
    assert names == list(COLUMNS)


def test_an_error_in_the_middle_still_ends_in_one_json_document(capsys) -> None:
    writer = JsonWriter()
    writer.write([CALIBRATED])
    writer.end("the disk is full")
    assert json.loads(capsys.readouterr().out)[-1] == {"error": "the disk is full"}


def test_a_series_that_fails_half_way_prints_one_document_and_one_line(
    nearedge, scans: Path, monkeypatch
) -> None:
    from nearedge.cli import series
    from nearedge.errors import NearedgeError

    def stop_after_one(*arguments):
        yield [CALIBRATED]
        raise NearedgeError("the disk is full")

    monkeypatch.setattr(series, "predict_series", stop_after_one)
    answer = nearedge("predict", scans, "--json")
    assert answer.code == 1
    assert answer.document[-1] == {"error": "the disk is full"}
    assert answer.err == "nearedge: the disk is full\n"


def test_a_folder_is_predicted_and_the_bad_scan_reported(nearedge, scans: Path) -> None:
    answer = nearedge("predict", scans, "--csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert answer.code == 0
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert "1 of 3 spectra could not be read; the first: " in answer.err


def test_a_results_folder_is_summed_up_for_people_and_read_back(nearedge, scans: Path) -> None:
    out = scans.parent / "out"
    first = nearedge("predict", scans, "--out", out)
    assert first.code == 0
    assert first.out.startswith("3 spectra: 1 error, 2 ok\n")
    assert len((out / "results.csv").read_text().splitlines()) == 4
    again = nearedge("predict", scans, "--out", out, "--json")
    assert [entry["status"] for entry in again.document] == ["ok", "error", "ok"]


def test_results_of_other_settings_are_a_usage_error(nearedge, scans: Path) -> None:
    out = scans.parent / "out"
    nearedge("predict", scans, "--out", out)
    answer = nearedge("predict", scans, "--out", out, "--skip", "glitches")
    assert answer.code == 2
    assert "made with another setting of skip" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--csv", "--json"], "--csv and --json exclude each other"),
        (["--plot", "out.gif"], "name a file that ends in .png or .html"),
        (["--skip", "glitch"], "did you mean 'glitches'"),
        (["--reference", "a.xdi"], "need each other"),
        (["--shift", "-530", "--one-instrument"], "exclude each other"),
        (["--shift", "0", "--one-instrument"], "exclude each other"),
        (["--shift", "much"], "much"),
        (["--background", "parabola"], "parabola"),
    ],
)
def test_wrong_words_are_usage_errors(nearedge, words, message, tmp_path: Path) -> None:
    path = tmp_path / "measured.dat"
    energy_eV = np.arange(510.0, 570.0, 0.2)
    np.savetxt(path, np.stack([energy_eV, 1 + np.tanh(energy_eV - 531)], axis=1))
    answer = nearedge("predict", path, *words)
    assert answer.code == 2
    assert message in answer.err


def test_a_shift_from_a_reference_is_used(nearedge, tmp_path: Path) -> None:
    energy_eV = np.arange(510.0, 570.0, 0.1)
    path = tmp_path / "reference.dat"
    np.savetxt(path, np.stack([energy_eV, 1 + np.tanh(2 * (energy_eV - 531.0))], axis=1))
    answer = nearedge("predict", path, "--reference", path, "--reference-edge", "0.5", "--json")
    [entry] = answer.document
    assert entry["alignment"]["shift_eV"] == pytest.approx(-530.5, abs=0.06)


def test_columns_are_chosen_by_name(nearedge, tmp_path: Path) -> None:
    energy_eV = np.arange(-6.0, 27.0, 0.1)
    path = tmp_path / "table.csv"
    rows = [f"{e:.1f},{1 + np.tanh(e)},{2 + np.sin(e)}" for e in energy_eV]
    path.write_text("energy,first,second\n" + "\n".join(rows) + "\n")
    answer = nearedge("predict", path, "--columns", "energy,second", "--json")
    assert [entry["scan"] for entry in answer.document] == ["second"]


@pytest.mark.parametrize("name", ["out.png", "out.html"])
def test_a_picture_is_written(nearedge, tmp_path: Path, name: str) -> None:
    assert nearedge("predict", EXAMPLE, "--plot", tmp_path / name).code == 0
    start = (tmp_path / name).read_bytes()[:15]
    assert start.startswith(b"\x89PNG") or start == b"<!DOCTYPE html>"


@pytest.mark.parametrize(
    ("form", "picture"), [("--json", "one.png"), ("--csv", "one.html"), (None, "one.png")]
)
def test_a_file_whose_name_is_no_text_is_answered(
    nearedge, tmp_path: Path, form: str | None, picture: str
) -> None:
    odd = tmp_path / os.fsdecode(b"scan_20\xb0C.dat")
    odd.write_bytes(EXAMPLE.read_bytes())
    answer = nearedge("predict", odd, *filter(None, [form]), "--plot", tmp_path / picture)
    assert answer.code == 0
    assert "scan_20\\udcb0C.dat" in answer.out
    assert (tmp_path / picture).is_file()
    if form == "--json":
        assert [entry["file"] for entry in answer.document] == [str(odd)]


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "nearedge", "predict", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_ends_as_documented(bad: Path) -> None:
    codes = {}
    for name, words in {
        "usage": ["--no-such-option", EXAMPLE],
        "all bad": [bad, "--csv"],
        "mixed": [bad, EXAMPLE, "--json"],
    }.items():
        answer = run(*words)
        assert "Traceback" not in answer.stdout + answer.stderr
        codes[name] = answer.returncode
        if name == "mixed":
            assert [e["status"] for e in json.loads(answer.stdout)] == ["error", "ok"]
    assert codes == {"usage": 2, "all bad": 1, "mixed": 0}


def test_a_reader_of_the_output_that_leaves_early_is_no_error(scans: Path) -> None:
    words = [sys.executable, "-m", "nearedge", "predict", str(scans), "--csv"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate()
    assert b"Traceback" not in errors
