"""A person's labelled examples as tensors, and trials: examples that are segmented with the help of the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from universeg.base.rng import rng_for
from universeg.episodes.dice import dice
from universeg.episodes.levers.resize import resize_images, resize_masks

Wrap = Callable[[nn.Module], nn.Module]  # a network to the same network with levers


@dataclass(frozen=True)
class ExampleTensors:
    """Images, and a mask of each label for each image. Images of one subject are never used to segment each other.

    Raises ValueError if the shapes do not fit, or if there are fewer than two subjects.
    """

    images: Tensor  # (n, 1, H, W) float32 in [0, 1]
    masks: Tensor  # (n, L, H, W) float32, 0 or 1
    subjects: tuple[str, ...]  # of each image

    def __post_init__(self) -> None:
        images, masks = tuple(self.images.shape), tuple(self.masks.shape)
        fits = len(images) == len(masks) == 4 and images[1] == 1 and (images[0], images[2:]) == (masks[0], masks[2:])
        if not fits or len(self.subjects) != images[0]:
            raise ValueError(
                "expected images (n, 1, H, W), masks (n, labels, H, W) and n names of subjects,"
                f" got {images}, {masks} and {len(self.subjects)} names"
            )
        if len(set(self.subjects)) < 2:
            raise ValueError(f"expected examples of at least two subjects, got {len(set(self.subjects))}")

    @classmethod
    def of(cls, images: Tensor, masks: Tensor, subjects: Sequence[str] = ()) -> Self:
        """Images (n, 1, H, W) and masks (n, L, H, W) of any type; without names, each image is a subject."""
        names = tuple(subjects) or tuple(map(str, range(len(images))))
        return cls(images.float(), masks.float(), names)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int]) -> Self:
        """Some of the examples, in the given order."""
        chosen = list(indices)
        return replace(
            self,
            images=self.images[chosen],
            masks=self.masks[chosen],
            subjects=tuple(self.subjects[index] for index in chosen),
        )

    def resized(self, size: int) -> Self:
        """The examples at `size` pixels per side."""
        return replace(self, images=resize_images(self.images, size), masks=resize_masks(self.masks, size))

    def to(self, device: torch.device) -> Self:
        """The examples on a device."""
        return replace(self, images=self.images.to(device), masks=self.masks.to(device))

    def with_label(self, label: int) -> list[int]:
        """Indices of the examples in which a label is present."""
        return [int(index) for index in self.masks[:, label].flatten(1).any(1).nonzero()]

    def of_other_subjects(self, index: int) -> list[int]:
        """Indices of the examples of all other subjects."""
        return [other for other, name in enumerate(self.subjects) if name != self.subjects[index]]

    def support(self, indices: Sequence[int], label: int) -> tuple[Tensor, Tensor]:
        """Support images and masks (1, N, 1, H, W)."""
        chosen = list(indices)
        return self.images[chosen][None], self.masks[chosen][None, :, label, None]


@dataclass(frozen=True)
class Trial:
    """One label of one example as the query, examples of other subjects as its support set, and a network."""

    query: int
    label: int
    support: tuple[int, ...]
    network: nn.Module

    def dice(self, examples: ExampleTensors, wrap: Wrap = lambda network: network) -> float:
        """Dice of the wrapped network's prediction, from 0 to 100."""
        with torch.inference_mode():
            logits = wrap(self.network)(examples.images[[self.query]], *examples.support(self.support, self.label))
        ground_truth = examples.masks[self.query, self.label] > 0
        return dice((logits[0, 0] > 0).cpu().numpy(), ground_truth.cpu().numpy())


def leave_one_out(
    examples: ExampleTensors, network: nn.Module, count: int, support_size: int, seed: int
) -> list[Trial]:
    """At most `count` trials; each label has nearly equally many. A support set has at most `support_size` examples.

    Every trial has a label that its query and an example of another subject have.
    """
    rng = rng_for("trials", seed)
    labels = range(examples.masks.shape[1])
    queues = [list(rng.permutation(examples.with_label(label))) for label in labels]
    found = list[Trial]()
    while any(queues) and len(found) < count:
        for label, queue in enumerate(queues):
            if queue and len(found) < count:
                query = int(queue.pop())
                support = draw_support(examples, query, label, support_size, rng)
                found += [Trial(query, label, support, network)] if support else []
    return found


def draw_support(
    examples: ExampleTensors,
    query: int,
    label: int,
    size: int,
    rng: np.random.Generator,
    pool: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """At most `size` examples of other subjects (of `pool`, if given), without replacement; the first has the label.

    Empty if no other subject has the label.
    """
    others = set(examples.of_other_subjects(query)) & set(range(len(examples)) if pool is None else pool)
    marked = sorted(others & set(examples.with_label(label)))
    if not marked:
        return ()
    first = int(rng.choice(marked))
    rest = rng.permutation(sorted(others - {first}))[: size - 1]
    return first, *map(int, rest)
