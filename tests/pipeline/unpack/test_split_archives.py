"""Archives that are split into several files."""

import struct

import pytest
from archives import NOISE, put, seven_zipped, tarred, tree, zipped

from pipeline.manifest.source_file import SourceFile
from pipeline.unpack import unpack
from pipeline.unpack.split_archives import archive_name, group_parts
from pipeline.unpack.unpack import UnpackError


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("x.tar.gz.aa", "x.tar.gz"),
        ("x.tar.gz.partab", "x.tar.gz"),
        ("x.zip.001", "x.zip"),
        ("x.7z.002", "x.7z"),
        ("x.z01", "x.zip"),
        ("x.zip", "x.zip"),
        ("x.nii.gz", "x.nii.gz"),
        ("x.csv", "x.csv"),
        ("x.001", "x.001"),
    ],
)
def test_the_archive_that_a_part_belongs_to(file, name):
    assert archive_name(file) == name


@pytest.mark.parametrize(
    ("file", "pack", "ends"),
    [
        ("x.tar.gz", lambda files: tarred(files, "w:gz"), [".aa", ".ab", ".ac"]),
        ("x.tar", tarred, [".partaa", ".partab", ".partac"]),
        ("x.zip", zipped, [".001", ".002", ".003"]),
        ("x.7z", seven_zipped, [".001", ".002", ".003"]),
    ],
)
def test_parts_are_joined_in_order(tmp_path, file, pack, ends):
    data = pack(NOISE)
    third = len(data) // 3
    cuts = [data[:third], data[third : 2 * third], data[2 * third :]]
    ones = [put(tmp_path, file + end, cut) for end, cut in zip(ends, cuts, strict=True)]
    ones = [*ones[::-1], put(tmp_path, "list.csv", b"1")]
    assert tree(unpack.unpack(ones, tmp_path / "raw").root) == {**NOISE, "list.csv": b"1"}
    with pytest.raises(UnpackError, match=r"damaged"):
        unpack.unpack(ones[1:], tmp_path / "without the last")


def test_a_spanned_zip_counts_from_the_start_of_each_part(tmp_path):
    """As `zip -s` writes it: first a mark, then offsets from the start of the part that a member begins in."""
    data = bytearray(b"PK\x07\x08" + zipped(NOISE))
    size = 2 * len(data) // 5
    cut = [0, size, 2 * size]
    at = data.index(b"PK\x01\x02")
    directory = at
    while data[at : at + 4] == b"PK\x01\x02":
        offset = struct.unpack_from("<L", data, at + 42)[0] + 4
        part = max(number for number, start in enumerate(cut) if start <= offset)
        struct.pack_into("<H", data, at + 34, part)
        struct.pack_into("<L", data, at + 42, offset - cut[part])
        at += 46 + sum(struct.unpack_from("<HHH", data, at + 28))
    part = max(number for number, start in enumerate(cut) if start <= directory)
    struct.pack_into("<HH", data, at + 4, 2, part)
    struct.pack_into("<L", data, at + 16, directory - cut[part])
    parts = {"x.z01": data[:size], "x.z02": data[size : 2 * size], "x.zip": data[2 * size :]}
    ones = [put(tmp_path, name, bytes(parts[name])) for name in ("x.zip", "x.z02", "x.z01")]
    assert tree(unpack.unpack(ones, tmp_path / "raw").root) == NOISE


def test_a_file_that_is_not_unpacked_is_no_part(tmp_path):
    ones = [(SourceFile(file=f"x.zip.00{n}", get="ask", unpack=False), tmp_path) for n in (1, 2)]
    assert [source.file for source, _ in group_parts(ones)] == ["x.zip.001", "x.zip.002"]
