"""Places of records in an LMDB file."""

import os
import re

import numpy as np
import pytest

from universeg.base.rng import rng_for
from universeg.store import Record, Store, StoreError, pack, write_store
from universeg.store.__main__ import problems
from universeg.store.pages import PAGE, record_places

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
    assert len(found) == 2 * SUBJECTS + 2
    for key, value in store.packed():
        if found[key] is not None:
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


NODE_HEAD = 8  # bytes before the key: size of the record (4), flags (2), length of the key (2)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (2, b"\xff\x7f", "a record lies outside the file"),
        (4, b"\x02\x00", "a record lies outside its page"),
        (6, b"\xff\x7f", "a key lies outside it"),
    ],
)
def test_a_damaged_page_is_an_error_before_the_record_is_read(store, tmp_path, at, value, words):
    """LMDB would follow these numbers, and the process would end with a bus error."""
    content = bytearray(store.path.read_bytes())
    node = content.index(b"mid/g/m/0/s077") - NODE_HEAD
    content[node + at : node + at + 2] = value
    path = tmp_path / "damaged.lmdb"
    path.write_bytes(content)
    damaged = Store(path)
    with pytest.raises(StoreError, match=re.escape(f"{path} is damaged: ") + f".*{words}.*; rebuild or copy it again"):
        damaged.read("D/g/m/a/0", ["s077"])
    with pytest.raises(StoreError, match=words):
        list(problems(damaged))


def test_pages_that_refer_to_each_other_in_a_circle_are_an_error(store, tmp_path):
    content = bytearray(store.path.read_bytes())
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    branch = next(n for n, page in enumerate(pages) if n > 1 and page[10:12] == b"\x01\x00" and page[0] == n % 256)
    first = branch * PAGE + int.from_bytes(pages[branch][16:18], "little")
    content[first : first + 4] = branch.to_bytes(4, "little")
    (tmp_path / "circle.lmdb").write_bytes(content)
    with pytest.raises(StoreError, match=r"which is not in the file or was used before"):
        list(problems(Store(tmp_path / "circle.lmdb")))
