"""The one family of errors that nearedge raises."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class NearedgeError(Exception):
    """Something a user can act on: the message says what is wrong, where, and what to do.

    The command line shows the message alone and exits with code 1.
    """


class UsageError(NearedgeError):
    """A wrong option, recipe key or combination of arguments; the command line exits with 2."""


class EngineError(NearedgeError):
    """A program that computes spectra failed; the message carries the program's own words."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggestion to append to an error message.

    Examples
    --------
    >>> did_you_mean("fef", ["feff"])
    "; did you mean 'feff'?"
    """
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"
