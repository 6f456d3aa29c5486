"""A task of one of the richer families: scene, camera, questions, and whether they can be learnt."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from universeg.synth.scene.acquisition import photographed
from universeg.synth.scene.label_rules import questions
from universeg.synth.scene.learnable import why_not
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.task import Pixels, RandomStreams, SynthTask

Family = Callable[[Draws], Scene]

TOGETHER = 20 * 128**2  # pixels in one batch; more do not fit a processor's cache
ATTEMPTS = 50  # far more than any family needs to draw one label that can be learnt


@dataclass(frozen=True)
class Proposal:
    """Pictures and what may be asked of them, nothing refused yet."""

    draws: Draws
    pictures: Tensor  # (M, H, W) in [0, 1]
    masks: Mapping[str, Tensor]  # (M, H, W) bool

    @property
    def images(self) -> Pixels:
        return (self.pictures * 255).round().byte().cpu().numpy()


def proposals(family: Family, streams: RandomStreams, subjects: int, size: int) -> Iterator[Proposal]:
    """One scene after another, until the caller has found what it wants."""
    together = max(1, TOGETHER // size**2) if streams.device.type == "cpu" else subjects
    for attempt in range(ATTEMPTS):
        draws = Draws((*streams.task, attempt), 0, size, streams.device)
        blocks = [
            _block(family, draws.beside(number, min(together, subjects - first)))
            for number, first in enumerate(range(0, subjects, together))
        ]
        masks = {name: torch.cat([block.masks[name] for block in blocks]) for name in blocks[0].masks}
        yield Proposal(blocks[0].draws, torch.cat([block.pictures for block in blocks]), masks)
    raise AssertionError(f"{streams.task}: no label could be learnt in {ATTEMPTS} scenes")


def _block(family: Family, draws: Draws) -> Proposal:
    scene = family(draws)
    pictures, seen = photographed(draws, scene)
    asked = questions(draws, scene.parts)
    return Proposal(draws, pictures, asked if seen is None else {name: mask & seen for name, mask in asked.items()})


def one_label(family: Family, streams: RandomStreams, subjects: int, size: int) -> tuple[Pixels, Pixels]:
    """Images and masks (0 or 1) of one label that can be learnt."""
    for proposal in proposals(family, streams, subjects, size):
        names = list(proposal.masks)
        for number in proposal.draws.numbers.permutation(len(names)):
            masks = proposal.masks[names[number]]
            if not why_not(proposal.pictures, masks):
                return proposal.images, masks.byte().cpu().numpy()
    raise AssertionError("proposals end with an error")


def all_labels(family: Family, streams: RandomStreams, subjects: int, size: int) -> SynthTask:
    """Every label that can be learnt, of the first scene that has one; `dropped` are those of all scenes until then."""
    dropped = dict[str, str]()
    for attempt, proposal in enumerate(proposals(family, streams, subjects, size)):
        reasons = {name: why_not(proposal.pictures, masks) for name, masks in proposal.masks.items()}
        dropped |= {f"{name} of scene {attempt}": reason for name, reason in reasons.items() if reason}
        kept = {name: mask for name, mask in proposal.masks.items() if not reasons[name]}
        if kept:
            labels = {name: (mask.byte() * 255).cpu().numpy() for name, mask in kept.items()}
            return SynthTask(proposal.images, labels, dropped)
    raise AssertionError("proposals end with an error")
