"""Outlines as points -> the pixels inside."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.attrition import BadScan
from universeg.imageio.image import LoadedImage

Points = Sequence[tuple[float, float]]  # column, row, in pixels; the centre of the first is (0, 0)
MOST_POINTS = 1 << 20


def filled(outlines: Sequence[Points], image: LoadedImage) -> NDArray[Any]:
    """Pixels inside any of the outlines, their borders included."""
    if len(image.shape) != 2:
        raise BadScan("outlines belong to pictures, this is a volume", remedy="take each slice as a picture")
    canvas = Image.new("1", (image.shape[1], image.shape[0]))
    for points in outlines:
        if len(points) < 3 or len(points) > MOST_POINTS or not np.isfinite(points).all():
            raise BadScan(f"an outline has {len(points)} points; expected at least 3 that are numbers")
        ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in points], fill=1, outline=1)
    return np.asarray(canvas, bool)
