"""What a person's path to segment means."""

import os

import numpy as np
import pydicom
import pytest
from fuzzing.samples import SAMPLES, image_of

from universeg.imageio.image import ImageError
from universeg.prediction.queries import find_queries, left_out


def tree(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_queries_are_files_and_folders(tmp_path):
    tree(tmp_path, "q/b.png", "q/a.jpg", "q/notes.txt", "c_mask.png")
    found = find_queries([tmp_path / "c_mask.png", tmp_path / "q"])
    assert [query.path.name for query in found] == ["c_mask.png", "a.jpg", "b.png"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.png", "a_mask.png"], "holds what look like masks of its images: a_mask.png; move them"),
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


@pytest.mark.parametrize("channel", ["luminance", "red"])
def test_a_colour_dicom_in_a_folder_is_seen_in_grey_as_the_file_alone(tmp_path, channel):
    SAMPLES["dicom colour"].write(tmp_path / "a.dcm", image_of(False, 0))
    (in_folder,), (alone,) = find_queries([tmp_path]), find_queries([tmp_path / "a.dcm"])
    assert in_folder.series is not None
    found, expected = in_folder.load(None, channel), alone.load(None, channel)
    assert found.values.shape == (20, 24)
    np.testing.assert_array_equal(found.values, expected.values)


@pytest.mark.parametrize("damage", ["no rows", "cut", "position"])
def test_a_damaged_dicom_in_a_folder_costs_only_itself(tmp_path, damage):
    for number in range(2):
        SAMPLES["dicom"].write(tmp_path / f"{number}.dcm", image_of(False, number))
    file = pydicom.dcmread(tmp_path / "0.dcm")
    file.SeriesInstanceUID = "1.2.3"
    if damage == "no rows":
        del file.Rows
    file.save_as(tmp_path / "0.dcm")
    if damage == "cut":
        (tmp_path / "0.dcm").write_bytes(b"no image")
    if damage == "position":
        data = (tmp_path / "0.dcm").read_bytes()
        (tmp_path / "0.dcm").write_bytes(data.replace(rb"0.0\0.0\0.0", rb"0.0\x.x\0.0"))
    bad, good = find_queries([tmp_path])
    assert (bad.name, good.name) == ("0", "1")
    with pytest.raises(ImageError, match=r"0\.dcm: "):
        bad.load(None, "luminance")
    assert good.load(None, "luminance").values.shape == (20, 24)


@pytest.mark.parametrize("kind", ["1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.66.4"])
def test_reports_and_segmentations_among_dicom_files_are_left_out(tmp_path, kind):
    for number in range(2):
        SAMPLES["dicom"].write(tmp_path / f"{number}.dcm", image_of(False, number))
    other = pydicom.dcmread(tmp_path / "0.dcm")
    if "88" in kind:
        del other.Rows, other.Columns, other.PixelData
    other.file_meta.MediaStorageSOPClassUID = other.SOPClassUID = kind
    other.save_as(tmp_path / "0.dcm")
    (found,) = find_queries([tmp_path])
    assert found.name == "1"
    (told,) = left_out([tmp_path], [found])
    assert "0.dcm (DICOM without an image, as a segmentation or a report)" in told


def test_an_image_that_is_named_twice_is_segmented_once(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    found = find_queries([tmp_path, tmp_path / "b.png", tmp_path / "b.png"])
    assert [query.name for query in found] == ["a", "b"]


def test_images_in_inner_folders_alone_are_named_in_the_message(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").touch()
    (tmp_path / "notes").mkdir()
    with pytest.raises(ImageError, match=rf"to segment those in its folders: --images {tmp_path}/a {tmp_path}/b$"):
        find_queries([tmp_path])


def test_what_looks_like_an_image_but_is_not_read_is_told(tmp_path):
    for name in ("a.png", "a.csv", "b.mhd", "b.raw", "c.webp", ".hidden.webp"):
        (tmp_path / name).touch()
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "case.nii.gz").mkdir()
    [told] = left_out([tmp_path, tmp_path / "a.png"], find_queries([tmp_path]))
    entries = "c.webp (an unknown format), case.nii.gz (a folder), gone.png (a link to nothing), loop.png (a link"
    assert entries in told
    (tmp_path / "more").mkdir()
    (tmp_path / "more/x.png").touch()
    [told] = left_out([tmp_path], find_queries([tmp_path]))
    assert "more (a folder with images)" in told
    [told] = left_out([tmp_path], find_queries([tmp_path]), [tmp_path / "more"])
    assert "more" not in told, "a folder of results or examples is not told"
    assert ".png, " in told.rpartition("formats: ")[2]
    assert not any(name in told.partition(";")[0] for name in ("a.csv", "b.raw", ".hidden"))
