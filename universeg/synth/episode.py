"""Episodes that nobody has seen before, made while training goes on."""

from typing import Literal

import numpy as np
import torch

from universeg.base.rng import rng_for
from universeg.synth.config import SynthConfig
from universeg.synth.mixes import FAMILIES, Families, drawn_family
from universeg.synth.paper.f0 import f0
from universeg.synth.scene.proposals import one_label
from universeg.synth.task import Pixels, RandomStreams, one_thread


def fresh_episode(
    seed: int, number: int, entries: int, size: int, families: Families = "all"
) -> tuple[Pixels, Pixels, str]:
    """`entries` subjects of one label of a new task: images (M, H, W) 0..255, masks (M, H, W) 0 or 1, and a task key.

    A pure function of its arguments, made on one thread of the CPU. `families` is the name of a mix or of a family,
    several of these names, or weights by name. No mask is empty, and nothing is asked that cannot be learnt. Raises
    ValueError for a name that is unknown and for weights that are not positive.
    """
    if entries < 1 or size < 16 or size % 2:
        raise ValueError(f"expected entries >= 1 and an even size >= 16, got {entries} entries of size {size}")
    rng = rng_for("fresh", seed, number)
    name = drawn_family(families, rng)
    streams = RandomStreams(("fresh", name, seed, number), torch.device("cpu"))
    family = FAMILIES[name]
    with one_thread(), torch.inference_mode():
        made = _f0(streams, entries, size, rng) if family is None else one_label(family, streams, entries, size)
    return *made, f"Synthetic/{name}/synth/{number}/0"


def _f0(streams: RandomStreams, entries: int, size: int, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """A random shape of a task of the paper's recipe, drawn at the episode's own size, which is much faster."""
    for attempt in range(100):
        numbers: Literal["paper", "code"] = "paper" if rng.random() < 0.5 else "code"
        task = f0(
            RandomStreams((*streams.task, attempt), streams.device),
            SynthConfig(n_labels=numbers, canvas=size),
            entries,
            size,
        )
        names = [name for name, masks in task.labels.items() if (masks > 127).any((1, 2)).all()]
        if names:
            return task.images, (task.labels[names[rng.integers(len(names))]] > 127).astype(np.uint8)
    raise AssertionError(f"{streams.task}: no shape is large enough in all of {entries} subjects")
