"""The training loop: learn from stores and synthetic tasks to segment by example (paper, algorithm 1)."""

import json
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import closing, nullcontext
from math import inf
from statistics import fmean
from time import monotonic

import torch
from torch.optim import Adam

from universeg.base.device import Compute
from universeg.base.rng import rng_for
from universeg.episodes.dice import Score, averages
from universeg.episodes.episode import Batch, LoadedEpisode, rotate_queries, split_query
from universeg.model import save_model
from universeg.model.cite import seen
from universeg.store import Task
from universeg.training.augment import Augmentation
from universeg.training.checkpoint import State, header, resume, save
from universeg.training.config import TrainConfig
from universeg.training.distributed import Gathered, Ranks
from universeg.training.ema import averaged_model
from universeg.training.episode_source import EpisodeSource
from universeg.training.gradient_exchange import GradientExchange
from universeg.training.gradients import Gradients
from universeg.training.initial_model import initial_model
from universeg.training.learnt import Learnt, StepTold, TrainingError, read_late, update_if_finite
from universeg.training.loader import StepLoader, load_steps
from universeg.training.lr_schedule import TimeLimit, learning_rate
from universeg.training.signals import stop_signals
from universeg.training.training_log import TrainingLog, episode_picture, training_picture
from universeg.training.validation import validate

__all__ = ["Trainer", "TrainingError", "initial_model", "train"]


def train(config: TrainConfig) -> int:
    """Train until the last step, the time limit or a stop signal; returns the number of that signal, else 0.

    Raises ValueError or OSError if the config, the data or a checkpoint cannot be used, and TrainingError if the loss
    or the gradients are not finite.
    """
    trainer = Trainer(config)
    with trainer.ranks.process_group(trainer.compute.device):
        return trainer.run()


class Trainer:
    """One training run: its data, its state and its log. Under torchrun, the part of one process."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.ranks = Ranks.of_torchrun()
        self.items = self.ranks.items(config.batch_size, config.tasks_at_once)
        self.compute = Compute.chosen(self.ranks.device(config.device), config.precision)
        self.source = EpisodeSource(config, self.compute.device)
        self.load = StepLoader(self.source, self.items)
        self.augmentation = Augmentation(config.augment.rows)
        digests = {"data": self.source.tasks.digest(), "dev": self.source.dev_digest}
        found = {
            "overlaps": list(map(str, self.source.overlaps)),
            "datasets": seen(self.source.seen(), config.synthetic, config.init),
        }
        self.about = header(config, self.compute.precision, size=self.source.size, **found, **digests)
        model = initial_model(config).to(self.compute.device)
        self.late = read_late(self.compute.device)
        optimiser = Adam(model.parameters(), config.learning_rate, fused=self.late or None)
        self.state = State(model, optimiser, averaged_model(model, config.ema))
        self.exchange = GradientExchange(model, self.ranks.world_size)
        graphs = self.late and self.ranks.world_size == 1 and self.compute.device.index in (None, 0)  # the current one
        self.gradients = Gradients(model, self.compute, config.cross_entropy, graphs)
        self.resumed_from = resume(self.state, self.about)
        self.share_of_rate = 1.0
        if config.cooldown and self.ranks.world_size > 1:
            raise ValueError("--cooldown is for one process: the clocks of several differ; give --schedule cosine")

    def run(self) -> int:
        """Do the remaining steps. Returns the number of the signal that stopped the run, else 0."""
        state, config, first = self.state, self.config, self.ranks.first
        self.log = TrainingLog(config.out, state.step, config.steps, config.quiet, config.minutes)
        self.limit = TimeLimit(config.minutes, config.cooldown)
        last = state.step if state.stalled(config) else config.steps
        batches = load_steps(self.load, config, range(state.step + 1, last + 1))
        with self.log if first else nullcontext(), stop_signals() as stops, closing(batches):
            if first:
                self._log_start()
                self._validate(stops)  # a signal may have interrupted it before this run was resumed
            self.began, behind = monotonic(), deque[StepTold]()
            for episodes in batches:
                waited = monotonic() - self.began
                self._cool_down()
                learnt = self.learn(episodes)
                entries = len(episodes[0].pixels.support[0])
                finished, stopped = state.step == config.steps, False
                told = self._tell(learnt, finished or self.limit.is_over(), bool(stops))
                behind.append(StepTold(learnt, told, entries, waited, self._shown))
                # Every process reads after the same steps, because what it reads can end the run.
                at_once = not self.late or finished or self._is_due(state.step)
                while len(behind) > (0 if at_once or finished or stopped else 1):
                    ends = self._read(behind.popleft())
                    finished, stopped = finished or ends[0], stopped or ends[1]
                stopped = self._validate_and_save(stops, finished, stopped)
                if finished or stopped:
                    break
                self.began = monotonic()
            if first and state.stalled(config):
                self.log.say(f"no higher validation Dice since step {state.best_step}: --patience ends the run")
            if stops and first:
                kept = f"saved after step {state.step}" if self.share_of_rate == 1 else "while the learning rate fell"
                self.log.say(f"stopped by {signal.Signals(stops[0]).name}, {kept}")
        return stops[0] if stops else 0

    def _cool_down(self) -> None:
        """Before the learning rate begins to fall, save the checkpoint that the next call continues from."""
        share = self.limit.share_of_rate()
        if share < 1 == self.share_of_rate:
            self.log.say(f"the learning rate falls to 0 from step {self.state.step}; the same command continues there")
            save(self.state, self.about)
        self.share_of_rate = share

    def learn(self, episodes: Sequence[LoadedEpisode]) -> Learnt:
        """Do one step; returns the task of each episode and its loss before the step."""
        step, config, state = self.state.step + 1, self.config, self.state
        images, masks = Batch.joined([episode.pixels for episode in episodes]).floats(self.compute.device)
        each = len(episodes) // len(self.items)  # episodes of an item
        numbers = [item * each + one for item in self.items for one in range(each)]
        rngs = [rng_for("augment", config.seed, step, number) for number in numbers]
        images, masks = self.augmentation(images, masks, rngs)
        count = min(config.queries_per_episode, images.shape[1])
        query, ground_truth, support, support_masks = split_query(
            *(rotate_queries(entries, count) for entries in (images, masks))
        )
        losses, logits = self.gradients((query, ground_truth, support, support_masks), count)
        self.exchange.finish()
        norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.clip or inf)
        learnt = Learnt(step, [episode.task for episode in episodes], losses, norm)
        if self.late:
            update_if_finite(state.optimiser, learnt)
        else:
            learnt.check()
        self._update_weights(step)
        self._shown = images[0], masks[0], logits
        return learnt

    def _update_weights(self, step: int) -> None:
        config, optimiser = self.config, self.state.optimiser
        for group in optimiser.param_groups:
            rate = learning_rate(step, config.steps, config.learning_rate, config.schedule, config.warmup)
            group["lr"] = rate * self.share_of_rate
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if self.state.average:
            self.state.average.update_parameters(self.state.model)
        self.state.step = step

    def _tell(self, learnt: Learnt, finished: bool, stopped: bool) -> Gathered:
        """Tell all processes of a step: its end, datasets, losses, and the norm of the gradients."""
        datasets = [self.source.datasets.index(Task.parse(task).dataset) for task in learnt.tasks]
        known = torch.tensor([finished, stopped, *datasets], dtype=torch.float64)
        return self.ranks.gather_later(torch.cat([known.to(learnt.numbers.device, non_blocking=True), learnt.numbers]))

    def _read(self, step: StepTold) -> tuple[bool, bool]:
        """Log what all processes told of a step; returns whether any of them is finished, or was stopped.

        Raises TrainingError as `Learnt.check` does.
        """
        rows, count = step.told.read(), len(step.learnt)
        step.learnt.check(rows[self.ranks.rank][2 + count :])
        if self.ranks.first:
            pairs = [(row[2 + item], row[2 + count + item]) for item in range(count) for row in rows]
            losses = [(self.source.datasets[int(number)], loss) for number, loss in pairs]
            self._log_step(step, losses, monotonic() - self.began)
        self.began = monotonic()
        return any(row[0] for row in rows), any(row[1] for row in rows)

    def _log_start(self) -> None:
        many = f" in {self.ranks.world_size} processes" if self.ranks.world_size > 1 else ""
        for line in self.source.told(f"on {self.compute.device} in {self.about['computed_in']}{many}"):
            self.log.say(line)
        if self.resumed_from:
            self.log.say(f"continuing from {self.resumed_from}")
        if self.state.step >= self.config.steps:
            self.log.say(f"all {self.config.steps} steps are done; give a larger --steps to continue")

    def _log_step(self, step: StepTold, losses: Sequence[tuple[str, float]], seconds: float) -> None:
        """Log a step and, at validation steps, a picture of one of its episodes."""
        by_dataset = dict[str, list[float]]()
        for dataset, loss in losses:
            by_dataset.setdefault(dataset, []).append(loss)
        means = {dataset: fmean(values) for dataset, values in by_dataset.items()}
        number, (task, loss) = step.learnt.step, step.learnt[0]
        self.log.step(number, fmean(loss for _, loss in losses), means, step.entries, seconds, step.waited)
        if number == 1 or number % self.config.validate_every == 0:
            self.log.picture("training episode", number, training_picture(*step.shown, task, loss))

    def _is_due(self, step: int) -> bool:
        """Whether a validation or a checkpoint follows this step."""
        return step % self.config.validate_every == 0 or step % self.config.checkpoint_every == 0

    def _validate_and_save(self, stops: Sequence[int], finished: bool, stopped: bool) -> bool:
        """Validate and save if they are due; returns whether any process was stopped by now."""
        step, config = self.state.step, self.config
        if finished or step % config.validate_every == 0:
            if self.ranks.first:
                self._validate(stops, finished)
            # a signal may have come during the validation; only the first process validates
            stopped = self.ranks.any(bool(stops) or self.state.stalled(config))
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
            state.best, state.best_step = means.all.dice, state.step
            self._write_weights("best", means.all.dice)

    def _save(self) -> None:
        if self.share_of_rate == 1:
            save(self.state, self.about)
        self._write_weights("last")

    def _write_weights(self, name: str, dev_dice: float | None = None) -> None:
        about = {"step": self.state.step, "dev_dice": dev_dice, "size": self.source.size, "config": self.about}
        metadata = {key: json.dumps(value) for key, value in about.items() if value is not None}
        save_model(self.state.network, self.config.out / f"{name}.safetensors", metadata)
