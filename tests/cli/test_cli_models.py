"""predict, train, assess, evaluate and reproduce from the command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from nearedge.data import embedded_library
from nearedge.models import (
    ClassifierEnsemble,
    RegressorEnsemble,
    fit_preprocessing,
    save_model,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "spectra" / "site.dat"


def test_text_of_a_prediction_starts_with_the_number(nearedge) -> None:
    answer = nearedge("predict", EXAMPLE)
    lines = answer.out.splitlines()
    assert answer.code == 0
    assert len(lines) == 3
    assert lines[0].startswith("coordination number ")


def test_json_of_a_prediction_is_a_list_with_one_entry_per_spectrum(nearedge) -> None:
    answer = nearedge("predict", EXAMPLE, EXAMPLE, "--json")
    assert [entry["status"] for entry in answer.document] == ["ok", "ok"]


def test_csv_has_a_header_and_one_line_per_spectrum(nearedge) -> None:
    rows = list(csv.DictReader(io.StringIO(nearedge("predict", EXAMPLE, "--csv").out)))
    assert len(rows) == 1
    assert 0 <= float(rows[0]["coordination"]) <= 4


def test_exit_code_is_1_only_if_every_spectrum_is_an_error(nearedge, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dat"
    bad.write_bytes(b"\x00\x01\x02")
    assert nearedge("predict", bad, EXAMPLE).code == 0
    answer = nearedge("predict", bad, "--json")
    assert answer.code == 1
    assert answer.document[0]["status"] == "error"


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n", b"1 2\n2 x\n3 4\n", b"1 2\n2 nan\n3 4\n", b"3 1\n2 1\n5 1\n4 1\n"],
    ids=["empty", "binary", "non-numeric", "nan", "non-monotonic"],
)
def test_a_bad_file_ends_in_one_clear_line(nearedge, tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad.dat"
    bad.write_bytes(content)
    answer = nearedge("predict", bad)
    assert answer.code == 1
    [line] = answer.err.splitlines()
    assert "bad.dat" in line
    assert "Traceback" not in line


def test_predict_without_a_file_is_a_usage_error(nearedge) -> None:
    assert nearedge("predict").code == 2


def test_a_missing_library_is_an_error_in_one_line(nearedge, tmp_path: Path) -> None:
    answer = nearedge("assess", tmp_path / "none.zarr", "--json")
    assert answer.code == 1
    assert "none.zarr" in answer.document["error"]


def test_quick_and_full_exclude_each_other(nearedge) -> None:
    answer = nearedge("reproduce", "--quick", "--full")
    assert answer.code == 2
    assert "exclude" in answer.err


def test_too_many_folds_are_a_usage_error(nearedge) -> None:
    answer = nearedge("assess", embedded_library(), "--folds", "1000")
    assert answer.code == 2
    assert "--folds 1000" in answer.err


@pytest.mark.slow
def test_ocean_spectra_are_imported_assessed_trained_on_and_recognised(
    nearedge, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "li3feo35_ocean_0K"
    spectra, library, model = folder / "O_K_spectra.dat", tmp_path / "l.zarr", tmp_path / "model"
    made = nearedge(
        "library", "import", "--structure", folder / "POSCAR", "--spectra", spectra,
        "--absorber", "O", "--out", library, "--json",
    ).document  # fmt: skip
    assert list(made["classes"].values()) == [9, 17, 15, 7, 1, 0]
    trained = nearedge("train", library, "--out", model, "--json")
    assert trained.code == 0
    held_out = trained.document["held_out"]["classifier"]["held_out"]
    assert held_out["sites_test"] > held_out["baselines"]["majority"]
    assert trained.document["held_out"]["audit"]["held_out_shared_atoms_fraction"] == 0
    answers = nearedge("predict", spectra, "--model", model, "--json").document
    assert len(answers) == 49
    scores = nearedge("evaluate", model, library, "--json").document
    assert {"accuracy", "macro_f1", "coverage", "mean_set_size"} <= set(scores)
    assert {"coordination_mse", "abstained", "sites"} <= set(scores)
    assert scores["accuracy"] > held_out["sites_test"], "it was trained on these sites"


def test_a_model_without_its_training_sites_cannot_be_continued(nearedge, tmp_path: Path) -> None:
    layers = ((np.ones((1, 1, 151)), np.zeros((1, 1))),)
    preprocessing = fit_preprocessing(np.eye(151))
    parts = {
        "classifier": ClassifierEnsemble(layers, preprocessing, np.array(["0 Fe"])),
        "regressor": RegressorEnsemble(layers, preprocessing),
    }
    save_model(tmp_path / "old", parts, {}, "# Card")
    answer = nearedge("assess", embedded_library(), "--from", tmp_path / "old", "--json")
    assert answer.code == 1
    assert "train it again" in answer.document["error"]


@pytest.mark.slow
def test_training_continues_from_another_engines_model_and_says_so(
    nearedge, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "li3feo35_ocean_0K"
    table = np.loadtxt(folder / "O_K_spectra.dat")
    moved = tmp_path / "moved.dat"
    # Another engine, whose zero lies 2 eV lower.
    np.savetxt(moved, np.column_stack([table[:, 0] + 2.0, table[:, 1:]]))
    libraries = {"one": folder / "O_K_spectra.dat", "other": moved}
    for name, spectra in libraries.items():
        made = nearedge(
            "library", "import", "--structure", folder / "POSCAR", "--spectra", spectra,
            "--absorber", "O", "--out", tmp_path / f"{name}.zarr", "--json",
        )  # fmt: skip
        assert made.code == 0, made.err
    first, second = tmp_path / "first", tmp_path / "second"
    assert nearedge("train", tmp_path / "one.zarr", "--out", first, "--json").code == 0
    trained = nearedge(
        "train", tmp_path / "other.zarr", "--out", second, "--from", first, "--json"
    ).document
    assert trained["pretraining"]["finishing_sites"] == 49
    assert trained["pretraining"]["alignment"]["shift_eV"] == pytest.approx(2.0, abs=0.15)
    assert "Continued from a model of 49 sites" in (second / "card.md").read_text()
    held_out = trained["held_out"]
    assert len(held_out["pretraining"]["alignment"]) == held_out["folds"]
    # The moved table itself does not reach the model's lowest energies.
    answers = nearedge("predict", libraries["one"], "--model", second, "--json").document
    assert {answer["status"] for answer in answers} <= {"ok", "abstained"}
    assert len(answers) == 49
    # They are the same atoms: none that a fold left out was pretrained on.
    assert held_out["audit"]["pretraining_shared_atoms_fraction"] == 0
    scores = nearedge("evaluate", second, tmp_path / "one.zarr", "--json").document
    assert scores["trained_on"] == 49
