"""The format of a store, fixed by a file: what was written before is read the same, and is written the same now.

golden.lmdb was made by `python tests/universeg/store/test_golden.py`. Make it again only together with a new FORMAT.
"""

import json
import sys
from pathlib import Path

import lmdb
import msgpack
import numpy as np

from universeg.store import Files, Origin, Record, Store, pack, write_store
from universeg.store.format import decompress, unpack
from universeg.store.origin import pack_origin, unpack_origin

GOLDEN = Path(__file__).parent / "golden.lmdb"
SIDE = 16
HEADER = {
    "dataset": "Golden",
    "size": SIDE,
    "role": "train",
    "splits": {"s1": "support", "s2": "test"},
    "licence": {"name": "CC BY 4.0"},
}
ORIGINS = [
    Origin(
        "g",
        "CT",
        "s1",
        Files(("s1/a.dcm", "s1/b.dcm"), "ab" * 32),
        {"kidney": Files(("k\udce9.png",), "cd" * 32)},
        channel=2,
        orientation="LPS",
        shape=(20, 21, 5),
        spacing=(0.5, 0.5, 3.0),
        window=(-500.0, 1000.0),
        slices={"mid/2": (8, 2, 2), "max/2/kidney": (11, 3, 4)},
    ),
    Origin("g", "CT", "s2@4", Files(("v.avi",), "ef" * 32), {"": Files(("v.mat",), "01" * 32)}, index=4, label_index=0),
]


def records():
    ramp = np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE)
    square = np.zeros((SIDE, SIDE), np.uint8)
    square[4:9, 5:12] = 255
    square[9, 5:12] = 127  # covered less than half
    yield Record("mid", "g", "CT", 2, "s1", ramp, {"kidney": square, "tumour": ramp})
    yield Record("max", "g", "CT", 2, "s1", 255 - ramp, {"kidney": square.T.copy()})
    yield Record("mid", "g", "CT", 2, "s2@4", ramp.T.copy(), {"kidney": 255 - square})


def write(path):
    write_store(path, HEADER, [*sorted(map(pack, records())), *map(pack_origin, ORIGINS)])


def content(path):
    """Everything in a store: key -> decoded value. The bytes of LZ4 may differ between its versions."""
    with lmdb.open(str(path), subdir=False, readonly=True, lock=False) as env, env.begin() as txn:
        return {bytes(key): decoded(bytes(key), bytes(value)) for key, value in txn.cursor()}


def decoded(key, value):
    if key == b"~header":
        return json.loads(value)
    if key == b"~index":
        return msgpack.unpackb(value)
    if key.startswith(b"~from/"):
        return unpack_origin(value, "golden")
    if key == b"~sums":
        return value
    side, image, masks = unpack(value, "golden")
    pixels = {label: (pixels, decompress(block, side, "").tobytes()) for label, (pixels, block) in masks.items()}
    return side, decompress(image, side, "").tobytes(), pixels


def test_a_store_that_was_written_before_reads_the_same():
    store = Store(GOLDEN)
    assert store.header == {"format": 1, **HEADER}
    assert store.tasks == ["Golden/g/CT/kidney/2", "Golden/g/CT/tumour/2"]
    assert store.areas("Golden/g/CT/kidney/2") == {"s1": 35, "s2@4": SIDE * SIDE - 35}
    assert store.subjects("Golden/g/CT/kidney/2", "test") == ["s2@4"]
    first, largest, other = records()
    images, masks = store.read("Golden/g/CT/kidney/2", ["s1", "s2@4"], soft=True)
    np.testing.assert_array_equal(images, [first.image, other.image])
    np.testing.assert_array_equal(masks, [first.masks["kidney"], other.masks["kidney"]])
    np.testing.assert_array_equal(
        store.read("Golden/g/CT/kidney/2", ["s1"], slicing="max")[1][0], largest.masks["kidney"] >= 128
    )
    assert list(store.origins()) == ORIGINS


def test_the_same_records_are_written_the_same(tmp_path):
    write(tmp_path / "again.lmdb")
    assert content(tmp_path / "again.lmdb") == content(GOLDEN)


if __name__ == "__main__":
    write(GOLDEN)
    sys.stdout.write(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes\n")
