"""How long synthetic tasks take: `python benchmarks/synth.py`, with --help for more."""

import time
from dataclasses import dataclass

import tyro

from universeg.synth import FAMILIES, MIXES, SynthConfig, fresh_episode, make_task

PAPER = 1000 * 100  # images: tasks times subjects
CORES = 2
WARM = 1000  # episodes with numbers from here only warm up


@dataclass(frozen=True)
class Settings:
    """What to measure. Times are of the processor, as machines are shared; the paper's task is measured beside each."""

    episodes: int = 12
    """New episodes of each family."""
    entries: int = 17
    size: int = 128
    subjects: int = 20
    """Of the paper's tasks, of which one is made after each episode."""


def main(settings: Settings) -> None:
    print("| family | ms per image | times the paper's task as stored |\n| --- | ---: | ---: |")
    stored = [fixed(settings, WARM)]
    shares = {}
    for family in FAMILIES:
        fresh(settings, family, WARM)
        here, there = [], []
        for number in range(settings.episodes):
            here.append(fresh(settings, family, number))
            there.append(fixed(settings, number))
        stored += there
        shares[family] = sum(here) / sum(there)
        print(f"| {family} | {1000 * sum(here) / len(here):.2f} | {shares[family]:.2f} |", flush=True)
    weights = MIXES["train"]
    mean = sum(weight * shares[name] for name, weight in weights.items()) / sum(weights.values())
    each = sum(stored) / len(stored)
    print(f"| mix `train` | {1000 * mean * each:.2f} | {mean:.2f} |")
    minutes = PAPER * each / CORES / 60
    print(f"\nstored F0: {1000 * each:.2f} ms per image, {PAPER:,} on {CORES} cores in {minutes:.1f} minutes")


def fresh(settings: Settings, family: str, number: int) -> float:
    """Seconds per image of a new episode."""
    start = time.process_time()
    fresh_episode(0, number, settings.entries, settings.size, family)
    return (time.process_time() - start) / settings.entries


def fixed(settings: Settings, number: int) -> float:
    """Seconds per image of one of the workflow's tasks of the paper's recipe."""
    start = time.process_time()
    make_task(0, number, settings.subjects, settings.size, SynthConfig())
    return (time.process_time() - start) / settings.subjects


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
