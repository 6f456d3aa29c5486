"""Pictures (PNG, BMP, JPEG, TIFF, GIF, PPM ..., also gzipped), through Pillow, with the values that the file stores."""

import gzip
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from universeg.imageio.image import ImageError, RawImage

BLACK_WHITE = np.array([[0] * 3, [255] * 3], np.uint8)  # the colours that the values of a one-bit picture stand for
PLAIN = {"1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}  # modes whose values are numbers
MOST_PIXELS = 1 << 28  # a file of a few bytes may claim any size
MOST_BYTES = 1 << 30  # of the content of a gzipped file
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


def raster(path: Path, index: int | None = None) -> RawImage:
    """Pixels (row, column), with colour channels last. Palette indices stay indices; one-bit values become 0 and 1.

    Of a file with several pictures, `index` chooses one; without it they are the slices of a volume. A picture is turned
    as its EXIF orientation says, as every viewer does.
    """
    with _opened(path) as image:
        pictures = getattr(image, "n_frames", 1)
        if image.width * image.height * pictures > MOST_PIXELS:
            raise ImageError(
                f"claims {pictures} x {image.width} x {image.height} pixels, more than {MOST_PIXELS}",
                remedy="crop or shrink it first",
            )
        if index is not None and not 0 <= index < pictures:
            raise ImageError(f"holds {pictures} pictures, number {index} is wanted")
        if index is None and pictures > 1:
            slices = [_frame(image, number)[0].swapaxes(0, 1) for number in range(pictures)]
            return RawImage(np.stack(slices, axis=2), is_volume=True)
        values, palette = _frame(image, index or 0)
    return RawImage(values, palette=palette)


def _opened(path: Path) -> Image.Image:
    """The picture, not decoded yet. Pillow only warns of a size above its limit; the caller refuses it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(_inflated(path)) if path.suffix.lower() == ".gz" else path)
    except Image.DecompressionBombError as error:
        raise ImageError(f"claims more than {MOST_PIXELS} pixels", remedy="crop or shrink it first") from error


def _frame(image: Image.Image, number: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Values and palette of one picture of a file."""
    if number:
        image.seek(number)
    image = ImageOps.exif_transpose(image)
    palette = None
    if image.mode == "P":
        given = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette = np.zeros((256, 3), np.uint8)  # a damaged file may have indices beyond its palette
        palette[: len(given)] = given[:256]
    palette = BLACK_WHITE if image.mode == "1" else palette
    values = np.asarray(image if image.mode in PLAIN or palette is not None else image.convert("RGB"))
    return (values.astype(np.uint8) if values.dtype == bool else values), palette


def _inflated(path: Path) -> bytes:
    with gzip.open(path) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ImageError(f"inflates to more than {MOST_BYTES} bytes")
    return data
