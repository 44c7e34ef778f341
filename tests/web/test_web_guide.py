"""What docs/web.md shows is run, and what it says of the interface holds."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nearedge.errors import UsageError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "web.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
ADDRESS = "http://127.0.0.1:8080"


def _block(language: str, word: str) -> str:
    return next(text for name, text in BLOCKS if name == language and word in text)


def test_the_example_in_python_runs(server) -> None:
    text = _block("python", "urlopen").replace(ADDRESS, server.address)
    run = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"scan 7 ok \d\.\d", run.stdout.strip())


def test_the_example_with_curl_runs(server, missing) -> None:
    if shutil.which("curl") is None:
        missing("needs the program curl")
    words = shlex.split(_block("sh", "curl").replace(ADDRESS, server.address))
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout)[0]["status"] == "ok"


def test_the_guide_names_every_address_of_the_interface(server) -> None:
    described = server.client.get("/api/v1/openapi.json").json()
    there = {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    assert there == set(re.findall(r"`((?:GET|POST) /api/v1/\w+)`", GUIDE))
    for parameter in described["paths"]["/api/v1/predict"]["post"]["parameters"]:
        assert f"{parameter['name']}=" in GUIDE


def test_the_server_ends_on_ctrl_c_with_success_and_no_traceback() -> None:
    import signal

    process = subprocess.Popen(
        [sys.executable, "-m", "nearedge", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in said


def test_a_taken_port_and_a_wrong_word_are_told_in_one_line(server, capsys) -> None:
    from nearedge.cli import main

    port = server.address.rsplit(":", 1)[1]
    assert main(["serve", "--port", port]) == 1
    assert "choose another --host or --port" in capsys.readouterr().err
    assert main(["serve", "--watch", "no/such/folder"]) == 2
    assert main(["serve", "--token", "short"]) == 2


def test_two_models_of_one_name_are_refused() -> None:
    from nearedge.cli.serving import named

    with pytest.raises(UsageError, match="both called oxides"):
        named(["a/oxides", "b/oxides"])
