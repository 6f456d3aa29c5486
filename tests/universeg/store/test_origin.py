"""Origins in a store: damage is found, and no damage of an origin touches the records."""

import lz4.block
import msgpack
import numpy as np
import pytest
import xxhash

from universeg.store import Files, Origin, Record, Store, StoreError, pack, write_store
from universeg.store.__main__ import problems
from universeg.store.origin import LARGEST, pack_origin, unpack_origin

ORIGIN = Origin("g", "m", "s", Files(("s.png",), "ab" * 32), {"a": Files(("s_a.png",), "cd" * 32)})
HEADER = {"dataset": "D", "size": 8, "splits": {"s": "test"}}


def value_of(fields):
    body = lz4.block.compress(msgpack.packb(fields))
    return xxhash.xxh3_64_digest(body) + body


def test_a_flipped_bit_in_an_origin_is_found_and_records_stay_readable(tmp_path):
    square = np.eye(8, dtype=np.uint8) * 255
    write_store(
        tmp_path / "D.lmdb", HEADER, [pack(Record("mid", "g", "m", 0, "s", square, {"a": square})), pack_origin(ORIGIN)]
    )
    data, value = bytearray((tmp_path / "D.lmdb").read_bytes()), pack_origin(ORIGIN)[1]
    data[data.find(value) + len(value) // 2] ^= 1
    (tmp_path / "damaged.lmdb").write_bytes(data)
    store = Store(tmp_path / "damaged.lmdb")
    assert store.read("D/g/m/a/0", ["s"])[0].shape == (1, 8, 8)
    with pytest.raises(StoreError, match="origin is damaged"):
        store.origin("g", "m", "s")
    (line,) = problems(store)
    assert "~from/g/m/s" in line


@pytest.mark.parametrize(
    "fields", [[], "text", ["g", "m", "s"], ["g", "m", "s", 1, 2, None, None, None, "", [], [], [], {}]]
)
def test_a_strange_origin_is_an_error_of_the_store(fields):
    with pytest.raises(StoreError, match="here: the origin is damaged"):
        unpack_origin(value_of(fields), "here")


def test_an_origin_that_claims_gigabytes_is_refused():
    body = (LARGEST + 1).to_bytes(4, "little") + b"\0" * 20
    with pytest.raises(StoreError, match="damaged"):
        unpack_origin(xxhash.xxh3_64_digest(body) + body, "here")


@pytest.mark.parametrize("new", [b"~from/g/m/t", b"~from/g/x/s", b"~from/g/m/\xff"])
def test_an_origin_under_another_name_is_found(tmp_path, new):
    square = np.eye(8, dtype=np.uint8) * 255
    record = pack(Record("mid", "g", "m", 0, "s", square, {"a": square}))
    write_store(tmp_path / "D.lmdb", HEADER, [record, pack_origin(ORIGIN)])
    assert list(problems(Store(tmp_path / "D.lmdb"))) == []
    content = (tmp_path / "D.lmdb").read_bytes()
    assert content.count(b"~from/g/m/s") == 1
    (tmp_path / "damaged.lmdb").write_bytes(content.replace(b"~from/g/m/s", new))
    found = "\n".join(problems(Store(tmp_path / "damaged.lmdb")))
    assert "this is the origin of s" in found
    assert "b'~from/g/m/s': the origin is missing" in found
    assert "an origin without a record" in found
