"""Starting an external program, and ending it with all that it started."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nearedge.errors import EngineError

_LAST_LINES = 3
_PROBE_BYTES = 2**16

# Reads the number of a program's process group, then nothing: its pipe closes early only if this
# process was killed, and it ends the program in its stead.
_WATCH = """
import os, signal
group = os.read(0, 32)
if group and not os.read(0, 1):
    os.killpg(int(group), signal.SIGKILL)
"""


def find_program(executable: str, install: str) -> str:
    """Absolute path of a program; some find their sister programs by it.

    Parameters
    ----------
    executable
        Name on the PATH, or path.
    install
        What to do if it is not there.

    Raises
    ------
    EngineError
        If it is not there.

    Examples
    --------
    >>> find_program("no-such-program", "install it")
    Traceback (most recent call last):
    nearedge.errors.EngineError: no program 'no-such-program'; install it
    """
    path = shutil.which(executable)
    if path is None:
        raise EngineError(f"no program {executable!r}; {install}")
    return os.path.abspath(path)


def run_program(
    words: Sequence[str],
    work: Path,
    log: Path,
    timeout_s: float,
    install: str,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a program in a folder to its end; it ends with this process, however that ends.

    Parameters
    ----------
    words
        The program and its arguments.
    work
        Where it runs.
    log
        File for all that it prints.
    timeout_s
        Limit, after which it and every program that it started are killed.
    install
        What to do if it cannot start.
    environment
        All of the program's variables; those of this process if not given.

    Returns
    -------
    code : int
        Its exit code; negative if a signal ended it.
    text : str
        All that it printed.

    Raises
    ------
    EngineError
        If it cannot start, or takes too long.
    OSError
        If the disk or the user's share of it is full.

    Examples
    --------
    >>> import sys, tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     work = Path(name)
    ...     run_program([sys.executable, "-c", "print(2)"], work, work / "log", 60.0, "")
    (0, '2\\n')
    """
    with open(log, "w") as output, _watcher() as watched:
        try:
            process = subprocess.Popen(
                words,
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                # Its own group, so that a timeout ends the parallel programs with it.
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"cannot start {words[0]}: {error.strerror}; {install}") from error
        timed_out = False
        try:
            watched.write(str(process.pid).encode())
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    text = log.read_text(errors="replace")
    _require_room(text, work, failed=timed_out or process.returncode != 0)
    if timed_out:
        raise EngineError(f"not done after {timeout_s:g} s: {last_words(text)}; raise timeout_s")
    return process.returncode, text


def _require_room(log: str, work: Path, failed: bool) -> None:
    """Raise the OSError of a full disk, which is no failure of the site."""
    for number in (errno.ENOSPC, errno.EDQUOT):
        if os.strerror(number) in log:
            raise OSError(number, os.strerror(number), str(work))
    if failed:
        # Not every program says that it could not write. Random, so that it cannot be compressed.
        probe = work / "nearedge.probe"
        try:
            probe.write_bytes(os.urandom(_PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)


@contextmanager
def _watcher() -> Iterator[IO[bytes]]:
    """Yield where to write the process group that a kill of this process must take with it."""
    words = [sys.executable, "-I", "-S", "-c", _WATCH]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(
        words,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=nowhere,
        stderr=nowhere,
        # Not in a group that an interruption from the keyboard or a scheduler's signal goes to.
        start_new_session=True,
    ) as watcher:
        assert watcher.stdin is not None
        try:
            yield watcher.stdin
        finally:
            watcher.kill()


def last_words(log: str) -> str:
    """Last lines of a log that say something, as one line.

    Examples
    --------
    >>> last_words("Done with parsing\\n######\\nDFT stage failed\\n")
    'Done with parsing. DFT stage failed'
    """
    said = [" ".join(line.split()) for line in log.splitlines() if re.search("[A-Za-z]{2}", line)]
    return ". ".join(line.strip(" .") for line in said[-_LAST_LINES:]) or "no message"
