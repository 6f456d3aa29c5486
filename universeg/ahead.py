"""Make the next things in the background while the last one is in use. No torch here."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

AHEAD = 4
T = TypeVar("T")


def ahead(make: Callable[[int], T], numbers: Iterable[int], threads: int = 1, depth: int = AHEAD) -> Generator[T]:
    """`make(number)` for each number in order, made by threads of which each is at most `depth` ahead."""
    left = iter(numbers)
    with ThreadPoolExecutor(threads, "ahead") as pool:
        waiting = deque(pool.submit(make, number) for number in islice(left, threads * depth))
        try:
            while waiting:
                made = waiting.popleft().result()
                waiting.extend(pool.submit(make, number) for number in islice(left, 1))
                yield made
        finally:
            pool.shutdown(cancel_futures=True)
