"""Obtaining files from a server, a mirror or a person; no error is silent, no incomplete file gets its final name."""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import loopback
import pytest

from pipeline.backends import http
from pipeline.backends.base import FetchError
from pipeline.fetch import fetch
from pipeline.fetch.fetch import NeedsPerson
from pipeline.fetch.receipt import Received, read_receipt, write_receipt
from pipeline.manifest.source_file import SourceFile

DATA = bytes(range(256)) * 2000  # 512 000 bytes
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test waits; the list holds the requested waiting times."""
    waits: list[float] = []
    monkeypatch.setattr(http, "time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(http, "TIMEOUT_S", (5, 5))
    monkeypatch.setenv("NO_PROXY", "*")
    return waits


@pytest.fixture
def server() -> Iterator[loopback.Server]:
    with loopback.running() as server:
        server.files["/a.zip"] = DATA
        yield server


def source(server: loopback.Server | None = None, **facts: object) -> SourceFile:
    where = {"url": server.url("/a.zip")} if server else {"get": "Register at example.org, then save a.zip"}
    return SourceFile(
        **{"file": "a.zip", "name": "Toy", "bytes": len(DATA), "digest": f"sha256:{SHA256}", **where, **facts}
    )


def partial_folder(downloads: Path) -> Path:
    return downloads / "Toy" / ".a.zip.part"


def visible(downloads: Path) -> list[str]:
    return sorted(path.name for path in (downloads / "Toy").glob("[!.]*"))


def ranges(server: loopback.Server) -> list[str | None]:
    return [asked for _, asked, _ in server.seen]


# --- success


@pytest.mark.parametrize("digest", [f"sha256:{SHA256}", f"md5:{MD5}", None])
@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_file_is_downloaded_and_checked(server, tmp_path, digest, size):
    (got,) = fetch.fetch([source(server, digest=digest, bytes=size)], tmp_path / "d")
    assert (tmp_path / "d/Toy/a.zip").read_bytes() == DATA
    assert got == Received("Toy", "a.zip", len(DATA), SHA256, "url", server.url("/a.zip"))
    assert not partial_folder(tmp_path / "d").exists()
    assert len(server.seen) == 1


def test_fetching_again_keeps_the_file_and_gives_the_same_receipt(server, tmp_path, capsys):
    for number in (1, 2):
        got = fetch.fetch([source(server)], tmp_path / "d")
        write_receipt(tmp_path / f"{number}.json", "Toy", got)
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert len(server.seen) == 1
    assert "a.zip: exists, digest is right (url)" in capsys.readouterr().err
    content = json.loads((tmp_path / "1.json").read_text())
    assert content["dataset"] == "Toy"
    assert content["format"] == 2
    assert content["files"] == [
        {
            "source": "Toy",
            "file": "a.zip",
            "bytes": len(DATA),
            "sha256": SHA256,
            "origin": "url",
            "place": server.url("/a.zip"),
        }
    ]


def test_a_missing_digest_is_computed_and_shown(server, tmp_path, capsys):
    (got,) = fetch.fetch([source(server, digest=None)], tmp_path)
    assert got.sha256 == SHA256
    assert capsys.readouterr().err.count(f"the manifest has no digest; pin it as sha256:{SHA256}") == 1


def test_a_bar_is_drawn_only_if_requested_or_on_a_terminal(server, tmp_path, capsys):
    fetch.fetch([source(server)], tmp_path / "silent")
    assert "512.0/512.0 kB" not in capsys.readouterr().err
    fetch.fetch([source(server)], tmp_path / "bar", progress=True)
    assert "512.0/512.0 kB" in capsys.readouterr().err


def test_a_file_name_is_shown_as_it_is(server, tmp_path, capsys):
    """The console must not read it as markup or as an emoji."""
    fetch.fetch([source(server, file="[red]a:b:.zip")], tmp_path, progress=True)
    shown = capsys.readouterr().err
    assert f"{server.url('/a.zip')} -> {tmp_path / 'Toy'}/[red]a:b:.zip\n" in shown
    assert re.search(r"^\[red\]a:b:\.zip .*512\.0/512\.0 kB", shown, re.MULTILINE)


# --- existing files


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (DATA[:-1], f"expected {len(DATA)} bytes, got {len(DATA) - 1}"),
        (b"x" + DATA[1:], f"expected sha256:{SHA256}, got"),
    ],
)
def test_a_wrong_file_is_rejected_and_not_changed(server, tmp_path, content, expected):
    path = tmp_path / "Toy/a.zip"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(FetchError) as error:
        fetch.fetch([source(server)], tmp_path)
    assert str(path) in str(error.value)
    assert expected in str(error.value)
    assert "delete the file" in str(error.value)
    assert path.read_bytes() == content
    assert server.seen == []


def test_instructions_for_a_person_are_shown_before_any_download(server, tmp_path):
    other = source(file="b.zip", get="Ask Anna")
    with pytest.raises(NeedsPerson) as error:
        fetch.fetch([source(server), source(), other], tmp_path)
    for text in ("Register at example.org", str(tmp_path / "Toy/a.zip"), "Ask Anna", str(tmp_path / "Toy/b.zip")):
        assert text in str(error.value)
    assert server.seen == []


def test_a_file_saved_by_hand_is_checked_and_accepted(tmp_path):
    path = tmp_path / "Toy/a.zip"
    path.parent.mkdir()
    path.write_bytes(DATA)
    (got,) = fetch.fetch([source()], tmp_path)
    assert (got.origin, got.place) == ("by hand", path.as_posix())
    path.write_bytes(DATA[::-1])
    with pytest.raises(FetchError, match="expected sha256"):
        fetch.fetch([source()], tmp_path)


def test_a_file_that_replaces_a_downloaded_one_counts_as_by_hand(server, tmp_path):
    fetch.fetch([source(server)], tmp_path)
    (tmp_path / "Toy/a.zip").write_bytes(b"new")
    (got,) = fetch.fetch([source(server, bytes=3, digest=None)], tmp_path)
    assert got.origin == "by hand"


# --- mirrors


def test_a_folder_as_mirror(server, tmp_path):
    there = tmp_path / "mirror/Toy/a.zip"
    there.parent.mkdir(parents=True)
    there.write_bytes(DATA)
    for facts in (source(server), source()):
        (got,) = fetch.fetch([facts], tmp_path / str(facts.url is None), str(tmp_path / "mirror"))
        assert (got.origin, got.place) == ("mirror", str(there))
    assert server.seen == []
    there.write_bytes(DATA[::-1])
    with pytest.raises(FetchError, match=f"expected sha256:{SHA256}, got sha256:"):
        fetch.fetch([source(server)], tmp_path / "wrong", str(tmp_path / "mirror"))
    assert visible(tmp_path / "wrong") == []
    assert not partial_folder(tmp_path / "wrong").exists()


def test_a_url_as_mirror(server, tmp_path):
    server.files["/pub/To y/a.zip"] = server.files["/pub/To%20y/a.zip"] = DATA
    (got,) = fetch.fetch([source(name="To y")], tmp_path, server.url("/pub/?token=hush"))
    assert got.place == server.url("/pub/To%20y/a.zip?token=...")
    assert got.origin == "mirror"


def test_a_mirror_without_the_file_is_an_error_with_the_path(server, tmp_path):
    with pytest.raises(FetchError, match=str(tmp_path / "m/Toy/a.zip")):
        fetch.fetch([source(server)], tmp_path, str(tmp_path / "m"))
    with pytest.raises(NeedsPerson, match=str(tmp_path / "m/Toy/a.zip")):
        fetch.fetch([source()], tmp_path, str(tmp_path / "m"))
    with pytest.raises(FetchError, match=r"/m/Toy/a\.zip .* got 404"):
        fetch.fetch([source(server)], tmp_path, server.url("/m"))
    with pytest.raises(FetchError, match="expected a folder or an http"):
        fetch.fetch([source(server)], tmp_path, "s3://bucket")


# --- interrupted and resumed


def test_a_broken_connection_is_resumed(server, tmp_path):
    server.faults["/a.zip"] = [loopback.cut(100_000), loopback.cut(50_000)]
    fetch.fetch([source(server)], tmp_path)
    assert ranges(server) == [None, "bytes=100000-", "bytes=150000-"]
    assert server.seen[1][2] == '"1"'
    assert (tmp_path / "Toy/a.zip").read_bytes() == DATA


def test_a_download_that_makes_progress_is_never_given_up(server, tmp_path):
    server.faults["/a.zip"] = [loopback.cut(20_000)] * (3 * http.TRIES)
    fetch.fetch([source(server)], tmp_path)
    assert len(server.seen) == 3 * http.TRIES + 1


def test_a_file_that_changes_during_the_download_is_downloaded_from_the_start(server, tmp_path):
    def changed(handler):
        loopback.cut(100_000)(handler)
        server.headers["/a.zip"] = {"ETag": '"2"'}
        server.files["/a.zip"] = DATA[::-1]

    server.faults["/a.zip"] = [changed]
    fetch.fetch([source(server, digest=None)], tmp_path)
    assert (tmp_path / "Toy/a.zip").read_bytes() == DATA[::-1]


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"ETag": 'W/"1"'}, None),  # weak: no promise about bytes
        ({}, None),
        ({"ETag": 'W/"1"', "Last-Modified": formatdate(0, usegmt=True)}, "bytes=100000-"),
    ],
)
def test_a_download_is_resumed_only_if_the_server_identifies_the_version(server, tmp_path, headers, asked):
    server.headers["/a.zip"] = headers
    server.faults["/a.zip"] = [loopback.cut(100_000)]
    fetch.fetch([source(server)], tmp_path)
    assert ranges(server) == [None, asked]


def test_a_server_without_ranges_sends_the_file_from_the_start(server, tmp_path):
    server.ranges = False
    server.faults["/a.zip"] = [lambda handler: handler.answer(200, {"ETag": '"1"'}, DATA[:100_000], len(DATA))]
    fetch.fetch([source(server)], tmp_path)
    assert ranges(server) == [None, "bytes=100000-"]
    assert (tmp_path / "Toy/a.zip").read_bytes() == DATA


def test_a_wrong_range_is_not_appended(server, tmp_path):
    wrong = {"Content-Range": f"bytes 7-{len(DATA) - 1}/{len(DATA)}", "ETag": '"1"'}
    server.faults["/a.zip"] = [loopback.cut(100_000), lambda handler: handler.answer(206, wrong, DATA[7:])]
    fetch.fetch([source(server)], tmp_path)
    assert ranges(server) == [None, "bytes=100000-", None]


def test_a_kill_after_the_last_byte_costs_no_second_download(server, tmp_path):
    partial_folder(tmp_path).mkdir(parents=True)
    (partial_folder(tmp_path) / ".body").write_bytes(DATA)
    (partial_folder(tmp_path) / ".body.json").write_text(json.dumps({"url": server.url("/a.zip"), "version": '"1"'}))
    shutil.copytree(tmp_path, tmp_path / "again")
    fetch.fetch([source(server)], tmp_path)
    assert server.seen == []
    fetch.fetch([source(server, bytes=None)], tmp_path / "again")  # the server must confirm that no byte is missing
    assert ranges(server) == [f"bytes={len(DATA)}-"]


# --- transient errors


@pytest.mark.parametrize("fault", [loopback.status(500), loopback.status(503), loopback.status(429), loopback.drop])
def test_transient_errors_are_retried(server, tmp_path, fault, waits):
    server.faults["/a.zip"] = [fault] * (http.TRIES - 1)
    fetch.fetch([source(server)], tmp_path)
    assert waits == [1, 2, 4, 8, 16]


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("99999", http.LONGEST_WAIT_S), ("nonsense", 1)])
def test_the_requested_waiting_time_is_kept_up_to_a_limit(server, tmp_path, asked, waited, waits, capsys):
    server.faults["/a.zip"] = [loopback.status(503, Retry_After=asked)]
    fetch.fetch([source(server)], tmp_path)
    assert waits == [waited]
    assert "HTTP 503; trying again in" in capsys.readouterr().err


def test_after_too_many_tries_the_partial_file_is_kept(server, tmp_path):
    server.faults["/a.zip"] = [loopback.cut(100_000)] + [loopback.drop] * http.TRIES
    with pytest.raises(FetchError) as error:
        fetch.fetch([source(server)], tmp_path)
    for text in (server.url("/a.zip"), str(tmp_path / "Toy/a.zip"), f"expected {len(DATA)}", "got 100000", "run again"):
        assert text in str(error.value)
    assert visible(tmp_path) == []
    server.seen.clear()
    server.faults.clear()
    fetch.fetch([source(server)], tmp_path)
    assert ranges(server) == ["bytes=100000-"]


def test_a_server_that_does_not_respond_is_tried_again(server, tmp_path, monkeypatch, waits):
    monkeypatch.setattr(http, "TIMEOUT_S", (5, 0.1))
    server.faults["/a.zip"] = [lambda handler: time.sleep(0.3)]
    fetch.fetch([source(server)], tmp_path)
    assert len(waits) == 1


# --- permanent errors


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(404, "correct `url`"), (410, "correct `url`"), (403, "by hand"), (401, "by hand"), (418, "mirror")],
)
def test_refusals_are_not_retried(server, tmp_path, code, remedy):
    server.faults["/a.zip"] = [loopback.status(code)]
    with pytest.raises(FetchError, match=rf"a\.zip -> .*Toy/a\.zip: expected HTTP 200, got {code} .*{remedy}"):
        fetch.fetch([source(server)], tmp_path)
    assert len(server.seen) == 1
    assert visible(tmp_path) == []


def test_redirects_are_followed_but_not_endlessly_or_to_other_schemes(server, tmp_path):
    server.faults["/b.zip"] = [loopback.redirect("/a.zip")]
    fetch.fetch([source(server, url=server.url("/b.zip"))], tmp_path / "ok")
    server.faults["/b.zip"] = [loopback.redirect("/b.zip")] * 50
    with pytest.raises(FetchError, match="endless redirects"):
        fetch.fetch([source(server, url=server.url("/b.zip"))], tmp_path / "circle")
    server.faults["/b.zip"] = [loopback.redirect("file:///etc/passwd")]
    with pytest.raises(FetchError, match=r"InvalidSchema.*correct `url`"):
        fetch.fetch([source(server, url=server.url("/b.zip"))], tmp_path / "file")


def test_a_response_of_another_size_is_rejected_at_once(server, tmp_path):
    server.faults["/a.zip"] = [loopback.wrong_length(b"<p>log in", 9, Content_Type="text/html")]
    with pytest.raises(FetchError, match=rf"expected {len(DATA)} bytes, the server announces 9 \(text/html\).*login"):
        fetch.fetch([source(server)], tmp_path)
    assert visible(tmp_path) == []


def test_an_announced_length_that_is_too_large(server, tmp_path):
    server.faults["/a.zip"] = [loopback.wrong_length(DATA, len(DATA) + 5)] * http.TRIES
    with pytest.raises(FetchError, match=f"gave up after .* got {len(DATA)}"):
        fetch.fetch([source(server, bytes=None)], tmp_path)
    assert visible(tmp_path) == []


def test_an_announced_length_that_is_too_small(server, tmp_path):
    server.faults["/a.zip"] = [loopback.wrong_length(DATA, 1000)]
    with pytest.raises(FetchError, match=f"expected sha256:{SHA256}, got sha256:.*Run again"):
        fetch.fetch([source(server, bytes=None)], tmp_path)
    assert visible(tmp_path) == []


def test_a_body_without_length_is_limited_by_the_manifest(server, tmp_path):
    sent = []

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b"x" * 100_000)
        sent.append("the whole body")

    server.faults["/a.zip"] = [endless]
    with pytest.raises(FetchError, match=f"expected {len(DATA)} bytes, got more"):
        fetch.fetch([source(server)], tmp_path)
    assert not (partial_folder(tmp_path) / ".body").exists()
    assert sent == []


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "md5:" + "0" * 32])
def test_a_file_with_a_wrong_digest_is_deleted(server, tmp_path, digest):
    with pytest.raises(FetchError) as error:
        fetch.fetch([source(server, digest=digest)], tmp_path)
    got = SHA256 if digest.startswith("sha256") else MD5
    for text in (server.url("/a.zip"), str(tmp_path / "Toy/a.zip"), digest, got, "correct the manifest"):
        assert text in str(error.value)
    assert visible(tmp_path) == []
    assert not partial_folder(tmp_path).exists()


def test_a_full_disk_is_reported_before_the_download(server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(FetchError, match=rf"needs {len(DATA)} bytes of disk space, 1000 are free; make room"):
        fetch.fetch([source(server)], tmp_path)
    there = tmp_path / "m/Toy/a.zip"
    there.parent.mkdir(parents=True)
    there.write_bytes(DATA)
    with pytest.raises(FetchError, match="1000 are free"):
        fetch.fetch([source(server)], tmp_path, str(tmp_path / "m"))


def test_a_disk_that_fills_up_keeps_the_partial_file(server, tmp_path, monkeypatch):
    real = http._body

    def filling(response):
        yield next(real(response))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(http, "_body", filling)
    with pytest.raises(FetchError, match=r"Toy/a\.zip: No space left on device; make room"):
        fetch.fetch([source(server)], tmp_path)
    monkeypatch.setattr(http, "_body", real)
    fetch.fetch([source(server)], tmp_path)
    assert ranges(server)[1] == f"bytes={http.BLOCK}-"


def test_a_folder_that_is_not_writable(server, tmp_path):
    (tmp_path / "Toy").write_text("a file where a folder should be")
    with pytest.raises(FetchError, match="check the folder"):
        fetch.fetch([source(server)], tmp_path)


# --- secrets


def test_no_secret_is_shown_or_stored(server, tmp_path, capsys):
    secret = server.url("/a.zip?token=hush&id=5").replace("//", "//anna:hush@")
    server.faults["/a.zip"] = [loopback.drop, loopback.status(503), loopback.cut(1000)]
    (got,) = fetch.fetch([source(server, url=secret)], tmp_path)
    write_receipt(tmp_path / "r.json", "Toy", [got])
    assert got.place == server.url("/a.zip?token=...&id=5")
    shutil.rmtree(tmp_path / "Toy")
    failures = [
        [loopback.status(404)],
        [loopback.redirect(server.url("/a.zip?sig=hush"))] * 50,
        [loopback.redirect("ftp://anna:hush@h/?hush")],
        [loopback.drop] * http.TRIES,
        [loopback.wrong_length(b"", 4, ETag='"1"')],
    ]
    for server.faults["/a.zip"] in failures:
        with pytest.raises(FetchError) as error:
            fetch.fetch([source(server, url=secret)], tmp_path)
        assert "hush" not in str(error.value)
    assert "hush" not in capsys.readouterr().err
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"hush" not in path.read_bytes()


def test_a_host_that_refuses_the_connection_shows_no_secret(tmp_path):
    with pytest.raises(FetchError, match="gave up") as error:
        fetch.fetch([source(url="http://anna:hush@127.0.0.1:1/a?token=hush", get=None)], tmp_path)
    assert "hush" not in str(error.value)
    assert "refused" in str(error.value)


# --- several processes, killed processes

SCRIPT = """
import os, signal, sys
from pathlib import Path
from pipeline.fetch import fetch
from pipeline.manifest.source_file import SourceFile
url, downloads, *steps = sys.argv[1:]
for step in steps:
    setattr(fetch, step, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
source = SourceFile(file="a.zip", name="Toy", url=url, bytes={size}, digest="sha256:{sha}")
fetch.fetch([source], Path(downloads))
"""


def start(server: loopback.Server, downloads: Path, *killed_in: str) -> "subprocess.Popen[str]":
    """A process that downloads a.zip; it kills itself at the start of a function of fetch.py, if one is given."""
    script = SCRIPT.format(size=len(DATA), sha=SHA256)
    command = [sys.executable, "-c", script, server.url("/a.zip"), str(downloads), *killed_in]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_for_bytes(downloads: Path) -> None:
    body = partial_folder(downloads) / ".body"
    while not (body.exists() and body.stat().st_size > 0):
        time.sleep(0.01)


@pytest.mark.slow
def test_two_processes_share_one_download(server, tmp_path):
    server.pause_s = 0.01
    first, second = start(server, tmp_path), start(server, tmp_path)
    said = first.communicate(timeout=60)[1] + second.communicate(timeout=60)[1]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert len(server.seen) == 1
    assert "exists, digest is right (url)" in said
    assert (tmp_path / "Toy/a.zip").read_bytes() == DATA


def test_a_killed_download_is_resumed(server, tmp_path):
    server.pause_s = 0.05
    process = start(server, tmp_path)
    wait_for_bytes(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert visible(tmp_path) == []
    have = (partial_folder(tmp_path) / ".body").stat().st_size
    assert 0 < have < len(DATA)
    server.pause_s = 0
    fetch.fetch([source(server)], tmp_path)
    assert ranges(server) == [None, f"bytes={have}-"]
    assert (tmp_path / "Toy/a.zip").read_bytes() == DATA
    assert not partial_folder(tmp_path).exists()


@pytest.mark.parametrize("step", ["_hash", "_finish", "write_json"])
def test_a_kill_between_download_and_final_name_costs_no_second_download(server, tmp_path, step):
    process = start(server, tmp_path, step)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    assert visible(tmp_path) == []
    (got,) = fetch.fetch([source(server)], tmp_path)
    assert len(server.seen) == 1
    assert (got.origin, got.sha256) == ("url", SHA256)
    assert (tmp_path / "Toy/a.zip").read_bytes() == DATA
    assert not partial_folder(tmp_path).exists()


def test_an_interrupt_after_the_file_has_its_final_name_keeps_the_origin(server, tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch.fetch([source(server)], tmp_path)
    (got,) = fetch.fetch([source(server)], tmp_path)
    assert (got.origin, got.place) == ("url", server.url("/a.zip"))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"sha256": "0', '"sha256": "1'),
        lambda text: text.replace('"bytes": 3', '"bytes": 4'),
        lambda text: text.replace('"format": 2', '"format": 1'),
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "",
    ],
)
def test_a_receipt_that_was_edited_is_refused(tmp_path, edit):
    path = tmp_path / "r.json"
    write_receipt(path, "Toy", [Received("Toy", "a.zip", 3, "0" * 64, "url", "https://h/a.zip")])
    assert read_receipt(path)[0]["bytes"] == 3
    path.write_text(edit(path.read_text()))
    with pytest.raises(ValueError, match=re.escape(f"{path}: is damaged") + ".*delete it and run again"):
        read_receipt(path)
