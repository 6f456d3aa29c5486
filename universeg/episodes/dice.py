"""Dice scores, their averages over labels, tasks and datasets, and standard deviations (paper, sections 5.1 and B)."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for
from universeg.store import Task, subject_of

Floats = NDArray[np.float64]  # (1 + bootstraps,): the mean of the scores, then the mean of each bootstrap sample
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Score:
    """The Dice of one query."""

    task: Task
    query: str
    dice: float  # 0..100


@dataclass(frozen=True)
class Mean:
    """A mean Dice, and its standard deviation and 95 % interval over bootstrap samples of the subjects."""

    dice: float  # 0..100
    standard_deviation: float
    low: float  # 2.5th percentile of the samples
    high: float  # 97.5th percentile


@dataclass(frozen=True)
class Averages:
    """Mean Dice at each level. Each level is the plain mean of the one before.

    The levels are queries, labels, tasks, datasets, rows of the paper's Table 3, and all. Most datasets are a row of
    their own.
    """

    labels: Mapping[str, Mean]  # dataset/group/modality/label/axis
    tasks: Mapping[str, Mean]  # dataset/group/modality/axis
    datasets: Mapping[str, Mean]
    paper_rows: Mapping[str, Mean]  # only the rows that have several datasets
    all: Mean

    @property
    def datasets_and_rows(self) -> dict[str, Mean]:
        """The means of the datasets, then of the rows that have several datasets."""
        return {**self.datasets, **self.paper_rows}


def dice(prediction: NDArray[np.bool_], ground_truth: NDArray[np.bool_]) -> float:
    """Overlap of two masks of the same shape, from 0 (none) to 100 (equal).

    If the ground truth is empty: 100 for an empty prediction, else 0. Raises ValueError if the shapes differ.
    """
    if prediction.shape != ground_truth.shape:
        raise ValueError(f"the prediction has shape {prediction.shape}, the ground truth {ground_truth.shape}")
    total = np.count_nonzero(prediction) + np.count_nonzero(ground_truth)
    return 200 * np.count_nonzero(prediction & ground_truth) / total if total else 100.0


def averages(
    scores: Sequence[Score], bootstraps: int = 0, seed: int = 0, paper_rows: Mapping[str, str] = MappingProxyType({})
) -> Averages:
    """Average scores level by level, with standard deviations over `bootstraps` samples (0 if there are none).

    In each bootstrap sample, every task (dataset/group/modality/axis) draws as many subjects as it has, with
    replacement and independently of the other tasks. The labels of a task share the draw. `paper_rows` has the row of
    the paper's Table 3 for each dataset; a dataset that is not in it is a row of its own. Raises ValueError without
    scores.
    """
    if not scores:
        raise ValueError("there are no scores to average")
    labels, tasks = dict[str, Floats](), dict[str, Floats]()
    for name, members in _grouped(scores, lambda score: task_name(score.task)).items():
        found = _label_means(members, bootstraps, rng_for("bootstrap", seed, name))
        labels |= found
        tasks[name] = _mean(list(found.values()))
    datasets = _group_means(tasks, _grouped(list(tasks), lambda name: name.split("/", 1)[0]))
    members_of_row = _grouped(list(datasets), lambda name: paper_rows.get(name, name))
    rows = _group_means(datasets, members_of_row)
    several = {row: rows[row] for row, names in members_of_row.items() if len(names) > 1}
    everything = _summary(_mean(list(rows.values())))
    return Averages(_summaries(labels), _summaries(tasks), _summaries(datasets), _summaries(several), everything)


def task_name(task: Task) -> str:
    """The task without its label: the means of its labels are averaged under this name."""
    return f"{task.dataset}/{task.group}/{task.modality}/{task.axis}"


def _label_means(scores: Sequence[Score], bootstraps: int, rng: np.random.Generator) -> dict[str, Floats]:
    """The means of each label; NaN for a bootstrap sample that has no query of the label."""
    subjects = sorted({subject_of(score.query) for score in scores})
    labels = sorted({score.task.key for score in scores})
    sums, counts = np.zeros((2, len(subjects), len(labels)))
    for score in scores:
        cell = subjects.index(subject_of(score.query)), labels.index(score.task.key)
        sums[cell] += score.dice
        counts[cell] += 1
    uniform = np.full(len(subjects), 1 / len(subjects))
    times = np.vstack([np.ones(len(subjects)), rng.multinomial(len(subjects), uniform, size=bootstraps)])
    with np.errstate(invalid="ignore"):
        return dict(zip(labels, ((times @ sums) / (times @ counts)).T, strict=True))


def _mean(values: Sequence[Floats]) -> Floats:
    """The mean without NaN. In every bootstrap sample at least one label has a query."""
    mean: Floats = np.nanmean(values, axis=0)
    return mean


def _group_means(level: Mapping[str, Floats], groups: Mapping[str, Sequence[str]]) -> dict[str, Floats]:
    """The means of one level, averaged over the members of each group."""
    return {name: _mean([level[member] for member in members]) for name, members in groups.items()}


def _summaries(level: Mapping[str, Floats]) -> dict[str, Mean]:
    return {name: _summary(values) for name, values in level.items()}


def _summary(values: Floats) -> Mean:
    mean, samples = float(values[0]), values[1:]
    if not len(samples):
        return Mean(mean, 0.0, mean, mean)
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return Mean(mean, float(np.nanstd(samples)), float(low), float(high))


def _grouped(items: Sequence[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    groups = dict[K, list[V]]()
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
