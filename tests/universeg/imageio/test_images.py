import os
import sys

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from marks import inside
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from PIL import Image

from universeg.imageio.image import SAME_GRID, ImageError, LoadedImage, grid_distance
from universeg.imageio.load import read_image, read_labels, stem
from universeg.imageio.write import write_mask, write_probability

RNG = np.random.default_rng(0)
FRAMES = [a + b + c for a in "LR" for b in "PA" for c in "IS"] + ["PSR", "SAL", "IPR"]


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def volume(path, values, codes="RAS", spacing=(1.0, 2.0, 3.0)):
    """Write RAS+ `values` stored in another frame."""
    image = nib.Nifti1Image(values, np.diag([*spacing, 1.0]))
    change = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes))
    nib.save(image.as_reoriented(change), path)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_grey_levels_are_read_as_they_are(tmp_path, ending):
    pixels = RNG.integers(0, 256, (5, 7), np.uint8)
    assert (read_image(saved(tmp_path / f"a.{ending}", pixels)).values == pixels).all()


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_kept(tmp_path, ending):
    pixels = RNG.integers(0, 65536, (5, 7)).astype(np.uint16)
    assert (read_image(saved(tmp_path / f"a.{ending}", pixels)).values == pixels).all()


def test_colour_becomes_luminance_and_palettes_too(tmp_path):
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0] = (255, 0, 0)
    assert read_image(saved(tmp_path / "a.png", pixels)).values[0, 0] == pytest.approx(76.2, abs=0.1)
    Image.fromarray(pixels).quantize(4).save(tmp_path / "b.png")
    assert read_image(tmp_path / "b.png").values[0, 0] == pytest.approx(76.2, abs=1)


def test_a_photograph_is_read_as_a_viewer_shows_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    path = saved(tmp_path / "a.jpg", np.zeros((4, 8), np.uint8), exif=exif)
    assert read_image(path).values.shape == (8, 4)


@pytest.mark.parametrize("codes", FRAMES)
def test_a_volume_is_read_in_ras_and_its_mask_written_in_its_own_frame(tmp_path, codes):
    values = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    path = volume(tmp_path / "a.nii.gz", values, codes)
    scan = read_image(path)
    assert np.array_equal(scan.values, values)
    assert scan.spacing == pytest.approx((1, 2, 3))
    write_mask(tmp_path / "m.nii.gz", [(values > 0).astype(np.uint8)], scan)
    own, mask = nib.load(path), nib.load(tmp_path / "m.nii.gz")
    assert mask.shape == own.shape
    assert mask.get_data_dtype() == np.uint8
    assert np.array_equal(mask.affine, own.affine)
    assert np.array_equal(mask.get_fdata(), own.get_fdata() > 0)
    assert np.array_equal(inside(read_labels(tmp_path / "m.nii.gz"), None), values > 0)
    assert apply_orientation(mask.get_fdata(), nib.io_orientation(own.affine)).shape == values.shape


@pytest.mark.parametrize(
    ("codes", "sizes"), [("RAS", (1.4, 1.5, 10)), ("ALS", (1.5, 1.4, 10)), ("SPR", (10, 1.5, 1.4))]
)
def test_true_sizes_beside_an_affine_of_steps_of_one(tmp_path, codes, sizes):
    volume(tmp_path / "a.nii.gz", np.zeros((4, 5, 6), np.uint8), codes, (1, 1, 1))
    image = nib.load(tmp_path / "a.nii.gz")
    image.header["pixdim"][1:4] = sizes
    nib.save(image, tmp_path / "b.nii.gz")
    np.testing.assert_allclose(read_image(tmp_path / "b.nii.gz").spacing, (1.4, 1.5, 10), rtol=1e-6)
    assert read_image(tmp_path / "a.nii.gz").spacing == (1, 1, 1)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 1, 1), (4, 5, 3, 1)])
def test_a_volume_with_few_or_idle_axes_keeps_its_shape(tmp_path, shape):
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), np.diag([2, 2, 2, 1])), tmp_path / "a.nii")
    scan = read_image(tmp_path / "a.nii")
    one_slice = np.prod(shape) == 20
    assert scan.values.shape == ((5, 4) if one_slice else (4, 5, 3)), "one slice is a picture: rows first"
    values = np.linspace(0, 1, scan.values.size, dtype=np.float32).reshape(scan.values.shape)
    write_probability(tmp_path / "p.nii", [values], scan)
    found = nib.load(tmp_path / "p.nii")
    assert found.shape == shape
    np.testing.assert_array_equal(found.affine, np.diag([2, 2, 2, 1]))
    np.testing.assert_array_equal(read_image(tmp_path / "p.nii").values, values)


def test_scaled_volumes_give_scaled_values_and_whole_numbered_masks(tmp_path):
    image = nib.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    image.header.set_slope_inter(2, -10)
    nib.save(image, tmp_path / "a.nii")
    expected = nib.load(tmp_path / "a.nii").get_fdata()
    assert np.array_equal(read_image(tmp_path / "a.nii").values, expected)
    assert read_labels(tmp_path / "a.nii").values.dtype.kind == "i"
    write_mask(tmp_path / "m.nii", [(expected > 3).astype(np.uint8)], read_image(tmp_path / "a.nii"))
    assert set(np.unique(nib.load(tmp_path / "m.nii").get_fdata())) <= {0.0, 1.0}


@pytest.mark.parametrize("name", ["a.mha", "A.MHA", "a.nrrd"])
def test_a_mask_has_the_place_of_a_file_that_itk_does_not_know_by_its_first_line(tmp_path, name):
    image = sitk.GetImageFromArray(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    image.SetOrigin((1, 2, 3))
    sitk.WriteImage(image, str(tmp_path / name.lower()))
    data = (tmp_path / name.lower()).read_bytes()
    (tmp_path / name).write_bytes(data.replace(b"ObjectType = Image\n", b""))
    scan = read_image(tmp_path / name)
    write_mask(tmp_path / "m.mha", [(scan.values > 9).astype(np.uint8)], scan)
    found = sitk.ReadImage(str(tmp_path / "m.mha"))
    assert found.GetOrigin() == (1, 2, 3)
    assert (sitk.GetArrayFromImage(found).ravel() == (np.arange(24) > 9)).all()


def test_results_for_pictures(tmp_path):
    scan = LoadedImage(np.zeros((3, 4)), (1.0, 1.0))
    mask = (RNG.random((3, 4)) > 0.5) * np.uint8(255)
    write_mask(tmp_path / "m.png", [mask], scan)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "m.png")), mask)
    soft = RNG.random((3, 4)).astype(np.float32)
    write_probability(tmp_path / "p.tif", [soft], scan)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "p.tif")), soft)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.png", "p.tif"]


def test_a_png_of_several_structures_shows_their_colours_and_keeps_their_values(tmp_path):
    values = np.array([[0, 1], [2, 2]], np.uint8)
    write_mask(tmp_path / "m.png", [values], LoadedImage(values, (1.0, 1.0)), [(1, (255, 0, 0)), (2, (0, 9, 0))])
    seen = np.asarray(Image.open(tmp_path / "m.png").convert("RGB"))
    assert seen.tolist() == [[[0, 0, 0], [255, 0, 0]], [[0, 9, 0], [0, 9, 0]]]
    assert np.array_equal(read_labels(tmp_path / "m.png").values, values)
    deep = values.astype(np.uint16) * 300
    write_mask(tmp_path / "deep.png", [deep], LoadedImage(values, (1.0, 1.0)), [(600, (0, 9, 0))])
    assert np.array_equal(read_labels(tmp_path / "deep.png").values, deep)


def test_labels_that_png_cannot_hold_are_refused_and_tiff_holds_them(tmp_path):
    values = np.array([[0, 1], [70000, 2]], np.uint32)
    with pytest.raises(ImageError, match="has the label 70000; PNG holds values up to 65535; use --format tiff"):
        write_mask(tmp_path / "m.png", [values], LoadedImage(values, (1.0, 1.0)))
    write_mask(tmp_path / "m.tif", [values], LoadedImage(values, (1.0, 1.0)))
    assert np.array_equal(read_labels(tmp_path / "m.tif").values, values)


MASK = np.array([[0, 0, 1], [0, 1, 1]], np.uint8)


@pytest.mark.parametrize("top", [1, 7, 255])
def test_a_mask_with_one_value_beside_0(tmp_path, top):
    assert np.array_equal(inside(read_labels(saved(tmp_path / "m.png", MASK * np.uint8(top))), None), MASK == 1)


def test_masks_in_bits_palettes_and_colours(tmp_path):
    saved(tmp_path / "bits.png", MASK.astype(bool))
    palette = Image.fromarray(MASK * np.uint8(3), "L")
    palette.putpalette([5, 5, 5] * 256)
    palette.save(tmp_path / "palette.png")
    saved(tmp_path / "grey.png", np.stack([MASK * np.uint8(200)] * 3, -1))
    red = np.zeros((2, 3, 3), np.uint8)
    red[MASK == 1] = (255, 0, 0)
    saved(tmp_path / "red.png", red)
    for name in ("bits", "palette", "grey", "red"):
        assert np.array_equal(inside(read_labels(tmp_path / f"{name}.png"), None), MASK == 1), name
    red[0, 0] = (0, 255, 0)
    with pytest.raises(ImageError, match=r"many\.png: the mask is in 3 colours"):
        read_labels(saved(tmp_path / "many.png", red))


def test_what_cannot_be_read_names_the_file_and_the_remedy(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(saved(tmp_path / "a.png", RNG.integers(0, 255, (40, 40), np.uint8)).read_bytes()[:300])
    (tmp_path / "text.nii.gz").write_text("hello")
    frames = [Image.new("L", (4, 4), n) for n in range(3)]
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 9), np.uint8), np.eye(4)), tmp_path / "series.nii.gz")
    nib.save(nib.Nifti1Image(np.full((2, 2, 2), np.nan, np.float32), np.eye(4)), tmp_path / "nan.nii.gz")
    for name, message in {
        "broken.png": "cannot be read as raster",
        "text.nii.gz": "first bytes are not those of a NIfTI",
        "pages.tif": "has 3 pages",
        "series.nii.gz": "series of volumes",
        "nan.nii.gz": "8 of 8 samples are not finite numbers",
        "scan.czi": "has none of the known endings",
    }.items():
        with pytest.raises(ImageError, match=message) as error:
            read_image(tmp_path / name)
        assert name in str(error.value)
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(FileNotFoundError, match=r"gone\.nii"):
        read_image(tmp_path / "gone.nii")


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    with pytest.raises(ImageError, match=r"claims 1 x 20000 x 20000 pixels"):
        read_image(tmp_path / "huge.png")


def test_a_mask_with_fractions_is_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.full((2, 2, 2), 0.5, np.float32), np.eye(4)), tmp_path / "soft.nii.gz")
    with pytest.raises(ImageError, match=r"soft\.nii\.gz: a mask needs whole numbers"):
        read_labels(tmp_path / "soft.nii.gz")


def test_volumes_in_other_places_are_told_apart(tmp_path):
    values = np.zeros((4, 4, 4), np.uint8)
    here = read_image(volume(tmp_path / "a.nii", values))
    assert grid_distance(here, read_image(volume(tmp_path / "b.nii", values, "LPI"))) < SAME_GRID
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = 5
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "c.nii")
    assert grid_distance(here, read_image(tmp_path / "c.nii")) > SAME_GRID


def test_stems():
    from pathlib import Path

    assert [stem(Path(name)) for name in ("a.nii.gz", "a.b.PNG", "a.nii", "a.txt")] == ["a", "a.b", "a", "a"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
@pytest.mark.parametrize("ending", ["mha", "nrrd"])
def test_a_name_that_is_not_utf8_is_refused_where_the_library_would_end_the_process(tmp_path, ending):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6), np.uint8)), tmp_path / f"a.{ending}")
    path = (tmp_path / f"a.{ending}").rename(tmp_path / os.fsdecode(b"caf\xe9." + ending.encode()))
    with pytest.raises(ImageError, match="not UTF-8"):
        read_image(path)
