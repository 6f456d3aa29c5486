"""Keep only some examples of a task: each kept one stands for a group of similar ones.

The groups are those of k-medoids: the kept examples are those from which all others are, in sum, nearest. Measured
figures, also of other ways to choose, are in docs/how-to/task-packs.md.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.facts import Example
from universeg.prediction.task_pack.pack_file import TaskPack
from universeg.prediction.task_pack.picture import shown_slice

SIDE = 32  # pixels of the images that are compared
MASK_WEIGHT = 4.0  # of a pixel of a mask, relative to a standard deviation of the image
MOST_ROUNDS = 100

Floats = NDArray[np.float64]


def prune(pack: TaskPack, keep: int, advance: Callable[[], None] = lambda: None) -> tuple[TaskPack, list[str]]:
    """The pack with `keep` examples, and the names of the dropped ones; `advance` is called for each example.

    Raises PackError for an impossible number.
    """
    examples = pack.facts.examples
    if not 1 <= keep <= len(examples):
        raise PackError(f"{pack.where}: has {len(examples)} examples; expected --keep from 1 to {len(examples)}")
    described = list[Floats]()
    for example in examples:
        described.append(_description(pack, example))
        advance()
    chosen = set(representatives(np.stack(described), keep))
    kept = tuple(example for number, example in enumerate(examples) if number in chosen)
    dropped = [example.name for number, example in enumerate(examples) if number not in chosen]
    return replace(pack, facts=replace(pack.facts, examples=kept)), dropped


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
