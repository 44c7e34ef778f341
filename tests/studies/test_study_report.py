from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearedge.errors import NearedgeError
from nearedge.studies.figures import save_figures
from nearedge.studies.report import Table, write_report
from nearedge.studies.style import new_figure

HEADLINE = ["99 % on averages, 74 % on unseen sites.", "A support-vector classifier is better."]
RESULTS = {
    "library": {"sites": 98, "engine": "feff", "classes": {"0 Fe": 20, "1 Fe": 40}},
    "versions": {"nearedge": "0.1.0"},
    "seed": 7,
    "seconds": {"total": 123.456, "figures": np.float64(2.5)},
    "classifier": {"pooled": {"test": 0.99}, "held_out": {"sites_test": np.float32(0.74)}},
}
VOID = {"meta", "img", "br", "link", "hr", "input"}


class _Page(HTMLParser):
    """Collects elements, and the tags that are not closed in the order they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, tuple[str, Path]]:
    paths = save_figures(
        {"a": new_figure(85.0, 20.0), "b": new_figure(175.0, 30.0)}, tmp_path / "figures"
    )
    return {name: (f"What figure {name} shows.", path) for name, path in paths.items()}


TABLE = Table(
    "Accuracy", ("", "paper", "pooled"), (("test", "98.7 %", "99.3 %"), ("train", "", "1"))
)


def report(folder: Path, figures: dict[str, tuple[str, Path]], **changed: Any) -> str:
    arguments: dict[str, Any] = {
        "title": "The study",
        "headline": HEADLINE,
        "tables": [TABLE],
        "figures": figures,
        "results": RESULTS,
    }
    path = write_report(folder, **(arguments | changed))
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def test_the_headline_comes_first_and_in_order(
    tmp_path: Path, pictures: dict[str, tuple[str, Path]]
) -> None:
    text = report(tmp_path, pictures)
    places = [text.index(words) for words in (*HEADLINE, "98.7 %", "What figure a shows.")]
    assert places == sorted(places)


def test_all_captions_and_pictures_are_inside(
    tmp_path: Path, pictures: dict[str, tuple[str, Path]]
) -> None:
    page = _Page(report(tmp_path, pictures))
    images = page.all("img")
    assert [image["alt"] for image in images] == [caption for caption, _ in pictures.values()]
    for image, (caption, path) in zip(images, pictures.values(), strict=True):
        kind, content = str(image["src"]).split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content) == path.read_bytes()
        assert caption in page.words
    assert [image["style"] for image in images] == ["--width: 85mm", "--width: 175mm"]


def test_the_report_loads_nothing_from_elsewhere(
    tmp_path: Path, pictures: dict[str, tuple[str, Path]]
) -> None:
    text = report(tmp_path, pictures)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]+", "", text))
    assert not _Page(text).all("script") + _Page(text).all("link")


def test_the_report_is_well_formed_and_accessible(
    tmp_path: Path, pictures: dict[str, tuple[str, Path]]
) -> None:
    text = report(tmp_path, pictures)
    page = _Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert (page.open, page.wrong) == ([], [])
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
    scopes = [header["scope"] for header in page.all("th")]
    assert scopes.count("col") == 2
    assert scopes.count("row") >= 2
    assert len(page.all("caption")) == 1
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)


def test_markup_in_labels_is_shown_and_never_run(
    tmp_path: Path, pictures: dict[str, tuple[str, Path]]
) -> None:
    attack = '"><script>alert(1)</script>'
    page = _Page(
        report(
            tmp_path,
            {"a": (attack, pictures["a"][1])},
            title=attack,
            headline=[attack],
            tables=[Table(attack, (attack, attack), ((attack, attack),))],
            results={"library": {attack: attack}, "other": attack},
        )
    )
    assert not page.all("script")
    assert page.words.count(attack) >= 8


def test_provenance_is_shown_and_all_numbers_can_be_unfolded(tmp_path: Path) -> None:
    text = report(tmp_path, {})
    words = " ".join(_Page(text).words)
    assert re.search(r"nearedge\s+0\.1\.0", words)
    assert re.search(r"total\s+123\.5", words)
    assert re.search(r"Seed\s+7", words)
    assert re.search(r"0 Fe\s+20", words)
    assert '"sites_test": 0.74' in words


def test_a_report_without_tables_and_figures_is_whole(tmp_path: Path) -> None:
    page = _Page(report(tmp_path, {}, tables=[], results={}))
    assert (page.open, page.wrong, page.all("img")) == ([], [], [])


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    report(tmp_path, {}, headline=["first"])
    assert "first" not in report(tmp_path, {}, headline=["second"])
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_failing_report_leaves_the_earlier_one(tmp_path: Path) -> None:
    before = report(tmp_path, {})
    (tmp_path / "text.png").write_text("no picture")
    for path, said in (("missing.png", "cannot read the figure 'a'"), ("text.png", "is no PNG")):
        with pytest.raises(NearedgeError, match=said):
            report(tmp_path, {"a": ("caption", tmp_path / path)})
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NearedgeError, match="cannot write the report"):
        report(tmp_path / "file", {})


def test_a_table_with_ragged_rows_is_refused() -> None:
    with pytest.raises(NearedgeError, match="row 2: 1 cells under 2 headers"):
        Table("t", ("a", "b"), (("1", "2"), ("1",)))
