"""Episodes, a query and the support it is segmented by: first as names, then as pixels from the stores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from einops import reduce
from torch import Tensor

from universeg.store import Pixels, Store, Task, subject_of
from universeg.store.format import HALF

TRAIN, HELD_OUT = ROLES = ("train", "held-out")


@dataclass(frozen=True)
class Episode:
    """Which query of a task is segmented by which support; a name may be in the support several times."""

    task: str
    slicing: str
    query: str
    support: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.support or subject_of(self.query) in map(subject_of, self.support):
            raise ValueError(f"{self.task}: the support must be others than the query's subject, {self.query!r}")


@dataclass(frozen=True)
class Batch:
    """The pixels of B episodes: 0..255 in images, 0 or 1 in masks, all uint8. Entry 0 is the query, N are support."""

    images: Pixels  # (B, 1 + N, 1, H, W)
    masks: Pixels  # (B, 1 + N, 1, H, W)

    def __reduce__(self) -> tuple[object, ...]:
        """From one process to another masks travel as bits, nearly half of all bytes less."""
        return _unpacked, (self.images, np.packbits(self.masks))

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """Several as one; their supports are equally large."""
        return cls(*(np.concatenate(pixels) for pixels in zip(*((b.images, b.masks) for b in batches), strict=True)))

    @property
    def query(self) -> Pixels:
        return self.images[:, 0]

    @property
    def query_mask(self) -> Pixels:
        return self.masks[:, 0]

    @property
    def support(self) -> Pixels:
        return self.images[:, 1:]

    @property
    def support_masks(self) -> Pixels:
        return self.masks[:, 1:]

    def floats(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Images and masks as float32 in [0, 1]; they travel as bytes."""
        images, masks = (torch.from_numpy(pixels).to(device).float() for pixels in (self.images, self.masks))
        return images.div_(255), masks

    def on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Query, its mask, support and its masks as float32 in [0, 1]."""
        return split_query(*self.floats(device))


def _unpacked(images: Pixels, bits: Pixels) -> Batch:
    return Batch(images, np.unpackbits(bits, count=images.size).reshape(images.shape))


def split_query(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Query and its mask (B, 1, H, W), support and its masks (B, N, 1, H, W), of (B, 1 + N, 1, H, W) each."""
    return images[:, 0], masks[:, 0], images[:, 1:], masks[:, 1:]


def rotate_queries(entries: Tensor, turns: int) -> Tensor:
    """Episodes (B, 1 + N, 1, H, W), then the same with the next entry as the query, and so on: (turns * B, ...)."""
    return entries if turns == 1 else torch.cat([entries.roll(-turn, 1) for turn in range(turns)])


@dataclass(frozen=True)
class LoadedEpisode:
    """One episode, ready to be learnt from or scored."""

    task: str
    query: str
    pixels: Batch  # of one


class TaskStores:
    """The stores of files and folders by the name of their dataset, read at one size.

    With `size` pixels a side, larger images are averaged down to it, and a mask is where at least half of a pixel is
    inside; raises ValueError for stores that are smaller or no multiple of it.
    """

    def __init__(self, paths: Sequence[Path], size: int = 0) -> None:
        self.by_dataset = dict[str, Store]()
        for path in _files(paths):
            store = Store(path)
            first = self.by_dataset.setdefault(store.header["dataset"], store)
            if first is not store:
                raise ValueError(f"{first.path} and {path} are both {store.header['dataset']}; give one of them")
            role = store.header.get("role")
            if role not in ROLES:
                raise ValueError(f"{path}: its role must be {' or '.join(ROLES)}, got {role}; build the store again")
        sizes = {int(store.header["size"]) for store in self.by_dataset.values()}
        lines = [f"  {store.header['size']} pixels: {store.path}" for store in self.by_dataset.values()]
        if not size and len(sizes) > 1:
            raise ValueError("\n".join(["images must have one size in all stores, got several:", *lines]))
        if size and any(found % size for found in sizes):
            raise ValueError(
                "\n".join([f"{size} pixels can be had of stores of {size}, {2 * size}, {3 * size}, ... only:", *lines])
            )
        self.size = size or sizes.pop()

    def of(self, task: str) -> Store:
        """The store that has a task."""
        return self.by_dataset[Task.parse(task).dataset]

    def datasets(self, role: str) -> list[str]:
        """Names of the datasets with a role, sorted."""
        return sorted(name for name, store in self.by_dataset.items() if store.header["role"] == role)

    def read(self, episodes: Sequence[Episode]) -> Batch:
        """The pixels of episodes whose supports are equally large."""
        pairs = [self._pixels(episode) for episode in episodes]
        return Batch(*(np.stack(pixels)[:, :, None] for pixels in zip(*pairs, strict=True)))

    def drawn(self, episode: Episode) -> LoadedEpisode:
        """An episode with its pixels."""
        return LoadedEpisode(episode.task, episode.query, self.read([episode]))

    def _pixels(self, episode: Episode) -> tuple[Pixels, Pixels]:
        """Images and masks (1 + N, H, W), the query's first."""
        store, names = self.of(episode.task), [episode.query, *episode.support]
        factor = int(store.header["size"]) // self.size
        if factor == 1:
            return store.read(episode.task, names, episode.slicing)
        images, coverage = store.read(episode.task, names, episode.slicing, soft=True)
        return _shrunk(images, factor), (_shrunk(coverage, factor) >= HALF).view(np.uint8)


def _shrunk(pixels: Pixels, factor: int) -> Pixels:
    mean = reduce(pixels.astype(np.float32), "n (h a) (w b) -> n h w", "mean", a=factor, b=factor)
    shrunk: Pixels = mean.round().astype(np.uint8)
    return shrunk


def _files(paths: Sequence[Path]) -> list[Path]:
    """The stores among files and folders, each once, sorted."""
    found = set[Path]()
    for path in paths:
        inside = sorted(path.glob("*.lmdb")) if path.is_dir() else [path]
        if not inside:
            raise ValueError(f"{path}: there is no store (*.lmdb) in this folder; build one with snakemake")
        found.update(file.resolve() for file in inside)
    if not found:
        raise ValueError("give at least one store or folder of stores: --stores DIR")
    return sorted(found)
