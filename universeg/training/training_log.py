"""The log of a run: a progress bar and lines on the terminal, TensorBoard, and a JSON line for each step."""

import json
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from time import monotonic
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from universeg.base.atomic_write import atomic_write
from universeg.base.console import say
from universeg.base.contact_sheet import Panel, outlined, sheet
from universeg.episodes.dice import Averages
from universeg.store import Pixels
from universeg.training.divergence import LossMonitor

METRICS = "metrics.jsonl"
RECENT = 100  # latest steps, of which the terminal shows the mean loss and waiting time
SHOWN = 4  # support pairs in a picture of an episode


class TrainingLog:
    """A context manager that logs the steps after `first`. Later steps that are in the log already are removed.

    With `minutes`, the progress bar ends at the step that is expected then, if that is before `last`.
    """

    def __init__(self, out: Path, first: int, last: int, quiet: bool, minutes: float = 0) -> None:
        self._out, self._first, self._last, self._seconds = out, first, last, 60 * minutes
        self._console = Console(stderr=True, quiet=quiet)
        columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[state]}")
        self._bar = Progress(*columns, console=self._console, disable=quiet)
        self._task = self._bar.add_task("", total=last, completed=first, state="")
        self._began, self._losses, self._dev = monotonic(), deque[float](maxlen=RECENT), ""
        self._times = deque[tuple[float, float]](maxlen=RECENT)  # seconds of a step, and of waiting for data in it
        self._monitor = LossMonitor()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and --help does without it

        _remove_later_steps(self._out / METRICS, self._first)
        self._lines = self._open.enter_context((self._out / METRICS).open("a", encoding="utf-8"))
        self._board = SummaryWriter(str(self._out / "tensorboard"), purge_step=self._first + 1)
        self._open.callback(self._board.close)
        self._open.enter_context(self._bar)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def say(self, line: str) -> None:
        """Print a line on the terminal, above the progress bar."""
        say(self._console, line)

    def step(
        self, step: int, loss: float, by_dataset: Mapping[str, float], support_size: int, seconds: float, waited: float
    ) -> None:
        """Log the loss of a step, its N, its seconds, and how many of these it waited for data."""
        self._losses.append(loss)
        self._times.append((seconds, waited))
        row = {"loss": loss, "support_size": support_size, "seconds": round(seconds, 4), "waited": round(waited, 4)}
        self._write(step=step, **row)
        self._board.add_scalar("loss", loss, step)
        for dataset, value in by_dataset.items():
            self._board.add_scalar(f"loss of dataset/{dataset}", value, step)
        self._show(step)
        if warning := self._monitor.update(loss):
            self.say(f"step {step}: {warning}")

    def picture(self, name: str, step: int, picture: Pixels) -> None:
        """Write an image (H, W, 3) to TensorBoard."""
        self._board.add_image(name, picture, step, dataformats="HWC")

    def dev(self, step: int, means: Averages, picture: Pixels) -> None:
        """Log the Dice of a validation, and one of its episodes as an image (H, W, 3)."""
        self._dev = f"  dev Dice {means.all.dice:.1f}"
        self._write(step=step, dev_dice=means.all.dice, **{name: mean.dice for name, mean in means.datasets.items()})
        self._board.add_scalar("dev Dice", means.all.dice, step)
        for dataset, mean in means.datasets.items():
            self._board.add_scalar(f"dev Dice of dataset/{dataset}", mean.dice, step)
        self.picture("dev episode", step, picture)
        self.say(f"step {step}: {self._show(step)}")

    def _show(self, step: int) -> str:
        """The state of the training, on the progress bar; also returned, with the time that is left, for a line."""
        rate = (step - self._first) / (monotonic() - self._began)
        seconds, waited = map(sum, zip(*self._times, strict=True)) if self._times else (1, 0)
        loss = f"loss {fmean(self._losses):.3f}" if self._losses else ""
        state = f"{rate:.2f} steps/s, waiting for data {waited / seconds:.0%}  {loss}{self._dev}"
        last = min(self._last, self._first + round(rate * self._seconds)) if self._seconds else self._last
        self._bar.update(self._task, completed=step, total=max(step, last), state=state)
        left = f", {timedelta(seconds=round((last - step) / rate))} left" if rate and step < last else ""
        return state + left

    def _write(self, **values: object) -> None:
        self._lines.write(json.dumps(values) + "\n")
        self._lines.flush()


def _remove_later_steps(path: Path, step: int) -> None:
    """Remove the lines of later steps: a killed run logged them after its last checkpoint."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]  # the last may be incomplete
    with atomic_write(path) as part:
        part.write_text("".join(line for line in whole if json.loads(line)["step"] <= step), encoding="utf-8")


def episode_picture(images: Pixels, masks: Pixels, prediction: NDArray[np.bool_], caption: str, title: str) -> Pixels:
    """The query with ground truth and prediction, then some support pairs, as an image (H, W, 3).

    Images 0..255 and masks 0 or 1 are (1 + N, H, W), the query first; the prediction is (H, W).
    """
    inside = masks.astype(bool)
    panels = [Panel(outlined(images[0], {"ground truth": inside[0], "prediction": prediction}), caption)]
    support = zip(images[1 : 1 + SHOWN], inside[1 : 1 + SHOWN], strict=True)
    panels += [Panel(outlined(image, {"ground truth": one}), "support") for image, one in support]
    return np.asarray(sheet([panels], title, ["ground truth", "prediction"]))


def training_picture(images: Tensor, masks: Tensor, logits: Tensor, task: str, loss: float) -> Pixels:
    """The same picture from tensors: images and masks (1 + N, 1, H, W) in [0, 1], logits (1, H, W)."""
    seen = (images[:, 0] * 255).round().byte().cpu().numpy()
    inside = (masks[:, 0] > 0.5).byte().cpu().numpy()
    return episode_picture(seen, inside, (logits[0] > 0).cpu().numpy(), f"query: loss {loss:.2f}", task)
