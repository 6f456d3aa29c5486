"""Damage to the bytes of a file, as transfers, disks, other programs and attackers do it.

Compressed and checksummed containers (gzip, PNG, ZIP) are also opened, damaged inside, and closed again with correct
checksums. Otherwise the checksum would hide everything behind it.
"""

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

HEADER = 400  # bytes: headers are short, and damage in them matters most
WHOLE = (0, 1, 2, -1, 127, 128, 255, 256, 32767, 32768, 65535, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 63) - 1)
REAL = (0.0, -1.0, 1e-40, 1e-12, 1e12, 3e38, 1e300, float("nan"), float("inf"), float("-inf"))
WORDS = (
    "0",
    "-1",
    "-0.0",
    "1e400",
    "1e-320",
    "nan",
    "inf",
    "99999999999999999999",
    "2147483648",
    "x",
    "",
    "\ud7ff",
    "½",
)
PAGE = b"<html><body>404: not found</body></html>"

Rng = np.random.Generator


def mutate(data: bytes, name: str, rng: Rng, other: bytes) -> tuple[bytes, str]:
    """The damaged bytes of a file, and what was done. `other` are the bytes of a file of another kind."""
    done = []
    for _ in range(rng.choice([1, 2, 4], p=[0.7, 0.2, 0.1])):
        inside = _inside(data, name) if rng.random() < 0.6 else None
        if inside is None:
            data, what = _damaged(data, name, rng, other)
        else:
            content, close = inside(rng)
            damaged, what = _damaged(content, name, rng, other)
            data, what = close(damaged), f"inside: {what}"
        done.append(what)
    return data, ", ".join(done)


def _damaged(data: bytes, name: str, rng: Rng, other: bytes) -> tuple[bytes, str]:
    ways: list[Callable[..., bytes]] = [_flip, _extreme, _extreme, _extreme, _cut, _insert, _delete, _repeat, _word]
    if name.lower().endswith((".dcm", ".dicom")):
        ways += [_attribute] * 6
    if name.lower().endswith(".json"):
        ways += [_node] * 6
    if name.lower().endswith((".json", ".xml", ".csv", ".tsv", ".txt", ".mhd", ".nhdr")):
        ways += [_word] * 4
    if rng.random() < 0.06:
        return (b"", "empty") if rng.random() < 0.3 else (PAGE, "page") if rng.random() < 0.3 else (other, "other file")
    way = ways[rng.integers(len(ways))]
    return way(data, rng) if data else data, way.__name__.strip("_")


def _at(data: bytes, rng: Rng) -> int:
    most = min(len(data), HEADER) if rng.random() < 0.75 else len(data)
    return int(rng.integers(max(1, most)))


def _flip(data: bytes, rng: Rng) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 4, 32])):
        changed[_at(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _extreme(data: bytes, rng: Rng) -> bytes:
    """A number of the header, or of the samples, replaced by an extreme one."""
    order = "<" if rng.random() < 0.7 else ">"
    kind = "bhiqfd"[rng.integers(6)]
    if kind in "fd":
        value = float(REAL[rng.integers(len(REAL))])
        packed = np.array(value).astype(f"{order}f{4 if kind == 'f' else 8}").tobytes()
    else:
        size = struct.calcsize(kind)
        whole = int(WHOLE[rng.integers(len(WHOLE))]) % (1 << 8 * size)
        packed = whole.to_bytes(size, "little" if order == "<" else "big")
    at = _at(data, rng)
    at -= at % len(packed) if rng.random() < 0.7 else 0  # most formats align their numbers
    return data[:at] + packed + data[at + len(packed) :]


def _cut(data: bytes, rng: Rng) -> bytes:
    return data[: _at(data, rng)]


def _insert(data: bytes, rng: Rng) -> bytes:
    at = _at(data, rng)
    return data[:at] + rng.bytes(int(rng.choice([1, 2, 4, 64, 5000]))) + data[at:]


def _delete(data: bytes, rng: Rng) -> bytes:
    at = _at(data, rng)
    return data[:at] + data[at + int(rng.choice([1, 2, 4, 64])) :]


def _repeat(data: bytes, rng: Rng) -> bytes:
    at, size = _at(data, rng), int(rng.choice([1, 8, 64, 512]))
    return data[:at] + data[at : at + size] * int(rng.choice([2, 3, 300])) + data[at + size :]


def _word(data: bytes, rng: Rng) -> bytes:
    """A number in text replaced by an extreme one."""
    numbers = list(re.finditer(rb"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", data))
    if not numbers:
        return _flip(data, rng)
    found = numbers[rng.integers(len(numbers))]
    return data[: found.start()] + WORDS[rng.integers(len(WORDS))].encode() + data[found.end() :]


def _attribute(data: bytes, rng: Rng) -> bytes:
    """An attribute of a DICOM file, at any depth, replaced by an extreme one or removed."""
    import pydicom

    try:
        file = pydicom.dcmread(io.BytesIO(data))
        places = [(place, element.tag) for place, element in _elements(file) if element.tag != 0x7FE00010]
        place, tag = places[rng.integers(len(places))]
        if rng.random() < 0.2:
            del place[tag]
        else:
            text = place[tag].VR in ("DS", "IS", "CS", "LO", "UI", "SH")
            value: Any = WORDS[rng.integers(len(WORDS))] if text else int(WHOLE[rng.integers(len(WHOLE))])
            place[tag]._value = value if place[tag].VM < 2 else [value] * place[tag].VM
        stream = io.BytesIO()
        file.save_as(stream, enforce_file_format=False)
    except Exception:  # noqa: BLE001
        return _extreme(data, rng)  # it was damaged before, or the value cannot be written
    return stream.getvalue()


def _elements(file: Any) -> list[tuple[Any, Any]]:
    found = []
    for element in file:
        found.append((file, element))
        if element.VR == "SQ":
            found += [pair for item in element.value for pair in _elements(item)]
    return found


def _node(data: bytes, rng: Rng) -> bytes:
    """A value in a JSON file replaced by one of another type."""
    if rng.random() < 0.1:
        return b"[" * 100_000 + data
    values: tuple[Any, ...] = (
        *(None, [], {}, "", "x", True, -1, 1e308, 10**30, float("nan"), [[]], [None, 2], {"size": 1}),
        "\ud800",  # half of a pair, which cannot be encoded
    )
    try:
        content = json.loads(data)
        places = _nodes([content])
        place, key = places[rng.integers(len(places))]
        place[key] = values[rng.integers(len(values))]
        return json.dumps(places[0][0][0]).encode()
    except (ValueError, RecursionError):
        return _flip(data, rng)


def _nodes(content: Any) -> list[tuple[Any, Any]]:
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    found = []
    for key, value in list(pairs):
        found.append((content, key))
        if isinstance(value, dict | list):
            found += _nodes(value)
    return found


def _inside(data: bytes, name: str) -> Callable[[Rng], tuple[bytes, Callable[[bytes], bytes]]] | None:
    """How to open a container: the function gives a part of its content, and a function that closes it again."""
    if data[:2] == b"\x1f\x8b":
        return _open_gzip(data)
    if data[:4] == b"\x89PNG":
        return _open_png(data)
    return _open_zip(data) if data[:4] == b"PK\3\4" else None


def _open_gzip(data: bytes) -> Any:
    try:
        content = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None
    return lambda rng: (content, lambda changed: gzip.compress(changed, 1, mtime=0))


def _open_png(data: bytes) -> Any:
    """One chunk; a chunk of samples is inflated."""
    chunks, at = list[tuple[bytes, bytes]](), 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    if not chunks:
        return None

    def opened(rng: Rng) -> tuple[bytes, Callable[[bytes], bytes]]:
        number = int(rng.integers(len(chunks)))
        kind, content = chunks[number]
        try:
            inflated = zlib.decompress(content) if kind == b"IDAT" else None
        except zlib.error:
            inflated = None

        def close(changed: bytes) -> bytes:
            again = [*chunks]
            again[number] = kind, changed if inflated is None else zlib.compress(changed)
            body = (len(c).to_bytes(4, "big") + k + c + zlib.crc32(k + c).to_bytes(4, "big") for k, c in again)
            return data[:8] + b"".join(body)

        return content if inflated is None else inflated, close

    return opened


def _open_zip(data: bytes) -> Any:
    """One member."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
    except (ValueError, OSError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError):
        return None

    def opened(rng: Rng) -> tuple[bytes, Callable[[bytes], bytes]]:
        name = list(members)[rng.integers(len(members))]

        def close(changed: bytes) -> bytes:
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for other, content in members.items():
                    archive.writestr(zipfile.ZipInfo(other), changed if other == name else content)
            return stream.getvalue()

        return members[name], close

    return opened
