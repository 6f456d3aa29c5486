"""The stage `catalogue`: a table with one row per task of all stores, with images, subjects, splits and mask areas."""

from pathlib import Path

import numpy as np

from universeg.base.atomic_write import atomic_write
from universeg.store import SPLITS, Store, Task, subject_of

COLUMNS = (
    *("task", "dataset", "group", "modality", "label", "axis", "role", "licence"),
    *("mid", "max"),  # images with a middle slice, with a largest slice
    "subjects",  # persons or specimens that these images are of
    *SPLITS,  # images in each split
    *("area_min", "area_median", "area_max"),  # of the masks, as shares of the image
)


def catalogue(stores: tuple[Path, ...], out: Path) -> None:
    """Write a table with one row per task of all stores: images, subjects, splits, mask areas.

    Args:
        stores: The stores, in the order of the rows.
        out: The CSV to write.
    """
    import pandas as pd

    opened = [Store(path) for path in stores]
    table = pd.DataFrame([task_row(store, key) for store in opened for key in store.tasks], columns=COLUMNS)
    with atomic_write(out) as part:
        table.to_csv(part, index=False, lineterminator="\n")


def task_row(store: Store, key: str) -> tuple[str | int | float, ...]:
    """The values of COLUMNS for one task. Areas are those of the middle slices, or of the largest if there are none."""
    task, middle, largest = Task.parse(key), store.areas(key, "mid"), store.areas(key, "max")
    shares = np.array(list((middle or largest).values())) / store.header["size"] ** 2
    return (
        *(key, task.dataset, task.group, task.modality, task.label, task.axis),
        *(store.header["role"], store.header["licence"]["name"] or "unknown"),
        *(len(middle), len(largest)),
        len({subject_of(name) for name in (*middle, *largest)}),
        *(len(store.subjects(key, name)) for name in SPLITS),
        *(round(float(share), 5) for share in (shares.min(), np.median(shares), shares.max())),
    )
