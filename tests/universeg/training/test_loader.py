"""Data loading: order, prefetching, threads and processes, and how the worker processes end."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing import active_children

import numpy as np
import pytest
from runs import command, rows, wait_for

from universeg.training.checkpoint import checkpoints
from universeg.training.episode_source import EpisodeSource
from universeg.training.loader import StepLoader, load_steps, prefetch


def test_prefetch_keeps_the_order_and_raises_errors_of_the_pool():
    def make(number):
        return 1 // (5 - number)

    found = prefetch(make, range(9), ThreadPoolExecutor(2), depth=2)
    assert [next(found) for _ in range(5)] == [0, 0, 0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_prefetch_works_in_the_background_up_to_its_depth():
    made = {number: threading.Event() for number in range(9)}
    pool = ThreadPoolExecutor(1)
    found = prefetch(lambda number: made[number].set(), range(9), pool, depth=2)
    next(found)
    assert made[2].wait(30), "while one is in use, the next two are made"
    pool.submit(lambda: None).result()  # the pool has nothing left to do
    assert not made[3].is_set()
    found.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(lambda: None)


@pytest.fixture
def mixed(config):
    """Half of the episodes from stores, half synthetic."""
    return replace(config, synthetic=("nested",), size=16, support_size=3, least_support_size=1, batch_size=2)


def test_an_episode_is_the_same_after_transfer_between_processes(mixed):
    before = EpisodeSource(mixed).draw(1, 0, 3)[0]
    sent = pickle.dumps(before)
    after = pickle.loads(sent)
    assert (after.task, after.query) == (before.task, before.query)
    for name in ("images", "masks"):
        np.testing.assert_array_equal(getattr(after.pixels, name), getattr(before.pixels, name))
    pixels = before.pixels
    assert len(sent) < pixels.images.nbytes + pixels.masks.nbytes / 2, "masks are sent as bits"


@pytest.mark.slow
def test_processes_make_the_same_episodes_as_threads_and_a_killed_one_ends_the_run(mixed):
    load = StepLoader(EpisodeSource(mixed), range(2))
    one, several = (load_steps(load, replace(mixed, loaders=loaders), range(1, 100_000)) for loaders in (1, 2))
    with closing(one), closing(several):
        for step in range(1, 7):
            alone, together = next(one), next(several)
            assert len(active_children()) == 2
            assert [(each.task, each.query) for each in alone] == [(each.task, each.query) for each in together]
            for each, other in zip(alone, together, strict=True):
                np.testing.assert_array_equal(each.pixels.images, other.pixels.images, err_msg=f"step {step}")
                np.testing.assert_array_equal(each.pixels.masks, other.pixels.masks, err_msg=f"step {step}")
        active_children()[0].kill()
        with pytest.raises(ValueError, match=r"one of the 2 data-loading processes was killed.*fewer --loaders"):
            for _ in several:
                pass
        assert not active_children()


def test_loaders_of_stores_alone_are_threads(mixed):
    stores = replace(mixed, synthetic=(), loaders=2)
    episodes = load_steps(StepLoader(EpisodeSource(stores), range(2)), stores, range(1, 7))
    next(episodes)
    assert not active_children()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("loader")]
    episodes.close()


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), pytest.param(signal.SIGINT, marks=pytest.mark.weekly)],
)
def test_a_signal_to_all_processes_still_saves(config, number):
    """Clusters and terminals send signals to all processes."""
    config = replace(config, steps=100_000, checkpoint_every=100_000, validate_every=100_000)
    extra = ["--synthetic", "nested", "--loaders", "2", "--size", "16", "--dev-episodes", "1"]
    words = [sys.executable, "-m", "universeg", "train", *command(config, *extra)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: rows(config, "loss"), process)
    os.killpg(process.pid, number)
    words = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, words
    (path,) = checkpoints(config.out)
    step = int(path.stem[5:])
    assert step == rows(config, "loss")[-1][0]
    assert f"stopped by {signal.Signals(number).name}, saved after step {step}" in words
