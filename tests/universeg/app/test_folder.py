"""What a folder shows in the list, and what becomes of the masks that it has."""

import numpy as np
import pytest
from page_folders import picture, session_of, write_pictures, write_volume
from PIL import Image

from universeg.app.folder import open_folder
from universeg.app.masks_of_folder import import_masks
from universeg.app.places import places
from universeg.app.view import upright
from universeg.imageio.image import ImageError


def imported(folder):
    session = session_of(folder)
    assert not session.imported
    import_masks(session, lambda done, total: None)
    return session


def test_masks_that_a_folder_has_become_examples(tmp_path):
    session = imported(write_pictures(tmp_path, masks=2))
    assert [*session.states] == ["x0", "x1", "x2", "x3", "x4", "x5"]
    assert [(key, row) for key, row, _ in session.examples()] == [("x0", 0), ("x1", 0)]
    assert [label.value for label in session.labels] == [1]  # 255 in the files
    np.testing.assert_array_equal(session.mask("x0", 0).values, picture(0)[1])
    assert session_of(tmp_path).imported, "once only: what the person changes later stays"


def test_several_values_are_several_labels_with_their_names(tmp_path):
    write_pictures(tmp_path, 3)
    for number in range(2):
        Image.fromarray(picture(number)[1].astype(np.uint8) * (number + 2)).save(tmp_path / f"x{number}_mask.png")
    (tmp_path / "labels.txt").write_text("2 nucleus\n3 cell body\n")
    session = imported(tmp_path)
    assert [(label.value, label.name) for label in session.labels] == [(2, "nucleus"), (3, "cell body")]
    assert set(np.unique(session.mask("x1", 0).values)) == {0, 3}


def test_a_mask_of_another_size_is_told_and_costs_only_itself(tmp_path):
    write_pictures(tmp_path, masks=2)
    Image.fromarray(np.full((9, 9), 255, np.uint8)).save(tmp_path / "x1_mask.png")
    session = imported(tmp_path)
    assert [key for key, _, _ in session.examples()] == ["x0"]
    assert len(session.notes) == 1
    assert session.notes[0].startswith("x1.png: its mask cannot be used: ")


def test_a_volume_is_shown_in_the_plane_of_its_masks(tmp_path):
    import nibabel as nib

    ball = write_volume(tmp_path / "v.nii.gz")
    only = np.zeros(ball.shape, np.uint8)
    only[8], only[11], only[14] = ball[8], ball[11], ball[14]  # sagittal
    nib.save(nib.Nifti1Image(only, np.diag([1.0, 1.0, 3.0, 1.0])), tmp_path / "v_seg.nii.gz")
    session = imported(tmp_path)
    assert session.view("v").axis == 0
    assert [row for _, row, _ in session.examples()] == [8, 11, 14]
    np.testing.assert_array_equal(session.mask("v", 8).values, upright(ball[8]))


def test_links_out_of_the_folder_are_left_out(tmp_path):
    outside = write_pictures(tmp_path / "outside", 1)
    folder = write_pictures(tmp_path / "inside", 2)
    (folder / "link.png").symlink_to(outside / "x0.png")
    found = open_folder(folder)
    assert [*found.entries] == ["x0", "x1"]
    assert "links to places outside" in found.notes[0]
    (folder / "universeg-page").symlink_to(outside)
    with pytest.raises(ImageError, match="universeg-page in it is a link"):
        open_folder(folder)


def test_a_film_is_one_entry_for_each_frame(tmp_path):
    pages = [Image.fromarray(picture(number)[0]) for number in range(3)]
    pages[0].save(tmp_path / "film.tif", save_all=True, append_images=pages[1:])
    session = session_of(tmp_path)
    assert [*session.states] == ["film=frame0000", "film=frame0001", "film=frame0002"]
    np.testing.assert_array_equal(session.view("film=frame0002").colours.values, picture(2)[0])


@pytest.mark.parametrize("content", [None, "text.txt"])
def test_a_folder_without_images_is_an_error(tmp_path, content):
    if content:
        (tmp_path / content).write_text("no image")
    with pytest.raises(ImageError, match="no images found"):
        open_folder(tmp_path)
    with pytest.raises(ImageError, match="no such folder"):
        open_folder(tmp_path / "missing")


def test_folders_to_choose_from(tmp_path):
    write_pictures(tmp_path / "b", 2)
    (tmp_path / "A").mkdir()
    (tmp_path / ".hidden").mkdir()
    assert places(str(tmp_path)) == {
        **{"path": str(tmp_path), "above": str(tmp_path.parent), "folders": ["A", "b"], "images": 0},
    }
    assert places(str(tmp_path / "b"))["images"] == 2
    with pytest.raises(ImageError, match="no such folder"):
        places(str(tmp_path / "x"))
