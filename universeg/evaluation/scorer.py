"""Segment and score the queries of a task with every network, always with the same support sets."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

import universeg
from universeg.base.device import Compute
from universeg.episodes.dice import Score, dice
from universeg.episodes.episode import Episode
from universeg.episodes.segment import THRESHOLD, probabilities
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.baselines import BASELINES
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.protocol import query_episodes
from universeg.evaluation.result import Mask, Probability
from universeg.evaluation.score_cache import ScoreCache
from universeg.model.registry import weights_path
from universeg.store import Pixels, Task

# Image-mask pairs that a network gets at once. On a CPU several episodes at once are not faster (measured for support
# sizes from 1 to 64). A GPU needs many pairs to be busy.
PAIRS_AT_ONCE = {"cpu": 1}
PAIRS_AT_ONCE_ON_GPU = 256


class Scorer:
    """Scores queries with every network. `advance` is called with the number of queries that were just segmented.

    Scores that an earlier call has computed are read from `scores.jsonl` in the output folder.
    """

    def __init__(
        self,
        config: EvaluateConfig,
        networks: Mapping[str, nn.Module],
        stores: TaskStores,
        compute: Compute,
        advance: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._config, self._networks, self._stores, self._compute = config, networks, stores, compute
        self._advance = advance
        self._cache = ScoreCache(config.out / "scores.jsonl")
        self.digests = {name: weights_digest(Path(name)) for name in networks}
        self.reused = 0  # number of scores from the cache

    def scores(self, task: str, queries: Sequence[str]) -> Iterator[tuple[Configuration, list[Score]]]:
        """The scores of every configuration on queries of a task."""
        for weights in self._networks:
            for size in self._config.support_size:
                found = self._dice_by_query(task, queries, weights, size)
                for number, ensemble in enumerate(self._config.ensemble):
                    scores = [Score(Task.parse(task), query, found[query][number]) for query in queries]
                    yield Configuration(weights, size, ensemble), scores

    def read_query(self, task: str, name: str) -> tuple[Pixels, Mask]:
        """The image and the ground truth of a query, (H, W) each."""
        images, masks = self._stores.of(task).read(task, [name])
        return images[0], masks[0].astype(bool)

    def predict(self, task: str, query: str, weights: str) -> Probability:
        """The prediction of a network for a query, with the largest support size and ensemble size."""
        (means,) = self._ensembles(task, [query], weights, max(self._config.support_size))
        return means[self._config.ensemble.index(max(self._config.ensemble))]

    def _dice_by_query(self, task: str, queries: Sequence[str], weights: str, size: int) -> dict[str, list[float]]:
        """The Dice of each query for each ensemble size.

        Queries that are segmented together are always scored together, even if the cache has some of them. So an
        interrupted run gives the same numbers as an uninterrupted one.
        """
        config, source = self._config, self._source(task, weights, size)
        step = max(1, self._episodes_at_once(size) // max(config.ensemble))
        result = dict[str, list[float]]()
        for group in (queries[start : start + step] for start in range(0, len(queries), step)):
            known = {query: found for query in group if (found := self._cache.find(source, task, query))}
            if len(known) == len(group):
                self.reused += len(group)
            else:
                predictions = self._ensembles(task, group, weights, size)
                known = {q: self._dice(task, q, means) for q, means in zip(group, predictions, strict=True)}
                self._cache.add(source, task, known)
            result |= known
            self._advance(len(group))
        return result

    def _dice(self, task: str, query: str, means: Sequence[Probability]) -> list[float]:
        _, ground_truth = self.read_query(task, query)
        return [dice(mean > THRESHOLD, ground_truth) for mean in means]

    def _ensembles(self, task: str, queries: Sequence[str], weights: str, size: int) -> list[list[Probability]]:
        """For each query and each ensemble size K: the mean of its first K predictions (paper, section 3.3)."""
        config, store = self._config, self._stores.of(task)
        most = max(config.ensemble)
        episodes = [e for query in queries for e in query_episodes(store, task, query, size, most, config.seed)]
        predictions = self._predict(self._networks[weights], episodes, self._episodes_at_once(size))
        return [
            [predictions[start : start + count].mean(axis=0) for count in config.ensemble]
            for start in range(0, len(predictions), most)
        ]

    def _predict(self, network: nn.Module, episodes: Sequence[Episode], step: int) -> Probability:
        """The prediction for each episode, (episodes, H, W)."""
        batches = (self._stores.read(episodes[start : start + step]) for start in range(0, len(episodes), step))
        return np.concatenate([probabilities(network, batch, self._compute) for batch in batches])

    def _episodes_at_once(self, size: int) -> int:
        return max(1, PAIRS_AT_ONCE.get(self._compute.device.type, PAIRS_AT_ONCE_ON_GPU) // (1 + size))

    def _source(self, task: str, weights: str, size: int) -> str:
        """A hash of everything that a score depends on, so that only scores of the same kind are used again."""
        config, header = self._config, self._stores.of(task).header
        how = [self.digests[weights], size, config.ensemble, config.seed, str(self._compute.precision)]
        text = json.dumps([universeg.__version__, self._stores.size, header, how], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def weights_digest(weights: Path) -> str:
    """The SHA-256 of a weights file, given by its path or its name; of a baseline its name."""
    if str(weights) in BASELINES:
        return str(weights)
    return hashlib.sha256(weights_path(weights).read_bytes()).hexdigest()
