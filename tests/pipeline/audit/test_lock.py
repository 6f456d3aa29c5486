"""Lock files: the same data give the same lock, and each kind of difference is named."""

import json

import numpy as np
import pytest

from pipeline.audit.lock import lock
from universeg.base.rng import rng_for
from universeg.store import Files, Origin, Record, pack, write_store
from universeg.store.origin import pack_origin

SIDE = 16


def write(root, subjects=("s1", "s2"), changed_pixels=None, changed_mask=None, changed_file=None, **header):
    """One store below a root; parts of one subject can be changed."""
    records, origins = [], []
    for name in subjects:
        image = rng_for("lock", name).integers(0, 255, (SIDE, SIDE), np.uint8)
        mask = np.full((SIDE, SIDE), 255, np.uint8)
        image[0, 0] ^= name == changed_pixels
        mask[3, 3] = 0 if name == changed_mask else 255
        records.append(pack(Record("mid", "g", "m", 0, name, image, {"a": mask})))
        digest = ("ff" if name == changed_file else "ab") * 32
        origins.append(pack_origin(Origin("g", "m", name, Files((f"{name}.png",), digest), {})))
    facts = {"dataset": "D", "size": SIDE, "manifest": "m1", "recipe": 4, "splits": {}, **header}
    write_store(root / "stores/D.lmdb", facts, [*sorted(records), *origins])
    return root


@pytest.fixture
def written(tmp_path):
    """A lock file of a store."""
    lock("write", (tmp_path / "a.lock",), write(tmp_path / "a"))
    return tmp_path / "a.lock"


def test_the_same_data_give_the_same_lock(written, tmp_path, capsys):
    lock("write", (tmp_path / "b.lock",), write(tmp_path / "b"))
    assert (tmp_path / "b.lock").read_bytes() == written.read_bytes()
    lock("diff", (written, tmp_path / "b.lock"))
    lock("check", (written,), tmp_path / "b")
    assert capsys.readouterr().out.count("no differences") == 2


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"changed_pixels": "s2"}, "D: 1 scans whose pixels differ, although no file is known to differ: g/m/s2"),
        ({"changed_mask": "s1"}, "D: 1 scans whose pixels differ, although no file is known to differ: g/m/s1"),
        ({"changed_file": "s2"}, "D: 1 scans whose files differ: g/m/s2"),
        ({"subjects": ("s1",)}, "D: 1 scans only in the first: g/m/s2"),
        ({"subjects": ("s1", "s2", "s3")}, "D: 1 scans only in the second: g/m/s3"),
        ({"recipe": 5}, "D: recipe is 4 in the first and 5 in the second"),
        ({"manifest": "m2"}, "D: manifest is m1 in the first and m2 in the second"),
        ({"dataset": "E"}, "D: only in the first"),
    ],
)
def test_each_difference_is_named(written, tmp_path, capsys, change, line):
    with pytest.raises(ValueError, match=r"^\d differences?$"):
        lock("check", (written,), write(tmp_path / "b", **change))
    assert line in capsys.readouterr().out.splitlines()


def test_archives_that_differ_are_named(tmp_path, capsys):
    for name in ("a", "b"):
        sources = [{"file": "x.zip", "bytes": 1, "sha256": name * 64}]
        lock("write", (tmp_path / f"{name}.lock",), write(tmp_path / name, sources=sources))
    with pytest.raises(ValueError, match=r"^1 difference$"):
        lock("diff", (tmp_path / "a.lock", tmp_path / "b.lock"))
    assert "D: the archives x.zip differ" in capsys.readouterr().out


def test_a_source_file_that_changed_on_disk_is_named(written, tmp_path, capsys):
    (tmp_path / "a/scans").mkdir()
    (tmp_path / "a/scans/D.json").write_text(json.dumps({"root": str(tmp_path), "scans": [], "dropped": []}))
    (tmp_path / "s1.png").write_text("other")
    lock("check", (written,), tmp_path / "a")
    with pytest.raises(ValueError, match=r"^2 differences$"):
        lock("check", (written,), tmp_path / "a", sources=True)
    shown = capsys.readouterr().out
    assert f"{tmp_path}/s1.png has changed" in shown
    assert f"{tmp_path}/s2.png is missing" in shown


def test_wrong_files_and_words_are_named(written, tmp_path):
    (tmp_path / "x.lock").write_text("{}")
    with pytest.raises(ValueError, match="is not a lock file"):
        lock("diff", (written, tmp_path / "x.lock"))
    with pytest.raises(ValueError, match="lock diff takes two lock files"):
        lock("diff", (written,))
    with pytest.raises(ValueError, match="has no store"):
        lock("check", (written,), tmp_path / "nothing")
