"""The picture of the demo: for each task a query, some examples, the ground truth, and the predictions."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg import Store, UniverSeg
from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Panel, heat, outlined, sheet
from universeg.base.device import Compute
from universeg.base.rng import rng_for
from universeg.episodes.dice import dice
from universeg.episodes.episode import Batch
from universeg.episodes.segment import THRESHOLD, probabilities
from universeg.store import Task

ROWS, EXAMPLES_SHOWN, SIDE = 4, 3, 192
TITLE = "Tasks that the networks were not trained on. An outline is a mask."


def draw(
    networks: Mapping[str, UniverSeg], stores: Iterable[Path], patterns: Sequence[str], support_size: int, out: Path
) -> dict[str, float]:
    """Draw one query of up to ROWS tasks that match a pattern. Returns the mean Dice (0 to 100) of each network."""
    found = [
        (store, task)
        for store in map(Store, stores)
        for task in store.tasks
        if any(fnmatch(task, pattern) for pattern in patterns)
        and store.subjects(task, "test")
        and store.subjects(task, "support")
    ]
    shuffled = [found[i] for i in rng_for("demo").permutation(len(found))]
    first = {_dataset_and_group(task): (store, task) for store, task in reversed(shuffled)}
    chosen = [*first.values(), *(pair for pair in shuffled if pair not in first.values())][:ROWS]
    rows, scores = zip(*(_row(networks, store, task, support_size) for store, task in chosen), strict=True)
    with atomic_write(out) as part:
        sheet(rows, TITLE).save(part, format="png")
    return {name: float(np.mean([score[name] for score in scores])) for name in networks}


def _dataset_and_group(task: str) -> tuple[str, str]:
    parsed = Task.parse(task)
    return parsed.dataset, parsed.group


def _row(
    networks: Mapping[str, UniverSeg], store: Store, task: str, support_size: int
) -> tuple[list[Panel], dict[str, float]]:
    """The panels of a task from left to right, and the Dice of each network."""
    rng = rng_for("demo", task)
    query = str(rng.choice(store.subjects(task, "test")))
    pool = store.subjects(task, "support")
    names = [str(name) for name in rng.choice(pool, support_size, replace=len(pool) < support_size)]
    images, masks = store.read(task, [query, *names])
    image, ground_truth = images[0], masks[0].astype(bool)
    panels = [Panel(outlined(image, {}, SIDE), f"query: {task.removeprefix('Synthetic/')}")]
    for n in range(1, min(EXAMPLES_SHOWN, support_size) + 1):
        panels.append(Panel(_outline(images[n], masks[n].astype(bool)), f"example {n} of {support_size}"))
    panels.append(Panel(_outline(image, ground_truth), "ground truth"))
    scores = dict[str, float]()
    for name, network in networks.items():
        (found,) = probabilities(network, Batch(images[None, :, None], masks[None, :, None]), Compute.chosen("cpu"))
        scores[name] = dice(found > THRESHOLD, ground_truth)
        panels.append(Panel(_outline(image, found > THRESHOLD), f"prediction, network {name}: Dice {scores[name]:.0f}"))
    return [*panels, Panel(heat(image, found, SIDE), f"confidence map, network {name}")], scores


def _outline(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Image.Image:
    return outlined(image, {"": mask}, SIDE)
