"""Dice, its averages and their standard deviations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from universeg.episodes.dice import Mean, Score, averages, dice
from universeg.store import Task

BOOLS = arrays(bool, (4, 5))


def score(key, query, value):
    return Score(Task.parse(key), query, value)


@given(BOOLS, BOOLS)
def test_dice_follows_its_formula(a, b):
    pixels_a, pixels_b = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    total = len(pixels_a) + len(pixels_b)
    expected = 100 * 2 * len(pixels_a & pixels_b) / total if total else 100
    assert dice(a, b) == pytest.approx(expected)


def test_dice_of_known_masks():
    ground_truth = np.array([[True, True, False]])
    assert dice(np.array([[True, False, False]]), ground_truth) == pytest.approx(200 / 3)
    assert dice(np.array([[False, False, True]]), ground_truth) == 0


def test_an_empty_ground_truth_needs_an_empty_prediction():
    nothing, something = np.zeros((2, 2), bool), np.eye(2, dtype=bool)
    assert dice(nothing, nothing) == 100
    assert dice(something, nothing) == 0
    with pytest.raises(ValueError, match=r"\(2, 2\), the ground truth \(1, 2\)"):
        dice(nothing, nothing[:1])


def test_each_level_is_the_mean_of_the_level_before():
    scores = [
        score("A/g/m/x/0", "s1", 10),
        score("A/g/m/x/0", "s2", 30),  # label 20
        score("A/g/m/y/0", "s1", 60),  # label 60, task 40
        score("A/g/m/x/2", "s1", 80),  # another axis, another task: dataset 60
        score("B/g/m/x/0", "s1", 0),
    ]
    found = averages(scores)
    assert {name: mean.dice for name, mean in found.labels.items()} == {
        "A/g/m/x/0": 20, "A/g/m/y/0": 60, "A/g/m/x/2": 80, "B/g/m/x/0": 0
    }  # fmt: skip
    assert {name: mean.dice for name, mean in found.tasks.items()} == {"A/g/m/0": 40, "A/g/m/2": 80, "B/g/m/0": 0}
    assert {name: mean.dice for name, mean in found.datasets.items()} == {"A": 60, "B": 0}
    assert found.all == Mean(30, 0, 30, 30)
    with pytest.raises(ValueError, match="no scores"):
        averages([])


def test_datasets_in_one_row_of_the_paper_count_as_one():
    scores = [score(f"{name}/g/m/x/0", "s", value) for name, value in (("A", 20), ("B", 60), ("C", 80))]
    found = averages(scores, paper_rows={"A": "both", "B": "both", "C": "another"})
    assert found.paper_rows == {"both": Mean(40, 0, 40, 40)}
    assert found.all == Mean(60, 0, 60, 60)
    assert list(found.datasets_and_rows) == ["A", "B", "C", "both"]


def test_the_standard_deviation_is_the_standard_error_of_the_subjects():
    values = np.linspace(0, 100, 40)
    found = averages([score("A/g/m/x/0", f"s{n}", v) for n, v in enumerate(values)], 4000)
    assert found.all.standard_deviation == pytest.approx(values.std() / 40**0.5, rel=0.05)


def test_the_draws_of_a_seed_do_not_change():
    scores = [score("A/g/m/x/0", f"s{n}", value) for n, value in enumerate([10, 50, 60, 90])]
    assert averages(scores, 5, seed=1).all.standard_deviation == pytest.approx(12.509996)


def test_frames_of_a_subject_are_drawn_together():
    values = np.linspace(0, 100, 20)
    one = [score("A/g/m/x/0", f"s{n}", v) for n, v in enumerate(values)]
    frames = [score("A/g/m/x/0", f"s{n}@{frame}", v) for n, v in enumerate(values) for frame in range(9)]
    assert averages(frames, 500).all.standard_deviation == pytest.approx(averages(one, 500).all.standard_deviation)


def test_labels_of_a_task_share_the_draw_and_tasks_do_not():
    values = np.linspace(0, 100, 20)
    one = averages([score("A/g/m/x/0", f"s{n}", v) for n, v in enumerate(values)], 2000).all.standard_deviation

    def sd(second):
        keys = ("A/g/m/x/0", second)
        return averages([score(k, f"s{n}", v) for k in keys for n, v in enumerate(values)], 2000).all.standard_deviation

    assert sd("A/g/m/y/0") == pytest.approx(one)  # both labels have the same subjects
    assert sd("A/g/m/x/1") == pytest.approx(one / 2**0.5, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 4), st.floats(0, 100)), min_size=1, max_size=12))
def test_means_stay_within_the_scores(rows):
    """If a bootstrap sample has no subject with a label, the label is left out. It must not count as 0."""
    scores = [score(f"A/g/m/{label}/0", f"s{n}", value) for label, n, value in rows]
    found = averages(scores, 50)
    low, high = min(s.dice for s in scores), max(s.dice for s in scores)
    assert low - 1e-9 <= found.all.dice <= high + 1e-9
    assert 0 <= found.all.standard_deviation <= (high - low) / 2 + 1e-9
    assert found == averages(scores, 50)
