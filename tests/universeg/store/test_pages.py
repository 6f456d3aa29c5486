"""Places of records in an LMDB file."""

import os

import numpy as np
import pytest

from universeg.base.rng import rng_for
from universeg.store import Record, Store, pack, write_store
from universeg.store.pages import record_places

SIDE, SUBJECTS = 64, 150


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Records larger than a page, in a tree of several levels, and two small records."""
    path, records = tmp_path_factory.mktemp("pages") / "D.lmdb", []
    for axis in range(2):
        for n in range(SUBJECTS):
            image = rng_for("pages", axis, n).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
            records.append(Record("mid", "g", "m", axis, f"s{n:03d}", image, {"a": image}))
        records.append(Record("mid", "g", "m", axis, "tiny", np.zeros_like(image), {"a": np.zeros_like(image)}))
    write_store(path, {"dataset": "D", "size": SIDE, "splits": {}}, sorted(map(pack, records)))
    return Store(path)


def test_each_large_record_lies_at_its_place(store):
    data, found = store.path.read_bytes(), record_places(store.path, b"mid/")
    assert len(found) == 2 * SUBJECTS
    for key, value in store.packed():
        if key in found:
            start, length = found[key]
            assert data[start : start + length] == value
        else:
            assert key.endswith(b"/tiny")


@pytest.mark.parametrize("prefix", [b"mid/g/m/0/", b"mid/g/m/1/", b"mid/g/m/1/s14", b"a", b"mid/h", b"zzz"])
def test_a_prefix_selects_keys(store, prefix):
    whole = record_places(store.path, b"")
    assert record_places(store.path, prefix) == {key: place for key, place in whole.items() if key.startswith(prefix)}


@pytest.mark.parametrize("content", [b"", b"\0" * 9000, os.urandom(9000)])
def test_another_file_has_no_places(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert record_places(tmp_path / "x", b"mid/") == {}


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system has no posix_fadvise")
def test_all_records_are_requested_before_they_are_read(store, monkeypatch):
    requested, whole = [], record_places(store.path, b"")
    monkeypatch.setattr(os, "posix_fadvise", lambda fd, start, length, what: requested.append((start, start + length)))
    store.read("D/g/m/a/1", ["s120", "s020", "s021", "tiny", "s120"])
    wanted = [whole[f"mid/g/m/1/s{n}".encode()] for n in ("020", "021", "120")]
    ends = [(start, start + length) for start, length in wanted]
    assert requested == [(ends[0][0], ends[1][1]), ends[2]]  # neighbours are joined


def test_a_moved_store_can_still_be_read(store, tmp_path):
    path = tmp_path / "moved.lmdb"
    path.write_bytes(store.path.read_bytes())
    moved = Store(path)
    path.rename(tmp_path / "elsewhere.lmdb")
    assert moved.read("D/g/m/a/0", ["s000"])[0].shape == (1, SIDE, SIDE)
