"""Levers in an evaluation: which examples they get, and that scores with and without them are kept apart."""

from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from universeg.episodes.levers import Levers
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation import scorer as scoring
from universeg.evaluation.cli import evaluate
from universeg.evaluation.protocol import evaluation_set, query_episodes, support_pool
from universeg.evaluation.tables import notes
from universeg.training.adapt import Adaptation

TASK = "Kept/g/m/a/0"


@pytest.fixture
def stores(stores_folder):
    return TaskStores([stores_folder])


def test_some_queries_of_a_split(stores):
    every = evaluation_set(stores, [], ["*"]).queries[TASK]
    assert len(every) == 4
    for most in (1, 2, 3):
        some = evaluation_set(stores, [], ["*"], most=most).queries[TASK]
        assert len(some) == most
        assert some == sorted(some)
        assert set(some) <= set(evaluation_set(stores, [], ["*"], most=most + 1).queries[TASK])
    assert evaluation_set(stores, [], ["*"], most=9).queries[TASK] == every


def test_a_few_examples_are_the_only_ones_that_support_sets_have(stores):
    store = stores.of(TASK)
    pool = support_pool(store, TASK, 3, seed=0)
    assert len(pool) == 3
    assert set(pool) < set(support_pool(store, TASK, 5, seed=0)) < set(store.subjects(TASK, "support"))
    assert support_pool(store, TASK, 0, seed=0) == store.subjects(TASK, "support")
    assert any(support_pool(store, TASK, 3, seed=seed) != pool for seed in (1, 2))
    drawn = {name for episode in query_episodes(store, TASK, "s8@0", 8, 5, 0, 3) for name in episode.support}
    assert drawn == set(pool)


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, target_image, support_images, support_labels):
        self.calls += 1
        return support_labels.mean(1) - 0.5


def test_levers_are_used_and_their_scores_kept_apart(config, monkeypatch):
    network = Counted()
    monkeypatch.setattr("universeg.evaluation.cli.segmenter", lambda path: network)
    config = replace(config, tasks=("*/a/0",), weights=(Path("mean-mask"),))
    evaluate(config)
    assert network.calls == 4 * 2  # queries, members of the ensemble
    assert evaluate(replace(config, levers=Levers(flips=True))).reused == 0
    assert network.calls == 8 + 4 * 8
    assert evaluate(replace(config, examples=2)).reused == 0
    assert evaluate(replace(config, levers=Levers(flips=True))).reused == 4


@pytest.mark.parametrize("how", ["check", "always"])
def test_networks_are_adapted_to_the_examples_of_each_task(config, monkeypatch, how):
    seen, original = list[tuple[set[str], float, int]](), Counted()

    def adapted(network, examples, settings):
        assert network is original
        seen.append((set(examples.subjects), float(examples.images.max()), settings.size))
        new = nn.Sequential()
        new.forward = lambda query, images, masks: query - 0.5
        return new if how == "always" else Adaptation(new, True, (50.0,), ("trial",), (60.0,))

    monkeypatch.setattr("universeg.evaluation.cli.segmenter", lambda path: original)
    monkeypatch.setattr(scoring, "adapt" if how == "always" else "adapt_if_better", adapted)
    config = replace(config, weights=(Path("mean-mask"),), examples=3, levers=Levers(adapt=how), pictures=2)
    result = evaluate(config)
    store = TaskStores(config.stores).by_dataset["Kept"]
    pools = [support_pool(store, task, 3, config.seed) for task in ("Kept/g/m/a/0", "Kept/g/m/b/0")]
    assert [names for names, _, _ in seen] == [{name.split("@")[0] for name in pool} for pool in pools]
    assert all(0.5 < brightest <= 1 and size == 32 for _, brightest, size in seen)
    assert original.calls == 0
    lines = [line for line in notes(result) if "adapt: 50.0 -> 60.0" in line]
    assert len(lines) == (2 if how == "check" else 0)
