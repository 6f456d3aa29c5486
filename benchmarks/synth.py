"""Measure how long it takes to make synthetic tasks: python benchmarks/synth.py"""

import time
from dataclasses import dataclass

import tyro

from universeg.synth import FAMILIES, MIXES, SynthConfig, fresh_episode, make_task

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


def main(settings: Settings) -> None:
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
