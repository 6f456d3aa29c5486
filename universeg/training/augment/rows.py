"""The sixteen rows of Table 4 of the paper: what is done, how often, and within what limits.

The table is in alphabetical order and the paper does not say another; here rows are applied from the first to the last.
To add an augmentation, add its line; a new transform is a class of one of the three kinds of `draws.py`.
"""

from dataclasses import dataclass
from typing import Literal

from universeg.training.augment.draws import Transform
from universeg.training.augment.geometry import Affine, Elastic, Flip
from universeg.training.augment.intensity import Blur, BrightnessContrast, FlipIntensities, Noise, Sharpness
from universeg.training.augment.labels import FlipLabels, SobelEdge

Scope = Literal["in-task", "task"]


@dataclass(frozen=True)
class Table4Row:
    """A transform of an episode; `in-task` draws for each entry, `task` once for query and support alike."""

    scope: Scope
    what: str
    p: float  # how often it happens to an episode, to all its entries or to none
    transform: Transform

    @property
    def name(self) -> str:
        return f"{self.scope}/{self.what}"


AFFINE = Affine(degrees=(0, 360), translate=0.2, scale=(0.8, 1.1))
BLUR = Blur(side=5, sigma=(0.1, 1.1))
NOISE = Noise(mean=(0, 0.05), variance=(0, 0.05))
SHARPNESS = Sharpness(most=5)

ROWS = (
    # Places first, all in one sampling. The in-task ones come before those of the task (algorithm 1).
    Table4Row("in-task", "affine", 0.5, AFFINE),
    Table4Row("in-task", "elastic", 0.8, Elastic(alpha=(1, 2.5), sigma=(7, 8))),
    Table4Row("task", "flip", 0.5, Flip()),
    Table4Row("task", "affine", 0.5, AFFINE),
    Table4Row("task", "elastic", 0.25, Elastic(alpha=(1, 2), sigma=(6, 8))),
    # Labels after places, so that what comes from outside an image is background before the two change places. Edges
    # last: everything but an edge would be no task.
    Table4Row("task", "flip-labels", 0.5, FlipLabels()),
    Table4Row("task", "sobel-edge", 0.5, SobelEdge()),
    # Intensities in the order in which light becomes a picture; noise last, else sharpening would make it glaring.
    Table4Row("in-task", "brightness-contrast", 0.25, BrightnessContrast(brightness=(-0.1, 0.1), contrast=(0.5, 1.5))),
    Table4Row("in-task", "blur", 0.25, BLUR),
    Table4Row("in-task", "sharpness", 0.25, SHARPNESS),
    Table4Row("in-task", "noise", 0.25, NOISE),
    Table4Row("task", "flip-intensities", 0.5, FlipIntensities()),
    Table4Row("task", "brightness-contrast", 0.5, BrightnessContrast(brightness=(-0.1, 0.1), contrast=(0.8, 1.2))),
    Table4Row("task", "blur", 0.5, BLUR),
    Table4Row("task", "sharpness", 0.5, SHARPNESS),
    Table4Row("task", "noise", 0.5, NOISE),
)
