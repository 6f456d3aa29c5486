"""The episodes of the next steps, made by several loaders while the network learns from the last."""

import os
import signal
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread, Timer
from types import FrameType

from universeg.episodes.episode import LoadedEpisode
from universeg.training.config import TrainConfig
from universeg.training.episode_source import EpisodeSource
from universeg.training.prefetch import ahead

AHEAD = 4  # steps for each loader; they take unequal time
GRACE = 5  # seconds in which a loader that is told to end finishes the step at hand


@dataclass(frozen=True)
class Loading:
    """What a step learns from: some items of its batch."""

    source: EpisodeSource
    items: Sequence[int]

    def __call__(self, step: int, support_size: int = 0) -> list[LoadedEpisode]:
        """The episodes of a step, with the N of the step if none is given."""
        size = support_size or self.source.support_size(step)
        return [self.source.draw(step, item, size) for item in self.items]


def loaded(loading: Loading, config: TrainConfig, steps: Iterable[int]) -> Generator[list[LoadedEpisode]]:
    """The episodes of each step in order. Close it to end the loaders.

    Several loaders are processes where there are synthetic tasks: those are made in many small pieces, between which
    threads wait for each other. Reading stores hardly waits, and threads need not send what they read to another
    process. Raises ValueError if a process is killed.
    """
    depth = AHEAD * config.loaders
    if config.loaders == 1 or not config.synthetic:
        yield from ahead(loading, steps, ThreadPoolExecutor(config.loaders, "loader"), depth)
        return
    # Spawned, not forked: the process that learns has threads, and maybe a GPU, of which a fork gets half.
    pool = ProcessPoolExecutor(config.loaders, get_context("spawn"), _begin, (config, loading.items))
    try:
        yield from ahead(_load, steps, pool, depth)
    except BrokenProcessPool as error:
        raise ValueError(
            f"one of the {config.loaders} processes that make episodes was killed or could not start; if memory ran"
            " out, try fewer --loaders, and the same command goes on after the last checkpoint; in a script of yours,"
            ' call train() under if __name__ == "__main__":'
        ) from error


_loading: Loading  # of a process that makes episodes


def _begin(config: TrainConfig, items: Sequence[int]) -> None:
    global _loading
    # Ctrl-C, and SIGTERM of a cluster, may reach every process; the one that learns still needs its step, to save it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_soon)
    Thread(target=_end_with_parent, daemon=True).start()
    _loading = Loading(EpisodeSource(config), items)


def _end_soon(number: int, frame: FrameType | None) -> None:
    """Also what a pool waits for that has lost another of its processes."""
    soon = Timer(GRACE, os._exit, (1,))
    soon.daemon = True
    soon.start()


def _end_with_parent() -> None:
    """If that one is killed, nobody else ends this one."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _load(step: int) -> list[LoadedEpisode]:
    return _loading(step)
