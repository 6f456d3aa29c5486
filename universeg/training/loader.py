"""Data loading: workers make the episodes of the next steps while the network learns from the current ones."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread, Timer
from types import FrameType
from typing import TypeVar

from universeg.episodes.episode import LoadedEpisode
from universeg.training.config import TrainConfig
from universeg.training.episode_source import EpisodeSource
from universeg.training.signals import STOP_SIGNALS, blocked_stop_signals

STEPS_AHEAD = 4  # per worker; more than one, because steps take unequal time
GRACE = 5  # seconds in which a worker process finishes its step after SIGTERM

T = TypeVar("T")


def prefetch(make: Callable[[int], T], numbers: Iterable[int], pool: Executor, depth: int) -> Generator[T]:
    """`make(number)` for each number in order, computed in a pool at most `depth` numbers ahead.

    The pool is shut down at the end, when the generator is closed, and after an error of `make`, which is raised here.
    """
    remaining = iter(numbers)
    with pool:
        futures = deque(pool.submit(make, number) for number in islice(remaining, depth))
        try:
            while futures:
                made = futures.popleft().result()
                futures.extend(pool.submit(make, number) for number in islice(remaining, 1))
                yield made
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class StepLoader:
    """Makes the episodes of a step, for some items of its batch."""

    source: EpisodeSource
    items: Sequence[int]

    def __call__(self, step: int, support_size: int = 0) -> list[LoadedEpisode]:
        """The episodes of a step; `support_size` 0 means the N that is drawn for the step."""
        size = support_size or self.source.support_size(step)
        return self.source.draw_all(step, self.items, size)


def load_steps(load: StepLoader, config: TrainConfig, steps: Iterable[int]) -> Generator[list[LoadedEpisode]]:
    """The episodes of each step in order, prefetched by `config.loaders` workers. Close it to stop the workers.

    The workers are threads. If there are several and synthetic tasks, they are processes: making a synthetic task is
    many small operations, so threads would wait for each other. Reading stores does not have this problem, and threads
    need no transfer between processes. Raises ValueError if a worker process is killed.
    """
    depth = STEPS_AHEAD * config.loaders
    if config.loaders == 1 or not config.synthetic:
        yield from prefetch(load, steps, ThreadPoolExecutor(config.loaders, "loader"), depth)
        return
    # Spawned, not forked: a fork does not copy the threads of this process, nor a usable state of the GPU.
    pool = ProcessPoolExecutor(config.loaders, get_context("spawn"), _start_worker, (config, load.items))
    with blocked_stop_signals():  # a signal in the seconds until a worker has its handlers would kill it
        for _ in range(config.loaders):
            pool.submit(_start)
    try:
        yield from prefetch(_load_in_worker, steps, pool, depth)
    except BrokenProcessPool as error:
        raise ValueError(
            f"one of the {config.loaders} data-loading processes was killed or could not start. If memory ran out, try"
            " fewer --loaders; the same command continues from the last checkpoint. In your own script, call train()"
            ' under if __name__ == "__main__":'
        ) from error


_worker_load: StepLoader  # set in each worker process


def _start_worker(config: TrainConfig, items: Sequence[int]) -> None:
    global _worker_load
    # Ctrl-C, and SIGTERM of a cluster, can reach every process, but the trainer still needs its next step to save.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit_soon)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    Thread(target=_exit_with_parent, daemon=True).start()
    _worker_load = StepLoader(EpisodeSource(config), items)


def _exit_soon(number: int, frame: FrameType | None) -> None:
    """Exit after GRACE seconds. A pool that lost a worker sends SIGTERM to the others and waits until they end."""
    timer = Timer(GRACE, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _exit_with_parent() -> None:
    """Exit when the parent ends: if it is killed, nothing else stops this process."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _start() -> None:
    """A task whose submission makes the pool start one more process."""


def _load_in_worker(step: int) -> list[LoadedEpisode]:
    return _worker_load(step)
