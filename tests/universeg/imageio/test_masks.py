"""What the numbers of a mask file mean, however a program wrote it; and what is told about it."""

import io

import numpy as np
import pytest
from marks import inside
from PIL import Image, ImageFilter

from universeg.imageio.image import ImageError, LoadedImage
from universeg.imageio.load import read_labels
from universeg.imageio.masks import label_values, whole_numbers

DISC = ((np.mgrid[:40, :50] - np.array([20, 25])[:, None, None]) ** 2).sum(0) < 150


def marked(path, label=None):
    return inside(read_labels(path), label)


def save(path, picture):
    picture.save(path)
    return path


def palette_image(indices, colours):
    picture = Image.fromarray(indices.astype(np.uint8), "P")
    picture.putpalette([channel for colour in colours for channel in colour])
    return picture


def test_a_palette_that_begins_with_white_does_not_invert_the_mask(tmp_path):
    grey = Image.fromarray(DISC.astype(np.uint8) * 255)
    quantized = grey.convert("RGB").quantize(2)
    assert (np.asarray(quantized) == 0)[DISC].all(), "the case: index 0 is the structure"
    found = read_labels(save(tmp_path / "a.png", quantized))
    np.testing.assert_array_equal(inside(found, None), DISC)
    assert "palette does not begin with black" in found.notes[0]


def test_indices_of_a_palette_that_begins_with_black_are_labels(tmp_path):
    indices = DISC * 2
    found = read_labels(save(tmp_path / "a.png", palette_image(indices, [(0, 0, 0), (128, 0, 0), (0, 128, 0)])))
    np.testing.assert_array_equal(found.values, indices)
    assert not found.notes


def test_colours_of_a_palette_without_black_cannot_be_told(tmp_path):
    picture = palette_image(DISC * 1, [(255, 0, 0), (0, 255, 0)])
    with pytest.raises(ImageError, match=r"a\.png: the mask is in 2 colours"):
        read_labels(save(tmp_path / "a.png", picture))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_mask_in_the_alpha_channel(tmp_path, mode):
    colour = np.full((*DISC.shape, 3 if mode == "RGBA" else 1), 255, np.uint8)
    pixels = np.concatenate([colour, (DISC * 255).astype(np.uint8)[..., None]], axis=-1)
    found = read_labels(save(tmp_path / "a.png", Image.fromarray(pixels, mode)))
    np.testing.assert_array_equal(inside(found, None), DISC)
    assert "alpha channel" in found.notes[0]


def test_transparent_pixels_are_outside(tmp_path):
    pixels = np.zeros((*DISC.shape, 4), np.uint8)
    pixels[..., 0] = 200  # also where it is transparent
    pixels[..., 1] = np.where(DISC, 10, 20)
    pixels[..., 3] = DISC * 255
    np.testing.assert_array_equal(marked(save(tmp_path / "a.png", Image.fromarray(pixels))), DISC)


def test_opaque_masks_in_colour(tmp_path):
    red = np.zeros((*DISC.shape, 4), np.uint8)
    red[DISC, 0] = 255
    red[..., 3] = 255
    np.testing.assert_array_equal(marked(save(tmp_path / "a.png", Image.fromarray(red))), DISC)
    grey = np.repeat((DISC * 77).astype(np.uint8)[..., None], 3, axis=-1)
    np.testing.assert_array_equal(read_labels(save(tmp_path / "b.png", Image.fromarray(grey))).values, DISC * 77)


@pytest.mark.parametrize("quality", [95, 75, 40])
def test_a_jpeg_mask_is_cut_at_half_and_told(tmp_path, quality):
    Image.fromarray(DISC.astype(np.uint8) * 255).save(tmp_path / "a.jpg", quality=quality)
    assert len(np.unique(np.asarray(Image.open(tmp_path / "a.jpg")))) > 6, "the case: more than two values"
    found = read_labels(tmp_path / "a.jpg")
    np.testing.assert_array_equal(inside(found, None), DISC)
    assert "cut at half" in found.notes[0]


def test_a_resized_mask_is_cut_at_half_and_told(tmp_path):
    large = Image.fromarray(DISC.astype(np.uint8) * 255).resize((400, 320), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a.png")
    found = read_labels(tmp_path / "a.png")
    assert set(np.unique(found.values)) == {0, 255}
    assert abs(inside(found, None).mean() - DISC.mean()) < 0.002


def test_a_soft_brush_with_few_grey_levels_is_cut_at_half_and_told(tmp_path):
    soft = Image.fromarray(DISC.astype(np.uint8) * 255).filter(ImageFilter.BoxBlur(1))
    assert 6 <= len(np.unique(soft)) < 32
    found = read_labels(save(tmp_path / "a.png", soft))
    assert "two clusters" in found.notes[0]
    assert np.count_nonzero((found.values != 0) != DISC) < 0.05 * DISC.sum()


def test_areas_between_are_structures_however_few(tmp_path):
    """Six values, wide apart, each an area: a label map."""
    values = np.zeros((60, 60), np.uint8)
    values[5:55, 5:55] = 250
    for number in range(4):
        values[10 + 8 * number : 14 + 8 * number, 20:26] = 50 * (number + 1)
    found = read_labels(save(tmp_path / "a.png", Image.fromarray(values)))
    np.testing.assert_array_equal(found.values, values)
    assert found.notes == ()


def test_label_maps_of_many_values_stay_as_they_are(tmp_path):
    """Small structures between two large values are labels, not blur."""
    values = np.zeros((200, 200), np.uint8)
    values[:20] = 255
    for label in range(1, 40):
        values[100 + label, :5] = label * 6
    found = read_labels(save(tmp_path / "a.png", Image.fromarray(values[:, :100])))
    assert len(np.unique(found.values)) == 41 or found.notes, "either kept, or told"
    few = np.zeros((50, 50), np.uint8)
    few[:3, :3], few[10:40, 10:40] = 128, 255
    np.testing.assert_array_equal(read_labels(save(tmp_path / "b.png", Image.fromarray(few))).values, few)


def test_several_values_stay_several_structures(tmp_path):
    values = np.where(DISC, 128, 0).astype(np.uint8)
    values[20:23, 20:23] = 255
    assert np.array_equal(read_labels(save(tmp_path / "a.png", Image.fromarray(values))).values, values)


@pytest.mark.parametrize(("off", "good"), [(1e-4, True), (-1e-7, True), (0.01, False)])
def test_floats_are_the_integers_that_they_mean(tmp_path, off, good):
    import nibabel as nib

    values = DISC.astype(np.float32)[..., None] * (1 + off) * np.ones(3, np.float32)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii.gz")
    if good:
        assert set(np.unique(read_labels(tmp_path / "a.nii.gz").values)) == {0, 1}
    else:
        with pytest.raises(ImageError, match="a mask needs whole numbers"):
            read_labels(tmp_path / "a.nii.gz")


def test_what_is_no_number_of_a_structure_is_refused():
    for value in (2**30 + 1, -(2**30) - 1):
        with pytest.raises(
            ImageError, match=f"numbers of structures, but this file has {abs(value):g}".replace("+", "[+]")
        ):
            whole_numbers(np.array([0, value]), "a.tif")
    assert whole_numbers(np.array([0, 2**30]), "a.tif").tolist() == [0, 2**30]
    with pytest.raises(ImageError, match=r"numbers of structures, but this file has 1e\+300"):
        whole_numbers(np.array([0.0, 1e300]), "a.nii")
    assert whole_numbers(np.array([0.0, 51111.0], np.float32), "a.nii").tolist() == [0, 51111]


def test_grey_levels_of_a_mask_with_several_structures_are_never_cut(tmp_path):
    grey = np.where(DISC, 255, 0).astype(np.uint8)
    grey[-1, :40] = np.arange(3, 43)
    image = LoadedImage(grey, (1.0, 1.0))
    assert label_values(image).notes
    kept = label_values(image, two_valued=False)
    assert not kept.notes
    np.testing.assert_array_equal(kept.values, grey)


def test_a_jpeg_in_memory_is_the_case_that_was_silently_wrong():
    """Of a JPEG mask, the value 255 alone is a small part of the structure."""
    buffer = io.BytesIO()
    Image.fromarray(DISC.astype(np.uint8) * 255).save(buffer, "JPEG", quality=60)
    assert (np.asarray(Image.open(buffer)) == 255).sum() < 0.9 * DISC.sum()
