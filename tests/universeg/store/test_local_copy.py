"""Stores on read-only disks, on storage that cannot map files, and their copies on a disk of this machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest
import small_disk

from universeg.episodes.task_stores import TaskStores
from universeg.store import Record, Store, StoreError, pack, write_store
from universeg.store.local_copy import local_copy

SIDE = 32
TASK = "D/g/m/a/0"


def write(path: Path, value: int) -> Path:
    image = np.full((SIDE, SIDE), value, np.uint8)
    header = {"dataset": "D", "size": SIDE, "role": "train", "splits": {"s": "support"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_store(path, header, [pack(Record("mid", "g", "m", 0, "s", image, {"a": image}))])
    return path


def value_of(store: Store) -> int:
    return int(store.read(TASK, ["s"])[0][0, 0, 0])


def test_a_copy_is_made_once_and_again_when_the_store_changes(tmp_path):
    path, folder = write(tmp_path / "net/D.lmdb", 7), tmp_path / "local"
    first = Store(path, copy_to=folder)
    assert value_of(first) == 7
    assert first.path.parent == folder
    assert first.path.read_bytes() == path.read_bytes()
    inode = first.path.stat().st_ino
    assert Store(path, copy_to=str(folder)).path.stat().st_ino == inode, "used again"
    write(path, 9)
    os.utime(path, ns=(1, 1))
    assert value_of(Store(path, copy_to=folder)) == 9
    other = write(tmp_path / "elsewhere/D.lmdb", 5)
    os.utime(other, ns=(1, 1))
    assert value_of(Store(other, copy_to=folder)) == 5, "stores of the same name, size and time are not mixed up"
    assert [path.name for path in folder.iterdir() if path.suffix != ".lmdb"] == []


def test_a_half_written_copy_is_not_used(tmp_path):
    path, folder = write(tmp_path / "D.lmdb", 7), tmp_path / "local"
    copy = local_copy(path, folder)
    copy.write_bytes(copy.read_bytes()[:5000])
    assert value_of(Store(path, copy_to=folder)) == 7


def test_two_processes_copy_at_once(tmp_path):
    path, folder = write(tmp_path / "D.lmdb", 7), tmp_path / "local"
    code = f"from universeg.store import Store; Store({str(path)!r}, {str(folder)!r})"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert [copy.read_bytes() for copy in folder.iterdir()] == [path.read_bytes()]


def test_training_and_evaluation_read_the_copies(tmp_path):
    path = write(tmp_path / "net/D.lmdb", 7)
    stores = TaskStores([path.parent], copy_to=tmp_path / "local")
    assert stores.by_dataset["D"].path.parent == tmp_path / "local"


def test_a_missing_store_and_a_folder_that_is_a_file(tmp_path):
    with pytest.raises(StoreError, match="build stores with snakemake"):
        Store(tmp_path / "gone.lmdb", copy_to=tmp_path)
    path = write(tmp_path / "D.lmdb", 7)
    with pytest.raises(StoreError, match=re.escape(f"{path} cannot be copied to {path}")):
        Store(path, copy_to=path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lmdb.Error("x.lmdb: No such device"), r"cannot map files into memory .*--copy-stores FOLDER"),
        (lmdb.Error("x.lmdb: Operation not supported"), r"copy_to=FOLDER"),
        (lmdb.MemoryError("x.lmdb: Cannot allocate memory"), r"raise the memory limit \(ulimit -v\)"),
        (lmdb.InvalidError("x.lmdb: MDB_INVALID: File is not an LMDB file"), "is not a task store"),
    ],
)
def test_a_file_that_cannot_be_mapped_says_what_to_do(tmp_path, monkeypatch, error, words):
    path = write(tmp_path / "D.lmdb", 7)

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(lmdb, "open", refuse)
    with pytest.raises(StoreError, match=re.escape(str(path)) + ".*" + words):
        Store(path)


@small_disk.needed
def test_a_store_on_a_read_only_disk_is_read_and_a_full_disk_takes_no_copy(tmp_path):
    with small_disk.small_disk(tmp_path / "disk", 400) as disk:
        path = write(disk.folder / "D.lmdb", 7)
        disk.may_write(False)
        assert value_of(Store(path)) == 7
        assert value_of(Store(path, copy_to=tmp_path / "local")) == 7
        assert [file.name for file in disk.folder.iterdir()] == ["D.lmdb"]
        with pytest.raises(StoreError, match=r"cannot be copied to .*Read-only file system.*choose another folder"):
            Store(tmp_path / "local" / next(iter((tmp_path / "local").iterdir())).name, copy_to=disk.folder / "copies")
    with small_disk.small_disk(tmp_path / "full", 8) as disk:
        with pytest.raises(StoreError, match=r"bytes, \d+ are free; make room, or choose another folder"):
            Store(next(iter((tmp_path / "local").iterdir())), copy_to=disk.folder)
        assert not list(disk.folder.iterdir())
