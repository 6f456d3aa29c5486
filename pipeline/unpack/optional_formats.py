"""Archives that need an extra package: 7z, rar, zip with AES encryption, and zip with Deflate64.

Shipped manifests have encrypted zips, and zips packed on Windows may use Deflate64. No shipped manifest needs 7z or
rar; they are for your own manifests. Each package is imported only when such an archive is read.
"""

import importlib
import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Any

from pipeline.unpack.member import Archive, Member, UnpackError

BLOCK = 1 << 16
LOCAL_HEADER = struct.Struct("<4s2B4HL2L2H")


def import_package(name: str, what: str) -> Any:
    """A package of the extra `archives`; raises UnpackError if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UnpackError(f"{what} needs {name}: pip install '.[archives]'; or unpack it by hand") from None


def library_errors() -> tuple[type[Exception], ...]:
    """The errors that the packages imported so far raise for an archive that they cannot read."""
    bases = {"py7zr.exceptions": ("ArchiveError", "PasswordRequired"), "rarfile": ("Error",)}
    imported = {name: sys.modules[name] for name in bases if name in sys.modules}
    return tuple(getattr(module, base) for name, module in imported.items() for base in bases[name])


def explain(error: Exception) -> str:
    """What one of the library errors means, and what to do."""
    name = type(error).__name__
    if name == "RarCannotExec":
        return "a rar needs a program: install unrar, unar or bsdtar; or unpack it by hand"
    if "Password" in name:
        return f"{name}: the password is missing or wrong; check `password` in the manifest"
    if "Unsupported" in name:
        return f"{name}; unpack it by hand and pack it as a plain .zip"
    reason = " ".join(str(error).split())[:200]
    return f"damaged, truncated or not an archive ({name}: {reason}); delete it and fetch it again"


def read_7z(archive: Archive) -> Iterator[Member]:
    """The members of a 7z. The first one that is opened extracts all of them to numbered files in scratch."""
    py7zr = import_package("py7zr", "a 7z")
    files = _ExtractedFiles(archive)
    try:
        packed = py7zr.SevenZipFile(archive.raw, password=archive.password)
    except py7zr.exceptions.PasswordRequired as error:
        raise UnpackError(f"encrypted: {archive.password_hint}") from error
    with packed:
        if packed.needs_password() and archive.password is None:
            raise UnpackError(f"encrypted: {archive.password_hint}")
        for info in packed.list():
            refusal = "a symbolic link" if info.is_symlink else None
            name = info.filename.replace("\\", "/")
            yield Member(name, partial(_open_7z_member, packed, files, info.filename), info.is_directory, refusal)


class _ExtractedFiles:
    """What py7zr extracts to: one numbered file per member, with one size limit for all of them."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.written = archive, 0
        self.paths: dict[str, Path] = {}
        self.opened = ExitStack()

    def create(self, filename: str) -> "_ExtractedFile":
        self.archive.scratch.mkdir(parents=True, exist_ok=True)
        self.paths[filename] = self.archive.scratch / f"7z-{len(self.paths)}"
        return _ExtractedFile(self, filename, self.opened.enter_context(self.paths[filename].open("w+b")))


class _ExtractedFile:
    """One member in the form that py7zr expects. py7zr writes it, then reads it to check it."""

    def __init__(self, files: _ExtractedFiles, name: str, file: IO[bytes]) -> None:
        self.files, self.name, self.file = files, name, file
        self.seek, self.flush, self.size, self.close = file.seek, file.flush, file.tell, file.close

    def write(self, block: bytes | bytearray) -> int:
        self.files.written += len(block)
        if self.files.written > self.files.archive.max_bytes:
            raise self.files.archive.too_large(self.name)
        return self.file.write(block)

    def read(self, size: int | None = None) -> bytes:
        return self.file.read(-1 if size is None else size)


def _open_7z_member(packed: Any, files: _ExtractedFiles, name: str) -> IO[bytes]:
    if not files.paths:
        with files.opened:
            packed.extractall(factory=files)
    return files.paths[name].open("rb")


def read_rar(archive: Archive) -> Iterator[Member]:
    """The members of a rar. Compressed ones need one of the programs unrar, unar, 7z or bsdtar."""
    rarfile = import_package("rarfile", "a rar")
    with rarfile.RarFile(archive.raw) as packed:
        for info in packed.infolist():
            refusal = "a symbolic link" if info.is_symlink() else None
            if info.needs_password() and archive.password is None:
                refusal = f"encrypted: {archive.password_hint}"
            opening = partial(packed.open, info, pwd=archive.password)
            yield Member(info.filename.rstrip("/"), opening, info.is_dir(), refusal)


class Deflate64(io.RawIOBase):
    """A zip member of method 9, which Windows uses for large files. Its CRC is checked at its end."""

    def __init__(self, raw: IO[bytes], info: zipfile.ZipInfo) -> None:
        self.raw, self.info = raw, info
        self.inflater = import_package("inflate64", "a zip with Deflate64").Inflater()
        raw.seek(info.header_offset)
        header = LOCAL_HEADER.unpack(raw.read(LOCAL_HEADER.size))
        self.offset = info.header_offset + LOCAL_HEADER.size + header[-2] + header[-1]
        self.left, self.crc, self.size = info.compress_size, 0, 0
        self.ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ready and self.left:
            self.raw.seek(self.offset)
            block = self.raw.read(min(BLOCK, self.left))
            if not block:
                raise EOFError("the zip ends in the middle of a member")
            self.offset, self.left = self.offset + len(block), self.left - len(block)
            self.ready = self._inflate(block)
        if not self.ready and (self.crc, self.size) != (self.info.CRC, self.info.file_size):
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {self.info.filename!r}")
        count = min(len(buffer), len(self.ready))
        buffer[:count], self.ready = self.ready[:count], self.ready[count:]
        return count

    def _inflate(self, block: bytes) -> bytes:
        try:
            data = bytes(self.inflater.inflate(block))
        except (ValueError, RuntimeError, EOFError) as error:
            raise zipfile.BadZipFile(f"Deflate64: {error}") from error
        self.crc, self.size = zlib.crc32(data, self.crc), self.size + len(data)
        if self.size > self.info.file_size:
            raise zipfile.BadZipFile(f"{self.info.filename!r} is longer than its header says")
        return data


def open_aes_zip(archive: Archive) -> zipfile.ZipFile:
    """A zip with AES encryption, which zipfile cannot read."""
    opened: zipfile.ZipFile = import_package("pyzipper", "a zip with AES").AESZipFile(archive.raw)
    return opened
