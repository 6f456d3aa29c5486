"""Dice for reports, and its averages with their uncertainty (paper, sections 5.1 and B)."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for
from universeg.store import Task, subject_of

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Score:
    """How well one query was segmented."""

    task: Task
    query: str
    dice: float  # 0..100


@dataclass(frozen=True)
class Mean:
    """An average of Dice, and the standard deviation that it has when other subjects are drawn."""

    dice: float
    deviation: float


@dataclass(frozen=True)
class Averages:
    """Each level is the plain mean over the one before: queries, labels, tasks, datasets, rows, all.

    A dataset that shares its row with no other is a row by itself.
    """

    labels: Mapping[str, Mean]  # dataset/group/modality/label/axis
    tasks: Mapping[str, Mean]  # dataset/group/modality/axis
    datasets: Mapping[str, Mean]
    rows: Mapping[str, Mean]  # of those of the paper's Table 3 that are several datasets
    all: Mean

    @property
    def of_datasets(self) -> dict[str, Mean]:
        """Of each dataset, then of rows of several."""
        return {**self.datasets, **self.rows}


def dice(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Overlap of two masks of one shape, from 0 (none) to 100 (equal).

    Where the truth is empty, 100 if the prediction is empty too, else 0.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {prediction.shape}, the truth {truth.shape}")
    total = np.count_nonzero(prediction) + np.count_nonzero(truth)
    return 200 * np.count_nonzero(prediction & truth) / total if total else 100.0


def averages(
    scores: Sequence[Score], bootstraps: int = 0, seed: int = 0, rows: Mapping[str, str] = MappingProxyType({})
) -> Averages:
    """Average scores level by level; the deviation is that over `bootstraps` draws of subjects (0 if none).

    Each task (dataset/group/modality/axis) draws as many of its subjects as it has, with replacement and
    independently of other tasks; its labels share the draw. `rows` names the row of a dataset, if not itself.
    Raises ValueError without scores.
    """
    if not scores:
        raise ValueError("there are no scores to average")
    labels, tasks = dict[str, Floats](), dict[str, Floats]()
    for name, members in _grouped(scores, lambda score: task_name(score.task)).items():
        found = _label_means(members, bootstraps, rng_for("bootstrap", seed, name))
        labels |= found
        tasks[name] = _mean(list(found.values()))
    datasets = _joined(tasks, _grouped(list(tasks), lambda name: name.split("/", 1)[0]))
    of_row = _grouped(list(datasets), lambda name: rows.get(name, name))
    by_row = _joined(datasets, of_row)
    everything = _summary(_mean(list(by_row.values())))
    several = {row: by_row[row] for row, names in of_row.items() if len(names) > 1}
    return Averages(_summaries(labels), _summaries(tasks), _summaries(datasets), _summaries(several), everything)


def task_name(task: Task) -> str:
    """The task without its label: what its labels are averaged to."""
    return f"{task.dataset}/{task.group}/{task.modality}/{task.axis}"


def _label_means(scores: Sequence[Score], bootstraps: int, rng: np.random.Generator) -> dict[str, Floats]:
    """For each label its mean over the queries as they are, then over each draw; NaN if a draw has none of them."""
    subjects = sorted({subject_of(score.query) for score in scores})
    labels = sorted({score.task.key for score in scores})
    sums, counts = np.zeros((2, len(subjects), len(labels)))
    for score in scores:
        cell = subjects.index(subject_of(score.query)), labels.index(score.task.key)
        sums[cell] += score.dice
        counts[cell] += 1
    even = np.full(len(subjects), 1 / len(subjects))
    times = np.vstack([np.ones(len(subjects)), rng.multinomial(len(subjects), even, size=bootstraps)])
    with np.errstate(invalid="ignore"):
        return dict(zip(labels, ((times @ sums) / (times @ counts)).T, strict=True))


def _mean(values: Sequence[Floats]) -> Floats:
    """Mean of (1 + bootstraps,) values that leaves NaN out; some label has a query in every draw."""
    mean: Floats = np.nanmean(values, axis=0)
    return mean


def _joined(level: Mapping[str, Floats], groups: Mapping[str, Sequence[str]]) -> dict[str, Floats]:
    return {name: _mean([level[member] for member in members]) for name, members in groups.items()}


def _summaries(level: Mapping[str, Floats]) -> dict[str, Mean]:
    return {name: _summary(values) for name, values in level.items()}


def _summary(values: Floats) -> Mean:
    return Mean(float(values[0]), float(np.nanstd(values[1:])) if len(values) > 1 else 0.0)


def _grouped(items: Sequence[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    groups = dict[K, list[V]]()
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
