"""What somebody at the beamline does on the page, and what the page does then."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SITE = ROOT / "examples" / "spectra" / "site.dat"


def _upload(page, *paths: Path) -> None:
    page.get_by_label("Choose files with spectra").set_input_files([str(path) for path in paths])


def _number(page) -> float:
    return float(page.locator(".ne-number").inner_text())


def test_a_file_is_dropped_and_the_answer_read(address, open_page, scan: Path) -> None:
    page = open_page(address)
    # Playwright cannot drag from outside of the browser, so the file is made inside.
    transfer = page.evaluate_handle(
        "text => { const data = new DataTransfer();"
        " data.items.add(new File([text], 'dropped <b>.dat')); return data; }",
        scan.read_text(),
    )
    page.locator(".ne-drop").dispatch_event("drop", {"dataTransfer": transfer})
    page.locator(".ne-number").wait_for()
    assert 0 < _number(page) < 4
    assert "dropped <b>.dat" in page.locator(".ne-name").inner_text()
    assert "90 %" in page.locator(".ne-interval").inner_text()
    assert "library" in page.locator(".ne-says").first.inner_text().lower()
    assert page.locator(".ne-chips li").count() >= 1
    assert page.locator(".ne-bars").count() == 2
    page.locator(".js-plotly-plot .legend").first.wait_for()


def test_the_number_is_the_largest_thing_on_the_page(address, open_page, scan: Path) -> None:
    page = open_page(address)
    _upload(page, scan)
    page.locator(".ne-number").wait_for()
    sizes = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&"
        " [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))"
        ".map(e => [parseFloat(getComputedStyle(e).fontSize), e.className])"
    )
    largest, second = sorted((size for size, _ in sizes), reverse=True)[:2]
    assert largest > 1.5 * second
    assert max(sizes)[1] == "ne-number"


def test_the_answer_moves_with_the_slider_and_comes_back(address, open_page, scan: Path) -> None:
    page = open_page(address)
    _upload(page, scan)
    page.locator(".ne-number").wait_for()
    before = page.locator(".ne-number").inner_text()
    slider = page.get_by_role("slider", name="Shift of the energies from that found")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    page.get_by_text("+1.00 eV from where it was found").wait_for()
    page.wait_for_function(
        "before => document.querySelector('.ne-number').innerText !== before", arg=before
    )
    page.get_by_role("button", name="Back to the shift found").click()
    page.get_by_text("as found").wait_for()
    page.wait_for_function(
        "before => document.querySelector('.ne-number').innerText === before", arg=before
    )


def test_similar_sites_are_shown_and_can_be_rotated(address, open_page) -> None:
    page = open_page(address)
    _upload(page, SITE)
    sites = page.locator(".ne-sites")
    sites.locator("button").nth(2).wait_for()
    picture = page.locator(".ne-atoms canvas")
    assert "Fe" in picture.get_attribute("aria-label")
    before = picture.evaluate("canvas => canvas.toDataURL()")
    picture.focus()
    page.keyboard.press("ArrowRight")
    assert picture.evaluate("canvas => canvas.toDataURL()") != before
    turned = picture.evaluate("canvas => canvas.toDataURL()")
    sites.locator("button").nth(1).click()
    page.wait_for_function(
        "before => document.querySelector('.ne-atoms canvas').toDataURL() !== before", arg=turned
    )


def test_a_bad_file_is_told_and_the_good_one_answered(address, open_page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dat"
    bad.write_text("energy intensity\n1 2\n")
    page = open_page(address)
    _upload(page, bad)
    page.get_by_text("Not readable").wait_for()
    assert "bad.dat" in page.locator(".ne-says.bad").inner_text()
    _upload(page, SITE)
    page.get_by_text("Average coordination number").wait_for()


def test_a_spectrum_without_an_answer_is_shown_as_it_was_read(
    address, open_page, scan: Path, tmp_path: Path
) -> None:
    energy_eV, intensity = np.loadtxt(scan, unpack=True)
    far = tmp_path / "far.dat"
    np.savetxt(far, np.stack([energy_eV + 6580.0, intensity], axis=1), fmt="%.5f")
    page = open_page(address)
    _upload(page, far)
    page.get_by_text("No answer", exact=True).wait_for()
    page.get_by_text("The spectrum as it was read").wait_for()
    drawn = page.locator(".js-plotly-plot").last
    drawn.locator("path.js-line").wait_for(state="attached")
    assert "Intensity in the file" in drawn.inner_text()
    # A shift that the user knows is used, and its answer told in the same place.
    page.get_by_label("Shift in eV").fill("-7110")
    page.get_by_role("button", name="Predict with this shift").click()
    page.get_by_text("do not show the O K edge").wait_for()


def test_too_many_files_are_refused_with_the_limit(address, open_page, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.dat" for number in range(201)]
    for path in paths:
        path.write_text("1 2\n")
    page = open_page(address)
    _upload(page, *paths)
    page.get_by_role("alert").get_by_text("at most 200 files").wait_for()


def test_two_columns_can_be_pasted(address, open_page) -> None:
    page = open_page(address)
    page.get_by_text("Paste two columns").click()
    page.get_by_label("Energy (eV) and intensity, one point a line").fill(SITE.read_text())
    page.get_by_role("button", name="Predict").click()
    page.locator(".ne-number").wait_for()
    assert "pasted" in page.locator(".ne-name").inner_text()


def test_a_series_has_a_trend_and_a_table_that_sorts_and_downloads(address, open_page) -> None:
    page = open_page(address)
    page.get_by_role("button", name="A series of 24 scans").click()
    page.get_by_text("24 spectra: 24 answered").wait_for()
    assert page.locator(".js-plotly-plot").count() == 2
    numbers = page.locator(".q-table tbody tr td:nth-child(3)")
    numbers.first.wait_for()
    header = page.get_by_role("columnheader", name="Coordination")
    header.click()
    rising = [float(text) for text in numbers.all_inner_texts()]
    assert rising == sorted(rising)
    header.click()
    page.wait_for_function(
        "first => document.querySelector('.q-table tbody td:nth-child(3)').innerText !== first",
        arg=f"{rising[0]:.2f}",
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the table as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert len(rows) == 24
    assert {row["status"] for row in rows} == {"ok"}
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the answers as JSON").click()
    entries = json.loads(Path(download.value.path()).read_text())
    assert [entry["scan"] for entry in entries] == [row["scan"] for row in rows]
    page.locator(".q-table tbody tr").first.click()
    page.get_by_text("Average coordination number").wait_for()


def test_a_report_is_one_page_that_runs_nothing(address, open_page, scan: Path) -> None:
    page = open_page(address)
    _upload(page, scan)
    link = page.get_by_role("link", name="Printable report")
    link.wait_for()
    number = page.locator(".ne-number").inner_text()
    with page.expect_popup() as popup:
        link.click()
    report = popup.value
    report.locator("img").wait_for()
    assert number in report.locator(".number").inner_text()
    assert report.locator("script").count() == 0
    assert len(report.pdf()) > 10_000


def test_the_card_and_the_held_out_figures_are_one_click_away(address, open_page) -> None:
    page = open_page(address)
    page.get_by_role("button", name="Model card").click()
    page.get_by_text("On sites that the training never saw").wait_for()
    page.get_by_role("heading", name="Limits").wait_for()
    page.get_by_role("button", name="Close").click()


def test_new_scans_of_a_watched_folder_appear_by_themselves(
    serve, open_page, tmp_path: Path
) -> None:
    with serve("--watch", str(tmp_path)) as address:
        page = open_page(address)
        page.get_by_text("appear here by themselves").wait_for()
        shutil.copy(SITE, tmp_path / "scan_1.dat")
        page.get_by_text("Average coordination number").wait_for()
        assert "scan_1.dat" in page.locator(".ne-name").inner_text()
        shutil.copy(SITE, tmp_path / "scan_2.dat")
        page.get_by_text("Your spectra (2)").wait_for()
        page.close()


def test_the_theme_can_be_switched_and_is_kept(address, open_page) -> None:
    page = open_page(address)
    page.get_by_role("button", name="Switch between light and dark").click()
    page.locator("body.body--dark").wait_for(state="attached")
    page.reload()
    page.locator("body.body--dark").wait_for(state="attached")


def test_everything_can_be_reached_with_the_keyboard(address, open_page) -> None:
    page = open_page(address)
    page.get_by_role("button", name="One site, calculated").focus()
    page.keyboard.press("Enter")
    page.locator(".ne-number").wait_for()
    page.locator(".ne-sites button").first.wait_for()
    reached = set()
    page.locator("body").press("Tab")
    for _ in range(60):
        reached.add(
            page.evaluate(
                "(e => e.getAttribute('aria-label') || e.innerText || e.tagName)"
                "(document.activeElement)"
            ).split("\n")[0]
        )
        page.keyboard.press("Tab")
    assert {"Choose files with spectra", "Printable report"} <= reached
    assert any(name.startswith("Shift of the energies") for name in reached)
    assert any(name.startswith("Atoms around a site") for name in reached)


# WCAG 2.2, contrast ratio of relative luminances.
_CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ?
    v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
  return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('svg')
    && !e.closest('[aria-hidden=true]') && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => { const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.innerText]; })
    .filter(([ratio]) => ratio < 4.5);
}"""  # noqa: E501


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_words_stand_out_from_what_is_behind_them(
    address, open_page, scan: Path, theme: str
) -> None:
    page = open_page(address, theme=theme)
    _upload(page, scan)
    page.locator(".ne-sites button").first.wait_for()
    assert page.evaluate(_CONTRAST) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pictures_of_the_page_and_nothing_sticks_out(
    address, open_page, pictures: Path, width: int, theme: str
) -> None:
    page = open_page(address, width=width, height=860, theme=theme)
    page.locator(".js-plotly-plot .legend").first.wait_for()
    page.screenshot(path=pictures / f"start-{theme}-{width}.png", full_page=True)
    page.get_by_role("button", name="One site, calculated").click()
    page.locator(".ne-sites button").first.wait_for()
    page.locator(".ne-main .js-plotly-plot .legend").first.wait_for()
    page.wait_for_timeout(700)
    page.screenshot(path=pictures / f"answer-{theme}-{width}.png", full_page=True)
    assert _sticks_out(page) <= 0
    if (width, theme) == (1280, "light"):
        page.evaluate("scrollTo(0, 0)")
        page.mouse.move(0, 0)
        page.screenshot(
            path=ROOT / "docs" / "images" / "serve.png",
            full_page=True,
            clip={"x": 0, "y": 0, "width": 1280, "height": 1325},
        )
    page.get_by_role("button", name="A series of 24 scans").click()
    page.get_by_text("24 spectra: 24 answered").wait_for()
    page.locator(".ne-main .js-plotly-plot .annotation").first.wait_for()
    page.wait_for_timeout(700)
    page.screenshot(path=pictures / f"series-{theme}-{width}.png", full_page=True)
    assert _sticks_out(page) <= 0


def _sticks_out(page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")
