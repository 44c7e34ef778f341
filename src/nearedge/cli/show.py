"""What commands print: tables for people, JSON for programs, progress on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nearedge.plain import plain

# Below this nobody wants a progress bar.
_PATIENCE_SECONDS = 2.0


def print_json(document: Any) -> None:
    """Print one JSON document on standard output; NaN becomes null, since JSON has no NaN."""
    json.dump(plain(document), sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output, the first column left and the others right aligned."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (what, done, in all) that draws a bar on standard error.

    Nothing appears in the first two seconds. Where standard error is not a terminal, a line is
    written now and then instead.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    start = last_line = time.monotonic()
    rows: dict[str, Any] = {}

    def show(what: str, done: int, total: int) -> None:
        nonlocal last_line
        now = time.monotonic()
        if console.is_terminal:
            if what not in rows:
                rows[what] = bar.add_task(what, total=total)
            bar.update(rows[what], completed=done, total=total)
            if now - start > _PATIENCE_SECONDS and not bar.live.is_started:
                bar.start()
        elif now - last_line > 30.0:
            last_line = now
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
