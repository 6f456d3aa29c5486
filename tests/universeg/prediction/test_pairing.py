import os

import pytest

from universeg.imageio.image import ImageError
from universeg.prediction.pairing import find_pairs, find_queries


def tree(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["images/a.png", "masks/a.png"], [("images/a.png", "masks/a.png")]),
        (["images/a.jpg", "labels/a_seg.png"], [("images/a.jpg", "labels/a_seg.png")]),
        (["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"], [("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")]),
        (["imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b.nii.gz"], [("imagesTr/a.nii.gz", "labelsTr/a.nii.gz")]),
        (["a.png", "a_mask.png"], [("a.png", "a_mask.png")]),
        (["a.nii.gz", "a_gt.nii.gz"], [("a.nii.gz", "a_gt.nii.gz")]),
        (["a_0000.png", "a_label.png"], [("a_0000.png", "a_label.png")]),
        (["1.bmp", "1.png", "2.jpg", "2.png", "notes.csv", ".hidden.png"], [("1.bmp", "1.png"), ("2.jpg", "2.png")]),
        (["images/x_mask.png", "masks/x_mask.png"], [("images/x_mask.png", "masks/x_mask.png")]),
    ],
)
def test_usual_layouts(tmp_path, names, expected):
    pairs = find_pairs(tree(tmp_path, *names))
    assert [(str(p.image.relative_to(tmp_path)), str(p.mask.relative_to(tmp_path))) for p in pairs] == expected


def test_all_that_does_not_pair_up_is_listed_with_the_remedy(tmp_path):
    tree(tmp_path, "a.png", "b_mask.png", "c.bmp", "c.png", "c_mask.png", "d.png", "d_seg.png")
    with pytest.raises(ImageError) as error:
        find_pairs(tmp_path)
    text = str(error.value)
    assert "a.png: no mask" in text
    assert "b_mask.png: no image" in text
    assert "c.bmp with c.png, c_mask.png: which image and which mask?" in text
    assert "d.png" not in text
    assert "x.png and x_mask.png" in text


def test_two_images_of_one_name_are_not_chosen_between(tmp_path):
    tree(tmp_path, "images/a.png", "images/a.tif", "masks/a.png")
    with pytest.raises(ImageError, match=r"images/a.png, images/a.tif with masks/a.png: which image"):
        find_pairs(tmp_path)


def test_more_than_one_support_set_is_not_chosen_between(tmp_path):
    tree(tmp_path, "images/a.png", "masks/a.png", "labels/a.png", "b.png")
    with pytest.raises(ImageError, match=r"more than one support set \(images/ with masks/; images/ with labels/; 1"):
        find_pairs(tmp_path)


def test_no_folder_and_no_images(tmp_path):
    with pytest.raises(ImageError, match="no such folder"):
        find_pairs(tmp_path / "gone")
    with pytest.raises(ImageError, match=r"no images found .*\.nii\.gz"):
        find_pairs(tree(tmp_path, "images/a.png", "readme.txt"))


def test_queries_are_files_and_folders(tmp_path):
    tree(tmp_path, "q/b.png", "q/a.jpg", "q/notes.txt", "c_mask.png")
    found = find_queries([tmp_path / "c_mask.png", tmp_path / "q"])
    assert [path.name for path in found] == ["c_mask.png", "a.jpg", "b.png"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.png", "a_mask.png"], "a_mask.png look like masks of other images"),
        (["a.png", "a.bmp"], r"share a name: .*a\.bmp, .*a\.png"),
        (["a.txt"], "no images found"),
    ],
)
def test_queries_that_are_not_clear(tmp_path, names, message):
    with pytest.raises(ImageError, match=message):
        find_queries([tree(tmp_path / "q", *names)])
    with pytest.raises(ImageError, match=r"no such file: .*gone\.png"):
        find_queries([tmp_path / "gone.png"])


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "q.png")
    with pytest.raises(ImageError, match=r"a pipe or a device: .*q\.png"):
        find_queries([tmp_path / "q.png"])
