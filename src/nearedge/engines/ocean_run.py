"""Starting OCEAN, and ending it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from pathlib import Path

from nearedge.engines.ocean_output import last_words
from nearedge.errors import EngineError

_INSTALL = (
    "install OCEAN 3 (github.com/times-software/OCEAN) and set executable to the path of its "
    "ocean.pl"
)
_LOG = "nearedge.log"


def find_program(executable: str) -> str:
    """Absolute path of ``ocean.pl``, which finds OCEAN's other programs by it.

    Raises
    ------
    EngineError
        If it is not there, with how to install it.

    Examples
    --------
    >>> find_program("no-such-ocean.pl")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearedge.errors.EngineError: no program 'no-such-ocean.pl'; install OCEAN 3 ...
    """
    path = shutil.which(executable)
    if path is None:
        raise EngineError(f"no program {executable!r}; {_INSTALL}")
    return os.path.abspath(path)


def run(program: str, work: Path, timeout_s: float) -> str:
    """Run OCEAN on the ``ocean.in`` of a folder and return what it printed.

    Raises
    ------
    EngineError
        If it cannot start, stops with an error, or takes longer than `timeout_s`; the parallel
        programs that it started are ended with it.
    OSError
        If the disk is full.
    """
    log = work / _LOG
    with open(log, "w") as output:
        try:
            process = subprocess.Popen(
                [program, "ocean.in"],
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its own group, so that a timeout ends the parallel programs with it.
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(
                f"cannot start {program}: {error.strerror}; is perl there? Else {_INSTALL}"
            ) from error
        timed_out = False
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    text = log.read_text(errors="replace")
    if "No space left on device" in text:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work))
    if timed_out:
        raise EngineError(f"not done after {timeout_s:g} s: {last_words(text)}; raise timeout_s")
    # Spectra of a run that failed are not used: OCEAN writes them before they converge.
    if process.returncode:
        raise EngineError(
            f"stopped with code {process.returncode}: {last_words(text)}; look at the "
            f"structure and the settings"
        )
    return text
