"""Plot loss and validation Dice of a run over time: `python benchmarks/curve.py RUN --plot curve.png`."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import numpy as np
import tyro

from universeg.base.atomic_write import atomic_write
from universeg.training.training_log import METRICS

WINDOW = 50  # steps over which the loss is averaged


def main(run: Annotated[Path, tyro.conf.Positional], plot: Path) -> None:
    """Plot the loss and the dev Dice of a run of universeg-train over the minutes of its steps."""
    lines = [json.loads(line) for line in (run / METRICS).read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "loss" in line]
    minutes = list(accumulate(line["seconds"] / 60 for line in steps))
    losses = np.convolve([line["loss"] for line in steps], np.full(WINDOW, 1 / WINDOW), "valid")
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.plot(minutes[WINDOW - 1 :], losses)
    left.set_ylabel(f"loss, mean of {WINDOW} steps")
    dev = [line for line in lines if "dev_dice" in line]
    at = [minutes[line["step"] - 1] for line in dev]
    for name in (name for name in dev[0] if name != "step"):
        width = 3 if name == "dev_dice" else 1
        right.plot(at, [line[name] for line in dev], "o-", linewidth=width, label=name.replace("dev_dice", "mean"))
    right.set_ylabel("dev Dice")
    right.legend(fontsize="small")
    for axis in (left, right):
        axis.set_xlabel("minutes")
        axis.grid(alpha=0.3)
    with atomic_write(plot) as part:
        figure.savefig(part, format="png", dpi=90)
    waited = sum(line["waited"] for line in steps) / sum(line["seconds"] for line in steps)
    print(f"{len(steps)} steps in {minutes[-1]:.1f} minutes, {100 * waited:.2f} % of the time waiting for data")


if __name__ == "__main__":
    tyro.cli(main)
