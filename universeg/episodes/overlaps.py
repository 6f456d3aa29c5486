"""Training data that is also in data for evaluation: found from the headers of stores, and left out on request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from universeg.episodes.task_stores import TRAIN, TaskStores
from universeg.store import Store


@dataclass(frozen=True)
class Overlap:
    """A training dataset with scans or persons that a dataset for evaluation has too."""

    dataset: str  # the training dataset
    other: str  # the dataset for evaluation
    shared: str  # known, likely or possible
    what: str
    subjects: tuple[str, ...]  # of the training dataset; empty: any may be

    def __str__(self) -> str:
        part = f"{len(self.subjects)} subjects of " if self.subjects else ""
        return f"{part}{self.dataset} overlap with {self.other} ({self.shared}): {self.what}"


def overlaps(stores: TaskStores, evaluated: Iterable[Store] = ()) -> list[Overlap]:
    """The overlaps of the training stores with datasets that are not for training.

    These are the datasets that the headers say to be held out, those in `stores` with another role, and `evaluated`.
    """
    for_evaluation = {
        store.header["dataset"]: store.header
        for store in (*stores.by_dataset.values(), *evaluated)
        if store.header["role"] != TRAIN or stores.by_dataset.get(store.header["dataset"]) is None
    }
    found = dict[tuple[str, str], Overlap]()
    for name in stores.datasets(TRAIN):
        for entry in stores.by_dataset[name].header.get("overlaps", []):
            kept = entry["role"] not in (TRAIN, None) or entry["dataset"] in for_evaluation
            if kept and entry["dataset"] != name:
                found[name, entry["dataset"]] = _overlap(name, entry["dataset"], entry, entry["subjects"])
        for other, header in for_evaluation.items():
            for entry in header.get("overlaps", []):
                if entry["dataset"] == name:  # only the other dataset says it; its subjects have other names
                    found.setdefault((name, other), _overlap(name, other, entry, ()))
    return list(found.values())


def _overlap(dataset: str, other: str, entry: Mapping[str, Any], subjects: Iterable[str]) -> Overlap:
    return Overlap(dataset, other, entry["shared"], entry["what"], tuple(subjects))
