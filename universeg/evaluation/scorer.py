"""Every network on every query of a task, with the same supports; what an earlier call has scored is not done again."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

import universeg
from universeg.base.device import Compute
from universeg.episodes.dice import Score, dice
from universeg.episodes.episode import Episode, TaskStores
from universeg.episodes.segment import probabilities
from universeg.evaluation.baselines import BASELINES
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.protocol import supports
from universeg.evaluation.score_cache import ScoreLog
from universeg.store import Pixels, Task

# Query and support pairs that a network sees at once. On a CPU more episodes at a time are no faster (measured, for
# supports of 1 to 64); a GPU is not busy with a few.
PAIRS_AT_ONCE = {"cpu": 1}
PAIRS_AT_ONCE_ON_GPU = 256

Soft = NDArray[np.float32]  # (H, W) probability


class Scorer:
    """Scores queries with every network of a config; `advance` is called with the number of segmented queries."""

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
        self._log = ScoreLog(config.out / "scores.jsonl")
        self._digests = {name: weights_digest(Path(name)) for name in networks}
        self.reused = 0  # scores that were there

    def scores(self, task: str, queries: Sequence[str]) -> Iterator[tuple[Configuration, list[Score]]]:
        """The scores of all configurations on some queries of a task."""
        for weights in self._networks:
            for size in self._config.support_size:
                found = self._found(task, queries, weights, size)
                for number, ensemble in enumerate(self._config.ensemble):
                    scores = [Score(Task.parse(task), query, found[query][number]) for query in queries]
                    yield Configuration(weights, size, ensemble), scores

    def query(self, task: str, name: str) -> tuple[Pixels, NDArray[np.bool_]]:
        """A query's image and its true mask, (H, W) each."""
        images, masks = self._stores.of(task).read(task, [name])
        return images[0], masks[0].astype(bool)

    def soft(self, task: str, query: str, weights: str) -> Soft:
        """The answer of a network with the largest support and ensemble, before it is cut to a mask."""
        (softs,) = self._softs(task, [query], weights, max(self._config.support_size))
        return softs[-1]

    def _found(self, task: str, queries: Sequence[str], weights: str, size: int) -> dict[str, list[float]]:
        """The Dice of each query for each size of ensemble.

        Queries that are segmented together are scored together, also when some of them have been before: so the
        same numbers come out whether a run was interrupted or not.
        """
        config, source = self._config, self._source(task, weights, size)
        step = max(1, self._at_once(size) // max(config.ensemble))
        result = dict[str, list[float]]()
        for group in (queries[start : start + step] for start in range(0, len(queries), step)):
            known = {query: found for query in group if (found := self._log.find(source, task, query))}
            if len(known) == len(group):
                self.reused += len(group)
            else:
                softs = self._softs(task, group, weights, size)
                known = {query: self._dices(task, query, means) for query, means in zip(group, softs, strict=True)}
                self._log.add(source, task, known)
            result |= known
            self._advance(len(group))
        return result

    def _dices(self, task: str, query: str, means: Sequence[Soft]) -> list[float]:
        _, truth = self.query(task, query)
        return [dice(mean > 0.5, truth) for mean in means]

    def _softs(self, task: str, queries: Sequence[str], weights: str, size: int) -> list[list[Soft]]:
        """For each query, the mean of its first answers for each size of ensemble (paper, section 3.3)."""
        config, store = self._config, self._stores.of(task)
        most = max(config.ensemble)
        episodes = [e for query in queries for e in supports(store, task, query, size, most, config.seed)]
        answers = self._answers(self._networks[weights], episodes, self._at_once(size))
        return [
            [answers[start : start + count].mean(axis=0) for count in config.ensemble]
            for start in range(0, len(answers), most)
        ]

    def _answers(self, network: nn.Module, episodes: Sequence[Episode], step: int) -> Soft:
        batches = (self._stores.read(episodes[start : start + step]) for start in range(0, len(episodes), step))
        return np.concatenate([probabilities(network, batch, self._compute) for batch in batches])

    def _at_once(self, size: int) -> int:
        """Episodes that a network sees at once."""
        return max(1, PAIRS_AT_ONCE.get(self._compute.device.type, PAIRS_AT_ONCE_ON_GPU) // (1 + size))

    def _source(self, task: str, weights: str, size: int) -> str:
        """What a score was computed from and how; another one is never taken for it."""
        config, header = self._config, self._stores.of(task).header
        how = [self._digests[weights], size, config.ensemble, config.seed, str(self._compute.precision)]
        text = json.dumps([universeg.__version__, self._stores.size, header, how], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def weights_digest(weights: Path) -> str:
    """The sha256 of a file of weights; a baseline's name."""
    return str(weights) if str(weights) in BASELINES else hashlib.sha256(weights.read_bytes()).hexdigest()
