"""Expected Dice against the number of examples, and what a few more would give. No torch here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from universeg.prediction.check.leave_one_out import Estimate, Limits, Segments, chosen, trial

QUERIES = 6  # examples that are segmented with fewer others
MORE = 3  # examples that a person might add
LEAST_GAIN = 0.5  # Dice: smaller gains are not worth a sentence


@dataclass(frozen=True)
class Curve:
    """Expected Dice with so many examples; the last is that of leave-one-out."""

    counts: tuple[int, ...]
    dice: tuple[float, ...]
    examples: int  # of the support set

    @property
    def gain(self) -> float:
        """Dice that three more examples are expected to give: from the fit a - b / count, b not negative."""
        inverse, dice = 1 / np.array(self.counts, float), np.array(self.dice)
        slope = float(np.polyfit(inverse, dice, 1)[0]) if len(dice) > 1 else 0.0
        return max(0.0, -slope) * (1 / self.examples - 1 / (self.examples + MORE))

    def __str__(self) -> str:
        points = ", ".join(f"{score:.0f} with {count}" for count, score in zip(self.counts, self.dice, strict=True))
        if self.gain >= LEAST_GAIN:
            return (
                f"{points}; three more examples would give about +{self.gain:.0f}"
                if self.gain >= 1.5
                else (f"{points}; three more examples would give about +{self.gain:.1f}")
            )
        return f"{points}; more examples of the same kind would change little"


def counts_for(examples: int, limits: Limits) -> list[int]:
    """How many examples to show: powers of two below those of leave-one-out."""
    most = min(examples - 1, limits.shown)
    return [count for count in (1, 2, 4, 8, 16) if count < most]


def curve(
    segmenter: Segments, estimate: Estimate, limits: Limits, advance: Callable[[], None] = lambda: None
) -> Curve | None:
    """Segment some examples with fewer others; `advance` is called after each. None for fewer than three examples.

    These few may be harder or easier than all that leave-one-out used. So only their differences to their own Dice with
    all others count, and the curve ends at the expected Dice.
    """
    count = len(segmenter.examples.images)
    counts = counts_for(count, limits)
    if not counts:
        return None
    trials = [estimate.trials[at] for at in chosen(len(estimate.trials), QUERIES, "curve")]
    scores = list[float]()
    for few in counts:
        found = list[float]()
        for one in trials:
            others = [at for at in range(count) if at != one.example]
            shown = [others[k] for k in chosen(len(others), few, "curve", few, one.example)]
            found.append(trial(segmenter, one.example, shown, limits.slices).dice)
            advance()
        scores.append(float(np.mean(found)))
    easier = float(np.mean([one.dice for one in trials])) - estimate.dice
    points = np.clip(np.array(scores) - easier, 0, 100)
    return Curve((*counts, estimate.shown), (*points.tolist(), estimate.dice), count)


def work(examples: int, limits: Limits) -> int:
    """How many segmentations leave-one-out and the curve are together."""
    queries = min(examples, limits.queries)
    return queries + len(counts_for(examples, limits)) * min(QUERIES, queries)
