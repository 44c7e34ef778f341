"""Starting OCEAN, and ending it."""

from __future__ import annotations

from pathlib import Path

from nearedge.engines.running import find_program, last_words, run_program
from nearedge.errors import EngineError

_INSTALL = (
    "install OCEAN 3 (github.com/times-software/OCEAN) and set executable to the path of its "
    "ocean.pl"
)
_LOG = "nearedge.log"


def find_ocean(executable: str) -> str:
    """Absolute path of ``ocean.pl``, which finds OCEAN's other programs by it.

    Raises
    ------
    EngineError
        If it is not there, with how to install it.

    Examples
    --------
    >>> find_ocean("no-such-ocean.pl")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearedge.errors.EngineError: no program 'no-such-ocean.pl'; install OCEAN 3 ...
    """
    return find_program(executable, _INSTALL)


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
    code, text = run_program(
        [program, "ocean.in"], work, work / _LOG, timeout_s, f"is perl there? Else {_INSTALL}"
    )
    # Spectra of a run that failed are not used: OCEAN writes them before they converge.
    if code:
        raise EngineError(
            f"stopped with code {code}: {last_words(text)}; look at the structure and the settings"
        )
    return text
