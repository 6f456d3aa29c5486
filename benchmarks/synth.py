"""How long synthetic tasks take: `python benchmarks/synth.py --tasks 4`."""

import time

import tyro

from universeg.synth import SynthConfig, make_task

PAPER = 1000 * 100  # images: tasks times subjects
CORES = 2
DEFAULT = SynthConfig()


def main(
    tasks: int = 4, subjects: int = 100, size: int = 128, device: str = "cpu", config: SynthConfig = DEFAULT
) -> None:
    """Print milliseconds per image, everything included, on one core or one GPU."""
    make_task(0, 0, min(subjects, 32), size, config, device)  # the first use of each operation costs extra
    start = time.perf_counter()
    labels = sum(len(make_task(0, t, subjects, size, config, device).labels) for t in range(tasks))
    each = (time.perf_counter() - start) / (tasks * subjects)
    print(f"{tasks} tasks x {subjects} subjects at {size}: {1000 * each:.2f} ms per image, {labels} labels kept")
    print(f"the paper's {PAPER:,} images on {CORES} cores: {PAPER * each / CORES / 60:.1f} minutes")


if __name__ == "__main__":
    tyro.cli(main)
