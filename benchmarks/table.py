"""Write docs/benchmarks.md from results/bench.json: all figures in it were measured in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SOURCE, TARGET = Path("results/bench.json"), Path("docs/benchmarks.md")

#: How many times faster per model than a peer, alone and in an ensemble of 32.
GOALS = {"Keras": (75, 300), "PyTorch eager": (15, 60), "scikit-learn": (8, 30)}


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lay out a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def figure(value: float | None) -> str:
    """Three digits; a dash for what was not measured."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Measured:
    """The figures of a run, asked for by peer, pack and cores."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results
        self.epochs = results["settings"]["epochs"]

    def entry(self, peer: str, pack: int, cores: int) -> dict[str, Any]:
        """What a training printed; empty if there was none."""
        found = self.results["training"].get(peer, [])
        return next((e for e in found if e["pack"] == pack and e["cores"] == cores), {})

    def seconds(self, peer: str, pack: int, cores: int) -> float | None:
        """Seconds per model for the whole training.

        Of several models on several cores: the peer's own threads, or as many processes as cores,
        each with a share of the models, whichever is faster.
        """
        own = self.entry(peer, pack, cores).get("seconds_per_epoch")
        one = self.entry(peer, pack, 1).get("seconds_per_epoch")
        if pack > 1 and peer != "nearedge" and own and one:
            own = min(own, one / cores)
        return own and own * self.epochs

    def ratio(self, peer: str, pack: int, cores: int) -> float | None:
        """How many times as long as nearedge a peer takes."""
        peers, ours = self.seconds(peer, pack, cores), self.seconds("nearedge", pack, cores)
        return peers / ours if peers and ours else None


def training_lines(measured: Measured, cores: list[int]) -> list[str]:
    """Seconds per model, and ratios."""
    peers = list(measured.results["training"])
    peers = [peer for peer in peers if measured.results["training"][peer]]
    cases = [(pack, count) for pack in (1, 32) for count in cores]
    names = [f"{'one model' if p == 1 else '32 models'}, {c} core{'s'[: c - 1]}" for p, c in cases]
    lines = ["Seconds per model:", ""]
    lines += table(
        ["", *names],
        [[peer, *(figure(measured.seconds(peer, *case)) for case in cases)] for peer in peers],
    )
    lines += ["How many times faster nearedge is, per model (the goal in brackets):", ""]
    rows = []
    for peer in peers:
        if peer == "nearedge":
            continue
        goals = GOALS.get(peer)
        row = [peer]
        for pack, count in cases:
            goal = f" ({goals[pack > 1]})" if goals else ""
            row.append(figure(measured.ratio(peer, pack, count)) + goal)
        rows.append(row)
    lines += table(["", *names], rows)
    lines += ["Peak memory of the process in MiB:", ""]
    memory = [
        [peer, *(figure(measured.entry(peer, *case).get("peak_MiB")) for case in cases)]
        for peer in peers
    ]
    return lines + table(["", *names], memory)


def limit_lines(measured: Measured, cores: list[int]) -> list[str]:
    """What the machine could do at best, beside what nearedge does."""
    limits = measured.results["limits"]
    inputs, first, second, outputs = measured.results["settings"]["network"]
    weights = inputs * first + first * second + second * outputs
    # Forward, and the gradients of weights and (but for the first layer) of activations.
    operations = 2 * 32 * (3 * weights - inputs * first)
    whole = operations * 150 * measured.epochs / 1e9
    rows = []
    for count in cores:
        limit, ours = limits[str(count)], measured.seconds("nearedge", 32, count)
        least = whole / limit["gflop_per_s"]
        share = figure(100 * least / ours) + " %" if ours else "-"
        rows.append(
            [
                str(count),
                figure(limit["gflop_per_s"]),
                figure(limit["copied_GB_per_s"]),
                figure(least),
                figure(ours),
                share,
            ]
        )
    head = [
        "cores",
        "GFLOP/s of a product of 2048 × 2048 float32 matrices",
        "GB/s of copying",
        "seconds per model at that rate",
        "nearedge, 32 models",
        "share of the limit",
    ]
    return [
        f"The matrix products of a training are {whole:.1f} GFLOP: {operations:,} floating-point "
        f"operations in each of {150 * measured.epochs:,} steps. At the rate of a large matrix "
        "product that takes:",
        "",
        *table(head, rows),
    ]


def prediction_lines(measured: Measured, cores: list[int]) -> list[str]:
    """Seconds for a million spectra."""
    found = measured.results["prediction"]

    def shown(peer: str, count: int, key: str) -> str:
        entry = next((e for e in found[peer] if e["cores"] == count), {})
        return figure(entry.get(key))

    rows = [
        [
            peer,
            *(shown(peer, count, "seconds") for count in cores),
            *(shown(peer, count, "peak_MiB") for count in cores[-1:]),
            *(shown(peer, count, "deviation") for count in cores[-1:]),
        ]
        for peer in found
    ]
    head = ["", *(f"{c} core{'s'[: c - 1]}, s" for c in cores), "peak memory, MiB"]
    return table([*head, "greatest difference of a probability"], rows)


def accuracy_lines(measured: Measured) -> list[str]:
    """Test accuracies of Keras and nearedge over seeds."""
    rows = []
    for peer, entry in measured.results["accuracy"].items():
        values = sorted(entry.get("accuracies", []))
        if values:
            median, low, high = values[len(values) // 2], values[0], values[-1]
            rows.append([peer, *(f"{100 * value:.2f} %" for value in (median, low, high))])
    epochs = next(iter(measured.results["accuracy"].values()), {}).get("epochs")
    return [
        f"Test accuracy after {epochs} epochs on the same split, over five seeds:",
        "",
        *table(["", "median", "least", "greatest"], rows),
    ]


def main() -> None:
    """Write the page."""
    results = json.loads(SOURCE.read_text())
    measured, about = Measured(results), results["machine"]
    cores = sorted(int(count) for count in results["limits"])
    everything = [
        *(entry for entries in results["training"].values() for entry in entries),
        *(entry for entries in results["prediction"].values() for entry in entries),
    ]
    versions: dict[str, str] = {}
    for entry in everything:
        versions |= entry.get("versions", {})
    errors = sorted({entry["error"] for entry in everything if "error" in entry})
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` (`benchmarks/run.py`, then `benchmarks/table.py`). All figures",
        "are of one run. What is compared: the paper's classifier (70-8-6-6, batches of 32,",
        f"{measured.epochs} epochs of 4800 examples). Peers' epochs are timed after a first one,",
        f"2 to 20 of them, and multiplied up to {measured.epochs}; nearedge trains all of them.",
        "A peer trains several models one after the other; on two cores it is credited with two",
        "such processes side by side where that is faster than its own threads. Compiling is not",
        "counted for anybody: torch.compile's falls into the first epoch; nearedge's, once per",
        "machine, into its first call.",
        "",
        f"Machine: {about['processor']}, {about['cores']} cores, {about['system']}, Python "
        f"{about['python']}; load {about['load_before']:.2f} before the run.",
        "Versions: " + ", ".join(f"{name} {word}" for name, word in sorted(versions.items())) + ".",
        *(f"Not measured: {error}" for error in errors),
        "",
        "## Training",
        "",
        *training_lines(measured, cores),
        "## The limit",
        "",
        *limit_lines(measured, cores),
        "## Prediction",
        "",
        "Seconds for the probabilities of a million spectra of 70 points, float32, median of five.",
        "nearedge's include scaling the spectra and checking them.",
        "",
        *prediction_lines(measured, cores),
        "## Accuracy",
        "",
        "The mixtures carry noise of 1.5 standard deviations here, since averages without noise",
        "are told apart nearly without a fault.",
        "",
        *accuracy_lines(measured),
        "## From the shell",
        "",
        *table(
            ["command", "s"],
            [[f"`{name}`", figure(s)] for name, s in results.get("commands", {}).items()],
        ),
    ]
    TARGET.write_text("\n".join(lines).rstrip() + "\n")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
