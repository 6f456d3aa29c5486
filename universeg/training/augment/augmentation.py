"""From episodes to augmented episodes: draw on the CPU, apply in batches where the pixels are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from universeg.training.augment.draws import Extent, Numbers, Params, Relabel, Tone, Warp
from universeg.training.augment.geometry import pixels, sampled
from universeg.training.augment.rows import Table4Row


@dataclass(frozen=True)
class SampledTransform:
    """A row, the episodes of a batch that it happens to, and the numbers of each of those."""

    row: Table4Row
    episodes: tuple[int, ...]
    numbers: tuple[Numbers, ...]

    def params(self, device: torch.device) -> Params:
        """The numbers as tensors (B, D, ...), B being those episodes."""
        names = self.numbers[0]
        return {name: torch.from_numpy(np.stack([own[name] for own in self.numbers])).to(device) for name in names}


@dataclass(frozen=True)
class Augmentation:
    """Rows, applied from the first to the last: first those that move pixels, in one sampling, then the others.

    An episode is kept from a change that would leave its query mask, or all its support masks, without foreground:
    there would be nothing to learn. Such an episode goes without any of the moves, or without that change of labels.
    One that comes in like that is changed like any other.
    """

    rows: Sequence[Table4Row]

    def __call__(self, images: Tensor, masks: Tensor, rngs: Sequence[np.random.Generator]) -> tuple[Tensor, Tensor]:
        """Images in [0, 1] and masks of 0 and 1, both float32 (B, N+1, 1, H, W), the query first, augmented.

        Each of the B episodes draws from its own generator, on the CPU: the draws depend neither on the device nor on
        the other episodes. The inputs stay as they are. Raises ValueError for other shapes or types.
        """
        _check(images, masks, rngs)
        return self.apply(images, masks, self.draw(rngs, images.shape[1], (images.shape[-2], images.shape[-1])))

    def draw(self, rngs: Sequence[np.random.Generator], entries: int, size: tuple[int, int]) -> list[SampledTransform]:
        """What happens to each episode, one generator for each; rows that happen to none are left out."""
        found = [dict[int, Numbers]() for _ in self.rows]
        for episode, rng in enumerate(rngs):
            for row, own, chance in zip(self.rows, found, rng.random(len(self.rows)), strict=True):
                if chance < row.p:
                    draws = entries if row.scope == "in-task" else 1
                    own[episode] = row.transform.draw(rng, Extent(draws, entries, size))
        drawn = zip(self.rows, found, strict=True)
        return [SampledTransform(row, tuple(own), tuple(own.values())) for row, own in drawn if own]

    @torch.no_grad()
    def apply(self, images: Tensor, masks: Tensor, drawn: Sequence[SampledTransform]) -> tuple[Tensor, Tensor]:
        """Images and masks (B, N+1, 1, H, W) with what was drawn."""
        with torch.autocast(images.device.type, enabled=False):
            images, masks = _moved(images, masks, drawn)
            for one in drawn:
                if isinstance(one.row.transform, Relabel):
                    masks = _relabelled(masks, one, one.row.transform)
                if isinstance(one.row.transform, Tone):
                    images = _toned(images, one, one.row.transform)
        return images, masks


def _moved(images: Tensor, masks: Tensor, drawn: Sequence[SampledTransform]) -> tuple[Tensor, Tensor]:
    """Sampled at the places that all warps together lead back to; what was done last is undone first."""
    warps = [(one, one.row.transform) for one in drawn if isinstance(one.row.transform, Warp)]
    moving = sorted({episode for one, _ in warps for episode in one.episodes})
    if not moving:
        return images, masks
    points = pixels((images.shape[-2], images.shape[-1]), images).expand(len(images), 1, -1, -1, -1)
    for one, warp in reversed(warps):
        if one.row.scope == "in-task":  # from here on each entry has places of its own
            points = points.expand(-1, images.shape[1], -1, -1, -1)
        own = warp.back(_of(points, one.episodes), one.params(images.device))
        points = _put(points, one.episodes, own)
    old_images, old_masks = _of(images, moving), _of(masks, moving)
    new_images, new_masks = sampled(old_images, old_masks, _of(points, moving))
    keep = _learnable(new_masks) | ~_learnable(old_masks)
    new_images, new_masks = torch.where(keep, new_images, old_images), torch.where(keep, new_masks, old_masks)
    return _put(images, moving, new_images), _put(masks, moving, new_masks)


def _relabelled(masks: Tensor, one: SampledTransform, relabel: Relabel) -> Tensor:
    old = _of(masks, one.episodes)
    new = relabel.masks(old, one.params(masks.device))
    return _put(masks, one.episodes, torch.where(_learnable(new) | ~_learnable(old), new, old))


def _toned(images: Tensor, one: SampledTransform, tone: Tone) -> Tensor:
    new = tone.images(_of(images, one.episodes), one.params(images.device))
    return _put(images, one.episodes, new.clamp(0, 1))


def _learnable(masks: Tensor) -> Tensor:
    """Whether the query of masks (B, E, 1, H, W), and at least one support entry, has foreground: (B, 1, 1, 1, 1)."""
    has = masks.amax((-3, -2, -1), keepdim=True) > 0
    return has[:, :1] & has[:, 1:].any(1, keepdim=True)


def _of(values: Tensor, episodes: Sequence[int]) -> Tensor:
    """Some episodes of values (B, ...)."""
    return values if len(episodes) == len(values) else values[list(episodes)]


def _put(values: Tensor, episodes: Sequence[int], new: Tensor) -> Tensor:
    """Values (B, ...) with some episodes replaced; the others stay bit for bit."""
    if len(episodes) == len(values):
        return new
    values = values.clone()
    values[list(episodes)] = new
    return values


def _check(images: Tensor, masks: Tensor, rngs: Sequence[np.random.Generator]) -> None:
    whole = images.ndim == 5 and images.shape[1] >= 2 and images.shape[2] == 1 and images.shape == masks.shape
    if not whole or images.dtype != torch.float32 or masks.dtype != torch.float32:
        raise ValueError(
            "expected images and masks float32 (B, N+1, 1, H, W), the query and at least one support entry,"
            f" got {images.dtype} {tuple(images.shape)} and {masks.dtype} {tuple(masks.shape)}"
        )
    if len(rngs) != len(images):
        raise ValueError(f"expected a generator for each of {len(images)} episodes, got {len(rngs)}")
