"""The report of an assessment: figures, tables and numbers in one folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearedge.errors import NearedgeError
from nearedge.studies._figure_trust import figure_trust
from nearedge.studies.figures import save_figures
from nearedge.studies.report import Table, write_report
from nearedge.studies.scores import r2_in_words
from nearedge.studies.tables import plural
from nearedge.uncertainty import DEFAULT_COVERAGE

if TYPE_CHECKING:
    from nearedge.studies.assessment import Assessment

_CAPTION = (
    "Held-out answers: a, how often answers of a given probability are right; b, how often "
    "prediction sets hold the environment, and their mean size; c, accuracy when only the surest "
    "sites are answered; d, errors of the coordination number. Every fold was calibrated on the "
    "others."
)


def write_assessment(assessment: Assessment, out: str | os.PathLike[str]) -> Path:
    """Write ``assessment.json``, the figures and ``report.html``.

    Parameters
    ----------
    assessment
        What was found.
    out
        Folder; made if it does not exist.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    NearedgeError
        If the folder cannot be written.
    """
    folder = Path(out)
    figures = {"trust": figure_trust(assessment.trust, DEFAULT_COVERAGE)}
    pictures = save_figures(figures, folder / "figures")
    results = assessment.figures
    try:
        text = json.dumps(results, indent=2, ensure_ascii=False)
        (folder / "assessment.json").write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise NearedgeError(
            f"{folder}: cannot write the assessment ({error.strerror}); choose another folder"
        ) from error
    return write_report(
        folder,
        title="What holds on unseen groups, and how far to trust it",
        headline=headline(results),
        tables=assessment_tables(results),
        figures={"trust": (_CAPTION, pictures["trust"])},
        results=results,
    )


def headline(results: dict[str, Any]) -> list[str]:
    """The findings in words."""
    classifier, regressor = results["classifier"]["held_out"], results["regressor"]["held_out"]
    group = f"unseen {plural(results['group_by'])}"
    ranges = classifier["ranges"]
    best = max(classifier["baselines"], key=classifier["baselines"].__getitem__)
    lines = [
        f"nearedge's answers are right on {classifier['calibrated']['accuracy']:.1%} of single "
        f"sites of {group} ({_span(ranges['accuracy'])} by bootstrap over them). Before "
        f"calibration, as baselines are, it is right on {classifier['sites_test']:.1%}, the best "
        f"of them ({best}) on {classifier['baselines'][best]:.1%}.",
        f"Prediction sets made for {DEFAULT_COVERAGE:.0%} hold the environment of "
        f"{classifier['coverage']:.1%} of the sites ({_span(ranges['coverage'])}), with "
        f"{classifier['mean_set_size']:.2f} environments on average.",
        f"The average coordination number of 20 to 70 sites has a mean squared error of "
        f"{regressor['mse_test']:.4f} (R2 {r2_in_words(regressor)}; the constant training mean: "
        f"{regressor['constant_mse_test']:.4f}).",
        f"Intervals made for {DEFAULT_COVERAGE:.0%} hold the coordination number of "
        f"{regressor['interval_coverage']:.1%} of averages of 20 to 70 sites.",
        f"The novelty test raises a false alarm on "
        f"{classifier['false_alarms']['single sites']:.1%} of single sites.",
    ]
    if results["coverage_kind"] == "empirical":
        lines.append(
            "Coverage is empirical: there are too few independent trajectories for a proof, in all "
            "or of an environment."
        )
    return lines


def assessment_tables(results: dict[str, Any]) -> list[Table]:
    """Methods beside each other, coverage by class and by kind, fractions of environments."""
    classifier, regressor = results["classifier"]["held_out"], results["regressor"]["held_out"]
    ranges = classifier["ranges"]
    names = dict.fromkeys([*classifier["baselines"], *regressor["baselines"]])
    methods = [
        ("nearedge", f"{classifier['sites_test']:.1%}", f"{regressor['mse_test']:.4f}"),
        ("constant training mean", "", f"{regressor['constant_mse_test']:.4f}"),
        *(
            (
                name,
                _cell(classifier["baselines"].get(name), ".1%"),
                _cell(regressor["baselines"].get(name), ".4f"),
            )
            for name in names
        ),
    ]
    counts = results["classes"]
    by_class = [
        (name, str(counts[name]), f"{value:.1%}", _span(ranges[f"coverage of {name}"]))
        for name, value in classifier["coverage_by_class"].items()
    ]
    by_kind = [
        (
            name,
            f"{found['interval_coverage']:.1%}",
            _span(found["range"]),
            f"{found['mean_half_width']:.2f}",
            f"{found['fraction_coverage']:.1%}",
            f"{found['fraction_half_width']:.2f}",
            f"{classifier['false_alarms'][name]:.1%}",
        )
        for name, found in regressor["by_kind"].items()
    ]
    confusion = [
        (name, *(str(count) for count in row))
        for name, row in zip(counts, classifier["confusion"], strict=True)
    ]
    by_group = [
        (str(one["group"]), str(one["sites"]), f"{one['accuracy']:.1%}", f"{one['coverage']:.1%}")
        for one in classifier["by_group"]
    ]
    fractions = results["composition"]["held_out"]
    return [
        Table(
            "Methods on unseen groups",
            ("method", "accuracy, single sites", "coordination MSE, averages of 20 to 70"),
            tuple(methods),
        ),
        Table(
            f"Prediction sets made for {DEFAULT_COVERAGE:.0%}",
            ("environment", "sites", "covered", "95 % interval"),
            tuple(by_class),
        ),
        Table("True environment, and the most probable one", ("true", *counts), tuple(confusion)),
        Table(
            f"By {results['group_by']}",
            (results["group_by"], "sites", "accuracy", "covered"),
            tuple(by_group),
        ),
        Table(
            "By what a spectrum averages",
            (
                "",
                "coordination covered",
                "95 % interval",
                "half width",
                "fractions covered",
                "half width",
                "false alarms",
            ),
            tuple(by_kind),
        ),
        Table(
            "Fractions of environments: root mean square error on averages of 20 to 70 sites",
            ("method", "error"),
            tuple((name, f"{value:.3f}") for name, value in fractions.items()),
        ),
    ]


def _span(bounds: list[float]) -> str:
    return f"{bounds[0]:.0%} to {bounds[1]:.0%}"


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
