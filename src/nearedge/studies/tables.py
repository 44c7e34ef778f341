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
    network = "the paper's network"
    averages = {**held_out, "baselines": {network: held_out["mixtures_baselines"]["paper"]}}
    lines = [
        *winners(held_out, regressor["held_out"]),
        *_beaten(
            "Held-out accuracy on averages of one environment",
            "nearedge",
            "mixtures_test",
            averages,
        ),
        *lines,
        *_beaten("Pooled accuracy on averages", network, "test", classifier["pooled"]),
        *_beaten("Pooled coordination MSE", network, "mse_test", regressor["pooled"]),
    ]
    if results["extent"] == "quick":
        lines.insert(
            0, "Quick look: three tenths of the examples and of most epochs; not for quoting."
        )
    return lines


def winners(classifier: dict[str, Any], regressor: dict[str, Any]) -> list[str]:
    """A line for each task in which baselines beat nearedge's method, from its held-out scores."""
    return [
        *_beaten("Held-out accuracy on single sites", "nearedge", "sites_test", classifier),
        *_beaten("Held-out coordination MSE", "nearedge", "mse_test", regressor),
    ]


def _beaten(what: str, own: str, key: str, scores: dict[str, Any]) -> list[str]:
    """A line that names the baselines with better scores, the best three of them."""
    sign, form = (1, ".4f") if key == "mse_test" else (-1, ".1%")
    value = scores[key]
    better = {n: v for n, v in scores["baselines"].items() if sign * v < sign * value}
    if not better:
        return []
    ranked = sorted(better.items(), key=lambda item: sign * item[1])
    names = [f"{name} ({score:{form}})" for name, score in ranked[:3]]
    more = f" and {len(ranked) - 3} more" if len(ranked) > 3 else ""
    return [f"{what}: {own} ({value:{form}}) is beaten by {', '.join(names)}{more}."]


def tables(results: dict[str, Any]) -> list[Table]:
    """The paper's numbers beside ours, the baselines of both protocols, and the leakage audit."""
    classifier, regressor = results["classifier"], results["regressor"]
    unseen = f"unseen {plural(results['group_by'])}"
    return [
        Table(
            title="The paper's number, ours pooled, ours held-out",
            header=("", "paper", "pooled", "held-out, paper's network", "held-out, nearedge"),
            rows=_comparison(results),
        ),
        Table(
            title="Accuracy: pooled on averages, held-out on single sites",
            header=("method", "pooled", f"held-out ({unseen})"),
            rows=_ranked(
                {"paper": classifier["pooled"]["test"], **classifier["pooled"]["baselines"]},
                {
                    "nearedge": classifier["held_out"]["sites_test"],
                    **classifier["held_out"]["baselines"],
                },
                -1,
                ".1%",
            ),
        ),
        Table(
            title="Mean squared error of the average coordination number",
            header=("method", "pooled", f"held-out ({unseen})"),
            rows=_ranked(
                {"paper": regressor["pooled"]["mse_test"], **regressor["pooled"]["baselines"]},
                {
                    "nearedge": regressor["held_out"]["mse_test"],
                    **regressor["held_out"]["baselines"],
                },
                1,
                ".4f",
            ),
        ),
        audit_table(results["audit"]),
    ]


def audit_table(audit: dict[str, float]) -> Table:
    """The leakage audit of every protocol that was audited.

    Examples
    --------
    >>> audit_table({"held_out_shared_sites_fraction": 0.0}).rows
    (('a raw spectrum', '0%'),)
    """
    protocols = {
        name: key for name, key in _PROTOCOLS.items() if f"{key}_shared_sites_fraction" in audit
    }
    return Table(
        title="Leakage audit: test examples that hold something of the training part",
        header=("share that holds ... of the training part", *protocols),
        rows=tuple(
            (words, *(format(audit[f"{key}_shared_{what}_fraction"], ".0%") for key in keys))
            for keys in [protocols.values()]
            for what, words in _SHARED.items()
            if all(f"{key}_shared_{what}_fraction" in audit for key in keys)
        ),
    )


_PROTOCOLS = {"pooled": "pooled", "held-out": "held_out", "pretraining sites": "pretraining"}
_SHARED = {"sites": "a raw spectrum", "atoms": "an atom", "trajectories": "a trajectory"}


def _comparison(results: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    paper = results["paper"]
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
        (
            f"accuracy, averages of one environment of {unseen}",
            ".1%",
            None,
            None,
            held_out["mixtures_baselines"]["paper"],
            held_out["mixtures_test"],
        ),
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
    return tuple(
        (name, *("" if value is None else format(value, form) for value in values))
        for name, form, *values in cells
    )


def _ranked(
    pooled: dict[str, float], held_out: dict[str, float], sign: int, form: str
) -> tuple[tuple[str, str, str], ...]:
    """Methods by what holds on unseen groups, the best first."""
    ordered = sorted(held_out, key=lambda name: sign * held_out[name])
    return tuple(
        (name, format(pooled[name], form) if name in pooled else "", format(held_out[name], form))
        for name in ordered
    )


def plural(group_by: str) -> str:
    """Name of several groups.

    Examples
    --------
    >>> plural("trajectory"), plural("atom")
    ('trajectories', 'atoms')
    """
    return {"trajectory": "trajectories"}.get(group_by, f"{group_by}s")
