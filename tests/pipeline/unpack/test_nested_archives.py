"""Archives inside archives are unpacked where they lie, with the same checks as outer ones."""

import zipfile

import pytest
from archives import put, refused, tarred, tree, zipped

from pipeline.unpack import unpack


def test_archives_in_archives_are_unpacked_where_they_lie(tmp_path):
    deep = zipped({"c.txt": b"c", "keep.zip": zipped({"x": b""})})
    data = zipped({"top/site_1.zip": zipped({"a/b.txt": b"b"}), "top/t.tar.gz": tarred({"in.zip": deep}, "w:gz")})
    one = put(tmp_path, "a.zip", data, nested=("*/site_*.zip", "*.tar.gz", "in.zip"))
    root = unpack.unpack([one], tmp_path / "raw").root
    assert set(tree(root)) == {"top/a/b.txt", "top/c.txt", "top/keep.zip"}
    plain = unpack.unpack([put(tmp_path, "a.zip", data)], tmp_path / "plain").root
    assert set(tree(plain)) == {"top/site_1.zip", "top/t.tar.gz"}


@pytest.mark.parametrize("name", ["../evil", "/evil"])
def test_inner_archives_are_checked_like_outer_ones(tmp_path, name, monkeypatch):
    refused(tmp_path, "a.zip", zipped({"d/in.zip": zipped({name: b"x"})}), "evil' is ", nested=("*.zip",))
    monkeypatch.setattr(unpack, "MAX_BYTES", 1 << 20)
    bomb = zipped({"in.zip": zipped({"zeros": bytes(4 << 20)}, zipfile.ZIP_STORED)})
    refused(tmp_path, "b.zip", bomb, "more than 1048576 bytes", nested=("*.zip",))


def test_archives_nested_too_deep_and_members_that_are_no_archives(tmp_path):
    data = b"x"
    for _ in range(6):
        data = zipped({"in.zip": data})
    refused(tmp_path, "a.zip", data, "nested too deep", nested=("*.zip",))
    refused(tmp_path, "b.zip", zipped({"a.txt": b"x"}), "not an archive", nested=("*.txt",))
