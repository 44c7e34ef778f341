"""From a spectrum to a prediction with the model that the package ships."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearedge._answering import average_answers
from nearedge.cli.predictions import TextWriter
from nearedge.data import embedded_library, model_folder
from nearedge.errors import NearedgeError, UsageError
from nearedge.library import names, open_library
from nearedge.models import Model, load_model, save_model
from nearedge.predict import (
    Prediction,
    find_shift,
    predict,
    predict_files,
    shift_from_reference,
)
from nearedge.series import Record, predict_series
from nearedge.spectra import EnergyGrid, ShiftEstimate, Spectrum, read_spectra, resample
from nearedge.spectra.perturb import shifted
from nearedge.uncertainty import Answers, answer

EXAMPLE = Path(__file__).parents[1] / "examples" / "spectra" / "site.dat"
FEFF_FILE = EXAMPLE.with_name("xmu.dat")


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
        "preparation", "sensitivity", "composition", "why",
    }  # fmt: skip
    assert set(document["environment"]) == {"label", "probabilities", "set", "coverage"}
    assert set(document["coordination"]) == {"mean", "interval", "coverage", "ratio"}
    assert set(document["coordination"]["ratio"]) == {
        "neighbours", "absorber", "mean", "interval",
    }  # fmt: skip
    assert set(document["novelty"]) == {"p_value", "flag", "reason"}
    assert set(document["alignment"]) == {"shift_eV", "scale"}


def test_why_is_told_when_asked_for() -> None:
    [plain] = predict_files([EXAMPLE])
    [answer] = predict_files([EXAMPLE], why=True)
    assert plain.why is None
    assert replace(answer, why=None) == plain
    environment, number = answer.why["environment"], answer.why["coordination"]
    assert environment["label"] in answer.environment["probabilities"]
    assert number["mean"] == pytest.approx(answer.coordination["mean"], abs=1e-4)
    for part in (environment, number):
        sizes = [abs(one["contribution"]) for one in part["energies"]]
        assert sizes == sorted(sizes, reverse=True)
        assert all(one["from_eV"] <= one["to_eV"] for one in part["energies"])
    distances = [site["distance"] for site in answer.why["nearest"]]
    assert distances == sorted(distances)
    json.dumps(answer.to_dict())


def test_most_sites_of_the_training_library_are_recognised(model: Model) -> None:
    library = open_library(embedded_library())
    energy_eV = library["energy"].values.astype(float)
    spectra = [
        Spectrum(energy_eV, row.astype(float), "relative", "library", str(number), "test")
        for number, row in enumerate(library["intensity"].values)
    ]
    # A few sites of any library are rarer than 1 in 20, and get no answer.
    predicted = [(answer.environment or {}).get("label") for answer in predict(spectra, model)]
    # The penalty keeps the networks from knowing their own sites much better than unseen ones.
    assert np.mean(np.array(predicted) == names(library, "environment")) > 0.7


def test_an_environment_that_the_fractions_contradict_is_said_to_be_doubtful(model: Model) -> None:
    library = open_library(embedded_library()).load()
    dimers = np.flatnonzero(np.array(names(library, "environment")) == "O-O dimer")
    energy_eV, intensity = library["energy"].values, library["intensity"].values
    averages = [
        Spectrum(energy_eV, intensity[dimers[n::8]].mean(axis=0), "relative", "x", str(n), "table")
        for n in range(8)
    ]
    told = [one for one in predict(averages, model) if one.status == "ok"]
    assert told
    for one in told:
        assert one.environment is not None
        assert one.composition is not None
        label, fractions = one.environment["label"], one.composition["fractions"]
        assert max(fractions, key=fractions.get) == "O-O dimer"
        doubtful = f"read as one site this is {label}, read as a sample it is"
        assert (doubtful in one.message) == (fractions[label] < 0.3)
    assert any("read as one site" in one.message for one in told)


def test_the_scale_of_a_spectrum_does_not_matter(model: Model, library_spectrum: Spectrum) -> None:
    louder = replace(library_spectrum, intensity=1e6 * library_spectrum.intensity)
    first, second = predict([library_spectrum, louder], model)
    assert first.coordination["mean"] == pytest.approx(second.coordination["mean"], abs=1e-6)


def test_a_relative_axis_is_never_shifted(model: Model, library_spectrum: Spectrum) -> None:
    [answer] = predict([library_spectrum], model)
    assert answer.alignment == {"shift_eV": 0.0, "scale": 1.0}
    [given] = predict([library_spectrum], model, shift_eV=-0.5)
    assert given.coordination == answer.coordination
    assert "not shifted" in given.message


def test_relative_energies_that_no_program_names_are_told_as_understood(
    model: Model, library_spectrum: Spectrum
) -> None:
    described = replace(library_spectrum, kind="computed")
    bare, computed = predict([library_spectrum, described], model)
    assert "energies taken relative to a Fermi level" in bare.message
    assert computed.message == ""


@pytest.mark.parametrize("told", [{"kind": "electron yield"}, {"raw": True}])
def test_a_measurement_relative_to_an_unknown_zero_has_no_answer(
    model: Model, library_spectrum: Spectrum, told: dict
) -> None:
    [answer] = predict([replace(library_spectrum, **told)], model)
    assert answer.status == "abstained"
    assert "give its absolute energies" in answer.message


def test_energies_of_a_feff_file_are_referred_to_its_fermi_level() -> None:
    [spectrum] = read_spectra(FEFF_FILE)
    [answer] = predict_files([FEFF_FILE])
    assert answer.alignment["shift_eV"] == pytest.approx(-spectrum.edge_energy_eV)
    assert "Fermi level" in answer.message


@pytest.mark.parametrize(
    ("engine", "told"),
    [("gpaw", True), ("imported (ocean-absspct)", True), ("feff", False), ("imported (x)", False)],
)
def test_a_spectrum_of_another_engine_than_the_model_carries_a_warning(
    model: Model, engine: str, told: bool
) -> None:
    other = replace(model, info=model.info | {"library": {"engine": engine}})
    [answer] = predict(read_spectra(FEFF_FILE), other)
    assert ("calculated by feff, and the model knows" in answer.message) is told


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


def test_a_calculated_spectrum_of_another_element_is_refused(model: Model) -> None:
    [oxygen] = read_spectra(EXAMPLE)
    [answer] = predict([replace(oxygen, element="Si")], model)
    assert answer.status == "abstained"
    assert "the absorber is Si" in answer.message


def test_a_measurement_without_an_answer_tells_what_was_done_to_it(model: Model) -> None:
    energy_eV = np.arange(515.0, 566.0, 0.1)
    wave = 2.0 + np.sin(energy_eV) + np.arctan(energy_eV - 530.0)
    [answer] = predict([Spectrum(energy_eV, wave, "absolute", "x.dat", "1", "table")], model)
    assert answer.status == "abstained"
    assert [step["step"] for step in answer.preparation or ()][:2] == ["glitches", "background"]


def test_a_narrow_spectrum_gets_no_answer_and_the_missing_range_is_named(tmp_path: Path) -> None:
    energy_eV = np.linspace(-1.0, 3.0, 60)
    [answer] = predict_files([_write(tmp_path / "narrow.dat", energy_eV, np.ones(60))])
    assert answer.status == "abstained"
    assert answer.file.endswith("narrow.dat")
    assert "lacks" in answer.message


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


def test_a_model_that_is_trained_again_gives_the_answers(model: Model, tmp_path: Path) -> None:
    def fractions(**more) -> list[object]:
        pair = {"classifier": model.classifier, "regressor": model.regressor}
        attached = (model.calibration, model.sites)
        save_model(tmp_path / "model", pair | more, model.info, "# Card\n", *attached)
        [one] = predict_files([EXAMPLE], str(tmp_path / "model"))
        [[other]] = predict_series([str(EXAMPLE)], str(tmp_path / "model"))
        return [one.composition, other.prediction.composition]

    assert None not in fractions(composition=model.composition)
    assert fractions() == [None, None]


def test_every_computed_oxygen_spectrum_is_answered_or_refused_with_a_reason(
    shared_data: Path,
) -> None:
    paths = [
        shared_data / "li3feo35_ocean_0K" / "O_K_spectra.dat",
        shared_data / "ocean" / "hematite_new" / "absspct",
        shared_data / "ocean" / "hematite_v2.5" / "absspct",
        shared_data / "ocean" / "rutile_O_K_3pol" / "absspct_total",
    ]
    answers = predict_files(paths)
    assert len(answers) == 52
    assert {answer.status for answer in answers} <= {"ok", "abstained"}
    assert all(answer.message for answer in answers if answer.status == "abstained")


def _measured(
    spectrum: Spectrum, zero_eV: float, background: float = 0.0, seed: int = 0, **more: object
) -> Spectrum:
    """What an instrument would give for a spectrum of the library."""
    scan = np.arange(-20.0, 32.0, 0.1)
    above = np.interp(scan, spectrum.energy_eV, spectrum.intensity / spectrum.intensity.mean())
    above[scan < -5.0] = 0.0
    noise = np.random.default_rng(seed).normal(0, 0.003, scan.size)
    raw = above + background * (2.0 - 0.01 * scan) + noise
    return Spectrum(scan + zero_eV, raw, "absolute", "scan.xdi", str(seed), "xdi", **more)


def test_calculated_spectra_reach_the_model_untouched(
    model: Model, library_spectrum: Spectrum
) -> None:
    [answer] = predict([library_spectrum], model)
    sampled = resample(
        library_spectrum.energy_eV, library_spectrum.intensity, EnergyGrid(**model.info["grid"])
    )
    np.testing.assert_array_equal(answer.intensity, sampled)
    assert [step["step"] for step in answer.preparation] == ["sampling"]


@pytest.mark.parametrize("moved", [-7.3, 0.04, 5.0])
def test_an_absolute_axis_moved_by_a_constant_gives_the_same_answer(
    model: Model, library_spectrum: Spectrum, moved: float
) -> None:
    here, there = (
        predict([_measured(library_spectrum, zero)], model)[0] for zero in (530.0, 530.0 + moved)
    )
    assert there.alignment["shift_eV"] + moved == pytest.approx(here.alignment["shift_eV"], abs=0.1)
    assert there.coordination["mean"] == pytest.approx(here.coordination["mean"], abs=0.05)


def test_scale_and_background_of_a_measurement_do_not_matter(
    model: Model, library_spectrum: Spectrum
) -> None:
    plain = _measured(library_spectrum, 530.0, background=1.0)
    other = _measured(library_spectrum, 530.0, background=3.0)
    louder = replace(other, intensity=1e5 * other.intensity)
    first, second = (predict([one], model)[0] for one in (plain, louder))
    assert second.coordination["mean"] == pytest.approx(first.coordination["mean"], abs=0.05)


def test_every_step_of_a_measurement_is_told_and_can_be_left_out(
    model: Model, library_spectrum: Spectrum
) -> None:
    measured = _measured(library_spectrum, 530.0, background=1.0)
    [answer] = predict([measured], model)
    told = [step["step"] for step in answer.preparation]
    assert told == ["glitches", "background", "normalisation", "alignment", "sampling"]
    [less] = predict([measured], model, skip=["glitches", "normalisation"])
    told = [step["step"] for step in less.preparation]
    assert told == ["background", "alignment", "sampling"]


def test_a_step_that_does_not_exist_is_refused(model: Model, library_spectrum: Spectrum) -> None:
    with pytest.raises(UsageError, match="did you mean 'glitches'"):
        predict([library_spectrum], model, skip=["glitch"])


def test_a_shift_that_is_given_is_used_as_it_is(model: Model, library_spectrum: Spectrum) -> None:
    [answer] = predict([_measured(library_spectrum, 530.0)], model, shift_eV=-529.5)
    assert answer.alignment == {"shift_eV": -529.5, "scale": 1.0}
    assert "as given" in answer.message


def test_a_known_compound_gives_the_shift(model: Model, library_spectrum: Spectrum) -> None:
    scan = np.arange(515.0, 565.0, 0.1)
    known = Spectrum(scan, np.arctan(4 * (scan - 532.0)) + 2, "absolute", "ref.xdi", "1", "xdi")
    assert shift_from_reference(known, model, 1.5) == pytest.approx(-530.5, abs=0.1)


def test_spectra_of_one_file_share_one_shift_and_need_not(
    model: Model, library_spectrum: Spectrum
) -> None:
    library = open_library(embedded_library())
    averages = library["intensity"].values[:294].astype(float).reshape(6, 49, -1).mean(axis=1)
    stack = [
        _measured(replace(library_spectrum, intensity=average), 530.0, seed=number)
        for number, average in enumerate(averages)
    ]
    together = predict(stack, model)
    assert len({answer.alignment["shift_eV"] for answer in together}) == 1
    alone = predict(stack, model, one_instrument=False)
    assert len({answer.alignment["shift_eV"] for answer in alone}) == 6
    in_pieces = predict(stack[:2], model, shift_eV=find_shift(stack, model))
    assert in_pieces[0].alignment == together[0].alignment
    np.testing.assert_allclose(
        in_pieces[1].coordination["mean"], together[1].coordination["mean"], atol=1e-6
    )


def test_files_of_one_instrument_share_one_shift_if_told_so(
    model: Model, library_spectrum: Spectrum
) -> None:
    first = _measured(library_spectrum, 530.0)
    longer = np.append(first.energy_eV, first.energy_eV[-1] + 0.1)
    second = replace(
        _measured(library_spectrum, 530.0, seed=1),
        energy_eV=longer,
        intensity=np.append(first.intensity, first.intensity[-1]),
        source="other.xdi",
    )
    answers = predict([first, second], model, one_instrument=True)
    assert answers[0].alignment == answers[1].alignment


def test_sensitivity_tells_every_change_and_costs_only_when_asked(
    model: Model, library_spectrum: Spectrum
) -> None:
    [quiet] = predict([library_spectrum], model)
    assert quiet.sensitivity is None
    [answer] = predict([library_spectrum], model, sensitivity=True)
    changes = answer.sensitivity
    assert set(changes["shift_eV"]) == {"-0.5", "+0.5"}
    assert set(changes["broadening"]) == {"-20%", "+20%"}
    assert set(changes["background"]) == {"-10%", "+10%"}
    json.dumps(answer.to_dict())
    moved = replace(library_spectrum, energy_eV=library_spectrum.energy_eV + 0.5)
    held = np.insert(moved.intensity, 0, np.repeat(moved.intensity[0], 5))
    longer = np.insert(moved.energy_eV, 0, moved.energy_eV[0] - np.arange(0.5, 0.05, -0.1))
    [directly] = predict([replace(moved, energy_eV=longer, intensity=held)], model)
    assert changes["shift_eV"]["+0.5"]["coordination"] == pytest.approx(
        directly.coordination["mean"], abs=0.1
    )


def test_an_unsure_shift_widens_the_interval(model: Model, library_spectrum: Spectrum) -> None:
    """The same spectrum, with its place on the axis known and not known."""
    grid = EnergyGrid(**model.info["grid"])
    row = resample(library_spectrum.energy_eV, library_spectrum.intensity, grid)
    shifts = [-0.6, -0.3, 0.0, 0.3, 0.6]
    rows = np.stack([shifted(grid, row[None], one) for one in shifts])

    def calibrated(model: Model, intensity: np.ndarray, **more: object) -> Answers:
        mean = model.regressor.predict(intensity).astype(float)
        kept = np.ones((len(mean), 6), dtype=bool)
        plain = answer(model, intensity)
        return replace(plain, in_set=kept, mean=mean, low=mean - 0.3, high=mean + 0.3, coverage=0.9)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nearedge._answering.answer", calibrated)
        known = average_answers(model, rows[2:3])
        unsure = average_answers(model, rows)
    assert unsure.high[0] - unsure.low[0] > known.high[0] - known.low[0]


def test_an_absorber_that_the_file_names_and_the_model_does_not_know_is_refused(
    model: Model, library_spectrum: Spectrum
) -> None:
    [answer] = predict([_measured(library_spectrum, 530.0, element="V", edge="L3")], model)
    assert answer.status == "abstained"
    assert "absorber is V" in answer.message


def test_fluorescence_warns_of_self_absorption(model: Model, library_spectrum: Spectrum) -> None:
    [answer] = predict([_measured(library_spectrum, 530.0, kind="fluorescence")], model)
    assert "self-absorption is not corrected" in answer.message


def test_a_scan_of_noise_gets_no_answer(model: Model) -> None:
    energy_eV = np.arange(515.0, 565.0, 0.1)
    noise = np.random.default_rng(0).normal(1.0, 0.3, energy_eV.size)
    [answer] = predict([Spectrum(energy_eV, noise, "absolute", "a", "1", "two-column")], model)
    assert answer.status != "ok"


def test_one_empty_spectrum_does_not_stop_its_stack(
    model: Model, library_spectrum: Spectrum
) -> None:
    good = _measured(library_spectrum, 530.0, background=1.0)
    empty = replace(good, intensity=np.full(good.energy_eV.size, 1.0), scan="dead")
    answers = predict([good, empty, replace(good, scan="3")], model)
    assert [answer.status for answer in answers] == ["ok", "abstained", "ok"]
    relative = replace(library_spectrum, intensity=-library_spectrum.intensity)
    answers = predict([library_spectrum, relative], model)
    assert [answer.status for answer in answers] == ["ok", "abstained"]


def test_two_places_that_answer_differently_get_no_answer(
    model: Model, library_spectrum: Spectrum
) -> None:
    shift = np.arange(-535.0, -525.0, 0.1)
    two = sum(np.exp(-0.5 * ((shift - one) / 0.2) ** 2) for one in (-530.0, -526.0))
    rivals = ShiftEstimate(shift, two / two.sum(), 0.3, 0.1, 1.0, 0.01, 0.99)
    measured = _measured(library_spectrum, 530.0)
    # Four electronvolts away the spectrum is novel, and a calibrated model says nothing of it.
    model = replace(model, calibration=None)
    [answer] = predict([measured], model, shift_eV=rivals)
    numbers = [
        predict([measured], model, shift_eV=one)[0].coordination["mean"] for one in (-530.0, -526.0)
    ]
    assert abs(numbers[0] - numbers[1]) > 0.5
    assert answer.status == "abstained"
    assert "more than one place" in answer.message


def test_how_far_two_places_may_differ_counts_in_the_units_of_what_is_read(
    model: Model, library_spectrum: Spectrum
) -> None:
    shift = np.arange(-533.0, -527.0, 0.05)
    two = sum(np.exp(-0.5 * ((shift - one) / 0.1) ** 2) for one in (-530.75, -529.25))
    rivals = ShiftEstimate(shift, two / two.sum(), 0.3, 0.1, 1.0, 0.01, 0.99)
    measured = _measured(library_spectrum, 530.0)
    # Between 0 Fe and 4 Fe alone, both places give the same environment.
    pair = replace(
        model.classifier,
        expansion=model.classifier.expansion.only([3]),
        classes=model.classifier.classes[[0, 4]],
    )
    answers = [
        predict(
            [measured],
            replace(
                model,
                calibration=None,
                classifier=pair,
                composition=None,
                regressor=replace(model.regressor, unit=unit),
            ),
            shift_eV=rivals,
        )[0]
        for unit in (10.0, 0.01)
    ]
    assert [answer.status for answer in answers] == ["ok", "abstained"]
    assert "more than one place" in answers[1].message


def test_an_energy_loss_spectrum_is_prepared_and_told_where_its_shift_is_known(
    shared_data: Path,
) -> None:
    # The microscope's scale is 13 eV off: manganese's L3 edge, 639 eV, shows at 626 eV.
    path = shared_data / "eels_O_K" / "Extracted_Spectrum_1.msa"
    [answer] = predict_files([path], shift_eV=-516.0)
    forms = [s["form"] for s in answer.preparation if s["step"] == "background"]
    assert forms == ["power law"]


def test_an_oxide_that_no_mixture_of_the_library_resembles_gets_no_answer(
    shared_data: Path,
) -> None:
    [answer] = predict_files([shared_data / "eels_O_K" / "Extracted_Spectrum_1.msa"])
    assert answer.status == "abstained"
    assert "no mixture resembles it" in answer.message


def test_to_dict_of_an_error_has_nothing_but_the_message() -> None:
    document = Prediction("a.dat", None, "error", message="a.dat: empty").to_dict()
    assert document["environment"] is None
    assert document["message"] == "a.dat: empty"


def test_fractions_of_a_model_that_has_them_are_told_and_averaged_over_shifts() -> None:
    model = load_model(model_folder("default"))
    # Any ensemble with softmax outputs serves to see that its answers arrive.
    model = replace(model, composition=model.classifier)
    [answer] = predict(read_spectra(EXAMPLE), model)
    assert answer.composition is not None
    assert sum(answer.composition["fractions"].values()) == pytest.approx(1.0)
    assert list(answer.composition["fractions"]) == model.classifier.classes.tolist()
    assert answer.intensity is not None
    nodes = np.stack([answer.intensity, np.roll(answer.intensity, 3)])[:, None]
    single = [average_answers(model, node[None]).composition for node in nodes]
    found = average_answers(model, nodes).composition
    assert found is not None
    np.testing.assert_allclose(found, np.mean(single, axis=0), rtol=1e-5)


def test_a_broad_measurement_that_no_mixture_resembles_has_no_answer(model: Model) -> None:
    """Wide peaks where no oxygen of the library has any, in counts."""
    energy_eV = np.arange(515.0, 566.0, 0.1)
    x = energy_eV - 530.0
    foreign = (
        0.5 + np.arctan(x) / np.pi + np.exp(-((x / 3 - 0.5) ** 2)) + np.exp(-((x / 4 - 5) ** 2))
    )
    counts = np.random.default_rng(0).poisson(1e5 * (foreign + 0.5)).astype(float)
    [answer] = predict([Spectrum(energy_eV, counts, "absolute", "x.dat", "1", "table")], model)
    assert answer.status == "abstained"
    assert "no mixture" in answer.message


def test_noise_alone_takes_no_answer_away(model: Model) -> None:
    """What is off by noise is off by more than the limit, and yet of the library's kind."""
    reference = model.info["reference"]
    at_eV, mean = (np.array(reference[key], dtype=float) for key in ("energy_eV", "intensity"))
    energy_eV = np.arange(515.0, 566.0, 0.1)
    above = np.interp(energy_eV - 530.0, at_eV, mean / mean.mean(), left=0.0)
    noisy = above + 0.05 * np.random.default_rng(0).normal(size=above.size)
    found = find_shift([Spectrum(energy_eV, noisy, "absolute", "x.dat", "1", "table")], model)
    assert found.misfit > 0.035


def test_the_example_of_a_beamline_is_aligned_with_the_library() -> None:
    """docs and README predict it; examples/spectra/simulate_scan.py made it with 529.4 eV."""
    [answer] = predict_files([EXAMPLE.with_name("scan.xdi")])
    assert answer.preparation is not None
    assert abs(answer.alignment["shift_eV"] + 529.4) < 0.5
    low, high = answer.coordination["interval"]
    assert low < 1.51 < high


def test_only_an_oxidation_state_may_be_negative(model: Model) -> None:
    [known] = predict(read_spectra(EXAMPLE), model)
    assert known.intensity is not None
    # Two eV lower than any library has it, the edge is read as that of fewer neighbours than none.
    lowered = np.roll(known.intensity, -10)[None]
    assert answer(model, lowered).mean[0] == 0.0
    scheme = model.info["label_scheme"] | {"target": {"quantity": "oxidation state"}}
    states = answer(replace(model, info=model.info | {"label_scheme": scheme}), lowered)
    assert states.low is not None
    assert states.low[0] < states.mean[0] < 0.0


def test_the_overall_ratio_follows_from_the_number_where_the_scheme_defines_it(
    capsys: pytest.CaptureFixture[str], model: Model
) -> None:
    [answer] = predict_files([EXAMPLE])
    number = answer.coordination
    least, most = model.info["label_scheme"]["neighbours"]["absorbers_per_neighbour"]
    assert number["ratio"]["mean"] == pytest.approx(number["mean"] / ((least + most) / 2))
    assert number["ratio"]["interval"] == pytest.approx(
        [number["interval"][0] / most, number["interval"][1] / least]
    )
    TextWriter().write([Record(answer)])
    ratio = f"{number['ratio']['mean']:.2f}"
    assert f"Fe for one O in the sample: {ratio}" in capsys.readouterr().out


def test_without_a_count_in_the_scheme_there_is_no_ratio(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder("default"), folder)
    description = json.loads((folder / "model.json").read_text())
    del description["info"]["label_scheme"]["neighbours"]["absorbers_per_neighbour"]
    (folder / "model.json").write_text(json.dumps(description))
    [answer] = predict_files([EXAMPLE], model=str(folder))
    assert "ratio" not in answer.coordination
