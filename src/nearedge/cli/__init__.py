"""The command ``nearedge``: parse, call, show."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 success, 1 error, 2 usage error.

    Every error is one line on standard error, and with ``--json`` also ``{"error": ...}`` on
    standard output; ``--debug`` shows the traceback.
    """
    from cyclopts import CycloptsError

    from nearedge.cli.app import app
    from nearedge.errors import NearedgeError, UsageError

    # As standard error always does: the name of a file may hold bytes that are no text.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in ([], ["-h"], ["--help"]):
        # The list of commands has no markup, whose parser takes a third of the time.
        app.help_format = "plaintext"
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return _complain("interrupted; what was finished is kept", words, 130)
    except BrokenPipeError:
        # The reader of our output (`head`, say) has seen enough; that is no error of ours.
        sys.stderr.close()
        return 0
    except Exception as error:
        if "--debug" in words:
            raise
        if isinstance(error, CycloptsError):
            return _complain(f"{_one_line(error)} (see nearedge --help)", words, 2)
        if isinstance(error, NearedgeError):
            return _complain(_one_line(error), words, 2 if isinstance(error, UsageError) else 1)
        kind = type(error).__name__
        return _complain(
            f"{kind}: {_one_line(error)}; this is a defect of nearedge, --debug shows where",
            words,
            1,
        )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _complain(message: str, words: Sequence[str], code: int) -> int:
    print(f"nearedge: {message}", file=sys.stderr)
    if "--json" in words:
        import json

        print(json.dumps({"error": message}))
    return code


if __name__ == "__main__":
    sys.exit(main())
