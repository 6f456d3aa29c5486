"""Nothing that was painted is lost, and two windows do not overwrite each other."""

import json

import numpy as np
import pytest
from page_folders import paint, picture, session_of, write_pictures, write_volume
from PIL import Image

from universeg.app.choices import accept_drafts, set_labels, set_settings
from universeg.app.saved import SavedFiles
from universeg.app.session import Conflict
from universeg.app.state import Draft, checked_labels, checked_settings
from universeg.app.view import upright
from universeg.imageio.image import ImageError
from universeg.prediction.labels import Label
from universeg.prediction.settings import Settings

MASK = picture(0)[1].astype(np.uint8)


def test_each_stroke_is_on_disk_before_it_is_answered(folder):
    session = session_of(folder)
    session.save_mask("x0", 0, MASK, 0)
    again = session_of(folder)  # as after a kill
    found = again.mask("x0", 0)
    np.testing.assert_array_equal(found.values, MASK)
    assert (found.source, found.revision) == ("yours", 1)
    assert again.save_mask("x0", 0, 0 * MASK, 1) == 2


def test_a_kill_between_mask_and_session_loses_no_stroke(folder, monkeypatch):
    session = session_of(folder)
    session.files.write("masks", "x3", 0, MASK)  # its entry in session.json was not written yet
    again = session_of(folder)
    np.testing.assert_array_equal(again.mask("x3", 0).values, MASK)
    assert not again.states["x3"].slices[0].done


def test_accepting_and_examples_survive_a_restart(folder):
    session = session_of(folder)
    paint(session, "x1", MASK)
    session.save_mask("x2", 0, MASK, 0)
    session.mark("x2", 0, done=True, example=False)
    again = session_of(folder)
    assert [key for key, _, _ in again.examples()] == ["x1"]
    assert again.states["x2"].slices[0].done
    again.mark("x1", 0, done=False, example=True)
    assert again.examples() == [], "what is open again is no example"


def test_another_window_cannot_overwrite_what_it_has_not_seen(folder):
    session = session_of(folder)
    session.save_mask("x0", 0, MASK, 0)
    session.save_mask("x0", 0, 0 * MASK, 1)
    with pytest.raises(Conflict, match="another window"):
        session.save_mask("x0", 0, MASK, 1)
    assert not session.mask("x0", 0).values.any()


@pytest.mark.parametrize(
    ("values", "row", "message"),
    [(MASK[:5], 0, "expected a mask of"), (7 * MASK, 0, "no labels"), (MASK, 1, "there are 1 slices")],
)
def test_masks_that_do_not_fit_are_refused(folder, values, row, message):
    session = session_of(folder)
    with pytest.raises(ValueError, match=message):
        session.save_mask("x0", row, values, 0)
    assert not (folder / "universeg-page/masks").exists()


def test_a_draft_becomes_the_persons_mask_when_it_is_accepted(folder):
    session = session_of(folder)
    session.keep_draft("x0", 0, MASK, Draft(0.9, 0))
    assert session.mask("x0", 0).source == "draft"
    session.mark("x0", 0, done=True, example=False)
    found = session.mask("x0", 0)
    assert (found.source, int(found.values.sum())) == ("yours", int(MASK.sum()))
    session.clear("x0", 0)
    assert session.mask("x0", 0).source == "draft"
    session.clear("x1", 0)
    assert session.mask("x1", 0).source == "none"


def test_all_drafts_of_a_volume_are_accepted_but_not_over_what_is_painted(tmp_path):
    ball = write_volume(tmp_path / "v.nii.gz")
    session = session_of(tmp_path)
    own = upright(ball[:, :, 6]).astype(np.uint8)
    paint(session, "v", own, row=6)
    for row in (5, 6, 7):
        session.keep_draft("v", row, 0 * own, Draft(0.9, 0))
    assert accept_drafts(session, "v") == 2
    assert sorted(session.states["v"].slices) == [5, 6, 7]
    np.testing.assert_array_equal(session.mask("v", 6).values, own)


def test_a_draft_is_wanted_again_when_the_examples_change(folder):
    session = session_of(folder)
    assert session.needs_draft("x5", 0)
    session.keep_draft("x5", 0, MASK, Draft(0.9, session.examples_number))
    assert not session.needs_draft("x5", 0)
    paint(session, "x0", MASK)
    assert session.needs_draft("x5", 0)
    assert not session.needs_draft("x0", 0)
    number = session.examples_number
    session.save_mask("x0", 0, 0 * MASK, 1)
    assert session.examples_number == number + 1, "an example that is corrected is another one"


def test_labels_keep_their_pixels(folder):
    session = session_of(folder)
    set_labels(session, [Label(1, "a", (1, 2, 3)), Label(4, "b", (9, 9, 9))])
    session.save_mask("x0", 0, 4 * MASK, 0)
    with pytest.raises(Conflict, match=r"used in x0\.png"):
        set_labels(session, [Label(1, "a", (1, 2, 3))])
    set_labels(session, [Label(4, "renamed", (0, 0, 0))])
    assert session_of(folder).labels == [Label(4, "renamed", (0, 0, 0))]


@pytest.mark.parametrize(
    "entries",
    [None, [], [{"value": 0, "name": "a", "colour": [0, 0, 0]}], [{"value": 1, "name": "", "colour": [0, 0, 0]}],
     [{"value": 1, "name": "a\n", "colour": [0, 0, 0]}], [{"value": 1, "name": "a", "colour": [0, 0, 256]}],
     [{"value": 1, "name": "a", "colour": "red"}], [{"value": 1, "name": "a", "colour": [0, 0, 0]}] * 2],
)  # fmt: skip
def test_labels_that_cannot_be_used(entries):
    with pytest.raises(ValueError, match=r"label"):
        checked_labels(entries)


@pytest.mark.parametrize(
    "entries", [None, {"label": 1}, {"window": [3]}, {"window": ["a", 2]}, {"intensity": "x"}, {"axis": 7}]
)
def test_settings_that_cannot_be_used(entries):
    with pytest.raises(ValueError, match=r"settings|window|intensity|axis"):
        checked_settings(entries)


def test_the_plane_of_slices_stays_once_something_is_painted(tmp_path):
    ball = write_volume(tmp_path / "v.nii.gz")
    session = session_of(tmp_path)
    assert session.view("v").axis == 2  # the thickest slices
    set_settings(session, Settings(axis=0))
    assert session.view("v").count == 24
    paint(session, "v", upright(ball[9]), row=9)
    with pytest.raises(Conflict, match="painted in the present plane"):
        set_settings(session, Settings(axis=1))
    assert session_of(tmp_path).settings.axis == 0


def test_the_first_volume_says_how_intensities_are_read(tmp_path):
    import nibabel as nib

    write_volume(tmp_path / "mr.nii.gz")
    session = session_of(tmp_path)
    session.view("mr")
    assert session.settings.intensity == "mr"
    scan = nib.load(tmp_path / "mr.nii.gz")
    ct = tmp_path / "ct"
    ct.mkdir()
    nib.save(nib.Nifti1Image(np.asarray(scan.dataobj) - 1000, scan.affine), ct / "ct.nii.gz")
    session = session_of(ct)
    session.view("ct")
    assert session.settings.intensity == "ct"


def test_damaged_files_are_named(folder):
    session = session_of(folder)
    session.save_mask("x0", 0, MASK, 0)
    file = folder / "universeg-page/masks/x0/0000.png"
    Image.fromarray(MASK[:, :5]).save(file)
    with pytest.raises(ImageError, match="expected 56 x 40 grey pixels, got 5 x 40"):
        session.mask("x0", 0)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ImageError, match="is damaged"):
        session.mask("x0", 0)
    state = folder / "universeg-page/session.json"
    for text, message in (("{", "damaged"), ("[]", "not the session"), ('{"version": 9}', "version 9"),
                          ('{"version": 1, "images": {"x0": {"slices": 3}}}', "damaged")):  # fmt: skip
        state.write_text(text)
        with pytest.raises(ImageError, match=message):
            session_of(folder)


def test_saved_masks_can_be_looked_at(folder):
    session = session_of(folder)
    session.save_mask("x0", 0, MASK, 0)
    np.testing.assert_array_equal(np.array(Image.open(folder / "universeg-page/masks/x0/0000.png")), MASK)
    assert (
        json.loads((folder / "universeg-page/session.json").read_text())["images"]["x0"]["slices"]["0"]["revision"] == 1
    )


def test_a_thousand_pictures_are_listed_without_reading_them(tmp_path, monkeypatch):
    write_pictures(tmp_path, 1)
    for number in range(1, 1000):
        (tmp_path / f"x{number}.png").hardlink_to(tmp_path / "x0.png")
    monkeypatch.setattr("universeg.app.images.read_view", None)
    assert len(session_of(tmp_path).states) == 1000


def test_images_in_memory_are_bounded(folder, monkeypatch):
    monkeypatch.setattr("universeg.app.images.MOST_BYTES", 3 * MASK.size)
    session = session_of(folder)
    for key in session.states:
        session.view(key)
    assert [key for key, _ in session.images._views] == ["x3", "x4", "x5"]
    assert SavedFiles(folder).rows("masks", "x0") == []


@pytest.mark.parametrize(
    "better",
    [
        {"effort": "best"},
        7,
        {"effort": "x", "lines": [], "levers": {}, "left_out": [], "adapted": False, "examples": 3},
    ],
)
def test_a_damaged_note_of_what_improves_results_is_told(folder, better):
    session = session_of(folder)
    session.save()
    path = folder / "universeg-page/session.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "better": better}))
    with pytest.raises(ValueError, match="better"):
        session_of(folder)
