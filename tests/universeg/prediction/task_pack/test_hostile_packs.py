"""Packs from strangers: each attack ends with a sentence, and nothing outside the temporary folder is written."""

import gzip
import hashlib
import io
import json
import stat
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from task_pack_pictures import picture

from universeg.imageio.image import ImageError, LoadedImage
from universeg.prediction.labels import Label
from universeg.prediction.task_pack import bounded_zip, facts
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.facts import Example, Facts
from universeg.prediction.task_pack.pack_file import check_pixels, open_pack, write_pack
from universeg.prediction.task_pack.pixel_files import write_pair


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The members of a pack of two examples."""
    folder, examples = tmp_path_factory.mktemp("good"), []
    for number in range(2):
        image, mask = picture(number)
        examples.append(Example(f"p{number}", *write_pair(folder, f"p{number}", LoadedImage(image, (1.0, 1.0)), mask)))
    facts = Facts("cells", (Label(1, "cell", (255, 0, 0)),), tuple(examples), licences=("CC0",))
    write_pack(folder / "good.zip", facts, folder)
    with zipfile.ZipFile(folder / "good.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def pack_of(tmp_path):
    """`pack_of(members)` writes a zip file; keys are names or ZipInfo."""

    def write(members, packing=zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w", packing) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return tmp_path / "bad.zip"

    return write


def refused(path):
    """The message of the error when the pack is opened."""
    with pytest.raises(PackError) as caught, open_pack(path):
        pytest.fail("a hostile pack was opened")
    assert str(path) in str(caught.value)
    return str(caught.value)


def refused_pixels(path):
    """The message of the error when the images of the pack are read."""
    with open_pack(path) as pack, pytest.raises((PackError, ImageError)) as caught:
        check_pixels(pack)
    return str(caught.value)


def with_member(good, name, data):
    """The members with one replaced, and its digest in task.json corrected."""
    value = json.loads(good["task.json"])
    value["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {**good, name: data, "task.json": json.dumps(value).encode()}


def with_facts(good, **changes):
    return {**good, "task.json": json.dumps({**json.loads(good["task.json"]), **changes}).encode()}


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "/tmp/evil.png", "images/../../evil.png", "C:evil.png", "images\\evil.png", "images/a\n.png"],
)
def test_names_that_lead_out_of_the_folder(good, pack_of, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    message = refused(pack_of({**good, name: b"x"}))
    assert "leads out of the folder" in message or "does not belong" in message
    assert sorted(tmp_path.rglob("*")) == [*sorted([*before, tmp_path / "bad.zip"])]


@pytest.mark.parametrize("name", ["run.py", "images/x.svg", "images/deep/x.png", "weights.pt", "images/x.pkl"])
def test_members_that_do_not_belong(good, pack_of, name):
    assert "does not belong here" in refused(pack_of({**good, name: b"x"}))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices(good, pack_of, kind):
    link = zipfile.ZipInfo("images/link.png")
    link.create_system, link.external_attr = 3, (kind | 0o777) << 16
    assert "is a link or a device" in refused(pack_of({**good, link: b"/etc/passwd"}))


def test_the_same_name_twice(good, pack_of):
    value = json.loads(good["task.json"])
    value["examples"].append({"name": "P0", "image": "images/P0.png", "mask": "masks/P0.png"})
    doubled = {**good, "task.json": json.dumps(value).encode()}
    for name in ("images/P0.png", "masks/P0.png"):  # one file where case does not count
        doubled = with_member(doubled, name, b"x")
    assert "is there twice" in refused(pack_of(doubled))


def test_thousands_of_members(good, pack_of):
    many = {f"images/{number}.png": b"" for number in range(bounded_zip.MOST_MEMBERS + 1)}
    assert "expected at most" in refused(pack_of({**good, **many}))


def test_a_bomb_that_is_not_listed(good, pack_of):
    message = refused(pack_of({**good, "images/p0.png": bytes(1_000_000)}, zipfile.ZIP_DEFLATED))
    assert f"1000000 bytes, more than {len(good['images/p0.png'])}" in message


def test_a_bomb_that_is_listed(good, pack_of, monkeypatch):
    monkeypatch.setattr("universeg.prediction.task_pack.pack_file.MOST_PIXELS_FILE", 100_000)
    listed = with_member(good, "images/p0.png", bytes(1_000_000))
    assert "1000000 bytes, more than 100000" in refused(pack_of(listed, zipfile.ZIP_DEFLATED))


def test_a_bomb_that_lists_a_small_size_gives_no_more_than_that(good, pack_of):
    """The directory of the zip file is forged: it says 10 bytes where a million come."""
    path = pack_of(with_member(good, "images/p0.png", bytes(1_000_000)), zipfile.ZIP_DEFLATED)
    data = path.read_bytes().replace(struct.pack("<L", 1_000_000), struct.pack("<L", 10))
    path.write_bytes(data)
    assert "damaged" in refused(path)


def test_nothing_is_unpacked_of_a_pack_with_invalid_facts(good, pack_of, monkeypatch):
    monkeypatch.setattr("universeg.prediction.task_pack.pack_file.unpack", lambda *_: pytest.fail("it was unpacked"))
    refused(pack_of({**good, "task.json": b"{}"}))


def test_many_members_that_are_small_alone(good, pack_of, monkeypatch):
    monkeypatch.setattr(bounded_zip, "MOST_BYTES", 1000)
    assert "expected at most" in refused(pack_of(good))


def test_a_changed_picture(good, pack_of):
    changed = {**good, "images/p1.png": good["images/p0.png"]}
    assert "images/p1.png" in refused(pack_of(changed))
    other = bytearray(good["images/p1.png"])
    other[-20] ^= 1  # of the same size
    message = refused(pack_of({**good, "images/p1.png": bytes(other)}))
    assert "images/p1.png: missing, or not as task.json says" in message


def test_a_missing_and_an_extra_picture(good, pack_of):
    fewer = {name: data for name, data in good.items() if name != "masks/p0.png"}
    assert "masks/p0.png: missing" in refused(pack_of(fewer))
    assert "'images/extra.png' does not belong here" in refused(pack_of({**good, "images/extra.png": b"x"}))


def test_flipped_bits_in_the_file(good, pack_of):
    path = pack_of(good)
    data = bytearray(path.read_bytes())
    at = data.find(good["images/p0.png"]) + 40
    data[at] ^= 1
    path.write_bytes(data)
    assert "damaged" in refused(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"format": ' + b"9" * 100_000 + b"}", "not valid JSON"),
        (b'{"format": NaN}', "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[]", "names no format"),
        (b'{"format": "universeg-task-99"}', "install a newer universeg"),
        (b'{"format": "universeg-task-1"}', "missing or unexpected"),
        (b" " * (facts.MOST_FACTS + 1), "bytes, more than"),
    ],
    ids=["deep", "number", "nan", "bytes", "list", "version", "empty", "large"],
)
def test_hostile_json(good, pack_of, text, told):
    assert told in refused(pack_of({**good, "task.json": text}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"examples": []}, "at least one label and one example"),
        ({"labels": [{"value": 7, "name": "x", "colour": [1, 2, 3]}]}, "has the value 7"),
        ({"labels": [{"value": 1, "name": "x", "colour": [1, 2, 300]}]}, "300"),
        ({"labels": [{"value": 1, "name": "x" * 5000, "colour": [1, 2, 3]}]}, "at most 2000 characters"),
        ({"name": "../x"}, "is not a name"),
        ({"examples": [{"name": "a", "image": "images/p0.png", "mask": "images/p0.png"}]}, "do not agree"),
        ({"examples": {"a": 1}}, "expected a list"),
        ({"examples": [{"name": "a"}]}, "is missing"),
        ({"settings": {"size": {"a": 1}}}, "expected a plain value"),
        ({"files": {"images/p0.png": {"bytes": 1, "sha256": "abc"}}}, "expected a SHA-256"),
        ({"files": 5}, "is not that of a task pack"),
        ({"surprise": 1}, "missing or unexpected: surprise"),
    ],
)
def test_facts_that_make_no_sense(good, pack_of, changes, told):
    assert told in refused(pack_of(with_facts(good, **changes)))


@pytest.mark.parametrize("settings", [{"code": "x"}, {"size": "large"}, {"size": -1}, {"seed": 3}])
def test_settings_of_another_version(good, pack_of, settings):
    with open_pack(pack_of(with_facts(good, settings=settings))) as pack, pytest.raises(PackError, match=r"bad\.zip"):
        _ = pack.settings


def test_a_picture_that_claims_to_be_huge(good, pack_of):
    def chunk(kind, data):
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">LLBBBBB", 1 << 20, 1 << 20, 8, 0, 0, 0, 0))
    huge = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    assert "pixels" in refused_pixels(pack_of(with_member(good, "images/p0.png", huge)))


def test_a_volume_that_claims_to_be_huge(good, pack_of):
    header = bytearray(352)
    header[:4], header[344:348] = struct.pack("<L", 348), b"n+1\0"
    header[40:56] = struct.pack("<8h", 3, 30000, 30000, 30000, 1, 1, 1, 1)
    header[70:74], header[108:112] = struct.pack("<hh", 2, 8), struct.pack("<f", 352)

    value = json.loads(good["task.json"])
    value["examples"][0]["image"] = "images/p0.nii.gz"
    value["files"].pop("images/p0.png")
    members = {name: data for name, data in good.items() if name != "images/p0.png"}
    changed = with_member(
        {**members, "task.json": json.dumps(value).encode()}, "images/p0.nii.gz", gzip.compress(header)
    )
    assert "voxels, more than" in refused_pixels(pack_of(changed))


def test_a_mask_with_labels_that_the_pack_does_not_have(good, pack_of):

    data = io.BytesIO()
    Image.fromarray(np.full((24, 30), 9, np.uint8)).save(data, "PNG")
    assert "values beyond its 1 labels" in refused_pixels(pack_of(with_member(good, "masks/p0.png", data.getvalue())))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + bytes(18), b"PK\x05\x06" + bytes(18) + b"comment"])
def test_files_that_are_not_packs(tmp_path, content):
    path = tmp_path / "bad.zip"
    path.write_bytes(content)
    assert "not a" in refused(path)


def test_an_encrypted_member(good, pack_of):
    path = pack_of(good)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")  # the last entry of the directory
    data[at + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in refused(path)
