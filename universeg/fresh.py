"""One synthetic episode on the fly."""

from collections.abc import Sequence

import numpy as np

from universeg.rng import rng_for
from universeg.store import Pixels
from universeg.store.format import HALF
from universeg.synth import SynthConfig, make_task


def fresh_episode(
    seed: int, number: int, entries: int, size: int, families: Sequence[str]
) -> tuple[Pixels, Pixels, str]:
    """Images and masks (entries, size, size) of a task of one of the families, and its key."""
    rng = rng_for("fresh", seed, number)
    family = families[int(rng.integers(len(families)))]
    task = make_task(seed, number, entries, size, SynthConfig(family=family))
    label = sorted(task.labels)[int(rng.integers(len(task.labels)))]
    return task.images, (task.labels[label] >= HALF).view(np.uint8), f"Synthetic/{family}/synth/{number}/0"
