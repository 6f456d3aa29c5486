"""Archives that need a package of their own: 7z, rar, encrypted zip, and zip with Deflate64. Imported where used."""

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


def package(name: str, what: str) -> Any:
    """A package of the extra `archives`; raises UnpackError if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UnpackError(f"{what} needs {name}: pip install '.[archives]'; or unpack it by hand") from None


def raised() -> tuple[type[Exception], ...]:
    """What the packages in use raise for an archive that they cannot read."""
    there = {name: sys.modules[name] for name in ("py7zr.exceptions", "rarfile") if name in sys.modules}
    bases = {"py7zr.exceptions": ("ArchiveError", "PasswordRequired"), "rarfile": ("Error",)}
    return tuple(getattr(module, base) for name, module in there.items() for base in bases[name])


def why(error: Exception) -> str:
    """What one of these means, and what to do."""
    name = type(error).__name__
    if name == "RarCannotExec":
        return "a rar needs a program: install unrar, unar or bsdtar; or unpack it by hand"
    if "Password" in name:
        return f"{name}: no password opens it; look at `password` in the manifest"
    if "Unsupported" in name:
        return f"{name}; unpack it by hand and pack it as a plain .zip"
    reason = " ".join(str(error).split())[:200]
    return f"damaged, cut short or no archive ({name}: {reason}); delete it and fetch it again"


def seven(archive: Archive) -> Iterator[Member]:
    """7z. It can only be read as a whole: at the first member, all are written beside, under numbers for names."""
    py7zr = package("py7zr", "a 7z")
    files = _Files(archive)
    try:
        packed = py7zr.SevenZipFile(archive.raw, password=archive.password)
    except py7zr.exceptions.PasswordRequired as error:
        raise UnpackError(f"encrypted: {archive.hint}") from error
    with packed:
        if packed.needs_password() and archive.password is None:
            raise UnpackError(f"encrypted: {archive.hint}")
        for info in packed.list():
            refused = "a symbolic link" if info.is_symlink else None
            name = info.filename.replace("\\", "/")
            yield Member(name, partial(_of_seven, packed, files, info.filename), info.is_directory, refused)


class _Files:
    """What py7zr writes members through: a numbered file for each, below a limit that all share."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.written = archive, 0
        self.paths: dict[str, Path] = {}
        self.opened = ExitStack()

    def create(self, filename: str) -> "_File":
        self.archive.scratch.mkdir(parents=True, exist_ok=True)
        self.paths[filename] = self.archive.scratch / f"7z-{len(self.paths)}"
        return _File(self, self.opened.enter_context(self.paths[filename].open("w+b")))


class _File:
    """One member, as py7zr wants it: it writes, then reads to check."""

    def __init__(self, files: _Files, file: IO[bytes]) -> None:
        self.files, self.file = files, file
        self.seek, self.flush, self.size, self.close = file.seek, file.flush, file.tell, file.close

    def write(self, block: bytes | bytearray) -> int:
        self.files.written += len(block)
        if self.files.written > self.files.archive.most:
            raise UnpackError(f"unpacks to over {self.files.archive.most} bytes; look at it by hand")
        return self.file.write(block)

    def read(self, size: int | None = None) -> bytes:
        return self.file.read(-1 if size is None else size)


def _of_seven(packed: Any, files: _Files, name: str) -> IO[bytes]:
    if not files.paths:
        with files.opened:
            packed.extractall(factory=files)
    return files.paths[name].open("rb")


def rar(archive: Archive) -> Iterator[Member]:
    """rar, by a program that can unpack it: unrar, unar, 7z or bsdtar."""
    rarfile = package("rarfile", "a rar")
    with rarfile.RarFile(archive.raw) as packed:
        for info in packed.infolist():
            refused = "a symbolic link" if info.is_symlink() else None
            if info.needs_password() and archive.password is None:
                refused = f"encrypted: {archive.hint}"
            opening = partial(packed.open, info, pwd=archive.password)
            yield Member(info.filename.rstrip("/"), opening, info.is_dir(), refused)


class Deflate64(io.RawIOBase):
    """A zip member of method 9, which Windows uses for large files; its CRC is checked at its end."""

    def __init__(self, raw: IO[bytes], info: zipfile.ZipInfo) -> None:
        self.raw, self.info = raw, info
        self.inflater = package("inflate64", "a zip with Deflate64").Inflater()
        raw.seek(info.header_offset)
        header = LOCAL_HEADER.unpack(raw.read(LOCAL_HEADER.size))
        self.at = info.header_offset + LOCAL_HEADER.size + header[-2] + header[-1]
        self.left, self.crc, self.size = info.compress_size, 0, 0
        self.ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ready and self.left:
            self.raw.seek(self.at)
            block = self.raw.read(min(BLOCK, self.left))
            if not block:
                raise EOFError("the zip ends in the middle of a member")
            self.at, self.left = self.at + len(block), self.left - len(block)
            self.ready = self._inflated(block)
        if not self.ready and (self.crc, self.size) != (self.info.CRC, self.info.file_size):
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {self.info.filename!r}")
        count = min(len(buffer), len(self.ready))
        buffer[:count], self.ready = self.ready[:count], self.ready[count:]
        return count

    def _inflated(self, block: bytes) -> bytes:
        try:
            found = bytes(self.inflater.inflate(block))
        except (ValueError, RuntimeError, EOFError) as error:
            raise zipfile.BadZipFile(f"Deflate64: {error}") from error
        self.crc, self.size = zlib.crc32(found, self.crc), self.size + len(found)
        if self.size > self.info.file_size:
            raise zipfile.BadZipFile(f"{self.info.filename!r} is longer than it says")
        return found


def encrypted(archive: Archive) -> zipfile.ZipFile:
    """A zip with AES, which zipfile cannot read."""
    found: zipfile.ZipFile = package("pyzipper", "a zip with AES").AESZipFile(archive.raw)
    return found
