"""Damaged archives: every kind of damage is an error that says what to do, and leaves nothing."""

import gzip
import random
import shutil
import struct
import zlib
from pathlib import Path

import pytest
from archives import FILES, PACKERS, put, refused, source, tarred, tree, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.manifest.source_file import SourceFile
from pipeline.unpack import unpack
from pipeline.unpack.unpack import UnpackError


def test_a_missing_archive(tmp_path):
    with pytest.raises(UnpackError, match=r"gone\.zip: No such file"):
        unpack.unpack([(source("gone.zip"), tmp_path / "gone.zip")], tmp_path / "raw")


@pytest.mark.parametrize("file", [*PACKERS, "a.nii.gz"])
def test_an_error_page_or_an_empty_file_in_place_of_an_archive(tmp_path, file):
    refused(tmp_path, file, b"<!doctype html>" * 99, "damaged, truncated or not an archive .*fetch it again")
    refused(tmp_path, file, b"", "is empty; delete it and fetch it again")


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


def test_a_zip_with_a_wrong_size_in_its_header_is_damaged(tmp_path):
    size = 4 << 20
    data = zipped({"zeros": bytes(size)}).replace(struct.pack("<I", size), struct.pack("<I", 10))
    refused(tmp_path, "a.zip", data, "damaged.*delete it and fetch it again")


def test_a_damaged_tar_header_is_not_read_as_the_end(tmp_path):
    data = bytearray(tarred(FILES))
    data[data.index(b"d/e/b.bin") + 100] ^= 1
    refused(tmp_path, "a.tar", bytes(data), "damaged.*bad checksum")


def test_the_checksum_after_the_end_of_a_tar_is_checked(tmp_path):
    """A tar ends before its gz does, and the checksum of the gz is at its end."""
    data = bytearray(tarred(FILES, "w:gz"))
    data[-8:-4] = struct.pack("<I", zlib.crc32(b"another"))
    refused(tmp_path, "a.tar.gz", bytes(data), "CRC")


def attempt(one: tuple[SourceFile, Path], into: Path) -> str | None:
    """The message if it failed, else None."""
    try:
        unpack.unpack([one], into)
    except UnpackError as failure:
        return str(failure)
    return None


CONTENT = {f"d/{number}": random.Random(number).randbytes(400 * number) + b"a" * 400 for number in range(4)}
ARCHIVES = {file: pack(CONTENT) for file, pack in PACKERS.items()} | {"n.gz": gzip.compress(CONTENT["d/3"])}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(ARCHIVES)), st.floats(0, 1, exclude_max=True))
def test_a_truncated_archive_is_an_error_or_only_lacks_padding(tmp_path, file, share):
    """The end of a tar is padding, so a part of it may be missing."""
    shutil.rmtree(tmp_path, ignore_errors=True)
    one = put(tmp_path, file, ARCHIVES[file][: int(len(ARCHIVES[file]) * share)])
    expected = {"n": CONTENT["d/3"]} if file == "n.gz" else CONTENT
    failure = attempt(one, tmp_path / "raw")
    if failure is None:
        assert file == "a.tar"
        assert tree(tmp_path / "raw") == expected
    else:
        assert "fetch it again" in failure
        assert not (tmp_path / "raw").exists()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(ARCHIVES)), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_gives_no_other_error_than_unpack_error(tmp_path, file, share, bit):
    shutil.rmtree(tmp_path, ignore_errors=True)
    data = bytearray(ARCHIVES[file])
    data[int(len(data) * share)] ^= 1 << bit
    one = put(tmp_path, file, bytes(data))
    failure = attempt(one, tmp_path / "raw")
    assert failure is None or (str(one[1]) in failure and not (tmp_path / "raw").exists())
