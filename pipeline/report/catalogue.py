"""One row per task over any number of stores: how many subjects, which splits, how large the masks. No torch here."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from universeg.base.atomic_write import atomic_write
from universeg.store import SPLITS, Store, Task


@dataclass(frozen=True)
class TaskSummary:
    """A task as its store describes it; areas are shares of the image, over middle slices (largest, if none)."""

    task: str
    dataset: str
    group: str
    modality: str
    label: str
    axis: int
    role: str
    licence: str
    mid: int
    max: int
    support: int
    dev: int
    test: int
    area_min: float
    area_median: float
    area_max: float


def rows(stores: Iterable[Store]) -> Iterator[TaskSummary]:
    """The tasks of all stores, in the order given."""
    for store in stores:
        for key in store.tasks:
            yield _row(store, key)


def _row(store: Store, key: str) -> TaskSummary:
    task, middle, largest = Task.parse(key), store.areas(key, "mid"), store.areas(key, "max")
    shares = np.array(list((middle or largest).values())) / store.header["size"] ** 2
    support, dev, test = (len(store.subjects(key, name)) for name in SPLITS)
    return TaskSummary(
        key,
        task.dataset,
        task.group,
        task.modality,
        task.label,
        task.axis,
        store.header["role"],
        store.header["licence"]["name"] or "unknown",
        len(middle),
        len(largest),
        support,
        dev,
        test,
        *(round(float(share), 5) for share in (shares.min(), np.median(shares), shares.max())),
    )


def write(path: Path, table: Iterable[TaskSummary]) -> None:
    """Write rows as CSV."""
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(TaskSummary)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in table)


def catalogue(stores: tuple[Path, ...], out: Path) -> None:
    """Write one row per task over all stores: subjects, splits, mask areas.

    Args:
        stores: The stores.
        out: The CSV.
    """
    write(out, rows(Store(path) for path in stores))
