"""Segment episodes and score them: during training those of the dev split, in evaluation those of the test split."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from universeg.base.device import Compute
from universeg.base.rng import rng_for
from universeg.episodes.dice import Score, dice
from universeg.episodes.episode import Batch, Episode, LoadedEpisode, TaskStores
from universeg.episodes.sampling import Hierarchy, with_replacement
from universeg.store import Task


def probabilities(network: nn.Module, batch: Batch, compute: Compute) -> NDArray[np.float32]:
    """How likely each pixel of the queries is inside, (B, H, W) in [0, 1]."""
    query, _, support, support_masks = batch.on(compute.device)
    with torch.inference_mode(), compute.autocast():
        logits = network(query, support, support_masks)
    found: NDArray[np.float32] = logits.float().sigmoid()[:, 0].cpu().numpy()
    return found


def dev_episodes(stores: TaskStores, tasks: Sequence[str], count: int, support_size: int, seed: int) -> list[Episode]:
    """At most `count` different queries of the dev split, middle slices, taken from each dataset in turn.

    The support is drawn from the support split with replacement. Tasks that lack either are passed over; where all
    do, the list is empty.
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


def validate(
    network: nn.Module, episodes: Iterable[Callable[[], LoadedEpisode]], compute: Compute
) -> Iterator[tuple[Score, LoadedEpisode, NDArray[np.bool_]]]:
    """The score of each episode, its pixels, and the mask (H, W) that was predicted."""
    for draw in episodes:
        drawn = draw()
        mask = probabilities(network, drawn.pixels, compute)[0] > 0.5
        truth = drawn.pixels.query_mask[0, 0].astype(bool)
        yield Score(Task.parse(drawn.task), drawn.query, dice(mask, truth)), drawn, mask
