"""Pictures (PNG, BMP, JPEG, TIFF, GIF, PPM ..., also gzipped) with the values that the file stores, at full depth.

Pillow reads what it can hold exactly. It has no mode for colour or transparency at 16 bits, for some TIFF sample types,
and for PPM with another maximum than 255: there it would drop bits without a word, so other readers take over.
"""

import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.imageio.image import MOST_CHANNELS, ImageError, RawImage
from universeg.imageio.inflate import check_strips, inflated

BLACK_WHITE = np.array([[0] * 3, [255] * 3], np.uint8)  # the colours that the values of a one-bit picture stand for
PLAIN = {"1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}  # modes whose values are numbers
NETPBM = re.compile(rb"P([2356])" + rb"(?:\s|#[^\n]*\n)+(\d+)" * 3 + rb"\s")  # kind, width, height, maximum
# Compressions of TIFF that Pillow decodes: none, CCITT, LZW, JPEG, Deflate, PackBits, Zstandard.
PILLOW_DECODES = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 50000}
MOST_PIXELS = 1 << 28  # a file of a few bytes may claim any size
SMALL, MOST_EXPANSION = 1 << 24, 1 << 14  # pixels that any file may have, and pixels for each byte of a larger one
MOST_BYTES = 1 << 30  # of the content of a gzipped file
Image.MAX_IMAGE_PIXELS = MOST_PIXELS

Values = NDArray[Any]
Frame = tuple[Values, NDArray[np.uint8] | None]  # values and palette


def raster(path: Path, index: int | None = None) -> RawImage:
    """Pixels (row, column), with colour channels last. Palette indices stay indices; one-bit values become 0 and 1.

    Of a file with several pictures, `index` chooses one; without it they are the slices of a volume. A picture is
    turned as its EXIF orientation says, as every viewer does.
    """
    source = io.BytesIO(inflated(path, MOST_BYTES)) if path.suffix.lower() == ".gz" else path
    frames = _tiff(source, index) or _netpbm(source) or _pillow(source, index)
    if len(frames) > 1:
        return _pages(frames)
    values, palette = frames[0]
    return RawImage(values, palette=palette)


def _pages(frames: list[Frame]) -> RawImage:
    """Pictures as the slices of a volume. Pillow gives the first one of a GIF as indices and the others in colour."""
    palette = frames[0][1]
    alike = {(values.ndim, None if other is None else other.tobytes()) for values, other in frames}
    if len(alike) > 1:
        frames, palette = [(_in_colour(frame), None) for frame in frames], None
    shapes = {values.shape for values, _ in frames}
    if len(shapes) > 1:
        raise ImageError(f"its {len(frames)} pictures differ in size: {', '.join(map(str, sorted(shapes)))}")
    values = np.stack([values.swapaxes(0, 1) for values, _ in frames], axis=2)
    if len(alike) > 1 and (values == values[..., :1]).all():
        values = values[..., 0]
    return RawImage(values, palette=palette, is_volume=True, coloured=values.ndim > 3)


def _in_colour(frame: Frame) -> Values:
    """A picture (row, column, 3)."""
    values, palette = frame
    if palette is not None:
        return np.asarray(palette[values])
    return np.dstack([values] * 3) if values.ndim == 2 else values


def oriented(values: Values, orientation: int) -> Values:
    """Values (row, column, ...) as they are to be looked at, by the EXIF orientation 1 to 8; others change nothing."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values


def _pillow(source: Any, index: int | None) -> list[Frame]:
    """One frame, or all if no index is given."""
    with _opened(source) as image:
        numbers = _pictures(image, source)
        _check(index, len(numbers), image.width, image.height)
        numbers = numbers if index is None else [numbers[index]]
        return [_frame(image, number, source, len(numbers)) for number in numbers]


def _pictures(image: Image.Image, source: Any) -> list[int]:
    """The numbers of the frames that are pictures of their own."""
    count = getattr(image, "n_frames", 1)
    if image.format == "MPO":  # the others of this JPEG file of some cameras are previews, or another view
        return [0]
    if image.format == "TIFF" and count > 1:
        import tifffile

        with tifffile.TiffFile(source) as file:
            return main_pages(file)
    return list(range(count))


def _opened(source: Any) -> Image.Image:
    """The picture, not decoded yet. Pillow only warns of a size above its limit; _check refuses it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(source)
    except Image.DecompressionBombError as error:
        raise ImageError(f"claims more than {MOST_PIXELS} pixels", remedy="crop or shrink it first") from error


def _check(index: int | None, count: int, width: int, height: int) -> None:
    if width * height * (count if index is None else 1) > MOST_PIXELS:
        raise ImageError(
            f"claims {count} x {width} x {height} pixels, more than {MOST_PIXELS}", remedy="crop or shrink it first"
        )
    if index is not None and not 0 <= index < count:
        raise ImageError(f"holds {count} pictures, number {index} is wanted")


def _check_expansion(image: Image.Image, count: int, source: Any) -> None:
    """Refuse a small file that claims a large picture. TIFF may, since it can hold empty masks in very few bytes."""
    size = source.getbuffer().nbytes if isinstance(source, io.BytesIO) else Path(source).stat().st_size
    claimed = image.width * image.height * count
    if image.format != "TIFF" and claimed > SMALL + MOST_EXPANSION * size:
        raise ImageError(f"claims {count} x {image.width} x {image.height} pixels in {size} bytes")


def _frame(image: Image.Image, number: int, source: Any, count: int) -> Frame:
    """Values and palette of one picture of a file, of which `count` are read."""
    if number:
        image.seek(number)
    _check_expansion(image, count, source)  # here, since a later picture of a GIF may be larger than the first
    orientation = int(image.getexif().get(274, 1))
    if image.format == "PNG" and _png_is_deep(source):
        from imagecodecs import png_decode

        return oriented(png_decode(_bytes(source)), orientation), None
    if image.format == "TIFF":
        check_strips(image.tag_v2, image.fp)  # type: ignore[attr-defined]
    palette = None
    if image.mode == "P":
        given = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette = np.zeros((256, 3), np.uint8)  # a damaged file may have indices beyond its palette
        palette[: len(given)] = given[:256]
    palette = BLACK_WHITE if image.mode == "1" else palette
    values = np.asarray(image if image.mode in PLAIN or palette is not None else image.convert("RGB"))
    return oriented(values.astype(np.uint8) if values.dtype == bool else values, orientation), palette


def _png_is_deep(source: Any) -> bool:
    """Whether a PNG has 16 bits per sample and more than one sample per pixel."""
    header = _bytes(source, 26)
    return header[24:25] == b"\x10" and header[25:26] in (b"\x02", b"\x04", b"\x06")


def _tiff(source: Any, index: int | None) -> list[Frame]:
    """The pictures of a TIFF that Pillow cannot hold exactly; nothing for other files."""
    if _bytes(source, 4) not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return []
    import tifffile

    with tifffile.TiffFile(source) as file:
        first: Any = file.pages[0]
        if _pillow_is_exact(first):
            return []
        numbers = main_pages(file)
        _check(index, len(numbers), first.imagewidth, first.imagelength)
        pages = [file.pages[number] for number in (numbers if index is None else [numbers[index]])]
        palette = BLACK_WHITE if first.bitspersample == 1 else None
        return [(_tiff_page(page), palette) for page in pages]


def main_pages(file: Any) -> list[int]:
    """The numbers of the pages of a TIFF that are pictures: not their previews, and not masks of transparency."""
    extra = 1 | 4  # bits of NewSubfileType
    numbers = [number for number, page in enumerate(file.pages) if not int(page.subfiletype or 0) & extra]
    return numbers or list(range(len(file.pages)))


def _pillow_is_exact(page: Any) -> bool:
    """Whether Pillow holds what the page stores: upright samples of at most 8 bits without sign.

    Pillow turns pages by their orientation itself, and mixes up the pixels of some of them.
    """
    known = int(page.compression) in PILLOW_DECODES and page.samplesperpixel <= MOST_CHANNELS
    return known and page.bitspersample in (1, 2, 4, 8) and page.sampleformat == 1 and _tiff_orientation(page) == 1


def _tiff_orientation(page: Any) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag else 1


def _tiff_page(page: Any) -> Values:
    """The samples of one page (row, column[, channel]); white-is-zero is turned to black-is-zero."""
    import tifffile

    kind = tifffile.PHOTOMETRIC
    if page.photometric not in (kind.MINISWHITE, kind.MINISBLACK, kind.RGB) or page.bitspersample in (2, 4):
        name = getattr(page.photometric, "name", page.photometric)
        turned = "" if _tiff_orientation(page) == 1 else " and is turned"
        raise ImageError(f"has {page.bitspersample} bits per sample in {name}{turned}", remedy="save it as RGB or grey")
    values: Values = page.asarray()
    values = values.astype(np.uint8) if values.dtype == bool else values
    if page.samplesperpixel > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        values = np.moveaxis(values, 0, -1)
    if values.ndim != 2 + (page.samplesperpixel > 1) or values.dtype.kind not in "biuf":
        raise ImageError(f"has samples of shape {values.shape} and type {values.dtype}; expected a picture")
    if page.photometric == kind.MINISWHITE:
        if values.dtype.kind != "u":
            raise ImageError(f"has white as 0 in {values.dtype} samples", remedy="save it with black as 0")
        values = values.dtype.type((1 << page.bitspersample) - 1) - values
    return oriented(values, _tiff_orientation(page))


def _netpbm(source: Any) -> list[Frame]:
    """A PGM or PPM with another maximum than 255, which Pillow would scale; nothing for other files."""
    found = NETPBM.match(_bytes(source, 512))
    if found is None or int(found[4]) == 255:
        return []
    width, height, most = (int(number) for number in found.groups()[1:])
    _check(None, 1, width, height)
    shape = (height, width, 3) if found[1] in b"36" else (height, width)
    data, count = _bytes(source)[found.end() :], int(np.prod(shape))
    if found[1] in b"23":
        text = b" ".join(line.partition(b"#")[0] for line in data.splitlines()).split()
        values = np.array([int(word) for word in text[:count]], np.uint16)
    else:
        kind = np.dtype(">u2") if most > 255 else np.dtype(np.uint8)
        values = np.frombuffer(data, kind, min(count, len(data) // kind.itemsize)).astype(kind.newbyteorder("="))
    if values.size < count:
        raise ImageError(f"holds {values.size} of {count} samples")
    return [(values.reshape(shape), None)]


def _bytes(source: Any, most: int = MOST_BYTES) -> bytes:
    if isinstance(source, io.BytesIO):
        source.seek(0)
        data = source.read(most)
        source.seek(0)
        return data
    with Path(source).open("rb") as file:
        return file.read(most)
