"""Make episodes of new synthetic tasks during training."""

from typing import Literal

import numpy as np
import torch

from universeg.base.rng import rng_for
from universeg.synth.config import SynthConfig
from universeg.synth.mixes import FAMILIES, Families, drawn_family
from universeg.synth.paper.f0 import f0
from universeg.synth.scene.candidates import one_label
from universeg.synth.task import Pixels, RandomStreams, one_thread


def fresh_episode(
    seed: int, number: int, entries: int, size: int, families: Families = "all"
) -> tuple[Pixels, Pixels, str]:
    """Images (M, H, W) 0..255, masks (M, H, W) 0 or 1, and the task key of one label of a new task.

    M is `entries`: query and support set together, each a subject of its own. The result depends only on the
    arguments; it is computed on one thread of the CPU. `families` is the name of a mix or of a family, several names,
    or weights by name. No mask is empty, and the label can be learnt. Raises ValueError for no entries, a size that is
    odd or below 16, an unknown name, or a wrong weight.
    """
    if entries < 1 or size < 16 or size % 2:
        raise ValueError(f"expected entries >= 1 and an even size >= 16, got {entries} entries of size {size}")
    rng = rng_for("fresh", seed, number)
    name = drawn_family(families, rng)
    streams = RandomStreams(("fresh", name, seed, number), torch.device("cpu"))
    family = FAMILIES[name]
    with one_thread(), torch.inference_mode():
        made = _f0_label(streams, entries, size, rng) if family is None else one_label(family, streams, entries, size)
    return *made, f"Synthetic/{name}/synth/{number}/0"


def _f0_label(streams: RandomStreams, entries: int, size: int, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """A random label of a task of F0. The canvas has the size of the episode, which is much faster than 256 pixels."""
    for attempt in range(100):
        n_labels: Literal["paper", "code"] = "paper" if rng.random() < 0.5 else "code"
        config = SynthConfig(n_labels=n_labels, canvas=size)
        task = f0(RandomStreams((*streams.prefix, attempt), streams.device), config, entries, size)
        names = [name for name, masks in task.labels.items() if (masks > 127).any((1, 2)).all()]
        if names:
            return task.images, (task.labels[names[rng.integers(len(names))]] > 127).astype(np.uint8)
    raise AssertionError(f"{streams.prefix}: no shape is large enough in all of {entries} subjects")
