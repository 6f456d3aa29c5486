"""`universeg-train`: learn, from the tasks of stores, to segment by example (paper, algorithm 1)."""

import json
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from math import isfinite
from statistics import fmean
from time import monotonic

import numpy as np
import tyro
from numpy.typing import NDArray
from torch.optim import Adam
from tyro.conf import FlagCreatePairsOff

from universeg.ahead import ahead
from universeg.checkpoint import State, header, resume, save
from universeg.compute import Compute
from universeg.config import TrainConfig
from universeg.episode import Batch, Episode, Stores
from universeg.loss import soft_dice_loss
from universeg.metrics import Score, averages
from universeg.model import UniverSeg, save_model
from universeg.sampling import Sampler, training_tasks
from universeg.stopping import stop_signals
from universeg.store import Task
from universeg.training_log import TrainingLog, episode_picture
from universeg.validate import dev_episodes, validate

HELP = """Train UniverSeg on task stores.

Examples:

universeg-train --stores data/stores --out runs/first

universeg-train --stores data/stores --out runs/quick --support-size 8 --minutes 30

universeg-train --stores data/stores --out runs/hearts --tasks 'MyHearts/*' '*/*/*/liver/*'

The same command again goes on after the last checkpoint; with a larger --steps it also prolongs a finished run. Kill it
when you like: SIGTERM and Ctrl-C save first. In the folder of the run: best.safetensors (highest mean Dice on the dev
split) and last.safetensors for universeg-predict and universeg-evaluate; metrics.jsonl; tensorboard/, to be seen with
tensorboard --logdir runs; checkpoints/.

The defaults are the network that the paper's authors published. The one that the paper's text describes:
--model.widths 64 64 64 64 64 --model.cross-activation --model.downsample bilinear"""


class TrainingError(ValueError):
    """Training cannot go on; the message says why and what to do."""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1 with a message if training fails, 128 + the signal's number if it was told to stop."""
    config = tyro.cli(TrainConfig, prog="universeg-train", description=HELP, args=args, config=(FlagCreatePairsOff,))
    try:
        stopped_by = train(config)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"universeg-train: {error}\n")
        sys.exit(1)
    if stopped_by:
        sys.exit(128 + stopped_by)


def train(config: TrainConfig) -> int:
    """Train to the last step, or until the time is up or a signal comes; returns that signal's number, else 0."""
    return Training(config).run()


class Training:
    """One run: what it learns from, how far it is, and what it tells."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.compute = Compute.chosen(config.device, config.precision)
        self.stores = Stores(config.stores)
        self.tasks = training_tasks(self.stores, config.tasks, config.exclude_tasks)
        self.about = header(config, self.compute.precision, self.tasks.digest())
        self.dev = dev_episodes(
            self.stores, list(self.tasks.pools), config.dev_episodes, config.support_size, config.seed
        )
        model = UniverSeg(config.model, config.seed).to(self.compute.device)
        self.state = State(model, Adam(model.parameters(), config.learning_rate))
        self.resumed = resume(self.state, self.about)
        self.log = TrainingLog(config.out, self.state.step, config.steps, config.quiet)

    def run(self) -> int:
        """Every step that is left."""
        state, config = self.state, self.config
        sampler = Sampler(self.tasks.pools, config.seed, config.support_size)

        def load(step: int) -> tuple[list[Episode], Batch]:
            episodes = [sampler.episode(step, item) for item in range(config.batch_size)]
            return episodes, self.stores.read(episodes)

        until = monotonic() + 60 * config.minutes if config.minutes else float("inf")
        steps = range(state.step + 1, config.steps + 1)
        with self.log, stop_signals() as stops, closing(ahead(load, steps)) as batches:
            self._introduce()
            began = monotonic()
            for episodes, batch in batches:
                waited = monotonic() - began
                losses = self._learn(episodes, batch)
                self._tell(episodes, losses, monotonic() - began, waited)
                last = state.step == config.steps or monotonic() >= until
                if last or state.step % config.validate_every == 0:
                    self._validate(stops)
                if last or stops or state.step % config.checkpoint_every == 0:
                    self._save()
                if last or stops:
                    break
                began = monotonic()
            if stops:
                self.log.say(f"stopped by {signal.Signals(stops[0]).name}, saved after step {state.step}")
        return stops[0] if stops else 0

    def _introduce(self) -> None:
        tasks, datasets = len(self.tasks.pools), len({Task.parse(key).dataset for key in self.tasks.pools})
        where = f"on {self.compute.device} in {self.about['precision']}"
        self.log.say(f"{tasks} tasks of {datasets} datasets at {self.stores.size} pixels, {where}")
        for line in self.tasks.left_out:
            self.log.say(f"left out: {line}")
        if not self.dev:
            self.log.say(
                "no task has a dev split with middle slices: there will be no validation and no best.safetensors"
            )
        if self.resumed:
            self.log.say(f"goes on after {self.resumed}")
        if self.state.step >= self.config.steps:
            self.log.say(f"all {self.config.steps} steps are done; a larger --steps goes on")

    def _learn(self, episodes: Sequence[Episode], batch: Batch) -> list[float]:
        """One step; the loss of each episode before it."""
        query, truth, support, support_masks = batch.on(self.compute.device)
        with self.compute.autocast():
            logits = self.state.model(query, support, support_masks)
        losses = soft_dice_loss(logits, truth)
        values: list[float] = losses.tolist()
        if not all(map(isfinite, values)):
            raise TrainingError(
                f"step {self.state.step + 1}: the loss is not finite, {values}, for the tasks"
                f" {', '.join(episode.task for episode in episodes)}; try a smaller --learning-rate, or"
                " --precision float32, from an earlier checkpoint"
            )
        self.state.optimiser.zero_grad(set_to_none=True)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        self.state.optimiser.step()
        self.state.step += 1
        return values

    def _tell(self, episodes: Sequence[Episode], losses: Sequence[float], seconds: float, waited: float) -> None:
        by_dataset = dict[str, list[float]]()
        for episode, loss in zip(episodes, losses, strict=True):
            by_dataset.setdefault(Task.parse(episode.task).dataset, []).append(loss)
        means = {dataset: fmean(values) for dataset, values in by_dataset.items()}
        self.log.step(self.state.step, fmean(losses), means, seconds, waited)

    def _validate(self, stops: Sequence[int]) -> None:
        """Score the dev episodes, unless told to stop meanwhile, and keep the weights if they are the best so far."""
        scores, masks = list[Score](), list[NDArray[np.bool_]]()
        for score, mask in validate(self.state.model, self.stores, self.dev, self.compute):
            scores.append(score)
            masks.append(mask)
            if stops:
                return
        if not scores:
            return
        found = averages(scores)
        shown = self.state.step // self.config.validate_every % len(scores)
        picture = episode_picture(self.stores, self.dev[shown], masks[shown], scores[shown].dice)
        self.log.dev(self.state.step, found, picture)
        if found.all.dice > self.state.best:
            self.state.best = found.all.dice
            self._write_weights("best", found.all.dice)

    def _save(self) -> None:
        save(self.state, self.about)
        self._write_weights("last")

    def _write_weights(self, name: str, dev_dice: float | None = None) -> None:
        about = {"step": self.state.step, "dev_dice": dev_dice, "size": self.stores.size, "config": self.about}
        words = {key: json.dumps(value) for key, value in about.items() if value is not None}
        save_model(self.state.model, self.config.out / f"{name}.safetensors", words)


if __name__ == "__main__":
    main()
