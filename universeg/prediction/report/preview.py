"""The picture of a result in report.html: the image at its own size and in its own colours, with outlines. No torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Colour, outlined

SIDE, LEAST = 640, 256  # longest side of a picture; a smaller image is enlarged to the second
FINEST = 1600  # samples per side from which outlines are drawn; a larger picture is reduced first
TILE, COLUMNS, TILES = 160, 4, 12  # of the montage of a volume
GAP = 4
QUALITY = 85  # of JPEG


def write_preview(path: Path, picture: Image.Image) -> None:
    """Write a preview as JPEG."""
    with atomic_write(path) as part:
        picture.convert("RGB").save(part, format="JPEG", quality=QUALITY)


def picture_preview(values: NDArray[np.generic], numbers: NDArray[np.uint8], colours: Sequence[Colour]) -> Image.Image:
    """Of a picture, grey (H, W) or in colour (H, W, C), with its label map (H, W): n for the n-th structure."""
    step = max(1, -(-max(numbers.shape) // FINEST))
    shown, marks = _eight_bit(values[::step, ::step]), numbers[::step, ::step]
    side = min(SIDE, max(LEAST, *numbers.shape))
    return outlined(shown, _masks(marks, len(colours)), side, colours)


def volume_preview(
    values: NDArray[np.generic],
    numbers: NDArray[np.uint8],
    axis: int,
    spacing: Sequence[float],
    limits: tuple[float, float],
    colours: Sequence[Colour],
) -> Image.Image:
    """Slices of a volume (X, Y, Z) along `axis`, from the first with a structure to the last, side by side.

    `limits` are the intensities that are shown black and white.
    """
    along, marks = np.moveaxis(values, axis, 0), np.moveaxis(numbers, axis, 0)
    at = np.flatnonzero(marks.any(axis=(1, 2)))
    first, last = (int(at[0]), int(at[-1])) if len(at) else (0, len(along) - 1)
    rows = sorted({round(float(k)) for k in np.linspace(first, last, min(TILES, last - first + 1))})
    steps = [step for k, step in enumerate(spacing) if k != axis]
    tiles = [_tile(along[row], marks[row], steps, limits, colours) for row in rows]
    columns = min(COLUMNS, len(tiles))
    lines = -(-len(tiles) // columns)
    wide, high = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    paper = Image.new("RGB", (columns * (wide + GAP) - GAP, lines * (high + GAP) - GAP), (0, 0, 0))
    for number, tile in enumerate(tiles):
        paper.paste(tile, ((number % columns) * (wide + GAP), (number // columns) * (high + GAP)))
    return paper


def _tile(
    plane: NDArray[np.generic],
    numbers: NDArray[np.uint8],
    steps: Sequence[float],
    limits: tuple[float, float],
    colours: Sequence[Colour],
) -> Image.Image:
    """One slice in its true proportions, with the head, or the front, up."""
    low, high = limits
    grey = np.clip((plane.astype(np.float32) - low) * (255 / ((high - low) or 1)), 0, 255).astype(np.uint8)
    shape = [count * step for count, step in zip(plane.shape, steps, strict=True)]
    scale = TILE / max(shape)
    size = [max(1, round(extent * scale)) for extent in shape]
    grey, marks = (np.rot90(_resized(part, size, how)) for part, how in ((grey, _SMOOTH), (numbers, _NEAREST)))
    return outlined(np.ascontiguousarray(grey), _masks(marks, len(colours)), TILE, colours)


_SMOOTH, _NEAREST = Image.Resampling.BICUBIC, Image.Resampling.NEAREST


def _resized(plane: NDArray[np.uint8], size: Sequence[int], how: Image.Resampling) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((size[1], size[0]), how))


def _masks(numbers: NDArray[np.uint8], count: int) -> dict[str, NDArray[np.bool_]]:
    return {str(number): numbers == number for number in range(1, count + 1)}


def _eight_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey or colour as uint8, from the darkest to the brightest sample; opacity is left out."""
    if values.ndim == 3:
        values = values[..., :3] if values.shape[-1] >= 3 else values[..., 0]
    if values.dtype == np.uint8 and values.ndim == 3:
        return np.ascontiguousarray(values)
    low, high = float(values.min()), float(values.max())
    return ((values.astype(np.float32) - low) * (255 / ((high - low) or 1))).round().astype(np.uint8)
