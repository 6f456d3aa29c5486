"""Which queries are segmented, and with which support sets: the protocol of the paper (section 5.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from universeg.base.lookup import choose
from universeg.base.rng import rng_for
from universeg.episodes.episode import Episode
from universeg.episodes.sampling import matching, with_replacement
from universeg.episodes.task_stores import HELD_OUT, TaskStores
from universeg.store import Store


@dataclass(frozen=True)
class EvaluationSet:
    """The queries of each task, and the tasks that have no queries or no support set."""

    queries: Mapping[str, Sequence[str]]
    left_out: Sequence[str]


def evaluation_set(
    stores: TaskStores, datasets: Sequence[str], patterns: Sequence[str], split: str = "test", most: int = 0
) -> EvaluationSet:
    """The middle slices of a split, for the tasks that match a pattern; at most `most` of each, if it is given.

    `datasets` are the datasets to use; if there are none, all that are held out. Raises ValueError for an unknown
    dataset, for a pattern that matches no task, and if there are no queries.
    """
    chosen = _choose_datasets(stores, datasets)
    tasks = matching([task for name in chosen for task in stores.by_dataset[name].tasks], patterns)
    found = {task: queries for task in tasks if (queries := _queries(stores.of(task), task, split, most))}
    if not found:
        raise ValueError(
            f"{', '.join(chosen)}: none of {len(tasks)} tasks has middle slices in both the {split} and the support"
            " split; build the stores from more subjects"
        )
    return EvaluationSet(found, [task for task in tasks if task not in found])


def support_pool(store: Store, task: str, examples: int, seed: int) -> list[str]:
    """The names of the support split; or `examples` of them, drawn without replacement, if there are more."""
    return _some(store.subjects(task, "support"), examples, rng_for("examples", seed, task))


def query_episodes(
    store: Store, task: str, query: str, size: int, count: int, seed: int, examples: int = 0
) -> list[Episode]:
    """`count` episodes of a query, each with its own support set of `size` pairs, drawn with replacement.

    A support set depends on the seed, the task, the query, its number and `size` alone, so it is the same for all
    networks.
    """
    names = support_pool(store, task, examples, seed)
    rngs = [rng_for("support", seed, task, query, number, size) for number in range(count)]
    return [Episode(task, "mid", query, with_replacement(names, size, rng)) for rng in rngs]


def _some(names: list[str], most: int, rng: np.random.Generator) -> list[str]:
    """At most `most` of the names in their order, 0 for all; a larger number only adds names."""
    chosen = rng.permutation(len(names))[: most or None]
    return [names[number] for number in sorted(chosen)]


def _choose_datasets(stores: TaskStores, names: Sequence[str]) -> list[str]:
    for name in names:
        choose(stores.by_dataset, name, "dataset")
    chosen = list(names) or stores.datasets(HELD_OUT)
    if not chosen:
        raise ValueError(
            f"no store is held out, there are only {', '.join(sorted(stores.by_dataset))};"
            " name the datasets to evaluate on: --datasets NAME"
        )
    return chosen


def _queries(store: Store, task: str, split: str, most: int) -> list[str]:
    names = store.subjects(task, split) if store.subjects(task, "support") else []
    return _some(names, most, rng_for("queries", task))
