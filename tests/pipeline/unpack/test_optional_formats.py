"""Archives that need more than the standard library: 7z, rar, encrypted, Deflate64, nested, cut into pieces."""

import hashlib
import io
import json
import struct
import zipfile
import zlib

import pytest
from archives import FILES, put, refused, tarred, tree, zipped

from pipeline.fetch.fetch import write_receipt
from pipeline.fetch.receipt import Received, received
from pipeline.manifest.source_file import SourceFile
from pipeline.unpack import optional_formats as exotic
from pipeline.unpack import unpack
from pipeline.unpack.split_archives import group_parts, whole
from pipeline.unpack.unpack import UnpackError

NOISE = {f"d/{n}": hashlib.sha256(bytes([n])).digest() * 500 for n in range(4)}


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sync", lambda: None)


def seven(files: dict[str, bytes], **options: object) -> bytes:
    py7zr = pytest.importorskip("py7zr")
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return out.getvalue()


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
    whole = bytearray(zipped({"x": packed}, zipfile.ZIP_STORED))
    for mark, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = whole.index(mark)
        whole[at + method] = 9
        struct.pack_into("<L", whole, at + method + 6, zlib.crc32(data))
        struct.pack_into("<L", whole, at + method + 14, len(data))
    return bytes(whole)


# --- kinds


@pytest.mark.parametrize(("file", "pack"), [("a.7z", seven), ("a.rar", rar)])
def test_the_same_tree(tmp_path, file, pack):
    pytest.importorskip("rarfile")
    files = {name: data for name, data in FILES.items() if data}
    got = unpack.unpack([put(tmp_path, file, pack(files))], tmp_path / "raw/Toy")
    assert tree(got.root) == files
    assert not (tmp_path / "raw/.Toy.scratch").exists()


@pytest.mark.parametrize(("file", "pack"), [("a.7z", seven), ("a.rar", rar)])
def test_only_members_that_match(tmp_path, file, pack):
    pytest.importorskip("rarfile")
    one = put(tmp_path, file, pack(NOISE), members=("d/1", "d/3"))
    assert tree(unpack.unpack([one], tmp_path / "raw").root) == {name: NOISE[name] for name in ("d/1", "d/3")}
    if pack is rar:  # py7zr writes no such thing
        refused(tmp_path, file, pack({"../evil": b"x"}), "leads out")


@pytest.mark.parametrize(("file", "pack"), [("a.7z", seven), ("a.rar", rar)])
def test_damage_is_named(tmp_path, file, pack):
    pytest.importorskip("rarfile")
    data = pack(NOISE)
    refused(tmp_path, file, data[: len(data) // 2], "damaged")
    refused(tmp_path, file, b"<!doctype html>" * 99, "damaged")
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    refused(tmp_path, file, bytes(flipped), "damaged|unpack it by hand")


def test_a_7z_may_not_grow_without_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MOST_BYTES", 1 << 20)
    refused(tmp_path, "a.7z", seven({"zeros": bytes(4 << 20)}), "over 1048576 bytes")


def test_a_rar_that_needs_a_program_says_which(tmp_path, monkeypatch):
    rarfile = pytest.importorskip("rarfile")

    def none(*_: object, **__: object) -> None:
        raise rarfile.RarCannotExec("Cannot find working tool")

    monkeypatch.setattr(rarfile.RarFile, "open", none)
    refused(tmp_path, "a.rar", rar(NOISE), "install unrar, unar or bsdtar")


@pytest.mark.parametrize(("file", "name"), [("a.7z", "py7zr"), ("a.rar", "rarfile")])
def test_a_missing_package_is_named(tmp_path, monkeypatch, file, name):
    def missing(wanted: str) -> None:
        raise ImportError(wanted)

    monkeypatch.setattr(exotic, "importlib", type("", (), {"import_module": staticmethod(missing)}))
    refused(tmp_path, file, b"x", rf"needs {name}: pip install '\.\[archives\]'")


def test_deflate64_as_windows_writes_it(tmp_path):
    data = bytes(range(256)) * 2000
    assert tree(unpack.unpack([put(tmp_path, "a.zip", deflate64(data))], tmp_path / "raw").root) == {"x": data}
    damaged = bytearray(deflate64(data))
    damaged[50] ^= 255
    refused(tmp_path, "a.zip", bytes(damaged), "damaged")


# --- passwords


@pytest.mark.parametrize("file", ["a.zip", "a.7z"])
def test_a_published_password_and_one_of_the_environment(tmp_path, monkeypatch, file):
    data = aes(NOISE, b"word@uestc") if file == "a.zip" else seven(NOISE, password="word@uestc")
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
    data = aes(NOISE, b"right") if file == "a.zip" else seven(NOISE, password="right")
    one = put(tmp_path, file, data, password="hush")
    with pytest.raises(UnpackError, match=r"password|damaged") as error:
        unpack.unpack([one], tmp_path / "raw")
    assert "hush" not in str(error.value)


# --- nested


def test_archives_in_archives_are_unpacked_where_they_lie(tmp_path):
    deep = zipped({"c.txt": b"c", "keep.zip": zipped({"x": b""})})
    data = zipped({"top/site_1.zip": zipped({"a/b.txt": b"b"}), "top/t.tar.gz": tarred({"in.zip": deep}, "w:gz")})
    one = put(tmp_path, "a.zip", data, nested=("*/site_*.zip", "*.tar.gz", "in.zip"))
    root = unpack.unpack([one], tmp_path / "raw").root
    assert set(tree(root)) == {"top/a/b.txt", "top/c.txt", "top/keep.zip"}
    plain = unpack.unpack([put(tmp_path, "a.zip", data)], tmp_path / "plain").root
    assert set(tree(plain)) == {"top/site_1.zip", "top/t.tar.gz"}


@pytest.mark.parametrize("name", ["../evil", "/evil"])
def test_an_inner_archive_is_no_safer_than_an_outer_one(tmp_path, name, monkeypatch):
    refused(tmp_path, "a.zip", zipped({"d/in.zip": zipped({name: b"x"})}), "evil' is ", nested=("*.zip",))
    monkeypatch.setattr(unpack, "MOST_BYTES", 1 << 20)
    bomb = zipped({"in.zip": zipped({"zeros": bytes(4 << 20)}, zipfile.ZIP_STORED)})
    refused(tmp_path, "b.zip", bomb, "over 1048576 bytes", nested=("*.zip",))


def test_nested_without_end_or_meaning(tmp_path):
    data = b"x"
    for _ in range(6):
        data = zipped({"in.zip": data})
    refused(tmp_path, "a.zip", data, "too deep", nested=("*.zip",))
    refused(tmp_path, "b.zip", zipped({"a.txt": b"x"}), "no archive", nested=("*.txt",))


# --- pieces


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
def test_what_is_a_piece_of_what(file, name):
    assert whole(file) == name


@pytest.mark.parametrize(
    ("file", "pack", "ends"),
    [
        ("x.tar.gz", lambda files: tarred(files, "w:gz"), [".aa", ".ab", ".ac"]),
        ("x.tar", tarred, [".partaa", ".partab", ".partac"]),
        ("x.zip", zipped, [".001", ".002", ".003"]),
        ("x.7z", seven, [".001", ".002", ".003"]),
    ],
)
def test_pieces_are_joined_in_order(tmp_path, file, pack, ends):
    data = pack(NOISE)
    third = len(data) // 3
    cuts = [data[:third], data[third : 2 * third], data[2 * third :]]
    ones = [put(tmp_path, file + end, cut) for end, cut in zip(ends, cuts, strict=True)]
    ones = [*ones[::-1], put(tmp_path, "list.csv", b"1")]
    assert tree(unpack.unpack(ones, tmp_path / "raw").root) == {**NOISE, "list.csv": b"1"}
    with pytest.raises(UnpackError, match=r"damaged"):
        unpack.unpack(ones[1:], tmp_path / "without the last")


def test_a_spanned_zip_counts_from_each_of_its_pieces(tmp_path):
    """As `zip -s` writes it: a mark first, and offsets from the beginning of the piece that a member begins in."""
    data = bytearray(b"PK\x07\x08" + zipped(NOISE))
    size = 2 * len(data) // 5
    cut = [0, size, 2 * size]
    at = data.index(b"PK\x01\x02")
    directory = at
    while data[at : at + 4] == b"PK\x01\x02":
        offset = struct.unpack_from("<L", data, at + 42)[0] + 4
        piece = max(number for number, start in enumerate(cut) if start <= offset)
        struct.pack_into("<H", data, at + 34, piece)
        struct.pack_into("<L", data, at + 42, offset - cut[piece])
        at += 46 + sum(struct.unpack_from("<HHH", data, at + 28))
    piece = max(number for number, start in enumerate(cut) if start <= directory)
    struct.pack_into("<HH", data, at + 4, 2, piece)
    struct.pack_into("<L", data, at + 16, directory - cut[piece])
    pieces = {"x.z01": data[:size], "x.z02": data[size : 2 * size], "x.zip": data[2 * size :]}
    ones = [put(tmp_path, name, bytes(pieces[name])) for name in ("x.zip", "x.z02", "x.z01")]
    assert tree(unpack.unpack(ones, tmp_path / "raw").root) == NOISE


def test_what_is_not_unpacked_is_no_piece(tmp_path):
    ones = [(SourceFile(file=f"x.zip.00{n}", get="ask", unpack=False), tmp_path) for n in (1, 2)]
    assert [source.file for source, _ in group_parts(ones)] == ["x.zip.001", "x.zip.002"]


# --- digests of what was in it


def test_digests_of_unpacked_files_are_held_against_them(tmp_path):
    digest = "md5:" + hashlib.md5(b"alpha" * 50).hexdigest()
    one = put(tmp_path, "a.zip", zipped(FILES), digests={"d/a.txt": digest})
    assert tree(unpack.unpack([one], tmp_path / "raw/Toy").root) == FILES
    wrongs = [({"d/a.txt": "sha256:" + "0" * 64}, "expected sha256:000"), ({"gone": digest}, "is in no archive")]
    for digests, words in wrongs:
        wrong = put(tmp_path, "a.zip", zipped(FILES), digests=digests)
        with pytest.raises(UnpackError, match=rf"Toy: .*{words}"):
            unpack.unpack([wrong], tmp_path / "new/Toy")
        assert not (tmp_path / "new/Toy").exists()


def test_what_a_receipt_vouches_for_is_not_read_twice(tmp_path, monkeypatch):
    source, path = put(tmp_path / "Toy", "a.zip", zipped(FILES))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    write_receipt(tmp_path / "r.json", "Toy", [Received("Toy", "a.zip", path.stat().st_size, sha256, "url", "x")])
    known = received(tmp_path / "r.json", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(unpack.hashlib, "file_digest", None)
        unpack.unpack([(source, path)], tmp_path / "raw", known=known)
    note = json.loads((tmp_path / ".raw.unpacked.json").read_text())
    assert note["archives"][0]["sha256"] == sha256
    assert known(tmp_path / "other") is None
    path.write_bytes(zipped({"new": b""}))
    assert known(path) is None, "changed since"
    assert received(None, tmp_path)(path) is None
