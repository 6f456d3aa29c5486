import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing import active_children

import numpy as np
import pytest
from runs import command, rows, wait_for

from universeg.training.checkpoint import checkpoints
from universeg.training.episode_source import EpisodeSource
from universeg.training.loader import Loading, loaded
from universeg.training.prefetch import ahead


def test_what_is_made_ahead_comes_in_order_and_errors_come_through():
    made = []

    def make(number):
        made.append(number)
        return 1 // (5 - number)

    found = ahead(make, range(9), ThreadPoolExecutor(1), depth=2)
    assert next(found) == 0
    assert max(made) <= 3
    assert [next(found) for _ in range(4)] == [0, 0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)
    closed = ahead(make, range(9), ThreadPoolExecutor(1), depth=2)
    next(closed)
    closed.close()


@pytest.fixture
def mixed(config):
    """Half stores, half synthetic tasks."""
    return replace(config, synthetic=("nested",), size=16, support_size=3, least_support_size=1, batch_size=2)


def drawn_by(config, loaders, steps=range(1, 7)):
    config = replace(config, loaders=loaders)
    with closing(loaded(Loading(EpisodeSource(config), range(2)), config, steps)) as episodes:
        return list(episodes)


def test_an_episode_survives_the_way_between_processes(mixed):
    before = EpisodeSource(mixed).draw(1, 0, 3)
    sent = pickle.dumps(before)
    after = pickle.loads(sent)
    assert (after.task, after.query) == (before.task, before.query)
    for name in ("images", "masks"):
        np.testing.assert_array_equal(getattr(after.pixels, name), getattr(before.pixels, name))
    pixels = before.pixels
    assert len(sent) < pixels.images.nbytes + pixels.masks.nbytes / 2, "masks travel as bits"


@pytest.mark.slow
def test_threads_and_processes_make_the_same_episodes(mixed):
    one, several = drawn_by(mixed, 1), drawn_by(mixed, 2)
    assert not active_children()
    assert len(one) == len(several) == 6
    for alone, together in zip(one, several, strict=True):
        assert [(each.task, each.query) for each in alone] == [(each.task, each.query) for each in together]
        for each, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(each.pixels.images, other.pixels.images)
            np.testing.assert_array_equal(each.pixels.masks, other.pixels.masks)


def test_loaders_of_stores_alone_are_threads(mixed):
    stores = replace(mixed, synthetic=(), loaders=2)
    episodes = loaded(Loading(EpisodeSource(stores), range(2)), stores, range(1, 7))
    next(episodes)
    assert not active_children()
    episodes.close()


@pytest.mark.slow
def test_a_loader_that_is_killed_ends_the_run_with_what_to_do(mixed):
    with closing(
        loaded(Loading(EpisodeSource(mixed), range(2)), replace(mixed, loaders=2), range(1, 100_000))
    ) as episodes:
        next(episodes)
        active_children()[0].kill()
        with pytest.raises(ValueError, match=r"one of the 2 processes that make episodes was killed.*fewer --loaders"):
            for _ in episodes:
                pass


def group_is_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def started(config):
    words = [sys.executable, "-m", "universeg", "train", *command(config, "--synthetic", "nested", "--loaders", "2")]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: (config.out / "metrics.jsonl").exists() and rows(config, "loss"), process)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_processes_still_saves(config, number):
    """As clusters and terminals send them."""
    config = replace(config, steps=100_000, checkpoint_every=100_000, validate_every=100_000)
    process = started(config)
    os.killpg(process.pid, number)
    words = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, words
    (path,) = checkpoints(config.out)
    assert f"saved after step {int(path.stem[5:])}" in words


@pytest.mark.slow
def test_loaders_end_with_a_training_that_was_killed(config):
    process = started(replace(config, steps=100_000, checkpoint_every=100_000, validate_every=100_000))
    process.kill()
    process.communicate()  # also until the loaders have let go of its stderr
    until = time.monotonic() + 30
    while group_is_there(process.pid):
        assert time.monotonic() < until, "a loader is left over"
        time.sleep(0.05)
