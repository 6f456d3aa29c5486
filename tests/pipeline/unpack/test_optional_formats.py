"""Archives that need an extra package: 7z, rar, encrypted zip and Deflate64."""

import io
import struct
import zipfile
import zlib

import pytest
from archives import FILES, NOISE, put, refused, seven_zipped, tree, zipped

from pipeline.unpack import optional_formats, unpack
from pipeline.unpack.unpack import UnpackError


def aes(files: dict[str, bytes], password: bytes) -> bytes:
    pyzipper = pytest.importorskip("pyzipper")
    out = io.BytesIO()
    with pyzipper.AESZipFile(out, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password)
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def rar(files: dict[str, bytes]) -> bytes:
    """A rar of version 3 with stored members: a mark, an archive header, and a header before each member."""

    def block(kind: int, flags: int, body: bytes) -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head

    out = b"Rar!\x1a\x07\x00" + block(0x73, 0, bytes(6))
    for name, data in files.items():
        facts = (len(data), len(data), 3, zlib.crc32(data), 0x21 << 16, 29, 0x30, len(name), 0o644)
        sizes = struct.pack("<LLBLLBBHL", *facts)
        out += block(0x74, 0x8000, sizes + name.encode()) + data
    return out + block(0x7B, 0x4000, b"")


def deflate64(data: bytes) -> bytes:
    """A zip with one member of method 9."""
    deflater = pytest.importorskip("inflate64").Deflater()
    packed = deflater.deflate(data) + deflater.flush()
    archive = bytearray(zipped({"x": packed}, zipfile.ZIP_STORED))
    for mark, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = archive.index(mark)
        archive[at + method] = 9
        struct.pack_into("<L", archive, at + method + 6, zlib.crc32(data))
        struct.pack_into("<L", archive, at + method + 14, len(data))
    return bytes(archive)


@pytest.mark.parametrize(("file", "pack"), [("a.7z", seven_zipped), ("a.rar", rar)])
def test_every_format_gives_the_same_tree(tmp_path, file, pack):
    pytest.importorskip("rarfile")
    files = {name: data for name, data in FILES.items() if data}
    got = unpack.unpack([put(tmp_path, file, pack(files))], tmp_path / "raw/Toy")
    assert tree(got.root) == files
    assert not (tmp_path / "raw/.Toy.scratch").exists()


@pytest.mark.parametrize(("file", "pack"), [("a.7z", seven_zipped), ("a.rar", rar)])
def test_only_members_that_match(tmp_path, file, pack):
    pytest.importorskip("rarfile")
    one = put(tmp_path, file, pack(NOISE), members=("d/1", "d/3"))
    assert tree(unpack.unpack([one], tmp_path / "raw").root) == {name: NOISE[name] for name in ("d/1", "d/3")}
    if pack is rar:  # py7zr cannot write such a name
        refused(tmp_path, file, pack({"../evil": b"x"}), "leads out")


@pytest.mark.parametrize(("file", "pack"), [("a.7z", seven_zipped), ("a.rar", rar)])
def test_damage_is_reported(tmp_path, file, pack):
    pytest.importorskip("rarfile")
    data = pack(NOISE)
    refused(tmp_path, file, data[: len(data) // 2], "damaged")
    refused(tmp_path, file, b"<!doctype html>" * 99, "damaged")
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    refused(tmp_path, file, bytes(flipped), "damaged|unpack it by hand")


def test_the_unpacked_size_of_a_7z_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_BYTES", 1 << 20)
    refused(tmp_path, "a.7z", seven_zipped({"zeros": bytes(4 << 20)}), "more than 1048576 bytes")


def test_a_rar_that_needs_a_program_says_which(tmp_path, monkeypatch):
    rarfile = pytest.importorskip("rarfile")

    def none(*_: object, **__: object) -> None:
        raise rarfile.RarCannotExec("Cannot find working tool")

    monkeypatch.setattr(rarfile.RarFile, "open", none)
    refused(tmp_path, "a.rar", rar(NOISE), "install unrar, unar or bsdtar")


@pytest.mark.parametrize(("file", "name"), [("a.7z", "py7zr"), ("a.rar", "rarfile")])
def test_a_missing_package_is_reported(tmp_path, monkeypatch, file, name):
    def missing(wanted: str) -> None:
        raise ImportError(wanted)

    monkeypatch.setattr(optional_formats, "importlib", type("", (), {"import_module": staticmethod(missing)}))
    refused(tmp_path, file, b"x", rf"needs {name}: pip install '\.\[archives\]'")


def test_deflate64_as_windows_writes_it(tmp_path):
    data = bytes(range(256)) * 2000
    assert tree(unpack.unpack([put(tmp_path, "a.zip", deflate64(data))], tmp_path / "raw").root) == {"x": data}
    damaged = bytearray(deflate64(data))
    damaged[50] ^= 255
    refused(tmp_path, "a.zip", bytes(damaged), "damaged")


@pytest.mark.parametrize("file", ["a.zip", "a.7z"])
def test_passwords_from_the_manifest_and_from_the_environment(tmp_path, monkeypatch, file):
    data = aes(NOISE, b"word@uestc") if file == "a.zip" else seven_zipped(NOISE, password="word@uestc")
    published = put(tmp_path, file, data, password="word@uestc")
    assert tree(unpack.unpack([published], tmp_path / "1").root) == NOISE
    monkeypatch.setenv("TOY_PASSWORD", "word@uestc")
    hidden = put(tmp_path, file, data, password="$TOY_PASSWORD")
    assert tree(unpack.unpack([hidden], tmp_path / "2").root) == NOISE
    assert b"word@uestc" not in b"".join(path.read_bytes() for path in tmp_path.glob(".2.*"))
    monkeypatch.delenv("TOY_PASSWORD")
    refused(tmp_path, file, data, "set the environment variable TOY_PASSWORD", password="$TOY_PASSWORD")
    refused(tmp_path, file, data, "give its `password` in the manifest")


@pytest.mark.parametrize("file", ["a.zip", "a.7z"])
def test_a_wrong_password_is_not_shown(tmp_path, file):
    data = aes(NOISE, b"right") if file == "a.zip" else seven_zipped(NOISE, password="right")
    one = put(tmp_path, file, data, password="hush")
    with pytest.raises(UnpackError, match=r"password|damaged") as error:
        unpack.unpack([one], tmp_path / "raw")
    assert "hush" not in str(error.value)
