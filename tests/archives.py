"""Archives for tests: packed in memory, written to a folder with their source, and what they unpack to."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.manifest.source_file import SourceFile
from pipeline.unpack import unpack
from pipeline.unpack.unpack import UnpackError

FILES = {"d/a.txt": b"alpha" * 50, "d/e/b.bin": bytes(range(256)), "c.txt": b""}
NOISE = {f"d/{n}": hashlib.sha256(bytes([n])).digest() * 500 for n in range(4)}


def zipped(files: Mapping[Any, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[Any, bytes], mode: str = "w", **options: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, **options) as archive:
        for name, data in files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def seven_zipped(files: Mapping[str, bytes], **options: Any) -> bytes:
    py7zr = pytest.importorskip("py7zr")
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return out.getvalue()


PACKERS: dict[str, Callable[[Mapping[Any, bytes]], bytes]] = {  # file name -> how to pack it
    "a.zip": zipped,
    "stored.ZIP": lambda files: zipped(files, zipfile.ZIP_STORED),
    "a.tar": tarred,
    "a.tar.gz": lambda files: tarred(files, "w:gz"),
    "a.tgz": lambda files: tarred(files, "w:gz"),
    "a.tar.bz2": lambda files: tarred(files, "w:bz2"),
    "a.tar.xz": lambda files: tarred(files, "w:xz"),
}


def source(file: str, **facts: Any) -> SourceFile:
    return SourceFile(**{"file": file, "name": "Toy", "url": "http://example.org/x", **facts})


def put(folder: Path, file: str, data: bytes, **facts: Any) -> tuple[SourceFile, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(data)
    return source(file, **facts), folder / file


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(tmp_path: Path, file: str, data: bytes, match: str, **facts: Any) -> None:
    """Assert that the archive is refused with a message that names it, and leaves no files."""
    one = put(tmp_path / "in", file, data, **facts)
    with pytest.raises(UnpackError, match=match) as error:
        unpack.unpack([one], tmp_path / "raw/Toy")
    assert str(one[1]) in str(error.value)
    assert not (tmp_path / "raw/Toy").exists()
    assert not (tmp_path / "raw/.Toy.part").exists()
