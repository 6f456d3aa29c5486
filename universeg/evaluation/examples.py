"""Choose the queries of each task that the pictures show, from the lowest Dice to the highest."""

from collections.abc import Mapping, Sequence

import numpy as np

from universeg.episodes.dice import Score
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.result import Example, Prediction
from universeg.evaluation.scorer import Scorer


def examples(config: EvaluateConfig, scorer: Scorer, scores: Mapping[Configuration, Sequence[Score]]) -> list[Example]:
    """Queries of a task at equal steps of rank, by the Dice of the first network.

    `scores` are those of the task. Dice and predictions are those of the largest support size and ensemble size.
    """
    sizes = max(config.support_size), max(config.ensemble)
    names = config.networks
    dice = {name: {score.query: score.dice for score in scores[Configuration(name, *sizes)]} for name in names}
    ranked = sorted(scores[Configuration(names[0], *sizes)], key=lambda score: score.dice)
    ranks = np.linspace(0, len(ranked) - 1, min(config.pictures, len(ranked))).round().astype(int)
    found = list[Example]()
    for score in (ranked[rank] for rank in ranks):
        task, query = score.task.key, score.query
        image, ground_truth = scorer.read_query(task, query)
        predictions = [Prediction(name, scorer.predict(task, query, name), dice[name][query]) for name in names]
        found.append(Example(task, query, image, ground_truth, predictions))
    return found
