"""The check of web addresses: the result for each answer of a server, and how many requests a server gets."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import loopback
import pytest

from pipeline.authoring.check import check
from pipeline.authoring.link_check import REQUESTS_PER_SERVER, Link, check_links, links_of
from pipeline.manifest.schema import load_manifest


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[loopback.Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    with loopback.running() as server:
        server.files["/a.zip"] = b"12345"
        yield server


@pytest.mark.parametrize(
    ("path", "faults", "size", "verdict"),
    [
        ("/a.zip", [], 5, "found"),
        ("/a.zip", [], None, "found"),
        ("/a.zip", [], 6, "changed"),
        ("/gone", [], None, "gone"),
        ("/a.zip", [loopback.status(401)], None, "login"),
        ("/a.zip", [loopback.status(405)], 5, "found"),  # HEAD is refused: one byte is requested
        ("/a.zip", [loopback.status(403), loopback.status(403)], None, "login"),
        ("/a.zip", [loopback.status(503)], None, "unclear"),
        ("/a.zip", [loopback.drop], None, "unclear"),
        ("/r", [loopback.redirect("/a.zip")], 5, "found"),
    ],
)
def test_each_answer_gives_a_verdict(server, path, faults, size, verdict):
    server.faults[path] = list(faults)
    (result,) = check_links([Link("Toy", "a.zip", server.url(path), size)])
    assert result.verdict == verdict
    assert result.bad == (verdict in ("gone", "changed"))


def test_a_page_is_requested_once_and_a_server_gets_at_most_two_requests_at_once(server):
    running, most, lock = [], [], threading.Lock()

    def slow(handler):
        with lock:
            running.append(1)
            most.append(len(running))
        time.sleep(0.05)
        with lock:
            running.pop()
        handler.answer(200, {}, b"")

    wanted = [Link("Toy", "x", server.url(f"/{number}")) for number in range(8)] * 2
    server.faults = {f"/{number}": [slow] for number in range(8)}
    assert [result.verdict for result in check_links(wanted)] == ["found"] * 16
    assert len(server.seen) == 8
    assert max(most) == REQUESTS_PER_SERVER


def test_urls_of_other_backends_are_checked_on_their_web_page():
    manifest = load_manifest(Path("dataset_manifests/WBC-CV.yaml"))
    assert [link.where for link in links_of(manifest)] == ["homepage", "licence", manifest.sources[0].file]
    assert Link("T", "x", "s3://b-b/k k").page == "https://b-b.s3.amazonaws.com/k%20k"
    assert Link("T", "x", "kaggle:o/d/f").page == "https://www.kaggle.com/datasets/o/d"


@pytest.mark.parametrize(("path", "code"), [("/a.zip", 0), ("/gone?token=hush", 1)])
def test_check_with_links_exits_1_if_a_file_is_gone(server, tmp_path, capsys, path, code):
    text = Path("dataset_manifests/BBBC003.yaml").read_text()
    for url in (
        "https://data.broadinstitute.org/bbbc/BBBC003/BBBC003_v1_images.zip",
        "https://bbbc.broadinstitute.org",
    ):
        text = text.replace(url, server.url("/a.zip"))
    text = text.replace("https://data.broadinstitute.org/bbbc/BBBC003/BBBC003_v1_foreground.zip", server.url(path))
    (tmp_path / "BBBC003.yaml").write_text(text.replace("/a.zip/BBBC003", "/a.zip"))
    with pytest.raises(SystemExit) as stop:
        check(manifests=tmp_path, links=True)
    said = capsys.readouterr().err
    assert stop.value.code == code
    assert ("BBBC003_v1_foreground.zip: " in said) == bool(code)
    assert "hush" not in said


def test_a_misspelt_dataset_is_an_error_with_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match=r"no manifest WBC-VC\.yaml; did you mean WBC-CV\?"):
        check(("WBC-VC",))
    with pytest.raises(ValueError, match="has no manifests"):
        check(manifests=tmp_path)
