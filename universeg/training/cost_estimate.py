"""`universeg-train --forecast`: the time, memory and disk that a run needs here, measured with a few of its steps."""

import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, median
from time import monotonic

import torch

from universeg.training.config import TrainConfig
from universeg.training.trainer import Trainer
from universeg.training.validation import validate

STEPS = 3  # measured at each support size, after one warm-up step
DRAWS = 2000  # support sizes drawn to estimate their mean
DEV = 3  # dev episodes that are timed
MIB = 2**20
LOG_BYTES = 250  # of a step


@dataclass(frozen=True)
class Cost:
    """What a step needs at one support size."""

    support_size: int
    seconds: float
    loading: float  # seconds in which one loader makes the data of the step
    memory: int  # peak in bytes: of the GPU, or of the whole process


def estimate(config: TrainConfig) -> Iterator[str]:
    """Lines for a person, each as soon as it is known. Nothing is written.

    Raises ValueError if the config or the data cannot be used, or if the GPU has too little memory.
    """
    trainer = Trainer(config)
    with trainer.ranks.process_group(trainer.compute.device):
        yield from _lines(trainer, config)


def _lines(trainer: Trainer, config: TrainConfig) -> Iterator[str]:
    steps = config.steps - trainer.state.step  # the measured steps do not count
    sizes = sorted({config.least_support_size or config.support_size, config.support_size})
    costs = []
    for size in sizes:
        costs.append(cost := _measure(trainer, size))
        place = "GPU memory" if trainer.compute.device.type == "cuda" else "memory of the process"
        yield (
            f"N = {size}: {cost.seconds:.3f} s per step, {1 / cost.seconds:.2f} steps/s;"
            f" loading {cost.loading:.3f} s per step, {config.loaders} loader(s) in parallel;"
            f" {place} {cost.memory / MIB:.0f} MiB"
        )
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.5 * processors:
        yield f"other programs use this machine (load {load:.1f}, {processors} CPU cores): alone, training is faster"
    validation = _validation_seconds(trainer) if trainer.source.dev else 0.0
    total = steps * _step_seconds(trainer, costs) + (steps // config.validate_every + 1) * validation
    if config.minutes and steps and total > 60 * config.minutes:
        yield f"in {config.minutes:g} minutes: about {60 * config.minutes / (total / steps):.0f} of {steps} steps"
    yield (
        f"{steps} steps: about {timedelta(seconds=round(total))}, including a validation of {len(trainer.source.dev)}"
        f" dev episodes every {config.validate_every} steps, {validation:.1f} s each"
    )
    weights = sum(tensor.numel() * 4 for tensor in trainer.state.model.parameters())
    checkpoint = weights * (4 if config.ema else 3)  # weights, two moments of Adam, and the EMA
    disk = config.keep_checkpoints * checkpoint + 2 * weights
    yield f"on disk: {disk / MIB:.0f} MiB of checkpoints and weights, about {steps * LOG_BYTES / MIB:.0f} MiB of logs"


def _measure(trainer: Trainer, size: int) -> Cost:
    cuda = trainer.compute.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    loading, seconds = [], []
    for step in range(1, STEPS + 2):
        began = monotonic()
        episodes = trainer.load(step, size)
        loaded = monotonic()
        try:
            list(trainer.learn(episodes))  # waits for the device
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"N = {size} does not fit into the memory of {trainer.compute.device};"
                " try a smaller --support-size or --batch-size"
            ) from error
        loading.append(loaded - began)
        seconds.append(monotonic() - loaded)
    memory = torch.cuda.max_memory_allocated() if cuda else _peak_memory()
    return Cost(size, median(seconds[1:]), median(loading[1:]), memory)


def _peak_memory() -> int:
    """The largest number of bytes that this process has had in memory so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _step_seconds(trainer: Trainer, costs: list[Cost]) -> float:
    """Mean seconds of a step of the run; between the measured support sizes, time grows linearly."""
    small, large = costs[0], costs[-1]
    span = max(1, large.support_size - small.support_size)
    mean = fmean(trainer.source.support_size(step) for step in range(DRAWS)) if len(costs) > 1 else small.support_size
    step, loading = (
        low + (high - low) * (mean - small.support_size) / span
        for low, high in ((small.seconds, large.seconds), (small.loading, large.loading))
    )
    return max(step, loading / trainer.config.loaders)


def _validation_seconds(trainer: Trainer) -> float:
    """Seconds of a whole validation, from a few of its episodes."""
    some = trainer.source.dev[:DEV]
    began = monotonic()
    for _ in validate(trainer.state.network, some, trainer.compute):
        pass
    return (monotonic() - began) * len(trainer.source.dev) / len(some)
