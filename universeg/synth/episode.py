"""Make episodes of new synthetic tasks during training."""

import numpy as np
import torch

from universeg.base.rng import rng_for
from universeg.synth.config import SUBJECTS, TASKS, SynthConfig
from universeg.synth.make_task import task_streams
from universeg.synth.mixes import FAMILIES, Families, drawn_family
from universeg.synth.paper.f0 import f0
from universeg.synth.paper.noise import REFERENCE_CANVAS
from universeg.synth.scene.candidates import some_labels
from universeg.synth.task import Pixels, RandomStreams, one_thread


def fresh_episode(
    seed: int, number: int, entries: int, size: int, families: Families = "all", device: str | torch.device = "cpu"
) -> tuple[Pixels, Pixels, str]:
    """Images (M, H, W) 0..255, masks (M, H, W) 0 or 1, and the task key of one label of a new task.

    M is `entries`: query and support set together, each a subject of its own. The result depends only on the
    arguments. A CPU computes it on one thread, a GPU for all subjects at once. `families` is the name of a mix or of a
    family, several names, or weights by name. No mask is empty, and the label can be learnt. Raises ValueError for no
    entries, a size that is odd or below 16, an unknown name, or a wrong weight.
    """
    images, labels, key = fresh_scene(seed, number, entries, size, families, device, most_labels=1)
    return images, labels[0], key


def fresh_scene(
    seed: int,
    number: int,
    entries: int,
    size: int,
    families: Families = "all",
    device: str | torch.device = "cpu",
    most_labels: int = 1,
) -> tuple[Pixels, list[Pixels], str]:
    """As `fresh_episode`, with the masks of up to `most_labels` labels of the same images, at least one.

    The first label is that of `fresh_episode`. More labels cost little, because most of the time is for the images.
    """
    if entries < 1 or size < 16 or size % 2:
        raise ValueError(f"expected entries >= 1 and an even size >= 16, got {entries} entries of size {size}")
    rng = rng_for("fresh", seed, number)
    name = drawn_family(families, rng)
    family = FAMILIES[name]
    with one_thread(), torch.inference_mode():
        if family is None:
            made = _f0_labels(name, seed, entries, size, rng, torch.device(device), most_labels)
        else:
            streams = RandomStreams(("fresh", name, seed, number), torch.device(device))
            made = some_labels(family, streams, entries, size, most_labels)
    return *made, f"Synthetic/{name}/synth/{number}/0"


def _f0_labels(
    name: str, seed: int, entries: int, size: int, rng: np.random.Generator, device: torch.device, most: int
) -> tuple[Pixels, list[Pixels]]:
    """Random labels of a random task of F0 or F0-driver.

    F0 has the paper's 1,000 tasks of 100 subjects. They are the same as in a store with this seed, if `size` divides
    256. The subjects of an episode are drawn without replacement, so that each of them can be the query. F0-driver has
    a new task for each attempt, on a canvas of the size of the episode, which is faster.
    """
    for attempt in range(100):
        if name == "F0":
            task, config = int(rng.integers(TASKS)), SynthConfig(canvas=size * max(1, REFERENCE_CANVAS // size))
            subjects = rng.permutation(max(SUBJECTS, entries))[:entries].tolist()
            streams = task_streams(config, seed, task, device)
        else:
            config, subjects = SynthConfig.of(name, canvas=size), range(entries)
            streams = RandomStreams(("fresh", name, seed, int(rng.integers(2**62)), attempt), device)
        made = f0(streams, config, subjects, size)
        names = [label for label, masks in made.labels.items() if (masks > 127).any((1, 2)).all()]
        if names:
            first = int(rng.integers(len(names)))
            chosen = (names[first:] + names[:first])[:most]
            return made.images, [(made.labels[label] > 127).astype(np.uint8) for label in chosen]
    raise AssertionError(f"{name}, seed {seed}: no shape is large enough in all of {entries} subjects")
