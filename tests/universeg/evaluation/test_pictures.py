"""The pictures of an evaluation: which queries they show, and their captions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from universeg.episodes.dice import dice
from universeg.evaluation import pictures
from universeg.evaluation.cli import evaluate
from universeg.evaluation.config import Configuration


@pytest.fixture
def result(config):
    names = (Path("mean-mask"), Path("grey"))
    sizes = {"support_size": (4, 1), "ensemble": (3, 1)}  # the largest is not the last
    return evaluate(replace(config, weights=names, tasks=("*/a/0",), pictures=3, **sizes))


def test_queries_are_shown_from_the_lowest_dice_to_the_highest(result):
    scores = {score.query: score.dice for score in result.scores[Configuration("mean-mask", 4, 3)]}
    ranked = sorted(scores, key=scores.__getitem__)
    assert [example.query for example in result.examples] == [ranked[0], ranked[2], ranked[3]]
    assert len(set(scores.values())) == 4


def test_predictions_are_those_of_the_largest_support_size_and_ensemble(result):
    for example in result.examples:
        for prediction in example.predictions:
            scores = result.scores[Configuration(prediction.weights, 4, 3)]
            (expected,) = [score.dice for score in scores if score.query == example.query]
            assert prediction.dice == expected
            assert dice(prediction.probability > 0.5, example.ground_truth) == pytest.approx(expected)


def test_every_panel_has_a_caption(result, monkeypatch):
    found = []
    monkeypatch.setattr(pictures, "sheet", lambda *given: found.append(given))
    pictures.draw_examples(result.examples)
    ((row,), title, legend) = found[0]
    assert len(row) == 3 * 3
    first = result.examples[0]
    assert [panel.caption for panel in row[:3]] == [
        f"Kept/g/m/a/0\n{first.query}: ground truth",
        f"mean-mask\nDice {first.predictions[0].dice:.1f}",
        f"grey\nDice {first.predictions[1].dice:.1f}",
    ]
    assert "from the lowest Dice to the highest" in title
    assert legend == ["ground truth"]
    assert len({np.asarray(panel.image).tobytes() for panel in row}) == 9


def test_a_picture_has_at_most_as_many_rows_as_viewers_can_open(result, monkeypatch):
    found = []
    monkeypatch.setattr(pictures, "sheet", lambda rows, *given: found.append((rows, *given)))
    monkeypatch.setattr(pictures, "MAX_ROWS", 2)
    pictures.draw_examples([replace(result.examples[0], task=f"D/g/m/{n}/0") for n in range(3)])
    assert len(found[0][0]) == 2
    assert "2 of 3 tasks" in found[0][1]
