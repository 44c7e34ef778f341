"""Write the measured tables of protocols.md anew, from the results of finished studies.

    nearedge reproduce --full --library LIB --out results/NAME
    nearedge assess LIB --out results/NAME
    python docs/measured.py NAME=results/NAME [NAME=FOLDER ...]

Each table stands between a line `<!-- measured: TABLE -->` and a line `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("protocols.md")
SHARED = {"sites": "a raw spectrum", "atoms": "an atom", "trajectories": "a trajectory"}
Rows = list[list[str]]


def percent(value: float) -> str:
    """A fraction in percent."""
    return f"{100 * value:.1f} %"


def error(value: float) -> str:
    """A squared error."""
    return f"{value:.4f}"


def at(tree: Any, *path: str) -> Any:
    """Entry of nested dictionaries, None where there is none."""
    for key in path:
        tree = None if tree is None else tree.get(key)
    return tree


def cell(results: dict[str, Any], form: Any, *path: str) -> str:
    """Median over seeds, with the range where there are several."""
    value, ends = at(results, *path), at(results, "ranges", *path)
    if value is None:
        return ""
    several = ends is not None and ends[0] != ends[1]
    return form(value) + (f" ({form(ends[0])} to {form(ends[1])})" if several else "")


def audit(studies: dict[str, dict[str, Any]]) -> Rows:
    """Shares of test mixtures that hold something of the training part."""
    header = ["share of test mixtures that hold ... of the training part"]
    rows = [[words] for words in SHARED.values()]
    for name, results in studies.items():
        for protocol in ("pooled", "held_out"):
            header.append(f"{name}, {protocol.replace('_', '-')}")
            for row, what in zip(rows, SHARED, strict=True):
                share = results["audit"][f"{protocol}_shared_{what}_fraction"]
                row.append(f"{100 * share:.0f} %")
    return [header, *rows]


def pooled(studies: dict[str, dict[str, Any]]) -> Rows:
    """The paper's numbers and its networks, pooled."""
    paper = next(iter(studies.values()))["paper"]
    mse, constant = paper["regressor"]["mse_test"], "the same of the constant training mean"
    lines = (
        ("classifier, pooled test", percent, paper["classifier"]["test"], "classifier", "test"),
        ("coordination MSE, pooled test", error, mse, "regressor", "mse_test"),
        (constant, error, None, "regressor", "constant_mse_test"),
    )
    return [
        ["", "paper", *studies],
        *(
            [
                words,
                "" if published is None else form(published),
                *(cell(results, form, task, "pooled", key) for results in studies.values()),
            ]
            for words, form, published, task, key in lines
        ),
    ]


def methods(
    studies: dict[str, dict[str, Any]], task: str, key: str, protocols: tuple[str, ...]
) -> Rows:
    """Every method in the protocols, by what holds on unseen groups of the first library."""
    form, sign = (percent, -1) if task == "classifier" else (error, 1)
    first = next(iter(studies.values()))[task]["held_out"]
    values = {"nearedge": first[key], **first["baselines"]}
    header = ["method"]
    rows = {name: [name] for name in sorted(values, key=lambda name: sign * values[name])}
    for library, results in studies.items():
        for protocol in protocols:
            header.append(f"{library}, {protocol.replace('_', '-')}")
            own = "paper" if protocol == "pooled" else "nearedge"
            own_key = key.replace("sites_", "") if protocol == "pooled" else key
            for name, row in rows.items():
                path = (own_key,) if name == own else ("baselines", name)
                row.append(cell(results, form, task, protocol, *path))
    rows["paper"][0] = "the paper's network"
    return [header, *rows.values()]


def averages(studies: dict[str, dict[str, Any]]) -> Rows:
    """Accuracy on averages of one environment, held-out."""
    paths = {"the paper's network": ("mixtures_baselines", "paper"), "nearedge": ("mixtures_test",)}
    return [
        ["method", *(f"{name}, held-out" for name in studies)],
        *(
            [
                method,
                *(cell(r, percent, "classifier", "held_out", *path) for r in studies.values()),
            ]
            for method, path in paths.items()
        ),
    ]


def groups(studies: dict[str, dict[str, Any]]) -> Rows:
    """Accuracy against the number of training groups, of the first library."""
    name, results = next(iter(studies.items()))
    sweep, what = results["sweeps"]["groups"], results["group_by"]

    def median(method: str, column: int) -> str:
        values = sorted(run[column] for run in sweep[method])
        middle = len(values) // 2
        return percent((values[middle] + values[~middle]) / 2)

    return [
        [f"{what} groups trained on ({name})", "nearedge", "the paper's network"],
        *(
            [str(number), median("nearedge", column), median("paper", column)]
            for column, number in enumerate(sweep["setting"])
        ),
    ]


def main(arguments: list[str]) -> None:
    """Replace every table of the page."""
    folders = {name: Path(folder) for name, _, folder in (a.partition("=") for a in arguments)}
    if not folders:
        raise SystemExit(__doc__)
    studies = {n: json.loads((f / "results.json").read_text()) for n, f in folders.items()}
    tables = {
        "audit": audit(studies),
        "pooled": pooled(studies),
        "accuracy": methods(studies, "classifier", "sites_test", ("pooled", "held_out")),
        "mse": methods(studies, "regressor", "mse_test", ("pooled", "held_out")),
        "averages": averages(studies),
        "groups": groups(studies),
    }
    assessed = {n: f / "assessment.json" for n, f in folders.items()}
    assessments = {n: json.loads(p.read_text()) for n, p in assessed.items() if p.is_file()}
    if assessments:
        held_out = ("held_out",)
        tables["assessed accuracy"] = methods(assessments, "classifier", "sites_test", held_out)
        tables["assessed mse"] = methods(assessments, "regressor", "mse_test", held_out)
    page = PAGE.read_text()
    for name, rows in tables.items():
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines.insert(1, "|---" * len(rows[0]) + "|")
        block = "\n".join([f"<!-- measured: {name} -->", *lines, "<!-- end -->"])
        pattern = rf"<!-- measured: {name} -->.*?<!-- end -->"
        if not re.search(pattern, page, re.DOTALL):
            raise SystemExit(f"{PAGE}: no table marked <!-- measured: {name} -->; add it")
        page = re.sub(pattern, block.replace("\\", r"\\"), page, flags=re.DOTALL)
    PAGE.write_text(page)


if __name__ == "__main__":
    main(sys.argv[1:])
