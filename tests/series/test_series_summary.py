"""What pictures show of a series: means of stretches, and the axis that orders it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nearedge.predict import Prediction
from nearedge.series import Record, Summary
from nearedge.series.summary import Bins, seconds

LABELS = ("0 Fe", "1 Fe")


@settings(deadline=None)
@given(
    rows=arrays(
        np.float64,
        st.tuples(st.integers(1, 90), st.just(2)),
        elements=st.one_of(st.floats(-10, 10), st.just(np.nan)),
    ),
    most=st.sampled_from([2, 8, 16]),
    piece=st.integers(1, 40),
)
def test_bins_are_means_of_equal_stretches_however_the_rows_arrive(rows, most, piece) -> None:
    bins = Bins(width=2, most=most)
    for first in range(0, len(rows), piece):
        bins.add(rows[first : first + piece])
    means = bins.means()
    assert len(means) <= most
    for number, mean in enumerate(means):
        stretch = rows[number * bins.rows_per_bin : (number + 1) * bins.rows_per_bin]
        for column in range(2):
            known = stretch[np.isfinite(stretch[:, column]), column]
            expected = known.mean() if len(known) else np.nan
            np.testing.assert_allclose(mean[column], expected, atol=1e-12)


def records(headers, status="ok"):
    answers = (
        Prediction(
            "a",
            str(number),
            status,
            environment={"label": "0 Fe", "probabilities": {"0 Fe": 0.75, "1 Fe": 0.25}},
            coordination={"mean": float(number), "interval": [number - 1, number + 2]},
        )
        for number in range(len(headers))
    )
    row = np.array([1.0, 0.5, 1.5], dtype=np.float32)
    return [Record(a, h, intensity=row) for a, h in zip(answers, headers, strict=True)]


def trend(headers, **more):
    summary = Summary(LABELS, points=3)
    summary.add(records(headers, **more))
    return summary.trend()


def test_time_orders_a_series_where_the_headers_tell_it() -> None:
    found = trend([{"time": f"2024-05-01 0{hour}:00:00", "scan_number": 9} for hour in range(4)])
    assert found.axis == "Time (h)"
    np.testing.assert_allclose(found.along, [0, 1, 2, 3])


def test_the_scan_number_orders_it_where_no_time_is_known() -> None:
    found = trend([{"scan_number": number, "time": "?"} for number in (4, 6, 9)])
    assert (found.axis, found.along.tolist()) == ("Scan number", [4, 6, 9])
    np.testing.assert_allclose(found.edges, [3, 5, 7.5, 10.5])


def test_the_position_orders_it_where_headers_do_not() -> None:
    found = trend([{"scan_number": number} for number in (4, 9, 6)])
    assert (found.axis, found.along.tolist()) == ("Spectrum", [1, 2, 3])


def test_voltage_and_interval_and_probabilities_are_kept() -> None:
    found = trend([{"voltage_V": volt} for volt in (3.1, 3.2)])
    np.testing.assert_allclose(found.voltage_V, [3.1, 3.2])
    np.testing.assert_allclose(found.low, [-1, 0])
    np.testing.assert_allclose(found.high, [2, 3])
    np.testing.assert_allclose(found.shares, [[0.75, 0.25]] * 2)
    assert found.kind == "probability"


def test_what_abstains_leaves_a_gap_in_the_trend() -> None:
    found = trend([{}, {}], status="abstained")
    assert np.isnan(found.coordination).all()
    assert np.isnan(found.shares).all()
    assert found.counts == {"abstained": 2}


def test_a_map_is_one_only_if_every_spectrum_has_a_place() -> None:
    places = [{"x": x, "y": y} for y in range(2) for x in range(3)]
    found = trend(places)
    assert found.place is not None
    assert found.place[:, 2].tolist() == [0, 1, 2, 3, 4, 5]
    assert trend([*places, {}]).place is None


def test_times_are_understood_as_beamlines_write_them() -> None:
    same = ["2001-06-26 21:21:20", "2001-06-26T21:21:20Z", "26/06/2001 21:21:20", 993590480]
    assert len({seconds(time) for time in same}) == 1
    assert np.isnan(seconds("yesterday"))
    assert seconds("12.5") == 12.5


@pytest.fixture
def berlin(monkeypatch):
    """A machine in a time zone that changes to summer time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_times_do_not_depend_on_the_time_zone_of_the_machine() -> None:
    same = ["2001-06-26 21:21:20", "26/06/2001 21:21:20", "Tue Jun 26 21:21:20 2001", 993590480]
    assert len({seconds(moment) for moment in same}) == 1
    # The clocks go from 2 to 3 there.
    assert seconds("2024/03/31 03:00:00") - seconds("2024/03/31 01:59:00") == 61 * 60
