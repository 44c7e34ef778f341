"""From a spectrum to a prediction with the model that the package ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearedge.data import embedded_library, model_folder
from nearedge.errors import NearedgeError
from nearedge.library import names, open_library
from nearedge.models import Model, load_model
from nearedge.predict import Prediction, predict, predict_files
from nearedge.spectra import Spectrum, read_spectra

EXAMPLE = Path(__file__).parents[1] / "examples" / "spectra" / "xmu.dat"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(model_folder("default"))


@pytest.fixture(scope="module")
def library_spectrum() -> Spectrum:
    """The first spectrum of the embedded library, as somebody would save it."""
    library = open_library(embedded_library())
    return Spectrum(
        library["energy"].values.astype(float),
        library["intensity"].values[0].astype(float),
        "relative",
        "site.dat",
        "1",
        "two-column",
    )


def _write(path: Path, energy_eV: np.ndarray, intensity: np.ndarray) -> Path:
    np.savetxt(path, np.stack([energy_eV, intensity], axis=1))
    return path


def test_probabilities_sum_to_one_and_the_label_is_the_most_probable() -> None:
    [answer] = predict_files([EXAMPLE])
    assert answer.status == "ok"
    probabilities = answer.environment["probabilities"]
    assert sum(probabilities.values()) == pytest.approx(1.0)
    assert answer.environment["label"] == max(probabilities, key=probabilities.__getitem__)


def test_a_prediction_has_the_keys_of_the_contract() -> None:
    [answer] = predict_files([EXAMPLE])
    document = answer.to_dict()
    assert set(document) == {
        "file", "scan", "status", "environment", "coordination", "novelty", "alignment", "message",
        "preparation", "sensitivity",
    }  # fmt: skip
    assert set(document["environment"]) == {"label", "probabilities", "set", "coverage"}
    assert set(document["coordination"]) == {"mean", "interval", "coverage"}
    assert set(document["novelty"]) == {"p_value", "flag", "reason"}
    assert set(document["alignment"]) == {"shift_eV", "scale"}


def test_most_sites_of_the_training_library_are_recognised(model: Model) -> None:
    library = open_library(embedded_library())
    energy_eV = library["energy"].values.astype(float)
    spectra = [
        Spectrum(energy_eV, row.astype(float), "relative", "library", str(number), "test")
        for number, row in enumerate(library["intensity"].values)
    ]
    predicted = [answer.environment["label"] for answer in predict(spectra, model)]
    assert np.mean(np.array(predicted) == names(library, "environment")) > 0.9


def test_the_scale_of_a_spectrum_does_not_matter(model: Model, library_spectrum: Spectrum) -> None:
    louder = replace(library_spectrum, intensity=1e6 * library_spectrum.intensity)
    first, second = predict([library_spectrum, louder], model)
    assert first.coordination["mean"] == pytest.approx(second.coordination["mean"], abs=1e-6)


def test_a_relative_axis_is_never_shifted(model: Model, library_spectrum: Spectrum) -> None:
    [answer] = predict([library_spectrum], model)
    assert answer.alignment == {"shift_eV": 0.0, "scale": 1.0}


def test_energies_of_a_feff_file_are_referred_to_its_fermi_level() -> None:
    [spectrum] = read_spectra(EXAMPLE)
    [answer] = predict_files([EXAMPLE])
    assert answer.alignment["shift_eV"] == pytest.approx(-spectrum.edge_energy_eV)
    assert "Fermi level" in answer.message


def test_an_absolute_axis_is_aligned_and_the_shift_reported(tmp_path: Path) -> None:
    library = open_library(embedded_library())
    energy_eV = library["energy"].values.astype(float)
    mean = library["intensity"].values.astype(float).mean(axis=0)
    [answer] = predict_files([_write(tmp_path / "scan.dat", energy_eV + 531.0, mean)])
    assert answer.status == "ok"
    assert answer.alignment["shift_eV"] == pytest.approx(-531.0, abs=0.15)
    assert "shifted by -53" in answer.message


def test_another_edge_is_refused_not_answered(tmp_path: Path) -> None:
    energy_eV = np.linspace(7080.0, 7160.0, 400)
    path = _write(tmp_path / "iron.dat", energy_eV, 1 / (1 + np.exp(-(energy_eV - 7120))))
    [answer] = predict_files([path])
    assert answer.status == "abstained"
    assert answer.environment is None
    assert "O K edge" in answer.message


def test_a_narrow_spectrum_is_an_error_that_names_the_missing_range(tmp_path: Path) -> None:
    energy_eV = np.linspace(-1.0, 3.0, 60)
    [answer] = predict_files([_write(tmp_path / "narrow.dat", energy_eV, np.ones(60))])
    assert answer.status == "error"
    assert "narrow.dat" in answer.message
    assert "eV" in answer.message


def test_a_bad_file_is_one_error_and_the_others_are_answered(tmp_path: Path) -> None:
    (tmp_path / "empty.dat").write_text("")
    answers = predict_files([tmp_path / "empty.dat", EXAMPLE])
    assert [answer.status for answer in answers] == ["error", "ok"]
    assert "empty.dat" in answers[0].message


def test_every_spectrum_of_a_table_is_answered_in_order(tmp_path: Path) -> None:
    library = open_library(embedded_library())
    rows = library["intensity"].values[:5].astype(float)
    table = np.column_stack([library["energy"].values, rows.T])
    np.savetxt(tmp_path / "table.dat", table)
    answers = predict_files([tmp_path / "table.dat"])
    assert [answer.scan for answer in answers] == ["1", "2", "3", "4", "5"]


def test_a_missing_model_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(NearedgeError, match="nowhere"):
        predict_files([EXAMPLE], str(tmp_path / "nowhere"))


def test_every_computed_oxygen_spectrum_is_read_and_answered(shared_data: Path) -> None:
    paths = [
        shared_data / "li3feo35_ocean_0K" / "O_K_spectra.dat",
        shared_data / "ocean" / "hematite_new" / "absspct",
        shared_data / "ocean" / "hematite_v2.5" / "absspct",
        shared_data / "ocean" / "rutile_O_K_3pol" / "absspct_total",
    ]
    answers = predict_files(paths)
    assert len(answers) == 52
    assert {answer.status for answer in answers} == {"ok"}


def test_to_dict_of_an_error_has_nothing_but_the_message() -> None:
    document = Prediction("a.dat", None, "error", message="a.dat: empty").to_dict()
    assert document["environment"] is None
    assert document["message"] == "a.dat: empty"
