"""`universeg-evaluate --metrics`: measure distances, volumes and calibration of every query."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.config import EvaluateConfig
from universeg.evaluation.metrics import (
    BINS,
    NUMBERS,
    Measured,
    Measures,
    measure,
    pixel_spacing,
    require_monai,
)
from universeg.evaluation.score_cache import ScoreCache
from universeg.evaluation.scorer import Scorer

CACHE = "metrics.jsonl"


def measure_all(
    config: EvaluateConfig, scorer: Scorer, stores: TaskStores, queries: Mapping[str, Sequence[str]]
) -> Iterator[Measured]:
    """Measure every network on every query. What an earlier call measured is read from `metrics.jsonl`."""
    require_monai()
    cache = ScoreCache(config.out / CACHE)
    for weights in config.networks:
        for task, names in queries.items():
            source = scorer.source(task, weights, max(config.support_size))
            for query in names:
                spacing = pixel_spacing(stores.of(task), task, query)
                numbers = cache.find(source, task, query)
                if numbers is None:
                    _, ground_truth = scorer.read_query(task, query)
                    found = measure(scorer.predict(task, query, weights), ground_truth, spacing or (1.0, 1.0))
                    numbers = [*(getattr(found, name) for name in NUMBERS), *found.counts.ravel()]
                    cache.add(source, task, {query: numbers})
                unit = "mm" if spacing else "pixels"
                yield Measured(weights, task, query, unit, _measures(numbers))


def _measures(numbers: Sequence[float]) -> Measures:
    far, mean, similarity, error, *counts = numbers
    return Measures(far, mean, similarity, error, np.array(counts).reshape(3, BINS))
