"""Archives for tests: made in memory, put beside their source, and what became of them."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.manifest.source_file import SourceFile
from pipeline.unpack import unpack
from pipeline.unpack.unpack import UnpackError

FILES = {"d/a.txt": b"alpha" * 50, "d/e/b.bin": bytes(range(256)), "c.txt": b""}


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


def source(file: str, **facts: Any) -> SourceFile:
    return SourceFile(**{"file": file, "name": "Toy", "url": "http://example.org/x", **facts})


def put(folder: Path, file: str, data: bytes, **facts: Any) -> tuple[SourceFile, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(data)
    return source(file, **facts), folder / file


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(tmp_path: Path, file: str, data: bytes, match: str, **facts: Any) -> None:
    """The archive is refused by name, and leaves nothing."""
    one = put(tmp_path / "in", file, data, **facts)
    with pytest.raises(UnpackError, match=match) as error:
        unpack.unpack([one], tmp_path / "raw/Toy")
    assert str(one[1]) in str(error.value)
    assert not (tmp_path / "raw/Toy").exists()
    assert not (tmp_path / "raw/.Toy.part").exists()
