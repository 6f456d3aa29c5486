"""Write a task store, completely or not at all."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import lmdb
import msgpack
import numpy as np

from universeg.base.atomic_write import atomic_write
from universeg.store.format import FORMAT, HEADER, INDEX, Packed, StoreError, Task, unpack

_MAX_BYTES = 1 << 40  # limit on the size of a store; disk space is used only as needed


def write_store(path: Path, header: Mapping[str, Any], packed: Iterable[Packed]) -> None:
    """Write packed records, sorted by key, with header and index. If this fails, there is no file.

    `header` must have the key `dataset`. Raises StoreError if a key is repeated or out of order.
    """
    subjects: dict[str, int] = {}
    tasks: dict[str, dict[str, list[tuple[int, int]]]] = {}
    with (
        atomic_write(path) as part,
        lmdb.open(str(part), subdir=False, lock=False, map_size=_MAX_BYTES) as env,
        env.begin(write=True) as txn,
    ):
        for key, value in packed:
            if not txn.put(key, value, append=True, overwrite=False):
                raise StoreError(f"{path}: {key.decode()} occurs twice or is out of order")
            slicing, group, modality, axis, subject, *_ = key.decode().split("/")
            number = subjects.setdefault(subject, len(subjects))
            for label, (pixels, _) in unpack(value, key.decode())[2].items():
                task = Task(header["dataset"], group, modality, label, int(axis)).key
                tasks.setdefault(task, {}).setdefault(slicing, []).append((number, pixels))
        index = {
            task: {slicing: np.array(rows, "<u4").tobytes() for slicing, rows in slicings.items()}
            for task, slicings in sorted(tasks.items())
        }
        txn.put(HEADER, json.dumps({"format": FORMAT, **header}, sort_keys=True).encode(), append=True)
        txn.put(INDEX, msgpack.packb([list(subjects), index]), append=True)
