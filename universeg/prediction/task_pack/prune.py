"""Keep only some examples of a task: of several sets, the one with which others are segmented best.

One of the sets has an example for each group of similar ones (k-medoids of small images and masks); the others are
drawn at random. How similar images look says little about how well they serve (docs/how-to/task-packs.md), so the sets
are compared by their Dice on examples that they do not have.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.rng import rng_for
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.facts import Example
from universeg.prediction.task_pack.pack_file import TaskPack
from universeg.prediction.task_pack.picture import shown_slice

SIDE = 32  # pixels of the images that are compared
MASK_WEIGHT = 4.0  # of a pixel of a mask, relative to a standard deviation of the image
MOST_ROUNDS = 100

Floats = NDArray[np.float64]
Advance = Callable[[float], None]


@dataclass(frozen=True)
class Pruned:
    """A pack with fewer examples."""

    pack: TaskPack
    dropped: Sequence[str]  # names
    dice: Sequence[float]  # expected, 0..100: of the kept set first, then of the others; empty if none was measured


def prune(pack: TaskPack, keep: int, tries: int, advance: Advance = lambda done: None) -> Pruned:
    """The pack with `keep` examples: the best of `tries` sets. With one set, nothing is measured.

    `advance` is called with the share of the work that is done. Raises PackError for an impossible number.
    """
    examples = pack.facts.examples
    if not 1 <= keep <= len(examples) or tries < 1:
        raise PackError(
            f"{pack.where}: has {len(examples)} examples; expected --keep from 1 to {len(examples)}, and --tries from 1"
        )
    described = [_description(pack, example) for example in examples]
    sets = [representatives(np.stack(described), keep)]
    scores = list[float]()
    if keep < len(examples) and tries > 1:
        from universeg.prediction.task_pack.compare import expected_dice, work

        draws = (rng_for("task pack", "prune", keep, number) for number in range(tries - 1))
        sets += [sorted(map(int, rng.choice(len(examples), keep, replace=False))) for rng in draws]
        steps = count(1)
        scores = expected_dice(pack, sets, lambda: advance(next(steps) / work(pack, len(sets))))
    order = sorted(range(len(scores)), key=lambda number: -np.nan_to_num(scores[number], nan=-1))
    chosen = set(sets[order[0] if order else 0])
    kept = tuple(example for number, example in enumerate(examples) if number in chosen)
    dropped = [example.name for number, example in enumerate(examples) if number not in chosen]
    small = replace(pack, facts=replace(pack.facts, examples=kept))
    return Pruned(small, dropped, [scores[number] for number in order if not np.isnan(scores[number])])


def representatives(points: Floats, keep: int) -> list[int]:
    """Indices, sorted, of `keep` rows of `points` (n, features): those that stand for the others, by k-medoids."""
    squares = (points**2).sum(1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    chosen, nearest = list[int](), np.full(len(points), np.inf)
    for _ in range(keep):  # each time the one that brings all others nearest
        gain = np.minimum(nearest[:, None], apart).sum(0)
        gain[chosen] = np.inf
        chosen.append(int(gain.argmin()))
        nearest = np.minimum(nearest, apart[:, chosen[-1]])
    for _ in range(MOST_ROUNDS):  # then the middle of each group, until nothing changes
        group = apart[:, chosen].argmin(1)
        group[chosen] = np.arange(keep)
        members = [np.flatnonzero(group == number) for number in range(keep)]
        better = [int(some[apart[np.ix_(some, some)].sum(0).argmin()]) for some in members]
        if better == chosen:
            break
        chosen = better
    return sorted(chosen)


def _description(pack: TaskPack, example: Example) -> Floats:
    """The small image without brightness and contrast, and the small mask of each label."""
    grey, labels = shown_slice(pack, example)
    small = _small(grey)
    parts = [(small - small.mean()) / (small.std() or 1)]
    parts += [MASK_WEIGHT * _small((labels == label.value) * np.uint8(255)) / 255 for label in pack.facts.labels]
    return np.concatenate([part.ravel() for part in parts])


def _small(pixels: NDArray[np.uint8]) -> Floats:
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
