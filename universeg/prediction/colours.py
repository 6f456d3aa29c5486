"""Colour pictures as the network sees them, which is in grey: luminance, or one channel. No torch here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import LoadedImage
from universeg.imageio.load import read_colours
from universeg.standardise.normalise import luminance

TINTED = 256  # samples per side from which the mean colour is taken
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
    tint = None
    if has_colour(image.values):
        seen = channel if channel == "luminance" else f"{channel} channel"
        notes = (*notes, f"the picture has colours, and the network sees only its {seen}; --channel chooses another")
        tint = _tint(image.values)
    return replace(image, values=grey(image.values, channel), notes=notes, tint=tint)


def _tint(values: Values) -> tuple[float, float]:
    """The shares of red and of blue in the mean colour, each from 0 to 1."""
    step = max(1, max(values.shape[:2]) // TINTED)
    red, green, blue = values[::step, ::step, ..., :3].reshape(-1, 3).mean(axis=0, dtype=np.float64)
    whole = max(red + green + blue, 1e-9)
    return float(red / whole), float(blue / whole)


def has_colour(values: Values) -> bool:
    """Whether channels (..., C) hold colours, not three times the same grey."""
    return values.shape[-1] >= 3 and not all((values[..., 0] == values[..., k]).all() for k in (1, 2))


def grey(values: Values, channel: str) -> Values:
    """Grey values (...) of colours (..., C): luminance, or one channel, which is the grey level if there are none."""
    if channel not in PRIMARIES or values.shape[-1] < 3:
        return luminance(values)
    return np.ascontiguousarray(values[..., PRIMARIES.index(channel)])
