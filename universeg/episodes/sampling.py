"""Choose the episodes: the task, query and support set of each training step, and the dev episodes for validation.

Each choice depends on its seed and its number alone, not on the order of calls.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import numpy as np

from universeg.base.rng import rng_for
from universeg.episodes.episode import Episode
from universeg.episodes.overlaps import Overlap
from universeg.episodes.task_stores import EXTRA, HELD_OUT, TRAIN, TaskStores
from universeg.store import SLICINGS, Store, Task, subject_of

Pools = Mapping[str, Mapping[str, Sequence[str]]]  # task -> slicing -> names of its support split
T = TypeVar("T")

MIN_SUBJECTS = 2  # a task needs one subject for the query and another one for the support set


@dataclass(frozen=True)
class Tasks:
    """The tasks to train on, and a line for each reason why other tasks are left out."""

    pools: Pools
    left_out: tuple[str, ...]

    def digest(self) -> str:
        """A hash of the names of tasks and subjects. Pixels have no influence on it."""
        return hashlib.sha256(json.dumps(self.pools, sort_keys=True).encode()).hexdigest()[:16]


def training_tasks(
    stores: TaskStores, include: Sequence[str] = ("*",), exclude: Sequence[str] = (), without: Sequence[Overlap] = ()
) -> Tasks:
    """The tasks of the training stores whose key matches a pattern of `include` and none of `exclude`.

    Only stores for training are used, without the subjects or datasets of the overlaps `without`. A task needs two
    subjects in its support split. Raises ValueError for a pattern that matches no task, and if no task is left; the
    message has the reasons.
    """
    removed = {overlap.dataset for overlap in without if not overlap.subjects}
    datasets = [name for name in stores.datasets(TRAIN) if name not in removed]
    keys = [task for name in datasets for task in stores.by_dataset[name].tasks]
    excluded = set(matching(keys, exclude))
    wanted = [key for key in matching(keys, include) if key not in excluded]
    shared = {(overlap.dataset, subject) for overlap in without for subject in overlap.subjects}
    pools = {key: pool for key in wanted if (pool := _pool(stores.of(key), key, shared))}
    counts = {
        "tasks by --tasks and --exclude-tasks": len(keys) - len(wanted),
        f"tasks with fewer than {MIN_SUBJECTS} subjects in their support split": len(wanted) - len(pools),
    }
    left_out = [f"{count} {what}" for what, count in counts.items() if count]
    left_out[:0] = [f"data of {overlap}" for overlap in without]
    if held_out := [*stores.datasets(HELD_OUT), *stores.datasets(EXTRA)]:
        left_out.insert(0, f"datasets that are held out: {', '.join(held_out)}")
    if not pools:
        raise ValueError("\n".join(["there is no task to train on; left out:", *(f"  {line}" for line in left_out)]))
    return Tasks(pools, tuple(left_out))


def matching(keys: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The task keys that match one of the patterns; raises ValueError for a pattern that no key matches."""
    for pattern in patterns:
        if keys and not any(fnmatchcase(key, pattern) for key in keys):
            raise ValueError(
                f"no task matches the pattern {pattern!r}; tasks are named dataset/group/modality/label/axis,"
                f" for example {keys[0]}"
            )
    return [key for key in keys if any(fnmatchcase(key, pattern) for pattern in patterns)]


def _pool(store: Store, task: str, shared: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    """The names of the task's support split, for each slicing that has enough subjects.

    `shared` are dataset and subject of what is left out.
    """
    dataset = store.header["dataset"]
    pool = {
        slicing: [
            name for name in store.subjects(task, "support", slicing) if (dataset, subject_of(name)) not in shared
        ]
        for slicing in SLICINGS
    }
    return {slicing: names for slicing, names in pool.items() if len(set(map(subject_of, names))) >= MIN_SUBJECTS}


class Hierarchy:
    """Draws tasks uniformly stage by stage: dataset, group, modality, axis, label (paper, section B)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._tree: dict[Any, Any] = {}
        for task in sorted(map(Task.parse, keys)):
            node = self._tree
            for name in (task.dataset, task.group, task.modality, task.axis):
                node = node.setdefault(name, {})
            node[task.label] = task.key

    @property
    def datasets(self) -> list[str]:
        """The names of the datasets, sorted."""
        return list(self._tree)

    def draw(self, rng: np.random.Generator, dataset: str | None = None) -> str:
        """The key of one task, of the given dataset or of any."""
        node = self._tree[dataset] if dataset else self._tree
        while isinstance(node, dict):
            node = node[_choose_one(list(node), rng)]
        return str(node)


class Sampler:
    """The training episode of each step and item of its batch."""

    def __init__(self, pools: Pools, seed: int) -> None:
        self._pools, self._seed = pools, seed
        self._hierarchy = Hierarchy(list(pools))

    def episode(self, step: int, item: int, support_size: int) -> Episode:
        """A task, a slicing, a query, and a support set drawn with replacement from the other subjects."""
        rng = rng_for("episode", self._seed, step, item)
        task = self._hierarchy.draw(rng)
        slicing = _choose_one(list(self._pools[task]), rng)
        names = self._pools[task][slicing]
        query = _choose_one(names, rng)
        others = [name for name in names if subject_of(name) != subject_of(query)]
        return Episode(task, slicing, query, with_replacement(others, support_size, rng))


def support_size_of(seed: int, step: int, least: int, most: int) -> int:
    """The support size N of a step, log-uniform from `least` to `most`: 1, 2-3, 4-7, 8-15 ... are equally likely."""
    exponent = rng_for("support size", seed, step).uniform(np.log(least), np.log(most + 1))
    return min(most, int(np.exp(exponent)))


def dev_episodes(stores: TaskStores, tasks: Sequence[str], count: int, support_size: int, seed: int) -> list[Episode]:
    """At most `count` different queries of the dev split, on middle slices, taken from each dataset in turn.

    The support set is drawn from the support split with replacement. Tasks without a dev or a support split are left
    out. If no task has both, the list is empty.
    """
    usable = [
        task for task in tasks if stores.of(task).subjects(task, "dev") and stores.of(task).subjects(task, "support")
    ]
    hierarchy = Hierarchy(usable)
    found = dict[tuple[str, str], Episode]()
    for number in range(count if usable else 0):
        rng = rng_for("dev", seed, number)
        task = hierarchy.draw(rng, hierarchy.datasets[number % len(hierarchy.datasets)])
        query = with_replacement(stores.of(task).subjects(task, "dev"), 1, rng)[0]
        support = with_replacement(stores.of(task).subjects(task, "support"), support_size, rng)
        found.setdefault((task, query), Episode(task, "mid", query, support))
    return list(found.values())


def with_replacement(names: Sequence[str], size: int, rng: np.random.Generator) -> tuple[str, ...]:
    """`size` names drawn uniformly. A name can be drawn several times."""
    return tuple(names[number] for number in rng.integers(len(names), size=size))


def _choose_one(names: Sequence[T], rng: np.random.Generator) -> T:
    return names[int(rng.integers(len(names)))]
