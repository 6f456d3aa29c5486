"""Files whose content is not what their name or their header's neighbours promise: right values, or what to do."""

import gzip
import io

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from fuzzing.samples import SAMPLES, image_of

from universeg.imageio.frames import frame_count
from universeg.imageio.image import ImageError
from universeg.imageio.load import read_image
from universeg.imageio.series import read_series_folder

VOLUME, PICTURE = image_of(True, 0), image_of(False, 0)
AFFINE = np.diag([1.5, 2.0, 4.0, 1.0])
NRRD = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 14 12 9\nencoding: raw\n"
STEPS = "space directions: (1.5,0,0) (0,2,0) (0,0,4)\nspace origin: (0,0,0)\n"


def nifti():
    return nib.Nifti1Image(VOLUME, AFFINE).to_bytes()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain.nii.gz", nifti()),
        ("packed.nii", gzip.compress(nifti())),
        ("Mixed.Nii.Gz", gzip.compress(nifti())),
        ("second.nii", gzip.compress(nib.Nifti2Image(VOLUME, AFFINE).to_bytes())),
        ("plain.mgz", nib.MGHImage(VOLUME, AFFINE).to_bytes()),
        ("packed.mgh", gzip.compress(nib.MGHImage(VOLUME, AFFINE).to_bytes())),
    ],
)
def test_content_tells_whether_a_file_is_gzipped(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    image = read_image(path)
    np.testing.assert_array_equal(image.values, VOLUME)
    assert image.spacing == (1.5, 2.0, 4.0)


def test_header_beside_its_samples(tmp_path):
    nib.save(nib.Nifti1Pair(VOLUME, AFFINE), tmp_path / "a.img")
    np.testing.assert_array_equal(read_image(tmp_path / "a.hdr").values, VOLUME)
    (tmp_path / "a.img").unlink()
    with pytest.raises(ImageError, match=r"has no a.img beside it"):
        read_image(tmp_path / "a.hdr")


def test_analyze_is_refused_since_its_left_and_right_are_not_known(tmp_path):
    nib.save(nib.Spm2AnalyzeImage(VOLUME, AFFINE), tmp_path / "a.img")
    with pytest.raises(ImageError, match=r"Analyze 7.5.*; convert it to .nii.gz"):
        read_image(tmp_path / "a.hdr")


@pytest.mark.parametrize(
    ("content", "reason", "remedy"),
    [
        (b"", "is empty", "export or fetch"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>404", "is a web page", "login"),
    ],
)
@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".mgz", ".mha", ".nrrd", ".dcm", ".png", ".tif"])
def test_what_is_not_an_image_is_named(tmp_path, ending, content, reason, remedy):
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=f"{reason}.*{remedy}"):
        read_image(path)


def test_messages_hold_no_addresses_of_memory(tmp_path):
    for ending in (".mha", ".nrrd"):
        path = tmp_path / f"a{ending}"
        path.write_bytes(b"x")
        with pytest.raises(ImageError) as raised:
            read_image(path)
        assert "0x" not in str(raised.value)
        assert "SimpleITK-build" not in str(raised.value)


@pytest.mark.parametrize(
    ("unit", "spacing"), [("mm", (1.5, 2, 4)), ("um", (0.0015, 0.002, 0.004)), ("cm", (15, 20, 40))]
)
def test_units_of_nrrd(tmp_path, unit, spacing):
    path = tmp_path / "a.nrrd"
    units = f'space units: "{unit}" "{unit}" "{unit}"\n'
    head = NRRD + "space: right-anterior-superior\n" + STEPS + units + "\n"
    path.write_bytes(head.encode() + VOLUME.tobytes(order="F"))
    image = read_image(path)
    np.testing.assert_array_equal(image.values, VOLUME)
    np.testing.assert_allclose(image.spacing, spacing)
    assert not image.notes


@pytest.mark.parametrize("space", ["", "space dimension: 3\n"])
def test_nrrd_without_directions_has_a_note(tmp_path, space):
    path = tmp_path / "a.nrrd"
    path.write_bytes((NRRD + space + (STEPS if space else "") + "\n").encode() + VOLUME.tobytes(order="F"))
    assert "does not say where left and right are" in read_image(path).notes[0]


@pytest.mark.parametrize(("spacing", "notes"), [("", 1), ("ElementSpacing = 1 2 4\n", 0), ("ElementSize = 1 2 4\n", 0)])
def test_a_metaimage_without_spacing_is_told(tmp_path, spacing, notes):
    head = "ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
    head += spacing + "DimSize = {} {} {}\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n".format(*VOLUME.shape)
    (tmp_path / "a.mha").write_bytes(head.encode() + VOLUME.astype(np.uint8).tobytes(order="F"))
    image = read_image(tmp_path / "a.mha")
    assert image.spacing == ((1, 2, 4) if spacing else (1, 1, 1))
    assert len(image.notes) == notes
    assert all("no ElementSpacing; 1 mm was assumed" in note for note in image.notes)


@pytest.mark.parametrize(
    ("lines", "notes"),
    [
        (STEPS, []),
        ("space directions: (nan,nan,nan) (0,2,0) (0,0,4)\n", ["no number, in 'space directions'"]),
        (STEPS.replace("(0,0,0)\n", "(nan,nan,nan)\n"), ["no number, in 'space origin'"]),
        ("space directions: none none none\n", ["does not say where left and right are"]),
    ],
)
def test_nrrd_without_numbers_for_its_place_has_a_note(tmp_path, lines, notes):
    path = tmp_path / "a.nrrd"
    head = NRRD + "space: right-anterior-superior\n" + lines + "\n"
    path.write_bytes(head.encode() + VOLUME.tobytes(order="F"))
    image = read_image(path)
    assert np.isfinite(image.affine).all()
    assert len(image.notes) == len(notes)
    assert all(words in note for words, note in zip(notes, image.notes, strict=True))


def test_previews_in_a_tiff_are_no_pages(tmp_path):
    path = tmp_path / "a.tif"
    for kind in (np.uint8, np.uint16):
        with tifffile.TiffWriter(path) as file:
            file.write(PICTURE.astype(kind), photometric="minisblack")
            file.write(PICTURE[::2, ::2].astype(kind), photometric="minisblack", subfiletype=1)
            file.write(PICTURE.astype(kind) // 2, photometric="minisblack", subfiletype=3)
        np.testing.assert_array_equal(read_image(path).values, PICTURE)
        assert frame_count(path) == 1


@pytest.mark.parametrize("compression", ["jpeg2000", "lerc"])
def test_tiff_that_pillow_cannot_decode(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PICTURE, compression=compression, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read_image(path).values, PICTURE)


def five_channels(path):
    values = np.stack([PICTURE] * 5, axis=-1)
    if path.suffix == ".tif":
        tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig", metadata=None)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values, isVector=True), str(path))


@pytest.mark.parametrize("name", ["a.tif", "a.mha", "a.nrrd"])
def test_more_channels_than_colours_are_refused(tmp_path, name):
    five_channels(tmp_path / name)
    with pytest.raises(ImageError, match=f"{name}: has 5 channels; expected 1 to 4; save the one you mean"):
        read_image(tmp_path / name)


def test_dicom_without_preamble(tmp_path):
    path = tmp_path / "a.dcm"
    SAMPLES["dicom"].write(path, PICTURE)
    before = read_image(path)
    path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_image(path).values, before.values)
    assert frame_count(path) == 1


def test_old_dicom_with_neither_preamble_nor_meta_data(tmp_path):
    import pydicom

    source = tmp_path / "new.dcm"
    SAMPLES["dicom"].write(source, PICTURE)
    for number in range(3):
        file = pydicom.dcmread(source)
        file.ImagePositionPatient, file.SeriesInstanceUID = [0, 0, 2 * number], "1.2"
        del file.file_meta
        data = io.BytesIO()
        pydicom.dcmwrite(data, file, implicit_vr=True, little_endian=True, enforce_file_format=False)
        (tmp_path / f"{number}.dcm").write_bytes(data.getvalue())
    source.unlink()
    _, image = read_series_folder(tmp_path)
    assert image.shape == (24, 20, 3)
    assert image.spacing == (2.0, 1.5, 2.0)


def test_two_acquisitions_in_one_series(tmp_path):
    import pydicom

    path = tmp_path / "0.dcm"
    SAMPLES["dicom"].write(path, PICTURE)
    for number in range(6):
        file = pydicom.dcmread(path)
        file.ImagePositionPatient, file.SeriesInstanceUID = [0, 0, 2 * (number // 2)], "1.2"
        file.save_as(tmp_path / f"{number}.dcm")
    with pytest.raises(ImageError, match=r"two of its 6 slices lie at the same place: 0.dcm and 1.dcm"):
        read_series_folder(tmp_path)
