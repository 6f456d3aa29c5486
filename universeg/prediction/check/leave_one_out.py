"""Expected Dice: each example is segmented by the others, and compared with its own mask. No torch here.

The cost is bounded: of many examples only some are left out, each is shown a part of the others, and of a volume a few
slices are used. An example's copies are left out with it, since a copy would give the answer away.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for
from universeg.prediction.check.likeness import copies
from universeg.prediction.examples import Examples
from universeg.prediction.preprocess import PreparedImage
from universeg.standardise.resample import Array

BOOTSTRAPS = 2000
LEVEL = 0.9  # of the interval
SHARED = 1.5  # standard deviation, in Dice, of what all trials share, since they share examples: it shows in no spread
NORMAL = 1.645  # standard deviations of half a normal interval of LEVEL


class Found(Protocol):
    """What a segmenter returns."""

    @property
    def probability(self) -> Array:
        """(L, T, S, S)"""

    @property
    def winners(self) -> NDArray[np.uint8]:
        """(T, S, S): 0 outside, n for the n-th structure."""


class Segments(Protocol):
    """A method with its examples, as universeg.prediction.segmenter.Segmenter."""

    @property
    def examples(self) -> Examples: ...

    def segment(self, query: PreparedImage, without: Collection[int] = ...) -> Found: ...


@dataclass(frozen=True)
class Limits:
    """How much work a check may be."""

    queries: int = 32  # examples that are left out
    shown: int = 32  # examples that each of them is shown
    slices: int = 8  # of a volume


@dataclass(frozen=True)
class Trial:
    """One example, segmented by others."""

    example: int
    query: PreparedImage  # the slices that were used
    probability: Array  # (L, T, S, S)
    winners: NDArray[np.uint8]  # (T, S, S)
    dice: float  # 0..100, the mean over the structures that the example or the answer has
    of_labels: tuple[float, ...]  # 0..100; NaN for a structure that neither has

    @property
    def name(self) -> str:
        return self.query.name


@dataclass(frozen=True)
class Estimate:
    """What Dice to expect on new images of the same kind."""

    trials: tuple[Trial, ...]
    examples: int  # of the support set
    shown: int  # examples that each trial was shown
    slices: int  # of a volume that were used at most

    @cached_property
    def dice(self) -> float:
        return float(np.mean([trial.dice for trial in self.trials]))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the mean of new images."""
        return interval([trial.dice for trial in self.trials])

    @property
    def verdict(self) -> str:
        """How well that is, in the words of the table of kinds of images."""
        return verdict(self.dice)

    def of_label(self, number: int) -> float:
        """The mean of one structure; NaN if no trial has it."""
        found = [trial.of_labels[number] for trial in self.trials if not np.isnan(trial.of_labels[number])]
        return float(np.mean(found)) if found else float("nan")


def verdict(dice: float) -> str:
    """Works well, partly, or not yet; the limits are those of the table in docs/how-to/check-examples.md."""
    if dice >= 85:
        return "works well"
    return "works partly" if dice >= 60 else "does not work yet"


def leave_one_out(
    segmenter: Segments, limits: Limits | None = None, advance: Callable[[], None] = lambda: None
) -> Estimate:
    """Segment examples by the others; `advance` is called after each. Raises ValueError for fewer than two examples."""
    limits = limits or Limits()
    images = segmenter.examples.images
    if len(images) < 2:
        raise ValueError("expected Dice needs at least two examples: one is segmented by the others")
    near = {at: {at} for at in range(len(images))}
    for first, second in copies([central(image) for image in images]):
        near[first].add(second)
        near[second].add(first)
    trials, shown = list[Trial](), list[int]()
    for at in chosen(len(images), limits.queries, "left out"):
        every = [other for other in range(len(images)) if other != at]
        others = [other for other in every if other not in near[at]] or every  # if all are copies, there is no choice
        shown_to = [others[k] for k in chosen(len(others), limits.shown, "shown to", at)]
        trials.append(trial(segmenter, at, shown_to, limits.slices))
        shown.append(len(shown_to))
        advance()
    return Estimate(tuple(trials), len(images), round(float(np.mean(shown))), limits.slices)


def trial(segmenter: Segments, example: int, shown: Sequence[int], slices: int) -> Trial:
    """Segment one example by those that are `shown`; of a volume so many slices at most."""
    images = segmenter.examples.images
    query = with_structure(images[example], slices)
    found = segmenter.segment(query, without={at for at in range(len(images)) if at not in shown})
    values = [label.value for label in segmenter.examples.labels]
    of_labels = dice_of_labels(found.winners, labels_of(query), values)
    score = 100.0 if np.isnan(of_labels).all() else float(np.nanmean(of_labels))
    return Trial(example, query, found.probability, found.winners, score, tuple(of_labels))


def chosen(count: int, most: int, *purpose: str | int) -> list[int]:
    """At most `most` of `count` numbers, drawn by their purpose, in order."""
    if count <= most:
        return list(range(count))
    return sorted(int(at) for at in rng_for("check", *purpose).choice(count, most, replace=False))


def central(image: PreparedImage) -> NDArray[np.uint8]:
    """The picture, or the slice of a volume with most of the structure; without a mask the middle slice."""
    marked = image.labels is not None and image.labels.any()
    at = int((labels_of(image) != 0).sum(axis=(1, 2)).argmax()) if marked else len(image.images) // 2
    return np.asarray(image.images[at])


def with_structure(image: PreparedImage, most: int) -> PreparedImage:
    """The picture; of a volume a few slices that have a structure, evenly spaced."""
    marked = np.flatnonzero(labels_of(image).any(axis=(1, 2)))
    if image.axis is None or not len(marked):
        return image if image.axis is None else _slices(image, np.array([len(image.rows) // 2]))
    even = np.linspace(0, len(marked) - 1, min(most, len(marked))).round().astype(int)
    return _slices(image, marked[even])


def labels_of(image: PreparedImage) -> NDArray[np.unsignedinteger]:
    assert image.labels is not None, "an example has a mask"
    return image.labels


def dice_of_labels(
    winners: NDArray[np.uint8], labels: NDArray[np.unsignedinteger], values: Sequence[int]
) -> NDArray[np.float64]:
    """Dice of each structure, 0..100; NaN where neither the answer nor the mask has it."""
    found = np.full(len(values), np.nan)
    for at, value in enumerate(values):
        answer, mask = winners == at + 1, labels == value
        total = np.count_nonzero(answer) + np.count_nonzero(mask)
        if total:
            found[at] = 200 * np.count_nonzero(answer & mask) / total
    return found


def interval(scores: Sequence[float]) -> tuple[float, float]:
    """The 90 % interval of the mean of new images, from scores 0..100.

    Of the mean of the scores by bootstrap, wider for few scores, which vary too little; and wider by SHARED, which
    was set so that the interval holds as often as it says (docs/explanation/expected-dice.md).
    """
    count, values = len(scores), np.asarray(scores, float)
    if count < 2:
        return 0.0, 100.0
    picks = rng_for("check", "bootstrap").integers(count, size=(BOOTSTRAPS, count))
    off = (values[picks].mean(axis=1) - values.mean()) * np.sqrt(count / (count - 1))
    low, high = np.hypot(np.quantile(off, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]), NORMAL * SHARED)
    return float(max(0, values.mean() - low)), float(min(100, values.mean() + high))


def _slices(image: PreparedImage, at: NDArray[np.intp]) -> PreparedImage:
    return replace(image, rows=image.rows[at], images=image.images[at], labels=labels_of(image)[at])
