"""The stage `sheet`: a contact sheet of one store, to check by eye that orientation and labels are right."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Panel, outlined
from universeg.base.contact_sheet import sheet as contact_sheet
from universeg.store import Pixels, Store, Task

Item = TypeVar("Item")
MOST_ROWS, COLUMNS = 16, 6
VIEWS = (
    "sagittal, front of the patient at the right",
    "coronal, right side of the patient at the right",
    "axial, right side of the patient at the right",
)


def sheet(store: Path, out: Path) -> None:
    """Draw a contact sheet of a store: images with the outlines of their labels.

    Each row is a modality and axis of a group; the columns are subjects from the whole dataset.

    Args:
        store: The store.
        out: The PNG to write.
    """
    opened = Store(store)
    tasks = [Task.parse(key) for key in opened.tasks]
    views = sorted({(task.group, task.modality, task.axis) for task in tasks})
    labels = list(dict.fromkeys(task.label for task in tasks))
    rows = [
        _row(opened, labels, [task for task in tasks if (task.group, task.modality, task.axis) == view])
        for view in evenly(views, MOST_ROWS)
    ]
    shown = f"; {len(rows)} of {len(views)} views" if len(rows) < len(views) else ""
    title = f"{opened.header['dataset']}: {opened.header['title']}{shown}"
    with atomic_write(out) as part:
        contact_sheet(rows, title, labels).save(part, format="png")


def _row(store: Store, labels: Sequence[str], tasks: Sequence[Task]) -> list[Panel]:
    """Up to COLUMNS subjects of one view; a label that a subject does not have is not drawn."""
    members = {task.label: set(store.subjects(task.key)) for task in tasks}
    is_volume = bool(store.subjects(tasks[0].key, slicing="max"))  # only volumes have largest slices
    panels = []
    for subject in evenly(sorted(set().union(*members.values())), COLUMNS):
        masks = {label: np.zeros((0, 0), bool) for label in labels}
        for task in tasks:
            if subject in members[task.label]:
                images, inside = store.read(task.key, [subject])
                image, masks[task.label] = upright(images[0], is_volume), upright(inside[0], is_volume).astype(bool)
        masks = {label: mask if mask.size else np.zeros(image.shape, bool) for label, mask in masks.items()}
        caption = f"{tasks[0].group} {tasks[0].modality} {subject}\n{VIEWS[tasks[0].axis] if is_volume else ''}"
        panels.append(Panel(outlined(image, masks), caption))
    return panels


def upright(pixels: Pixels, is_volume: bool) -> Pixels:
    """The slice as (row, column) for display: that of a volume in RAS+ order has axes (column, row from below)."""
    return np.rot90(pixels) if is_volume else pixels


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, at even distances, with the first and the last."""
    chosen = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    return [items[i] for i in chosen]
