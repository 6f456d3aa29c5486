"""Where the episodes of training come from: stores, synthetic tasks made while training, or both."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from universeg.base.rng import rng_for, seed_for
from universeg.episodes.episode import Batch, LoadedEpisode, TaskStores
from universeg.episodes.sampling import Sampler, Tasks, support_size_of, training_tasks
from universeg.episodes.segment import dev_episodes
from universeg.store import Task
from universeg.synth import fresh_episode, weights_of
from universeg.training.config import TrainConfig

SIZE = 128  # pixels a side of synthetic tasks where no store says otherwise
NO_TASKS = Tasks({}, ())


class EpisodeSource:
    """The training episode of every (step, item) of a run, and the episodes that measure its progress."""

    def __init__(self, config: TrainConfig) -> None:
        if not config.stores and not config.synthetic:
            raise ValueError("there is nothing to train on: give --stores DIR or --synthetic FAMILY, or both")
        self._config = config
        self._families = weighed(config.synthetic)
        self._stores = TaskStores(config.stores, config.size) if config.stores else None
        self.size = self._stores.size if self._stores else config.size or SIZE
        self.tasks = training_tasks(self._stores, config.tasks, config.exclude_tasks) if self._stores else NO_TASKS
        self._sampler = Sampler(self.tasks.pools, config.seed)
        self.dev, self.dev_digest = self._dev()

    def support_size(self, step: int) -> int:
        """The N of a step, the same for all its items."""
        config = self._config
        least = config.least_support_size or config.support_size
        return support_size_of(config.seed, step, least, config.support_size)

    def draw(self, step: int, item: int, support_size: int) -> LoadedEpisode:
        """The episode of an item of a step; depends on these, the seed and the tasks alone."""
        config = self._config
        if self._stores and not self._is_synthetic(step, item):
            return self._stores.drawn(self._sampler.episode(step, item, support_size))
        return synthetic(config.seed, step * config.batch_size + item, support_size, self.size, self._families)

    def _is_synthetic(self, step: int, item: int) -> bool:
        share = self._config.synthetic_share if self._config.synthetic else 0
        return bool(rng_for("source", self._config.seed, step, item).random() < share)

    def _dev(self) -> tuple[list[Callable[[], LoadedEpisode]], str]:
        """What draws each dev episode, always the same ones, and a digest of which they are."""
        config = self._config
        if config.dev_stores or config.dev_synthetic:
            stores = TaskStores(config.dev_stores, self.size) if config.dev_stores else None
            tasks = [task for store in stores.by_dataset.values() for task in store.tasks] if stores else []
            families = sorted(weighed(config.dev_synthetic))
        else:
            stores, tasks, families = self._stores, list(self.tasks.pools), sorted(self._families)
        found, names = list[Callable[[], LoadedEpisode]](), families
        if stores:
            episodes = dev_episodes(stores, tasks, config.dev_episodes, config.support_size, config.seed)
            found += [partial(stores.drawn, episode) for episode in episodes]
            names = [*families, *map(str, episodes)]
        for number in range(config.dev_episodes if families else 0):
            of = {families[number % len(families)]: 1.0}
            found.append(partial(synthetic, seed_for("dev", config.seed), number, config.support_size, self.size, of))
        return found, hashlib.sha256("\n".join([*names, str(len(found))]).encode()).hexdigest()[:16]


def weighed(words: Sequence[str]) -> dict[str, float]:
    """Families and how often each is drawn; a word is a family or a mix, or name=weight, where a bare name weighs 1."""
    named = dict[str, float]()
    for word in words:
        name, _, weight = word.partition("=")
        try:
            named[name] = float(weight or 1)
        except ValueError as error:
            raise ValueError(
                f"synthetic tasks {word!r}: expected NAME or NAME=WEIGHT, got the weight {weight!r}"
            ) from error
    return weights_of(named) if named else {}


def synthetic(seed: int, number: int, support_size: int, size: int, families: Mapping[str, float]) -> LoadedEpisode:
    """Episode `number` of a seed, of one of the families; its dataset is named after the family."""
    images, masks, key = fresh_episode(seed, number, 1 + support_size, size, families)
    task = Task.parse(key)
    task = replace(task, dataset=f"{task.dataset} {task.group}")  # each family is averaged and logged by itself
    return LoadedEpisode(task.key, str(number), Batch(images[None, :, None], masks[None, :, None]))
