"""`universeg-train`: learn, from stores and synthetic tasks, to segment by example (paper, algorithm 1)."""

import json
import signal
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from math import inf, isfinite
from statistics import fmean
from time import monotonic

import torch
from torch.optim import Adam

from universeg.base.device import Compute
from universeg.base.rng import rng_for
from universeg.episodes.dice import Score, averages
from universeg.episodes.episode import Batch, LoadedEpisode, rotate_queries, split_query
from universeg.episodes.segment import validate
from universeg.model import save_model
from universeg.store import Task
from universeg.training.augment import Augmentation
from universeg.training.checkpoint import State, header, resume, save
from universeg.training.config import TrainConfig
from universeg.training.cost_estimate import forecast
from universeg.training.distributed import Ranks
from universeg.training.ema import averaged
from universeg.training.episode_source import EpisodeSource
from universeg.training.initial_model import initial_model
from universeg.training.loader import Loading, loaded
from universeg.training.loss import training_loss
from universeg.training.lr_schedule import learning_rate
from universeg.training.presets import parsed
from universeg.training.signals import stop_signals
from universeg.training.training_log import TrainingLog, episode_picture, training_picture

HELP = """Train UniverSeg on task stores, on synthetic tasks made meanwhile, or on both.

Examples:

universeg-train --stores data/stores --out runs/first

universeg-train --preset small-cpu --synthetic train --out runs/synthetic --forecast

universeg-train --preset small-cpu --synthetic train --out runs/synthetic

universeg-train --stores data/stores --out runs/hearts --tasks 'MyHearts/*' '*/*/*/liver/*'

universeg-train --preset gpu --stores data/stores --init runs/synthetic/best.safetensors --out runs/second

torchrun --standalone --nproc-per-node 4 -m universeg train --preset gpu --stores data/stores --out runs/four

The same command again goes on after the last checkpoint; with a larger --steps it also prolongs a finished run of
constant rate. Kill it when you like: SIGTERM and Ctrl-C save first. In the folder of the run: best.safetensors (highest
mean Dice of a validation) and last.safetensors for universeg-predict and universeg-evaluate; metrics.jsonl;
tensorboard/, to be seen with tensorboard --logdir runs; checkpoints/.

The defaults are the network that the paper's authors published. The one that the paper's text describes:
--model.widths 64 64 64 64 64 --model.cross-activation --model.downsample bilinear"""


class TrainingError(ValueError):
    """Training cannot go on; the message says why and what to do."""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1 with a message if training fails, 128 + the signal's number if it was told to stop."""
    try:
        config = parsed(sys.argv[1:] if args is None else args, "universeg-train", HELP)
        stopped_by = train(config)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"universeg-train: {error}\n")
        sys.exit(1)
    if stopped_by:
        sys.exit(128 + stopped_by)


def train(config: TrainConfig) -> int:
    """Train to the last step, or until the time is up or a signal comes; returns that signal's number, else 0.

    With `forecast`, tell what that would need instead.
    """
    training = Training(config)
    with training.ranks.joined(training.compute.device):
        if not config.forecast:
            return training.run()
        for line in forecast(training, config):
            sys.stdout.write(f"{line}\n")
        return 0


class Training:
    """One run: what it learns from, how far it is, and what it tells. Under torchrun, one process of it."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.ranks = Ranks.of_torchrun()
        self.items = self.ranks.items(config.batch_size)
        self.compute = Compute.chosen(self.ranks.device(config.device), config.precision)
        self.source = EpisodeSource(config)
        self.load = Loading(self.source, self.items)
        self.augmentation = Augmentation(config.augment.rows)
        digests = {"data": self.source.tasks.digest(), "dev": self.source.dev_digest}
        self.about = header(config, self.compute.precision, size=self.source.size, **digests)
        model = initial_model(config).to(self.compute.device)
        self.state = State(model, Adam(model.parameters(), config.learning_rate), averaged(model, config.ema))
        self.resumed = resume(self.state, self.about)

    def run(self) -> int:
        """Every step that is left."""
        state, config, first = self.state, self.config, self.ranks.first
        self.log = TrainingLog(config.out, state.step, config.steps, config.quiet)
        until = monotonic() + 60 * config.minutes if config.minutes else float("inf")
        steps = range(state.step + 1, config.steps + 1)
        batches = loaded(self.load, config, steps)
        with self.log if first else nullcontext(), stop_signals() as stops, closing(batches):
            if first:
                self._introduce()
                self._validate(stops)  # a signal may have come before it was done
            began = monotonic()
            for drawn in batches:
                waited = monotonic() - began
                losses = self.ranks.gathered(self.learn(drawn))
                last = self.ranks.any(state.step == config.steps or monotonic() >= until)
                if first:
                    self._tell(losses, len(drawn[0].pixels.support[0]), monotonic() - began, waited)
                    self._validate(stops, last)
                told = self.ranks.any(bool(stops))
                if first and (last or told or state.step % config.checkpoint_every == 0):
                    self._save()
                if last or told:
                    break
                began = monotonic()
            if stops and first:
                self.log.say(f"stopped by {signal.Signals(stops[0]).name}, saved after step {state.step}")
        return stops[0] if stops else 0

    def learn(self, drawn: Sequence[LoadedEpisode]) -> list[tuple[str, float]]:
        """One step; each episode's task and its loss before the step."""
        step, config = self.state.step + 1, self.config
        images, masks = Batch.joined([one.pixels for one in drawn]).floats(self.compute.device)
        rngs = [rng_for("augment", config.seed, step, item) for item in self.items]
        images, masks = self.augmentation(images, masks, rngs)
        turns = min(config.queries_per_episode, images.shape[1])
        query, truth, support, support_masks = split_query(rotate_queries(images, turns), rotate_queries(masks, turns))
        with self.compute.autocast():
            logits = self.state.model(query, support, support_masks)
        losses = training_loss(logits, truth, config.cross_entropy).view(turns, -1).mean(0)
        values = losses.tolist()
        self._check("loss", values, drawn)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        self.ranks.average_gradients(self.state.model)
        norm = torch.nn.utils.clip_grad_norm_(self.state.model.parameters(), config.clip or inf)
        self._check("norm of the gradients", [float(norm)], drawn)
        self._step(step)
        self._shown = images[0], masks[0], logits[0].detach()
        return [(one.task, value) for one, value in zip(drawn, values, strict=True)]

    def _check(self, what: str, values: Sequence[float], drawn: Sequence[LoadedEpisode]) -> None:
        if not all(map(isfinite, values)):
            raise TrainingError(
                f"step {self.state.step + 1}: the {what} is not finite, {values}, for the tasks"
                f" {', '.join(one.task for one in drawn)}; try a smaller --learning-rate, or --precision float32,"
                " from an earlier checkpoint"
            )

    def _step(self, step: int) -> None:
        """Move the weights by their gradients."""
        config, optimiser = self.config, self.state.optimiser
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, config.steps, config.learning_rate, config.schedule, config.warmup)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if self.state.average:
            self.state.average.update_parameters(self.state.model)
        self.state.step = step

    def _introduce(self) -> None:
        tasks = self.source.tasks
        datasets = len({Task.parse(key).dataset for key in tasks.pools})
        what = [f"{len(tasks.pools)} tasks of {datasets} datasets"] if tasks.pools else []
        what += [f"synthetic tasks of {', '.join(self.config.synthetic)}"] if self.config.synthetic else []
        where = f"on {self.compute.device} in {self.about['precision']}"
        many = f" in {self.ranks.world} processes" if self.ranks.world > 1 else ""
        self.log.say(f"{' and '.join(what)} at {self.source.size} pixels, {where}{many}")
        for line in tasks.left_out:
            self.log.say(f"left out: {line}")
        if not self.source.dev:
            self.log.say(
                "no task has a dev split with middle slices: there will be no validation and no best.safetensors"
            )
        if self.resumed:
            self.log.say(f"goes on after {self.resumed}")
        if self.state.step >= self.config.steps:
            self.log.say(f"all {self.config.steps} steps are done; a larger --steps goes on")

    def _tell(self, losses: Sequence[tuple[str, float]], support_size: int, seconds: float, waited: float) -> None:
        by_dataset = dict[str, list[float]]()
        for task, loss in losses:
            by_dataset.setdefault(Task.parse(task).dataset, []).append(loss)
        means = {dataset: fmean(values) for dataset, values in by_dataset.items()}
        step = self.state.step
        self.log.step(step, fmean(loss for _, loss in losses), means, support_size, seconds, waited)
        if step == 1 or step % self.config.validate_every == 0:
            self.log.picture("training episode", step, training_picture(*self._shown, *losses[0]))

    def _validate(self, stops: Sequence[int], last: bool = False) -> None:
        """Where it is due, score the dev episodes, and keep the weights if they are the best so far.

        A signal ends it; the run that goes on then does it first.
        """
        state = self.state
        due = state.step and (last or state.step % self.config.validate_every == 0)
        if not due or state.validated == state.step or not self.source.dev:
            return
        scores, shown = list[Score](), state.step // self.config.validate_every % len(self.source.dev)
        for number, (score, drawn, mask) in enumerate(validate(state.network, self.source.dev, self.compute)):
            if stops:
                return
            scores.append(score)
            if number == shown:
                images, masks = drawn.pixels.images[0, :, 0], drawn.pixels.masks[0, :, 0]
                picture = episode_picture(images, masks, mask, f"{drawn.query}: Dice {score.dice:.0f}", drawn.task)
        found = averages(scores)
        self.log.dev(state.step, found, picture)
        state.validated = state.step
        if found.all.dice > state.best:
            state.best = found.all.dice
            self._write_weights("best", found.all.dice)

    def _save(self) -> None:
        save(self.state, self.about)
        self._write_weights("last")

    def _write_weights(self, name: str, dev_dice: float | None = None) -> None:
        about = {"step": self.state.step, "dev_dice": dev_dice, "size": self.source.size, "config": self.about}
        words = {key: json.dumps(value) for key, value in about.items() if value is not None}
        save_model(self.state.network, self.config.out / f"{name}.safetensors", words)


if __name__ == "__main__":
    main()
