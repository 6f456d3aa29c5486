"""Examples that a stand-in for the network can segment: a bright ellipse on a tissue of its own, in each image."""

from dataclasses import dataclass, field

import numpy as np

from universeg.imageio.image import LoadedImage
from universeg.prediction.examples import Examples
from universeg.prediction.labels import labels_of
from universeg.prediction.preprocess import preprocess
from universeg.prediction.settings import Settings

SIDE = 64
LABELS = labels_of([1], {})


def tissue(rng):
    """Smooth noise, 0 to 1: no two images are alike."""
    coarse = rng.normal(0, 1, (9, 9))
    rows = np.linspace(0, 8, SIDE)
    low = rows.astype(int).clip(0, 7)
    part = (rows - low)[:, None]
    stretched = coarse[low] * (1 - part) + coarse[low + 1] * part
    smooth = (stretched[:, low] * (1 - part.T) + stretched[:, low + 1] * part.T) / 4
    return (smooth - smooth.min()) / np.ptp(smooth)


def picture(number):
    """An image, uint8, and its mask."""
    rng = np.random.default_rng(number)
    row, column = rng.uniform(22, 42, 2)
    high, wide = rng.uniform(9, 14, 2)
    rows, columns = np.indices((SIDE, SIDE))
    mask = ((rows - row) / high) ** 2 + ((columns - column) / wide) ** 2 < 1
    image = 40 + 60 * tissue(rng) + 72 * mask + rng.normal(0, 4, mask.shape)
    return image.clip(0, 255).astype(np.uint8), mask


def prepared(image, mask=None, name="x.png"):
    return preprocess(LoadedImage(image, (1.0,) * image.ndim, name), Settings(size=SIDE), mask)


def example(number, **change):
    image, mask = picture(number)
    return prepared(change.get("image", image), change.get("mask", mask), f"folder/{number}.png")


def examples_of(*images):
    return Examples(tuple(images), LABELS)


@dataclass(frozen=True)
class Answer:
    probability: np.ndarray
    winners: np.ndarray


@dataclass
class Bright:
    """Marks what is as bright as the inside of the masks that it is shown; with few examples it misses a part."""

    examples: Examples
    calls: list = field(default_factory=list)
    missing: float = 0.0  # share of the rows that it leaves out, divided by the number of examples

    def segment(self, query, without=()):
        shown = [image for at, image in enumerate(self.examples.images) if at not in without]
        self.calls.append((query, len(shown)))
        inside = np.mean([image.images[image.labels != 0].mean() for image in shown if image.labels.any()])
        outside = np.mean([image.images[image.labels == 0].mean() for image in shown])
        sign = np.sign(inside - outside)
        chance = 1 / (1 + np.exp(-sign * (query.images.astype(float) - (inside + outside) / 2) / 8))
        chance[:, : int(SIDE * self.missing / len(shown))] = 0
        return Answer(chance[None].astype(np.float32), (chance >= 0.5).astype(np.uint8))


def good(count=8):
    return examples_of(*(example(number) for number in range(count)))
