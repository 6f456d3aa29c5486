"""The picture that shows a prediction: query with outline, probability map, and support images. No torch here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.contact_sheet import Panel, heat, outlined, sheet
from universeg.imageio.image import LoadedImage
from universeg.prediction.preprocess import HALF, PreparedImage
from universeg.standardise.resample import Array

Pixel = TypeVar("Pixel", bound=np.generic)
BIG, SMALL = 400, 128  # sides of the query's panels and of the support's
SHOWN = 6  # support examples in the picture


def overlay(
    title: str, scan: LoadedImage, query: PreparedImage, own: Array, slices: Array, support: Sequence[PreparedImage]
) -> Image.Image:
    """A sheet that shows a prediction. `own` is the probability on the image's grid, `slices` on the standard grid.

    A picture is shown at its own size. Of a volume, the slice with the largest segmentation is shown, as the network
    sees it.
    """
    row = int((slices >= HALF).sum(axis=(1, 2)).argmax()) if (slices >= HALF).any() else len(slices) // 2
    if query.axis is None:
        grey, soft, place = _eight_bit(scan.values), own, ""
    else:
        grey, soft = _upright(query, query.images[row]), _upright(query, slices[row])
        place = f", slice {row + 1} of {len(slices)} on the network's grid" if len(slices) > 1 else ", middle slice"
    mask = soft >= HALF
    first = [
        Panel(outlined(grey, {"result": mask}, BIG), f"result{place}"),
        Panel(heat(grey, soft, BIG), "probability: transparent 0, dark violet low, pale yellow 1"),
    ]
    examples = [
        Panel(
            outlined(_upright(entry, entry.images[at]), {"mask": _upright(entry, entry.masks[at])}, SMALL),
            Path(entry.name).name,
        )
        for entry in support[:SHOWN]
        for at in [entry.slice_at_height(query, row)]
        if entry.masks is not None
    ]
    legend = (
        f"outline of the mask; below: {len(examples)} of the {len(support)} support images, as the network sees them"
    )
    return sheet([first, examples], title, [legend])


def _eight_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    return ((values.astype(np.float32) - low) * (255 / ((high - low) or 1))).round().astype(np.uint8)


def _upright(entry: PreparedImage, plane: NDArray[Pixel]) -> NDArray[Pixel]:
    """A volume's slice with the head, or the front, up: its axes run from left, back and feet."""
    return plane if entry.axis is None else np.rot90(plane)
