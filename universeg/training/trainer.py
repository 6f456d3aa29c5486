"""The training loop: learn from stores and synthetic tasks to segment by example (paper, algorithm 1)."""

import json
import signal
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
from universeg.model import UniverSeg, load_model, save_model
from universeg.store import Task
from universeg.training.augment import Augmentation
from universeg.training.checkpoint import State, header, resume, save
from universeg.training.config import TrainConfig
from universeg.training.distributed import Ranks
from universeg.training.ema import averaged_model
from universeg.training.episode_source import EpisodeSource
from universeg.training.loader import StepLoader, load_steps
from universeg.training.loss import training_loss
from universeg.training.lr_schedule import learning_rate
from universeg.training.signals import stop_signals
from universeg.training.training_log import TrainingLog, episode_picture, training_picture
from universeg.training.validation import validate


class TrainingError(ValueError):
    """Training cannot continue. The message says why, and what to do."""


def train(config: TrainConfig) -> int:
    """Train until the last step, the time limit or a stop signal; returns the number of that signal, else 0.

    Raises ValueError or OSError if the config, the data or a checkpoint cannot be used, and TrainingError if the loss
    or the gradients are not finite.
    """
    trainer = Trainer(config)
    with trainer.ranks.process_group(trainer.compute.device):
        return trainer.run()


def initial_model(config: TrainConfig) -> UniverSeg:
    """A network with new weights drawn from the seed, or with those of `init`.

    Raises ValueError if `init` holds a network with another config.
    """
    if config.init is None:
        return UniverSeg(config.model, config.seed)
    model = load_model(config.init).train()
    if model.config != config.model:
        raise ValueError(
            f"{config.init} holds {model.config}, but this run has {config.model};"
            " set --model.widths and the other --model flags to match, or give another --init"
        )
    return model


class Trainer:
    """One training run: its data, its state and its log. Under torchrun, the part of one process."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.ranks = Ranks.of_torchrun()
        self.items = self.ranks.items(config.batch_size)
        self.compute = Compute.chosen(self.ranks.device(config.device), config.precision)
        self.source = EpisodeSource(config)
        self.load = StepLoader(self.source, self.items)
        self.augmentation = Augmentation(config.augment.rows)
        digests = {"data": self.source.tasks.digest(), "dev": self.source.dev_digest}
        self.about = header(config, self.compute.precision, size=self.source.size, **digests)
        model = initial_model(config).to(self.compute.device)
        self.state = State(model, Adam(model.parameters(), config.learning_rate), averaged_model(model, config.ema))
        self.resumed_from = resume(self.state, self.about)

    def run(self) -> int:
        """Do the remaining steps. Returns the number of the signal that stopped the run, else 0."""
        state, config, first = self.state, self.config, self.ranks.first
        self.log = TrainingLog(config.out, state.step, config.steps, config.quiet)
        deadline = monotonic() + 60 * config.minutes if config.minutes else inf
        batches = load_steps(self.load, config, range(state.step + 1, config.steps + 1))
        with self.log if first else nullcontext(), stop_signals() as stops, closing(batches):
            if first:
                self._log_start()
                self._validate(stops)  # a signal may have interrupted it before this run was resumed
            began = monotonic()
            for episodes in batches:
                waited = monotonic() - began
                own = self.learn(episodes)
                finished = state.step == config.steps or monotonic() >= deadline
                losses, finished, stopped = self._exchange(own, finished, bool(stops))
                if first:
                    self._log_step(losses, len(episodes[0].pixels.support[0]), monotonic() - began, waited)
                stopped = self._validate_and_save(stops, finished, stopped)
                if finished or stopped:
                    break
                began = monotonic()
            if stops and first:
                self.log.say(f"stopped by {signal.Signals(stops[0]).name}, saved after step {state.step}")
        return stops[0] if stops else 0

    def learn(self, episodes: Sequence[LoadedEpisode]) -> list[tuple[str, float]]:
        """Do one step; returns the task of each episode and its loss before the step."""
        step, config = self.state.step + 1, self.config
        images, masks = Batch.joined([episode.pixels for episode in episodes]).floats(self.compute.device)
        rngs = [rng_for("augment", config.seed, step, item) for item in self.items]
        images, masks = self.augmentation(images, masks, rngs)
        count = min(config.queries_per_episode, images.shape[1])
        rotated_images, rotated_masks = (rotate_queries(entries, count) for entries in (images, masks))
        query, ground_truth, support, support_masks = split_query(rotated_images, rotated_masks)
        with self.compute.autocast():
            logits = self.state.model(query, support, support_masks)
        losses = training_loss(logits, ground_truth, config.cross_entropy).view(count, -1).mean(0)
        values = losses.tolist()
        self._check_finite("loss", values, episodes)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        self.ranks.average_gradients(self.state.model)
        norm = torch.nn.utils.clip_grad_norm_(self.state.model.parameters(), config.clip or inf)
        self._check_finite("norm of the gradients", [float(norm)], episodes)
        self._update_weights(step)
        self._shown = images[0], masks[0], logits[0].detach(), episodes[0].task, values[0]
        return [(episode.task, value) for episode, value in zip(episodes, values, strict=True)]

    def _check_finite(self, what: str, values: Sequence[float], episodes: Sequence[LoadedEpisode]) -> None:
        if not all(map(isfinite, values)):
            raise TrainingError(
                f"step {self.state.step + 1}: the {what} is not finite, {values}, for the tasks"
                f" {', '.join(episode.task for episode in episodes)}; continue from an earlier checkpoint"
                " with a smaller --learning-rate or with --precision float32"
            )

    def _update_weights(self, step: int) -> None:
        config, optimiser = self.config, self.state.optimiser
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, config.steps, config.learning_rate, config.schedule, config.warmup)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if self.state.average:
            self.state.average.update_parameters(self.state.model)
        self.state.step = step

    def _exchange(
        self, own: Sequence[tuple[str, float]], finished: bool, stopped: bool
    ) -> tuple[list[tuple[str, float]], bool, bool]:
        """Dataset and loss of every item of the batch in order; and whether any process is finished, or was stopped."""
        datasets = self.source.datasets
        numbers = [float(finished), float(stopped)]
        for task, loss in own:
            numbers += [datasets.index(Task.parse(task).dataset), loss]
        rows = self.ranks.gather(numbers)
        pairs = [row[start : start + 2] for start in range(2, len(numbers), 2) for row in rows]
        losses = [(datasets[int(number)], loss) for number, loss in pairs]
        return losses, any(row[0] for row in rows), any(row[1] for row in rows)

    def _log_start(self) -> None:
        tasks = self.source.tasks
        datasets = len({Task.parse(key).dataset for key in tasks.pools})
        what = [f"{len(tasks.pools)} tasks of {datasets} datasets"] if tasks.pools else []
        what += [f"synthetic tasks of {', '.join(self.config.synthetic)}"] if self.config.synthetic else []
        where = f"on {self.compute.device} in {self.about['precision']}"
        many = f" in {self.ranks.world_size} processes" if self.ranks.world_size > 1 else ""
        self.log.say(f"{' and '.join(what)} at {self.source.size} pixels, {where}{many}")
        for line in tasks.left_out:
            self.log.say(f"left out: {line}")
        if not self.source.dev:
            self.log.say("no validation and no best.safetensors: no task has middle slices in its dev split")
        if self.resumed_from:
            self.log.say(f"continuing from {self.resumed_from}")
        if self.state.step >= self.config.steps:
            self.log.say(f"all {self.config.steps} steps are done; give a larger --steps to continue")

    def _log_step(self, losses: Sequence[tuple[str, float]], support_size: int, seconds: float, waited: float) -> None:
        """Log a step and, at validation steps, a picture of one of its episodes."""
        by_dataset = dict[str, list[float]]()
        for dataset, loss in losses:
            by_dataset.setdefault(dataset, []).append(loss)
        means = {dataset: fmean(values) for dataset, values in by_dataset.items()}
        step = self.state.step
        self.log.step(step, fmean(loss for _, loss in losses), means, support_size, seconds, waited)
        if step == 1 or step % self.config.validate_every == 0:
            self.log.picture("training episode", step, training_picture(*self._shown))

    def _validate_and_save(self, stops: Sequence[int], finished: bool, stopped: bool) -> bool:
        """Validate and save if they are due; returns whether any process was stopped by now."""
        step, config = self.state.step, self.config
        if finished or step % config.validate_every == 0:
            if self.ranks.first:
                self._validate(stops, finished)
            stopped = self.ranks.any(bool(stops))  # a signal may have come during the validation
        if self.ranks.first and (finished or stopped or step % config.checkpoint_every == 0):
            self._save()
        return stopped

    def _validate(self, stops: Sequence[int], finished: bool = False) -> None:
        """If a validation is due, score the dev episodes, and keep the weights if they are the best so far.

        A signal interrupts the validation. The resumed run then does it first.
        """
        state = self.state
        due = state.step and (finished or state.step % self.config.validate_every == 0)
        if not due or state.validated == state.step or not self.source.dev:
            return
        scores, shown = list[Score](), state.step // self.config.validate_every % len(self.source.dev)
        for number, (score, episode, mask) in enumerate(validate(state.network, self.source.dev, self.compute)):
            if stops:
                return
            scores.append(score)
            if number == shown:
                images, masks = episode.pixels.images[0, :, 0], episode.pixels.masks[0, :, 0]
                caption = f"{episode.query}: Dice {score.dice:.0f}"
                picture = episode_picture(images, masks, mask, caption, episode.task)
        means = averages(scores)
        self.log.dev(state.step, means, picture)
        state.validated = state.step
        if means.all.dice > state.best:
            state.best = means.all.dice
            self._write_weights("best", means.all.dice)

    def _save(self) -> None:
        save(self.state, self.about)
        self._write_weights("last")

    def _write_weights(self, name: str, dev_dice: float | None = None) -> None:
        about = {"step": self.state.step, "dev_dice": dev_dice, "size": self.source.size, "config": self.about}
        metadata = {key: json.dumps(value) for key, value in about.items() if value is not None}
        save_model(self.state.network, self.config.out / f"{name}.safetensors", metadata)
