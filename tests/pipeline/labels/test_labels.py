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
        (CASES[0][0], colour((A, (255, 0, 0)), (B, (0, 9, 0))), "in 3 colours; .*, or use 'kind: colours'"),
        (CASES[3][0], GREY, "has no colours"),
        (CASES[0][0], GREY[1:], "the label has 5 x 8 samples, its image 6 x 8"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, spec, pixels, words):
    with pytest.raises(BadScan, match=words):
        masks(tmp_path, spec, {"m.png": pixels})


def findings_of(tmp_path, spec, pixels, name="m.png", image=IMAGE):
    """The masks of one label map, and what was noticed."""
    path = tmp_path / name
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path)
    labels_spec = TypeAdapter(Labels).validate_python({"kind": "values", "path": name, **spec})
    request = LabelRequest({"": (path,)}, "raster")
    return dict(labels.masks(labels_spec, request, image)), request.findings


DISC = ((np.mgrid[:40, :50] - np.array([20, 25])[:, None, None]) ** 2).sum(0) < 150
PICTURE = LoadedImage(np.zeros(DISC.shape), (1.0, 1.0))


def test_a_palette_that_begins_with_white_does_not_invert_the_mask(tmp_path):
    quantized = Image.fromarray(DISC.astype(np.uint8) * 255).convert("RGB").quantize(2)
    assert (np.asarray(quantized) == 0)[DISC].all(), "the case: index 0 is the structure"
    found, findings = findings_of(tmp_path, {"names": {255: "a"}}, quantized, image=PICTURE)
    np.testing.assert_array_equal(found["a"], DISC)
    ((note, file),) = findings.notes
    assert "palette does not begin with black" in note
    assert file == str(tmp_path / "m.png")


def test_a_jpeg_mask_of_one_label_is_cut_at_half(tmp_path):
    Image.fromarray(DISC.astype(np.uint8) * 255).save(tmp_path / "m.jpg", quality=60)
    blurred = np.asarray(Image.open(tmp_path / "m.jpg"))
    assert (blurred == 255).sum() < 0.9 * DISC.sum(), "the case: the value 255 alone is a part of the structure"
    labels_spec = TypeAdapter(Labels).validate_python({"kind": "values", "path": "m.jpg", "names": {255: "a"}})
    request = LabelRequest({"": (tmp_path / "m.jpg",)}, "raster")
    np.testing.assert_array_equal(dict(labels.masks(labels_spec, request, PICTURE))["a"], DISC)
    assert "cut at half" in request.findings.notes[0][0]


def test_grey_levels_between_named_values_are_never_cut(tmp_path):
    """Cutting would make the small label 128 a part of 255."""
    grey = np.where(DISC, 255, 0).astype(np.uint8)
    grey[2:5, 2:5] = 128
    grey[-1, :40] = np.arange(3, 43)  # stray values
    found, findings = findings_of(
        tmp_path, {"names": {128: "a", 255: "b"}, "background": "others"}, grey, image=PICTURE
    )
    assert found["a"].sum() == 9
    np.testing.assert_array_equal(found["b"], DISC)
    assert not findings.notes
    assert not findings.unnamed


def test_a_mask_in_the_alpha_channel(tmp_path):
    pixels = np.full((*A.shape, 4), 255, np.uint8)
    pixels[..., 3] = A * 255
    found, findings = findings_of(tmp_path, {"names": {255: "a"}}, pixels)
    np.testing.assert_array_equal(found["a"], A)
    assert "alpha channel" in findings.notes[0][0]
    pixels[..., :3] = 7  # dark, but not black: brightness alone would mark nothing above 127
    np.testing.assert_array_equal(
        masks(tmp_path, {"kind": "files", "names": {"a": "f.png"}, "above": 127}, {"f.png": pixels})["a"], A
    )


def test_transparent_pixels_of_a_file_are_outside(tmp_path):
    pixels = np.full((*A.shape, 4), 200, np.uint8)
    pixels[..., 0] = np.where(A, 250, 10)
    pixels[..., 3] = A * 255
    np.testing.assert_array_equal(
        masks(tmp_path, {"kind": "files", "names": {"a": "f.png"}, "above": 127}, {"f.png": pixels})["a"], A
    )


@pytest.mark.parametrize("spec", [{"names": {128: "a"}}, {"kind": "ranges", "names": {"a": (100, 130)}}])
def test_values_without_a_name_are_counted(tmp_path, spec):
    _, findings = findings_of(tmp_path, spec, GREY)
    assert findings.unnamed == {(255, str(tmp_path / "m.png")): B.sum()}
    for background in ([255], "others"):
        assert not findings_of(tmp_path, {**spec, "background": background}, GREY)[1].unnamed
    assert findings_of(tmp_path, {**spec, "background": [7]}, GREY)[1].unnamed


def test_all_values_have_a_name_if_0_has_one(tmp_path):
    _, findings = findings_of(tmp_path, {"names": {0: "outside", 128: "a", 255: "b"}}, GREY)
    assert not findings.unnamed


def test_label_values_near_whole_numbers_are_these_numbers(tmp_path):
    near = np.where(A, 1.0000001, np.where(B, 1.9999, 0)).astype(np.float32)
    found, _ = findings_of(tmp_path, {"path": "m.tif", "names": {1: "a", 2: "b"}}, near, "m.tif")
    np.testing.assert_array_equal(found["a"], A)
    np.testing.assert_array_equal(found["b"], B)
    with pytest.raises(BadScan, match="this file has fractions"):
        findings_of(tmp_path, {"path": "m.tif", "names": {1: "a"}}, near * 0.9, "m.tif")
