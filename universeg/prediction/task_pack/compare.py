"""Compare sets of examples by the Dice with which each segments other examples of the pack. Loads torch."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for
from universeg.model import load_model
from universeg.model.registry import DEFAULT
from universeg.prediction.check.leave_one_out import trial
from universeg.prediction.examples import load_examples
from universeg.prediction.predict import as_trained
from universeg.prediction.segmenter import Segmenter
from universeg.prediction.task_pack.pack_file import TaskPack

QUERIES = 16  # examples that are segmented by each set
SLICES = 3  # of a volume


def work(pack: TaskPack, sets: int) -> int:
    """How many segmentations a comparison is, at most."""
    return sets * min(QUERIES, len(pack.facts.examples))


def expected_dice(
    pack: TaskPack, sets: Sequence[Sequence[int]], advance: Callable[[], None] = lambda: None
) -> list[float]:
    """Mean Dice, 0..100, of each set of examples (their numbers), with the default weights of the package.

    All sets segment the same examples, except their own members; `advance` is called for each set and example.
    """
    settings = as_trained(pack.settings, DEFAULT)
    images = [pack.folder / one.image for one in pack.facts.examples]
    masks = [pack.folder / one.mask for one in pack.facts.examples]
    segmenter = Segmenter(load_model(), load_examples(images, masks, settings), settings)
    count = len(pack.facts.examples)
    queries = rng_for("task pack", "queries", count).permutation(count)[:QUERIES]
    found = np.full((len(sets), len(queries)), np.nan)
    for row, chosen in enumerate(sets):
        for column, query in enumerate(queries):
            if query not in chosen:
                found[row, column] = trial(segmenter, int(query), list(chosen), SLICES).dice
            advance()
    return means_without_gaps(found)


def means_without_gaps(found: NDArray[np.float64]) -> list[float]:
    """Of scores (sets, queries) with gaps (NaN), the mean of each set as if it had no gaps; NaN if it has nothing.

    A score is taken as the sum of how good a set is and how easy a query is, found by least squares.
    """
    sets, queries = np.nonzero(~np.isnan(found))
    terms = np.zeros((len(sets), sum(found.shape)))
    terms[np.arange(len(sets)), sets] = terms[np.arange(len(sets)), len(found) + queries] = 1
    good, easy = np.split(np.linalg.lstsq(terms, found[sets, queries])[0], [len(found)])
    mean = easy[np.unique(queries)].mean() if len(queries) else 0.0
    return [float(good[number] + mean) if number in sets else float("nan") for number in range(len(found))]
