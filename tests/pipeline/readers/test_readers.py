"""Each reader returns the samples that the matching test writer stored, or an error that names the file."""

import gzip
import zlib

import h5py
import numpy as np
import pytest
from layouts import writers
from layouts.expected import fake_picture, fake_volume
from PIL import Image

from pipeline.attrition import BadScan
from pipeline.readers import READERS, REMEDY, Pick, read, read_all
from universeg.base.rng import rng_for
from universeg.imageio.image import ImageError, upright

SPACING = (0.8, 1.25, 3.0)
VOLUME, _ = fake_volume("volume", ["a"])
PICTURE, _ = fake_picture("picture", ["a"])
WRITTEN = [
    ("nifti", "v.nii", writers.nifti, {}),
    ("nifti", "v.nii.gz", writers.nifti, {"extra": 2}),
    ("nifti", "v.nii.gz", writers.nifti, {"big_endian": True}),
    ("mgz", "v.mgz", writers.mgz, {}),
    ("mgz", "v.mgh", writers.mgz, {}),
    ("metaimage", "v.mha", writers.itk, {}),
    ("metaimage", "v.mhd", writers.itk, {}),
    ("metaimage", "v.mhd", writers.itk, {"compressed": True}),
    ("nrrd", "v.nrrd", writers.itk, {"compressed": True}),
]


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "LIA", "IPL"])
@pytest.mark.parametrize(("reader", "name", "write", "options"), WRITTEN)
def test_volumes_of_every_format_and_orientation_become_upright(tmp_path, reader, name, write, options, orientation):
    write(tmp_path / name, VOLUME, SPACING, orientation, **options)
    volume = upright(read(reader, tmp_path / name))
    np.testing.assert_array_equal(volume.values, VOLUME)
    np.testing.assert_allclose(volume.spacing, SPACING, rtol=1e-5)
    np.testing.assert_allclose(volume.affine, np.diag([*SPACING, 1]), atol=1e-4)


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "LIA"])
def test_voxel_sizes_in_the_header_replace_the_unit_steps_of_an_affine(tmp_path, orientation):
    _, affine = writers.stored_as(VOLUME, (1, 1, 1), orientation)
    writers.nifti(tmp_path / "v.nii.gz", VOLUME, SPACING, orientation, affine=affine)
    volume = upright(read("nifti", tmp_path / "v.nii.gz"))
    np.testing.assert_array_equal(volume.values, VOLUME)
    np.testing.assert_allclose(volume.spacing, SPACING, rtol=1e-5)


def test_an_affine_with_other_steps_replaces_the_voxel_sizes_in_the_header(tmp_path):
    writers.nifti(tmp_path / "v.nii.gz", VOLUME, SPACING, affine=np.diag([2.0, 2.0, 4.0, 1.0]))
    np.testing.assert_allclose(upright(read("nifti", tmp_path / "v.nii.gz")).spacing, (2, 2, 4))


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "LIP", "PSR"])
@pytest.mark.parametrize("backwards", [False, True])
def test_dicom_slices_are_sorted_by_position_and_rescaled(tmp_path, orientation, backwards):
    names = [f"{n:03d}.dcm" for n in range(VOLUME.shape[_third(orientation)])]
    writers.dicom(tmp_path, names[::-1] if backwards else names, VOLUME, SPACING, orientation, slope=2, intercept=-1024)
    stored = read_all("dicom", [tmp_path / name for name in names], Pick())
    volume = upright(stored)
    np.testing.assert_allclose(volume.values, VOLUME, atol=1)
    np.testing.assert_allclose(volume.spacing, SPACING, rtol=1e-4)
    assert sorted(stored.order) == list(range(len(names)))


def _third(orientation: str) -> int:
    """The upright axis along which the third stored axis runs."""
    return {"L": 0, "R": 0, "A": 1, "P": 1, "S": 2, "I": 2}[orientation[2]]


RASTERS = ["p.png", "p.bmp", "p.tif", "p.gif", "p.pgm", "p.pgm.gz", "p.ppm.gz"]


@pytest.mark.parametrize("name", RASTERS)
def test_pictures_of_every_format(tmp_path, name):
    writers.raster(tmp_path / name, writers.colour_channels(PICTURE) if "ppm" in name else PICTURE)
    stored = read("raster", tmp_path / name)
    volume = upright(stored)
    np.testing.assert_array_equal(volume.brightness, PICTURE)
    assert volume.spacing == (1, 1)


def test_the_pages_of_a_tiff_are_frames_or_slices(tmp_path):
    pages = [Image.fromarray(page) for page in writers.slices(VOLUME.astype(np.uint8), "LPS")]
    pages[0].save(tmp_path / "p.tif", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read("raster", tmp_path / "p.tif", Pick(index=3)).values, np.asarray(pages[3]))
    volume = upright(read("raster", tmp_path / "p.tif"), "LPS", SPACING)
    np.testing.assert_array_equal(volume.values, VOLUME.astype(np.uint8))
    with pytest.raises(ImageError, match="give 'orientation' and 'spacing'"):
        upright(read("raster", tmp_path / "p.tif"))


def test_pictures_are_stacked_to_a_volume(tmp_path):
    names = [tmp_path / f"{n}.png" for n in range(VOLUME.shape[2])]
    for name, page in zip(names, writers.slices(VOLUME.astype(np.uint8), "LPI"), strict=True):
        writers.raster(name, page)
    volume = upright(read_all("raster", names, Pick()), "LPI", SPACING)
    np.testing.assert_array_equal(volume.values, VOLUME.astype(np.uint8))


@pytest.mark.parametrize("write", [writers.itk, writers.nifti_picture])
def test_a_volume_of_one_slice_is_a_picture(tmp_path, write):
    name, reader = ("p.mha", "metaimage") if write is writers.itk else ("p.nii.gz", "nifti")
    write(tmp_path / name, PICTURE, (0.5, 0.25))
    picture = upright(read(reader, tmp_path / name))
    np.testing.assert_array_equal(picture.values, PICTURE)
    assert picture.spacing == (0.5, 0.25)


def test_channels_and_frames_along_the_fourth_axis(tmp_path):
    writers.nifti(tmp_path / "v.nii.gz", np.stack([VOLUME, VOLUME + 1], -1), SPACING, "LAS")
    for pick in (Pick(channel=1), Pick(index=1)):
        np.testing.assert_array_equal(upright(read("nifti", tmp_path / "v.nii.gz", pick)).values, VOLUME + 1)
    with pytest.raises(BadScan, match="channel 2 is wanted"):
        read("nifti", tmp_path / "v.nii.gz", Pick(channel=2))
    with pytest.raises(BadScan, match="frame 2 is wanted"):
        read("nifti", tmp_path / "v.nii.gz", Pick(index=2))


FRAMES = rng_for("frames").integers(0, 255, (5, 24, 30), dtype=np.uint8)


@pytest.mark.parametrize(
    ("reader", "name", "write"),
    [("matlab", "m.mat", writers.matlab), ("matlab", "m.mat", writers.matlab73), ("hdf5", "m.h5", writers.hdf5)],
)
def test_arrays_are_read_by_name_and_by_frame(tmp_path, reader, name, write):
    path = tmp_path / name
    write(path, frames=FRAMES, picture=PICTURE.astype(float))
    np.testing.assert_array_equal(read(reader, path, Pick("picture")).values, PICTURE)
    np.testing.assert_array_equal(read(reader, path, Pick("frames", 3)).values, FRAMES[3])
    for pick, words in (
        (Pick("frames", 5), "entry 5 is wanted"),
        (Pick("other"), "no array 'other'; its arrays: frames, pic"),
    ):
        with pytest.raises(BadScan, match=words) as bad:
            read(reader, path, pick)
        assert bad.value.file == str(path)
        assert bad.value.remedy


@pytest.mark.parametrize("slices", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("reader", "write"), [("matlab", writers.matlab), ("matlab", writers.matlab73), ("hdf5", writers.hdf5)]
)
def test_an_array_is_a_volume_if_the_manifest_says_so(tmp_path, reader, write, slices):
    """3 or 4 slices look like colour channels; MATLAB leaves the axis of a single slice out."""
    values = VOLUME[..., :slices]
    write(tmp_path / "m", array=values[..., 0] if slices == 1 else values, series=np.stack([values, values + 1]))
    for pick, expected in ((Pick("array", volume=True), values), (Pick("series", 1, volume=True), values + 1)):
        volume = upright(read(reader, tmp_path / "m", pick), "LPS", SPACING)
        np.testing.assert_array_equal(volume.values, expected[::-1, ::-1])
    if slices in (3, 4):
        assert not read(reader, tmp_path / "m", Pick("array")).is_volume


def test_an_hdf5_array_in_another_file_is_refused(tmp_path):
    writers.hdf5(tmp_path / "other.h5", secret=PICTURE)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["link"] = h5py.ExternalLink("other.h5", "secret")
        file.create_dataset("raw", (2, 2), "u1", external=[(str(tmp_path / "other.h5"), 0, 4)])
    for name in ("link", "raw"):
        with pytest.raises(BadScan, match=r"link to another place|not an array stored in this file"):
            read("hdf5", tmp_path / "m.h5", Pick(name))


@pytest.mark.parametrize("name", ["../other.raw", "/etc/passwd", "LIST", "gone.raw", "%03d.raw 1 9 1"])
def test_a_header_that_points_to_another_file_is_refused(tmp_path, name):
    writers.itk(tmp_path / "v.mhd", VOLUME)
    text = (tmp_path / "v.mhd").read_text().replace("v.raw", name)
    (tmp_path / "v.mhd").write_text(text)
    with pytest.raises(BadScan, match="takes its samples from"):
        read("metaimage", tmp_path / "v.mhd")


def test_a_video_is_read_by_frame(tmp_path):
    writers.video(tmp_path / "v.avi", FRAMES)
    for number in (0, 4):
        np.testing.assert_array_equal(
            read("video", tmp_path / "v.avi", Pick(index=number)).values[..., 0], FRAMES[number]
        )
    with pytest.raises(BadScan, match="has 5 frames, number 5 is wanted"):
        read("video", tmp_path / "v.avi", Pick(index=5))


def remove_a_slice(names, folder):
    (folder / names[4]).unlink()
    del names[4]


def repeat_a_slice(names, folder):
    (folder / names[4]).write_bytes((folder / names[5]).read_bytes())


def tilt_a_slice(names, folder):
    writers.dicom(folder, [names[-1]], VOLUME[:, :, :1], SPACING, "LIP")


@pytest.mark.parametrize(
    ("change", "words"),
    [(remove_a_slice, "evenly"), (repeat_a_slice, "at the same place"), (tilt_a_slice, "pictures of one size")],
)
def test_slices_that_do_not_form_a_volume_are_refused(tmp_path, change, words):
    names = [f"{n:03d}.dcm" for n in range(VOLUME.shape[2])]
    writers.dicom(tmp_path, names, VOLUME, SPACING)
    change(names, tmp_path)
    with pytest.raises(BadScan, match=words) as bad:
        read_all("dicom", [tmp_path / name for name in names], Pick())
    assert bad.value.file == str(tmp_path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "content", [b"", b"<html>not here</html>", gzip.compress(b"nothing")], ids=["empty", "a page", "gzip of nothing"]
)
def test_a_file_of_another_kind_is_refused(tmp_path, reader, content):
    path = tmp_path / {"nifti": "v.nii.gz", "mgz": "v.mgz", "metaimage": "v.mhd"}.get(reader, "file")
    path.write_bytes(content)
    with pytest.raises(BadScan) as bad:
        read(reader, path, Pick("array", 0))
    assert bad.value.file == str(path)
    assert bad.value.remedy == REMEDY


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_file_is_named(tmp_path, reader):
    with pytest.raises(BadScan) as bad:
        read(reader, tmp_path / "missing", Pick("array", 0))
    assert (bad.value.reason, bad.value.file) == ("the file does not exist", str(tmp_path / "missing"))


def test_a_damaged_slice_is_named(tmp_path):
    names = [tmp_path / f"{n}.png" for n in range(3)]
    for name in names:
        writers.raster(name, PICTURE)
    names[1].write_bytes(b"damaged")
    with pytest.raises(BadScan, match="cannot be read as raster") as bad:
        read_all("raster", names, Pick())
    assert bad.value.file == str(names[1])


def test_a_picture_that_claims_a_huge_size_is_refused(tmp_path):
    writers.raster(tmp_path / "p.tif", PICTURE)
    data = bytearray((tmp_path / "p.tif").read_bytes())
    for tag in (256, 257):  # width and height, as a long each
        at = data.find(np.array([tag], "<u2").tobytes())
        data[at + 2 : at + 12] = np.array([4], "<u2").tobytes() + np.array([1, 200_000], "<u4").tobytes()
    (tmp_path / "p.tif").write_bytes(data)
    with pytest.raises(BadScan, match=r"claims|DecompressionBomb") as bad:
        read("raster", tmp_path / "p.tif")
    assert bad.value.file == str(tmp_path / "p.tif")


def test_slices_with_different_palettes_are_refused(tmp_path):
    names = [tmp_path / "1.png", tmp_path / "2.png"]
    writers.palette(names[0], PICTURE > 9, [(0, 0, 0), (255, 0, 0)])
    writers.palette(names[1], PICTURE > 9, [(255, 0, 0), (0, 0, 0)])
    with pytest.raises(BadScan, match="different palettes"):
        read_all("raster", names, Pick())


def test_an_index_beyond_a_palette_is_black(tmp_path):
    writers.palette(tmp_path / "p.png", np.full((4, 4), 7), [(9, 9, 9)] * 8)
    data = (tmp_path / "p.png").read_bytes()
    at = data.index(b"PLTE")
    short = (3).to_bytes(4, "big") + b"PLTE\x09\x09\x09"
    checked = short + zlib.crc32(short[4:]).to_bytes(4, "big")
    length = int.from_bytes(data[at - 4 : at], "big")
    (tmp_path / "p.png").write_bytes(data[: at - 4] + checked + data[at + 8 + length :])
    assert not upright(read("raster", tmp_path / "p.png")).brightness.any()


def test_a_dicom_value_with_a_wrong_length_is_refused(tmp_path):
    writers.dicom(tmp_path, ["1.dcm"], np.ones((6, 5, 1)))
    file = tmp_path / "1.dcm"
    rows = b"\x28\x00\x10\x00US"  # found by damaging files at random
    assert rows in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(rows, rows[:-2] + b"SL"))
    with pytest.raises(BadScan):
        read_all("dicom", [file], Pick(index=0))
