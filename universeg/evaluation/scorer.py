"""Segment and score the queries of a task with every network, always with the same support sets."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

import universeg
from universeg.base.device import Compute
from universeg.base.file_digest import sha256_of
from universeg.episodes.dice import Score, dice, task_name
from universeg.episodes.episode import Episode
from universeg.episodes.levers import ExampleTensors, build
from universeg.episodes.segment import THRESHOLD, probabilities
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.baselines import BASELINES, OwnMethod
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.metrics import Mask, Probability
from universeg.evaluation.multi_label import masks_of
from universeg.evaluation.protocol import query_episodes, support_pool
from universeg.evaluation.score_cache import ScoreCache
from universeg.evaluation.supports import Supports
from universeg.model.registry import weights_path
from universeg.store import Pixels, Task, subject_of
from universeg.training.adapt import AdaptConfig, adapt, adapt_if_better

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
        supports: Supports | None = None,
    ) -> None:
        self._config, self._networks, self._stores, self._compute = config, networks, stores, compute
        self._advance, self._supports = advance, supports
        self._cache = ScoreCache(config.out / "scores.jsonl")
        self.digests = {name: _digest(name, network) for name, network in networks.items()}
        self.reused = 0  # number of scores from the cache
        self.remarks = list[str]()  # whether adapted weights are used, for each task and network
        self._ready = dict[tuple[str, str], nn.Module]()  # networks with levers, for one task

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
        config, source = self._config, self.source(task, weights, size)
        step = max(1, self._episodes_at_once(size) // max(config.ensemble))
        result = dict[str, list[float]]()
        for group in (queries[start : start + step] for start in range(0, len(queries), step)):
            known = {query: found for query in group if (found := self._cache.find(source, task, query))}
            if len(known) == len(group):
                self.reused += len(group)
            else:
                predictions = self._ensembles(task, group, weights, size)
                pairs = zip(group, predictions, strict=True)
                known = {q: self._dice(task, q, self._masks(task, q, weights, size, means)) for q, means in pairs}
                self._cache.add(source, task, known)
            result |= known
            self._advance(len(group))
        return result

    def _dice(self, task: str, query: str, masks: Sequence[Mask]) -> list[float]:
        _, ground_truth = self.read_query(task, query)
        return [dice(mask, ground_truth) for mask in masks]

    def _masks(self, task: str, query: str, weights: str, size: int, means: Sequence[Probability]) -> list[Mask]:
        """The mask for each ensemble size; with `join_labels`, without the pixels that other labels win."""
        if not self._config.join_labels:
            return [mean > THRESHOLD for mean in means]
        others = {each: self._ensembles(each, [query], weights, size)[0] for each in self._other_labels(task, query)}
        labels = {**others, task: means}
        return [masks_of({name: each[n] for name, each in labels.items()})[task] for n in range(len(means))]

    def _other_labels(self, task: str, query: str) -> list[str]:
        """The tasks of other labels of the same images that have this query and a support set."""
        store, images = self._stores.of(task), task_name(Task.parse(task))
        same = [each for each in store.tasks if each != task and task_name(Task.parse(each)) == images]
        return [each for each in same if query in store.subjects(each) and store.subjects(each, "support")]

    def _ensembles(self, task: str, queries: Sequence[str], weights: str, size: int) -> list[list[Probability]]:
        """For each query and each ensemble size K: the mean of its first K predictions (paper, section 3.3)."""
        config = self._config
        most = max(config.ensemble)
        episodes = [episode for query in queries for episode in self._episodes(task, query, size, most)]
        predictions = self._predict(self._with_levers(task, weights), episodes, self._episodes_at_once(size))
        return [
            [predictions[start : start + count].mean(axis=0) for count in config.ensemble]
            for start in range(0, len(predictions), most)
        ]

    def _episodes(self, task: str, query: str, size: int, count: int) -> list[Episode]:
        if self._supports is not None:
            return self._supports.episodes(task, query, size, count)
        config = self._config
        return query_episodes(self._stores.of(task), task, query, size, count, config.seed, config.examples)

    def _with_levers(self, task: str, weights: str) -> nn.Module:
        """A network with the levers; adapted weights are kept until the next task."""
        self._ready = {key: network for key, network in self._ready.items() if key[0] == task}
        if (task, weights) not in self._ready:
            adapts = self._config.levers.adapt != "never"
            network = self._adapted(task, weights) if adapts else self._networks[weights]
            self._ready[task, weights] = build(network, self._config.levers)
        return self._ready[task, weights]

    def _adapted(self, task: str, weights: str) -> nn.Module:
        """A network adapted to the examples of a task."""
        names = support_pool(self._stores.of(task), task, self._config.examples, self._config.seed)
        images, masks = (torch.from_numpy(pixels)[:, None] for pixels in self._stores.of(task).read(task, names))
        examples = ExampleTensors.of(images / 255, masks, [subject_of(name) for name in names])
        levers = self._config.levers
        settings = AdaptConfig(minutes=levers.minutes, size=levers.size or self._stores.size, seed=self._config.seed)
        if levers.adapt == "always":
            return adapt(self._networks[weights], examples, settings)
        found = adapt_if_better(self._networks[weights], examples, settings)
        self.remarks.append(f"{task}, {weights}: {found}")
        return found.network

    def _predict(self, network: nn.Module, episodes: Sequence[Episode], step: int) -> Probability:
        """The prediction for each episode, (episodes, H, W)."""
        batches = (self._stores.read(episodes[start : start + step]) for start in range(0, len(episodes), step))
        return np.concatenate([probabilities(network, batch, self._compute) for batch in batches])

    def _episodes_at_once(self, size: int) -> int:
        return max(1, PAIRS_AT_ONCE.get(self._compute.device.type, PAIRS_AT_ONCE_ON_GPU) // (1 + size))

    def source(self, task: str, weights: str, size: int) -> str:
        """A hash of everything that a score depends on, so that only scores of the same kind are used again."""
        config, header = self._config, self._stores.of(task).header
        how = [self.digests[weights], size, config.ensemble, config.seed, str(self._compute.precision)]
        how += [config.examples, asdict(config.levers), config.join_labels, self._supports and self._supports.digest()]
        text = json.dumps([universeg.__version__, self._stores.size, header, how], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(name: str, network: nn.Module) -> str:
    return network.digest if isinstance(network, OwnMethod) else weights_digest(Path(name))


def weights_digest(weights: Path) -> str:
    """The SHA-256 of a weights file, given by its path or its name; of a baseline its name."""
    if str(weights) in BASELINES:
        return str(weights)
    return sha256_of(weights_path(weights))
