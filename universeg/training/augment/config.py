"""Which of the augmentations a training uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from universeg.base.lookup import choose
from universeg.training.augment.rows import ROWS, Scope, Table4Row

PRESETS: Mapping[str, tuple[Scope, ...]] = {
    "none": (),
    "in-task": ("in-task",),
    "task": ("task",),
    "paper": ("in-task", "task"),
}


@dataclass(frozen=True)
class AugmentConfig:
    """Table 4 of the paper, or a part of it."""

    preset: Literal["none", "in-task", "task", "paper"] = "paper"
    """in-task changes each image of an episode in its own way, task all in the same way; paper does both."""
    without: tuple[str, ...] = ()
    """Rows to leave out, as in docs/augmentation.md: in-task/affine task/flip-labels ..."""

    def __post_init__(self) -> None:
        choose(PRESETS, self.preset, "preset of augmentations")
        for name in self.without:
            choose({row.name: row for row in ROWS}, name, "augmentation")

    @property
    def rows(self) -> tuple[Table4Row, ...]:
        """What is left, in the order in which it is applied."""
        return tuple(row for row in ROWS if row.scope in PRESETS[self.preset] and row.name not in self.without)
