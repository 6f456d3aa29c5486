"""Which task, query and support a training step sees: a function of seed, step and item alone."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import numpy as np

from universeg.base.rng import rng_for
from universeg.episodes.episode import HELD_OUT, TRAIN, Episode, TaskStores
from universeg.store import SLICINGS, Store, Task, subject_of

Pools = Mapping[str, Mapping[str, Sequence[str]]]  # task -> slicing -> names of its support split
T = TypeVar("T")

FEWEST = 2  # subjects that a task needs: one for the query, one for the support


@dataclass(frozen=True)
class Tasks:
    """What training may draw from, and words on what it may not."""

    pools: Pools
    left_out: tuple[str, ...]

    def digest(self) -> str:
        """Equal only for the same tasks with the same subjects; pixels are not looked at."""
        return hashlib.sha256(json.dumps(self.pools, sort_keys=True).encode()).hexdigest()[:16]


def training_tasks(stores: TaskStores, include: Sequence[str] = ("*",), exclude: Sequence[str] = ()) -> Tasks:
    """The tasks of stores for training whose key fits a pattern of `include` and none of `exclude`.

    Stores that are held out are never used. A task needs two subjects in its support split. Raises ValueError for a
    pattern that fits no task, and where nothing is left, with the reasons.
    """
    keys = [task for name in stores.datasets(TRAIN) for task in stores.by_dataset[name].tasks]
    unwanted = set(fitting(keys, exclude))
    wanted = [key for key in fitting(keys, include) if key not in unwanted]
    pools = {key: pool for key in wanted if (pool := _pool(stores.of(key), key))}
    counts = {
        "tasks by --tasks and --exclude-tasks": len(keys) - len(wanted),
        f"tasks with fewer than {FEWEST} subjects in their support split": len(wanted) - len(pools),
    }
    left_out = [f"{count} {what}" for what, count in counts.items() if count]
    if held_out := stores.datasets(HELD_OUT):
        left_out.insert(0, f"datasets that are held out: {', '.join(held_out)}")
    if not pools:
        raise ValueError("\n".join(["nothing is left to train on; left out are", *(f"  {line}" for line in left_out)]))
    return Tasks(pools, tuple(left_out))


def fitting(keys: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The task keys that fit one of some patterns; raises ValueError for a pattern that none fits."""
    for pattern in patterns:
        if keys and not any(fnmatchcase(key, pattern) for key in keys):
            raise ValueError(
                f"no task fits the pattern {pattern!r}; they are named dataset/group/modality/label/axis,"
                f" for example {keys[0]}"
            )
    return [key for key in keys if any(fnmatchcase(key, pattern) for pattern in patterns)]


def _pool(store: Store, task: str) -> dict[str, list[str]]:
    """For each slicing with enough subjects, the names of the task's support split."""
    pool = {slicing: store.subjects(task, "support", slicing) for slicing in SLICINGS}
    return {slicing: names for slicing, names in pool.items() if len(set(map(subject_of, names))) >= FEWEST}


class Hierarchy:
    """Tasks drawn uniformly stage by stage: dataset, group, modality, axis, label (paper, section B)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._tree: dict[Any, Any] = {}
        for task in sorted(map(Task.parse, keys)):
            node = self._tree
            for name in (task.dataset, task.group, task.modality, task.axis):
                node = node.setdefault(name, {})
            node[task.label] = task.key

    @property
    def datasets(self) -> list[str]:
        return list(self._tree)

    def draw(self, rng: np.random.Generator, dataset: str | None = None) -> str:
        """The key of one task, of one dataset if given."""
        node = self._tree[dataset] if dataset else self._tree
        while isinstance(node, dict):
            node = node[_one(list(node), rng)]
        return str(node)


class Sampler:
    """The training episode of every (step, item): whoever asks, in whatever order, gets the same."""

    def __init__(self, pools: Pools, seed: int) -> None:
        self._pools, self._seed = pools, seed
        self._hierarchy = Hierarchy(list(pools))

    def episode(self, step: int, item: int, support_size: int) -> Episode:
        """A task, one of its slicings, a query, and a support drawn with replacement from the other subjects."""
        rng = rng_for("episode", self._seed, step, item)
        task = self._hierarchy.draw(rng)
        slicing = _one(list(self._pools[task]), rng)
        names = self._pools[task][slicing]
        query = _one(names, rng)
        others = [name for name in names if subject_of(name) != subject_of(query)]
        return Episode(task, slicing, query, with_replacement(others, support_size, rng))


def support_size_of(seed: int, step: int, least: int, most: int) -> int:
    """The support size N of a step, from `least` to `most`, log-uniformly: 1, 2-3, 4-7, 8-15 ... are equally likely."""
    exponent = rng_for("support size", seed, step).uniform(np.log(least), np.log(most + 1))
    return min(most, int(np.exp(exponent)))


def with_replacement(names: Sequence[str], size: int, rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(names[number] for number in rng.integers(len(names), size=size))


def _one(names: Sequence[T], rng: np.random.Generator) -> T:
    return names[int(rng.integers(len(names)))]
