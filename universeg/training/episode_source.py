"""The source of training episodes: stores, synthetic tasks that are made during training, or both."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from universeg.base.rng import rng_for, seed_for
from universeg.episodes.episode import Batch, LoadedEpisode
from universeg.episodes.overlaps import Overlap, overlaps
from universeg.episodes.sampling import Sampler, Tasks, dev_episodes, support_size_of, training_tasks
from universeg.episodes.task_stores import TaskStores
from universeg.store import Pixels, Store, Task
from universeg.synth import fresh_scene, fresh_scenes, weights_of
from universeg.training.config import TrainConfig

SIZE = 128  # default pixels per side of synthetic tasks, if there are no stores
NO_TASKS = Tasks({}, ())
CPU = torch.device("cpu")


class EpisodeSource:
    """The training episode of every (step, item) of a run, and its validation episodes."""

    def __init__(self, config: TrainConfig, device: torch.device = CPU) -> None:
        """`device` is where `config.tasks_at_once` tasks are made, if it is a GPU and there is one loader."""
        if not config.stores and not config.synthetic:
            raise ValueError("there is nothing to train on: give --stores DIR or --synthetic FAMILY, or both")
        self._config, copies = config, config.copy_stores
        self._families = family_weights(config.synthetic)
        self._stores = TaskStores(config.stores, config.size, copies) if config.stores else None
        here = config.tasks_at_once > 1 and config.loaders == 1 and device.type == "cuda"
        self._device = device if here else CPU
        beside = torch.cuda.Stream(self._device) if self._device != CPU else None  # type: ignore[no-untyped-call]
        self._stream: Any = beside  # so that tasks do not wait for training
        self.size = self._stores.size if self._stores else config.size or SIZE
        self._dev_stores = TaskStores(config.dev_stores, self.size, copies) if config.dev_stores else None
        self.tasks, self.overlaps = self._training()
        families = map(_dataset_of_family, self._families)
        self.datasets = sorted({*families, *(Task.parse(key).dataset for key in self.tasks.pools)})
        self._sampler = Sampler(self.tasks.pools, config.seed)
        self.dev, self.dev_digest = self._dev()

    def seen(self) -> list[tuple[Store, str]]:
        """Each store with data that the run sees, and what for: training, or validation alone."""
        known = [(self._stores, "training", self.datasets)] if self._stores else []
        known += [(self._dev_stores, "validation", list(self._dev_stores.by_dataset))] if self._dev_stores else []
        return [
            (stores.by_dataset[name], what)
            for stores, what, names in known
            for name in names
            if name in stores.by_dataset
        ]

    def told(self, where: str) -> list[str]:
        """What a person should know at the start: the data, what is left out, overlaps. `where` they are trained on."""
        pools, synthetic = self.tasks.pools, self._config.synthetic
        datasets = len({Task.parse(key).dataset for key in pools})
        what = [f"{len(pools)} tasks of {datasets} datasets"] if pools else []
        at_once = self._config.tasks_at_once
        made = f", {at_once} at once made on {self._device}," if at_once > 1 else ""
        what += [f"synthetic tasks of {', '.join(synthetic)}{made}"] if synthetic else []
        lines = [f"{' and '.join(what)} at {self.size} pixels, {where}"]
        lines += [f"left out: {line}" for line in self.tasks.left_out]
        lines += [
            f"warning: trained on data that are also for evaluation: {overlap}; see --exclude-overlaps"
            for overlap in self.overlaps
        ]
        if not self.dev:
            lines.append("no validation and no best.safetensors: no task has middle slices in its dev split")
        return lines

    def support_size(self, step: int) -> int:
        """The N of a step, the same for all its items."""
        config = self._config
        least = config.least_support_size or config.support_size
        return support_size_of(config.seed, step, least, config.support_size)

    def draw_all(self, step: int, items: Sequence[int], support_size: int) -> list[LoadedEpisode]:
        """The episodes of several items of a step, `tasks_per_scene` of each; `tasks_at_once` tasks are made at once.

        They depend on the arguments, the seed and the tasks alone, and, if they are made on a GPU, on its type.
        """
        if self._config.tasks_at_once == 1:
            return [episode for item in items for episode in self.draw(step, item, support_size)]
        groups = self._config.batch_size // self._config.tasks_at_once
        made = {group: self._made_at_once(step, group, support_size) for group in sorted({n % groups for n in items})}
        return [episode for item in items for episode in made[item % groups][item // groups]]

    def _made_at_once(self, step: int, group: int, support_size: int) -> list[list[LoadedEpisode]]:
        """The episodes of one group of items of a step, for each item."""
        config = self._config
        first = step * config.batch_size + group * config.tasks_at_once
        with torch.cuda.stream(self._stream):  # for None this does nothing
            scenes = fresh_scenes(
                config.seed, first, config.tasks_at_once, 1 + support_size, self._side(step), self._families,
                self._device, most_labels=config.tasks_per_scene,
            )  # fmt: skip
        return [_episodes(scene, config.tasks_per_scene) for scene in scenes]

    def _side(self, step: int) -> int:
        """Pixels per side of the synthetic tasks of a step."""
        return self.size // 2 if step <= self._config.small_steps else self.size

    def draw(self, step: int, item: int, support_size: int) -> list[LoadedEpisode]:
        """The episodes of an item of a step, `tasks_per_scene` of them.

        They depend on the arguments, the seed and the tasks alone.
        """
        config = self._config
        if self._stores and not self._is_synthetic(step, item):
            return [self._stores.load(self._sampler.episode(step, item, support_size))]
        number, count = step * config.batch_size + item, config.tasks_per_scene
        return synthetic_episodes(config.seed, number, support_size, self._side(step), self._families, count)

    def _is_synthetic(self, step: int, item: int) -> bool:
        share = self._config.synthetic_share if self._config.synthetic else 0
        return bool(rng_for("source", self._config.seed, step, item).random() < share)

    def _training(self) -> tuple[Tasks, list[Overlap]]:
        """The tasks to train on, and the overlaps with data for evaluation that they have."""
        if self._stores is None:
            return NO_TASKS, []
        config = self._config
        found = overlaps(self._stores, self._dev_stores.by_dataset.values() if self._dev_stores else ())
        without = found if config.exclude_overlaps else []
        tasks = training_tasks(self._stores, config.tasks, config.exclude_tasks, without)
        used = {Task.parse(key).dataset for key in tasks.pools}
        return tasks, [overlap for overlap in found if overlap not in without and overlap.dataset in used]

    def _dev(self) -> tuple[list[Callable[[], LoadedEpisode]], str]:
        """A function that loads each dev episode, always the same ones, and a digest of all of them."""
        config = self._config
        if config.dev_stores or config.dev_synthetic:
            stores = self._dev_stores
            tasks = [task for store in stores.by_dataset.values() for task in store.tasks] if stores else []
            families = sorted(family_weights(config.dev_synthetic))
        else:
            stores, tasks, families = self._stores, list(self.tasks.pools), sorted(self._families)
        loads, names = list[Callable[[], LoadedEpisode]](), families
        if stores:
            episodes = dev_episodes(stores, tasks, config.dev_episodes, config.support_size, config.seed)
            loads += [partial(stores.load, episode) for episode in episodes]
            names = [*families, *map(str, episodes)]
        for number in range(config.dev_episodes if families else 0):
            one = {families[number % len(families)]: 1.0}
            seed = seed_for("dev", config.seed)
            loads.append(partial(_synthetic_episode, seed, number, config.support_size, self.size, one))
        return loads, hashlib.sha256("\n".join([*names, str(len(loads))]).encode()).hexdigest()[:16]


def family_weights(words: Sequence[str]) -> dict[str, float]:
    """How often each family is drawn. A word is NAME or NAME=WEIGHT (default 1); a name is a family or a mix.

    Empty without words. Raises ValueError for an unknown name or a wrong weight, and if no family is left.
    """
    named = dict[str, float]()
    for word in words:
        name, _, weight = word.partition("=")
        try:
            named[name] = float(weight or 1)
        except ValueError as error:
            raise ValueError(
                f"synthetic tasks {word!r}: expected NAME or NAME=WEIGHT with a number, got the weight {weight!r}"
            ) from error
    return weights_of(named) if named else {}


def synthetic_episodes(
    seed: int, number: int, support_size: int, size: int, families: Mapping[str, float], count: int
) -> list[LoadedEpisode]:
    """`count` episodes with the images of scene `number` of a seed, from one of the families.

    Each has another label. If the scene has fewer labels, they are used again with another query.
    """
    return _episodes(fresh_scene(seed, number, 1 + support_size, size, families, most_labels=count), count)


def _episodes(scene: tuple[Pixels, list[Pixels], str], count: int) -> list[LoadedEpisode]:
    images, labels, key = scene
    task = Task.parse(key)
    task = replace(task, dataset=_dataset_of_family(task.group))
    episodes = []
    for which in range(count):
        query, label = divmod(which, len(labels))
        pixels = Batch(_as_query(images, query), _as_query(labels[label], query))
        episodes.append(LoadedEpisode(task.key, task.label, pixels))
    return episodes


def _synthetic_episode(
    seed: int, number: int, support_size: int, size: int, families: Mapping[str, float]
) -> LoadedEpisode:
    return synthetic_episodes(seed, number, support_size, size, families, 1)[0]


def _as_query(entries: Pixels, number: int) -> Pixels:
    """Entries (M, H, W) of an episode as a batch (1, M, 1, H, W), in which entry `number` is the query."""
    return np.roll(entries, -number, 0)[None, :, None]


def _dataset_of_family(family: str) -> str:
    """The name of the dataset of a family's episodes: one per family, so each has its own mean in the logs."""
    return f"Synthetic {family}"
