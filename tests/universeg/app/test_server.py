"""What the page gets and sends."""

import gzip
import time

import numpy as np
import pytest
from page_folders import paint, picture, write_pictures

from universeg.app.state import Draft

GREY, MASK = picture(0)


def test_the_session_says_what_the_list_shows(client, desk):
    told = client.get("/api/session").json()
    assert told["keys"] == [f"x{n}" for n in range(6)]
    assert told["examples"] == {"count": 0, "needed": 3, "number": 0}
    assert told["expected"] is None
    assert (told["folder"], told["sample"]) == ("pictures", False)
    paint(desk.current, "x1", MASK)
    desk.current.keep_draft("x2", 0, MASK.astype(np.uint8), Draft(0.9, 1))
    images = {image["key"]: image for image in client.get("/api/session").json()["images"]}
    assert images["x1"]["slices"] == {"0": [True, True, 1]}
    assert images["x2"]["drafts"] == {"0": 1}


def test_pixels_and_masks_are_plain_bytes(client, put_mask):
    about = client.get("/api/images/x0").json()
    assert (about["shape"], about["count"], about["colours"]) == ([40, 56], 1, False)
    pixels = np.frombuffer(client.get("/api/images/x0/slices/0/pixels").content, "<u2").reshape(40, 56)
    np.testing.assert_allclose(pixels / 65535 * (GREY.max() - float(GREY.min())) + GREY.min(), GREY, atol=0.01)
    answer = put_mask("x0", MASK)
    assert (answer.status_code, answer.json()) == (200, {"revision": 1})
    answer = client.get("/api/images/x0/slices/0/mask")
    np.testing.assert_array_equal(np.frombuffer(answer.content, np.uint8).reshape(40, 56), MASK)
    assert (answer.headers["x-source"], answer.headers["x-revision"]) == ("yours", "1")


def test_an_older_mask_is_refused(client, put_mask):
    put_mask("x0", MASK)
    assert put_mask("x0", 0 * MASK).status_code == 409
    assert put_mask("x0", 0 * MASK, revision=1).json() == {"revision": 2}


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"\0" * 10), gzip.compress(b"\0" * 10_000_000), gzip.compress(b"\7" * 2240), b""],
    ids=["plain", "short", "bomb", "values", "empty"],
)
def test_what_is_no_mask_is_refused(client, put_mask, body, folder):
    answer = put_mask("x0", MASK, body=body)
    assert answer.status_code == 422
    assert "mask" in answer.text
    assert not (folder / "universeg-page/masks").exists()


@pytest.mark.parametrize(
    ("method", "path", "json", "status"),
    [
        ("GET", "/api/images/x0/slices/1/pixels", None, 422),
        ("GET", "/api/images/x0/slices/-1/pixels", None, 404),
        ("POST", "/api/focus", {"key": "x9", "row": 0}, 404),
        ("POST", "/api/focus", {"key": "x0", "row": "0"}, 422),
        ("POST", "/api/focus", [], 422),
        ("PUT", "/api/labels", {"labels": []}, 422),
        ("PUT", "/api/settings", {"settings": {"size": 4000}}, 422),
        ("POST", "/api/export", {"format": "exe"}, 422),
        ("POST", "/api/export", {"format": "seg"}, 422),
        ("POST", "/api/folder", {"path": "/no/such/place"}, 422),
        ("GET", "/api/quit", None, 405),
    ],
)
def test_wrong_requests_get_an_answer_that_says_why(client, method, path, json, status):
    answer = client.request(method, path, json=json)
    assert answer.status_code == status
    assert answer.text


def test_an_image_that_cannot_be_read_says_so_in_the_list(client, folder):
    (folder / "x4.png").write_bytes(b"damaged")
    assert client.get("/api/images/x4").status_code == 422
    images = {image["key"]: image for image in client.get("/api/session").json()["images"]}
    assert "x4.png" in images["x4"]["error"]
    assert not images["x3"]["error"]


def test_thumbnails_are_small_pictures(client, put_mask):
    before = client.get("/api/images/x0/thumbnail")
    assert before.headers["content-type"] == "image/jpeg"
    put_mask("x0", MASK)
    assert client.get("/api/images/x0/thumbnail").content != before.content


def test_another_folder_is_opened(client, desk, tmp_path):
    other = write_pictures(tmp_path / "other", 2)
    client.post("/api/folder", json={"path": str(other)}).raise_for_status()
    told = client.get("/api/session").json()
    assert (told["folder"], told["keys"], told["opened"]) == ("other", ["x0", "x1"], 2)
    assert client.get("/api/images/x5").status_code == 404


def test_an_export_runs_beside_the_page(client, put_mask, folder):
    client.post("/api/export", json={"format": "auto"}).raise_for_status()
    assert "there is no mask to export yet" in wait_for_export(client)["problem"]
    put_mask("x0", MASK)
    client.post("/api/export", json={"format": "auto", "drafts": True}).raise_for_status()
    assert wait_for_export(client)["result"] == f"1 mask in {folder / 'universeg-page/export'}; 5 images have no mask"


def wait_for_export(client):
    for _ in range(200):
        told = client.get("/api/session").json()["export"]
        if not told["doing"]:
            return told
        time.sleep(0.02)
    raise AssertionError("the export does not end")


@pytest.mark.parametrize("effort", ["best", None, "quick"])
def test_what_improves_results_is_asked_for(client, desk, effort):
    for number in range(3):
        paint(desk.current, f"x{number}", picture(number)[1])
    assert client.post("/api/better", json={"effort": effort}).status_code == 200
    assert desk.current.wishes.better == (effort if effort == "best" else None)
    assert client.get("/api/session").json()["better"]["searching"] == desk.current.wishes.better


def test_an_unknown_effort_and_too_few_examples_are_refused(client):
    assert client.post("/api/better", json={"effort": "enormous"}).status_code == 422
    answer = client.post("/api/better", json={"effort": "normal"})
    assert answer.status_code == 409
    assert "3 examples" in answer.text
