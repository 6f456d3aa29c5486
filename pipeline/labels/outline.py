"""Fill outlines: from points to the pixels inside."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.attrition import BadScan
from universeg.imageio.image import LoadedImage

Points = Sequence[tuple[float, float]]  # column, row, in pixels; (0, 0) is the centre of the first pixel
MAX_POINTS = 1 << 20


def filled(outlines: Sequence[Points], image: LoadedImage) -> NDArray[np.bool_]:
    """The pixels inside any of the outlines, including the pixels on the outlines; the shape is that of the image.

    Raises BadScan if the image is not a picture, or an outline is not usable.
    """
    if len(image.shape) != 2:
        raise BadScan(
            "outlines are for pictures, but the image is a volume", remedy="make each slice an image of its own"
        )
    # Pillow, because skimage.draw.polygon2mask leaves out part of the pixels on the outline.
    canvas = Image.new("1", (image.shape[1], image.shape[0]))
    for points in outlines:
        if len(points) < 3 or len(points) > MAX_POINTS or not np.isfinite(points).all():
            raise BadScan(f"an outline has {len(points)} points; expected 3 to {MAX_POINTS} points of finite numbers")
        ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in points], fill=1, outline=1)
    return np.asarray(canvas, bool)
