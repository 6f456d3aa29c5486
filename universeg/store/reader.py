"""Read tasks from a store. The file is opened at first use, once per process."""

import errno
import json
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lmdb
import msgpack
import numpy as np
import xxhash
from numpy.typing import NDArray

from universeg.store.format import (
    FORMAT,
    HALF,
    HEADER,
    INDEX,
    MAX_SIDE,
    SLICINGS,
    SPLITS,
    SUMS,
    Packed,
    Pixels,
    StoreError,
    Task,
    decompress,
    record_key,
    record_prefix,
    subject_of,
    unpack,
)
from universeg.store.local_copy import local_copy
from universeg.store.origin import ORIGIN, Origin, origin_key, unpack_origin
from universeg.store.pages import PageError, Place, read_ahead, record_places

# What mmap of a file that is not empty reports where the file system has none; some network file systems do not.
NO_MAPPING = (errno.ENODEV, errno.EOPNOTSUPP, errno.ENOSYS)

_OPEN: "weakref.WeakValueDictionary[tuple[int, int, int], lmdb.Environment]" = weakref.WeakValueDictionary()


class Store:
    """Reader of one store. It can be pickled, and it is opened again in each process, also after a fork.

    The file is only read, and may be on a read-only disk. It is mapped into memory. With `copy_to`, a folder on a disk
    of this machine, it is copied there first, and `path` is the copy: for network storage that is slow, or cannot map
    files. Raises StoreError if the file is missing, truncated, damaged, of another format, or cannot be mapped.
    """

    def __init__(self, path: str | Path, copy_to: str | Path | None = None) -> None:
        self.path = Path(path) if copy_to is None else local_copy(Path(path), Path(copy_to))
        self._env: lmdb.Environment | None = None
        self._pid = 0
        self._places = dict[str, dict[bytes, Place | None]]()  # of records, by the common prefix of their keys
        self._environment()  # raises an error for a file that is not LMDB
        for key in (HEADER, INDEX, SUMS):
            self.check_pages(key.decode())
        raw_header, raw_index = self._get(HEADER), self._get(INDEX)
        if raw_header is None or raw_index is None:
            raise StoreError(f"{self.path} has no header: it is not a task store, but another LMDB file")
        sums = self._get(SUMS)
        if sums is not None and sums != xxhash.xxh3_128_digest(raw_header + raw_index):
            raise StoreError(f"{self.path}: header or index is damaged (checksum); rebuild the store")
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
        if not 1 <= side <= MAX_SIDE:
            raise StoreError(
                f"{self.path}: the header says {side} pixels per side, at most {MAX_SIDE} allowed; rebuild the store"
            )

    @property
    def tasks(self) -> list[str]:
        """Keys of all tasks, sorted."""
        return list(self._index)

    def subjects(self, task: str, split: str | None = None, slicing: str = "mid") -> list[str]:
        """Sorted names of a task's subjects, as `read` takes them. `split` is one of `SPLITS`, or None for all."""
        if split is not None and split not in SPLITS:
            raise StoreError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
        names = [self._subjects[number] for number, _ in self._rows(task, slicing)]
        splits = self.header.get("splits", {})
        return sorted(name for name in names if split is None or splits[subject_of(name)] == split)

    def areas(self, task: str, slicing: str = "mid") -> dict[str, int]:
        """For each subject the number of mask pixels with a coverage of at least one half."""
        return {self._subjects[number]: int(pixels) for number, pixels in self._rows(task, slicing)}

    def read(
        self, task: str, subjects: Sequence[str], slicing: str = "mid", soft: bool = False
    ) -> tuple[Pixels, Pixels]:
        """Images and masks, uint8 [n, H, H] each, in the order of `subjects`, which may contain repetitions.

        Images are 0..255 for intensities 0..1. Masks are 0 or 1 (1: coverage of at least one half), or with `soft`
        coverage 0..255. Raises StoreError for an unknown task, slicing or subject, or a damaged record.
        """
        self._rows(task, slicing)  # raises for an unknown task or slicing
        wanted, side = Task.parse(task), int(self.header["size"])
        keys = {subject: record_key(slicing, wanted, subject) for subject in subjects}
        self._read_ahead(record_prefix(slicing, wanted), keys.values())
        # One array for both is faster: the allocator reuses its memory pages in the next call.
        images, masks = pixels = np.empty((2, len(subjects), side, side), np.uint8)
        first_rows = dict[str, int]()
        with self._errors_named(), self._environment().begin(buffers=True) as txn:
            for row, subject in enumerate(subjects):
                if (first := first_rows.setdefault(subject, row)) < row:  # a repetition is decoded once
                    pixels[:, row] = pixels[:, first]
                    continue
                value = txn.get(keys[subject].encode())
                _, image, blocks = (0, b"", {}) if value is None else unpack(value, keys[subject])
                if wanted.label not in blocks:
                    raise StoreError(f"{self.path}: {task} has no {slicing} slice of {subject!r}")
                images[row] = decompress(image, side, keys[subject])
                masks[row] = decompress(blocks[wanted.label][1], side, keys[subject])
        if not soft:
            np.greater_equal(masks, HALF, out=masks.view(bool))
        return images, masks

    def packed(self) -> Iterator[Packed]:
        """Keys and values of all records as stored, in key order."""
        with self._errors_named(), self._environment().begin() as txn:
            for key, value in txn.cursor():
                if not key.startswith(b"~"):
                    yield bytes(key), bytes(value)

    def packed_origins(self) -> Iterator[Packed]:
        """Keys and values of all origins as stored, in key order."""
        with self._errors_named(), self._environment().begin() as txn:
            cursor = txn.cursor()
            if cursor.set_range(ORIGIN):
                for key, value in cursor:
                    if not key.startswith(ORIGIN):
                        return
                    yield bytes(key), bytes(value)

    def origins(self) -> Iterator[Origin]:
        """The origins of all scans. Generated datasets, and stores of recipe 3 and before, have none."""
        for key, value in self.packed_origins():
            yield unpack_origin(value, f"{self.path}: {key.decode()}")

    def origin(self, group: str, modality: str, subject: str) -> Origin | None:
        """The origin of one scan; None if the store has none of it. Raises StoreError if it is damaged."""
        key = origin_key(group, modality, subject)
        value = self._get(key)
        return None if value is None else unpack_origin(value, f"{self.path}: {key.decode()}")

    def _rows(self, task: str, slicing: str) -> NDArray[np.uint32]:
        if task not in self._index:
            raise StoreError(f"{self.path} has no task {task!r}; `.tasks` lists its {len(self._index)} tasks")
        if slicing not in SLICINGS:
            raise StoreError(f"unknown slicing {slicing!r}; known: {', '.join(SLICINGS)}")
        return np.frombuffer(self._index[task].get(slicing, b""), "<u4").reshape(-1, 2)

    def _read_ahead(self, prefix: str, keys: Iterable[str]) -> None:
        """Ask the kernel to load all records at once; LMDB alone would load them one after another."""
        with suppress(OSError):  # the file was moved or deleted; the open file can still be read
            if prefix not in self._places:
                self._places[prefix] = self.check_pages(prefix)
            found = self._places[prefix]
            places = (found.get(key.encode()) for key in keys)
            read_ahead(self.path, [place for place in places if place is not None])

    def _get(self, key: bytes) -> bytes | None:
        with self._errors_named(), self._environment().begin() as txn:
            value: bytes | None = txn.get(key)
            return value

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """Turn errors of LMDB into StoreError, which names the file and the remedy."""
        try:
            yield
        except lmdb.Error as error:
            raise StoreError(f"{self.path} is damaged: {error}; rebuild or copy it again") from error

    def check_pages(self, prefix: str = "") -> dict[bytes, Place | None]:
        """Where the records lie whose keys start with `prefix`. Raises StoreError if a page is damaged."""
        try:
            return record_places(self.path, prefix.encode())
        except PageError as error:
            raise StoreError(f"{self.path} is damaged: {error}; rebuild or copy it again") from error

    def _environment(self) -> lmdb.Environment:
        if self._env is None or self._pid != os.getpid():
            self._env = None  # inherited through a fork: it must not be used
            self._env, self._pid = _open_environment(self.path), os.getpid()
        return self._env

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_env": None, "_pid": 0, "_places": {}}


def _open_environment(path: Path) -> lmdb.Environment:
    """The environment of a file. There is one per process and file, because py-lmdb does not allow a second one."""
    try:
        stat = path.stat()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; build stores with snakemake") from error
    for (pid, *_), env in list(_OPEN.items()):
        if pid != os.getpid():
            env.close()
    key = (os.getpid(), stat.st_dev, stat.st_ino)
    found = _OPEN.get(key)
    if found is not None:
        return found
    try:
        # Access is random, so kernel readahead is off. The file is read-only, so it needs no lock file.
        env = lmdb.open(
            str(path), subdir=False, readonly=True, lock=False, readahead=False, meminit=False, max_spare_txns=8
        )
    except lmdb.Error as error:
        raise StoreError(_why_not_open(path, error)) from error
    pages = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    if stat.st_size < pages:  # reading past the end would end the process with SIGBUS
        raise StoreError(f"{path} is truncated: {stat.st_size} bytes, expected {pages}; rebuild or copy it again")
    _OPEN[key] = env
    return env


def _why_not_open(path: Path, error: lmdb.Error) -> str:
    reason = str(error).rpartition(": ")[2]
    if isinstance(error, lmdb.MemoryError) or reason == os.strerror(errno.ENOMEM):
        return f"{path} cannot be mapped into memory: {reason}; raise the memory limit (ulimit -v)"
    if reason in map(os.strerror, NO_MAPPING):
        return (
            f"{path} is on a file system that cannot map files into memory ({reason}); copy it to a disk of this"
            " machine: Store(path, copy_to=FOLDER), or --copy-stores FOLDER in training and evaluation"
        )
    return f"{path} is not a task store: {error}"
