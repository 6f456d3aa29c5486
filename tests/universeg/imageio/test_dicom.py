"""What pixels of a DICOM file mean and where they lie, by all that the standard lets decide it."""

import numpy as np
import pydicom
import pytest
from dicom_files import dicom, item
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, JPEGBaseline8Bit, JPEGLosslessSV1

from universeg.imageio.formats import read
from universeg.imageio.image import ImageError, upright, voxel_sizes
from universeg.imageio.load import read_image
from universeg.imageio.series import read_series_folder, series_in

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 4096, (24, 20), dtype=np.uint16)


def values(path, index=None):
    return read(path, "dicom", index).values


@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": 2, "RescaleIntercept": -10}])
def test_monochrome1_comes_out_like_monochrome2(tmp_path, rescale):
    bright = values(dicom(tmp_path / "a.dcm", PICTURE, Modality="CR", **rescale))
    dark = values(dicom(tmp_path / "b.dcm", 4095 - PICTURE, kind="MONOCHROME1", Modality="CR", **rescale))
    np.testing.assert_allclose(bright, dark, atol=1e-3)


def test_hounsfield_units_are_physical_whatever_the_polarity(tmp_path):
    rescale = {"RescaleSlope": 1, "RescaleIntercept": -1024, "Modality": "CT"}
    found = values(dicom(tmp_path / "a.dcm", PICTURE, kind="MONOCHROME1", **rescale))
    np.testing.assert_allclose(found, PICTURE.astype(float) - 1024)


def test_signed_pixels_and_unused_bits(tmp_path):
    signed = (PICTURE.astype(np.int16) - 2048).astype(np.int16)
    np.testing.assert_array_equal(values(dicom(tmp_path / "a.dcm", signed)), signed)
    overlay = PICTURE | np.uint16(0x5000)
    np.testing.assert_array_equal(values(dicom(tmp_path / "b.dcm", overlay)), PICTURE)
    for pixels in (PICTURE, signed):  # old files keep the used bits at the other end
        low = (pixels << 4) | pixels.dtype.type(5)
        np.testing.assert_array_equal(values(dicom(tmp_path / "c.dcm", low, HighBit=15)), pixels)


def test_32_bits_without_sign_do_not_overflow(tmp_path):
    pixels = PICTURE.astype(np.uint32) << 20
    np.testing.assert_array_equal(values(dicom(tmp_path / "a.dcm", pixels, bits=32)), pixels)


def test_a_colour_space_that_nobody_defines_is_refused(tmp_path):
    colours = RNG.integers(0, 256, (8, 9, 3), np.uint8)
    with pytest.raises(ImageError, match=r"a\.dcm: holds 8x9x3 samples in HSV colour space; export it as RGB or grey"):
        values(dicom(tmp_path / "a.dcm", colours, kind="HSV"))


def test_padding_around_the_image_is_not_its_darkest_value(tmp_path):
    pixels = PICTURE.astype(np.int16)
    pixels[:5] = -2000
    found = values(dicom(tmp_path / "a.dcm", pixels, bits=16, PixelPaddingValue=-2000))
    assert found.min() == found[:5].max() == pixels[5:].min()
    np.testing.assert_array_equal(found[5:], pixels[5:])
    pixels[:5] = -1990
    limits = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1980}
    assert values(dicom(tmp_path / "b.dcm", pixels, bits=16, **limits)).min() == pixels[5:].min()


def test_a_modality_table_in_place_of_a_rescale(tmp_path):
    table = item(
        LUTDescriptor=[4096, 0, 16],
        LUTData=(np.arange(4096, dtype=np.uint16)[::-1] * 3).tobytes(),
        ModalityLUTType="US",
    )
    found = values(dicom(tmp_path / "a.dcm", PICTURE, ModalityLUTSequence=Sequence([table])))
    np.testing.assert_array_equal(found, (4095 - PICTURE.astype(int)) * 3)


def test_colours_of_a_palette_and_of_pixels(tmp_path):
    indices = RNG.integers(0, 3, (8, 9), dtype=np.uint8)
    red, green, blue = [65535, 0, 0], [0, 65535, 0], [0, 0, 32768]
    tables = {}
    for name, entries in (("Red", red), ("Green", green), ("Blue", blue)):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [3, 0, 16]
        tables[f"{name}PaletteColorLookupTableData"] = np.array(entries, np.uint16).tobytes()
    found = values(dicom(tmp_path / "a.dcm", indices, bits=8, kind="PALETTE COLOR", **tables))
    np.testing.assert_array_equal(found, np.array([red, green, blue]).T[indices])
    rgb = RNG.integers(0, 255, (8, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(values(dicom(tmp_path / "b.dcm", rgb, bits=8, kind="RGB")), rgb)


def enhanced(path, pixels, order=None, shared_rescale=True, **attributes):
    """Frames in functional groups: rescale to HU, spacing 0.5 x 1.5 mm, axial frames 2 mm apart, in any order."""
    order = range(len(pixels)) if order is None else order
    rescale = {"PixelValueTransformationSequence": Sequence([item(RescaleSlope=1, RescaleIntercept=-1024)])}
    shared = item(
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.5, 1.5], SliceThickness=2)]),
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        **(rescale if shared_rescale else {}),
    )
    frames = [
        item(
            PlanePositionSequence=Sequence([item(ImagePositionPatient=[-10, -6, 2 * n])]),
            **({} if shared_rescale else rescale),
        )
        for n in order
    ]
    return dicom(
        path,
        pixels[list(order)],
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(frames),
        SOPClassUID=EnhancedCTImageStorage,
        **attributes,
    )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [3, 0, 5, 1, 4, 2]])
def test_an_enhanced_file_is_a_volume_in_its_own_units(tmp_path, shared, order):
    pixels = np.full((6, 24, 20), 1024 - 1000, np.uint16)
    down, right = np.mgrid[:24, :20]
    pixels[:, ((down - 12) * 0.5) ** 2 + ((right - 10) * 1.5) ** 2 < 25] = 1024 + 60
    pixels[2] += 7
    image = read_image(enhanced(tmp_path / "a.dcm", pixels, order, shared))
    assert image.is_volume
    np.testing.assert_allclose(image.spacing, (1.5, 0.5, 2))
    assert image.values.max() == pytest.approx(67)
    assert image.values[image.shape[0] // 2, image.shape[1] // 2, 0] == pytest.approx(60), "60 HU is 60 HU"
    np.testing.assert_allclose(image.values.max(axis=(0, 1)), [60, 60, 67, 60, 60, 60])
    disc = image.values[..., 0] > 0
    wide, tall = (np.ptp(np.flatnonzero(disc.any(axis=axis))) * step for axis, step in ((1, 1.5), (0, 0.5)))
    assert abs(wide - tall) < 2, "a disc keeps its shape in millimetres"


def test_frames_that_are_not_evenly_spaced_name_their_file(tmp_path):
    pixels = np.zeros((10, 8, 8), np.uint16)
    with pytest.raises(ImageError, match=r"a\.dcm: its slices are not evenly spaced: .* between frame 3 and frame 4"):
        read(enhanced(tmp_path / "a.dcm", pixels, [0, 1, 2, 9]), "dicom")


def test_frames_at_one_place_are_several_volumes(tmp_path):
    pixels = np.zeros((4, 8, 8), np.uint16)
    with pytest.raises(ImageError, match=r"a\.dcm: holds several volumes"):
        read(enhanced(tmp_path / "a.dcm", pixels, [0, 1, 0, 1]), "dicom")


def test_frames_without_a_place_are_chosen_by_number(tmp_path):
    pixels = np.stack([PICTURE, PICTURE[::-1]])
    path = dicom(tmp_path / "a.dcm", pixels)
    np.testing.assert_array_equal(values(path, 1), PICTURE[::-1])
    with pytest.raises(ImageError, match="2 frames that do not say where they lie"):
        read(path, "dicom")
    with pytest.raises(ImageError, match="holds 2 frames, number 2 is wanted"):
        read(path, "dicom", 2)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PixelSpacing": [0.7, 0.9], "ImagerPixelSpacing": [1, 1]}, (0.7, 0.9)),
        ({"ImagerPixelSpacing": [0.2, 0.3]}, (0.2, 0.3)),
        ({"PixelAspectRatio": [4, 3]}, (4, 3)),
        ({}, (1, 1)),
    ],
)
def test_the_size_of_pixels(tmp_path, attributes, expected):
    assert read(dicom(tmp_path / "a.dcm", PICTURE, **attributes), "dicom").spacing == pytest.approx(expected)


def test_an_oblique_slice_lies_where_it_says(tmp_path):
    directions = [0.8, 0.6, 0, 0, 0, -1]
    raw = read(
        dicom(tmp_path / "a.dcm", PICTURE, PixelSpacing=[2, 3], ImagePositionPatient=[5, 6, 7],
              ImageOrientationPatient=directions), "dicom",
    )  # fmt: skip
    np.testing.assert_allclose(raw.affine[:3, 3], [-5, -6, 7])
    np.testing.assert_allclose(raw.affine[:3, 0], [-2.4, -1.8, 0])
    np.testing.assert_allclose(voxel_sizes(raw.affine)[:2], [3, 2])


def test_what_holds_no_image_or_cannot_be_decoded_says_what_to_do(tmp_path):
    path = dicom(tmp_path / "a.dcm", PICTURE)
    file = pydicom.dcmread(path)
    del file.Rows
    file.save_as(tmp_path / "empty.dcm")
    with pytest.raises(ImageError, match="holds no image"):
        read(tmp_path / "empty.dcm", "dicom")
    (tmp_path / "text.dcm").write_text("hello")
    with pytest.raises(ImageError, match="is not a DICOM file"):
        read(tmp_path / "text.dcm", "dicom")
    big = pydicom.dcmread(path)
    big.NumberOfFrames = 10_000_000
    big.save_as(tmp_path / "big.dcm")
    with pytest.raises(ImageError, match="claims 10000000 x 24 x 20 x 1 samples"):
        read(tmp_path / "big.dcm", "dicom")


def test_damaged_pixels_are_no_matter_of_another_package(tmp_path, capfd):
    from pydicom.encaps import encapsulate

    file = pydicom.dcmread(dicom(tmp_path / "a.dcm", PICTURE.astype(np.uint8), bits=8))
    file.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    file.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    file["PixelData"].is_undefined_length = True
    file.save_as(tmp_path / "a.dcm")
    with pytest.raises(ImageError, match=r"a\.dcm: is compressed as 'JPEG.*, and no package can decompress its pixels"):
        read(tmp_path / "a.dcm", "dicom")
    assert capfd.readouterr().err == ""


def test_a_compression_that_needs_another_package_names_it(tmp_path, monkeypatch):
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders import JPEGLosslessSV1Decoder

    path = dicom(tmp_path / "a.dcm", PICTURE)
    file = pydicom.dcmread(path)
    file.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    file.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    file["PixelData"].is_undefined_length = True
    file.save_as(path)
    monkeypatch.setattr(JPEGLosslessSV1Decoder, "_available", {})
    with pytest.raises(ImageError, match=r"JPEG Lossless.*universeg\[dicom\]"):
        read(path, "dicom")


@pytest.mark.parametrize(("other", "count"), [(PICTURE, 1), (PICTURE.T, 2)])
def test_folders_with_one_series_id(tmp_path, other, count):
    """They are parts of one scan if their slices have the same size, else versions of it, each a scan of its own."""
    for number in range(4):
        home = tmp_path / "ab"[number // 2]
        home.mkdir(exist_ok=True)
        dicom(
            home / f"{number}.dcm", (PICTURE, other)[number // 2], SeriesInstanceUID="1.2",
            ImagePositionPatient=[0, 0, number], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        )  # fmt: skip
    assert [len(series.files) for series in series_in(tmp_path)] == [4 // count] * count


def test_a_tilted_gantry_is_refused_by_name(tmp_path):
    from pipeline.attrition import BadScan
    from pipeline.readers import Pick, read_all

    tilt = np.deg2rad(20)
    directions = [1, 0, 0, 0, np.cos(tilt), -np.sin(tilt)]
    paths = [
        dicom(tmp_path / f"{n}.dcm", PICTURE, PixelSpacing=[1, 1], ImagePositionPatient=[0, 0, 2.5 * n],
              ImageOrientationPatient=directions)
        for n in range(5)
    ]  # fmt: skip
    with pytest.raises(ImageError, match=r"degrees of shear.*; resample it upright first"):
        read_series_folder(tmp_path)
    raw = read_all("dicom", paths, Pick())
    with pytest.raises(ImageError, match=r"20\.0 degrees of shear, as of a CT with a tilted gantry"):
        upright(raw)
    assert issubclass(BadScan, ImageError)
