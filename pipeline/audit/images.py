"""The images of several stores: one of each scan and axis, with the person it is of and what that person is for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from universeg.store import Pixels, Store, Task, subject_of

BATCH = 128  # images that are read at once


@dataclass(frozen=True, order=True)
class Person:
    """A subject of a dataset: what a split must not divide."""

    dataset: str
    name: str
    role: str  # of the dataset: train, held-out or extra
    split: str  # support, dev or test

    @property
    def use(self) -> str:
        """What the person's images are for. Networks learn from the support splits of training datasets."""
        if self.role != "train":
            return f"{self.role}, {self.split}"
        return {"support": "training", "dev": "validation"}.get(self.split, self.split)

    def __str__(self) -> str:
        return f"{self.dataset} {self.name} ({self.use})"


@dataclass(frozen=True)
class Seen:
    """One image of a store."""

    store: int  # its number among the stores
    task: str
    subject: str
    slicing: str
    person: Person

    @property
    def name(self) -> str:
        """As `trace` takes it."""
        return f"{self.task}/{self.subject}"


class Images:
    """All images of some stores, by number: the middle slice of each scan and axis, or a largest slice instead."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores = stores
        self.all = [seen for number in range(len(stores)) for seen in self._of(number)]
        self.pixels = lru_cache(maxsize=1024)(self._pixels)

    def person(self, store: Store, subject: str) -> Person:
        """The person that a stored subject is of."""
        name, header = subject_of(subject), store.header
        split = header.get("splits", {}).get(name, "unknown")
        return Person(header["dataset"], name, header.get("role") or "train", split)

    def read(self) -> Iterator[Pixels]:
        """The pixels of all images in order."""
        start = 0
        while start < len(self.all):
            first = self.all[start]
            batch = [first]
            for seen in self.all[start + 1 : start + BATCH]:
                if (seen.store, seen.task, seen.slicing) != (first.store, first.task, first.slicing):
                    break
                batch.append(seen)
            names = [seen.subject for seen in batch]
            yield from self.stores[first.store].read(first.task, names, first.slicing)[0]
            start += len(batch)

    def _of(self, number: int) -> Iterator[Seen]:
        store, known = self.stores[number], set[tuple[str, str, int, str]]()
        for slicing in ("mid", "max"):
            for key in store.tasks:
                task = Task.parse(key)
                for subject in store.areas(key, slicing):
                    view = task.group, task.modality, task.axis, subject
                    if view not in known:
                        known.add(view)
                        yield Seen(number, key, subject, slicing, self.person(store, subject))

    def _pixels(self, number: int) -> Pixels:
        seen = self.all[number]
        pixels: Pixels = self.stores[seen.store].read(seen.task, [seen.subject], seen.slicing)[0][0]
        return pixels
