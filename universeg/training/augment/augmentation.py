"""Augment episodes: random numbers are drawn on the CPU, and applied in batches on the device of the pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from universeg.base.device import sent
from universeg.training.augment.geometry import pixel_positions, sample
from universeg.training.augment.rows import Table4Row
from universeg.training.augment.transform import (
    EpisodeShape,
    IntensityTransform,
    LabelTransform,
    Numbers,
    Params,
    SpatialTransform,
)


@dataclass(frozen=True)
class SampledTransform:
    """A row, the episodes of a batch to which it is applied, and the random numbers of each of these."""

    row: Table4Row
    episodes: tuple[int, ...]
    numbers: tuple[Numbers, ...]

    def params(self, device: torch.device) -> Params:
        """The numbers as tensors (B, D, ...), where B counts those episodes."""
        names = self.numbers[0]
        return {name: sent(np.stack([own[name] for own in self.numbers]), device) for name in names}


@dataclass(frozen=True)
class Augmentation:
    """Rows, applied from the first to the last: first all spatial transforms in one resampling, then the others.

    If a change would leave the query mask, or all support masks, without foreground, there would be nothing to learn.
    Such a change (all spatial transforms together, or the one label transform) is not applied to that episode. An
    episode that comes in without such foreground is changed like any other.
    """

    rows: Sequence[Table4Row]

    def __call__(self, images: Tensor, masks: Tensor, rngs: Sequence[np.random.Generator]) -> tuple[Tensor, Tensor]:
        """Augment images in [0, 1] and masks of 0 and 1, both float32 (B, N+1, 1, H, W), the query first.

        Each of the B episodes draws from its own generator on the CPU, so its numbers depend neither on the device nor
        on the other episodes. The inputs are not modified. Raises ValueError for other shapes or types.
        """
        _check(images, masks, rngs)
        return self.apply(images, masks, self.draw(rngs, images.shape[1], (images.shape[-2], images.shape[-1])))

    def draw(self, rngs: Sequence[np.random.Generator], entries: int, size: tuple[int, int]) -> list[SampledTransform]:
        """Draw the transforms of each episode, with one generator per episode; rows without any episode are omitted."""
        sampled = [dict[int, Numbers]() for _ in self.rows]
        for episode, rng in enumerate(rngs):
            for row, own, chance in zip(self.rows, sampled, rng.random(len(self.rows)), strict=True):
                if chance < row.p:
                    draws = entries if row.scope == "in-task" else 1
                    own[episode] = row.transform.draw(rng, EpisodeShape(draws, entries, size))
        pairs = zip(self.rows, sampled, strict=True)
        return [SampledTransform(row, tuple(own), tuple(own.values())) for row, own in pairs if own]

    @torch.no_grad()
    def apply(self, images: Tensor, masks: Tensor, sampled: Sequence[SampledTransform]) -> tuple[Tensor, Tensor]:
        """Apply drawn transforms to images and masks (B, N+1, 1, H, W)."""
        with torch.autocast(images.device.type, enabled=False):
            images, masks = _apply_spatial(images, masks, sampled)
            for one in sampled:
                if isinstance(one.row.transform, LabelTransform):
                    masks = _apply_labels(masks, one, one.row.transform)
                if isinstance(one.row.transform, IntensityTransform):
                    images = _apply_intensities(images, one, one.row.transform)
        return images, masks


def _apply_spatial(images: Tensor, masks: Tensor, sampled: Sequence[SampledTransform]) -> tuple[Tensor, Tensor]:
    """Resample once, at the positions to which all spatial transforms lead back; the last one is undone first."""
    spatial = [(one, one.row.transform) for one in sampled if isinstance(one.row.transform, SpatialTransform)]
    moving = sorted({episode for one, _ in spatial for episode in one.episodes})
    if not moving:
        return images, masks
    points = pixel_positions((images.shape[-2], images.shape[-1]), images).expand(len(images), 1, -1, -1, -1)
    for one, transform in reversed(spatial):
        if one.row.scope == "in-task":  # from here on each entry has its own positions
            points = points.expand(-1, images.shape[1], -1, -1, -1)
        own = transform.source_points(_select(points, one.episodes), one.params(images.device))
        points = _replace(points, one.episodes, own)
    old_images, old_masks = _select(images, moving), _select(masks, moving)
    new_images, new_masks = sample(old_images, old_masks, _select(points, moving))
    keep = _learnable(new_masks) | ~_learnable(old_masks)
    new_images, new_masks = torch.where(keep, new_images, old_images), torch.where(keep, new_masks, old_masks)
    return _replace(images, moving, new_images), _replace(masks, moving, new_masks)


def _apply_labels(masks: Tensor, one: SampledTransform, transform: LabelTransform) -> Tensor:
    old = _select(masks, one.episodes)
    new = transform.masks(old, one.params(masks.device))
    return _replace(masks, one.episodes, torch.where(_learnable(new) | ~_learnable(old), new, old))


def _apply_intensities(images: Tensor, one: SampledTransform, transform: IntensityTransform) -> Tensor:
    new = transform.images(_select(images, one.episodes), one.params(images.device))
    return _replace(images, one.episodes, new.clamp(0, 1))


def _learnable(masks: Tensor) -> Tensor:
    """Whether the query and at least one support entry of masks (B, E, 1, H, W) have foreground: (B, 1, 1, 1, 1)."""
    has = masks.amax((-3, -2, -1), keepdim=True) > 0
    return has[:, :1] & has[:, 1:].any(1, keepdim=True)


def _select(values: Tensor, episodes: Sequence[int]) -> Tensor:
    """Some episodes of values (B, ...)."""
    return values if len(episodes) == len(values) else values[list(episodes)]


def _replace(values: Tensor, episodes: Sequence[int], new: Tensor) -> Tensor:
    """Values (B, ...) with some episodes replaced; the others keep every bit."""
    if len(episodes) == len(values):
        return new
    values = values.clone()
    values[list(episodes)] = new
    return values


def _check(images: Tensor, masks: Tensor, rngs: Sequence[np.random.Generator]) -> None:
    fits = images.ndim == 5 and images.shape[1] >= 2 and images.shape[2] == 1 and images.shape == masks.shape
    if not fits or images.dtype != torch.float32 or masks.dtype != torch.float32:
        raise ValueError(
            "expected images and masks float32 (B, N+1, 1, H, W), the query and at least one support entry,"
            f" got {images.dtype} {tuple(images.shape)} and {masks.dtype} {tuple(masks.shape)}"
        )
    if len(rngs) != len(images):
        raise ValueError(f"expected one generator for each of {len(images)} episodes, got {len(rngs)}")
