"""Which queries are segmented by which supports: the protocol of the paper (section 5.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from universeg.base.lookup import choose
from universeg.base.rng import rng_for
from universeg.episodes.episode import HELD_OUT, Episode, TaskStores
from universeg.episodes.sampling import fitting, with_replacement
from universeg.store import Store


@dataclass(frozen=True)
class EvaluationSet:
    """The queries of each task, by task; and the tasks that have none, or no support for them."""

    queries: Mapping[str, Sequence[str]]
    left_out: Sequence[str]


def evaluation_set(
    stores: TaskStores, datasets: Sequence[str], patterns: Sequence[str], split: str = "test"
) -> EvaluationSet:
    """The middle slices of a split; raises ValueError where there are none."""
    chosen = chosen_datasets(stores, datasets)
    tasks = fitting([task for name in chosen for task in stores.by_dataset[name].tasks], patterns)
    found = {task: queries for task in tasks if (queries := _queries(stores.of(task), task, split))}
    if not found:
        raise ValueError(
            f"{', '.join(chosen)}: none of {len(tasks)} tasks has middle slices in both the {split} and the support"
            " split; build the stores from more subjects"
        )
    return EvaluationSet(found, [task for task in tasks if task not in found])


def chosen_datasets(stores: TaskStores, names: Sequence[str]) -> list[str]:
    """The named datasets, or else all that are held out."""
    for name in names:
        choose(stores.by_dataset, name, "dataset")
    found = list(names) or stores.datasets(HELD_OUT)
    if not found:
        raise ValueError(
            f"none of the stores is held out, they are {', '.join(sorted(stores.by_dataset))};"
            " name those to evaluate on: --datasets NAME"
        )
    return found


def supports(store: Store, task: str, query: str, size: int, count: int, seed: int) -> list[Episode]:
    """`count` episodes of a query, each with its own support of `size` pairs, drawn with replacement.

    Each depends on seed, task, query, its number and the size alone: it is the same for all networks.
    """
    names = store.subjects(task, "support")
    draws = [rng_for("support", seed, task, query, number, size) for number in range(count)]
    return [Episode(task, "mid", query, with_replacement(names, size, rng)) for rng in draws]


def _queries(store: Store, task: str, split: str) -> list[str]:
    return store.subjects(task, split) if store.subjects(task, "support") else []
