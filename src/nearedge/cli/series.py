"""The command ``predict``: a series is read, predicted, shown, kept and drawn as it comes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

from nearedge import __version__
from nearedge.cli.predictions import CsvWriter, JsonWriter, Quiet, TextWriter, Writer
from nearedge.cli.show import progress_bar
from nearedge.data import model_folder
from nearedge.errors import NearedgeError, UsageError, did_you_mean
from nearedge.models import Model, cached_model
from nearedge.predict import shift_from_reference
from nearedge.series import Options, Record, Results, Summary, find_files, predict_series
from nearedge.spectra import check_steps, read_spectra
from nearedge.spectra.background import BACKGROUNDS

Form = Literal["text", "json", "csv"]

_PICTURES = (".png", ".html")


def options_of(
    model: str,
    *,
    columns: str | None,
    skip: Sequence[str],
    background: str | None,
    shift: float | None,
    reference: Path | None,
    reference_edge: float | None,
    one_instrument: bool,
    sensitivity: bool,
) -> Options:
    """Turn the words of the command line into how a series is read and predicted.

    Raises
    ------
    UsageError
        If words exclude each other or need another.
    NearedgeError
        If the reference cannot be read or does not show the model's edge.
    """
    check_steps(skip)
    if background is not None and background not in BACKGROUNDS:
        raise UsageError(
            f"no background is called {background!r}{did_you_mean(background, BACKGROUNDS)}"
        )
    if (reference is None) != (reference_edge is None):
        raise UsageError("--reference and --reference-edge need each other; give both")
    words = (("--shift", shift), ("--reference", reference))
    given = [word for word, value in words if value is not None]
    given += ["--one-instrument"] if one_instrument else []
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} exclude each other; give one of them")
    if reference is not None and reference_edge is not None:
        spectra = read_spectra(reference, columns)
        if len(spectra) > 1:
            raise UsageError(
                f"--reference {reference}: holds {len(spectra)} spectra; give a file with one"
            )
        shift = shift_from_reference(spectra[0], cached_model(model), reference_edge)
    predicting = {"skip": tuple(skip), "background": background, "shift_eV": shift}
    return Options(
        reading={} if columns is None else {"columns": columns},
        predicting=predicting | ({"sensitivity": True} if sensitivity else {}),
        one_instrument=one_instrument,
    )


def predict_and_show(
    paths: Sequence[Path],
    *,
    model: str,
    form: Form,
    plot: Path | None,
    out: Path | None,
    options: Options,
    debug: bool = False,
) -> int:
    """Predict files, show the answers, and return the exit code; JSON tells why.

    Raises
    ------
    NearedgeError
        If nothing has been shown yet; else the error is shown here, so that standard output stays
        one document.
    """
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise UsageError(f"--plot {plot}: name a file that ends in {' or '.join(_PICTURES)}")
    options = replace(options, why=form == "json")
    files = find_files(paths)
    loaded = cached_model(model)
    writer = _writer(form, quiet=out is not None)
    summary = Summary(loaded.info["classes"], loaded.info["grid"]["points"])
    only: Record | None = None
    try:
        with ExitStack() as stack:
            results = None
            if out is not None:
                run = {
                    "model": _fingerprint(model),
                    "version of nearedge": __version__,
                    "setting of one_instrument": options.one_instrument,
                    **{f"setting of {k}": v for k, v in options.reading.items()},
                    **{f"setting of {k}": v for k, v in options.predicting.items()},
                }
                results = stack.enter_context(
                    Results(out, run, points=loaded.info["grid"]["points"])
                )
            progress = stack.enter_context(progress_bar())
            series = predict_series(files, model, options, results, progress)
            for block in stack.enter_context(closing(series)):
                writer.write(block)
                summary.add(block)
                only = block[0] if only is None else only
            if results is not None:
                results.write_table(files)
        if plot is not None:
            _draw(plot, summary, only, loaded)
    except (NearedgeError, KeyboardInterrupt) as error:
        if debug or not writer.begun:
            raise
        interrupted = isinstance(error, KeyboardInterrupt)
        words = (
            "interrupted; what was finished is kept"
            if interrupted
            else " ".join(str(error).split())
        )
        writer.end(words)
        print(f"nearedge: {words}", file=sys.stderr)
        return 130 if interrupted else 1
    writer.end()
    _report(summary, form, out, plot)
    return int(set(summary.counts) == {"error"})


def _writer(form: Form, quiet: bool) -> Writer:
    if form == "json":
        return JsonWriter()
    if form == "csv":
        return CsvWriter()
    return Quiet() if quiet else TextWriter()


def _fingerprint(model: str) -> str:
    return hashlib.sha256((model_folder(model) / "model.json").read_bytes()).hexdigest()[:16]


def _draw(plot: Path, summary: Summary, only: Record | None, model: Model) -> None:
    from nearedge.pictures import draw_answer, draw_series

    if only is not None and sum(summary.counts.values()) == 1:
        draw_answer(plot, only, model)
    else:
        draw_series(plot, summary.trend(), model)


def _report(summary: Summary, form: Form, out: Path | None, plot: Path | None) -> None:
    """What became of the series: for people on standard output, else bad scans alone."""
    counts = summary.counts
    total = sum(counts.values())
    if form == "text" and out is not None:
        print(f"{total} spectra: " + ", ".join(f"{counts[s]} {s}" for s in sorted(counts)))
        if counts["ok"]:
            print(f"  coordination numbers from {summary.least:.2f} to {summary.greatest:.2f}")
        print(f"  results in {out}/results.csv" + (f", picture in {plot}" if plot else ""))
    if counts["error"] and total > 1 and not (form == "text" and out is None):
        first = next(iter(summary.messages))
        print(
            f"nearedge: {counts['error']} of {total} spectra could not be read; the first: {first}",
            file=sys.stderr,
        )
