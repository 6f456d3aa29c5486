"""What a person's path to segment means."""

import os

import numpy as np
import pytest
from fuzzing.samples import SAMPLES, image_of

from universeg.imageio.image import ImageError
from universeg.prediction.queries import find_queries


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


@pytest.mark.parametrize("channel", ["luminance", "red"])
def test_a_colour_dicom_in_a_folder_is_seen_in_grey_as_the_file_alone(tmp_path, channel):
    SAMPLES["dicom colour"].write(tmp_path / "a.dcm", image_of(False, 0))
    (in_folder,), (alone,) = find_queries([tmp_path]), find_queries([tmp_path / "a.dcm"])
    assert in_folder.series is not None
    found, expected = in_folder.load(None, channel), alone.load(None, channel)
    assert found.values.shape == (20, 24)
    np.testing.assert_array_equal(found.values, expected.values)
