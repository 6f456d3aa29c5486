"""Experiments with support sets that all queries of a task share, drawn again and again: tables 8 and 9, figure 13.

Predictions are kept as uint8 (round(255 p)) while an experiment combines them: one byte for each pixel, query and draw.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import nn

from universeg.base.rng import rng_for
from universeg.episodes.dice import Score, averages, dice, task_name
from universeg.episodes.episode import Episode
from universeg.episodes.levers import Levers, build
from universeg.episodes.sampling import with_replacement
from universeg.episodes.segment import probabilities
from universeg.evaluation.baselines import segmenter
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.scores import by_row, row_of
from universeg.store import Task

SoftMasks = NDArray[np.uint8]  # (draws, queries, H, W), 0..255
INSIDE = 127.5  # a larger value is a probability above one half


def without_replacement(names: Sequence[str], size: int, rng: np.random.Generator) -> tuple[str, ...]:
    """`size` different names, or all of them if there are fewer."""
    return tuple(names[number] for number in rng.permutation(len(names))[:size])


def draws_of(task: str, names: Sequence[str], size: int, count: int, seed: int, replace: bool) -> list[tuple[str, ...]]:
    """`count` support sets of a task. Labels of the same images that have the same subjects get the same ones."""
    draw = with_replacement if replace else without_replacement
    group = task_name(Task.parse(task))
    return [draw(names, size, rng_for("shared support", seed, group, size, number, replace)) for number in range(count)]


def predict_all(
    config: ExperimentConfig, network: nn.Module, task: str, queries: Sequence[str], supports: Sequence[Sequence[str]]
) -> SoftMasks:
    """The predictions of all queries of a task with each of the support sets."""
    stores = config.task_stores
    found = np.empty((len(supports), len(queries), stores.size, stores.size), np.uint8)
    for number, support in enumerate(supports):
        for place, query in enumerate(queries):
            batch = stores.read([Episode(task, "mid", query, tuple(support))])
            found[number, place] = np.rint(255 * probabilities(network, batch, config.compute)[0])
    return found


def loaded(config: ExperimentConfig, weights: Path) -> nn.Module:
    """The network on its device, seeing images at the size of the scale."""
    return build(segmenter(weights).to(config.compute.device).eval(), Levers(size=config.numbers.size))


def each_task(config: ExperimentConfig, what: str) -> Iterator[tuple[str, Sequence[str], NDArray[np.bool_]]]:
    """Task, queries and their ground truth (queries, H, W), with a progress bar."""
    console = Console(stderr=True, quiet=config.quiet)
    for task, names in track(config.queries.queries.items(), what, console=console, disable=config.quiet):
        yield task, names, config.task_stores.of(task).read(task, names)[1] > 0


def limited(config: ExperimentConfig, name: str, weights: Path) -> dict[str, Any]:
    """Table 8: for each task and N, the mean Dice of each random subset of its examples, without replacement."""
    network, scale = loaded(config, weights), config.numbers
    scores = dict[tuple[str, int], list[list[float]]]()  # task and N -> for each label, the mean of each repetition
    for task, queries, truths in each_task(config, f"limited examples, {name}"):
        pool = config.task_stores.of(task).subjects(task, "support")
        for size in sizes_within(scale.support_sizes, len(pool)):
            # All subsets of the whole pool are the same, so one is enough.
            count = scale.repetitions if size < len(pool) else 1
            supports = draws_of(task, pool, size, count, config.seed, replace=False)
            soft = predict_all(config, network, task, queries, supports)
            means = [_mean_dice(each, truths) for each in soft]
            scores.setdefault((task_name(Task.parse(task)), size), []).append(means * (scale.repetitions // count))
    found = {key: np.mean(_even(labels), axis=0) for key, labels in scores.items()}
    return {"cells": [[task, size, list(map(float, means))] for (task, size), means in found.items()]}


def sizes_within(sizes: Sequence[int], pool: int) -> list[int]:
    """The support sizes up to the first one that takes the whole pool."""
    return [size for number, size in enumerate(sizes) if number == 0 or sizes[number - 1] < pool]


def _even(labels: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """Lists of the same length: labels of a task can have pools of different sizes."""
    most = max(map(len, labels))
    return [each if len(each) == most else [float(np.mean(each))] * most for each in labels]


def ensembles(config: ExperimentConfig, name: str, weights: Path, size: int) -> dict[str, Any]:
    """One row of table 9: for each K, the mean Dice of each repetition, which averages K of the predictions."""
    network, scale = loaded(config, weights), config.numbers
    counts = [count for count in scale.ensembles if count <= scale.repetitions]
    found = dict[int, list[list[Score]]]({count: [[] for _ in range(scale.repetitions)] for count in counts})
    rows = dict[str, str]()
    for task, queries, truths in each_task(config, f"ensembles, {name}, N = {size}"):
        store = config.task_stores.of(task)
        rows[store.header["dataset"]] = row_of(store)
        supports = draws_of(task, store.subjects(task, "support"), size, scale.repetitions, config.seed, replace=True)
        soft = predict_all(config, network, task, queries, supports)
        for count in counts:
            for number, chosen in enumerate(members(count, scale.repetitions, config.seed)):
                masks = soft[chosen].mean(axis=0) > INSIDE
                values = [dice(mask, truth) for mask, truth in zip(masks, truths, strict=True)]
                pairs = zip(queries, values, strict=True)
                found[count][number] += [Score(Task.parse(task), query, value) for query, value in pairs]
    means = {count: [averages(each, paper_rows=rows).all.dice for each in of] for count, of in found.items()}
    return {"support_size": size, "means": means}


def members(count: int, total: int, seed: int) -> list[list[int]]:
    """For each of `total` repetitions, which `count` of the `total` predictions are averaged; with K = 1 each once."""
    if count == 1:
        return [[number] for number in range(total)]
    rngs = (rng_for("ensemble members", seed, count, number) for number in range(total))
    return [rng.permutation(total)[:count].tolist() for rng in rngs]


def heat(config: ExperimentConfig, name: str, weights: Path, size: int) -> dict[str, Any]:
    """One cell of figure 13: the mean Dice of each dataset, K = 1, averaged over repetitions."""
    network, scale = loaded(config, weights), config.numbers
    scores, rows = list[Score](), dict[str, str]()
    for task, queries, truths in each_task(config, f"{name}, M = {size}"):
        store = config.task_stores.of(task)
        rows[store.header["dataset"]] = row_of(store)
        pool = store.subjects(task, "support")
        supports = draws_of(task, pool, size, scale.heat_repetitions, config.seed, replace=True)
        for soft in predict_all(config, network, task, queries, supports):
            pairs = zip(queries, soft, truths, strict=True)
            scores += [Score(Task.parse(task), query, dice(mask > INSIDE, truth)) for query, mask, truth in pairs]
    means = by_row(averages(scores, paper_rows=rows), rows)
    return {"network": name, "support_size": size, "datasets": {row: mean.dice for row, mean in means.items()}}


def _mean_dice(soft: NDArray[np.uint8], truths: NDArray[np.bool_]) -> float:
    return float(np.mean([dice(mask > INSIDE, truth) for mask, truth in zip(soft, truths, strict=True)]))
