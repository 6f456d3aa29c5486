"""Write a task store, completely or not at all."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import msgpack
import numpy as np
import xxhash

from universeg.base.atomic_write import atomic_write
from universeg.store.format import FORMAT, HEADER, INDEX, SUMS, Packed, StoreError, Task, unpack
from universeg.store.origin import ORIGIN

# Limits on the size of a store, tried in turn, because LMDB reserves so many addresses at once and a memory limit
# (ulimit -v) may not allow it. Memory and disk space are used only as needed.
_MAX_BYTES = (1 << 40, 1 << 36, 1 << 32, 1 << 30, 1 << 28)


def write_store(path: Path, header: Mapping[str, Any], packed: Iterable[Packed]) -> None:
    """Write packed records and origins, sorted by key, with header and index. If this fails, there is no file.

    `header` must have the key `dataset`. Raises StoreError if a key is repeated or out of order, or if the file cannot
    be written, for example because the disk is full.
    """
    subjects: dict[str, int] = {}
    tasks: dict[str, dict[str, list[tuple[int, int]]]] = {}
    with (
        atomic_write(path) as part,
        _writing(path),
        _create(part) as env,
        env.begin(write=True) as txn,
    ):
        for key, value in packed:
            if not txn.put(key, value, append=True, overwrite=False):
                raise StoreError(f"{path}: {key.decode()} occurs twice or is out of order")
            if key.startswith(ORIGIN):
                continue
            slicing, group, modality, axis, subject, *_ = key.decode().split("/")
            number = subjects.setdefault(subject, len(subjects))
            for label, (pixels, _) in unpack(value, key.decode())[2].items():
                task = Task(header["dataset"], group, modality, label, int(axis)).key
                tasks.setdefault(task, {}).setdefault(slicing, []).append((number, pixels))
        index = {
            task: {slicing: np.array(rows, "<u4").tobytes() for slicing, rows in slicings.items()}
            for task, slicings in sorted(tasks.items())
        }
        described = json.dumps({"format": FORMAT, **header}, sort_keys=True).encode()
        indexed = msgpack.packb([list(subjects), index])
        txn.put(HEADER, described, append=True)
        txn.put(INDEX, indexed, append=True)
        txn.put(SUMS, xxhash.xxh3_128_digest(described + indexed), append=True)


def _create(part: Path) -> lmdb.Environment:
    """An empty LMDB file, as large as the memory limit allows."""
    for size in _MAX_BYTES[:-1]:
        try:
            return lmdb.open(str(part), subdir=False, lock=False, map_size=size)
        except lmdb.MemoryError:
            continue
    return lmdb.open(str(part), subdir=False, lock=False, map_size=_MAX_BYTES[-1])


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn errors of LMDB into StoreError, which names the store and the remedy."""
    try:
        yield
    except lmdb.MemoryError as error:
        raise StoreError(
            f"{path} cannot be written: the memory limit is below {_MAX_BYTES[-1] >> 20} MiB of addresses;"
            " raise it (ulimit -v, or the memory of the cluster job)"
        ) from error
    except lmdb.MapFullError as error:
        raise StoreError(
            f"{path} cannot be written: it is larger than the memory limit allows; raise it (ulimit -v)"
        ) from error
    except lmdb.Error as error:
        reason = str(error).split(": ", 1)[-1]
        raise StoreError(
            f"{path} cannot be written: {reason}. No file was made; check the free space and the quota of its folder"
        ) from error
