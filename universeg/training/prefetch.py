"""Make the next things in the background while the last one is in use. No torch here."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def ahead(make: Callable[[int], T], numbers: Iterable[int], pool: Executor, depth: int) -> Generator[T]:
    """`make(number)` for each number in order, made in a pool, which ends with it, at most `depth` numbers ahead."""
    left = iter(numbers)
    with pool:
        waiting = deque(pool.submit(make, number) for number in islice(left, depth))
        try:
            while waiting:
                made = waiting.popleft().result()
                waiting.extend(pool.submit(make, number) for number in islice(left, 1))
                yield made
        finally:
            pool.shutdown(cancel_futures=True)
