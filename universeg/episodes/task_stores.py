"""Several task stores as one source of episodes, all read at the same image size."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from einops import reduce

from universeg.episodes.episode import Batch, Episode, LoadedEpisode
from universeg.store import Pixels, Store, Task
from universeg.store.format import HALF

# What a dataset is for: training; evaluation by default; evaluation if it is named.
TRAIN, HELD_OUT, EXTRA = ROLES = ("train", "held-out", "extra")


class TaskStores:
    """The stores in some files and folders, by the name of their dataset.

    `size` is the size to read images at, in pixels per side; 0 means the size that all stores have. Larger images are
    averaged down to it, and a pixel belongs to a mask if at least half of its area does. With `copy_to`, a folder on a
    disk of this machine, the stores are copied there first. Raises ValueError if there is
    no store, if two stores hold the same dataset, if a store has no valid role, and if the size of a store is not a
    multiple of `size`.
    """

    def __init__(self, paths: Sequence[Path], size: int = 0, copy_to: Path | None = None) -> None:
        self.by_dataset = dict[str, Store]()
        for path in _find_stores(paths):
            store = Store(path, copy_to)
            dataset = store.header["dataset"]
            first = self.by_dataset.setdefault(dataset, store)
            if first is not store:
                raise ValueError(f"{first.path} and {path} are both stores of {dataset}; give only one of them")
            role = store.header.get("role")
            if role not in ROLES:
                known = f"{', '.join(ROLES[:-1])} or {ROLES[-1]}"
                raise ValueError(f"{path}: its role must be {known}, got {role}; build the store again")
        self.size = self._common_size(size)

    def _common_size(self, size: int) -> int:
        sizes = {int(store.header["size"]) for store in self.by_dataset.values()}
        lines = [f"  {store.header['size']} pixels: {store.path}" for store in self.by_dataset.values()]
        if not size and len(sizes) > 1:
            raise ValueError("\n".join(["all stores must have the same image size, got several:", *lines]))
        if size and any(found % size for found in sizes):
            multiples = f"{size}, {2 * size}, {3 * size}, ..."
            raise ValueError("\n".join([f"images of {size} pixels need stores of {multiples} pixels, got:", *lines]))
        return size or sizes.pop()

    def of(self, task: str) -> Store:
        """The store that has a task."""
        return self.by_dataset[Task.parse(task).dataset]

    def datasets(self, role: str) -> list[str]:
        """Names of the datasets with a role (TRAIN, HELD_OUT or EXTRA), sorted."""
        return sorted(name for name, store in self.by_dataset.items() if store.header["role"] == role)

    def read(self, episodes: Sequence[Episode]) -> Batch:
        """The pixels of episodes with the same support size."""
        pairs = [self._read_one(episode) for episode in episodes]
        return Batch(*(np.stack(pixels)[:, :, None] for pixels in zip(*pairs, strict=True)))

    def load(self, episode: Episode) -> LoadedEpisode:
        """An episode with its pixels."""
        return LoadedEpisode(episode.task, episode.query, self.read([episode]))

    def _read_one(self, episode: Episode) -> tuple[Pixels, Pixels]:
        """Images and masks (1 + N, H, W); entry 0 is the query."""
        store, names = self.of(episode.task), [episode.query, *episode.support]
        factor = int(store.header["size"]) // self.size
        if factor == 1:
            return store.read(episode.task, names, episode.slicing)
        images, coverage = store.read(episode.task, names, episode.slicing, soft=True)
        return _average_down(images, factor), (_average_down(coverage, factor) >= HALF).view(np.uint8)


def _average_down(pixels: Pixels, factor: int) -> Pixels:
    """Means of squares of `factor` pixels a side, rounded."""
    mean = reduce(pixels.astype(np.float32), "n (h a) (w b) -> n h w", "mean", a=factor, b=factor)
    rounded: Pixels = mean.round().astype(np.uint8)
    return rounded


def _find_stores(paths: Sequence[Path]) -> list[Path]:
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
