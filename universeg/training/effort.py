"""Choose the levers for a person's examples: each is tried by leave-one-out, and used only if it helps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from universeg.episodes.lever_flags import Effort
from universeg.episodes.levers import ExampleTensors, Levers, Trial, build, leave_one_out
from universeg.training.adapt import AdaptConfig, Advance, adapt, adapt_if_better, is_better

Say = Callable[[str], None]

TRIALS = 12  # each lever is tried on at most this many examples
SUPPORT = 16  # examples in the support set of a trial
LEAST_TRIALS = 3  # fewer say too little to choose by
MOST_DROPPED = 3  # examples that are tried to be left out
BAD = 25  # Dice: an example that is worse than the median by more may have a wrong mask


@dataclass(frozen=True)
class Choice:
    """The network with the levers that were chosen."""

    model: nn.Module  # with all levers; called like a network, with images of the size of the examples
    network: nn.Module  # without levers, with adapted weights if they are used
    levers: Levers
    kept: tuple[int, ...]  # the examples to show; the others made predictions worse
    expected: tuple[float, ...]  # Dice of each example that was tried, with these levers; empty if none was tried
    lines: tuple[str, ...]  # what was tried, with its result, one line each

    @property
    def is_adapted(self) -> bool:
        """Whether the weights are adapted to the examples."""
        return self.levers.adapt != "never"


def choose(
    network: nn.Module,
    examples: ExampleTensors,
    effort: Effort = "normal",
    levers: Levers | None = None,
    size: int = 128,
    seed: int = 0,
    say: Say = lambda line: None,
    advance: Advance = lambda share: None,
) -> Choice:
    """The best levers for some examples, of which `network` segments some with the help of the others.

    quick: only `levers`. normal: also tries refine, and leaving out examples; images of 256 pixels if the examples are
    larger than `size`, the pixels per side that the network was trained with. best: also adapts the weights, and tries
    more levers. A lever is used if the mean Dice rises by half a point and by its standard error. What `levers` sets
    is always used. Does not change `network`. `say` gets each line as it is known, `advance` the finished share.
    """
    side = examples.images.shape[-1]
    start = levers or Levers()
    if not start.size and side > size:
        start = replace(start, size=size)
    return _Chooser(network, examples, effort, start, seed, say, advance).choose()


class _Chooser:
    """The state of a choice: the levers so far, and the Dice of the trials with them."""

    def __init__(
        self,
        network: nn.Module,
        examples: ExampleTensors,
        effort: Effort,
        levers: Levers,
        seed: int,
        say: Say,
        advance: Advance,
    ) -> None:
        self._network, self._examples, self._effort, self._levers = network, examples, effort, levers
        self._seed, self._say, self._advance = seed, say, advance
        self._lines, self._kept = list[str](), list(range(len(examples)))
        self._trials, self._dices = list[Trial](), list[float]()
        self._adapts = levers.adapt != "never" or effort == "best"
        self._done, self._work = 0.0, 1.0

    def choose(self) -> Choice:
        if self._effort != "quick":
            self._trials = leave_one_out(self._examples, self._network, TRIALS, SUPPORT, self._seed)
            if len(self._trials) < LEAST_TRIALS:
                self._tell(f"levers: not tried, because that needs {LEAST_TRIALS} examples of different subjects")
                self._trials = []
        sizes, others = self._candidates() if self._trials else ([], [])
        adapting = self._adapts * (TRIALS + SUPPORT)  # a rough guess, in units of one prediction of each trial
        self._work = 1.0 + adapting + sum(cost for _, _, cost in sizes + others) + bool(self._trials)
        if self._trials:
            self._dices = self._scores(self._trials, self._levers, 1)
            self._tell(f"one pass: {np.mean(self._dices):.1f} on {self._count}")
            self._drop()
        for candidate in sizes:
            self._try(*candidate)
        if self._adapts and self._levers.adapt != "always":
            self._adapt_if_better(adapting)
        for candidate in others:
            self._try(*candidate)
        if self._levers.adapt == "always":  # last, because trials with weights that know their query say nothing
            self._network = adapt(self._network, *self._adapting(adapting))
            self._dices = []
        self._advance(1.0)
        model = build(self._network, self._levers)
        kept, dices, lines = tuple(self._kept), tuple(self._dices), tuple(self._lines)
        return Choice(model, self._network, self._levers, kept, dices, lines)

    def _candidates(self) -> tuple[list[tuple[str, dict[str, Any], float]], list[tuple[str, dict[str, Any], float]]]:
        """Name, change and cost of the levers to try before adapting, and of those to try after it."""
        side, best, start = self._examples.images.shape[-1], self._effort == "best", self._levers
        now = start.size or side
        sizes = [size for size in ((192, 256) if best else (256,)) if start.size and now < size <= side]
        before = [(f"{size} pixels", {"size": size}, (size / now) ** 2) for size in sizes]
        after = list[tuple[str, dict[str, Any], float]]()
        if not start.refine:
            after.append(("refine", {"refine": True}, 2.0))
        if best and not start.tiles and start.size and 2 * now <= side:
            after.append(("tiles", {"tiles": True}, 1 + (2 * side / now - 1) ** 2))
        if best and not start.flips:
            after.append(("flips", {"flips": True}, 8.0))
        return before, after

    def _try(self, name: str, change: dict[str, Any], cost: float) -> None:
        """Use a lever if the trials are better with it."""
        levers = replace(self._levers, **change)
        if levers.tiles and not levers.size:
            return
        dices = self._scores(self._trials, levers, cost)
        used = is_better(self._dices, dices)
        self._tell_change(name, self._dices, dices, used)
        if used:
            self._levers, self._dices = levers, dices

    def _drop(self) -> None:
        """Leave out examples whose mask the other examples contradict, if the others are better without them."""
        limit = float(np.median(self._dices)) - BAD
        worst = sorted((dice, trial.query) for dice, trial in zip(self._dices, self._trials, strict=True))
        bad = {query for dice, query in worst[:MOST_DROPPED] if dice < limit}
        rest = [number for number, trial in enumerate(self._trials) if trial.query not in bad]
        if not bad or len(rest) < LEAST_TRIALS:
            return
        fewer = [
            replace(trial, support=tuple(each for each in trial.support if each not in bad))
            for trial in (self._trials[number] for number in rest)
        ]
        if not all(self._has_label(trial) for trial in fewer):
            return
        before = [self._dices[number] for number in rest]
        after = self._scores(fewer, self._levers, 1)
        used = is_better(before, after)
        names = ", ".join(self._examples.subjects[index] for index in sorted(bad))
        self._tell_change(f"without {names}", before, after, used)
        if used:
            self._trials, self._dices = fewer, after
            self._kept = [index for index in self._kept if index not in bad]

    def _adapt_if_better(self, work: float) -> None:
        """Adapt the weights; if that helps, the later trials use the networks of the check."""
        found = adapt_if_better(self._network, *self._adapting(work))
        self._tell(str(found))
        self._levers = replace(self._levers, adapt="check" if found.used else "never")
        if found.used:
            self._network = found.network
            self._trials = [
                replace(
                    trial,
                    query=self._kept[trial.query],
                    support=tuple(self._kept[index] for index in trial.support),
                )
                for trial in found.trials
            ]
            self._dices = self._scores(self._trials, self._levers, 0) if self._effort != "quick" else []

    def _adapting(self, work: float) -> tuple[ExampleTensors, AdaptConfig, Advance]:
        """The arguments of adapting after the network."""
        examples, done = self._examples.take(self._kept), self._done
        size = self._levers.size or examples.images.shape[-1]
        self._done += work
        settings = AdaptConfig(minutes=self._levers.minutes, size=size, seed=self._seed)
        return examples, settings, lambda share: self._advance((done + work * share) / self._work)

    def _scores(self, trials: Sequence[Trial], levers: Levers, cost: float) -> list[float]:
        found, wrap = list[float](), partial(build, levers=levers)
        for trial in trials:
            found.append(trial.dice(self._examples, wrap))
            self._done += cost / len(trials)
            self._advance(min(1.0, self._done / self._work))
        return found

    def _has_label(self, trial: Trial) -> bool:
        return bool(self._examples.masks[list(trial.support), trial.label].any()) if trial.support else False

    @property
    def _count(self) -> str:
        return (
            f"your {len(self._trials)} examples"
            if len(self._trials) == len(self._kept)
            else f"{len(self._trials)} of your examples"
        )

    def _tell_change(self, name: str, before: Sequence[float], after: Sequence[float], used: bool) -> None:
        verdict = "used" if used else "not used"
        self._tell(f"{name}: {np.mean(before):.1f} -> {np.mean(after):.1f} on {len(after)} of your examples: {verdict}")

    def _tell(self, line: str) -> None:
        self._lines.append(line)
        self._say(line)
