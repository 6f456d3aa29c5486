"""The paper's augmentations (section 3.2, table 4): more subjects of a task, and more tasks.

    augmentation = Augmentation(AugmentConfig(preset="paper").rows)
    images, masks = augmentation(images, masks, [rng_for("augment", seed, step, item) for item in range(batch)])

docs/augmentation.md shows each of them.
"""

from universeg.training.augment.augmentation import Augmentation
from universeg.training.augment.config import AugmentConfig
from universeg.training.augment.rows import ROWS, Table4Row

__all__ = ["ROWS", "AugmentConfig", "Augmentation", "Table4Row"]
