"""A stack is read in pieces, with one shift for all of it, and may be cut off anywhere."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from nearedge.series import Options, Results, Summary, predict_series, run

ZERO_EV = 530.0
POINTS = 151


@pytest.fixture
def stack(tmp_path: Path, drift) -> Path:
    """Map of 6 x 40 measured spectra; spectrum 17 holds NaN."""
    energy_eV, spectra = drift(240)
    rng = np.random.default_rng(0)
    spectra = spectra + 0.005 * spectra.mean() * rng.normal(size=spectra.shape)
    spectra[17, 50] = np.nan
    path = tmp_path / "map.h5"
    with h5py.File(path, "w") as file:
        file["energy"] = ZERO_EV + energy_eV
        file["energy"].attrs["units"] = "eV"
        file["mu"] = spectra.reshape(6, 40, -1)
        file["time"] = np.arange(240.0).reshape(6, 40)
    return path


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Read the stack in pieces of 50, as if it were large."""
    from nearedge.series import reading

    monkeypatch.setattr(run, "_LARGE_BYTES", 1000)
    whole = reading.read_pieces
    monkeypatch.setattr(
        run, "read_pieces", lambda path, options, start=0: whole(path, options, start, size=50)
    )


def everything(path: Path, **more):
    return [record for block in predict_series([str(path)], **more) for record in block]


def test_every_spectrum_of_a_stack_is_answered_but_the_bad_one(stack: Path) -> None:
    records = everything(stack)
    assert len(records) == 240
    assert [r.index for r in records] == list(range(240))
    assert [i for i, r in enumerate(records) if r.prediction.status == "error"] == [17]
    assert "spectrum 18" in records[17].prediction.message


def test_all_pieces_of_a_stack_share_one_shift(stack: Path) -> None:
    shifts = {
        r.prediction.alignment["shift_eV"]
        for r in everything(stack)
        if r.prediction.alignment is not None
    }
    assert len(shifts) == 1
    assert shifts.pop() == pytest.approx(-ZERO_EV, abs=1.0)


def test_a_given_shift_is_not_searched_for(stack: Path) -> None:
    records = everything(stack, options=Options(predicting={"shift_eV": -530.25}))
    assert records[0].prediction.alignment is not None
    assert records[0].prediction.alignment["shift_eV"] == -530.25


def test_places_and_times_of_a_map_reach_the_summary(stack: Path) -> None:
    summary = Summary(["0 Fe"], POINTS)
    summary.add(everything(stack))
    trend = summary.trend()
    assert trend.place is not None
    assert (trend.place[:, :2].max(axis=0) == [39, 5]).all()
    assert trend.axis == "Time (min)"


def test_a_stack_that_was_interrupted_keeps_its_shift_and_goes_on(
    stack: Path, tmp_path: Path
) -> None:
    expected = everything(stack)
    with Results(tmp_path / "out", {}, POINTS) as results:
        series = predict_series([str(stack)], results=results)
        next(series)
        next(series)
        series.close()
    with Results(tmp_path / "out", {}, POINTS) as results:
        assert results.finished(str(stack)) == 100
        assert not results.is_complete(str(stack))
        assert list(results.found["shifts"]) == [str(stack)]
        records = everything(stack, results=results)
        assert results.is_complete(str(stack))
    for one, other in zip(records, expected, strict=True):
        assert one.prediction.status == other.prediction.status
        if one.prediction.coordination is not None and other.prediction.coordination is not None:
            assert one.prediction.coordination["mean"] == pytest.approx(
                other.prediction.coordination["mean"]
            )


@pytest.mark.slow
def test_a_series_killed_again_and_again_ends_with_the_table_of_an_undisturbed_one(
    stack: Path, scans: Path, tmp_path: Path
) -> None:
    def start(out: str) -> subprocess.Popen[bytes]:
        words = ["predict", str(stack), str(scans), "--out", str(tmp_path / out)]
        return subprocess.Popen(
            [sys.executable, "-m", "nearedge", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    began = time.monotonic()
    whole = start("whole")
    assert whole.wait() == 0
    lasts = time.monotonic() - began
    # Killed once as soon as it writes, which no machine is too fast for, then at random moments.
    process = start("cut")
    while not (tmp_path / "cut" / "run.json").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    rng = np.random.default_rng(1)
    for _ in range(7):
        process = start("cut")
        try:
            process.wait(timeout=float(rng.uniform(0.3, 1.0)) * lasts)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    last = start("cut")
    _, errors = last.communicate()
    assert last.returncode == 0, errors.decode()
    table = "results.csv"
    assert (tmp_path / "cut" / table).read_text() == (tmp_path / "whole" / table).read_text()
