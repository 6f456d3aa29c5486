"""Unpacking gives exactly the files that the archives contain, in one step, and replaces only its own folders."""

import gzip
import hashlib
import json
import os
import stat
import tarfile
import zipfile

import pytest
from archives import FILES, NOISE, PACKERS, put, refused, tarred, tree, zipped

from pipeline.fetch.receipt import Received, recorded_sha256, write_receipt
from pipeline.unpack import unpack
from pipeline.unpack.unpack import Inventory, UnpackError


@pytest.mark.parametrize("file", PACKERS)
def test_every_format_gives_the_same_tree(tmp_path, file):
    one = put(tmp_path, file, PACKERS[file](FILES))
    got = unpack.unpack([one], tmp_path / "raw/Toy")
    assert tree(tmp_path / "raw/Toy") == FILES
    assert got == Inventory(tmp_path / "raw/Toy", 3, sum(map(len, FILES.values())), 0)


def test_several_archives_and_plain_files_fill_one_folder(tmp_path):
    ones = [
        put(tmp_path, "a.zip", zipped({"a.txt": b"a"})),
        put(tmp_path, "scan.mha.gz", gzip.compress(b"scan")),
        put(tmp_path, "list.csv", b"1,2"),
        put(tmp_path, "b.nii.gz", gzip.compress(b"kept"), unpack=False),
        put(tmp_path, "c.zip", zipped({"x": b""}), unpack=False),
    ]
    got = unpack.unpack(ones, tmp_path / "raw/Toy")
    assert set(tree(got.root)) == {"a.txt", "scan.mha", "list.csv", "b.nii.gz", "c.zip"}
    assert (got.root / "scan.mha").read_bytes() == b"scan"
    assert (got.root / "list.csv").stat().st_ino == ones[2][1].stat().st_ino
    assert got.files == 5
    assert got.bytes == sum(len(data) for data in tree(got.root).values())


def test_an_archive_is_unpacked_in_the_folder_that_its_file_names(tmp_path):
    (tmp_path / "masks").mkdir()
    ones = [
        put(tmp_path, "a.zip", zipped({"1.png": b"a"})),
        put(tmp_path, "masks/b.zip", zipped({"1.png": b"b"})),
        put(tmp_path, "masks/2.png.gz", gzip.compress(b"c")),
    ]
    found = tree(unpack.unpack(ones, tmp_path / "raw/Toy").root)
    assert found == {"1.png": b"a", "masks/1.png": b"b", "masks/2.png": b"c"}


def test_a_plain_file_is_copied_where_links_are_not_possible(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    one = put(tmp_path, "list.csv", b"1,2")
    assert tree(unpack.unpack([one], tmp_path / "raw/Toy").root) == {"list.csv": b"1,2"}


def test_a_plain_file_that_is_a_symbolic_link_gives_a_file(tmp_path):
    one = put(tmp_path, "list.csv", b"1,2")
    one[1].rename(tmp_path / "elsewhere")
    one[1].symlink_to(tmp_path / "elsewhere")
    root = unpack.unpack([one], tmp_path / "raw/Toy").root
    assert not (root / "list.csv").is_symlink()
    assert tree(root) == {"list.csv": b"1,2"}


def test_desktop_junk_is_left_out_and_counted(tmp_path):
    junk = {"__MACOSX/d/._a.txt": b"x", "d/._a.txt": b"x", ".DS_Store": b"x", "d/Thumbs.db": b"x"}
    for file in ("a.zip", "a.tar"):
        got = unpack.unpack([put(tmp_path, file, PACKERS[file]({**FILES, **junk}))], tmp_path / file[2:])
        assert tree(got.root) == FILES
        assert (got.files, got.junk) == (3, 4)


def test_only_members_that_match_are_unpacked(tmp_path):
    one = put(tmp_path, "a.zip", zipped({**FILES, "/evil": b""}), members=("d/*.bin", "c.*"))
    assert set(tree(unpack.unpack([one], tmp_path / "some").root)) == {"d/e/b.bin", "c.txt"}
    refused(tmp_path, "a.zip", zipped(FILES), r"no file in it matches \['\*\.nii'\]", members=("c.*", "*.nii"))
    refused(tmp_path, "a.csv", b"1", "`members` has no effect", members=("*",))


def test_patterns_of_members_ignore_capitals_and_the_encoding_of_accents(tmp_path):
    """Half of a dataset may end in .JPG; and a zip made on macOS has the accents apart from their letters."""
    files = {"images/1.JPG": b"1", "images/2.jpg": b"2", "e\u0301tude/3.png": b"3", "notes.txt": b""}
    one = put(tmp_path, "a.zip", zipped(files), members=("images/*.jpg", "\xe9tude/*"))
    found = tree(unpack.unpack([one], tmp_path / "raw").root)
    assert set(found) == files.keys() - {"notes.txt"}


def test_names_in_old_code_pages_and_with_backslashes(tmp_path):
    data = zipped({"n__me.txt": b"1", "d__b.txt": b"2"})
    data = data.replace(b"n__me.txt", "näme.txt".encode()).replace(b"d__b.txt", b"d\\\x8ab.txt")
    one = put(tmp_path, "a.zip", data)
    assert set(tree(unpack.unpack([one], tmp_path / "z").root)) == {"näme.txt", "d/èb.txt"}
    latin = tarred({"n\xe4me": b"1"}, format=tarfile.GNU_FORMAT, encoding="latin-1")
    one = put(tmp_path, "a.tar", latin)
    (name,) = tree(unpack.unpack([one], tmp_path / "t").root)
    assert name == b"n\xe4me".decode("cp437")
    assert name.encode("utf-8")


def test_the_setuid_bit_and_the_owner_are_not_copied(tmp_path):
    info = tarfile.TarInfo("tool")
    info.mode, info.uid = 0o6777, 12345
    inside = zipfile.ZipInfo("tool2")
    inside.external_attr = (stat.S_IFREG | 0o6777) << 16
    ones = [put(tmp_path, "a.tar", tarred({info: b"x"})), put(tmp_path, "a.zip", zipped({inside: b"x"}))]
    root = unpack.unpack(ones, tmp_path / "raw").root
    for name in ("tool", "tool2"):
        assert (root / name).stat().st_mode & 0o7111 == 0
        assert (root / name).stat().st_uid == os.getuid()


def test_a_bar_is_drawn_only_when_requested_or_on_a_terminal(tmp_path, capsys):
    one = put(tmp_path, "a.zip", zipped(NOISE))
    unpack.unpack([one], tmp_path / "1")
    assert capsys.readouterr().err == ""
    unpack.unpack([one], tmp_path / "2", progress=True)
    assert "a.zip" in capsys.readouterr().err


def test_the_same_archives_are_not_unpacked_twice(tmp_path, monkeypatch, capsys):
    one = put(tmp_path, "a.zip", zipped({**FILES, ".DS_Store": b""}))
    first = unpack.unpack([one], tmp_path / "raw/Toy")
    monkeypatch.setattr(unpack, "_unpack_one", None)
    assert unpack.unpack([one], tmp_path / "raw/Toy") == first
    assert "kept" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "raw").glob("[!.]*")] == ["Toy"]


@pytest.mark.parametrize("change", ["archive", "members", "unpack"])
def test_a_folder_of_other_archives_or_patterns_is_replaced(tmp_path, change):
    unpack.unpack([put(tmp_path, "a.zip", zipped({"old": b"1"}))], tmp_path / "raw/Toy")
    data = zipped({"new": b"2"} if change == "archive" else {"old": b"1"})
    facts = {"members": {"members": ("o*",)}, "unpack": {"unpack": False}}.get(change, {})
    root = unpack.unpack([put(tmp_path, "a.zip", data, **facts)], tmp_path / "raw/Toy").root
    assert set(tree(root)) == {{"archive": "new", "members": "old", "unpack": "a.zip"}[change]}
    assert not (tmp_path / "raw/.Toy.old").exists()


def test_a_failure_leaves_the_folder_as_it_was(tmp_path):
    unpack.unpack([put(tmp_path, "a.zip", zipped(FILES))], tmp_path / "raw/Toy")
    with pytest.raises(UnpackError):
        unpack.unpack([put(tmp_path, "a.zip", zipped(FILES)[:-50])], tmp_path / "raw/Toy")
    assert tree(tmp_path / "raw/Toy") == FILES


def test_a_folder_that_was_not_unpacked_here_is_not_touched(tmp_path):
    (tmp_path / "raw/Toy").mkdir(parents=True)
    (tmp_path / "raw/Toy/mine").write_text("precious")
    (tmp_path / "raw/Link").symlink_to(tmp_path / "raw/Toy")
    one = put(tmp_path, "a.zip", zipped(FILES))
    for name in ("Toy", "Link"):
        with pytest.raises(UnpackError, match="not unpacked here; move it away"):
            unpack.unpack([one], tmp_path / "raw" / name)
    assert (tmp_path / "raw/Toy/mine").read_text() == "precious"


def test_a_folder_moved_elsewhere_is_kept_but_never_replaced(tmp_path):
    one = put(tmp_path, "a.zip", zipped(FILES))
    unpack.unpack([one], tmp_path / "raw/Toy").root.rename(tmp_path / "large")
    (tmp_path / "raw/Toy").symlink_to(tmp_path / "large")
    assert tree(unpack.unpack([one], tmp_path / "raw/Toy").root / ".") == FILES
    with pytest.raises(UnpackError, match="move it away"):
        unpack.unpack([put(tmp_path, "a.zip", zipped({"new": b""}))], tmp_path / "raw/Toy")
    assert tree(tmp_path / "large") == FILES


def test_unpacked_files_must_have_the_digests_in_the_manifest(tmp_path):
    digest = "md5:" + hashlib.md5(b"alpha" * 50).hexdigest()
    one = put(tmp_path, "a.zip", zipped(FILES), digests={"d/a.txt": digest})
    assert tree(unpack.unpack([one], tmp_path / "raw/Toy").root) == FILES
    changed, missing = {"d/a.txt": "sha256:" + "0" * 64}, {"gone": digest}
    for digests, words in ((changed, "expected sha256:000"), (missing, "no archive contains 'gone'")):
        wrong = put(tmp_path, "a.zip", zipped(FILES), digests=digests)
        with pytest.raises(UnpackError, match=rf"Toy: .*{words}"):
            unpack.unpack([wrong], tmp_path / "new/Toy")
        assert not (tmp_path / "new/Toy").exists()


def test_a_file_with_a_valid_receipt_is_not_hashed_again(tmp_path, monkeypatch):
    source, path = put(tmp_path / "Toy", "a.zip", zipped(FILES))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    write_receipt(tmp_path / "r.json", "Toy", [Received("Toy", "a.zip", path.stat().st_size, sha256, "url", "x")])
    known_sha256 = recorded_sha256(tmp_path / "r.json", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(unpack.hashlib, "file_digest", None)
        unpack.unpack([(source, path)], tmp_path / "raw", known_sha256=known_sha256)
    note = json.loads((tmp_path / ".raw.unpacked.json").read_text())
    assert note["archives"][0]["sha256"] == sha256
    assert known_sha256(tmp_path / "other") is None
    path.write_bytes(zipped({"new": b""}))
    assert known_sha256(path) is None, "the file changed after the receipt"
    assert recorded_sha256(None, tmp_path)(path) is None
