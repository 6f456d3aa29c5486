"""Merge the shards of a dataset into one store, and assign its subjects to the splits."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from universeg.base.rng import rng_for
from universeg.store import SLICINGS, SPLITS, Store, subject_of, write_store
from universeg.store.format import Packed

SHARES = (0.6, 0.2, 0.2)  # support, dev, test: paper, section 5.1


def split(dataset: str, subjects: Sequence[str]) -> dict[str, str]:
    """Subject -> split: 60 % support, 20 % dev, 20 % test. The random generator is seeded by the dataset's name."""
    ordered = sorted(set(subjects))
    order = rng_for("split", dataset).permutation(len(ordered))
    support, dev = (round(len(ordered) * sum(SHARES[:k])) for k in (1, 2))
    members = {SPLITS[0]: order[:support], SPLITS[1]: order[support:dev], SPLITS[2]: order[dev:]}
    return {ordered[i]: name for name, chosen in members.items() for i in sorted(chosen)}


def merge(shards: Sequence[Path], header: Mapping[str, Any], path: Path) -> Store:
    """Write the store of one dataset from any number of shards; records are copied byte for byte.

    The splits, and the numbers of subjects (persons or specimens) and of their images, are added to `header`. Raises
    ValueError if no shard has a record.
    """
    opened = [Store(shard) for shard in shards]
    images = {name for shard in opened for name in _names(shard)}
    if not images:
        raise ValueError(
            f"{header['dataset']}: none of its scans could be used, so no store is written;"
            f" the reasons are in reports/attrition/{header['dataset']}.csv"
        )
    splits = split(header["dataset"], [subject_of(name) for name in images])
    members = {name: sum(chosen == name for chosen in splits.values()) for name in SPLITS}
    counts = {"subjects": len(splits), **members, "images": len(images)}
    packed: Iterator[Packed] = heapq.merge(*(shard.packed() for shard in opened))
    write_store(path, {**header, "splits": splits, "counts": counts}, packed)
    return Store(path)


def _names(store: Store) -> Iterator[str]:
    """All names of subjects in a store, with repetitions; a name is `subject` or `subject@frame`."""
    for task in store.tasks:
        for slicing in SLICINGS:
            yield from store.subjects(task, slicing=slicing)
