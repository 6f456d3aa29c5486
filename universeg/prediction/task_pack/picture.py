"""The contact sheet of a task pack: every example with the outlines of its labels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.contact_sheet import Panel, outlined, sheet
from universeg.prediction.task_pack.facts import Example
from universeg.prediction.task_pack.pack_file import TaskPack

SIDE, COLUMNS, MOST = 180, 6, 60  # pixels of a panel, panels in a row, examples in the sheet


def contact_sheet(pack: TaskPack) -> Image.Image:
    """The first examples, six in a row; of a volume the slice in which most is labelled."""
    panels = list[Panel]()
    for example in pack.facts.examples[:MOST]:
        grey, labels = shown_slice(pack, example)
        masks = {label.name: labels == label.value for label in pack.facts.labels}
        panels.append(Panel(outlined(grey, masks, SIDE), example.name))
    rows = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    shown = f"first {MOST} of " if len(pack.facts.examples) > MOST else ""
    title = f"{pack.facts.name}: {shown}{len(pack.facts.examples)} examples"
    return sheet(rows, title, [label.name for label in pack.facts.labels])


def shown_slice(pack: TaskPack, example: Example) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grey levels (H, W) from 0 to 255, and label numbers (H, W)."""
    image, labels = pack.grey(example), pack.mask(example)
    values = image.values
    if image.is_volume:
        axis = 2 if pack.settings.axis is None else pack.settings.axis
        areas = np.count_nonzero(np.moveaxis(labels, axis, 0), axis=(1, 2))
        at = int(areas.argmax()) if areas.any() else labels.shape[axis] // 2
        # Axes run from left, back and feet: the head, or the front, is shown up.
        values, labels = (np.rot90(np.take(part, at, axis)) for part in (values, labels))
    low, high = np.percentile(values, (0.5, 99.5))
    grey = np.clip((values - float(low)) * (255 / ((float(high) - float(low)) or 1)), 0, 255)
    return grey.round().astype(np.uint8), np.ascontiguousarray(labels)
