"""Shared support sets, random subsets without replacement, and ensembles of kept predictions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from universeg.episodes.dice import dice
from universeg.experiments.repetitions import draws_of, ensembles, heat, limited, members, sizes_within

TASK, OTHER_LABEL = "KeptA/g/m/a/0", "KeptA/g/m/b/0"
POOL = [f"s{n}" for n in range(6)]


def test_subsets_have_each_name_once_and_differ():
    draws = draws_of(TASK, POOL, 4, 30, seed=0, replace=False)
    assert all(len(set(draw)) == 4 for draw in draws)
    assert len(set(map(frozenset, draws))) > 5
    assert all(set(draw) == set(POOL) for draw in draws_of(TASK, POOL, 9, 3, seed=0, replace=False))
    assert any(len(set(draw)) < 4 for draw in draws_of(TASK, POOL, 4, 30, seed=0, replace=True))


def test_labels_of_the_same_images_share_their_draws():
    assert draws_of(TASK, POOL, 3, 5, 0, False) == draws_of(OTHER_LABEL, POOL, 3, 5, 0, False)
    assert draws_of(TASK, POOL, 3, 5, 0, False) != draws_of(TASK, POOL, 3, 5, 1, False)
    assert draws_of(TASK, POOL, 3, 5, 0, False)[:2] == draws_of(TASK, POOL, 3, 2, 0, False)


def test_sizes_end_with_the_first_that_takes_the_whole_pool():
    sizes = (1, 2, 4, 8, 16, 32, 64)
    assert sizes_within(sizes, 6) == [1, 2, 4, 8]
    assert sizes_within(sizes, 18) == [1, 2, 4, 8, 16, 32]
    assert sizes_within(sizes, 16) == [1, 2, 4, 8, 16]
    assert sizes_within(sizes, 100) == list(sizes)


def test_members_of_ensembles_are_different_predictions():
    assert members(1, 5, 0) == [[0], [1], [2], [3], [4]]
    groups = members(3, 20, 0)
    assert len(groups) == 20
    assert all(len(set(group)) == 3 and max(group) < 20 for group in groups)
    assert len(set(map(tuple, groups))) > 10


@pytest.fixture
def mean_mask(config):
    """Settings with the baseline whose prediction is the mean of the support masks."""
    return replace(config, weights=("mean-mask",), datasets=("KeptA",), tasks=("KeptA/g/m/a/0",))


def expected_dice(config, query, support):
    """The Dice of the mean mask, as it is kept: in steps of 1/255."""
    store = config.task_stores.of(TASK)
    soft = np.rint(255 * store.read(TASK, support)[1].mean(0).clip(1e-4, 1 - 1e-4))
    return dice(soft > 127.5, store.read(TASK, [query])[1][0] > 0)


def test_limited_examples_are_random_subsets_that_all_queries_share(mean_mask, monkeypatch):
    monkeypatch.setattr(type(mean_mask), "numbers", replace(mean_mask.numbers, size=0, support_sizes=(1, 2, 4, 8)))
    found = limited(mean_mask, "universeg", Path("mean-mask"))["cells"]
    assert [(task, size) for task, size, _ in found] == [("KeptA/g/m/0", size) for size in (1, 2, 4, 8)]
    queries = mean_mask.queries.queries[TASK]
    for _, size, means in found:
        draws = draws_of(TASK, POOL, size, 3, 0, replace=False)
        assert means == pytest.approx([np.mean([expected_dice(mean_mask, q, list(d)) for q in queries]) for d in draws])
    assert np.std(found[0][2]) > 0
    assert np.std(found[-1][2]) == 0, "the whole pool is always the same"


def test_an_ensemble_is_the_thresholded_mean_of_kept_predictions(mean_mask, monkeypatch):
    numbers = replace(mean_mask.numbers, size=0, repetitions=5, ensembles=(1, 3, 9))
    monkeypatch.setattr(type(mean_mask), "numbers", numbers)
    found = ensembles(mean_mask, "universeg", Path("mean-mask"), 5)["means"]
    assert list(found) == [1, 3], "K = 9 needs more than five predictions"
    store, queries = mean_mask.task_stores.of(TASK), mean_mask.queries.queries[TASK]
    soft = [np.rint(255 * store.read(TASK, draw)[1].mean(0)) for draw in draws_of(TASK, POOL, 5, 5, 0, replace=True)]
    truths = store.read(TASK, queries)[1] > 0
    for count in (1, 3):
        expected = [
            np.mean([dice(np.mean([soft[n] for n in group], axis=0) > 127.5, truth) for truth in truths])
            for group in members(count, 5, 0)
        ]
        assert found[count] == pytest.approx(expected)
    assert found[1] != found[3]


def test_heat_averages_repetitions_of_each_row_of_the_paper(config):
    config = replace(config, weights=("mean-mask",))
    found = heat(config, "universeg", Path("mean-mask"), 2)
    assert list(found["datasets"]) == ["Kept", "Other"], "KeptA and KeptB are one row"
    assert heat(replace(config, datasets=("KeptB",)), "universeg", Path("mean-mask"), 2)["datasets"].keys() == {"Kept"}
