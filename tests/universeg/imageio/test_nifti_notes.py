"""A NIfTI header holds up to two affines: if they disagree, the user is told which was used."""

import struct

import nibabel as nib
import numpy as np
import pytest

from pipeline.readers import read
from universeg.imageio.image import ImageError
from universeg.imageio.load import read_colours, read_image
from universeg.imageio.write import write_mask

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def written(path, sform=AFFINE, qform=AFFINE, codes=(1, 1)):
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), None)
    image.set_sform(sform, codes[0])
    image.set_qform(qform, codes[1])
    nib.save(image, path)
    return path


def test_affines_that_disagree_are_told(tmp_path):
    mirrored = AFFINE @ np.diag([-1, 1, 1, 1])
    (note,) = read_image(written(tmp_path / "a.nii.gz", qform=mirrored)).notes
    assert "sform and qform place the image" in note
    assert "the sform was used" in note
    np.testing.assert_allclose(read_image(tmp_path / "a.nii.gz").affine, AFFINE)


@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1)])
def test_one_affine_or_two_alike_need_no_note(tmp_path, codes):
    other = AFFINE if codes == (1, 1) else AFFINE @ np.diag([-1, 1, 1, 1])
    assert read_image(written(tmp_path / "a.nii", qform=other, codes=codes)).notes == ()


def test_a_volume_without_an_affine_is_told(tmp_path):
    image = read_image(written(tmp_path / "a.nii", codes=(0, 0)))
    assert [note[:47] for note in image.notes] == ["its header does not say where left and right ar"]
    nib.save(nib.Nifti1Image(np.zeros((5, 4, 1), np.uint8), None), tmp_path / "b.nii")
    assert read_image(tmp_path / "b.nii").notes == ()


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("mm", 1), ("micron", 0.001), ("unknown", 1)])
def test_the_unit_of_length_in_the_header_counts(tmp_path, unit, factor):
    image = nib.load(written(tmp_path / "a.nii"))
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "b.nii")
    found = read_image(tmp_path / "b.nii")
    np.testing.assert_allclose(found.spacing, np.array([2, 2, 3]) * factor)
    write_mask(tmp_path / "mask.nii", [np.ones(found.shape, np.uint8)], found)
    np.testing.assert_allclose(read_image(tmp_path / "mask.nii").affine, found.affine)


def test_files_that_no_reader_can_use_are_one_sentence(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.complex64), AFFINE), tmp_path / "complex.nii.gz")
    with pytest.raises(ImageError, match=r"complex\.nii\.gz: has samples of type .* expected one number per voxel"):
        read_image(tmp_path / "complex.nii.gz")
    raw = bytearray(written(tmp_path / "a.nii").read_bytes())
    raw[70:72] = b"\0\0"  # the code of the data type
    (tmp_path / "zero.nii").write_bytes(raw)
    with pytest.raises(ImageError, match=r"zero\.nii: cannot be read as nifti"):
        read_image(tmp_path / "zero.nii")
    raw = bytearray(written(tmp_path / "a.nii").read_bytes())
    raw[280:284] = struct.pack("<f", np.nan)  # the first number of the sform
    (tmp_path / "nan.nii").write_bytes(raw)
    with pytest.raises(ImageError, match=r"nan\.nii: has an invalid affine"):
        read_image(tmp_path / "nan.nii")


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1)])
def test_int64_and_single_slices_are_pictures(tmp_path, shape):
    values = np.arange(20, dtype=np.int64).reshape(shape)
    nib.save(nib.Nifti1Image(values, AFFINE, dtype=np.int64), tmp_path / "a.nii.gz")
    image = read_image(tmp_path / "a.nii.gz")
    assert not image.is_volume
    np.testing.assert_array_equal(image.values, values.reshape(5, 4).T)


def test_endings_in_capitals_are_read(tmp_path):
    written(tmp_path / "a.nii").rename(tmp_path / "A.NII")
    assert read_image(tmp_path / "A.NII").shape == (2, 3, 4)


@pytest.mark.parametrize("opacity", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 2)])
def test_colours_are_channels(tmp_path, shape, opacity):
    names = "RGBA" if opacity else "RGB"
    colours = np.zeros(shape, [(name, "u1") for name in names])
    for number, name in enumerate(names, 1):
        colours[name] = number * np.arange(np.prod(shape)).reshape(shape)
    nib.save(nib.Nifti1Image(colours, AFFINE), tmp_path / "a.nii.gz")
    expected = np.stack([colours[name] for name in names], axis=-1)
    found = read_colours(tmp_path / "a.nii.gz")
    is_volume = shape == (4, 3, 2)
    assert found.is_volume == is_volume
    upright = expected if is_volume else expected.reshape(4, 3, -1).swapaxes(0, 1)
    np.testing.assert_array_equal(found.values, upright)
    grey = read_image(tmp_path / "a.nii.gz").values
    np.testing.assert_allclose(grey, upright[..., :3] @ [0.299, 0.587, 0.114], atol=1e-3)


def test_either_file_of_a_pair_will_do(tmp_path):
    nib.save(nib.Nifti1Pair(np.arange(24, dtype=np.int16).reshape(2, 3, 4), AFFINE), tmp_path / "a.hdr")
    np.testing.assert_array_equal(read_image(tmp_path / "a.img").values, read_image(tmp_path / "a.hdr").values)
    np.testing.assert_array_equal(read("nifti", tmp_path / "a.img").values, read("nifti", tmp_path / "a.hdr").values)
    (tmp_path / "a.hdr").unlink()
    with pytest.raises(ImageError, match=r"a\.img: has no a\.hdr beside it, which has the header; fetch both files"):
        read_image(tmp_path / "a.img")


def test_a_line_of_samples_is_refused_by_name(tmp_path):
    nib.save(nib.Nifti1Image(np.arange(5, dtype=np.int16), AFFINE), tmp_path / "a.nii.gz")
    with pytest.raises(ImageError, match=r"a\.nii\.gz: has shape \(5,\); expected a picture or a volume"):
        read_image(tmp_path / "a.nii.gz")
