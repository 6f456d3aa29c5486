"""From a family to a task: scenes, simulated acquisition, labels, and the choice of labels that can be learnt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from universeg.synth.scene.acquisition import acquired
from universeg.synth.scene.label_rules import derived_labels
from universeg.synth.scene.learnable import why_not_learnable
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Family
from universeg.synth.task import Pixels, RandomStreams, SynthTask

BATCH_PIXELS = 20 * 128**2  # pixels per block of subjects; more do not fit into the processor's cache
MAX_SCENES = 50  # far more than any family needs to get a label that can be learnt


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
