"""Only the window that was opened with the token is answered, and nothing outside the folder can be reached."""

import re
import socket

import pytest
from starlette.testclient import TestClient

from universeg.app import security
from universeg.app.cli import _listen
from universeg.app.security import Gate
from universeg.app.server import PAGE, make_server

PORT, TOKEN = 8642, "secret"
ORIGIN = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def stranger(desk):
    """A client of the same server without the cookie."""
    gate = Gate(make_server(desk, lambda: None), PORT, TOKEN)
    return TestClient(gate, base_url=ORIGIN, headers={"origin": ORIGIN})


@pytest.mark.parametrize(
    "path", ["/", "/api/session", "/page/main.js", "/?token=wrong", "/?token=", "/api/session?token=secret"]
)
def test_without_the_token_nothing_is_answered(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert "open the address that universeg app printed" in answer.text


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(stranger):
    answer = stranger.get(f"/?token={TOKEN}")
    assert answer.status_code == 200
    assert re.fullmatch(rf"universeg-{PORT}={TOKEN}; Path=/; HttpOnly; SameSite=Strict", answer.headers["set-cookie"])
    assert stranger.get("/api/session").status_code == 200


def test_tokens_are_random_and_long(desk):
    app = make_server(desk, lambda: None)
    assert len({Gate(app, PORT).token for _ in range(20)}) == 20
    assert len(Gate(app, PORT).token) >= 43
    assert Gate(app, PORT, "t").address == f"http://127.0.0.1:{PORT}/?token=t"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"evil.example:{PORT}"])
def test_another_host_is_refused_against_dns_rebinding(client, host):
    assert client.get("/api/session", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"origin": "http://evil.example"}),
        ("POST", {"origin": "null"}),
        ("POST", {"origin": f"http://127.0.0.1:{PORT + 1}"}),
        ("GET", {"origin": "http://evil.example"}),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}),
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}),
    ],
)
def test_requests_of_other_pages_are_refused(client, method, headers):
    assert client.request(method, "/api/rest", headers=headers, json={}).status_code == 403


def test_a_change_without_an_origin_is_refused(client):
    del client.headers["origin"]
    assert client.post("/api/rest", json={"wanted": False}).status_code == 403
    assert client.get("/api/session").status_code == 200


def test_every_answer_forbids_foreign_content(client):
    headers = client.get("/api/session").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/api/images/..%2f..%2fsecret/slices/0/pixels",
        "/api/images/%2fetc%2fpasswd",
        "/api/images/x9",
        "/page/..%2fserver.py",
        "/page/../server.py",
        "/page/%2e%2e/server.py",
    ],
)
def test_no_other_file_can_be_named(client, path):
    assert client.get(path).status_code == 404


def test_large_requests_are_refused(client, monkeypatch):
    monkeypatch.setattr(security, "MOST_BYTES", 1000)
    assert client.post("/api/rest", content=b" " * 1001).status_code == 413
    chunks = (b" " * 400 for _ in range(5))  # without a length
    assert client.post("/api/rest", content=chunks).status_code == 413


def test_the_page_names_no_other_server():
    for file in PAGE.iterdir():
        found = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text())
        assert [one for one in found if "www.w3.org/2000/svg" not in one and "w3.org" not in one] == [], file


def test_the_server_listens_on_this_computer_alone():
    first = _listen(9400)
    second = _listen(first.getsockname()[1])
    try:
        assert {first.getsockname()[0], second.getsockname()[0]} == {"127.0.0.1"}
        assert second.getsockname()[1] > first.getsockname()[1]
        first.listen()
        with socket.create_connection(first.getsockname()):
            pass
    finally:
        first.close()
        second.close()
