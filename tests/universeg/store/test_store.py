"""Task stores: what is written can be read, and damage is found."""

import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from universeg.base.rng import rng_for
from universeg.store import Record, Store, StoreError, Task, pack, write_store
from universeg.store.__main__ import problems

SIDE = 32
TASK = "D/g/m/a/0"
HEADER = {"dataset": "D", "size": SIDE, "splits": {"s0": "support", "s1": "dev", "s2": "test"}}


def records():
    rng = rng_for("store test")
    for n in range(3):
        image, soft = rng.integers(0, 256, (2, SIDE, SIDE), dtype=np.uint8)
        yield Record("mid", "g", "m", 0, f"s{n}", image, {"a": soft, "b": 255 - soft})
        yield Record("max", "g", "m", 1, f"s{n}@7", image, {"a": soft})


@pytest.fixture
def store(tmp_path):
    write_store(tmp_path / "D.lmdb", HEADER, sorted(map(pack, records())))
    return Store(tmp_path / "D.lmdb")


def run_module(*words):
    return subprocess.run([sys.executable, "-m", "universeg.store", *words], capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="uses the limits of Linux")
@pytest.mark.parametrize(
    ("limit", "size", "message"),
    [
        ("RLIMIT_FSIZE", 1 << 14, "free space and the quota"),
        ("RLIMIT_AS", 1 << 28, "memory limit"),
        ("RLIMIT_AS", 3 << 30, ""),
    ],
    ids=["disk full", "no memory", "little memory"],
)
def test_a_store_that_cannot_be_written_is_named_and_leaves_no_file(tmp_path, limit, size, message):
    code = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_store import *
resource.setrlimit(resource.{limit}, ({size}, {size}))
try:
    write_store(Path("D.lmdb"), HEADER, sorted(map(pack, records())))
except StoreError as error:
    print(error)
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert run.returncode == 0, run.stderr
    if message:
        assert run.stdout.startswith("D.lmdb cannot be written: ")
        assert message in run.stdout
        assert not list(tmp_path.iterdir())
    else:
        assert Store(tmp_path / "D.lmdb").tasks


def test_reading_returns_what_was_written(store):
    kept = {(r.slicing, r.subject): r for r in records()}
    assert store.tasks == ["D/g/m/a/0", "D/g/m/a/1", "D/g/m/b/0"]
    assert store.subjects(TASK) == ["s0", "s1", "s2"]
    assert store.subjects(TASK, "dev") == ["s1"]
    assert store.subjects("D/g/m/a/1", slicing="max", split="test") == ["s2@7"]
    images, masks = store.read(TASK, ["s2", "s0", "s2"], soft=True)
    for row, subject in enumerate(["s2", "s0", "s2"]):
        np.testing.assert_array_equal(images[row], kept["mid", subject].image)
        np.testing.assert_array_equal(masks[row], kept["mid", subject].masks["a"])
    assert (images.dtype, images.shape) == (np.uint8, (3, SIDE, SIDE))
    hard = store.read(TASK, ["s0"])[1]
    np.testing.assert_array_equal(hard[0], kept["mid", "s0"].masks["a"] >= 128)
    assert hard.dtype == np.uint8
    assert store.areas(TASK)["s0"] == hard.sum()
    assert store.header["splits"]["s1"] == "dev"


def test_the_same_records_give_the_same_bytes(tmp_path, store):
    write_store(tmp_path / "again.lmdb", HEADER, sorted(map(pack, records())))
    assert (tmp_path / "again.lmdb").read_bytes() == store.path.read_bytes()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.read(TASK, ["s9"]), "has no mid slice of 's9'"),
        (lambda s: s.read("D/g/m/b/1", ["s0"]), "has no task"),
        (lambda s: s.read(TASK, ["s0"], slicing="best"), "unknown slicing 'best'; known: mid, max"),
        (lambda s: s.subjects(TASK, "train"), "unknown split 'train'; known: support, dev, test"),
        (lambda s: Task.parse("a/b"), "expected dataset/group/modality/label/axis"),
    ],
)
def test_a_wrong_request_is_named(store, call, words):
    with pytest.raises(StoreError, match=words):
        call(store)


def test_a_repeated_subject_leaves_no_file(tmp_path):
    packed = sorted([*map(pack, records()), pack(next(records()))])
    with pytest.raises(StoreError, match="mid/g/m/0/s0 occurs twice"):
        write_store(tmp_path / "x.lmdb", HEADER, packed)
    assert list(tmp_path.iterdir()) == []


def test_a_record_must_fit_the_layout():
    image = np.zeros((SIDE, SIDE), np.uint8)
    with pytest.raises(ValueError, match="must not contain '/'"):
        pack(Record("mid", "g", "m", 0, "s/1", image, {}))
    with pytest.raises(ValueError, match="expected uint8"):
        pack(Record("mid", "g", "m", 0, "s", image, {"a": image[:, 1:]}))


def test_a_flipped_bit_is_found(store, tmp_path):
    data, value = bytearray(store.path.read_bytes()), dict(store.packed())[b"mid/g/m/0/s1"]
    data[data.find(value) + len(value) // 2] ^= 1
    path = tmp_path / "damaged.lmdb"
    path.write_bytes(data)
    damaged = Store(path)
    with pytest.raises(StoreError, match=r"mid/g/m/0/s1: the record is damaged \(checksum\)"):
        damaged.read(TASK, ["s0", "s1"])
    (told,) = problems(damaged)  # once, although the record has two labels
    assert "mid/g/m/0/s1" in told
    run = run_module("verify", path)
    assert run.returncode == 1
    assert "mid/g/m/0/s1" in run.stdout


def test_verify_finds_no_problem_in_a_good_store(store):
    run = run_module("verify", store.path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "3 tasks, no problems found" in run.stdout


@pytest.mark.parametrize("keep", [0, 100, 5000, 9000])
def test_a_truncated_file_is_an_error_and_not_a_crash(store, tmp_path, keep):
    path = tmp_path / "cut.lmdb"
    path.write_bytes(store.path.read_bytes()[:keep])
    with pytest.raises(StoreError, match=r"truncated|not a task store"):
        Store(path)


def test_another_format_says_how_to_rebuild(store, monkeypatch):
    monkeypatch.setattr("universeg.store.reader.FORMAT", 2)
    with pytest.raises(StoreError, match="has format 1, this version reads 2: delete it and run snakemake"):
        Store(store.path)


def test_a_missing_store_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="build stores with snakemake"):
        Store(tmp_path / "gone.lmdb")


def test_two_readers_of_one_file_and_a_copy_through_pickle(store):
    other = Store(store.path)
    again = pickle.loads(pickle.dumps(other))
    for reader in (store, other, again):
        assert reader.read(TASK, ["s0"])[0].shape == (1, SIDE, SIDE)


def _sum(store):
    return int(store.read(TASK, ["s0"])[0].sum())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_store_works_in_a_child_process(store, method):
    expected = _sum(store)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_sum, [store] * 4) == [expected] * 4
    assert _sum(store) == expected


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"size": 1 << 20}, "the header says 1048576 pixels per side, at most 4096"),
        ({"size": "wide"}, "damaged"),
        ({"size": None}, "damaged"),
    ],
)
def test_a_damaged_header_is_an_error(tmp_path, header, words):
    write_store(tmp_path / "x.lmdb", {**HEADER, **header}, sorted(map(pack, records())))
    with pytest.raises(StoreError, match=words):
        Store(tmp_path / "x.lmdb")


def test_info_shows_header_and_tasks(store):
    run = run_module("info", store.path)
    assert (run.returncode, run.stderr) == (0, "")
    assert '"dataset": "D"' in run.stdout
    assert TASK in run.stdout


def test_info_of_a_missing_store_is_one_sentence(tmp_path):
    run = run_module("info", tmp_path / "gone.lmdb")
    assert run.returncode == 1
    assert run.stderr.startswith("python -m universeg.store: ")
    assert run.stderr.count("\n") == 1


def test_verify_needs_a_store():
    run = run_module("verify")
    assert (run.returncode, run.stderr) == (1, "python -m universeg.store: name at least one store\n")


def test_flipped_bits_anywhere_are_found_or_change_nothing(store, tmp_path):
    """Half of the flips are in the first pages, which describe the file. None may end the process."""
    good = store.path.read_bytes()
    content = [store.header, sorted(store.packed())]
    rng, found = rng_for("flips"), 0
    for at in (*rng.integers(0, 8 * len(good), 60).tolist(), *rng.integers(0, 8 * 8192, 60).tolist()):
        flipped = bytearray(good)
        flipped[at // 8] ^= 1 << at % 8
        path = tmp_path / f"{at}.lmdb"
        path.write_bytes(flipped)
        try:
            damaged = Store(path)
            if not (lines := list(problems(damaged))):
                assert [damaged.header, sorted(damaged.packed())] == content, at
        except StoreError as error:
            lines = [str(error)]
        found += bool(lines)
        path.unlink()
    assert found > 10


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"max/g/m/1/s1@7/a", b"max/g/m/1/s1@7/z", "s1@7/z: the name of the record does not fit its labels"),
        (b"mid/g/m/0/s2", b"mid/g/m/0\xffs2", "the name of the record is damaged"),
        (b"mid/g/m/0/s2", b"mid/g/m/0/s\xff", "the name of the record is damaged"),
        (b"mid/g/m/0/s2", b"mid/g/m/x/s2", "the index does not list a"),
    ],
)
def test_a_damaged_name_of_a_record_is_found(store, tmp_path, old, new, words):
    content = store.path.read_bytes()
    assert content.count(old) == 1
    (tmp_path / "damaged.lmdb").write_bytes(content.replace(old, new))
    assert any(words in line for line in problems(Store(tmp_path / "damaged.lmdb")))
