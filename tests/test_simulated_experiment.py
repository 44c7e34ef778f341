"""A measurement is simulated from atoms that the model never saw, and predicted from its file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from nearedge.data import embedded_library
from nearedge.library import open_library
from nearedge.mixtures import Sites, load_sites
from nearedge.models import Model
from nearedge.models.method import Method, fit_classifier, fit_samples
from nearedge.predict import predict_files
from nearedge.spectra import alignment_reference, simulated_scan
from nearedge.studies.near_edge import OXYGEN
from nearedge.uncertainty import answer_out_of_fold, calibrate, to_attachment

pytestmark = pytest.mark.slow

EXPERIMENTS = 60


def _model(method: Method, sites: Sites, reference: dict) -> Model:
    everything = np.arange(len(sites.group))
    known = answer_out_of_fold(method, sites, 0)
    info = {"absorber": "O", "edge": "K", "grid": asdict(method.grid), "reference": reference}
    classifier = fit_classifier(method, sites, everything)
    regressor, _ = fit_samples(method, sites, everything, 0)
    return Model(
        classifier,
        regressor,
        info,
        calibration=to_attachment(calibrate(method, sites, known, classifier, 0)),
    )


@pytest.fixture(scope="module")
def library():
    return open_library(embedded_library()).load()


@pytest.fixture(scope="module")
def unseen(library) -> np.ndarray:
    """Sites of a third of the atoms, which nothing below is trained or calibrated on."""
    sites = load_sites(library, OXYGEN.grid, "atom")
    atoms = np.random.default_rng(4).permutation(np.unique(sites.group))
    return np.isin(sites.group, atoms[: len(atoms) // 3])


@pytest.fixture(scope="module")
def model(library, unseen: np.ndarray) -> Model:
    sites = load_sites(library, OXYGEN.grid, "atom")
    reference = alignment_reference(
        library["energy"].values.astype(float),
        library["intensity"].values.astype(float)[~unseen],
        library["structure_id"].values.astype(int)[~unseen],
    )
    return _model(OXYGEN, sites.part(~unseen), reference)


def _write_xdi(path: Path, energy_eV: np.ndarray, i0: np.ndarray, signal: np.ndarray) -> Path:
    header = [
        "# XDI/1.0",
        "# Column.1: energy eV",
        "# Column.2: i0",
        "# Column.3: ifluor",
        "# Element.symbol: O",
        "# Element.edge: K",
        "# -----",
        "# energy i0 ifluor",
    ]
    rows = [f"{e:.3f} {a:.0f} {b:.0f}" for e, a, b in zip(energy_eV, i0, signal, strict=True)]
    path.write_text("\n".join([*header, *rows]) + "\n")
    return path


def _experiment(library, rows: np.ndarray, path: Path, seed: int) -> tuple[float, float, Path]:
    """One measurement: true coordination number, true shift, and its file."""
    random = np.random.default_rng(seed)
    energy_eV, intensity = (library[name].values.astype(float) for name in ("energy", "intensity"))
    scan = simulated_scan(energy_eV, intensity, rows, random)
    truth = float(library["coordination"].values[scan.drawn].astype(float).mean())
    return truth, -scan.zero_eV, _write_xdi(path, scan.energy_eV, scan.i0, scan.counts)


@pytest.fixture(scope="module")
def answers(library, unseen: np.ndarray, model: Model, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("experiments")
    made = [
        _experiment(library, np.flatnonzero(unseen), folder / f"{seed}.xdi", seed)
        for seed in range(EXPERIMENTS)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nearedge.models.store.cached_model", lambda name: model)
        predictions = predict_files([path for _, _, path in made])
    return [(truth, shift, one) for (truth, shift, _), one in zip(made, predictions, strict=True)]


def _fewest(count: int, coverage: float) -> int:
    """Fewer would occur once in a hundred tests if the coverage held."""
    return int(binom.ppf(0.01, count, coverage))


def test_nearly_every_simulated_measurement_is_answered(answers) -> None:
    assert np.mean([one.status == "ok" for _, _, one in answers]) > 0.9


def test_coordination_numbers_come_back_within_their_intervals_at_the_stated_rate(answers) -> None:
    ok = [(truth, one.coordination) for truth, _, one in answers if one.status == "ok"]
    inside = [c["interval"][0] <= truth <= c["interval"][1] for truth, c in ok]
    assert sum(inside) >= _fewest(len(ok), ok[0][1]["coverage"])


def test_shifts_come_back_within_their_uncertainty(answers) -> None:
    ok = [(shift, one.alignment) for _, shift, one in answers if one.status == "ok"]
    inside = [abs(a["shift_eV"] - shift) <= 1.645 * a["uncertainty_eV"] for shift, a in ok]
    assert sum(inside) >= _fewest(len(ok), 0.9)


def test_intervals_are_narrower_than_knowing_nothing(library, answers) -> None:
    """The range of coordination numbers of single sites is what anybody would answer."""
    spread = np.ptp(library["coordination"].values.astype(float))
    widths = [np.ptp(one.coordination["interval"]) for _, _, one in answers if one.status == "ok"]
    # Of the model trained here on few cells; most of the width is the unknown shift.
    assert np.median(widths) < 0.7 * spread


def test_every_step_is_told(answers) -> None:
    steps = [step["step"] for step in answers[0][2].preparation]
    assert steps == ["glitches", "background", "normalisation", "alignment", "sampling"]
    assert "fluorescence" in answers[0][2].message
