"""Each kind of label image gives the same masks; files of a wrong kind are refused."""

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from pipeline import labels
from pipeline.attrition import BadScan
from pipeline.labels import Labels
from pipeline.labels.label_map import LabelRequest
from universeg.imageio.image import LoadedImage

IMAGE = LoadedImage(np.zeros((6, 8)), (1.0, 1.0))
A = np.zeros((6, 8), bool)
A[1:3, 1:5] = True
B = np.zeros((6, 8), bool)
B[4:, 6:] = True


def masks(tmp_path, spec, files, image=IMAGE):
    for name, pixels in files.items():
        Image.fromarray(pixels).save(tmp_path / name)
    labels_spec = TypeAdapter(Labels).validate_python(spec)
    paths = {name: (tmp_path / file,) for name, file in labels_spec.patterns.items() if (tmp_path / file).exists()}
    return dict(labels.masks(labels_spec, LabelRequest(paths, "raster"), image))


def colour(*pairs):
    picture = np.zeros((6, 8, 3), np.uint8)
    for mask, rgb in pairs:
        picture[mask] = rgb
    return picture


GREY = np.where(A, 128, np.where(B, 255, 0)).astype(np.uint8)
CASES = [
    ({"kind": "values", "path": "m.png", "names": {128: "a", 255: "b"}}, {"m.png": GREY}),
    ({"kind": "values", "path": "m.png", "names": {128: "a", 255: "b"}}, {"m.png": np.dstack([GREY] * 3)}),
    ({"kind": "ranges", "path": "m.png", "names": {"a": (100, 150), "b": (151, 255)}}, {"m.png": GREY}),
    (
        {"kind": "colours", "path": "m.png", "names": {"a": (255, 0, 0), "b": (0, 0, 255)}},
        {"m.png": colour((A, (255, 0, 0)), (B, (0, 0, 255)))},
    ),
    (
        {"kind": "files", "names": {"a": "a.png", "b": "b.png"}},
        {"a.png": A.astype(np.uint8) * 255, "b.png": colour((B, (9, 0, 0)))},
    ),
]


@pytest.mark.parametrize(("spec", "files"), CASES)
def test_every_kind_gives_the_same_masks(tmp_path, spec, files):
    found = masks(tmp_path, spec, files)
    np.testing.assert_array_equal(found["a"], A)
    np.testing.assert_array_equal(found["b"], B)


def test_values_that_share_a_name_are_one_label(tmp_path):
    spec = {"kind": "values", "path": "m.png", "names": {128: "both", 255: "both"}}
    np.testing.assert_array_equal(masks(tmp_path, spec, {"m.png": GREY})["both"], A | B)


def test_the_values_of_a_palette_picture_are_its_indices(tmp_path):
    picture = Image.fromarray(A.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "m.png")
    spec = {"kind": "values", "path": "m.png", "names": {1: "a"}}
    np.testing.assert_array_equal(masks(tmp_path, spec, {})["a"], A)


def test_one_bit_pictures_have_the_values_0_and_1(tmp_path):
    Image.fromarray(A).save(tmp_path / "m.tif", compression="group4")
    spec = {"kind": "values", "path": "m.tif", "names": {1: "a"}}
    np.testing.assert_array_equal(masks(tmp_path, spec, {})["a"], A)


def test_the_brightness_of_one_bit_pictures_is_0_or_255(tmp_path):
    Image.fromarray(A).save(tmp_path / "m.png")
    spec = {"kind": "files", "names": {"a": "m.png"}, "above": 127}
    np.testing.assert_array_equal(masks(tmp_path, spec, {})["a"], A)


def test_a_label_without_a_file_has_an_empty_mask(tmp_path):
    spec = {"kind": "files", "names": {"a": "a.png", "b": "b.png"}, "missing": "absent"}
    assert not masks(tmp_path, spec, {"a.png": A.astype(np.uint8)})["b"].any()


@pytest.mark.parametrize(
    ("spec", "pixels", "words"),
    [
        (CASES[0][0], colour((A, (255, 0, 0))), "in colour; expected one value per sample"),
        (CASES[3][0], GREY, "has no colours"),
        (CASES[0][0], GREY[1:], "the label has 5 x 8 samples, its image 6 x 8"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, spec, pixels, words):
    with pytest.raises(BadScan, match=words):
        masks(tmp_path, spec, {"m.png": pixels})
