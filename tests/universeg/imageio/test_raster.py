"""Pictures at full depth, turned as viewers turn them, whatever their format stores."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from universeg.imageio.formats import read
from universeg.imageio.image import ImageError
from universeg.imageio.load import read_image
from universeg.imageio.raster import oriented

RNG = np.random.default_rng(0)
SHAPE = (12, 17)


def values(path, index=None):
    return read(path, "raster", index).values


def png16(path, pixels):
    """A PNG of 16 bits per sample: 1 to 4 channels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits(tmp_path, channels):
    pixels = RNG.integers(0, 1 << 12, (*SHAPE, channels), dtype=np.uint16)
    found = values(png16(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)


KINDS = ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["grey", "rgb", "rgba", "planar"])
def test_tiff_of_every_depth_and_layout(tmp_path, kind, layout):
    low = -90 if kind.startswith(("int", "float")) else 0
    top = (
        255
        if kind == "uint8"
        else 120
        if kind in ("int8", "float16")
        else 4_000_000_000
        if kind == "uint32"
        else 30_000
    )
    shape = {"grey": SHAPE, "rgb": (*SHAPE, 3), "rgba": (*SHAPE, 4), "planar": (3, *SHAPE)}[layout]
    pixels = RNG.uniform(low, top, shape).astype(kind)
    options = {
        "grey": {"photometric": "minisblack"},
        "rgb": {"photometric": "rgb"},
        "rgba": {"photometric": "rgb", "extrasamples": ["unassalpha"]},
        "planar": {"photometric": "rgb", "planarconfig": "separate"},
    }[layout]
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    found = values(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, np.moveaxis(pixels, 0, -1) if layout == "planar" else pixels)


@pytest.mark.parametrize(("kind", "most"), [("uint8", 255), ("uint16", 65535), ("uint32", 2**32 - 1)])
def test_white_as_zero_is_turned_to_black_as_zero(tmp_path, kind, most):
    pixels = RNG.integers(0, 200, SHAPE).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    np.testing.assert_array_equal(values(tmp_path / "a.tif"), most - pixels)
    tifffile.imwrite(tmp_path / "b.tif", pixels.astype(np.float32), photometric="miniswhite")
    with pytest.raises(ImageError, match="white as 0 in float32"):
        values(tmp_path / "b.tif")


def test_colour_spaces_of_more_than_8_bits_that_are_not_rgb_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RNG.integers(0, 9, (*SHAPE, 4), dtype=np.uint16), photometric="separated")
    with pytest.raises(ImageError, match="16 bits per sample in SEPARATED; save it as RGB or grey"):
        values(tmp_path / "a.tif")


@pytest.mark.parametrize("most", [1, 4, 255, 1000, 65535])
@pytest.mark.parametrize("kind", [b"P2", b"P3", b"P5", b"P6"])
def test_netpbm_of_every_maximum(tmp_path, kind, most):
    shape = (*SHAPE, 3) if kind in (b"P3", b"P6") else SHAPE
    pixels = RNG.integers(0, most + 1, shape).astype(np.uint16)
    head = kind + b"\n# made by a test\n%d %d\n%d\n" % (SHAPE[1], SHAPE[0], most)
    if kind in (b"P2", b"P3"):
        body = " ".join(map(str, pixels.ravel())).encode()
    else:
        body = pixels.astype(">u2" if most > 255 else np.uint8).tobytes()
    path = tmp_path / ("a.ppm" if len(shape) == 3 else "a.pgm")
    path.write_bytes(head + body)
    np.testing.assert_array_equal(values(path), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_are_as_pillow_shows_them(tmp_path, orientation):
    picture = RNG.integers(0, 255, SHAPE, dtype=np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    np.testing.assert_array_equal(values(tmp_path / "a.png"), upright)
    np.testing.assert_array_equal(oriented(picture, orientation), upright)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").values, upright)
    for kind in (np.uint8, np.uint16, bool):
        tifffile.imwrite(
            tmp_path / "b.tif", picture.astype(kind), photometric="minisblack", extratags=[(274, "H", 1, orientation)]
        )
        np.testing.assert_array_equal(values(tmp_path / "b.tif"), upright.astype(kind))


def test_a_turned_tiff_whose_samples_need_more_work_is_refused(tmp_path):
    inks = RNG.integers(0, 255, (*SHAPE, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", extratags=[(274, "H", 1, 6)])
    with pytest.raises(ImageError, match="8 bits per sample in SEPARATED and is turned; save it as RGB or grey"):
        values(tmp_path / "a.tif")


def test_of_a_jpeg_with_previews_the_picture_counts(tmp_path):
    first, other = (Image.fromarray(np.full((*SHAPE, 3), grey, np.uint8)) for grey in (90, 200))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[other])
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").values.round(), np.full(SHAPE, 90))


def test_pages_are_slices_or_chosen_and_must_be_alike(tmp_path):
    pages = RNG.integers(0, 1000, (3, *SHAPE), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    assert read(tmp_path / "a.tif", "raster").is_volume
    np.testing.assert_array_equal(values(tmp_path / "a.tif"), pages.transpose(2, 1, 0))
    np.testing.assert_array_equal(values(tmp_path / "a.tif", 2), pages[2])
    with pytest.raises(ImageError, match="holds 3 pictures, number 3 is wanted"):
        values(tmp_path / "a.tif", 3)
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        file.write(pages[0], photometric="minisblack")
        file.write(pages[1, :5], photometric="minisblack")
    with pytest.raises(ImageError, match="its 2 pictures differ in size"):
        values(tmp_path / "b.tif")


def test_a_damaged_picture_is_one_error_that_names_it(tmp_path):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, RNG.integers(0, 9, SHAPE, dtype=np.uint16), photometric="minisblack")
    (tmp_path / "a.tif").write_bytes(buffer.getvalue()[:60])
    with pytest.raises(ImageError, match=r"a\.tif: cannot be read as raster"):
        read_image(tmp_path / "a.tif")
