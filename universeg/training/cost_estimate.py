"""`universeg-train --forecast`: what a run will need on this machine, measured by a few of its steps."""

import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, median
from time import monotonic
from typing import TYPE_CHECKING

import torch

from universeg.episodes.segment import validate
from universeg.training.config import TrainConfig

if TYPE_CHECKING:
    from universeg.training.trainer import Training

STEPS = 3  # measured at each support size, after one that warms up
DRAWS = 2000  # support sizes of steps, to estimate their mean
DEV = 3  # dev episodes that are timed
MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What a step needs at one support size."""

    support_size: int
    seconds: float
    loading: float  # seconds that a loader needs for its data meanwhile
    memory: int  # bytes at most: of the GPU, or of the whole process


def forecast(training: "Training", config: TrainConfig) -> Iterator[str]:
    """Lines for a person, each as soon as it is known. The training's weights are used up; nothing is written."""
    sizes = sorted({config.least_support_size or config.support_size, config.support_size})
    costs = []
    for size in sizes:
        costs.append(cost := _measured(training, size))
        place = "GPU memory" if training.compute.device.type == "cuda" else "memory of the process"
        yield (
            f"N = {size}: {cost.seconds:.3f} s a step, {1 / cost.seconds:.2f} steps/s;"
            f" data {cost.loading:.3f} s in {config.loaders} loader(s) beside it; {place} {cost.memory / MIB:.0f} MiB"
        )
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.5 * processors:
        yield f"others compute here as well (load {load:.1f} on {processors} processors); alone it would be faster"
    step = _expected(training, costs)
    validation = _validation(training) if training.source.dev else 0.0
    left = config.steps - training.state.step + (STEPS + 1) * len(sizes)
    whole = left * step + (left // config.validate_every + 1) * validation
    if config.minutes and whole > 60 * config.minutes:
        yield f"in {config.minutes:g} minutes: about {60 * config.minutes / (whole / left):.0f} of {left} steps"
    yield (
        f"{left} steps: about {timedelta(seconds=round(whole))}, of that {len(training.source.dev)} dev episodes every"
        f" {config.validate_every} steps {validation:.1f} s each time"
    )
    weights = sum(tensor.numel() * 4 for tensor in training.state.model.parameters())
    checkpoint = weights * (4 if config.ema else 3)  # weights, two moments of Adam, and the average
    disk = config.keep_checkpoints * checkpoint + 2 * weights
    yield f"on disk: {disk / MIB:.0f} MiB of checkpoints and weights, and about {left * 250 / MIB:.0f} MiB of logs"


def _measured(training: "Training", size: int) -> Cost:
    cuda = training.compute.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    loading, seconds = [], []
    for step in range(1, STEPS + 2):
        began = monotonic()
        drawn = training.load(step, size)
        loaded = monotonic()
        try:
            training.learn(drawn)
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"N = {size} does not fit into the memory of {training.compute.device};"
                " try a smaller --support-size or --batch-size"
            ) from error
        loading.append(loaded - began)
        seconds.append(monotonic() - loaded)
    memory = torch.cuda.max_memory_allocated() if cuda else _peak()
    return Cost(size, median(seconds[1:]), median(loading[1:]), memory)


def _peak() -> int:
    """The most bytes that this process had in memory so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _expected(training: "Training", costs: list[Cost]) -> float:
    """Seconds of a step of the run: between the measured support sizes, time grows evenly."""
    small, large = costs[0], costs[-1]
    span = max(1, large.support_size - small.support_size)
    mean = fmean(training.source.support_size(step) for step in range(DRAWS)) if len(costs) > 1 else small.support_size
    step, loading = (
        low + (high - low) * (mean - small.support_size) / span
        for low, high in ((small.seconds, large.seconds), (small.loading, large.loading))
    )
    return max(step, loading / training.config.loaders)


def _validation(training: "Training") -> float:
    """Seconds of a whole validation."""
    some = training.source.dev[:DEV]
    began = monotonic()
    for _ in validate(training.state.network, some, training.compute):
        pass
    return (monotonic() - began) * len(training.source.dev) / len(some)
