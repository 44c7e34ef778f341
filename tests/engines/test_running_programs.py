"""External programs: they end with the process that started them, however that ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nearedge.engines.running import run_program

# A program that starts another one, as OCEAN and mpirun do; both would run for ten minutes.
PROGRAM = """
import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
with open("pids.new", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename("pids.new", "pids")
time.sleep(600)
"""

CALLER = """
import sys
from pathlib import Path
from nearedge.engines.running import run_program
work = Path(sys.argv[1])
run_program([sys.executable, "-c", sys.argv[2]], work, work / "log", 600.0, "")
"""


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, message: str) -> None:
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.02)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_program_and_what_it_started_end_with_a_caller_that_is_killed(end, tmp_path):
    caller = subprocess.Popen([sys.executable, "-c", CALLER, str(tmp_path), PROGRAM])
    wait_until((tmp_path / "pids").exists, "the program did not start")
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert all(is_running(pid) for pid in pids)
    caller.send_signal(end)
    caller.wait()
    wait_until(lambda: not any(is_running(pid) for pid in pids), "a program is still running")


@pytest.mark.parametrize("code", [0, 3, -signal.SIGSEGV])
def test_exit_code_and_signal_are_those_of_the_program(code, tmp_path):
    program = f"import os; print('words', flush=True); os.kill(os.getpid(), {-code})"
    if code >= 0:
        program = f"print('words'); raise SystemExit({code})"
    words = [sys.executable, "-c", program]
    assert run_program(words, tmp_path, tmp_path / "log", 60.0, "") == (code, "words\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("told", [True, False])
def test_full_disk_is_no_failure_of_the_program(number, told, tmp_path, monkeypatch):
    def write(path, content):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", write)
    program = "raise SystemExit(1)"
    if told:
        program = f"import os; print(os.strerror({number}))"
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        run_program([sys.executable, "-c", program], tmp_path, tmp_path / "log", 60.0, "")
    assert caught.value.errno == number


def test_failure_with_room_on_the_disk_leaves_no_file_behind(tmp_path):
    words = [sys.executable, "-c", "raise SystemExit(1)"]
    assert run_program(words, tmp_path, tmp_path / "log", 60.0, "") == (1, "")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
