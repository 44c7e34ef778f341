"""Finding GPAW's Python, and starting the program under it."""

from __future__ import annotations

import os
import signal
import subprocess
from functools import cache
from pathlib import Path

from nearedge.engines.running import find_program, last_words, run_program
from nearedge.errors import EngineError

VARIABLE = "NEAREDGE_GPAW_PYTHON"
"""Environment variable that names the Python of the environment that holds GPAW."""

_MADE_HERE = Path(".venv-gpaw/bin/python")
_INSTALL = (
    f"run `make gpaw` in nearedge's folder, or set {VARIABLE} or the setting python to the Python "
    f"of an environment that holds GPAW (docs/engines/gpaw.md)"
)
_PROGRAM = Path(__file__).with_name("gpaw_side") / "run.py"
_LOG = "nearedge.log"
# Unless the user says otherwise: more threads than one gain little, and a build runs a structure on
# every core.
_PROCESS_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def find_python(setting: str) -> str:
    """Absolute path of the Python that can import GPAW.

    Parameters
    ----------
    setting
        Path or name; empty for the environment variable `VARIABLE`, then ``.venv-gpaw`` in the
        current folder or in the folder of nearedge's sources, where ``make gpaw`` puts it.

    Raises
    ------
    EngineError
        If it is not there, with how to install it.

    Examples
    --------
    >>> find_python("no-such-python")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearedge.errors.EngineError: no program 'no-such-python'; run `make gpaw` ...
    """
    named = setting or os.environ.get(VARIABLE, "")
    if named:
        return find_program(named, _INSTALL)
    for folder in (Path.cwd(), Path(__file__).parents[3]):
        if (folder / _MADE_HERE).exists():
            return str(folder / _MADE_HERE)
    raise EngineError(f"GPAW is not installed: no {_MADE_HERE}; {_INSTALL}")


@cache
def program_version(python: str) -> str:
    """Version of GPAW under a Python; EngineError if that Python has none."""
    words = [python, "-c", "import gpaw; print(gpaw.__version__)"]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise EngineError(f"cannot start {python}: {error.strerror}; {_INSTALL}") from error
    if done.returncode:
        raise EngineError(f"{python} cannot import gpaw: {last_words(done.stderr)}; {_INSTALL}")
    return f"GPAW {done.stdout.strip()}"


def run(python: str, work: Path, timeout_s: float) -> str:
    """Run the program on the ``job.json`` of a folder and return what it printed.

    Raises
    ------
    EngineError
        If it cannot start, stops with an error, or takes longer than `timeout_s`.
    OSError
        If the disk is full.
    """
    words = [python, str(_PROGRAM), str(work.resolve())]
    environment = {**_PROCESS_ENVIRONMENT, **os.environ}
    code, text = run_program(words, work, work / _LOG, timeout_s, _INSTALL, environment)
    # The program marks its error; what it did before is of no interest then.
    said = last_words(text.rpartition("ERROR: ")[2])
    if code < 0:
        name = signal.Signals(-code).name
        raise EngineError(f"was killed by {name} after: {said}; is memory enough?")
    if code:
        raise EngineError(f"{said}; {_advice(text)}")
    return text


def _advice(log: str) -> str:
    if "Did not converge" in log:
        return "raise max_iterations, or lower mixing"
    if "Could not find required" in log:
        return "make the missing file as docs/engines/gpaw.md says"
    return "look at the structure and the settings"
