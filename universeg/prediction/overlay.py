"""The picture that shows a prediction: query with outlines, probability map, and support images. No torch here."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.contact_sheet import Panel, heat, outlined, sheet
from universeg.imageio.image import LoadedImage
from universeg.prediction.labels import Label
from universeg.prediction.preprocess import PreparedImage
from universeg.prediction.segmentation import Segmentation, winners
from universeg.standardise.resample import Array

Pixel = TypeVar("Pixel", bound=np.generic)
BIG, SMALL = 400, 128  # sides of the query's panels and of the small ones
FINEST = 1600  # pixels per side from which outlines are drawn; a larger picture is reduced first
SHOWN = 6  # small panels in a row
KEPT = 64  # panels of examples that are kept for the next images


class ExamplePanels:
    """Small panels of support slices. They are drawn once, since most images have the same support set."""

    def __init__(self, support: Sequence[PreparedImage]) -> None:
        self.support = support
        self.of = lru_cache(KEPT)(self._drawn)

    def _drawn(self, example: int, piece: int, labels: tuple[Label, ...]) -> Panel:
        return _example(self.support[example], piece, labels)


def overlay(title: str, scan: LoadedImage, found: Segmentation, support: ExamplePanels) -> Image.Image:
    """A sheet that shows a prediction. A picture is shown at its own size.

    Of a volume, the slice with the largest segmentation is shown, as the network sees it, and others through it.
    """
    query, labels = found.query, found.labels
    sizes = (found.winners != 0).sum(axis=(1, 2))
    row = int(sizes.argmax()) if sizes.any() else len(sizes) // 2
    grey, soft = _picture(scan, found) if query.axis is None else _slice(found, row)
    colours = [label.colour for label in labels]
    place = "" if query.axis is None else f", slice {query.rows[row] + 1} of {query.count}"
    first = [
        Panel(outlined(grey, _masks(winners(soft), labels), BIG, colours), f"result{place}"),
        Panel(heat(grey, soft.sum(axis=0), BIG), "probability: transparent 0, dark violet low, pale yellow 1"),
    ]
    through = [_small(*_slice(found, at), f"slice {query.rows[at] + 1}", labels) for at in _through(sizes)]
    shown = found.shown[row]
    nearest = {example: piece for example, piece in reversed(shown)}  # of each support volume, its first slice
    examples = [support.of(example, nearest[example], labels) for example in sorted(nearest)[:SHOWN]]
    head = f"{title}\nlast row: {len(examples)} of the {len(nearest)} support images, as the network sees them"
    return sheet([first, through, examples], head, [label.name for label in labels], colours)


def _picture(scan: LoadedImage, found: Segmentation) -> tuple[NDArray[np.uint8], Array]:
    """Grey levels (H, W) and probabilities (L, H, W) of a picture, of every n-th pixel if it is large."""
    step = slice(None, None, max(1, -(-max(scan.shape) // FINEST)))
    soft = np.stack([found.query.back(plane[0], step, step) for plane in found.probability])
    return _eight_bit(scan.values[step, step]), soft


def _slice(found: Segmentation, row: int) -> tuple[NDArray[np.uint8], Array]:
    """Grey levels (S, S) and probabilities (L, S, S) of one slice as the network sees it."""
    soft = np.stack([_upright(found.query, plane[row]) for plane in found.probability])
    return _upright(found.query, found.query.images[row]), soft


def _through(sizes: NDArray[np.intp]) -> list[int]:
    """Slices of a volume, from the first segmented one to the last."""
    at = np.flatnonzero(sizes)
    if len(sizes) == 1 or not len(at):
        return []
    return sorted({round(float(k)) for k in np.linspace(at[0], at[-1], SHOWN)})


def _small(grey: NDArray[np.uint8], soft: Array, caption: str, labels: Sequence[Label]) -> Panel:
    colours = [label.colour for label in labels]
    return Panel(outlined(grey, _masks(winners(soft), labels), SMALL, colours), caption)


def _example(entry: PreparedImage, piece: int, labels: Sequence[Label]) -> Panel:
    assert entry.labels is not None, "an example has a mask"
    values = _upright(entry, entry.labels[piece])
    masks = {label.name: values == label.value for label in labels}
    place = "" if entry.axis is None else f" slice {entry.rows[piece] + 1}"
    grey = _upright(entry, entry.images[piece])
    return Panel(outlined(grey, masks, SMALL, [label.colour for label in labels]), f"{Path(entry.name).name}{place}")


def _masks(values: NDArray[np.uint8], labels: Sequence[Label]) -> dict[str, NDArray[np.bool_]]:
    return {label.name: values == number for number, label in enumerate(labels, 1)}


def _eight_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    return ((values.astype(np.float32) - low) * (255 / ((high - low) or 1))).round().astype(np.uint8)


def _upright(entry: PreparedImage, plane: NDArray[Pixel]) -> NDArray[Pixel]:
    """A volume's slice with the head, or the front, up: its axes run from left, back and feet."""
    return plane if entry.axis is None else np.rot90(plane)
