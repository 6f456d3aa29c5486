"""The choice of augmentations for a training run."""

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
    """Augmentations: those of Table 4 of the paper, or a part of them."""

    preset: Literal["none", "in-task", "task", "paper"] = "paper"
    """in-task: change each image of an episode differently; task: change all its images alike; paper: both."""
    without: tuple[str, ...] = ()
    """Augmentations to leave out, by their names in docs/explanation/augmentation.md, for example task/flip-labels."""

    def __post_init__(self) -> None:
        choose(PRESETS, self.preset, "preset of augmentations")
        for name in self.without:
            choose({row.name: row for row in ROWS}, name, "augmentation")

    @property
    def rows(self) -> tuple[Table4Row, ...]:
        """The rows of the table to apply, in their order."""
        return tuple(row for row in ROWS if row.scope in PRESETS[self.preset] and row.name not in self.without)
