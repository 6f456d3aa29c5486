"""Measure how long it takes to make synthetic tasks: python benchmarks/synth.py"""

import time
from dataclasses import dataclass
from statistics import median

import tyro
from torch.utils._python_dispatch import TorchDispatchMode

from universeg.synth import FAMILIES, MIXES, SynthConfig, fresh_episode, fresh_scenes, make_task

PAPER_IMAGES = 1000 * 100  # tasks times subjects
CORES = 2
WARM_UP = 1000  # number of the episode that is made before the measurement


@dataclass(frozen=True)
class Settings:
    """What to measure. Times are processor times, because machines may be shared.

    After each episode a task of F0 is measured, so that each family is compared with F0 under the same conditions.
    """

    episodes: int = 12
    """Number of episodes of each family."""
    entries: int = 17
    """Images per episode."""
    size: int = 128
    """Pixels per side."""
    subjects: int = 20
    """Subjects per task of F0."""
    at_once: tuple[int, ...] = ()
    """Compare so many tasks that are made at once, for example 1 8 16, instead: processor time of a task, and tensor
    operations of a task. Each operation is one start of a kernel or more on a GPU."""


class Operations(TorchDispatchMode):
    """Counts the tensor operations that compute, without those that only give another view of the same numbers."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view and "empty" not in func.name()
        return func(*args, **(kwargs or {}))


def main(settings: Settings) -> None:
    if settings.at_once:
        compare_batches(settings)
    else:
        compare_families(settings)


def compare_batches(settings: Settings) -> None:
    """One row for each family: the median over batches, measured in turn for each number of tasks at once."""
    sizes = settings.at_once
    print("| family | " + " | ".join(f"ms, T = {size} | operations" for size in sizes) + " |")
    print("| --- |" + " ---: | ---: |" * len(sizes))
    together = [name for name, family in FAMILIES.items() if family]  # on a CPU, F0 is made one after another
    found = {}
    for family in together:
        for size in sizes:
            batch(settings, family, WARM_UP, size)
        rounds = [[batch(settings, family, number, size) for size in sizes] for number in range(settings.episodes)]
        found[family] = [
            [median(values) for values in zip(*column, strict=True)] for column in zip(*rounds, strict=True)
        ]
        _print_row(family, found[family])
    weights = {name: weight for name, weight in MIXES["train"].items() if name in together}
    means = [
        [sum(weights[name] * found[name][n][kind] for name in weights) / sum(weights.values()) for kind in range(2)]
        for n in range(len(sizes))
    ]
    _print_row("mix `train` without F0 and F0-driver", means)


def _print_row(name: str, columns: list[list[float]]) -> None:
    print(f"| {name} | " + " | ".join(f"{ms:.0f} | {count:.0f}" for ms, count in columns) + " |", flush=True)


def batch(settings: Settings, family: str, number: int, tasks: int) -> tuple[float, float]:
    """Milliseconds and operations per task of a batch."""
    start = time.process_time()
    fresh_scenes(0, number * tasks, tasks, settings.entries, settings.size, family)
    spent = time.process_time() - start
    with Operations() as operations:
        fresh_scenes(0, number * tasks, tasks, 2, 32, family)
    return 1000 * spent / tasks, operations.count / tasks


def compare_families(settings: Settings) -> None:
    print("| family | ms per image | relative to the paper's task as stored |\n| --- | ---: | ---: |")
    stored_times = [stored_task(settings, WARM_UP)]
    ratios = {}
    for family in FAMILIES:
        episode(settings, family, WARM_UP)
        own, reference = [], []
        for number in range(settings.episodes):
            own.append(episode(settings, family, number))
            reference.append(stored_task(settings, number))
        stored_times += reference
        ratios[family] = sum(own) / sum(reference)
        print(f"| {family} | {1000 * sum(own) / len(own):.2f} | {ratios[family]:.2f} |", flush=True)
    weights = MIXES["train"]
    mean = sum(weight * ratios[name] for name, weight in weights.items()) / sum(weights.values())
    per_image = sum(stored_times) / len(stored_times)
    print(f"| mix `train` | {1000 * mean * per_image:.2f} | {mean:.2f} |")
    minutes = PAPER_IMAGES * per_image / CORES / 60
    print(
        f"\nstored F0: {1000 * per_image:.2f} ms per image, {PAPER_IMAGES:,} on {CORES} cores in {minutes:.1f} minutes"
    )


def episode(settings: Settings, family: str, number: int) -> float:
    """Seconds per image to make one episode during training."""
    start = time.process_time()
    fresh_episode(0, number, settings.entries, settings.size, family)
    return (time.process_time() - start) / settings.entries


def stored_task(settings: Settings, number: int) -> float:
    """Seconds per image to make one task of F0, the paper's recipe, as the workflow does."""
    start = time.process_time()
    make_task(0, number, settings.subjects, settings.size, SynthConfig())
    return (time.process_time() - start) / settings.subjects


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
