"""Which queries are segmented, and with which support sets."""

from collections import Counter

import pytest

from universeg.episodes.sampling import training_tasks
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.protocol import evaluation_set, query_episodes

TASK = "Kept/g/m/a/0"


@pytest.fixture
def stores(stores_folder):
    return TaskStores([stores_folder])


@pytest.fixture
def kept(stores):
    return stores.by_dataset["Kept"]


def test_the_queries_are_those_of_the_split(stores, kept):
    for split in ("test", "dev"):
        found = evaluation_set(stores, [], ["*"], split)
        assert found.queries == {task: kept.subjects(task, split) for task in ("Kept/g/m/a/0", "Kept/g/m/b/0")}
        assert found.left_out == []


def test_tasks_are_chosen_by_dataset_and_pattern(stores):
    assert list(evaluation_set(stores, ["Two", "Kept"], ["*/c/0", "Kept/*/b/*"]).queries) == [
        "Two/g/m/c/0",
        "Kept/g/m/b/0",
    ]
    with pytest.raises(ValueError, match="no task matches the pattern 'One/"):
        evaluation_set(stores, ["Two"], ["One/*"])
    with pytest.raises(ValueError, match="unknown dataset 'Foo'; known: Kept, One, Two"):
        evaluation_set(stores, ["Foo"], ["*"])


def test_without_held_out_stores_a_dataset_must_be_named(stores_folder):
    with pytest.raises(ValueError, match=r"there are only One; name the datasets.*--datasets"):
        evaluation_set(TaskStores([stores_folder / "One.lmdb"]), [], ["*"])


def test_tasks_without_queries_or_support_are_listed(tmp_path, make_store):
    make_store(tmp_path, "Full", role="held-out")
    make_store(tmp_path, "NoQuery", role="held-out", splits=["support"] * 3, labels=("a",))
    make_store(tmp_path, "NoSupport", role="held-out", splits=["test"] * 3, labels=("a",))
    stores = TaskStores([tmp_path])
    found = evaluation_set(stores, [], ["*"])
    assert list(found.queries) == ["Full/g/m/a/0", "Full/g/m/b/0"]
    assert found.left_out == ["NoQuery/g/m/a/0", "NoSupport/g/m/a/0"]
    with pytest.raises(ValueError, match="none of 1 tasks has middle slices in both the test and the support split"):
        evaluation_set(stores, ["NoQuery"], ["*"])


def test_only_middle_slices_are_queries(tmp_path, make_store):
    make_store(tmp_path, "MaxOnly", role="held-out", slicings=("max",))
    with pytest.raises(ValueError, match="none of 2 tasks has middle slices"):
        evaluation_set(TaskStores([tmp_path]), [], ["*"])


def test_the_support_sets_of_a_seed_do_not_change(kept):
    """Another draw would change published numbers."""
    first, second = query_episodes(kept, TASK, "s8@0", 3, 2, 0)
    assert first.support == ("s0@0", "s2@0", "s3@0")
    assert second.support == ("s1@0", "s0@1", "s0@1")
    assert {(e.task, e.slicing, e.query) for e in (first, second)} == {(TASK, "mid", "s8@0")}


def test_support_sets_are_drawn_with_replacement_from_the_whole_support_split(kept):
    names = kept.subjects(TASK, "support")
    assert len(names) == 12
    episodes = query_episodes(kept, TASK, "s8@0", 12, 100, 0)
    counts = Counter(name for episode in episodes for name in episode.support)
    assert sorted(counts) == names
    assert min(counts.values()) > 60, "each name is drawn 100 times on average"
    assert all(len(set(episode.support)) < 12 for episode in episodes), "12 of 12 without a repetition: 5 in 100,000"


def test_every_query_task_size_and_seed_has_its_own_support_sets(kept):
    def drawn(task=TASK, query="s8@0", size=6, seed=0):
        return [episode.support for episode in query_episodes(kept, task, query, size, 3, seed)]

    others = [drawn(query="s9@0"), drawn(query="s8@1"), drawn(task="Kept/g/m/b/0"), drawn(seed=1)]
    everything = [support for supports in (drawn(), *others) for support in supports]
    assert len(set(everything)) == len(everything)
    assert [support[:5] for support in drawn()] != drawn(size=5)


def test_the_number_of_support_sets_does_not_change_the_first_ones(kept):
    assert query_episodes(kept, TASK, "s8@0", 3, 5, 0)[:2] == query_episodes(kept, TASK, "s8@0", 3, 2, 0)


def test_an_extra_dataset_is_evaluated_only_if_it_is_named(tmp_path, make_store):
    make_store(tmp_path, "Kept", role="held-out", labels=("a",))
    make_store(tmp_path, "More", role="extra", labels=("a",))
    stores = TaskStores([tmp_path])
    assert list(evaluation_set(stores, [], ["*"]).queries) == ["Kept/g/m/a/0"]
    assert list(evaluation_set(stores, ["More"], ["*"]).queries) == ["More/g/m/a/0"]
    with pytest.raises(ValueError, match="datasets that are held out: Kept, More"):
        training_tasks(stores)
