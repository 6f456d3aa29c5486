from collections import Counter

import numpy as np
import pytest
import torch

from universeg.base.rng import rng_for
from universeg.episodes.episode import Episode, TaskStores
from universeg.episodes.sampling import Hierarchy, Sampler, support_size_of, training_tasks
from universeg.episodes.segment import dev_episodes
from universeg.store import subject_of


@pytest.fixture
def stores(stores_folder):
    return TaskStores([stores_folder])


def test_held_out_stores_are_never_drawn_and_listed(stores):
    tasks = training_tasks(stores)
    assert sorted(tasks.pools) == ["One/g/m/a/0", "One/g/m/b/0", "Two/g/m/c/0"]
    assert tasks.left_out == ("datasets that are held out: Kept",)
    sampler = Sampler(tasks.pools, 0)
    assert {sampler.episode(step, 0, 3).task for step in range(60)} == set(tasks.pools)


def test_only_held_out_stores_are_refused(stores_folder):
    with pytest.raises(
        ValueError, match=r"nothing is left to train on; left out are\n  datasets that are held out: Kept"
    ):
        training_tasks(TaskStores([stores_folder / "Kept.lmdb"]))


def test_tasks_are_chosen_by_pattern(stores):
    assert list(training_tasks(stores, ["One/*"], ["*/b/0"]).pools) == ["One/g/m/a/0"]
    assert "2 tasks by --tasks and --exclude-tasks" in training_tasks(stores, ["One/*"], ["*/b/0"]).left_out
    with pytest.raises(ValueError, match=r"no task fits the pattern 'Kept/\*'.*for example One/g/m/a/0"):
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
        assert len(set(episode.support)) < 40  # with replacement
    with pytest.raises(ValueError, match="others than the query's subject, 's1@0'"):
        Episode("D/g/m/a/0", "mid", "s1@0", ("s1@2",))


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


def test_support_sizes_are_log_uniform():
    drawn = Counter(support_size_of(0, step, 1, 63) for step in range(6000))
    assert min(drawn) == 1
    assert max(drawn) == 63
    for octave in range(6):
        share = sum(drawn[n] for n in range(2**octave, 2 ** (octave + 1))) / 6000
        assert share == pytest.approx(1 / 6, abs=0.02), octave
    assert {support_size_of(0, step, 8, 8) for step in range(200)} == {8}
    assert support_size_of(0, 5, 1, 63) == support_size_of(0, 5, 1, 63)


def test_slicings_are_drawn_where_they_exist(stores):
    sampler = Sampler(training_tasks(stores).pools, 0)
    seen = {(episode.task[:3], episode.slicing) for episode in (sampler.episode(n, 0, 2) for n in range(60))}
    assert seen == {("One", "mid"), ("One", "max"), ("Two", "mid")}


def test_pixels_are_those_of_the_names(stores):
    episodes = [
        Episode("One/g/m/b/0", "max", "s0", ("s1", "s2", "s1")),
        Episode("Two/g/m/c/0", "mid", "s3", ("s4",) * 3),
    ]
    batch = stores.read(episodes)
    assert batch.query.shape == batch.query_mask.shape == (2, 1, 32, 32)
    assert batch.support.shape == batch.support_masks.shape == (2, 3, 1, 32, 32)
    for item, episode in enumerate(episodes):
        images, masks = stores.of(episode.task).read(episode.task, [episode.query, *episode.support], episode.slicing)
        np.testing.assert_array_equal(batch.query[item, 0], images[0])
        np.testing.assert_array_equal(batch.support[item, :, 0], images[1:])
        np.testing.assert_array_equal(batch.support_masks[item, :, 0], masks[1:])
    query, mask, support, _ = batch.on(torch.device("cpu"))
    assert (query.dtype, query.shape, support.shape) == (torch.float32, (2, 1, 32, 32), (2, 3, 1, 32, 32))
    assert 0.5 < query.max() <= 1
    assert set(mask.unique().tolist()) == {0, 1}


def test_larger_stores_are_averaged_down(tmp_path, make_store, stores_folder):
    make_store(tmp_path, "Large", side=64)
    episode = Episode("Large/g/m/a/0", "mid", "s0", ("s1", "s2"))
    whole, half = (TaskStores([tmp_path], size).read([episode]) for size in (64, 32))
    assert half.images.shape == half.masks.shape == (1, 3, 1, 32, 32)
    quarters = whole.images.reshape(1, 3, 1, 32, 2, 32, 2).astype(float).mean((4, 6))
    assert np.abs(half.images - quarters).max() <= 0.5
    np.testing.assert_array_equal(half.masks, whole.masks.reshape(1, 3, 1, 32, 2, 32, 2).mean((4, 6)) >= 0.5)
    assert TaskStores([stores_folder, tmp_path], 32).size == 32  # also beside stores of that size
    with pytest.raises(ValueError, match=r"(?s)48 pixels can be had of stores of 48, 96, .* 64 pixels: .*Large"):
        TaskStores([tmp_path], 48)


def test_stores_that_do_not_belong_together_are_refused(tmp_path, make_store, stores_folder):
    make_store(tmp_path / "a", "Large", side=64)
    with pytest.raises(ValueError, match=r"(?s)one size in all stores.*32 pixels.*64 pixels"):
        TaskStores([stores_folder, tmp_path / "a"])
    make_store(tmp_path / "b", "One")
    with pytest.raises(ValueError, match="are both One; give one of them"):
        TaskStores([stores_folder, tmp_path / "b"])
    assert len(TaskStores([stores_folder, stores_folder / "One.lmdb"]).by_dataset) == 3  # the same file twice is one
    make_store(tmp_path / "c", "Odd", role="rumour")
    with pytest.raises(ValueError, match="role must be train or held-out, got rumour; build the store again"):
        TaskStores([tmp_path / "c"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no store .* in this folder; build one"):
        TaskStores([tmp_path / "empty"])
    with pytest.raises(ValueError, match="give at least one"):
        TaskStores([])


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
