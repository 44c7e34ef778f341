"""What one page holds, whatever happens while it waits for answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nearedge.errors import NearedgeError
from nearedge.web._frames import Answer, Task
from nearedge.web.limits import Limits
from nearedge.web.state import Settings, State
from nearedge.web.workspace import Workspace

Meanwhile = Callable[[], Awaitable[None]]


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a thread: tests of the page leave a loop running in theirs."""
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, work).result()


class Pool:
    """Answers for every line of a file with the name of the model; something may happen before."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.meanwhile: Meanwhile | None = None
        self.asked: list[int] = []

    async def run(self, task: Task, client: str) -> Answer:
        read = [(name, path, Path(path).read_text().split()) for name, path in task.files]
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        self.asked.append(sum(len(lines) for _, _, lines in read))
        if self.asked[-1] > self.limits.spectra:
            return Answer.error(413, self.limits.too_many_spectra())
        if any("bad" in lines for _, _, lines in read):
            return Answer.error(422, "this file is bad")
        found = [
            entry(name, line, task.options["model"]) | {"path": path, "index": index}
            for name, path, lines in read
            for index, line in enumerate(lines)
        ]
        return Answer(200, json.dumps(found).encode())


def entry(name: str, scan: str, model: str) -> dict[str, Any]:
    return {"entry": {"file": name, "scan": scan, "by": model}, "intensity": None}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch) -> Workspace:
    limits = Limits(spectra=5, files=3)
    state = State(Settings({"one": "default", "two": "default"}, limits=limits))
    monkeypatch.setattr(state, "pool", Pool(limits))
    monkeypatch.setattr(state, "new_path", lambda: str(tmp_path / f"{len(left(tmp_path))}"))
    return Workspace(state, "one")


def before_the_answer(workspace: Workspace, happens: Meanwhile) -> None:
    """Have something happen once while the page waits."""
    pool: Any = workspace.state.pool
    pool.meanwhile = happens


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content(*scans: str) -> bytes:
    return "\n".join(scans).encode()


def shown(workspace: Workspace) -> list[tuple[str, str]]:
    return [(sample.entry["scan"], sample.entry["by"]) for sample in workspace.samples]


def test_more_than_one_task_answers_can_be_given_to_another_model(workspace: Workspace) -> None:
    async def work() -> None:
        await workspace.add_files([("a", content("1", "2", "3"))])
        workspace.add_live({"file": "live", "scan": "4", "by": "one"}, {})
        await workspace.add_files([("b", content("5", "6", "7", "8", "9"))])
        await workspace.add_files([(name, content(name)) for name in ("10", "11")])
        await workspace.change_model("two")

    finish(work())
    assert workspace.model == "two"
    scans = [str(number) for number in range(1, 12)]
    assert shown(workspace) == [(scan, "one" if scan == "4" else "two") for scan in scans]


def test_a_model_that_fails_leaves_all_as_it_was(workspace: Workspace) -> None:
    async def work() -> None:
        await workspace.add_files([("a", content("1", "2", "3", "4"))])
        await workspace.add_files([("b", content("5", "6"))])
        Path(next(reversed(workspace.files))).write_bytes(content("bad"))
        with pytest.raises(NearedgeError, match="this file is bad"):
            await workspace.change_model("two")

    finish(work())
    assert workspace.model == "one"
    assert shown(workspace) == [(scan, "one") for scan in "123456"]


def test_what_comes_while_the_model_changes_stays_and_is_answered_by_the_new_one(
    workspace: Workspace,
) -> None:
    async def comes() -> None:
        workspace.add_live({"file": "live", "scan": "2", "by": "one"}, {})
        await workspace.add_files([("b", content("3"))])

    async def work() -> None:
        await workspace.add_files([("a", content("1"))])
        before_the_answer(workspace, comes)
        await workspace.change_model("two")

    finish(work())
    assert shown(workspace) == [("1", "two"), ("2", "one"), ("3", "two")]


def test_files_that_wait_for_their_answer_when_the_model_changes_get_it_from_the_new_one(
    workspace: Workspace,
) -> None:
    async def work() -> None:
        before_the_answer(workspace, lambda: workspace.change_model("two"))
        await workspace.add_files([("a", content("1"))])

    finish(work())
    assert shown(workspace) == [("1", "two")]


def test_what_is_removed_while_the_model_changes_does_not_come_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    async def work() -> None:
        await workspace.add_files([("a", content("1"))])

        async def removed() -> None:
            workspace.clear()

        before_the_answer(workspace, removed)
        await workspace.change_model("two")

    finish(work())
    assert workspace.model == "two"
    assert shown(workspace) == []
    assert left(tmp_path) == []


def test_files_of_a_page_that_is_closed_meanwhile_are_removed(
    workspace: Workspace, tmp_path: Path
) -> None:
    async def closes() -> None:
        workspace.close()

    async def work() -> None:
        before_the_answer(workspace, closes)
        with pytest.raises(NearedgeError, match="the page was closed"):
            await workspace.add_files([("a", content("1")), ("b", content("2"))])

    finish(work())
    assert shown(workspace) == []
    assert left(tmp_path) == []


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_files_of_an_upload_that_is_given_up_are_removed(
    workspace: Workspace, tmp_path: Path, size: int
) -> None:
    async def work() -> None:
        async def forever() -> None:
            await asyncio.Event().wait()

        before_the_answer(workspace, forever)
        upload = asyncio.create_task(workspace.add_files([("a", b"1"), ("b", b"2" * size)]))
        await asyncio.sleep(0)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        # A thread that writes a large file ends on its own.
        await asyncio.get_running_loop().shutdown_default_executor()
        await asyncio.sleep(0.01)

    finish(work())
    assert left(tmp_path) == []
