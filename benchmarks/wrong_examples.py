"""How much wrong examples harm: the Dice of each dataset if some masks of the support set are wrong.

python -m benchmarks.wrong_examples data/stores --wrong 0 1 4 8
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from universeg import load_model
from universeg.base.device import Compute
from universeg.base.rng import rng_for
from universeg.episodes.episode import Batch, LoadedEpisode
from universeg.episodes.sampling import dev_episodes
from universeg.episodes.task_stores import TaskStores
from universeg.training.validation import validate

LEAST_SHIFT, MOST_SHIFT = 1 / 8, 7 / 8  # of the image side


def main(
    stores: Annotated[Path, tyro.conf.Positional],
    weights: Path = Path("synthetic"),
    wrong: tuple[int, ...] = (0, 1, 4, 8),
    support_size: int = 16,
    episodes: int = 36,
) -> None:
    """Segment dev queries of each store, with `wrong` of `support_size` masks wrong, and print a Markdown table.

    A wrong mask is empty, shifted, or that of another example. The queries and the other examples are the same in all
    columns.
    """
    network, compute = load_model(weights), Compute.chosen("auto")
    print(f"| | {' | '.join(f'{count} of {support_size} wrong' for count in wrong)} |")
    print(f"| --- |{' ---: |' * len(wrong)}")
    for store in sorted(stores.glob("*.lmdb")):
        opened = TaskStores((store,))
        tasks = [task for one in opened.by_dataset.values() for task in one.tasks]
        loads = [partial(opened.load, episode) for episode in dev_episodes(opened, tasks, episodes, support_size, 0)]
        cells = list[str]()
        for count in wrong:
            spoilt = [partial(with_wrong_masks, load, number, count) for number, load in enumerate(loads)]
            cells.append(f"{np.mean([score.dice for score, _, _ in validate(network, spoilt, compute)]):.1f}")
        print(f"| {store.stem} | {' | '.join(cells)} |", flush=True)


def with_wrong_masks(load: Callable[[], LoadedEpisode], number: int, count: int) -> LoadedEpisode:
    """The episode that `load` returns, with `count` wrong masks. They depend on `number` alone."""
    episode = load()
    masks = episode.pixels.masks.copy()  # (1, 1 + N, 1, H, W)
    entries, side = masks.shape[1] - 1, masks.shape[-1]
    rng = rng_for("wrong examples", number)
    for entry in 1 + rng.permutation(entries)[:count]:
        kind = rng.integers(3)
        if kind == 0:
            masks[0, entry] = 0
        elif kind == 1:
            down, right = rng.integers(int(LEAST_SHIFT * side), int(MOST_SHIFT * side), 2)
            masks[0, entry] = np.roll(masks[0, entry], (down, right), (-2, -1))
        else:
            masks[0, entry] = masks[0, entry % entries + 1]
    return replace(episode, pixels=Batch(episode.pixels.images, masks))


if __name__ == "__main__":
    tyro.cli(main)
