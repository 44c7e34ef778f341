"""Messages between the server and its workers: a line of JSON, then the bytes that it announces.

No pickle, and nothing that arrives is run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any

LONGEST_LINE = 4 * 10**6


@dataclass(frozen=True)
class Task:
    """One thing for a worker to do.

    Attributes
    ----------
    kind
        Name of what to do; `nearedge.web.answering` lists them.
    files
        Name to show and path to read, for every file.
    options
        Plain values that `kind` takes.
    body
        Bytes that `kind` takes: a document of JSON, say.
    """

    kind: str
    files: tuple[tuple[str, str], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What became of a task: a status of HTTP, and a document of JSON or HTML.

    Examples
    --------
    >>> Answer.error(413, "too large").json()
    {'error': 'too large'}
    """

    status: int
    content: bytes

    @classmethod
    def error(cls, status: int, message: str) -> Answer:
        """An answer that says what went wrong."""
        return cls(status, json.dumps({"error": message}).encode())

    def json(self) -> Any:
        """The document."""
        return json.loads(self.content)


def pack_tasks(tasks: Sequence[Task]) -> bytes:
    """Tasks as the worker reads them."""
    heads = [asdict(task) | {"body": len(task.body)} for task in tasks]
    return json.dumps(heads).encode() + b"\n" + b"".join(task.body for task in tasks)


def read_tasks(stream: IO[bytes]) -> list[Task]:
    """The next tasks; none at the end of the stream.

    Examples
    --------
    >>> from tempfile import TemporaryFile
    >>> tasks = [Task("predict", (("a.dat", "/tmp/1"),), {"small": True}), Task("x", body=b"1")]
    >>> with TemporaryFile() as file:
    ...     _ = file.write(pack_tasks(tasks)), file.seek(0)
    ...     read_tasks(file) == tasks
    True
    """
    tasks = []
    for head in json.loads(stream.readline() or b"[]"):
        head["files"] = tuple((name, path) for name, path in head["files"])
        tasks.append(Task(**head | {"body": stream.read(head["body"])}))
    return tasks


def pack_answers(answers: Sequence[Answer]) -> bytes:
    """Answers as the server reads them."""
    heads = [[answer.status, len(answer.content)] for answer in answers]
    return json.dumps(heads).encode() + b"\n" + b"".join(answer.content for answer in answers)
