"""Archives from strangers: unsafe names, links, devices and sizes without limit are refused, and leave nothing."""

import gzip
import os
import shutil
import stat
import tarfile
import zipfile

import pytest
from archives import FILES, PACKERS, put, refused, seven_zipped, tarred, zipped

from pipeline.unpack import unpack, zip_tar
from pipeline.unpack.unpack import UnpackError


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
    "/".join("d" * 100): "too long for file systems",
    "n" * 300: "too long for file systems",
}


@pytest.mark.parametrize(("name", "reason"), BAD_NAMES.items(), ids=range(len(BAD_NAMES)))
@pytest.mark.parametrize("file", ["a.zip", "a.tar.gz"])
def test_unsafe_names_are_refused(tmp_path, file, name, reason):
    refused(tmp_path, file, PACKERS[file]({**FILES, name: b"x"}), f"{reason}.*; list the members")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "raw"]


def test_unsafe_names_that_the_libraries_would_change(tmp_path):
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
def test_tar_members_that_are_not_files_are_refused(tmp_path, kind, what):
    refused(tmp_path, "a.tar", tarred({**FILES, link("d/l", kind): b""}), rf"'d/l' is .*{what}.*; list the members")


@pytest.mark.parametrize(("kind", "what"), [(stat.S_IFLNK, "a symbolic link"), (stat.S_IFCHR, "a device")])
def test_zip_members_that_are_not_files_are_refused(tmp_path, kind, what):
    info = zipfile.ZipInfo("d/l")
    info.external_attr = (kind | 0o777) << 16
    refused(tmp_path, "a.zip", zipped({**FILES, info: b"/etc/passwd"}), f"'d/l' is {what}")


@pytest.mark.parametrize("file", ["a.zip", "a.tar"])
def test_a_path_may_occur_once(tmp_path, file):
    refused(tmp_path, file, PACKERS[file]({"./x": b"1", "x": b"2"}), "'x' occurs twice")
    refused(tmp_path, file, PACKERS[file]({"x": b"1", "x/y": b"2"}), "both a file and a folder")


def test_two_archives_may_not_have_the_same_path(tmp_path):
    ones = [put(tmp_path, file, zipped({"x": b""})) for file in ("a.zip", "b.zip")]
    with pytest.raises(UnpackError, match=r"b\.zip: 'x' occurs twice"):
        unpack.unpack(ones, tmp_path / "raw")
    same = [put(tmp_path / folder, "x.csv", b"") for folder in "pq"]
    with pytest.raises(UnpackError, match=r"another archive has a file 'x\.csv'"):
        unpack.unpack(same, tmp_path / "raw")


@pytest.mark.parametrize("file", ["a.zip", "a.tar.gz", "a.gz"])
def test_the_unpacked_size_is_limited(tmp_path, file, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_BYTES", 1 << 20)
    data = gzip.compress(bytes(4 << 20)) if file == "a.gz" else PACKERS[file]({"zeros": bytes(4 << 20)})
    refused(tmp_path, file, data, "more than 1048576 bytes .*made to fill the disk")


LABELS = {f"labels/{n}.nii": bytes(1 << 20) for n in range(3)}  # compresses a thousandfold, as label maps do


@pytest.mark.parametrize("file", ["a.zip", "a.tar.gz", "a.7z"])
def test_the_manifest_can_raise_or_lower_the_limit_of_the_unpacked_size(tmp_path, file, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_BYTES", 1 << 20)
    data = seven_zipped(LABELS) if file == "a.7z" else PACKERS[file](LABELS)
    assert len(data) * unpack.MAX_RATIO < 3 << 20
    states = "; its headers state 3145728 bytes" if file == "a.zip" else ""
    refused(
        tmp_path,
        file,
        data,
        rf"more than 1048576 bytes \(at 'labels/.\.nii'{states}\): .*`unpacked_bytes` of this file",
    )
    one = put(tmp_path / "in", file, data, unpacked_bytes=3 << 20)
    assert unpack.unpack([one], tmp_path / "large").bytes == 3 << 20
    words = r"more than 3145727 bytes .*that is its `unpacked_bytes` in the manifest"
    refused(tmp_path, file, data, words, unpacked_bytes=(3 << 20) - 1)


def test_the_limit_holds_for_inner_archives_too(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_BYTES", 1 << 20)
    data = zipped({"in.zip": zipped(LABELS)})
    refused(tmp_path, "a.zip", data, "`unpacked_bytes` of this file", nested=("*.zip",))
    one = put(tmp_path / "in", "a.zip", data, nested=("*.zip",), unpacked_bytes=3 << 20)
    assert unpack.unpack([one], tmp_path / "large").files == 3


def test_an_archive_may_not_need_more_than_the_free_disk(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda _: usage._replace(free=100))
    refused(tmp_path, "a.zip", zipped(FILES), "more than 100 bytes .*no more is free on the disk")


def test_a_full_disk(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28), "x")

    monkeypatch.setattr(unpack, "_write", full)
    refused(tmp_path, "a.zip", zipped(FILES), "No space left on device .*; free some disk space")


def test_the_number_of_members_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_MEMBERS", 10)
    refused(tmp_path, "a.tar", tarred({str(number): b"" for number in range(11)}), "more than 10 members")


def test_the_size_of_tar_headers_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_tar, "MAX_HEADER_BYTES", 1000)
    refused(tmp_path, "a.tar", tarred({"n" * 3000: b""}, format=tarfile.GNU_FORMAT), "a tar header of 3001 bytes")
