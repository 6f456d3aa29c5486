"""Validation: segment the dev episodes with the network, and score the predictions."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import nn

from universeg.base.device import Compute
from universeg.episodes.dice import Score, dice
from universeg.episodes.episode import LoadedEpisode
from universeg.episodes.segment import THRESHOLD, probabilities
from universeg.store import Task


def validate(
    network: nn.Module, episodes: Iterable[Callable[[], LoadedEpisode]], compute: Compute
) -> Iterator[tuple[Score, LoadedEpisode, NDArray[np.bool_]]]:
    """The score of each episode, the episode, and the predicted mask (H, W). Each element of `episodes` loads one."""
    for load in episodes:
        episode = load()
        mask = probabilities(network, episode.pixels, compute)[0] > THRESHOLD
        ground_truth = episode.pixels.query_mask[0, 0].astype(bool)
        yield Score(Task.parse(episode.task), episode.query, dice(mask, ground_truth)), episode, mask
