"""What FEFF says about a calculation that went wrong."""

from __future__ import annotations

import re

# FEFF goes on after these, and writes a spectrum that is not what was asked for.
_UNSOUND = (
    (r"Convergence not reached", "raise scf_iterations or lower scf_mixing"),
    (r"WARNING preparing cluster for FMS", "FEFF cut the cluster: lower fms_radius_A"),
)

# FEFF's words before it stops; the first that occurs tells most. A line break in a pattern takes
# in FEFF's next line.
_STOPPED = (
    (r"SIGXCPU", "it took more than timeout_s of processor time; raise timeout_s"),
    (r"TWO ATOMS VERY CLOSE TOGETHER.*\n.*distance.*", "move these atoms apart, or leave the "
     "structure out"),
    (r"Rmt >= distance to nearest neighbor", "two atoms are too close; look at the structure"),
    (r"Bad counts found repeatedly", "lower scf_mixing, or look at the structure"),
    (r"Could not integrate enough charge.*\n.*", "too few neighbours or two atoms too close; look "
     "at the structure"),
    (r"Cannot run with specified ca1", "lower scf_mixing"),
    (r"SIGKILL", "the memory may be used up: use fewer workers or a smaller fms_radius_A"),
)  # fmt: skip

_WORKER_NOISE = re.compile(r"( \(exit code: \d+\))?: worker exited with (exit )?status: \d+")
_LEFTOVER = re.compile(r"\s*\.feff\.error: Starting FEFF9.*")
_LAST_LINES = 3


def complaint(log: str, exit_code: int, *, iterated: bool = True) -> str | None:
    """Say in FEFF's own words what went wrong and what to do about it, or None if nothing did.

    A run is sound only if FEFF reports that its potentials converged: where they do not, it
    warns, goes on and writes a spectrum all the same. "Found bad counts" alone is no failure,
    since FEFF then starts the iteration again by itself.

    Parameters
    ----------
    log
        Everything that FEFF and its wrapper printed.
    exit_code
        Of the process that ran it, 0 for success.
    iterated
        Whether potentials were to be made self-consistent.

    Examples
    --------
    >>> complaint("Convergence reached in    7 iterations.", 0) is None
    True
    >>> complaint(":WARNING Convergence not reached; ran out of iterations.", 0)
    'Convergence not reached; ran out of iterations; raise scf_iterations or lower scf_mixing'
    """
    for pattern, remedy in _UNSOUND + (_STOPPED if exit_code else ()):
        found = re.search(rf"^.*({pattern}).*$", log, re.MULTILINE)
        if found:
            return f"{_tidy(found.group(0))}; {remedy}"
    if exit_code:
        said = [line for line in log.splitlines() if re.search(r"[A-Za-z]{2}", line)]
        words = ". ".join(_tidy(line) for line in said[-_LAST_LINES:])
        return f"stopped with code {exit_code}: {words or 'no message'}; look at the structure"
    if iterated and "Convergence reached" not in log:
        return "did not report that the potentials converged; raise scf_iterations"
    return None


def _tidy(text: str) -> str:
    """One line without what the wrapper adds and says nothing."""
    text = _WORKER_NOISE.sub("", _LEFTOVER.sub("", " ".join(text.split())))
    return text.removeprefix(":WARNING").strip(" .")
