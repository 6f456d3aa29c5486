"""The plots of an evaluation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from universeg.evaluation.cli import evaluate
from universeg.evaluation.config import Configuration
from universeg.evaluation.plots import box_plot, support_size_plot


@pytest.fixture
def result(config):
    names = (Path("mean-mask"), Path("grey"))
    return evaluate(replace(config, weights=names, support_size=(4, 1), ensemble=(1, 3)))


def test_boxes_show_the_scores_of_the_largest_ensemble(result):
    (axes,) = box_plot(result).axes
    assert len(axes.patches) == 4, "two networks and two support sizes, for one dataset"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Kept"]
    expected = {
        configuration: np.median([score.dice for score in scores])
        for configuration, scores in result.scores.items()
        if configuration.ensemble == 3
    }
    levels = [line.get_ydata() for line in axes.lines]
    for configuration, median in expected.items():
        assert any(len(level) == 2 and np.allclose(level, median) for level in levels), configuration


def test_lines_show_the_means_against_the_support_size(result):
    figure = support_size_plot(result)
    assert [axes.get_title() for axes in figure.axes] == ["all datasets", "Kept"]
    for axes in figure.axes:
        found = {container.get_label(): container.lines[0] for container in axes.containers}
        assert found.keys() == {f"{name}, K = {count}" for name in ("mean-mask", "grey") for count in (1, 3)}
        line = found["mean-mask, K = 3"]
        np.testing.assert_array_equal(line.get_xdata(), [1, 4])
        expected = [result.averages[Configuration("mean-mask", size, 3)].all.dice for size in (1, 4)]
        np.testing.assert_allclose(np.asarray(line.get_ydata(), float), expected)
