"""The paper's augmentations (section 3.2, table 4): more variety within tasks, and more tasks.

    augmentation = Augmentation(AugmentConfig(preset="paper").rows)
    images, masks = augmentation(images, masks, [rng_for("augment", seed, step, item) for item in range(batch)])

docs/explanation/augmentation.md shows an example of each.
"""

from universeg.training.augment.augmentation import Augmentation
from universeg.training.augment.config import AugmentConfig
from universeg.training.augment.rows import ROWS, Table4Row

__all__ = ["ROWS", "AugmentConfig", "Augmentation", "Table4Row"]
