"""Pictures show all of an answer, nothing overlaps or is cut off, and pages need no network."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from nearedge import load_model
from nearedge.data import embedded_library, model_folder
from nearedge.errors import NearedgeError
from nearedge.library import open_library
from nearedge.mixtures import load_sites
from nearedge.models.bands import class_bands
from nearedge.models.nearest import nearest_sites
from nearedge.pictures import draw_answer, draw_series, portrait
from nearedge.pictures._answer_figure import figure_answer
from nearedge.pictures._map import coordination_map
from nearedge.pictures._series_figure import figure_series
from nearedge.predict import Prediction
from nearedge.series import Record, Summary, predict_series
from nearedge.spectra import EnergyGrid
from nearedge.studies.training import library_hash

EXAMPLE = Path(__file__).parents[2] / "examples" / "spectra" / "site.dat"


@pytest.fixture(scope="module")
def bare():
    """The shipped model without bands."""
    model = load_model(model_folder("default"))
    return replace(model, info={k: v for k, v in model.info.items() if k != "bands"})


@pytest.fixture(scope="module")
def bands(bare):
    sites = load_sites(open_library(embedded_library()).load(), EnergyGrid(**bare.info["grid"]))
    return class_bands(sites.intensity, sites.environment, sites.labels)


@pytest.fixture(scope="module")
def model(bare, bands):
    """The shipped model with the bands of its library."""
    return replace(bare, info=bare.info | {"bands": bands})


@pytest.fixture(scope="module")
def plain():
    """The example's answer as the shipped model gives it."""
    [[record]] = predict_series([str(EXAMPLE)])
    return record


@pytest.fixture(scope="module")
def full(plain):
    """The same with all that a calibrated model tells, and a long file name."""
    answer = plain.prediction
    assert answer.environment is not None
    assert answer.coordination is not None
    return replace(
        plain,
        prediction=replace(
            answer,
            file="a/very/long/path/" * 6 + "scan_0001.xdi",
            environment=answer.environment | {"set": ["1 Fe", "2 Fe"], "coverage": 0.9},
            coordination=answer.coordination | {"interval": [1.2, 4.6], "coverage": 0.9},
            novelty={"p_value": 0.01, "flag": True, "reason": "farther out than 99 % of " * 9},
        ),
    )


def texts(figure) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Every text that is drawn with its box in pixels."""
    drawn = []
    draw = Text.draw

    def note(self, renderer, *args, **kwargs):
        drawn.append(self)
        return draw(self, renderer, *args, **kwargs)

    with patch.object(Text, "draw", note):
        FigureCanvasAgg(figure).draw()
    boxes = {
        id(text): (text.get_text(), text.get_window_extent().extents)
        for text in drawn
        if text.get_visible() and text.get_text().strip()
    }
    return list(boxes.values())


def check_layout(figure) -> None:
    boxes = texts(figure)
    width, height = figure.bbox.size
    for text, (x0, y0, x1, y1) in boxes:
        inside = x0 >= -1 and y0 >= -1 and x1 <= width + 1 and y1 <= height + 1
        assert inside, f"{text!r} is cut off"
    for (one, a), (other, b) in combinations(boxes, 2):
        across = min(a[2], b[2]) - max(a[0], b[0])
        down = min(a[3], b[3]) - max(a[1], b[1])
        assert across <= 1 or down <= 1, f"{one!r} and {other!r} overlap"


@pytest.fixture(scope="module")
def no_answer(plain):
    answer = plain.prediction
    refused = replace(
        answer,
        status="abstained",
        environment=None,
        coordination=None,
        message="energies from 7000.0 to 7200.0 eV do not show the O K edge that the model knows",
    )
    return replace(plain, prediction=refused, intensity=None)


@pytest.mark.parametrize("which", ["plain", "full", "no_answer"])
def test_no_text_of_an_answer_overlaps_or_is_cut_off(which, model, request) -> None:
    check_layout(figure_answer(portrait(request.getfixturevalue(which), model)))


def test_a_picture_shows_number_interval_probabilities_and_warning(model, full) -> None:
    words = [text for text, _ in texts(figure_answer(portrait(full, model)))]
    number = full.prediction.coordination["mean"]
    assert any(word.startswith(f"Coordination number {number:.2f}"[:-1]) for word in words)
    assert "1.20 to 4.60 at 90 %" in words
    assert {"• 1 Fe", "• 2 Fe", "0 Fe"} <= set(words)
    assert any("farther out than" in word for word in words)
    assert any("in the 90 % set" in word for word in words)


def test_what_decided_adds_up_to_what_the_probability_gained(model, plain) -> None:
    shown = portrait(plain, model)
    assert shown.contribution is not None
    gained = shown.contribution.output - shown.contribution.baseline_output
    assert shown.contribution.contribution.sum() == pytest.approx(gained, rel=1e-4)
    # Of the networks' own probability; calibration scales it afterwards.
    said = model.classifier.predict_proba(plain.prediction.intensity[None])
    assert shown.contribution.output == pytest.approx(said.max(), rel=1e-4)


def test_the_nearest_sites_are_named_with_their_atoms(model, plain) -> None:
    found = nearest_sites(model, plain.intensity[None].astype(float))[0]
    words = " ".join(text for text, _ in texts(figure_answer(portrait(plain, model))))
    for site in found:
        assert f"{site['element']} {site['atom']} of {site['structure']}" in words
        nearest = site["neighbours"][0]
        assert f"{nearest['element']} {nearest['distance_A']:.2f}" in words


def test_bands_of_a_model_without_them_are_those_of_its_library(bare, bands, plain) -> None:
    if library_hash(open_library(embedded_library()).load()) != bare.info["library"]["hash"]:
        pytest.skip("the shipped model was trained on another library")
    found = portrait(plain, bare).bands
    assert found
    for label, rows in found.items():
        np.testing.assert_allclose(rows, bands["intensity"][label])


def test_a_model_of_another_library_without_bands_shows_none(bare, plain) -> None:
    foreign = replace(bare, info=bare.info | {"library": bare.info["library"] | {"hash": "0"}})
    assert portrait(plain, foreign).bands == {}
    check_layout(figure_answer(portrait(plain, foreign)))


def series(model, headers) -> Summary:
    labels = model.info["classes"]
    points = model.info["grid"]["points"]
    [[record]] = predict_series([str(EXAMPLE)])
    bad = Prediction("bad.xdi", None, "error", message="bad.xdi: the file is empty")
    summary = Summary(labels, points)
    answer = record.prediction
    for number, header in enumerate(headers):
        mean = 1.5 + np.sin(number / 9)
        coordination = {"mean": mean, "interval": [mean - 0.3, mean + 0.4], "coverage": 0.9}
        changed = replace(answer, coordination=coordination)
        summary.add([Record(changed, header, intensity=record.intensity)])
    summary.add([Record(bad, headers[-1])])
    return summary


SERIES = {
    "one of each": [{}],
    "numbered": [{"scan_number": n} for n in range(40, 120)],
    "charged": [{"time": 60.0 * n, "voltage_V": 3 + 0.01 * n} for n in range(90)],
    "long": [{}] * 1000,
    "map": [{"x": n % 12, "y": n // 12} for n in range(120)],
    "narrow map": [{"x": n % 3, "y": n // 3} for n in range(120)],
}


@pytest.mark.parametrize("headers", SERIES.values(), ids=SERIES)
def test_no_text_of_a_series_overlaps_or_is_cut_off(headers, model) -> None:
    check_layout(figure_series(series(model, headers).trend(), model))


def test_a_map_has_every_answer_at_its_place(model) -> None:
    summary = series(model, SERIES["map"])
    found = coordination_map(summary.trend())
    assert found is not None
    assert found["coordination"].shape == (10, 12)
    assert found["coordination"][2, 3] == pytest.approx(1.5 + np.sin(27 / 9))


@pytest.mark.parametrize("which", ["answer", "series"])
def test_a_png_is_as_wide_as_a_column_or_two(which, model, plain, tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.png"
    if which == "answer":
        draw_answer(path, plain, model)
    else:
        draw_series(path, series(model, SERIES["numbered"]).trend(), model)
    content = path.read_bytes()
    [width] = struct.unpack(">I", content[16:20])
    assert width == pytest.approx({"answer": 85, "series": 175}[which] / 25.4 * 400, abs=1)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("which", ["answer", "no answer", "series", "map"])
def test_a_page_loads_nothing_and_says_what_is_wrong(
    which, model, full, no_answer, tmp_path: Path
) -> None:
    path = tmp_path / "out.html"
    if which == "answer":
        draw_answer(path, full, model)
    elif which == "no answer":
        draw_answer(path, no_answer, model)
    else:
        draw_series(
            path, series(model, SERIES["map" if which == "map" else "charged"]).trend(), model
        )
    text = path.read_text()
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)
    words = {"answer": "farther out", "no answer": "O K edge", "series": "1 not readable"}
    assert words.get(which, "answered") in text


def test_a_picture_that_cannot_be_written_is_an_error(model, no_answer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NearedgeError, match="cannot write the picture"):
        draw_answer(tmp_path / "file" / "out.png", no_answer, model)
