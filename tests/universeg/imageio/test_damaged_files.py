"""Faults that fuzzing found in how damaged and unusual files are read; `tests/fuzz.py` finds others."""

import gzip
import logging
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from layouts import writers
from PIL import Image

from universeg.imageio.formats import guarded, read
from universeg.imageio.image import ImageError, LoadedImage, RawImage, upright
from universeg.imageio.library_warnings import library_warnings
from universeg.imageio.load import read_image, read_labels
from universeg.imageio.stack import stacked

VOLUME = np.arange(14 * 12 * 9, dtype=np.int16).reshape(14, 12, 9) % 250
PICTURE = np.arange(20 * 24, dtype=np.uint8).reshape(20, 24)
AFFINE = np.diag([1.5, 1.5, 2.0, 1.0])


@pytest.mark.parametrize("axes", ["-1", "0", "5", "2147483648", "99999999999999999999", "x"])
def test_a_metaimage_with_impossible_axes_is_refused_before_itk_ends_the_process(tmp_path, axes):
    writers.itk(tmp_path / "a.mha", VOLUME)
    data = (tmp_path / "a.mha").read_bytes().replace(b"NDims = 3", b"NDims = " + axes.encode())
    (tmp_path / "a.mha").write_bytes(data)
    with pytest.raises(ImageError, match=rf"a\.mha: claims '{axes}' axes; expected 1 to 4"):
        read(tmp_path / "a.mha", "metaimage")


@pytest.mark.parametrize("ending", [".nrrd", ".nhdr", ".mha", ".mhd", ".nii.gz"])
def test_samples_that_do_not_fit_their_checksum_are_refused(tmp_path, ending):
    """Most flipped bits make samples that cannot be decompressed; some change them, and only the checksum tells."""
    path = tmp_path / f"a{ending}"
    if ending == ".nii.gz":
        nib.save(nib.Nifti1Image(VOLUME, AFFINE), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(VOLUME), str(path), True)
    whole = read_image(path).values
    (file,) = set(tmp_path.iterdir()) - {path} or {path}
    data = file.read_bytes()
    before = {".mha": b"LOCAL\n", ".nrrd": b"\n\n"}.get(ending, b"")
    start = data.index(before) + len(before) + 10  # after both headers
    for position in range(start, len(data), len(data) // 40):
        file.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with suppress(ImageError):
            np.testing.assert_array_equal(read_image(path).values, whole, str(position))


def test_a_tiff_whose_strip_does_not_fit_its_checksum_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(PICTURE).save(path, compression="tiff_adobe_deflate")
    with Image.open(path) as image:
        (start,), (size,) = (image.tag_v2[tag] for tag in (273, 279))
    data = bytearray(path.read_bytes())
    data[start + size - 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.tif: its compressed samples are damaged"):
        read_image(path)


@pytest.mark.parametrize("field", [b"space: ", b"encoding: ", b"kinds: ", b"type: "])
def test_a_nrrd_with_a_very_long_line_is_refused_before_itk_ends_the_process(tmp_path, field):
    writers.itk(tmp_path / "a.nrrd", VOLUME)
    data = (tmp_path / "a.nrrd").read_bytes()
    assert field in data
    (tmp_path / "a.nrrd").write_bytes(data.replace(field, field + b"left-p: " * 300, 1))
    with pytest.raises(ImageError, match=r"a\.nrrd: has a header line of \d+ bytes; expected at most 500"):
        read(tmp_path / "a.nrrd", "nrrd")


def test_a_nrrd_with_long_notes_is_read(tmp_path):
    """Programs for segmentation write long `key:=value` lines, and some end lines with carriage return."""
    writers.itk(tmp_path / "a.nrrd", VOLUME)
    head, _, samples = (tmp_path / "a.nrrd").read_bytes().partition(b"\n\n")
    head += b"\nSegment0_Tags:=Terminology: " + b"a|b|" * 300 + b"\n# " + b"remark " * 100
    (tmp_path / "a.nrrd").write_bytes(head + b"\n\n" + samples)
    np.testing.assert_array_equal(read_image(tmp_path / "a.nrrd").values, VOLUME)


@pytest.mark.parametrize(
    ("name", "kind", "at", "size"),
    [
        ("a.nii.gz", nib.Nifti1Image, 44, (30_000).to_bytes(2, "little")),
        ("a.mgz", nib.MGHImage, 8, (16_000_000).to_bytes(4, "big")),
        ("a.nii", nib.Nifti1Image, 44, (30_000).to_bytes(2, "little")),
        ("a.mgh", nib.MGHImage, 8, (16_000_000).to_bytes(4, "big")),
    ],
)
def test_a_header_that_claims_more_samples_than_there_are_costs_no_memory(tmp_path, name, kind, at, size):
    data = kind(VOLUME, AFFINE).to_bytes()
    assert int.from_bytes(data[at : at + len(size)], "little" if len(size) == 2 else "big") == VOLUME.shape[1]
    data = data[:at] + size + data[at + len(size) :]
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("z") else data)
    tracemalloc.start()
    with pytest.raises(ImageError, match=r"holds \d+ bytes, but its header claims \d+"):
        read_image(tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


def test_a_later_picture_of_a_gif_cannot_claim_a_huge_size(tmp_path):
    first, *others = [Image.fromarray(np.roll(PICTURE, 5 * number, 0)) for number in range(3)]
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    data = bytearray((tmp_path / "a.gif").read_bytes())
    at = data.rindex(b"\x2c\0\0\0\0\x18\0\x14\0")  # before a picture: left, top, width and height
    data[at + 5 : at + 9] = b"\x00\x3f\x00\x3f"
    (tmp_path / "a.gif").write_bytes(data)
    with pytest.raises(ImageError, match=r"claims 3 x 16128 x 16128 pixels in \d+ bytes"):
        read(tmp_path / "a.gif", "raster")


def test_pictures_of_a_gif_are_slices_with_the_values_of_the_file(tmp_path):
    pages = [np.roll(PICTURE, 7 * number, 0) for number in range(4)]
    images = [Image.fromarray(page) for page in pages]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:])
    raw = read(tmp_path / "a.gif", "raster")
    assert raw.is_volume
    np.testing.assert_array_equal(raw.values, np.stack(pages).transpose(2, 1, 0))


def test_pages_with_different_palettes_are_stacked_in_colour(tmp_path):
    """Indices into several palettes would be mixed up, or one palette used for all."""
    pages = []
    for bright in ((250, 0, 0), (0, 250, 0)):
        page = Image.fromarray((PICTURE > 90).astype(np.uint8)).convert("P")
        page.putpalette([0, 0, 0, *bright])
        pages.append(page)
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    image = upright(read(tmp_path / "a.tif", "raster"), "LPS", (1, 1, 1))
    assert {tuple(colour) for colour in image.colours.reshape(-1, 3)} == {(0, 0, 0), (250, 0, 0), (0, 250, 0)}


def test_notes_of_slices_are_notes_of_their_volume():
    slices = [RawImage(PICTURE, notes=("all", f"slice {number // 2}")) for number in range(4)]
    volume = stacked(slices, [Path(f"{number}.png") for number in range(4)], None)
    assert volume.notes == ("all", "slice 0", "slice 1")


def test_a_cut_16_bit_pgm_is_refused(tmp_path):
    samples = PICTURE.astype(">u2").tobytes()
    (tmp_path / "a.pgm").write_bytes(b"P5\n24 20\n65535\n" + samples)
    np.testing.assert_array_equal(read_image(tmp_path / "a.pgm").values, PICTURE)
    (tmp_path / "a.pgm").write_bytes(b"P5\n24 20\n65535\n" + samples[:-9])
    with pytest.raises(ImageError, match="holds 475 of 480 samples"):
        read_image(tmp_path / "a.pgm")


@pytest.mark.parametrize("spacing", [(1, np.nan), (np.nan, 1), (np.inf, 1), (1e300, 1), (1e-40, 1), (0, 1), (-1, 1)])
def test_a_picture_with_an_impossible_spacing_is_refused(spacing):
    with pytest.raises(ImageError, match="with a positive spacing for each axis"):
        upright(RawImage(PICTURE, spacing=spacing))


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300, 0.0])
def test_an_affine_that_is_no_place_in_space_is_refused_unless_the_manifest_replaces_it(number):
    affine = AFFINE.copy()
    affine[1, 1] = number
    with pytest.raises(ImageError, match="has an invalid affine"):
        upright(RawImage(VOLUME, affine, is_volume=True))
    assert upright(RawImage(VOLUME, affine, is_volume=True), "RAS", (1, 2, 3)).spacing == (1, 2, 3)


def test_microscopes_have_small_voxels():
    assert upright(RawImage(VOLUME, np.diag([2e-6, 2e-6, 2e-6, 1]), is_volume=True)).spacing == (2e-6,) * 3


def test_an_image_of_one_very_long_line_is_refused():
    with pytest.raises(ImageError, match="has 70000 samples along one axis; expected at most 65536"):
        LoadedImage(np.zeros((70_000, 2)), (1.0, 1.0))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_samples_beyond_float32_are_not_finite(kind):
    values = np.full((4, 4), 6e4, kind)
    LoadedImage(values, (1.0, 1.0)).check_finite()
    values[0, 0] = 1e300 if kind is np.float64 else np.inf
    with pytest.raises(ImageError, match="1 of 16 samples are not finite numbers"):
        LoadedImage(values, (1.0, 1.0)).check_finite()


def test_a_jpeg_mask_with_few_grey_levels_is_cut_at_half(tmp_path):
    """At high quality only some levels beside 0 and 255 appear, and 255 alone is a part of the structure."""
    rows, columns = np.indices((20, 24))
    disc = (rows - 10) ** 2 + (columns - 12) ** 2 < 16
    Image.fromarray(disc.astype(np.uint8) * 255).save(tmp_path / "a.jpg", quality=98)
    assert 2 < len(np.unique(np.asarray(Image.open(tmp_path / "a.jpg")))) < 6, "the case"
    labels = read_labels(tmp_path / "a.jpg")
    np.testing.assert_array_equal(labels.values > 0, disc)
    assert "two clusters" in labels.notes[0]


def test_few_labels_in_a_jpeg_are_not_taken_for_blur(tmp_path):
    labels = np.zeros((64, 64), np.uint8)
    labels[8:56, 8:56], labels[24:32, 24:32] = 2, 1
    Image.fromarray(labels).save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.jpg").values, labels)


def test_warnings_of_libraries_become_notes_and_are_not_printed(tmp_path, recwarn, capsys):
    data = bytearray(nib.Nifti1Image(VOLUME, AFFINE).to_bytes())
    data[252:254] = b"\x09\x00"  # the code of the qform
    (tmp_path / "a.nii").write_bytes(data)
    assert read_image(tmp_path / "a.nii").notes == (
        "the library that reads it warns: qform_code 9 not valid; setting to 0",
    )

    def warns(path, index):
        for number in range(30):
            warnings.warn(f"message\n{number}", stacklevel=1)
        warnings.warn("for developers", DeprecationWarning, stacklevel=1)
        return RawImage(PICTURE)

    assert guarded(warns, tmp_path / "a", "some format", None).notes == tuple(
        f"the library that reads it warns: message {number}" for number in (0, 1)
    )
    assert not recwarn.list
    assert capsys.readouterr().err == ""


def test_an_error_leaves_loggers_as_they_were():
    loggers = logging.getLogger(), logging.getLogger("nibabel.global")
    before = [([*logger.handlers], [*logger.filters]) for logger in loggers]
    with pytest.raises(OSError, match="x"), library_warnings():
        raise OSError("x")
    assert [([*logger.handlers], [*logger.filters]) for logger in loggers] == before
