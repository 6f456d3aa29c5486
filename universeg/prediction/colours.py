"""Colour pictures as the network sees them, which is in grey: luminance, or one channel. No torch here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import LoadedImage
from universeg.imageio.load import read_colours
from universeg.standardise.normalise import luminance

PRIMARIES = ("red", "green", "blue")

Values = NDArray[Any]


def coloured_image(path: Path, channel: str, frame: int | None = None) -> LoadedImage:
    """A file as grey values, with a note if it has colours; `channel` is luminance, red, green or blue."""
    return in_grey(read_colours(path, frame), channel)


def in_grey(image: LoadedImage, channel: str) -> LoadedImage:
    """An image with colours (..., C), or with grey values already, as grey values; a note says which channel."""
    if image.values.ndim == len(image.spacing):
        return image
    notes = image.notes
    if has_colour(image.values):
        notes = (*notes, f"the network sees grey: of its colours the {channel} (see --channel)")
    return replace(image, values=grey(image.values, channel), notes=notes)


def has_colour(values: Values) -> bool:
    """Whether channels (..., C) hold colours, not three times the same grey."""
    return values.shape[-1] >= 3 and not all((values[..., 0] == values[..., k]).all() for k in (1, 2))


def grey(values: Values, channel: str) -> Values:
    """Grey values (...) of colours (..., C): luminance, or one channel, which is the grey level if there are none."""
    if channel not in PRIMARIES or values.shape[-1] < 3:
        return luminance(values)
    return np.ascontiguousarray(values[..., PRIMARIES.index(channel)])
