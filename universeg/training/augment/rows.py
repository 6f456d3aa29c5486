"""The sixteen rows of Table 4 of the paper: each with its transform, its probability and its limits.

The table is in alphabetical order, and the paper gives no other order. Here rows are applied from the first to the
last. To add an augmentation, add a row; to add a transform, derive from one of the three classes in transform.py.
"""

from dataclasses import dataclass
from typing import Literal

from universeg.training.augment.geometry import Affine, Elastic, Flip
from universeg.training.augment.intensity import Blur, BrightnessContrast, FlipIntensities, Noise, Sharpness
from universeg.training.augment.labels import FlipLabels, SobelEdge
from universeg.training.augment.transform import Transform

Scope = Literal["in-task", "task"]


@dataclass(frozen=True)
class Table4Row:
    """A transform. Scope `in-task` draws for each entry, `task` once for the query and its whole support set."""

    scope: Scope
    what: str
    p: float  # probability that it is applied to an episode; it is applied to all entries or to none
    transform: Transform

    @property
    def name(self) -> str:
        return f"{self.scope}/{self.what}"


AFFINE = Affine(degrees=(0, 360), translate=0.2, scale=(0.8, 1.1))
BLUR = Blur(side=5, sigma=(0.1, 1.1))
NOISE = Noise(mean=(0, 0.05), variance=(0, 0.05))
SHARPNESS = Sharpness(most=5)

ROWS = (
    # Spatial transforms first, all in one resampling. In-task rows come before task rows (algorithm 1).
    Table4Row("in-task", "affine", 0.5, AFFINE),
    Table4Row("in-task", "elastic", 0.8, Elastic(alpha=(1, 2.5), sigma=(7, 8))),
    Table4Row("task", "flip", 0.5, Flip()),
    Table4Row("task", "affine", 0.5, AFFINE),
    Table4Row("task", "elastic", 0.25, Elastic(alpha=(1, 2), sigma=(6, 8))),
    # Labels after spatial transforms, so that pixels from outside an image are background before a label flip. Edges
    # after the flip: a label of everything except an edge is not a useful task.
    Table4Row("task", "flip-labels", 0.5, FlipLabels()),
    Table4Row("task", "sobel-edge", 0.5, SobelEdge()),
    # Intensities in the order of image acquisition. Noise is last, because sharpening would amplify it.
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
