"""A study's numbers as sentences and tables."""

from __future__ import annotations

from typing import Any

from nearedge.studies.report import Table


def headline(results: dict[str, Any]) -> list[str]:
    """The findings in words, the most important first; a baseline that wins is named first."""
    classifier, regressor = results["classifier"], results["regressor"]
    held_out = classifier["held_out"]
    group = f"unseen {plural(results['group_by'])}"
    lines = [
        f"The paper's network classifies {classifier['pooled']['test']:.1%} of averages whose raw "
        f"spectra it was trained on, and {held_out['baselines']['paper']:.1%} of single sites of "
        f"{group}.",
        f"nearedge's method is right on {held_out['sites_test']:.1%} of single sites of {group}.",
        f"The mean squared error of the average coordination number is "
        f"{regressor['pooled']['mse_test']:.4f} pooled and "
        f"{regressor['held_out']['mse_test']:.4f} held-out (constant: "
        f"{regressor['held_out']['constant_mse_test']:.4f}).",
    ]
    lines = [*_winners(held_out, regressor["held_out"]), *lines]
    if results["extent"] == "quick":
        lines.insert(0, "Quick look: three tenths of the epochs and examples; not for quoting.")
    return lines


def _winners(classifier: dict[str, Any], regressor: dict[str, Any]) -> list[str]:
    """A line for each task in which baselines beat nearedge's method."""
    lines = []
    for what, own, baselines, sign, form in (
        ("accuracy on single sites", classifier["sites_test"], classifier["baselines"], -1, ".1%"),
        ("coordination MSE", regressor["mse_test"], regressor["baselines"], 1, ".4f"),
    ):
        better = {n: v for n, v in baselines.items() if sign * v < sign * own}
        if better:
            names = ", ".join(
                f"{name} ({value:{form}})"
                for name, value in sorted(better.items(), key=lambda item: sign * item[1])
            )
            lines.append(f"Held-out {what}: nearedge ({own:{form}}) is beaten by {names}.")
    return lines


def tables(results: dict[str, Any]) -> list[Table]:
    """The paper's numbers, ours pooled, ours held-out; and the held-out baselines."""
    classifier = results["classifier"]["held_out"]
    regressor = results["regressor"]["held_out"]
    return [
        Table(
            title="The paper's number, ours pooled, ours held-out",
            header=("", "paper", "pooled", "held-out, paper's network", "held-out, nearedge"),
            rows=_comparison(results),
        ),
        Table(
            title="Held-out: accuracy on single sites",
            header=("method", "accuracy"),
            rows=_ranked(
                {"nearedge": classifier["sites_test"], **classifier["baselines"]}, -1, ".1%"
            ),
        ),
        Table(
            title="Held-out: mean squared error of the average coordination number",
            header=("method", "MSE"),
            rows=_ranked({"nearedge": regressor["mse_test"], **regressor["baselines"]}, 1, ".4f"),
        ),
    ]


def _comparison(results: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    paper, audit = results["paper"], results["audit"]
    pooled, held_out = results["classifier"]["pooled"], results["classifier"]["held_out"]
    numbers, held_numbers = results["regressor"]["pooled"], results["regressor"]["held_out"]
    unseen = f"unseen {plural(results['group_by'])}"
    cells: list[tuple[str, str, float | None, float | None, float | None, float | None]] = [
        *(
            (f"accuracy, {part}", ".1%", paper["classifier"][part], pooled[part], None, None)
            for part in ("train", "validation", "test")
        ),
        (
            f"accuracy, sites of {unseen}",
            ".1%",
            None,
            None,
            held_out["baselines"]["paper"],
            held_out["sites_test"],
        ),
        (f"accuracy, mixtures of {unseen}", ".1%", None, None, None, held_out["mixtures_test"]),
        ("macro-F1, sites", ".3f", None, None, None, held_out["macro_f1"]),
        (
            "coordination MSE, mixtures",
            ".4f",
            paper["regressor"]["mse_test"],
            numbers["mse_test"],
            held_numbers["baselines"]["paper"],
            held_numbers["mse_test"],
        ),
        (
            "MSE of the training mean",
            ".4f",
            None,
            numbers["constant_mse_test"],
            held_numbers["constant_mse_test"],
            held_numbers["constant_mse_test"],
        ),
        ("coordination R2", ".3f", None, numbers["r2_test"], None, held_numbers["r2_test"]),
    ]
    for what in ("sites", "atoms", "trajectories"):
        shared = audit[f"held_out_shared_{what}_fraction"]
        pooled_shared = audit[f"pooled_shared_{what}_fraction"]
        cells.append((f"test mixtures sharing {what}", ".0%", None, pooled_shared, shared, shared))
    return tuple(
        (name, *("" if value is None else format(value, form) for value in values))
        for name, form, *values in cells
    )


def _ranked(values: dict[str, float], sign: int, form: str) -> tuple[tuple[str, str], ...]:
    ordered = sorted(values.items(), key=lambda item: sign * item[1])
    return tuple((name, format(value, form)) for name, value in ordered)


def plural(group_by: str) -> str:
    """Name of several groups.

    Examples
    --------
    >>> plural("trajectory"), plural("atom")
    ('trajectories', 'atoms')
    """
    return {"trajectory": "trajectories"}.get(group_by, f"{group_by}s")
