"""Which episodes are drawn for training and validation."""

from collections import Counter

import pytest

from universeg.base.rng import rng_for
from universeg.episodes.episode import Episode
from universeg.episodes.sampling import Hierarchy, Sampler, dev_episodes, support_size_of, training_tasks
from universeg.episodes.task_stores import TaskStores
from universeg.store import subject_of


@pytest.fixture
def stores(stores_folder):
    return TaskStores([stores_folder])


def test_held_out_stores_are_listed_and_never_drawn(stores):
    tasks = training_tasks(stores)
    assert sorted(tasks.pools) == ["One/g/m/a/0", "One/g/m/b/0", "Two/g/m/c/0"]
    assert tasks.left_out == ("datasets that are held out: Kept",)
    sampler = Sampler(tasks.pools, 0)
    assert {sampler.episode(step, 0, 3).task for step in range(60)} == set(tasks.pools)


def test_only_held_out_stores_are_refused(stores_folder):
    with pytest.raises(
        ValueError, match=r"there is no task to train on; left out:\n  datasets that are held out: Kept"
    ):
        training_tasks(TaskStores([stores_folder / "Kept.lmdb"]))


def test_tasks_are_chosen_by_pattern(stores):
    assert list(training_tasks(stores, ["One/*"], ["*/b/0"]).pools) == ["One/g/m/a/0"]
    assert "2 tasks by --tasks and --exclude-tasks" in training_tasks(stores, ["One/*"], ["*/b/0"]).left_out
    with pytest.raises(ValueError, match=r"no task matches the pattern 'Kept/\*'.*for example One/g/m/a/0"):
        training_tasks(stores, ["Kept/*"])


def test_tasks_with_one_subject_are_left_out_and_counted(tmp_path, make_store):
    make_store(tmp_path, "Alone", splits=["support", "dev", "test"], frames=3)
    make_store(tmp_path, "Pair", splits=["support", "support", "test"])
    tasks = training_tasks(TaskStores([tmp_path]))
    assert sorted(tasks.pools) == ["Pair/g/m/a/0", "Pair/g/m/b/0"]
    assert tasks.left_out == ("2 tasks with fewer than 2 subjects in their support split",)


def test_the_query_and_its_frames_are_never_in_the_support(tmp_path, make_store):
    make_store(tmp_path, "Frames", frames=3)
    stores = TaskStores([tmp_path])
    sampler = Sampler(training_tasks(stores).pools, 0)
    for step in range(40):
        episode = sampler.episode(step, 0, 40)
        assert subject_of(episode.query) not in set(map(subject_of, episode.support))
        names = {episode.query, *episode.support}
        assert names <= set(stores.of(episode.task).subjects(episode.task, "support", episode.slicing))
        assert len(set(episode.support)) < 40, "40 draws from fewer names need replacement"
    with pytest.raises(ValueError, match="contains the subject of the query 's1@0'; take images"):
        Episode("D/g/m/a/0", "mid", "s1@0", ("s1@2",))
    with pytest.raises(ValueError, match="the support set of the query 's1@0' is empty"):
        Episode("D/g/m/a/0", "mid", "s1@0", ())


def test_an_episode_depends_on_seed_step_and_item_alone(stores):
    pools = training_tasks(stores).pools
    wanted = [(step, item) for step in range(5) for item in range(3)]
    forward = {key: Sampler(pools, 1).episode(*key, 4) for key in wanted}
    shuffled = dict(reversed(pools.items()))
    sampler = Sampler(shuffled, 1)
    assert {key: sampler.episode(*key, 4) for key in reversed(wanted)} == forward
    assert len(set(forward.values())) > 10
    assert Sampler(pools, 2).episode(0, 0, 4) != forward[0, 0]


def test_each_stage_is_uniform():
    keys = [f"Big/g/m/l{n}/{axis}" for n in range(9) for axis in (0, 1)] + ["Small/g/m/l/0", "Small/g/n/l/0"]
    hierarchy = Hierarchy(keys)
    drawn = [hierarchy.draw(rng_for("test", n)).split("/") for n in range(4000)]
    shares = {"Big": 0.5, "Small": 0.5}
    for dataset, share in shares.items():
        assert sum(d[0] == dataset for d in drawn) / 4000 == pytest.approx(share, abs=0.03)
    assert sum(d[2] == "n" for d in drawn) / 4000 == pytest.approx(0.25, abs=0.03)
    assert sum(d[0] == "Big" and d[4] == "1" for d in drawn) / 4000 == pytest.approx(0.25, abs=0.03)
    assert min(Counter(d[3] for d in drawn if d[0] == "Big").values()) > 2000 / 9 * 0.75
    assert {hierarchy.draw(rng_for(n), "Small").split("/")[0] for n in range(20)} == {"Small"}


def test_the_axis_is_drawn_before_the_label():
    hierarchy = Hierarchy(["D/g/m/a/0", "D/g/m/a/1", "D/g/m/b/1", "D/g/m/c/1"])
    drawn = [hierarchy.draw(rng_for("test", n)) for n in range(2000)]
    assert drawn.count("D/g/m/a/0") / 2000 == pytest.approx(1 / 2, abs=0.04)  # label first: 1/6
    assert drawn.count("D/g/m/b/1") / 2000 == pytest.approx(1 / 6, abs=0.03)  # label first: 1/3


def test_support_sizes_are_log_uniform():
    drawn = Counter(support_size_of(0, step, 1, 63) for step in range(6000))
    assert min(drawn) == 1
    assert max(drawn) == 63
    for octave in range(6):
        share = sum(drawn[n] for n in range(2**octave, 2 ** (octave + 1))) / 6000
        assert share == pytest.approx(1 / 6, abs=0.02), octave
    assert {support_size_of(0, step, 8, 8) for step in range(200)} == {8}
    assert support_size_of(0, 5, 1, 63) == support_size_of(0, 5, 1, 63)


def test_the_slicings_of_a_task_are_equally_likely(stores):
    sampler = Sampler(training_tasks(stores).pools, 0)
    drawn = Counter((e.task[:3], e.slicing) for e in (sampler.episode(n, 0, 2) for n in range(1000)))
    assert drawn.keys() == {("One", "mid"), ("One", "max"), ("Two", "mid")}
    share = drawn["One", "max"] / (drawn["One", "max"] + drawn["One", "mid"])
    assert share == pytest.approx(1 / 2, abs=0.08)


def test_the_draws_of_a_seed_do_not_change(stores):
    """Another draw would change published numbers, and a resumed run would see other episodes."""
    tasks = list(training_tasks(stores).pools)
    training = Sampler(training_tasks(stores).pools, 0).episode(3, 1, 4)
    assert training == Episode("One/g/m/a/0", "max", "s0", ("s4", "s1", "s2", "s2"))
    (dev,) = dev_episodes(stores, tasks, 1, 4, 0)
    assert dev == Episode("One/g/m/a/0", "mid", "s6", ("s4", "s5", "s1", "s2"))
    assert [support_size_of(0, step, 1, 64) for step in range(6)] == [30, 12, 4, 4, 44, 18]


def test_dev_episodes_are_fixed_and_cover_the_datasets(stores):
    keys = list(training_tasks(stores).pools)
    found = dev_episodes(stores, keys, 64, 5, 0)
    assert found == dev_episodes(stores, keys, 64, 5, 0)
    assert {(e.task, e.query) for e in found} == {(key, query) for key in keys for query in ("s6", "s7")}
    assert {name for e in found for name in e.support} <= {f"s{n}" for n in range(6)}
    assert {e.task[:3] for e in dev_episodes(stores, keys, 2, 5, 0)} == {"One", "Two"}
    assert {e.slicing for e in found} == {"mid"}


def test_without_a_dev_split_there_are_no_dev_episodes(tmp_path, make_store):
    make_store(tmp_path, "NoDev", splits=["support"] * 3)
    stores = TaskStores([tmp_path])
    assert dev_episodes(stores, list(training_tasks(stores).pools), 64, 5, 0) == []


def test_the_digest_follows_tasks_and_subjects(stores, tmp_path, make_store):
    assert training_tasks(stores).digest() == training_tasks(stores).digest()
    assert training_tasks(stores, ["One/*"]).digest() != training_tasks(stores).digest()
    make_store(tmp_path, "One", splits=["support"] * 7 + ["dev"])
    assert training_tasks(TaskStores([tmp_path])).digest() != training_tasks(stores, ["One/*"]).digest()
