"""An episode (a query and its support set): first as names, then as pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from universeg.base.device import sent
from universeg.store import Pixels, subject_of


@dataclass(frozen=True)
class Episode:
    """The names of a query and of its support set, in which a name may occur several times.

    Raises ValueError if the support set is empty, or contains an image of the query's subject.
    """

    task: str
    slicing: str
    query: str
    support: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.support:
            raise ValueError(f"{self.task}: the support set of the query {self.query!r} is empty")
        if subject_of(self.query) in map(subject_of, self.support):
            raise ValueError(
                f"{self.task}: the support set contains the subject of the query {self.query!r};"
                " take images of other subjects"
            )


@dataclass(frozen=True)
class Batch:
    """The pixels of B episodes, all uint8: images 0..255, masks 0 or 1. Entry 0 is the query, the other N are support.

    Every episode of a batch has the same N.
    """

    images: Pixels  # (B, 1 + N, 1, H, W)
    masks: Pixels  # (B, 1 + N, 1, H, W)

    def __reduce__(self) -> tuple[object, ...]:
        """Between processes, masks travel as bits: this nearly halves the bytes."""
        return _unpack, (self.images, np.packbits(self.masks))

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """One batch with the episodes of several batches of the same N."""
        return cls(*(np.concatenate(pixels) for pixels in zip(*((b.images, b.masks) for b in batches), strict=True)))

    @property
    def query(self) -> Pixels:
        """Query images (B, 1, H, W)."""
        return self.images[:, 0]

    @property
    def query_mask(self) -> Pixels:
        """Ground truth of the queries (B, 1, H, W)."""
        return self.masks[:, 0]

    @property
    def support(self) -> Pixels:
        """Support images (B, N, 1, H, W)."""
        return self.images[:, 1:]

    @property
    def support_masks(self) -> Pixels:
        """Support masks (B, N, 1, H, W)."""
        return self.masks[:, 1:]

    def floats(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Images and masks (B, 1 + N, 1, H, W) on a device, float32 in [0, 1]."""
        # The pixels are copied to the device as bytes and converted there: this is a quarter of the transfer.
        images, masks = (sent(pixels, device).float() for pixels in (self.images, self.masks))
        return images.div_(255), masks

    def split_floats(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Query, its mask, support images and support masks on a device, float32 in [0, 1]."""
        return split_query(*self.floats(device))


def _unpack(images: Pixels, bits: Pixels) -> Batch:
    return Batch(images, np.unpackbits(bits, count=images.size).reshape(images.shape))


def split_query(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Query and its mask (B, 1, H, W), support images and masks (B, N, 1, H, W), from images and masks of episodes.

    Both arguments are (B, 1 + N, 1, H, W).
    """
    return images[:, 0], masks[:, 0], images[:, 1:], masks[:, 1:]


def rotate_queries(entries: Tensor, count: int) -> Tensor:
    """The episodes `count` times, with different queries: (B, 1 + N, 1, H, W) to (count * B, 1 + N, 1, H, W).

    First come all episodes as they are, then all episodes with entry 1 as the query, and so on.
    """
    return entries if count == 1 else torch.cat([entries.roll(-number, 1) for number in range(count)])


@dataclass(frozen=True)
class LoadedEpisode:
    """One episode with its pixels, ready to train on or to score."""

    task: str
    query: str
    pixels: Batch  # B = 1
