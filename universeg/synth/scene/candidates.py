"""From a family to a task: scenes, simulated acquisition, labels, and the choice of labels that can be learnt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, cycle, islice, repeat

import numpy as np
import torch
from torch import Tensor

from universeg.synth.scene.acquisition import acquired
from universeg.synth.scene.batch_draws import BatchDraws
from universeg.synth.scene.label_rules import derived_labels
from universeg.synth.scene.learnable import learnable, why_not_learnable
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Family
from universeg.synth.task import Pixels, RandomStreams, SynthTask

BATCH_PIXELS = 20 * 128**2  # pixels per block of subjects; more do not fit into the processor's cache
MAX_SCENES = 50  # far more than any family needs to get a label that can be learnt
REPLACED = 0.25  # of the tasks of a batch, at most
LAST = 1e6  # more than any random number


@dataclass(frozen=True)
class Candidate:
    """Pictures and all their labels, including those that cannot be learnt."""

    draws: Draws
    pictures: Tensor  # (M, H, W) in [0, 1]
    masks: Mapping[str, Tensor]  # (M, H, W) bool

    @property
    def images(self) -> Pixels:
        """The pictures as uint8, 0..255."""
        return (self.pictures * 255).round().byte().cpu().numpy()


def candidates(family: Family, streams: RandomStreams, subjects: int, size: int) -> Iterator[Candidate]:
    """One scene after another, until the caller stops. Raises AssertionError after MAX_SCENES."""
    per_block = max(1, BATCH_PIXELS // size**2) if streams.device.type == "cpu" else subjects
    for attempt in range(MAX_SCENES):
        draws = Draws((*streams.prefix, attempt), 0, size, streams.device)
        blocks = [
            _block(family, draws.for_block(number, min(per_block, subjects - first)))
            for number, first in enumerate(range(0, subjects, per_block))
        ]
        masks = {name: torch.cat([block.masks[name] for block in blocks]) for name in blocks[0].masks}
        yield Candidate(blocks[0].draws, torch.cat([block.pictures for block in blocks]), masks)
    raise AssertionError(f"{streams.prefix}: none of {MAX_SCENES} scenes has a label that can be learnt")


def _block(family: Family, draws: Draws) -> Candidate:
    """One block of subjects."""
    scene = family(draws)
    pictures, visible = acquired(draws, scene)
    labels = derived_labels(draws, scene.parts)
    if visible is not None:
        labels = {name: mask & visible for name, mask in labels.items()}
    return Candidate(draws, pictures, labels)


def some_labels(
    family: Family, streams: RandomStreams, subjects: int, size: int, most: int
) -> tuple[Pixels, list[Pixels]]:
    """Images (M, H, W) 0..255 of one scene, and masks (M, H, W) 0 or 1 of up to `most` of its labels, at least one.

    The labels can be learnt. The first of them does not depend on `most`.
    """
    for candidate in candidates(family, streams, subjects, size):
        found, names = list[Pixels](), list(candidate.masks)
        for number in candidate.draws.task_rng.permutation(len(names)):
            masks = candidate.masks[names[number]]
            if not why_not_learnable(candidate.pictures, masks):
                found.append(masks.byte().cpu().numpy())
            if len(found) == most:
                break
        if found:
            return candidate.images, found
    raise AssertionError("unreachable: candidates() ends with an error")


def labels_of_tasks(
    family: Family, streams: RandomStreams, tasks: int, subjects: int, size: int, most: int
) -> list[tuple[Pixels, list[Pixels]]]:
    """As `some_labels`, for several tasks that are made at once.

    Tasks without a label that can be learnt are left out. If more than a quarter of them are, more tasks are made.
    Those that are then missing are replaced by others: with further labels of the same images if there are any, and
    with the subjects in another order.
    """
    made = list[tuple[Pixels, list[Pixels]]]()
    for attempt in range(MAX_SCENES):
        draws = BatchDraws((*streams.prefix, attempt), tasks, subjects, size, streams.device)
        made += [task for task in _made_at_once(family, draws, 2 * most) if task[1]]
        if len(made) >= tasks * (1 - REPLACED):
            others = map(_other_task, cycle(made), repeat(most))
            return [(images, labels[:most]) for images, labels in islice(chain(made, others), tasks)]
    raise AssertionError(f"{streams.prefix}: too few of {MAX_SCENES * tasks} tasks have a label that can be learnt")


def _other_task(task: tuple[Pixels, list[Pixels]], most: int) -> tuple[Pixels, list[Pixels]]:
    """The images of a task in another order, with the labels after the first `most` ones if there are any."""
    images, labels = task
    return np.roll(images, 1, 0), [np.roll(masks, 1, 0) for masks in labels[most:] or labels]


def _made_at_once(family: Family, draws: BatchDraws, most: int) -> list[tuple[Pixels, list[Pixels]]]:
    """The images of each task, and up to `most` of its labels that can be learnt; there may be none."""
    candidate = _block(family, draws)
    pictures = candidate.pictures.view(draws.tasks, -1, draws.size, draws.size)
    masks = torch.stack(list(candidate.masks.values())).view(-1, *pictures.shape)
    fits = learnable(pictures, masks)  # (L, T)
    order = (draws.noise(len(fits)).T + LAST * ~fits).argsort(0)[:most]  # random; those that fit come first
    chosen = masks[order, torch.arange(draws.tasks, device=draws.device)]
    counts = fits.sum(0).tolist()  # from here on the results are transferred from the device
    images, labels = candidate.images.reshape(pictures.shape), chosen.byte().cpu().numpy()
    return [(images[task], list(labels[:count, task])) for task, count in enumerate(counts)]


def all_labels(family: Family, streams: RandomStreams, subjects: int, size: int) -> SynthTask:
    """The first scene that has a label that can be learnt, with all such labels of it.

    `dropped` lists the labels that cannot be learnt, of this scene and of those before it.
    """
    dropped = dict[str, str]()
    for attempt, candidate in enumerate(candidates(family, streams, subjects, size)):
        reasons = {name: why_not_learnable(candidate.pictures, masks) for name, masks in candidate.masks.items()}
        dropped |= {f"{name} of scene {attempt}": reason for name, reason in reasons.items() if reason}
        kept = {name: mask for name, mask in candidate.masks.items() if not reasons[name]}
        if kept:
            labels = {name: (mask.byte() * 255).cpu().numpy() for name, mask in kept.items()}
            return SynthTask(candidate.images, labels, dropped)
    raise AssertionError("unreachable: candidates() ends with an error")
