"""Which example matters: expected Dice of the others without it. No torch here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from universeg.prediction.check.leave_one_out import Estimate, Segments, chosen, trial

QUERIES = 6  # examples that are segmented without each of the others
MOST = 32  # examples whose influence is measured


@dataclass(frozen=True)
class Influence:
    """How much an example helps the others."""

    example: int
    name: str
    dice: float  # mean Dice of others with it, less the same without it; below 0 it does harm


def influence_work(examples: int) -> int:
    """How many segmentations `influences` are."""
    return min(examples, MOST) * min(examples - 1, QUERIES)


def influences(segmenter: Segments, estimate: Estimate, advance: Callable[[], None] = lambda: None) -> list[Influence]:
    """Of each example, the most helpful first; `advance` is called after each segmentation. Needs three examples."""
    count = len(segmenter.examples.images)
    found = list[Influence]()
    for example in chosen(count, MOST, "influence") if count > 2 else []:
        others = [one for one in estimate.trials if one.example != example]
        changes = list[float]()
        for one in (others[at] for at in chosen(len(others), QUERIES, "influence of", example)):
            every = [at for at in range(count) if at != one.example]
            shown = [every[k] for k in chosen(len(every), estimate.shown, "shown to", one.example)]
            with_it = (
                trial(segmenter, one.example, sorted({*shown, example}), estimate.slices)
                if example not in shown
                else one
            )
            without = trial(segmenter, one.example, [at for at in shown if at != example], estimate.slices)
            changes.append(with_it.dice - without.dice)
            advance()
        found.append(Influence(example, segmenter.examples.images[example].name, float(np.mean(changes))))
    return sorted(found, key=lambda one: -one.dice)
