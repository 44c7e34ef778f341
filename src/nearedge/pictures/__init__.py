"""Pictures of answers and of series, to print or to look at in a browser."""

from __future__ import annotations

from pathlib import Path

from nearedge.errors import NearedgeError
from nearedge.models import Model
from nearedge.pictures._portrait import Portrait, portrait
from nearedge.series import Record
from nearedge.series.summary import Trend

__all__ = ["Portrait", "draw_answer", "draw_series", "portrait"]


def draw_answer(path: Path, record: Record, model: Model) -> None:
    """Draw one answer: spectrum over the library's bands, what decided, probabilities, warnings.

    Parameters
    ----------
    path
        ``.png``, 85 mm wide, or ``.html``, one file that loads nothing from elsewhere.
    record
        From `nearedge.series.predict_series`; without an answer its message is drawn.
    model
        That gave the answer.

    Raises
    ------
    NearedgeError
        If the file cannot be written.
    """
    shown = portrait(record, model)
    if path.suffix.lower() == ".html":
        from nearedge.pictures._answer_page import answer_page

        _write(path, answer_page(shown).encode())
        return
    from nearedge.pictures._answer_figure import figure_answer

    _write(path, _png(figure_answer(shown)))


def draw_series(path: Path, trend: Trend, model: Model) -> None:
    """Draw a series: heat map, coordination number and environments against time or number.

    A map in two dimensions shows the coordination number at every place instead.

    Parameters
    ----------
    path
        ``.png``, 175 mm wide, or ``.html``, one file that loads nothing from elsewhere.
    trend
        From `nearedge.series.Summary`.
    model
        That gave the answers.

    Raises
    ------
    NearedgeError
        If the file cannot be written.
    """
    if path.suffix.lower() == ".html":
        from nearedge.pictures._series_page import series_page

        _write(path, series_page(trend, model).encode())
        return
    from nearedge.pictures._series_figure import figure_series

    _write(path, _png(figure_series(trend, model)))


def _png(figure) -> bytes:
    from io import BytesIO

    from nearedge.studies.style import DPI, in_style

    content = BytesIO()
    with in_style():
        # Twice the points of a screen, for print.
        figure.savefig(content, dpi=2 * DPI, format="png", metadata={"Software": None})
    return content.getvalue()


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise NearedgeError(
            f"{path}: cannot write the picture ({error.strerror}); choose another --plot"
        ) from error
