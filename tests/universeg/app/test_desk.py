"""The open folder: one program for each, the sample task, and what the thread at the start does."""

import time

import numpy as np
import pytest
from page_folders import paint, picture, write_pictures, write_volume
from PIL import Image

from universeg.app import worker
from universeg.app.desk import LOADING, Desk
from universeg.app.state import Draft, Progress
from universeg.app.summary import told
from universeg.app.view import upright
from universeg.imageio.image import ImageError


@pytest.fixture
def other():
    found = Desk("unused", "cpu")
    yield found
    found.close()


def test_a_folder_is_open_in_one_program_at_a_time(desk, other, folder, tmp_path):
    with pytest.raises(ImageError, match="is open in another universeg app; use that one"):
        other.open(folder)
    assert other.session is None
    paint(desk.current, "x0", picture(0)[1])
    desk.open(folder)  # again, by the same program
    assert desk.current.examples()
    desk.open(write_pictures(tmp_path / "others"))
    assert other.open(folder).examples()


def test_a_session_that_is_damaged_does_not_keep_the_folder(desk, other, folder):
    desk.close()
    (folder / "universeg-page/session.json").write_text("{")
    with pytest.raises(ImageError, match="damaged"):
        desk.open(folder)
    (folder / "universeg-page/session.json").unlink()
    other.open(folder)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_painted(other, tmp_path):
    folder = write_pictures(tmp_path / "full")
    (folder / "universeg-page").write_text("in the way")
    with pytest.raises(ImageError, match=r"nothing can be written into it .*copy the images to a folder"):
        other.open(folder)


def test_the_sample_task_is_a_copy_with_examples(desk):
    desk.open_sample()
    session = desk.current
    assert desk.sample
    assert len(session.states) == 10
    assert len(session.wishes.rest) == 10
    masks = [path for entry in session.folder.entries.values() for path in entry.masks]
    assert len(masks) == 4
    assert all(0.02 < (np.array(Image.open(path)) > 0).mean() < 0.3 for path in masks)
    assert [label.name for label in session.labels] == ["lung"]


def test_the_masks_of_a_folder_are_read_before_the_network_is_loaded(tmp_path, other, monkeypatch):
    seen = []

    def load(weights, device):
        seen.append((other.session.imported, len(other.session.examples()), other.starting))
        raise ValueError("no network")

    monkeypatch.setattr(worker, "ready", load)
    other.open(write_pictures(tmp_path / "labelled", masks=2))
    end = time.monotonic() + 30
    while not other.work.problem:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert seen == [(True, 2, LOADING)]
    assert other.work.problem == "no network"


def test_among_equal_drafts_those_that_the_network_is_unsure_of_come_first(desk):
    session = desk.current
    for key, sureness in (("x1", 0.9), ("x2", 0.5), ("x3", 0.7)):
        session.keep_draft(key, 0, picture(0)[1].astype(np.uint8), Draft(sureness, 0))
    assert told(session, Progress(), Progress())["order"] == ["x2", "x3", "x1"]


def test_a_few_slices_of_one_volume_are_not_compared(desk, tmp_path):
    place = tmp_path / "volumes"
    place.mkdir()
    balls = {name: write_volume(place / f"{name}.nii.gz") for name in "vw"}
    session = desk.open(place)
    for row in (4, 6, 8):
        paint(session, "v", upright(balls["v"][:, :, row]), row)
    assert not session.can_measure()
    paint(session, "w", upright(balls["w"][:, :, 5]), 5)
    assert session.can_measure()
    for row in (2, 3, 5, 7, 9):
        paint(session, "v", upright(balls["v"][:, :, row]), row)
    session.mark("w", 5, done=True, example=False)
    assert session.can_measure()
