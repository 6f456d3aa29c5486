"""Plot where synthetic tasks and the tasks of stores lie: how grey level and position solve them, area and contrast.

python -m benchmarks.task_spread --stores data/stores --out docs/explanation/synthetic/spread.png
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
import numpy as np
import tyro
from matplotlib import pyplot
from rich.console import Console
from rich.progress import track

from universeg import Store
from universeg.base.atomic_write import atomic_write
from universeg.base.rng import rng_for
from universeg.store import Pixels, Task
from universeg.synth import fresh_episode
from universeg.synth.shortcuts import SUPPORT, shortcuts
from universeg.synth.statistics import LabelMeasures, measure
from universeg.synth.task import SynthTask

QUERIES = 6  # images of a task that the rules are scored on
SIDE = 128


@dataclass(frozen=True)
class Point:
    """One task."""

    name: str
    local: float  # Dice of grey level with its neighbourhood
    position: float  # Dice of the mean mask
    label: LabelMeasures


def main(stores: Path, out: Path, tasks: int = 300, family: str = "train") -> None:
    """Measure synthetic tasks and the tasks of stores, and plot both.

    Args:
        stores: Folder of stores (*.lmdb).
        out: The PNG file to write.
        tasks: Number of synthetic tasks.
        family: Name of a family or a mix.
    """
    made = [
        _point("", *fresh_episode(0, number, SUPPORT + QUERIES, SIDE, family)[:2])
        for number in track(range(tasks), "synthetic tasks", console=Console(stderr=True))
    ]
    real = list(_of_stores(stores))
    for point in real:
        easier = fmean(one.local < point.local for one in made)
        print(
            f"{point.name}: grey and around {point.local:.0f}, position {point.position:.0f},"
            f" area {point.label.area:.3f}, contrast {point.label.contrast:.2f};"
            f" grey solves {easier:.0%} of the synthetic tasks less well"
        )
    _plot(made, real, out)


def _of_stores(folder: Path) -> Iterator[Point]:
    """One point for each task of the stores that has enough images."""
    for path in sorted(folder.glob("*.lmdb")):
        store = Store(path)
        for key in store.tasks:
            subjects = store.subjects(key)
            order = rng_for("spread", key).permutation(len(subjects))[: SUPPORT + QUERIES]
            if len(order) > SUPPORT:
                images, masks = store.read(key, [subjects[number] for number in order])
                task = Task.parse(key)
                yield _point(f"{task.dataset}, {task.label}, axis {task.axis}", images, masks)


def _point(name: str, images: Pixels, masks: Pixels) -> Point:
    found = shortcuts(images, masks > 0)
    (label,) = measure(SynthTask(images, {"label": (masks > 0).astype(np.uint8) * 255}, {}))
    return Point(name, found.local, found.position, label)


def _plot(made: list[Point], real: list[Point], out: Path) -> None:
    mpl.use("Agg")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    colours = pyplot.get_cmap("tab20")
    for number, point in enumerate([*made, *real]):
        is_real = bool(point.name)
        style = {"s": 60, "marker": "D", "edgecolor": "black"} if is_real else {"s": 14, "alpha": 0.6}
        colour = colours((number - len(made)) % 20) if is_real else "lightgrey"
        left.scatter(point.local, point.position, color=colour, label=point.name or None, **style)
        right.scatter(point.label.area, point.label.contrast, color=colour, **style)
    left.set(
        xlabel="Dice of grey level and the 7 x 7 pixels around",
        ylabel="Dice of the mean mask",
        xlim=(0, 100),
        ylim=(0, 100),
    )
    right.set(xlabel="area, share of the image", ylabel="contrast, standard deviations", xscale="log", yscale="log")
    figure.legend(loc="outside right upper", fontsize="small", title="grey dots: synthetic tasks")
    with atomic_write(out) as part:
        figure.savefig(part, format="png", dpi=80)


if __name__ == "__main__":
    tyro.cli(main)
