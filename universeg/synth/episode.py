"""Make episodes of new synthetic tasks during training."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch

from universeg.base.rng import rng_for
from universeg.synth.config import SUBJECTS, TASKS, SynthConfig
from universeg.synth.make_task import task_streams
from universeg.synth.mixes import FAMILIES, Families, drawn_family
from universeg.synth.paper.f0 import f0, f0_tasks
from universeg.synth.paper.noise import REFERENCE_CANVAS
from universeg.synth.scene.candidates import labels_of_tasks, some_labels
from universeg.synth.task import Pixels, RandomStreams, one_thread

F0_AT_ONCE = {"cuda": 16}  # tasks; more need much memory. On other devices one after another is faster.

L = TypeVar("L")


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
    _check(entries, size)
    rng = rng_for("fresh", seed, number)
    name = drawn_family(families, rng)
    family = FAMILIES[name]
    with one_thread(), torch.inference_mode():
        if family is None:
            made = _f0_labels(name, seed, entries, size, rng, torch.device(device), most_labels)
        else:
            streams = RandomStreams(("fresh", name, seed, number), torch.device(device))
            made = some_labels(family, streams, entries, size, most_labels)
    return *made, _key(name, number)


def fresh_scenes(
    seed: int,
    number: int,
    tasks: int,
    entries: int,
    size: int,
    families: Families = "all",
    device: str | torch.device = "cpu",
    most_labels: int = 1,
) -> list[tuple[Pixels, list[Pixels], str]]:
    """Tasks `number` to `number + tasks - 1`, each as `fresh_scene` returns it, made at once; all of one family.

    Each tensor operation is done once for all of them, which suits a GPU; on a CPU, one after another is faster. The
    tasks share what decides how they are computed (the family, numbers of parts, types of texture); all else is drawn
    for each. The result depends only on the arguments, but it is not the same on a GPU as on a CPU. With one task it is
    that of `fresh_scene`. Raises ValueError as `fresh_episode`, and for no tasks.
    """
    if tasks < 1:
        raise ValueError(f"expected at least one task, got {tasks}")
    _check(entries, size)
    if tasks == 1:
        return [fresh_scene(seed, number, entries, size, families, device, most_labels)]
    name = drawn_family(families, rng_for("fresh batch", seed, number, tasks))
    family, numbers = FAMILIES[name], range(number, number + tasks)
    with one_thread(), torch.inference_mode():
        if family is None:
            made = _f0_at_once(name, seed, numbers, entries, size, torch.device(device), most_labels)
        else:
            streams = RandomStreams(("fresh batch", name, seed, number, tasks), torch.device(device))
            made = labels_of_tasks(family, streams, tasks, entries, size, most_labels)
    return [(*task, _key(name, one)) for task, one in zip(made, numbers, strict=True)]


def _check(entries: int, size: int) -> None:
    if entries < 1 or size < 16 or size % 2:
        raise ValueError(f"expected entries >= 1 and an even size >= 16, got {entries} entries of size {size}")


def _key(family: str, number: int) -> str:
    return f"Synthetic/{family}/synth/{number}/0"


def _f0_labels(
    name: str, seed: int, entries: int, size: int, rng: np.random.Generator, device: torch.device, most: int
) -> tuple[Pixels, list[Pixels]]:
    """Random labels of a random task of F0 or F0-driver.

    F0 has the paper's 1,000 tasks of 100 subjects. They are the same as in a store with this seed, if `size` divides
    256. The subjects of an episode are drawn without replacement, so that each of them can be the query. F0-driver has
    a new task for each attempt, on a canvas of the size of the episode, which is faster.
    """
    config = _f0_config(name, size)
    for attempt in range(100):
        streams, subjects = _drawn_subjects(config, seed, entries, rng, device, attempt)
        made = f0(streams, config, subjects, size)
        names = [label for label, masks in made.labels.items() if (masks > 127).any((1, 2)).all()]
        if names:
            chosen = _some_of(names, rng, most)
            return made.images, [(made.labels[label] > 127).astype(np.uint8) for label in chosen]
    raise AssertionError(f"{name}, seed {seed}: no shape is large enough in all of {entries} subjects")


def _f0_at_once(
    name: str, seed: int, numbers: Sequence[int], entries: int, size: int, device: torch.device, most: int
) -> list[tuple[Pixels, list[Pixels]]]:
    """As `_f0_labels`, for several tasks. Those of F0 are the same. Those of F0-driver share their number of shapes.

    On a CPU they are made one after another, which is faster there. A task without a label is drawn again by itself.
    """
    rngs = [rng_for("fresh", seed, number) for number in numbers]
    for rng in rngs:
        drawn_family(name, rng)  # as `fresh_scene` does before
    made, config = list[tuple[Pixels, list[Pixels]]](), _f0_config(name, size)
    at_once = F0_AT_ONCE.get(device.type, 1)
    for some in (rngs[first : first + at_once] for first in range(0, len(rngs), at_once)):
        if len(some) == 1:
            made.append(_f0_labels(name, seed, entries, size, some[0], device, most))
            continue
        drawn = [_drawn_subjects(config, seed, entries, rng, device, 0, together=True) for rng in some]
        images, masks, fits = f0_tasks([streams for streams, _ in drawn], config, [own for _, own in drawn], size)
        for task, (those, rng) in enumerate(zip(fits.tolist(), some, strict=True)):
            if not any(those):
                made.append(_f0_labels(name, seed, entries, size, rng, device, most))
                continue
            chosen = _some_of(np.flatnonzero(those).tolist(), rng, most)
            made.append((images[task].cpu().numpy(), list(masks[task, chosen].byte().cpu().numpy())))
    return made


def _f0_config(name: str, size: int) -> SynthConfig:
    if name == "F0":
        return SynthConfig(canvas=size * max(1, REFERENCE_CANVAS // size))
    return SynthConfig.of(name, canvas=size)


def _drawn_subjects(
    config: SynthConfig,
    seed: int,
    entries: int,
    rng: np.random.Generator,
    device: torch.device,
    attempt: int,
    together: bool = False,
) -> tuple[RandomStreams, Sequence[int]]:
    """A random task, and which of its subjects an episode has. With `together`, new subjects share their streams."""
    if config.family == "F0":
        task, subjects = int(rng.integers(TASKS)), rng.permutation(max(SUBJECTS, entries))[:entries].tolist()
        return task_streams(config, seed, task, device), subjects
    prefix = "fresh", config.family, seed, int(rng.integers(2**62)), attempt
    return RandomStreams(prefix, device, together), range(entries)


def _some_of(labels: list[L], rng: np.random.Generator, most: int) -> list[L]:
    """Up to `most` of the labels, from a random one on."""
    first = int(rng.integers(len(labels)))
    return (labels[first:] + labels[:first])[:most]
