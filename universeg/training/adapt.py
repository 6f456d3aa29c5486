"""Adapt a network to a person's examples: a few minutes of training on episodes that are drawn from them.

Every episode has one of the examples as the query and others as its support set, so the network stays a few-shot
network. `adapt` trains. `adapt_if_better` holds some examples out, and the adapted network is used only if it segments
these better.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from math import inf, isfinite, sqrt
from time import monotonic

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from universeg.base.bounds import at_least
from universeg.base.rng import rng_for
from universeg.episodes.levers.examples import ExampleTensors, Trial, draw_support
from universeg.episodes.levers.resize import Resized
from universeg.training.augment import Augmentation, Table4Row
from universeg.training.augment.geometry import Affine, Flip
from universeg.training.augment.transform import EpisodeShape, IntensityTransform, Numbers, Params
from universeg.training.loss import soft_dice_loss

LEAST_HELD_OUT, LEAST_TO_CHECK = 3, 6  # subjects: three to check with, and three to learn from besides
HELD_OUT, MOST_HELD_OUT = 1 / 3, 8  # share of the examples that the check keeps for itself, and how many at most
MOST_CHECKED = 12  # trials with and without adapted weights
CHECKED_SUPPORT = 16  # examples in the support set of a trial
LEAST_GAIN = 0.5  # Dice; a smaller gain is taken as noise
# The result lies between the weights before and after training. On unseen images this is at least as good as the
# trained weights, and more even over images (Wortsman et al., CVPR 2022; docs/explanation/better-results.md).
PART_OF_THE_WAY = 0.5

Advance = Callable[[float], None]  # called with the finished share of the work, 0..1


class Gamma(IntensityTransform):
    """Raise intensities to a power whose logarithm is normal with standard deviation 0.15."""

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        return {"gamma": np.exp(0.15 * rng.standard_normal(shape.draws)).astype(np.float32)}

    def images(self, images: Tensor, params: Params) -> Tensor:
        return images ** params["gamma"][..., None, None, None]


# Small changes, each image its own; and in half of the episodes all images are mirrored alike.
AUGMENTATION = Augmentation(
    (
        Table4Row("in-task", "affine", 1, Affine(degrees=(-12, 12), translate=0.05, scale=(0.87, 1.15))),
        Table4Row("task", "flip", 0.5, Flip()),
        Table4Row("in-task", "gamma", 1, Gamma()),
    )
)


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """How a network is adapted to examples."""

    steps: int = 120
    """Training steps, of one episode each."""
    minutes: float = 0
    """Time limit, including the check; the learning rate falls to zero within it. 0: no limit."""
    entries: int = 9
    """Images in an episode: the query and its support set. Fewer if there are fewer examples."""
    learning_rate: float = 3e-4
    """Learning rate of Adam at the first step; it falls linearly to zero."""
    size: int = 128
    """Pixels per side of the images that the network sees in training."""
    seed: int = 0
    """Seed of the episodes and their augmentation."""

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "size")
        at_least(self, 2, "entries")
        at_least(self, 0, "minutes", "learning_rate")


@dataclass(frozen=True)
class Adaptation:
    """What came of adapting a network, and the trials that decided whether the adapted weights are used."""

    network: nn.Module  # with the adapted weights if they are used, else as it was
    used: bool
    before: tuple[float, ...]  # Dice of each trial with the network as it was
    trials: tuple[Trial, ...]  # each with the adapted network, which has not learnt the trial's query
    after: tuple[float, ...]  # Dice of each of these trials

    def __str__(self) -> str:
        if not self.trials:
            return f"adapt: not tried, because the check needs {LEAST_TO_CHECK} subjects with the label"
        what = f"{np.mean(self.before):.1f} -> {np.mean(self.after):.1f} on {len(self.trials)} examples"
        return f"adapt: {what} that it was not adapted to: {'used' if self.used else 'not used'}"


def adapt(
    network: nn.Module, examples: ExampleTensors, config: AdaptConfig, advance: Advance = lambda share: None
) -> nn.Module:
    """A copy of a network, trained on episodes of the examples; the network itself does not change.

    Each weight is the mean of its values before and after the training (PART_OF_THE_WAY).
    Without a time limit the result depends on the examples and the config alone. Raises ValueError if the network has
    no weights, if no label is present in two subjects, or if the loss is not finite.
    """
    learner = deepcopy(network).train()
    weights = [weight.requires_grad_() for weight in learner.parameters()]
    if not weights:
        raise ValueError(f"{type(network).__name__} has no weights to adapt")
    examples = examples.resized(config.size).to(weights[0].device)
    pairs = _queries(examples)
    if not pairs:
        raise ValueError("adapting needs a label that is present in the examples of at least two subjects")
    optimiser, began, share = Adam(weights, config.learning_rate), monotonic(), 0.0
    for step in range(config.steps):
        elapsed = (monotonic() - began) / (60 * config.minutes) if config.minutes else 0
        share = max(step / config.steps, elapsed)
        if share >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * (1 - share)
        loss = _loss(learner, examples, pairs, config, step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1)
        optimiser.step()
        advance(max((step + 1) / config.steps, elapsed))
    return _part_of_the_way(network, learner.eval().requires_grad_(False))


def adapt_if_better(
    network: nn.Module, examples: ExampleTensors, config: AdaptConfig, advance: Advance = lambda share: None
) -> Adaptation:
    """Adapt a network, if that helps: checked on examples that it was not adapted to.

    A third of the examples, from LEAST_HELD_OUT subjects to MOST_HELD_OUT examples, is held out. The network is adapted
    to the others, and segments the held-out ones, as does the network as it was, with the same support sets. If the
    mean Dice rises by LEAST_GAIN and by the standard error of the difference, this adapted network is the result; else
    the network as it was. So what is used is what was checked. Raises ValueError as `adapt` does.
    """
    held_out = _held_out(examples, config.seed)
    learnt = [index for index in range(len(examples)) if index not in held_out]
    if len(set(examples.subjects)) < LEAST_TO_CHECK or not _queries(examples.take(learnt)):
        return Adaptation(network, False, (), (), ())
    examples = examples.to(next((weight.device for weight in network.parameters()), examples.images.device))
    at_size = partial(Resized, size=config.size)
    adapted = adapt(network, examples.take(learnt), config, advance)
    trials = _trials(examples, held_out, learnt, adapted, config.seed)
    before = [replace(trial, network=network).dice(examples, at_size) for trial in trials]
    after = [trial.dice(examples, at_size) for trial in trials]
    used = is_better(before, after)
    return Adaptation(adapted if used else network, used, tuple(before), tuple(trials), tuple(after))


def is_better(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the mean rises by LEAST_GAIN, and by the standard error of the mean difference."""
    gain = np.subtract(after, before)
    error = float(gain.std(ddof=1)) / sqrt(len(gain)) if len(gain) > 1 else inf
    return bool(len(gain) and gain.mean() >= max(LEAST_GAIN, error))


def _queries(examples: ExampleTensors) -> list[tuple[int, int]]:
    """Example and label of each possible query: the label is present there and in another subject."""
    found = list[tuple[int, int]]()
    for label in range(examples.masks.shape[1]):
        marked = examples.with_label(label)
        if len({examples.subjects[index] for index in marked}) > 1:
            found += [(index, label) for index in marked]
    return found


def _loss(
    network: nn.Module, examples: ExampleTensors, queries: Sequence[tuple[int, int]], config: AdaptConfig, step: int
) -> Tensor:
    """The loss of one episode: a label drawn uniformly, one of its examples as the query, others as support set."""
    rng = rng_for("adapt", config.seed, step)
    label = rng.choice(sorted({label for _, label in queries}))
    query = int(rng.choice([index for index, own in queries if own == label]))
    support = draw_support(examples, query, int(label), config.entries - 1, rng)
    images, masks = AUGMENTATION(*examples.support((query, *support), int(label)), [rng])
    loss = soft_dice_loss(network(images[:, 0], images[:, 1:], masks[:, 1:]), masks[:, 0]).mean()
    if not isfinite(loss.item()):
        raise ValueError(f"step {step + 1}: the loss is not finite; adapt with a smaller learning rate")
    return loss


def _part_of_the_way(network: nn.Module, trained: nn.Module) -> nn.Module:
    """The trained network, with its weights moved back towards those of the network; `trained` is changed in place."""
    before = network.state_dict()
    for name, values in trained.state_dict().items():
        if values.is_floating_point():
            values.lerp_(before[name].to(values), 1 - PART_OF_THE_WAY)
    return trained


def _held_out(examples: ExampleTensors, seed: int) -> list[int]:
    """The indices of the examples of some subjects: HELD_OUT of all examples, of LEAST_HELD_OUT subjects at least."""
    names = sorted(set(examples.subjects))
    most = min(MOST_HELD_OUT, HELD_OUT * len(examples))
    found = list[int]()
    for number, at in enumerate(rng_for("adapt held out", seed).permutation(len(names))):
        own = [index for index, name in enumerate(examples.subjects) if name == names[at]]
        if number >= LEAST_HELD_OUT and len(found) + len(own) > most:
            break
        found += own
    return sorted(found)


def _trials(
    examples: ExampleTensors, held_out: Sequence[int], learnt: Sequence[int], network: nn.Module, seed: int
) -> list[Trial]:
    """Trials of held-out examples; their support sets are of those that the network was adapted to."""
    rng = rng_for("adapt trials", seed)
    labels = range(examples.masks.shape[1])
    pairs = [(index, label) for label in labels for index in examples.with_label(label) if index in held_out]
    chosen = rng.permutation(len(pairs))[:MOST_CHECKED]
    found = list[Trial]()
    for query, label in (pairs[number] for number in chosen):
        if support := draw_support(examples, query, label, CHECKED_SUPPORT, rng, learnt):
            found.append(Trial(query, label, support, network))
    return found
