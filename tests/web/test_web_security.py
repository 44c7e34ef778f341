"""Who may talk to the server, and what its answers allow."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.slow

TOKEN = "a token for the tests"


@pytest.fixture(scope="module")
def guarded(start) -> Iterator:
    pytest.importorskip("nicegui")
    with start(host="0.0.0.0", token=TOKEN) as server:
        yield server


def _upload(site: bytes) -> dict:
    return {"files": {"files": ("a.dat", site)}}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
def test_a_name_that_somebody_gave_this_machine_is_refused(server, host: str) -> None:
    answer = server.client.get("/api/v1/health", headers={"host": host})
    assert answer.status_code == 403
    assert "--host" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:80"])
def test_the_loopback_names_are_answered_whatever_the_port(server, host: str) -> None:
    assert server.client.get("/api/v1/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "x"])
def test_an_upload_from_a_page_of_another_site_is_refused(server, site, origin: str) -> None:
    headers = {"origin": origin}
    answer = server.client.post("/api/v1/predict", headers=headers, **_upload(site))
    assert answer.status_code == 403
    assert "other sites" in answer.json()["error"]


def test_an_upload_from_the_own_page_is_answered(server, site) -> None:
    headers = {"origin": server.address}
    answer = server.client.post("/api/v1/predict", headers=headers, **_upload(site))
    assert answer.status_code == 200


def test_no_answer_lets_another_site_read_it(server) -> None:
    answer = server.client.get("/api/v1/health", headers={"origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_every_answer_carries_the_security_headers(server) -> None:
    from nearedge.web.security import HEADERS

    for path in ("/api/v1/health", "/api/v1/nothing", "/nothing"):
        answer = server.client.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "server" not in answer.headers or "uvicorn" not in answer.headers["server"]


def test_without_the_token_nothing_is_answered(guarded, site) -> None:
    assert guarded.client.get("/api/v1/health").status_code == 401
    wrong = {"authorization": f"Bearer {TOKEN}x"}
    answer = guarded.client.post("/api/v1/predict", headers=wrong, **_upload(site))
    assert answer.status_code == 401
    assert "Bearer" in answer.json()["error"]


def test_with_the_token_any_name_of_the_machine_is_answered(guarded, site) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "host": "beamline.example:8080"}
    answer = guarded.client.post("/api/v1/predict", headers=headers, **_upload(site))
    assert answer.status_code == 200


def test_a_browser_gives_the_token_once_and_it_leaves_the_address(guarded) -> None:
    import httpx

    with httpx.Client(base_url=guarded.address) as browser:
        asked = browser.get("/", headers={"accept": "text/html"})
        assert asked.status_code == 401
        assert "<form" in asked.text
        assert browser.get("/", params={"token": "wrong"}).status_code == 401
        welcomed = browser.get("/", params={"token": TOKEN})
        assert welcomed.status_code == 303
        assert welcomed.headers["location"] == "/"
        cookie = welcomed.headers["set-cookie"]
        assert TOKEN not in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert browser.get("/api/v1/health").status_code == 200


def test_nothing_of_a_request_goes_to_a_log(server, site, caplog) -> None:
    with caplog.at_level(logging.DEBUG, logger="nearedge"):
        for name in ("secret-sample.dat", "secret-bad.dat"):
            content = site if "sample" in name else b"\x00"
            server.client.post("/api/v1/predict?columns=secret", files={"files": (name, content)})
    assert not [r for r in caplog.records if r.name.startswith("nearedge") and "secret" in r.msg]
