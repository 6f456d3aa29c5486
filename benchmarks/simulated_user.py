"""How many masks a person must correct until a folder is segmented well: a simulated user, against drawing all by hand.

python -m benchmarks.simulated_user data/stores --tasks 'BUS-BRA/*' 'WBC-CV/*cytoplasm*' --out results/user
"""

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from time import process_time
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro
from rich.console import Console
from torch import nn

from universeg import Store, load_model
from universeg.base.atomic_write import atomic_write
from universeg.base.rng import rng_for
from universeg.episodes.dice import dice
from universeg.evaluation.scorer import weights_digest
from universeg.prediction.check.checkup import check_up
from universeg.prediction.config import EffortConfig
from universeg.prediction.effort import improved
from universeg.prediction.examples import Examples, load_examples
from universeg.prediction.preprocess import preprocess
from universeg.prediction.segmenter import Segmenter
from universeg.prediction.settings import Settings
from universeg.prediction.sources import loaded_image

FIRST = 3  # examples that the user draws before the tool is used
STEPS = (3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 24, 28, 32, 36, 40, 45, 50, 55)  # corrected images: then all others again
ADAPTED_AT = (6, 12, 24)
GOALS = (80, 90)
SHOWN = 16  # examples that the network sees at once

WORST_FIRST = "worst first"

Rows = dict[str, Any]


def main(
    stores: Annotated[Path, tyro.conf.Positional],
    out: Path,
    tasks: tuple[str, ...] = ("*",),
    images: int = 40,
    most: int = 24,
    orders: tuple[Literal["worst first", "random"], ...] = (WORST_FIRST,),
    adapt: bool = False,
    weights: Path = Path("synthetic"),
) -> None:
    """Simulate a user of each task, print a Markdown table, and draw the curves.

    A folder is at most `images` middle slices of the dev and test splits. The user draws FIRST masks. The tool segments
    all others and ranks them; the user replaces the mask that the tool ranks first by the correct one, and so on, up to
    `most`. `adapt` also adapts the network after 6, 12 and 24 images. After a kill, the same command continues.

    The curves need matplotlib: pip install 'universeg[train]'
    """
    if find_spec("matplotlib") is None:  # before hours of work
        raise SystemExit("the curves need matplotlib: pip install 'universeg[train]'")
    torch.set_num_threads(1)
    found = dict[str, dict[str, Rows]]()
    for store in map(Store, sorted(stores.glob("*.lmdb"))):
        for task in (task for task in store.tasks if any(fnmatchcase(task, pattern) for pattern in tasks)):
            user = User(store, task, images, weights, out)
            found[task] = {order: user.correct(order, most) for order in dict.fromkeys((WORST_FIRST, *orders))}
            if adapt:
                found[task]["adapted"] = user.adapted(found[task][WORST_FIRST])
            _draw(found, out / "simulated_user.png")
    if not found:
        raise SystemExit(f"{stores}: no task matches {' '.join(tasks)}")
    _show(found)


class User:
    """One task: a folder of images with their correct masks, and what is known of it so far."""

    def __init__(self, store: Store, task: str, images: int, weights: Path, out: Path) -> None:
        names = [name for split in ("dev", "test") for name in store.subjects(task, split)]
        chosen = rng_for("user", task).permutation(len(names))[:images]
        self.images, self.masks = store.read(task, [names[number] for number in sorted(chosen)])
        self.settings = Settings(size=store.header["size"], support_size=SHOWN)
        self.queries = [preprocess(loaded_image(image, "an image"), self.settings) for image in self.images]
        self.network = load_model(weights)
        self.folder = out / f"{task.replace('/', '-')}-{images}-{weights_digest(weights)[:8]}"
        self.size = len(self.images)
        self.first = [int(at) for at in rng_for("first", task).permutation(self.size)[:FIRST]]

    def correct(self, order: str, most: int) -> Rows:
        """The mean Dice of the folder after each step, and the order in which images were corrected."""
        kept = self.folder / f"{order}.json"
        rows: Rows = (
            json.loads(kept.read_text()) if kept.is_file() else {"order": self.first, "of": self.size, "steps": {}}
        )
        by_chance = [int(at) for at in rng_for("order", order).permutation(self.size)]
        for step in (step for step in STEPS if step <= most and step < self.size):
            if str(step) in rows["steps"]:
                continue
            corrected = rows["order"][:step]
            assert len(corrected) == step, "each step ranks the images of the next one"
            found, ranked = self.segment(self.network, self.examples(corrected), corrected)
            rows["steps"][str(step)] = found
            left = ranked if order == WORST_FIRST else [at for at in by_chance if at not in corrected]
            rows["order"] = [*corrected, *left]
            self.keep(kept, rows)
        return rows

    def adapted(self, worst_first: Rows) -> Rows:
        """The same at ADAPTED_AT, with weights that are adapted to the images corrected until then."""
        kept = self.folder / "adapted.json"
        rows: Rows = json.loads(kept.read_text()) if kept.is_file() else {"steps": {}}
        for step in (step for step in ADAPTED_AT if str(step) in worst_first["steps"]):
            if str(step) not in rows["steps"]:
                corrected, began = worst_first["steps"][str(step)]["corrected"], process_time()
                examples = self.examples(corrected)
                model = self.adapted_network(examples)
                found, _ = self.segment(model, examples, corrected)
                rows["steps"][str(step)] = {**found, "seconds": process_time() - began}
                self.keep(kept, rows)
        return rows

    def adapted_network(self, examples: Examples) -> nn.Module:
        """What `universeg predict --adapt check` uses."""
        how, console = EffortConfig(adapt="check"), Console(stderr=True)
        return improved(self.network, examples, how, self.settings.size, self.folder, console, quiet=False).model

    def examples(self, corrected: Sequence[int]) -> Examples:
        return load_examples([self.images[at] for at in corrected], [self.masks[at] for at in corrected], self.settings)

    def segment(self, network: nn.Module, examples: Examples, corrected: Sequence[int]) -> tuple[Rows, list[int]]:
        """Dice of all images (100 if corrected) and of the others, and the others in the order of the tool."""
        segmenter = Segmenter(network, examples, self.settings)
        checkup = check_up(segmenter)
        others = [at for at in range(self.size) if at not in corrected]
        dices, expected = dict[int, float](), dict[int, float]()
        for at in others:
            result = segmenter.segment(self.queries[at])
            dices[at] = dice(result.winners[0] > 0, self.masks[at] > 0)
            expected[at] = checkup.expected([result]) or 0.0
        whole = (100 * len(corrected) + sum(dices.values())) / self.size
        row = {"folder": whole, "others": float(np.mean([*dices.values()])), "corrected": list(corrected)}
        return row, sorted(others, key=lambda at: expected[at])

    def keep(self, path: Path, rows: Rows) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as part:
            part.write_text(json.dumps(rows), encoding="utf-8")
        print(f"{path.parent.name}, {path.stem}: {_line(rows)}", flush=True)


def _line(rows: Mapping[str, Any]) -> str:
    return ", ".join(f"{step}: {row['folder']:.1f} ({row['others']:.1f})" for step, row in rows["steps"].items())


def _show(found: Mapping[str, Mapping[str, Rows]]) -> None:
    """How many images are corrected when the mean Dice of the folder reaches each goal, and what adapting does."""
    print("| task | images | way | " + " | ".join(f"corrected until {goal}" for goal in GOALS) + " |")
    print(f"| --- | ---: | --- |{' ---: |' * len(GOALS)}")
    for task, ways in found.items():
        size = ways[WORST_FIRST]["of"]
        print(f"| {task} | {size} | by hand | {' | '.join(str(ceil(size * goal / 100)) for goal in GOALS)} |")
        for way in (way for way in ways if way != "adapted"):
            print(f"| {task} | {size} | {way} | {' | '.join(_reached(ways[way], goal) for goal in GOALS)} |")
    for task, ways in found.items():
        for step, row in ways.get("adapted", {"steps": {}})["steps"].items():
            before = ways[WORST_FIRST]["steps"][step]
            print(
                f"{task}, adapted to {step}: other images {before['others']:.1f} -> {row['others']:.1f},"
                f" folder {before['folder']:.1f} -> {row['folder']:.1f}, {row['seconds'] / 60:.1f} minutes"
            )


def _reached(rows: Rows, goal: float) -> str:
    steps = [int(step) for step, row in rows["steps"].items() if row["folder"] >= goal]
    return str(min(steps)) if steps else f"more than {max(map(int, rows['steps']))}"


def _draw(found: Mapping[str, Mapping[str, Rows]], path: Path) -> None:
    """Mean Dice of the folder by corrected images, one panel for each task."""
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("Agg")

    figure, axes = pyplot.subplots(1, len(found), figsize=(4.6 * len(found), 3.9), layout="constrained", squeeze=False)
    for axis, (task, ways) in zip(axes[0], found.items(), strict=True):
        size = ways[WORST_FIRST]["of"]
        axis.plot([0, size], [0, 100], color="gray", label="all drawn by hand")
        for order, style in ((WORST_FIRST, "C0o-"), ("random", "C1s--")):
            steps = ways[order]["steps"] if order in ways else {}
            if steps:
                dices = [row["folder"] for row in steps.values()]
                axis.plot([*map(int, steps)], dices, style, label=f"corrected, {order}")
        steps = ways.get("adapted", {"steps": {}})["steps"]
        if steps:
            folder = [row["folder"] for row in steps.values()]
            axis.plot([*map(int, steps)], folder, "C2*", markersize=13, label="adapted to them")
        for goal in GOALS:
            axis.axhline(goal, color="black", linewidth=0.6, linestyle=":")
        label = task.split("/")[-2]
        axis.set(title=f"{label}, {size} images", xlabel="images drawn or corrected", xlim=(0, size), ylim=(0, 100))
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("mean Dice of the folder")
    axes[0][0].legend(loc="lower right", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=90)


if __name__ == "__main__":
    tyro.cli(main)
