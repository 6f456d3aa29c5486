"""Pictures (PNG, BMP, JPEG, TIFF, GIF, PPM ...), through Pillow, values as stored."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.volume import BadScan, Volume

PLAIN = {"1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}  # numbers as they are
MOST_PIXELS = 1 << 28  # a file of a few bytes may claim any size


def raster(path: Path, channel: int | None = None) -> Volume:
    """Pixels (row, column), with colour channels last; a palette's indices stay indices, 1-bit becomes 0 and 1."""
    with Image.open(path) as image:
        if image.width * image.height > MOST_PIXELS:
            raise BadScan(f"claims {image.width} x {image.height} pixels, more than {MOST_PIXELS}")
        if getattr(image, "n_frames", 1) > 1:
            raise BadScan(f"holds {getattr(image, 'n_frames', 1)} pictures; expected one")
        palette = np.array(image.getpalette("RGB")).reshape(-1, 3) if image.mode == "P" else None
        values = np.asarray(image if image.mode in PLAIN or palette is not None else image.convert("RGB"))
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if channel is not None:
        if values.ndim < 3 or not 0 <= channel < values.shape[2]:
            raise BadScan(f"has shape {values.shape}, channel {channel} is wanted")
        values = values[..., channel]
    return Volume(values, (1.0, 1.0), palette=palette)
