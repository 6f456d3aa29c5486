"""What benchmarks/gpu.py measures of synthetic tasks: how many are made a second, and a training run with them."""

import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.gpu_work import Device
from universeg.synth import fresh_scenes
from universeg.synth.mixes import Families
from universeg.training.augment import AugmentConfig
from universeg.training.config import TrainConfig
from universeg.training.trainer import train


def tasks_per_second(processes: int, entries: int, size: int, seconds: float) -> float:
    """Synthetic tasks of the mix `train` that so many processes make, each on one core."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        list(pool.map(_make_tasks, [(n, entries, size, 0.0) for n in range(processes)]))  # starts them
        counts = list(pool.map(_make_tasks, [(n, entries, size, seconds) for n in range(processes)]))
    return sum(count / spent for count, spent in counts)


def tasks_per_second_on(device: Device, tasks: int, entries: int, size: int, seconds: float) -> tuple[float, float]:
    """The same for this process alone, which makes so many tasks at once on a device: the mix, and without F0."""
    rates = []
    for families in ({"train": 1.0}, {"train": 1.0, "F0": 0.0, "F0-driver": 0.0}):
        for some in (0.0, seconds):  # the first time it is a warm-up
            made, spent = _make_tasks((0, entries, size, some), device.name, tasks, families)
        rates.append(made / spent)
    return rates[0], rates[1]


def _make_tasks(
    job: tuple[int, int, int, float], device: str = "cpu", tasks: int = 1, families: Families = "train"
) -> tuple[int, float]:
    number, entries, size, seconds = job
    torch.set_num_threads(1)
    began, made = time.monotonic(), 0
    while made == 0 or time.monotonic() - began < seconds:
        fresh_scenes(number, made, tasks, entries, size, families, device)
        made += tasks
    return made, time.monotonic() - began


def training_run(
    out: Path, device: Device, minutes: float, loaders: int, tiny: bool, at_once: int = 1
) -> tuple[float, float]:
    """Queries learnt per second, and the share of time that a step waits for its data, without the first third.

    So many tasks are made at once; with one loader, on the device.
    """
    batch, uses = (2, 2) if tiny else (32, 2)
    train(
        TrainConfig(
            out=out, synthetic=("train",), size=16 if tiny else 128, support_size=4 if tiny else 32,
            least_support_size=2, batch_size=batch, queries_per_episode=uses, loaders=loaders, device=device.name,
            precision="bfloat16" if device.is_gpu else "float32", model=device.config, ema=0.999, clip=1.0,
            steps=4 if tiny else 100_000, minutes=minutes, validate_every=1_000_000, checkpoint_every=1_000_000,
            dev_episodes=1, tasks_at_once=at_once, augment=AugmentConfig(preset="none"), quiet=True,
        )
    )  # fmt: skip
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    steps = steps[len(steps) // 3 :]
    seconds = sum(row["seconds"] for row in steps)
    return len(steps) * batch * uses / seconds, sum(row["waited"] for row in steps) / seconds
