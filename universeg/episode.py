"""Episodes, a query and the support it is segmented by: first as names, then as pixels from the stores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from universeg.store import Pixels, Store, Task, subject_of

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
    """The pixels of B episodes with N support pairs each: images 0..255, masks 0 or 1, all uint8."""

    query: Pixels  # (B, 1, H, W)
    query_mask: Pixels  # (B, 1, H, W)
    support: Pixels  # (B, N, 1, H, W)
    support_masks: Pixels  # (B, N, 1, H, W)

    def on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Query, its mask, support and its masks as float32 in [0, 1]; they travel as bytes."""
        query, support = (_floats(pixels, device) / 255 for pixels in (self.query, self.support))
        return query, _floats(self.query_mask, device), support, _floats(self.support_masks, device)


def _floats(pixels: Pixels, device: torch.device) -> Tensor:
    return torch.from_numpy(pixels).to(device).float()


class Stores:
    """The stores of files and folders by the name of their dataset; all have images of one size."""

    def __init__(self, paths: Sequence[Path]) -> None:
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
        if len(sizes) > 1:
            lines = [f"  {store.header['size']} pixels: {store.path}" for store in self.by_dataset.values()]
            raise ValueError("\n".join(["images must have one size in all stores, got several:", *lines]))
        self.size = sizes.pop()

    def of(self, task: str) -> Store:
        """The store that has a task."""
        return self.by_dataset[Task.parse(task).dataset]

    def datasets(self, role: str) -> list[str]:
        """Names of the datasets with a role, sorted."""
        return sorted(name for name, store in self.by_dataset.items() if store.header["role"] == role)

    def read(self, episodes: Sequence[Episode]) -> Batch:
        """The pixels of episodes whose supports are equally large."""
        pairs = [
            self.of(episode.task).read(episode.task, [episode.query, *episode.support], episode.slicing)
            for episode in episodes
        ]
        images, masks = (np.stack(pixels)[:, :, None] for pixels in zip(*pairs, strict=True))
        return Batch(images[:, 0], masks[:, 0], images[:, 1:], masks[:, 1:])


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
