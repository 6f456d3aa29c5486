"""Read tasks from a store: opened lazily, once per process, never across a fork."""

import json
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import lmdb
import msgpack
import numpy as np
from numpy.typing import NDArray

from universeg.store.format import (
    FORMAT,
    HALF,
    HEADER,
    INDEX,
    MOST_SIDE,
    SLICINGS,
    SPLITS,
    Packed,
    Pixels,
    StoreError,
    Task,
    expand,
    subject_of,
    unpack,
)
from universeg.store.pages import Place, advise, places

_OPEN: "weakref.WeakValueDictionary[tuple[int, int, int], lmdb.Environment]" = weakref.WeakValueDictionary()


class Store:
    """Read tasks from one store; opened when first used, once per process, and again after a fork."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._env: lmdb.Environment | None = None
        self._pid = 0
        self._places = dict[str, dict[bytes, Place]]()  # of the records whose keys begin alike
        raw_header, raw_index = self._get(HEADER), self._get(INDEX)
        if raw_header is None or raw_index is None:
            raise StoreError(f"{self.path} has no header: it is not a task store, or a different LMDB")
        try:
            self.header: dict[str, Any] = json.loads(raw_header)
            self._subjects, self._index = msgpack.unpackb(raw_index)
            found, side = self.header["format"], int(self.header["size"])
        except (ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
            raise StoreError(f"{self.path}: header or index is damaged ({error!r}); rebuild the store") from error
        if found != FORMAT:
            raise StoreError(
                f"{self.path} has format {found}, this version reads {FORMAT}: delete it and run snakemake again"
            )
        if not 1 <= side <= MOST_SIDE:
            raise StoreError(f"{self.path} claims images of {side} pixels a side, more than {MOST_SIDE}")

    @property
    def tasks(self) -> list[str]:
        """Keys of all tasks, sorted."""
        return list(self._index)

    def subjects(self, task: str, split: str | None = None, slicing: str = "mid") -> list[str]:
        """Names that `read` takes, sorted; `split` is one of `SPLITS`, or None for all."""
        if split is not None and split not in SPLITS:
            raise StoreError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
        names = [self._subjects[number] for number, _ in self._rows(task, slicing)]
        splits = self.header.get("splits", {})
        return sorted(name for name in names if split is None or splits[subject_of(name)] == split)

    def areas(self, task: str, slicing: str = "mid") -> dict[str, int]:
        """For each subject the number of mask pixels of at least half coverage."""
        return {self._subjects[number]: int(pixels) for number, pixels in self._rows(task, slicing)}

    def read(
        self, task: str, subjects: Sequence[str], slicing: str = "mid", soft: bool = False
    ) -> tuple[Pixels, Pixels]:
        """Images and masks, uint8 [n, H, H] each, in the order of `subjects`, which may repeat.

        Images are 0..255 for intensity 0..1. Masks are 0 or 1 (coverage of at least one half), or with `soft`
        coverage 0..255. Raises StoreError for a subject that the task does not have, or a damaged record.
        """
        self._rows(task, slicing)  # names an unknown task or slicing
        what, side = Task.parse(task), int(self.header["size"])
        prefix = f"{slicing}/{what.group}/{what.modality}/{what.axis}/"
        tail = f"/{what.label}" if slicing == "max" else ""
        keys = {subject: f"{prefix}{subject}{tail}" for subject in subjects}
        self._advise(prefix, keys.values())
        # One array for both: the allocator keeps it, where it would give two back and fault their pages in again.
        images, masks = pixels = np.empty((2, len(subjects), side, side), np.uint8)
        done = dict[str, int]()
        with self._environment().begin(buffers=True) as txn:
            for row, subject in enumerate(subjects):
                if (before := done.setdefault(subject, row)) < row:  # decoded once
                    pixels[:, row] = pixels[:, before]
                    continue
                value = txn.get(keys[subject].encode())
                _, image, blocks = (0, b"", {}) if value is None else unpack(value, keys[subject])
                if what.label not in blocks:
                    raise StoreError(f"{self.path}: {task} has no {slicing} slice of {subject!r}")
                images[row] = expand(image, side, keys[subject])
                masks[row] = expand(blocks[what.label][1], side, keys[subject])
        if not soft:
            np.greater_equal(masks, HALF, out=masks.view(bool))
        return images, masks

    def packed(self) -> Iterator[Packed]:
        """Every record as stored, in key order."""
        with self._environment().begin() as txn:
            for key, value in txn.cursor():
                if not key.startswith(b"~"):
                    yield bytes(key), bytes(value)

    def _rows(self, task: str, slicing: str) -> NDArray[np.uint32]:
        if task not in self._index:
            raise StoreError(f"{self.path} has no task {task!r}; see `.tasks` for its {len(self._index)}")
        if slicing not in SLICINGS:
            raise StoreError(f"unknown slicing {slicing!r}; known: {', '.join(SLICINGS)}")
        return np.frombuffer(self._index[task].get(slicing, b""), "<u4").reshape(-1, 2)

    def _advise(self, prefix: str, keys: Iterable[str]) -> None:
        """Let the kernel fetch records that may not be in memory, all at once, before LMDB touches them in turn."""
        with suppress(OSError):  # the file was moved; what is open can be read all the same
            if prefix not in self._places:
                self._places[prefix] = places(self.path, prefix.encode())
            found = self._places[prefix]
            advise(self.path, [found[name] for key in keys if (name := key.encode()) in found])

    def _get(self, key: bytes) -> bytes | None:
        with self._environment().begin() as txn:
            value: bytes | None = txn.get(key)
            return value

    def _environment(self) -> lmdb.Environment:
        if self._env is None or self._pid != os.getpid():
            self._env = None  # inherited across a fork: never use it
            self._env, self._pid = _opened(self.path), os.getpid()
        return self._env

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_env": None, "_pid": 0, "_places": {}}


def _opened(path: Path) -> lmdb.Environment:
    """The process's one environment of a file; py-lmdb refuses a second one."""
    try:
        stat = path.stat()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; stores are made by snakemake") from error
    for (pid, *_), env in list(_OPEN.items()):
        if pid != os.getpid():
            env.close()
    key = (os.getpid(), stat.st_dev, stat.st_ino)
    found = _OPEN.get(key)
    if found is not None:
        return found
    try:
        # Records are scattered and decoded at once: no kernel readahead, no zeroed buffers, no lock file.
        env = lmdb.open(
            str(path), subdir=False, readonly=True, lock=False, readahead=False, meminit=False, max_spare_txns=8
        )
    except lmdb.Error as error:
        raise StoreError(f"{path} is not a task store: {error}") from error
    pages = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    if stat.st_size < pages:  # reading past the end would kill the process
        raise StoreError(f"{path} is truncated: {stat.st_size} bytes, expected {pages}; rebuild or copy it again")
    _OPEN[key] = env
    return env
