"""The process that reads files and asks the model, so that a hostile file cannot stop the server.

The kernel ends it when one batch of tasks takes too much processor time or memory; the server then
starts another.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import suppress

from nearedge.web._frames import pack_answers, read_tasks
from nearedge.web.limits import Limits


def main() -> None:
    """Answer tasks until the input ends."""
    output = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the messages.
    os.dup2(2, 1)
    settings = json.loads(sys.argv[1])
    limits = Limits(**settings["limits"])
    for limit, value in (
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits.upload_bytes),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    from nearedge.web.answering import answer_tasks, load_models

    models = load_models(settings["models"])
    output.write(pack_answers([]))
    output.flush()
    while tasks := read_tasks(sys.stdin.buffer):
        signal.setitimer(signal.ITIMER_PROF, limits.processor_seconds)
        answers = answer_tasks(tasks, models, limits)
        signal.setitimer(signal.ITIMER_PROF, 0)
        output.write(pack_answers(answers))
        output.flush()


if __name__ == "__main__":
    main()
