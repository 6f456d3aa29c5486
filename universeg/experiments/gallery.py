"""The pictures of the paper's figures 5, 14 to 21: support sets and predictions, as contact sheets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from universeg.base.contact_sheet import Panel, heat, outlined, sheet
from universeg.base.rng import rng_for
from universeg.episodes.dice import dice, task_name
from universeg.episodes.episode import Batch, Episode
from universeg.episodes.sampling import matching
from universeg.episodes.segment import THRESHOLD, probabilities
from universeg.evaluation.multi_label import BACKGROUND, joined
from universeg.experiments.catalogue import MAIN, Experiment
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.methods import NNUNET, best_variants
from universeg.experiments.nnunet import soft_prediction
from universeg.experiments.repetitions import draws_of, loaded, without_replacement
from universeg.experiments.steps import weights_of
from universeg.store import Pixels, Task

SIDE, SHOWN, QUERIES, DRAWS = 144, 10, 3, 6  # pixels of a panel; pairs of a support set; queries; figure 21's draws
SMALL_SUPPORT = 8  # figure 21's N
Probability = NDArray[np.float32]
Rows = list[list[Panel]]


def pictures_of(config: ExperimentConfig, found: Experiment) -> dict[str, Image.Image]:
    """The pictures of an experiment, by the names of their files."""
    return _MAKERS[found.name](config, found)


@dataclass(frozen=True)
class Shown:
    """One task of the stores, with what pictures need: its network, a support set and some queries."""

    config: ExperimentConfig
    network: nn.Module
    task: str

    def queries(self, count: int = QUERIES) -> list[str]:
        """Random queries of the test split; the same for all labels of the same images."""
        names = self.config.task_stores.of(self.task).subjects(self.task, "test")
        rng = rng_for("shown", self.config.seed, _images(self.task))
        return list(without_replacement(names, count, rng))

    def support(self, size: int, number: int = 0) -> tuple[str, ...]:
        """A support set; the same for all labels of the same images."""
        pool = self.config.task_stores.of(self.task).subjects(self.task, "support")
        return draws_of(self.task, pool, size, number + 1, self.config.seed, replace=False)[number]

    def pixels(self, name: str) -> tuple[Pixels, NDArray[np.bool_]]:
        """Image and ground truth of one subject."""
        images, masks = self.config.task_stores.of(self.task).read(self.task, [name])
        return images[0], masks[0].astype(bool)

    def predict(
        self, query: str, support: Sequence[str], change: Callable[[Batch], Batch] = lambda b: b
    ) -> Probability:
        """The probability (H, W) for a query; `change` changes the pixels of query and support before."""
        batch = self.config.task_stores.read([Episode(self.task, "mid", query, tuple(support))])
        found: Probability = probabilities(self.network, change(batch), self.config.compute)[0]
        return found


def inverted(batch: Batch) -> Batch:
    """Query and support images inverted: 1 - x."""
    return Batch(255 - batch.images, batch.masks)


def of_background(batch: Batch) -> Batch:
    """The masks inverted."""
    return Batch(batch.images, 1 - batch.masks)


def _images(task: str) -> str:
    return task_name(Task.parse(task))


def _panels(image: Pixels, true_mask: NDArray[np.bool_], found: Probability) -> list[Panel]:
    """One prediction, soft and thresholded."""
    mask = found > THRESHOLD
    return [
        Panel(heat(image, found, SIDE), "probability"),
        Panel(
            outlined(image, {"ground truth": true_mask, "prediction": mask}, SIDE), f"Dice {dice(mask, true_mask):.0f}"
        ),
    ]


def _label_tasks(config: ExperimentConfig) -> list[str]:
    """The first tasks, of up to two labels of the same images, that --picture-tasks chooses."""
    usable = list(config.queries.queries)
    found = matching(usable, [f"{pattern}*" for pattern in config.picture_tasks])
    same = [task for task in found if _images(task) == _images(found[0])]
    return same[:2]


def _main(config: ExperimentConfig, task: str) -> Shown:
    return Shown(config, loaded(config, weights_of(config, MAIN)), task)


def _support_row(shown: Shown, names: tuple[str, ...], change: Callable[[Batch], Batch] = lambda b: b) -> list[Panel]:
    batch = change(shown.config.task_stores.read([Episode(shown.task, "mid", shown.queries(1)[0], names)]))
    pairs = zip(names, batch.support[0, :, 0], batch.support_masks[0, :, 0] > 0, strict=True)
    return [Panel(outlined(image, {"label": mask}, SIDE), name) for name, image, mask in pairs]


def _one_label(number: int, change: Callable[[Batch], Batch] = lambda b: b) -> Callable[..., dict[str, Image.Image]]:
    """Figures 16 to 18: ten pairs of the support set, and queries with ground truth and prediction."""

    def make(config: ExperimentConfig, found: Experiment) -> dict[str, Image.Image]:
        tasks = _label_tasks(config)
        if len(tasks) <= number:
            raise ValueError(f"{found.name} shows a second label, but {_images(tasks[0])} has one; see --picture-tasks")
        shown = _main(config, tasks[number])
        support = shown.support(config.numbers.largest)
        rows: Rows = [_support_row(shown, support[:SHOWN], change), []]
        for query in shown.queries():
            batch = config.task_stores.read([Episode(shown.task, "mid", query, shown.support(1))])
            image, (_, true_mask) = change(batch).query[0, 0], shown.pixels(query)
            prediction = shown.predict(query, support, change)
            rows[-1] += [Panel(outlined(image, {}, SIDE), query), *_panels(image, true_mask, prediction)]
        above = "the support set" if len(support) <= SHOWN else f"{SHOWN} of the support set"
        title = f"{found.title}: {shown.task}, N = {len(support)}. Above: {above}"
        return {"picture.png": sheet(rows, title, ["ground truth, or label", "prediction"])}

    return make


def _methods(config: ExperimentConfig, found: Experiment) -> dict[str, Image.Image]:
    """Figures 5 and 15: a random query of each task, with ground truth and the prediction of every method."""
    best, _ = best_variants(config, found)
    networks = {label: (loaded(config, Path(each.content["weights"])), each) for label, each in best.items()}
    hard, soft = Rows(), Rows()
    for task in config.queries.queries:
        query = Shown(config, nn.Identity(), task).queries(1)[0]
        image, true_mask = Shown(config, nn.Identity(), task).pixels(query)
        maps = dict[str, Probability]()
        for label, (network, each) in networks.items():
            shown = Shown(config, network, task)
            maps[label] = shown.predict(query, shown.support(each.content["support_size"]))
        supervised = soft_prediction(config, task, query)
        maps |= {} if supervised is None else {NNUNET: supervised}
        first = [Panel(outlined(image, {}, SIDE), task), Panel(_filled(image, true_mask), "ground truth")]
        hard.append(first + [Panel(_filled(image, one > THRESHOLD), f"{name}: {dice(one > THRESHOLD, true_mask):.0f}")
                             for name, one in maps.items()])  # fmt: skip
        soft.append(first + [Panel(heat(image, one, SIDE), name) for name, one in maps.items()])
    return {
        "figure-5.png": sheet(hard, "A random test image of each task, and the predictions of all methods (Dice)"),
        "figure-15.png": sheet(soft, "The same, with probabilities"),
    }


def _filled(image: Pixels, mask: NDArray[np.bool_]) -> Image.Image:
    return heat(image, mask.astype(np.float32), SIDE)


def _support_sets(config: ExperimentConfig, found: Experiment) -> dict[str, Image.Image]:
    """Figure 14: ten random pairs of each dataset, of its first task."""
    first = {Task.parse(task).dataset: task for task in reversed(list(config.queries.queries))}
    shown = [Shown(config, nn.Identity(), task) for _, task in sorted(first.items())]
    rows = [_support_row(each, each.support(SHOWN)) for each in shown]
    return {"picture.png": sheet(rows, f"Support sets: {', '.join(sorted(first))}", ["label"])}


def _several_labels(config: ExperimentConfig, found: Experiment) -> dict[str, Image.Image]:
    """Figure 19: background and labels, predicted one by one and joined by a softmax, as red, green and blue."""
    tasks = _label_tasks(config)
    rows, size = Rows(), config.numbers.largest
    network = loaded(config, weights_of(config, MAIN))
    labels = {Task.parse(task).label: Shown(config, network, task) for task in tasks}
    first = labels[next(iter(labels))]
    for query in first.queries():
        image, _ = first.pixels(query)
        true_mask = {label: shown.pixels(query)[1].astype(np.float32) for label, shown in labels.items()}
        outside = {BACKGROUND: 1 - np.max(list(true_mask.values()), axis=0)}
        found_maps = {label: shown.predict(query, shown.support(size)) for label, shown in labels.items()}
        found_maps = {BACKGROUND: _background(config, network, labels, query, size), **found_maps}
        panels = [Panel(outlined(image, {}, SIDE), query), Panel(_colour(outside | true_mask), "ground truth")]
        rows.append([*panels, Panel(_colour(joined(found_maps)), "prediction")])
    colours = ", ".join(f"{colour}: {name}" for colour, name in zip(("green", "blue"), labels, strict=False))
    title = f"{found.title}. Red: background, {colours}"
    return {"picture.png": sheet(rows, title)}


def _background(
    config: ExperimentConfig, network: nn.Module, labels: Mapping[str, Shown], query: str, size: int
) -> Probability:
    """The prediction of what is in no label, from supports with these masks."""
    shown = next(iter(labels.values()))
    episodes = [Episode(each.task, "mid", query, shown.support(size)) for each in labels.values()]
    batches = [config.task_stores.read([episode]) for episode in episodes]
    union = np.max([batch.masks for batch in batches], axis=0)
    found: Probability = probabilities(network, of_background(Batch(batches[0].images, union)), config.compute)[0]
    return found


def _colour(maps: Mapping[str, NDArray[np.floating]]) -> Image.Image:
    channels = [np.asarray(each, np.float32) for each in maps.values()][:3]
    channels += [np.zeros_like(channels[0])] * (3 - len(channels))
    pixels = (np.stack(channels, axis=-1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def _by_support_size(config: ExperimentConfig, found: Experiment) -> dict[str, Image.Image]:
    """Figure 20: queries, and their predictions with more and more examples."""
    shown, rows = _main(config, _label_tasks(config)[0]), Rows()
    for query in shown.queries():
        image, true_mask = shown.pixels(query)
        row = [Panel(outlined(image, {"ground truth": true_mask}, SIDE), query)]
        for size in config.numbers.support_sizes:
            prediction = shown.predict(query, shown.support(size))
            row.append(
                Panel(heat(image, prediction, SIDE), f"N = {size}\nDice {dice(prediction > 0.5, true_mask):.0f}")
            )
        rows.append(row)
    return {"picture.png": sheet(rows, f"{found.title}: {shown.task}", ["ground truth"])}


def _by_draw(config: ExperimentConfig, found: Experiment) -> dict[str, Image.Image]:
    """Figure 21: queries, their predictions with several support sets, and the mean of these last."""
    shown, rows = _main(config, _label_tasks(config)[0]), Rows()
    size = min(SMALL_SUPPORT, config.numbers.largest)
    for query in shown.queries():
        image, true_mask = shown.pixels(query)
        maps = [shown.predict(query, shown.support(size, number)) for number in range(DRAWS)]
        named = [*((f"draw {number}", one) for number, one in enumerate(maps, 1)), ("ensemble", np.mean(maps, axis=0))]
        row = [Panel(outlined(image, {"ground truth": true_mask}, SIDE), query)]
        row += [Panel(heat(image, one, SIDE), f"{name}\nDice {dice(one > 0.5, true_mask):.0f}") for name, one in named]
        rows.append(row)
    return {"picture.png": sheet(rows, f"{found.title}: {shown.task}, N = {size}", ["ground truth"])}


_MAKERS: Mapping[str, Callable[[ExperimentConfig, Experiment], dict[str, Image.Image]]] = {
    "figure-5": _methods,
    "figure-14": _support_sets,
    "figure-16": _one_label(0),
    "figure-17": _one_label(1),
    "figure-18": _one_label(0, inverted),
    "figure-19": _several_labels,
    "figure-20": _by_support_size,
    "figure-21": _by_draw,
}
