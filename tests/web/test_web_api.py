"""The interface for programs: what goes in, what comes out, what is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples" / "spectra"


def _post(server, *files: tuple[str, bytes], path: str = "/api/v1/predict", **params):
    return server.client.post(path, files=[("files", file) for file in files], params=params)


def test_an_upload_gets_the_json_of_the_command_line(server) -> None:
    names = ["site.dat", "sample.dat", "xmu.dat"]
    answer = _post(server, *((name, (EXAMPLES / name).read_bytes()) for name in names))
    run = subprocess.run(
        [sys.executable, "-m", "nearedge", "predict", *names, "--json"],
        cwd=EXAMPLES,
        capture_output=True,
        check=True,
        text=True,
    )
    assert answer.status_code == 200
    assert answer.json() == json.loads(run.stdout)


def test_a_small_upload_gets_the_same_answer_as_among_others(server, site, measured) -> None:
    together = _post(server, ("a.dat", site), ("b.dat", measured)).json()
    alone = [_post(server, file).json()[0] for file in (("a.dat", site), ("b.dat", measured))]
    assert together == alone


def test_many_small_uploads_at_once_do_not_get_into_each_other(server, site, measured) -> None:
    wanted = {
        name: _post(server, (name, content)).json()
        for name, content in (("site.dat", site), ("scan.dat", measured))
    }
    found: list[tuple[str, list]] = []

    def ask(name: str, content: bytes) -> None:
        found.append((name, _post(server, (name, content)).json()))

    threads = [
        threading.Thread(target=ask, args=file)
        for _ in range(12)
        for file in (("site.dat", site), ("scan.dat", measured), ("bad.dat", b"1 2\n3"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 36
    for name, answer in found:
        if name == "bad.dat":
            assert answer[0]["status"] == "error"
            assert answer[0]["message"].startswith("bad.dat")
        else:
            assert _alike(answer, wanted[name])


def _alike(one, other) -> bool:
    """Sums in another order differ in the last digits of single precision.

    A p-value is a rank among calibration spectra, which those digits can move by a place.
    """
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            one[key] == pytest.approx(other[key], abs=0.02)
            if key == "p_value"
            else _alike(one[key], other[key])
            for key in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float):
        return one == pytest.approx(other, rel=1e-3, abs=1e-5)
    return one == other


def test_arrays_get_the_answer_of_the_same_file(server, site) -> None:
    table = np.loadtxt(site.decode().splitlines())
    arrays = {"energy_eV": table[:, 0].tolist(), "intensity": table[:, 1].tolist(), "name": "mine"}
    [answer] = server.client.post("/api/v1/predict", json={"spectra": [arrays]}).json()
    [wanted] = _post(server, ("site.dat", site)).json()
    assert answer["file"] == "mine"
    assert _alike(answer["coordination"], wanted["coordination"])


def test_a_shift_that_is_given_is_used(server, measured) -> None:
    [answer] = _post(server, ("scan.dat", measured), shift_eV=-530.5).json()
    assert answer["alignment"]["shift_eV"] == -530.5


def _ocean() -> bytes:
    """A spectrum as OCEAN 2.5 writes it; nothing in it tells the element."""
    energy_eV = np.linspace(-40, 68, 400)
    rise = np.arctan(energy_eV) / np.pi + 0.5 + 0.4 * np.exp(-((energy_eV - 3) ** 2))
    rows = zip(energy_eV, rise, strict=True)
    return "".join(f"{e:.6f} {i:.6e} {i:.6e} 0.1 100 0.018 1.5 400\n" for e, i in rows).encode()


@pytest.mark.parametrize("folder", ["", "../../etc/", "C:\\data\\"])
def test_an_upload_keeps_what_its_name_tells_of_the_element(server, site, folder: str) -> None:
    iron = (f"{folder}absspct_Fe.0001_1s_01", _ocean())
    # Alone it is read by itself, among others as part of a series.
    for files in ([iron], [iron, ("site.dat", site)]):
        entry = _post(server, *files).json()[0]
        assert entry["status"] == "abstained"
        assert "the absorber is Fe" in entry["message"]
        assert entry["file"] == "absspct_Fe.0001_1s_01"
    oxygen = _post(server, ("absspct_O_.0001_1s_01", _ocean())).json()[0]
    assert "the absorber is" not in oxygen["message"]


def test_the_page_reads_a_spectrum_again_with_what_its_name_tells(tmp_path) -> None:
    from nearedge.web._frames import Task
    from nearedge.web.answering import answer_tasks, load_models
    from nearedge.web.limits import Limits

    (stored := tmp_path / "0f3a").write_bytes(_ocean())
    files = (("absspct_Fe.0001_1s_01", str(stored)),)
    common = {"model": "default"}
    again = common | {"index": 0, "shift_eV": 1.0}
    tasks = [Task("open", files, common), Task("shift", files, again)]
    opened, moved = answer_tasks(tasks, load_models({"default": "default"}), Limits())
    [first] = opened.json()
    for found in (first, moved.json()):
        assert "the absorber is Fe" in found["entry"]["message"]


def test_a_worker_answers_with_the_models_that_it_read_at_its_start() -> None:
    from nearedge.web._frames import Task
    from nearedge.web.answering import answer_tasks, load_models
    from nearedge.web.limits import Limits

    bare = {n: replace(m, composition=None) for n, m in load_models({"one": "default"}).items()}
    files = (("site.dat", str(EXAMPLES / "site.dat")),)
    tasks = [
        Task("open", files, {"model": "one"}),
        Task("predict", files, {"model": "one", "rows": True}),
        Task("predict", files, {"model": "one", "rows": True, "small": True}),
    ]
    for answer in answer_tasks(tasks, bare, Limits()):
        [found] = answer.json()
        assert found["entry"]["status"] == "ok"
        assert found["entry"]["composition"] is None


def test_a_client_that_goes_in_the_middle_of_an_upload_is_no_failure_to_log(
    server, site, caplog
) -> None:
    place = urlsplit(server.address)
    head = (
        b"POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 90000\r\n\r\n"
    )
    for body in (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n1',
        b"",
    ):
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall(head + body)
            time.sleep(0.2)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(b"no HTTP at all\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert _post(server, ("a.dat", site)).status_code == 200
    assert caplog.records == []


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "."])
def test_a_name_is_shown_and_never_used_as_a_path(server, site, name: str) -> None:
    [answer] = _post(server, (name, site)).json()
    assert answer["status"] == "ok"
    assert "/" not in answer["file"]
    assert "\\" not in answer["file"]


def test_a_bad_file_is_one_error_that_names_it_and_not_its_place_on_disk(server, site) -> None:
    answers = _post(server, ("bad.h5", b"\x89HDF\r\n\x1a\n" + b"x" * 100), ("a.dat", site)).json()
    assert [answer["status"] for answer in answers] == ["error", "ok"]
    assert "bad.h5" in answers[0]["message"]
    assert "nearedge-serve" not in json.dumps(answers)


def test_what_is_sent_is_gone_when_the_answer_is_there(server, site) -> None:
    _post(server, ("a.dat", site), ("b.dat", b"\x00"))
    assert list(Path(server.state.new_path()).parent.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("application/json", b"", 422, "empty"),
        ("application/json", b"{}", 422, "spectra"),
        ("application/json", b'{"spectra": [{"energy_eV": [1]}]}', 422, "intensity"),
        ("application/json", b"[" * 100_000, 422, "document"),
        ("text/plain", b"1 2", 415, "multipart"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422, "files"),
        ("multipart/form-data", b"--x--\r\n", 422, "form"),
    ],
)
def test_a_body_that_is_none_is_refused_with_the_reason(
    server, kind: str, body: bytes, status: int, words: str
) -> None:
    answer = server.client.post("/api/v1/predict", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_an_unknown_model_is_refused_with_those_that_are_known(server, site) -> None:
    answer = _post(server, ("a.dat", site), model="/etc")
    assert answer.status_code == 422
    assert "default" in answer.json()["error"]


def test_models_come_with_their_cards_and_held_out_figures(server) -> None:
    [model] = server.client.get("/api/v1/models").json()
    assert model["name"] == "default"
    assert "unseen" in model["card"]
    assert model["held_out"]["classifier"]["held_out"]["sites_test"] > 0


def test_the_server_tells_its_health(server) -> None:
    health = server.client.get("/api/v1/health").json()
    assert health["status"] == "ok"
    assert health["workers"] == 2


def test_too_much_is_refused_with_the_limit(start, site) -> None:
    from nearedge.web.limits import Limits

    with start(limits=Limits(upload_bytes=200_000, files=3, spectra=4)) as server:
        large = _post(server, ("large.dat", b"1 2\n" * 60_000))
        assert large.status_code == 413
        assert "MB" in large.json()["error"]
        many = _post(server, *[("a.dat", b"1 2")] * 4)
        assert many.status_code == 413
        assert "3 files" in many.json()["error"]
        table = np.loadtxt(site.decode().splitlines())
        wide = "\n".join(" ".join([f"{e} "] + [f"{i:.4g}"] * 6) for e, i in table).encode()
        full = _post(server, ("wide.dat", wide))
        assert full.status_code == 413
        assert "4 spectra" in full.json()["error"]

        def endless():
            for _ in range(1000):
                yield b"x" * 1000

        headers = {"content-type": "application/json"}
        unannounced = server.client.post("/api/v1/predict", content=endless(), headers=headers)
        assert unannounced.status_code == 413
        assert _post(server, ("a.dat", site)).json()[0]["status"] == "ok"


def test_the_work_for_a_client_that_goes_is_given_up() -> None:
    import asyncio

    from fastapi import Request

    from nearedge.web.api import _unless_gone

    async def gone() -> dict:
        return {"type": "http.disconnect"}

    given_up = []

    async def work():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            given_up.append(True)
            raise

    async def ask() -> int:
        request = Request({"type": "http", "method": "POST", "headers": []}, gone)
        answer = await _unless_gone(request, work())
        await asyncio.sleep(0)
        return answer.status

    # In a thread of its own: the browser's tests leave a loop running in theirs.
    with ThreadPoolExecutor(1) as apart:
        assert apart.submit(asyncio.run, ask()).result() == 503
    assert given_up == [True]


def test_a_live_scan_reaches_everybody_who_listens(server, site) -> None:
    heard: list[dict] = []
    connected = threading.Event()

    def listen() -> None:
        with server.client.stream("GET", "/api/v1/live", params={"seconds": 20}) as stream:
            for line in stream.iter_lines():
                connected.set()
                if line.startswith("data: "):
                    heard.append(json.loads(line.removeprefix("data: ")))
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    assert connected.wait(10)
    answers = _post(server, ("scan_7.dat", site), path="/api/v1/live").json()
    thread.join(20)
    assert heard == answers


def test_who_comes_late_hears_what_was_and_who_comes_back_goes_on(server, site) -> None:
    _post(server, ("first.dat", site), path="/api/v1/live")
    last = server.state.hub.last
    _post(server, ("second.dat", site), path="/api/v1/live")
    address = "/api/v1/live?seconds=0"
    late = server.client.get(f"{address}&after={last - 1}").text
    assert late.index("first.dat") < late.index("second.dat")
    back = server.client.get(address, headers={"last-event-id": str(last)}).text
    assert "first.dat" not in back
    assert "second.dat" in back


def test_predictions_of_others_are_not_heard(server, site) -> None:
    before = server.state.hub.last
    _post(server, ("private.dat", site))
    assert server.state.hub.last == before


def test_new_scans_of_a_watched_folder_are_predicted(start, site, tmp_path: Path) -> None:
    (tmp_path / "old.dat").write_bytes(site)
    with start(watch=tmp_path) as server:
        time.sleep(0.5)
        (tmp_path / "day 1").mkdir()
        (tmp_path / "day 1" / "scan_1.dat").write_bytes(site)
        (tmp_path / "scan_2.dat").write_bytes(b"\x00\x01")
        (tmp_path / os.fsdecode(b"scan_20\xb0C.dat")).write_bytes(site)
        text = ""
        end = time.monotonic() + 30
        while text.count("event:") < 3 and time.monotonic() < end:
            time.sleep(0.2)
            text = server.client.get("/api/v1/live?seconds=0&after=0").text
    assert '"day 1/scan_1.dat"' in text
    assert '"scan_2.dat"' in text
    assert r'"scan_20\\udcb0C.dat"' in text
    assert "old.dat" not in text
    assert str(tmp_path) not in text
