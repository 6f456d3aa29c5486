"""Unpacking: the tree that the archive means, whole or not at all, and nothing that a stranger slipped in."""

import gzip
import os
import random
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from archives import FILES, put, refused, source, tarred, tree, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.manifest.source_file import SourceFile
from pipeline.unpack import unpack
from pipeline.unpack import zip_tar as archives
from pipeline.unpack.unpack import Inventory, UnpackError

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushing every disk of a busy machine takes seconds."""
    monkeypatch.setattr(os, "sync", lambda: None)


PACKED: dict[str, Callable[[Mapping[Any, bytes]], bytes]] = {
    "a.zip": zipped,
    "stored.ZIP": lambda files: zipped(files, zipfile.ZIP_STORED),
    "a.tar": tarred,
    "a.tar.gz": lambda files: tarred(files, "w:gz"),
    "a.tgz": lambda files: tarred(files, "w:gz"),
    "a.tar.bz2": lambda files: tarred(files, "w:bz2"),
    "a.tar.xz": lambda files: tarred(files, "w:xz"),
}


# --- what archives mean


@pytest.mark.parametrize("file", PACKED)
def test_every_kind_gives_the_same_tree(tmp_path, file):
    one = put(tmp_path, file, PACKED[file](FILES))
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


def test_an_archive_without_a_folder_of_its_own_gets_the_one_in_its_name(tmp_path):
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


def test_a_plain_file_that_is_a_link_gives_a_file(tmp_path):
    one = put(tmp_path, "list.csv", b"1,2")
    one[1].rename(tmp_path / "elsewhere")
    one[1].symlink_to(tmp_path / "elsewhere")
    root = unpack.unpack([one], tmp_path / "raw/Toy").root
    assert not (root / "list.csv").is_symlink()
    assert tree(root) == {"list.csv": b"1,2"}


def test_desktop_junk_is_left_out_and_counted(tmp_path):
    junk = {"__MACOSX/d/._a.txt": b"x", "d/._a.txt": b"x", ".DS_Store": b"x", "d/Thumbs.db": b"x"}
    for file in ("a.zip", "a.tar"):
        got = unpack.unpack([put(tmp_path, file, PACKED[file]({**FILES, **junk}))], tmp_path / file[2:])
        assert tree(got.root) == FILES
        assert (got.files, got.junk) == (3, 4)


def test_only_members_that_match_are_unpacked(tmp_path):
    one = put(tmp_path, "a.zip", zipped({**FILES, "/evil": b""}), members=("d/*.bin", "c.*"))
    assert set(tree(unpack.unpack([one], tmp_path / "some").root)) == {"d/e/b.bin", "c.txt"}
    refused(tmp_path, "a.zip", zipped(FILES), r"no file in it matches \['\*\.nii'\]", members=("c.*", "*.nii"))
    refused(tmp_path, "a.csv", b"1", "`members` has no meaning", members=("*",))


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


def test_no_setuid_bit_or_owner_comes_along(tmp_path):
    info = tarfile.TarInfo("tool")
    info.mode, info.uid = 0o6777, 12345
    inside = zipfile.ZipInfo("tool2")
    inside.external_attr = (stat.S_IFREG | 0o6777) << 16
    ones = [put(tmp_path, "a.tar", tarred({info: b"x"})), put(tmp_path, "a.zip", zipped({inside: b"x"}))]
    root = unpack.unpack(ones, tmp_path / "raw").root
    for name in ("tool", "tool2"):
        assert (root / name).stat().st_mode & 0o7111 == 0
        assert (root / name).stat().st_uid == os.getuid()


def test_a_bar_is_drawn_only_when_asked(tmp_path, capsys):
    one = put(tmp_path, "a.zip", zipped(FILES))
    unpack.unpack([one], tmp_path / "1")
    assert "%" not in capsys.readouterr().err
    unpack.unpack([one], tmp_path / "2", progress=True)
    assert "a.zip" in capsys.readouterr().err


# --- kept, replaced, not ours


def test_the_same_archives_are_not_unpacked_twice(tmp_path, monkeypatch, capsys):
    one = put(tmp_path, "a.zip", zipped({**FILES, ".DS_Store": b""}))
    first = unpack.unpack([one], tmp_path / "raw/Toy")
    monkeypatch.setattr(unpack, "_add", None)
    assert unpack.unpack([one], tmp_path / "raw/Toy") == first
    assert "kept" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "raw").glob("[!.]*")] == ["Toy"]


@pytest.mark.parametrize("change", ["archive", "members", "unpack"])
def test_other_archives_or_patterns_replace_it(tmp_path, change):
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


def test_a_folder_of_somebody_else_is_not_touched(tmp_path):
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


# --- strangers


def link(name: str, kind: bytes, to: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


BAD_NAMES = {
    "/etc/x": "an absolute path",
    "C:/x": "an absolute path",
    "c:x": "an absolute path",
    "../x": "leads out",
    "d/../../x": "leads out",
    "d/..": "leads out",
    "a\nb": "control characters",
    "a\x7fb": "control characters",
    "/".join("d" * 100): "longer than disks take",
    "n" * 300: "longer than disks take",
}


@pytest.mark.parametrize(("name", "reason"), BAD_NAMES.items(), ids=range(len(BAD_NAMES)))
@pytest.mark.parametrize("file", ["a.zip", "a.tar.gz"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, file, name, reason):
    refused(tmp_path, file, PACKED[file]({**FILES, name: b"x"}), f"{reason}.*; name the members")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "raw"]


def test_more_odd_names(tmp_path):
    refused(tmp_path, "a.zip", zipped({"d/..__x": b"x"}).replace(b"d/..__x", b"d\\..\\.x"), "leads out")
    refused(tmp_path, "b.zip", zipped({"a_b": b"x"}).replace(b"a_b", b"a\0b"), "control characters")
    refused(tmp_path, "a.tar", tarred({"a\\b": b"x"}), "backslashes")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (b"?", "unknown"),
    ],
)
def test_tar_members_that_are_no_files_are_refused(tmp_path, kind, what):
    refused(tmp_path, "a.tar", tarred({**FILES, link("d/l", kind): b""}), rf"'d/l' is .*{what}.*; name the members")


@pytest.mark.parametrize(("kind", "what"), [(stat.S_IFLNK, "a symbolic link"), (stat.S_IFCHR, "a device")])
def test_zip_members_that_are_no_files_are_refused(tmp_path, kind, what):
    info = zipfile.ZipInfo("d/l")
    info.external_attr = (kind | 0o777) << 16
    refused(tmp_path, "a.zip", zipped({**FILES, info: b"/etc/passwd"}), f"'d/l' is {what}")


@pytest.mark.parametrize("file", ["a.zip", "a.tar"])
def test_a_path_may_be_there_once(tmp_path, file):
    refused(tmp_path, file, PACKED[file]({"./x": b"1", "x": b"2"}), "'x' is there twice")
    refused(tmp_path, file, PACKED[file]({"x": b"1", "x/y": b"2"}), "both file and folder")


def test_two_archives_may_not_have_the_same_path(tmp_path):
    ones = [put(tmp_path, file, zipped({"x": b""})) for file in ("a.zip", "b.zip")]
    with pytest.raises(UnpackError, match=r"b\.zip: 'x' is there twice"):
        unpack.unpack(ones, tmp_path / "raw")
    same = [put(tmp_path / folder, "x.csv", b"") for folder in "pq"]
    with pytest.raises(UnpackError, match=r"another archive has a file 'x\.csv'"):
        unpack.unpack(same, tmp_path / "raw")


@pytest.mark.parametrize("file", ["a.zip", "a.tar.gz", "a.gz"])
def test_an_archive_may_not_grow_without_bound(tmp_path, file, monkeypatch):
    monkeypatch.setattr(unpack, "MOST_BYTES", 1 << 20)
    data = gzip.compress(bytes(4 << 20)) if file == "a.gz" else PACKED[file]({"zeros": bytes(4 << 20)})
    refused(tmp_path, file, data, r"over 1048576 bytes, which looks made to fill the disk")


def test_a_zip_that_lies_about_sizes_is_damaged(tmp_path):
    size = 4 << 20
    data = zipped({"zeros": bytes(size)}).replace(struct.pack("<I", size), struct.pack("<I", 10))
    refused(tmp_path, "a.zip", data, "damaged.*delete it and fetch it again")


def test_an_archive_may_not_grow_beyond_the_disk(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda _: usage._replace(free=100))
    refused(tmp_path, "a.zip", zipped(FILES), "over 100 bytes, all that the disk has free; make room")


def test_a_disk_that_fills_up(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28), "x")

    monkeypatch.setattr(unpack, "_writing", full)
    refused(tmp_path, "a.zip", zipped(FILES), "No space left on device .*; make room")


def test_an_archive_may_not_have_members_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MOST_MEMBERS", 10)
    refused(tmp_path, "a.tar", tarred({str(number): b"" for number in range(11)}), "more than 10 members")


def test_a_tar_may_not_have_headers_that_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_HEADER", 1000)
    refused(tmp_path, "a.tar", tarred({"n" * 3000: b""}, format=tarfile.GNU_FORMAT), "a tar header of 3001 bytes")


def test_an_encrypted_zip(tmp_path):
    data = bytearray(zipped({"x": b"1"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    refused(tmp_path, "a.zip", bytes(data), "'x' is encrypted, and there is no password: give its `password`")


def test_a_zip_of_an_unknown_method(tmp_path):
    data = bytearray(zipped({"x": b"1"}))
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + offset] = 97  # WavPack
    refused(tmp_path, "a.zip", bytes(data), "compression.*pack it as a plain .zip")


@pytest.mark.parametrize("file", [*PACKED, "a.nii.gz"])
def test_an_error_page_or_an_empty_file_in_place_of_an_archive(tmp_path, file):
    refused(tmp_path, file, b"<!doctype html>" * 99, "damaged, cut short or no archive .*fetch it again")
    refused(tmp_path, file, b"", "is empty; delete it and fetch it again")


def test_an_archive_that_is_not_there(tmp_path):
    with pytest.raises(UnpackError, match=r"gone\.zip: No such file"):
        unpack.unpack([(source("gone.zip"), tmp_path / "gone.zip")], tmp_path / "raw")


def test_a_damaged_tar_header_is_not_taken_for_the_end(tmp_path):
    data = bytearray(tarred(FILES))
    data[data.index(b"d/e/b.bin") + 100] ^= 1
    refused(tmp_path, "a.tar", bytes(data), "damaged.*bad checksum")


def attempt(one: tuple[SourceFile, Path], into: Path) -> str | None:
    """The message if it failed."""
    try:
        unpack.unpack([one], into)
    except UnpackError as failure:
        return str(failure)
    return None


NOISE = {f"d/{number}": random.Random(number).randbytes(400 * number) + b"a" * 400 for number in range(4)}
WHOLE = {file: pack(NOISE) for file, pack in PACKED.items()} | {"n.gz": gzip.compress(NOISE["d/3"])}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(WHOLE)), st.floats(0, 1, exclude_max=True))
def test_cut_short_is_an_error_or_changes_nothing(tmp_path, file, share):
    """The end of a tar may be missing in part: it is padding."""
    shutil.rmtree(tmp_path, ignore_errors=True)
    one = put(tmp_path, file, WHOLE[file][: int(len(WHOLE[file]) * share)])
    expected = {"n": NOISE["d/3"]} if file == "n.gz" else NOISE
    failure = attempt(one, tmp_path / "raw")
    if failure is None:
        assert file == "a.tar"
        assert tree(tmp_path / "raw") == expected
    else:
        assert "fetch it again" in failure
        assert not (tmp_path / "raw").exists()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(WHOLE)), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_is_an_unpack_error_at_worst(tmp_path, file, share, bit):
    shutil.rmtree(tmp_path, ignore_errors=True)
    data = bytearray(WHOLE[file])
    data[int(len(data) * share)] ^= 1 << bit
    one = put(tmp_path, file, bytes(data))
    failure = attempt(one, tmp_path / "raw")
    assert failure is None or (str(one[1]) in failure and not (tmp_path / "raw").exists())


# --- killed

SCRIPT = """
import sys, time
from pathlib import Path
from pipeline.unpack import unpack
real = unpack._writing
def slow(*args):
    time.sleep(0.02)
    yield from real(*args)
unpack._writing = slow
unpack.unpack([(SourceFile(file="a.zip", url="http://x"), Path(sys.argv[1]))], Path(sys.argv[2]))
"""


def test_a_kill_in_the_middle_leaves_nothing_that_a_second_run_minds(tmp_path):
    files = {f"{number:03}.txt": str(number).encode() for number in range(200)}
    one = put(tmp_path, "a.zip", zipped(files), name=None)
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(one[1]), str(tmp_path / "raw/Toy")], cwd=ROOT)
    part = tmp_path / "raw/.Toy.part"
    while not (part.exists() and any(part.iterdir())):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert part.exists()
    assert not (tmp_path / "raw/Toy").exists()
    got = unpack.unpack([one], tmp_path / "raw/Toy")
    assert tree(got.root) == files
    assert not part.exists()


@pytest.mark.parametrize("step", ["replace", "sync"])
def test_a_stop_between_the_last_steps_is_mended(tmp_path, step, monkeypatch):
    """After each step of putting the new folder in place, what is under the final names agrees or is absent."""
    unpack.unpack([put(tmp_path, "a.zip", zipped({"old": b"1"}))], tmp_path / "raw/Toy")
    new = put(tmp_path, "a.zip", zipped({"new": b"2"}))
    real, calls = Path.replace, []

    def stopped(*args: Any) -> Any:
        calls.append(args)
        if step == "sync" or len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "sync") if step == "sync" else (Path, "replace")), stopped)
        with pytest.raises(KeyboardInterrupt):
            unpack.unpack([new], tmp_path / "raw/Toy")
    assert not (tmp_path / "raw/Toy").exists()
    assert tree(unpack.unpack([new], tmp_path / "raw/Toy").root) == {"new": b"2"}


def test_zlib_is_checked_to_the_last_byte(tmp_path):
    """A tar ends before its gz does: the checksum behind it counts too."""
    data = bytearray(tarred(FILES, "w:gz"))
    data[-8:-4] = struct.pack("<I", zlib.crc32(b"another"))
    refused(tmp_path, "a.tar.gz", bytes(data), "CRC")
