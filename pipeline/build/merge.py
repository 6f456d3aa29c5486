"""Merge the shards of a dataset into one store."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.build.split import split
from universeg.store import SLICINGS, SPLITS, Store, Task, subject_of, write_store
from universeg.store.format import Packed


def merge(shards: Sequence[Path], header: Mapping[str, Any], path: Path) -> Store:
    """Write the store of one dataset from any number of shards; records and origins are copied byte for byte.

    The splits, and the numbers of subjects (persons or specimens) and of their images, are added to `header`. Raises
    ValueError if no shard has a record.
    """
    opened = [Store(shard) for shard in shards]
    images, groups = _images(opened)
    if not images:
        raise ValueError(
            f"{header['dataset']}: none of its scans could be used, so no store is written;"
            f" the reasons are in reports/attrition/{header['dataset']}.csv"
        )
    splits = split(header["dataset"], groups)
    members = {name: sum(chosen == name for chosen in splits.values()) for name in SPLITS}
    counts = {"subjects": len(splits), **members, "images": len(images)}
    records: Iterator[Packed] = heapq.merge(*(shard.packed() for shard in opened))
    origins: Iterator[Packed] = heapq.merge(*(shard.packed_origins() for shard in opened))
    write_store(path, {**header, "splits": splits, "counts": counts}, chain(records, origins))
    return Store(path)


def _images(shards: Sequence[Store]) -> tuple[set[str], dict[str, set[str]]]:
    """The names of all images (`subject` or `subject@frame`), and the subjects of each group."""
    images = set[str]()
    groups = dict[str, set[str]]()
    for shard in shards:
        for task in shard.tasks:
            names = {name for slicing in SLICINGS for name in shard.subjects(task, slicing=slicing)}
            images |= names
            groups.setdefault(Task.parse(task).group, set()).update(map(subject_of, names))
    return images, groups
