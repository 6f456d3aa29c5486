"""Drafts: which, when, and from which examples."""

import time
from pathlib import Path

import numpy as np
import pytest
from page_folders import bright, paint, picture, session_of, write_volume
from PIL import Image

from universeg.app import drafts, worker
from universeg.app.choices import want_better
from universeg.app.drafts import chain, make_drafts
from universeg.app.state import Progress
from universeg.app.summary import told
from universeg.app.supports import Supports, farther
from universeg.app.view import upright
from universeg.app.worker import Worker
from universeg.prediction.settings import Settings

SMALL = Settings(size=32, device="cpu")


def dice(first, second):
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))


def until(done, seconds=20):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def thread(monkeypatch):
    """`thread(session)` starts a worker with a network that finds what is bright."""
    monkeypatch.setattr(worker, "ready", lambda weights, device: bright)
    monkeypatch.setattr(worker, "as_trained", lambda settings, weights: Settings(size=32, intensity=settings.intensity))
    started = []

    def start(session):
        started.append(Worker(session, Path("none"), "cpu"))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()
        one.join(10)
        assert not one.is_alive()


def with_three_examples(folder):
    """A session in which the first three pictures are painted."""
    session = session_of(folder)
    for number in range(3):
        paint(session, f"x{number}", picture(number)[1])
    return session


def test_a_draft_comes_with_the_third_example(folder, thread):
    session = session_of(folder)
    session.look_at("x5", 0)
    thread(session)
    for number in range(2):
        paint(session, f"x{number}", picture(number)[1])
    time.sleep(0.3)
    assert not session.states["x5"].drafts
    paint(session, "x2", picture(2)[1])
    until(lambda: session.states["x5"].drafts)
    assert dice(session.mask("x5", 0).values > 0, picture(5)[1]) > 0.9
    until(lambda: session.checkup.estimate is not None)
    assert session.checkup.estimate.dice > 90
    assert session.checkup.estimate.examples == 3


def test_the_next_images_are_drafted_before_they_are_looked_at_but_not_all(folder, thread):
    session = with_three_examples(folder)
    session.look_at("x2", 0)
    thread(session)
    until(lambda: session.states["x4"].drafts)
    until(lambda: session.checkup.estimate is not None)
    assert not session.states["x5"].drafts
    session.segment_rest()
    until(lambda: session.states["x5"].drafts and not session.wishes.rest)
    assert not session.states["x0"].drafts, "what the person painted is not drafted"


def test_drafts_are_made_again_after_a_new_example(folder, thread):
    session = with_three_examples(folder)
    session.look_at("x4", 0)
    thread(session)
    until(lambda: session.states["x4"].drafts and session.checked == session.examples_number)
    first = session.states["x4"].drafts[0].examples
    paint(session, "x3", picture(3)[1])
    until(lambda: session.states["x4"].drafts[0].examples == session.examples_number != first)


def test_a_picture_unlike_the_examples_is_told(folder, thread):
    grey, _ = picture(5)
    Image.fromarray(255 - grey).save(folder / "x5.png")
    session = with_three_examples(folder)
    session.segment_rest()
    thread(session)
    until(lambda: not session.wishes.rest)
    assert session.states["x4"].drafts[0].doubts == []
    until(lambda: session_of(folder).states["x5"].drafts)  # saved when the thread has nothing else to do
    doubts = session_of(folder).states["x5"].drafts[0].doubts
    assert any("dark and bright look exchanged" in doubt for doubt in doubts), doubts


def test_a_bad_image_costs_only_itself(folder, thread):
    (folder / "x3.png").write_bytes(b"damaged")
    session = with_three_examples(folder)
    session.segment_rest()
    thread(session)
    until(lambda: not session.wishes.rest)
    assert session.states["x3"].error
    assert session.states["x4"].drafts
    assert session.states["x5"].drafts


def test_a_volume_is_filled_from_its_painted_slices(tmp_path, thread):
    ball = write_volume(tmp_path / "v.nii.gz")
    session = session_of(tmp_path)
    for row in (4, 6, 8):
        paint(session, "v", upright(ball[:, :, row]), row)
    session.segment_rest()
    thread(session)
    until(lambda: not session.wishes.rest)
    assert sorted({*session.states["v"].drafts, 4, 6, 8}) == [*range(12)]
    assert dice(session.mask("v", 5).values > 0, upright(ball[:, :, 5])) > 0.9
    assert not session.mask("v", 0).values.any()


def test_pictures_and_volumes_are_not_mixed(folder, thread):
    write_volume(folder / "v.nii.gz")
    session = with_three_examples(folder)
    session.segment_rest()
    thread(session)
    until(lambda: not session.wishes.rest)
    assert not session.states["v"].drafts
    assert not session.states["v"].error
    assert session.states["x4"].drafts
    images = {image["key"]: image for image in told(session, Progress(), Progress())["images"]}
    assert images["v"]["without"]
    assert not images["x4"]["without"]


def test_unchanged_examples_are_prepared_once(folder, monkeypatch):
    session = with_three_examples(folder)
    supports = Supports(session)
    like = supports.image("x4", SMALL)
    before = supports.examples(SMALL, like).images
    session.save_mask("x1", 0, 0 * picture(1)[1].astype(np.uint8), 1)
    after = supports.examples(SMALL, like).images
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, False, True]
    session.mark("x0", 0, done=True, example=False)
    assert len(supports.examples(SMALL, like).images) == 2


def test_a_slice_is_shown_the_examples_nearest_in_height(tmp_path, monkeypatch):
    ball = write_volume(tmp_path / "v.nii.gz")
    session = session_of(tmp_path)
    for row in range(2, 10):
        paint(session, "v", upright(ball[:, :, row]), row)
    monkeypatch.setattr("universeg.app.supports.SHOWN", 3)
    supports = Supports(session)
    examples = supports.examples(SMALL, supports.image("v", SMALL))
    shown = {at + 2 for at in range(8)} - {at + 2 for at in farther(examples, 5.5 / 12)}
    assert shown == {4, 5, 6}


def test_chains_lead_away_from_the_nearest_painted_slice(monkeypatch):
    monkeypatch.setattr(drafts, "CHAIN", 3)
    rows = [row for row in range(12) if row not in (2, 9)]
    assert chain(rows, [2, 9]) == [1, 0]
    assert chain([row for row in rows if row > 2], [2, 9]) == [3, 4, 5]
    assert chain([row for row in rows if row > 5], [2, 9]) == [8, 7, 6]
    assert chain([10, 11], [2, 9]) == [10, 11]
    assert chain([5, 6, 7], [2], drafted={3, 4}) == [4, 5, 6, 7], "the slice before them helps the first"
    assert chain(rows, []) == [0, 1, 3]


def test_without_enough_examples_of_the_kind_there_is_no_draft(folder):
    session = session_of(folder)
    paint(session, "x0", picture(0)[1])
    assert make_drafts(bright, Supports(session), "x5", [0], SMALL, lambda: None) is None


def test_while_it_searches_the_slice_in_view_gets_its_draft_and_stop_stops(folder, thread, monkeypatch):
    going = []

    def search(self, supports, plain, advance):
        while True:
            going.append(len(going))
            advance(0.5)
            time.sleep(0.01)

    monkeypatch.setattr("universeg.app.improving.Networks.improve", search)
    session = with_three_examples(folder)
    want_better(session, "best")
    started = thread(session)
    until(lambda: len(going) > 3)
    assert started.work == Progress("finding what improves the results", 0.5, 1)
    session.look_at("x5", 0)
    until(lambda: session.states["x5"].drafts)
    assert session.wishes.better == "best"
    want_better(session, None)
    until(lambda: session.states["x3"].drafts or session.checkup.estimate is not None)
    count = len(going)
    time.sleep(0.1)
    assert len(going) == count


def test_a_search_that_fails_is_told(folder, thread, monkeypatch):
    def fail(self, supports, plain, advance):
        raise ValueError("no label")

    monkeypatch.setattr("universeg.app.improving.Networks.improve", fail)
    session = with_three_examples(folder)
    want_better(session, "best")
    thread(session)
    until(lambda: session.wishes.better is None)
    assert session.trial == ["this could not be done: no label"]
    session.look_at("x4", 0)
    until(lambda: session.states["x4"].drafts)


def test_the_image_in_view_is_prepared_while_the_person_paints(folder, thread):
    session = session_of(folder)
    session.look_at("x4", 0)
    started = thread(session)
    until(lambda: started._prepared is not None and started._supports._images)
    (prepared,) = started._supports._images
    assert prepared[0] == "x4"


def test_memory_for_prepared_pictures_is_bounded(tmp_path, monkeypatch):
    """Of a picture the matrices of its grid take nearly all of it."""
    for number in range(8):
        Image.fromarray(np.kron(picture(number)[0], np.ones((4, 4), np.uint8))).save(tmp_path / f"x{number}.png")
    supports = Supports(session_of(tmp_path))
    bound = 400_000
    monkeypatch.setattr("universeg.app.supports.KEPT_BYTES", bound)
    for number in range(8):
        supports.image(f"x{number}", SMALL).back(np.zeros((32, 32), np.float32))
    grids = [vars(image.grid) for image in supports._images.values()]
    kept = [name for grid in grids for name in grid if name.endswith("_weights")]
    assert len(kept) == 3 * len(grids)
    assert 1 < len(grids) < 8
    assert sum(matrix.nbytes for grid in grids for name in kept[:3] for matrix in grid[name]) <= bound
