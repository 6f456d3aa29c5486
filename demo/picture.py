"""The demo's picture: for each task a query, its support, what is true and what the network says."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch

from universeg import Store, UniverSeg, load_model
from universeg.files import written_whole
from universeg.picture import Panel, heat, outlined, sheet
from universeg.rng import rng_for
from universeg.store import Task

ROWS, SUPPORTS_SHOWN, SIDE = 4, 3, 192


def draw(weights: Path, stores: Sequence[Path], patterns: Sequence[str], support_size: int, out: Path) -> float:
    """Draw up to ROWS tasks whose keys match a pattern; returns their queries' mean Dice, 0 to 100."""
    model = load_model(weights)
    found = [
        (store, task)
        for store in map(Store, stores)
        for task in store.tasks
        if any(fnmatch(task, pattern) for pattern in patterns) and store.subjects(task, "test")
    ]
    shuffled = [found[i] for i in rng_for("demo").permutation(len(found))]
    first = {Task.parse(task).group: (store, task) for store, task in reversed(shuffled)}  # of each group
    chosen = [*first.values(), *(pair for pair in shuffled if pair not in first.values())][:ROWS]
    rows, scores = zip(*(_row(model, store, task, support_size) for store, task in chosen), strict=True)
    with written_whole(out) as part:
        sheet(rows, "Tasks the network was not trained on: outlines are masks").save(part, format="png")
    return float(np.mean(scores))


def _row(model: UniverSeg, store: Store, task: str, support_size: int) -> tuple[list[Panel], float]:
    rng = rng_for("demo", task)
    query = str(rng.choice(store.subjects(task, "test")))
    pool = store.subjects(task, "support")
    names = [str(name) for name in rng.choice(pool, support_size, replace=len(pool) < support_size)]
    (image,), (truth,) = store.read(task, [query])
    images, masks = store.read(task, names)
    with torch.inference_mode():
        logits = model(
            _float(image[None] / 255)[:, None], _float(images / 255)[None, :, None], _float(masks)[None, :, None]
        )
    soft = torch.sigmoid(logits)[0, 0].numpy()
    answer = soft >= 0.5
    dice = 200 * (answer & (truth == 1)).sum() / max(1, answer.sum() + truth.sum())
    panels = [Panel(outlined(image, {}, SIDE), f"query: {task.split('/', 1)[1]}")]
    for n in range(min(SUPPORTS_SHOWN, support_size)):
        caption = f"example {n + 1} of {support_size}"
        panels.append(Panel(outlined(images[n], {"": masks[n].astype(bool)}, SIDE), caption))
    panels += [
        Panel(outlined(image, {"": truth.astype(bool)}, SIDE), "truth"),
        Panel(outlined(image, {"": answer}, SIDE), f"prediction, Dice {dice:.0f}"),
        Panel(heat(image, soft, SIDE), "how sure"),
    ]
    return panels, float(dice)


def _float(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
