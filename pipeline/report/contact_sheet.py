"""A contact sheet of one dataset, so that a person can see whether orientation and labels are right."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Panel, outlined
from universeg.base.contact_sheet import sheet as sheet_of
from universeg.store import Pixels, Store, Task

T = TypeVar("T")
MOST_ROWS, COLUMNS = 16, 6
VIEWS = ("sagittal, front to the right", "coronal, patient's right to the right", "axial, patient's right to the right")


def sheet(store: Path, out: Path) -> None:
    """Draw a contact sheet of a store: images with the outlines of their labels.

    Args:
        store: The store.
        out: The PNG.
    """
    draw(Store(store), out)


def draw(store: Store, path: Path) -> None:
    """Rows are a group's modalities and axes, columns subjects spread over the dataset, outlines the labels."""
    tasks = [Task.parse(key) for key in store.tasks]
    views = sorted({(task.group, task.modality, task.axis) for task in tasks})
    labels = list(dict.fromkeys(task.label for task in tasks))
    rows = [_row(store, labels, [t for t in tasks if (t.group, t.modality, t.axis) == view]) for view in _spread(views)]
    left_out = f"; {len(rows)} of {len(views)} views" if len(rows) < len(views) else ""
    title = f"{store.header['dataset']}: {store.header['title']}{left_out}"
    with atomic_write(path) as part:
        sheet_of(rows, title, labels).save(part, format="png")


def _row(store: Store, labels: Sequence[str], tasks: Sequence[Task]) -> list[Panel]:
    """One view of up to COLUMNS subjects; a label that a subject lacks is not drawn."""
    members = {task.label: set(store.subjects(task.key)) for task in tasks}
    is_volume = bool(store.subjects(tasks[0].key, slicing="max"))  # 3-D scans have largest slices too
    panels = []
    for subject in _spread(sorted(set().union(*members.values())), COLUMNS):
        masks = {label: np.zeros((0, 0), bool) for label in labels}
        for task in tasks:
            if subject in members[task.label]:
                images, inside = store.read(task.key, [subject])
                image, masks[task.label] = _upright(images[0], is_volume), _upright(inside[0], is_volume).astype(bool)
        masks = {label: mask if mask.size else np.zeros(image.shape, bool) for label, mask in masks.items()}
        caption = f"{tasks[0].group} {tasks[0].modality} {subject}\n{VIEWS[tasks[0].axis] if is_volume else ''}"
        panels.append(Panel(outlined(image, masks), caption))
    return panels


def _upright(pixels: Pixels, is_volume: bool) -> Pixels:
    """A slice of a volume in RAS+ order has its axes as (column, row from below)."""
    return np.rot90(pixels) if is_volume else pixels


def _spread(items: Sequence[T], most: int = MOST_ROWS) -> list[T]:
    chosen = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    return [items[i] for i in chosen]
