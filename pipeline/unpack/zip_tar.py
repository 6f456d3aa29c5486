"""The members of a zip, a tar (plain, gz, bz2, xz) or a single gz; optional_formats.py reads the other kinds."""

import errno
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Self, cast

from pipeline.unpack import optional_formats
from pipeline.unpack.member import Archive, Member, UnpackError

MAX_HEADER_BYTES = 1 << 20  # of one tar header; a name takes a few hundred
MAX_TRAILING_BYTES = 1 << 30  # after the end of a tar
BLOCK = 1 << 18
ENCRYPTED, DEFLATE64, AES = 0x1, 9, 99  # a flag and two compression methods of zip

DAMAGE_ERRORS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error, UnicodeError)

Reader = Callable[[Archive], Iterator[Member]]

SPECIAL = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
TAR_SPECIAL = {tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link", tarfile.FIFOTYPE: "a pipe"}


def _read_zip(archive: Archive) -> Iterator[Member]:
    with _open_zip(archive) as packed:
        last_start = archive.part_starts[bisect_right(archive.part_starts, packed.start_dir) - 1]
        for info in packed.infolist():
            if len(archive.part_starts) > 1:  # offsets count from the member's own part; zipfile has one base for all
                info.header_offset += archive.part_starts[info.volume] - last_start
            name = info.orig_filename  # zipfile cuts `filename` at a NUL
            if not info.flag_bits & 0x800:  # not declared as UTF-8, though it often is
                name = _decode(name.encode("cp437"))
            name = name.replace("\\", "/")  # as some Windows programs write it
            refusal = SPECIAL.get(stat.S_IFMT(info.external_attr >> 16))
            if info.flag_bits & ENCRYPTED and archive.password is None:
                refusal = f"encrypted, and there is no password: {archive.password_hint}"
            opening = partial(_open_zip_member, archive, packed, info)
            yield Member(name, opening, name.endswith("/"), refusal, info.file_size)


def _open_zip(archive: Archive) -> zipfile.ZipFile:
    packed = zipfile.ZipFile(archive.raw)
    if any(info.compress_type == AES for info in packed.infolist()):
        return optional_formats.open_aes_zip(archive)
    return packed


def _open_zip_member(archive: Archive, packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.compress_type == DEFLATE64 and not info.flag_bits & ENCRYPTED:
        return cast(IO[bytes], optional_formats.Deflate64(archive.raw, info))
    password = archive.password.encode() if archive.password and info.flag_bits & ENCRYPTED else None
    try:
        return packed.open(info, pwd=password)
    except NotImplementedError:  # an unknown compression method; it is a RuntimeError too
        raise
    except RuntimeError:
        raise UnpackError(f"the password does not open {info.filename!r}: {archive.password_hint}") from None


class _StrictHeader(tarfile.TarInfo):
    """A tar header that is checked. tarfile takes a damaged or missing header for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # a block of zeros is the real end
            raise tarfile.ReadError(f"tar: {error}") from error
        if header.size > MAX_HEADER_BYTES and header.type in (b"x", b"g", b"X", b"L", b"K"):  # held in memory
            raise tarfile.ReadError(f"a tar header of {header.size} bytes")
        return header


def _read_tar(archive: Archive) -> Iterator[Member]:
    with tarfile.open(fileobj=archive.raw, tarinfo=_StrictHeader, encoding="utf-8", errors="surrogateescape") as packed:
        for info in packed:
            name = _decode(info.name.encode("utf-8", "surrogateescape"))
            refusal = None if info.isreg() or info.isdir() else TAR_SPECIAL.get(info.type, "a device or unknown type")
            stream = partial(cast(Callable[[tarfile.TarInfo], IO[bytes]], packed.extractfile), info)
            yield Member(name, stream, info.isdir(), refusal)
        trailing = 0
        while packed.fileobj and (block := packed.fileobj.read(BLOCK)):  # the checksum of a gz is at its end
            trailing += len(block)
            if trailing > MAX_TRAILING_BYTES:
                raise tarfile.ReadError(f"more than {MAX_TRAILING_BYTES} bytes after the end")


def _read_gz(archive: Archive) -> Iterator[Member]:
    stream = partial(cast(Callable[..., IO[bytes]], gzip.GzipFile), fileobj=archive.raw)
    yield Member(archive.name[: -len(".gz")], stream)


def _decode(name: bytes) -> str:
    """A stored name as text: UTF-8, else code page 437, which the first zip programs used and which has every byte."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


READERS: Mapping[str, Reader] = {  # the first ending that fits
    ".zip": _read_zip,
    **dict.fromkeys((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"), _read_tar),
    ".gz": _read_gz,
    ".7z": optional_formats.read_7z,
    ".rar": optional_formats.read_rar,
}


def reader_of(file: str) -> Reader | None:
    """The reader for an archive; None if the file is no archive.

    It depends on the name, not on the content: the content may be an error page, which must be reported.
    """
    name = file.lower()
    return next((read for end, read in READERS.items() if name.endswith(end)), None)


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn every error of reading the archive at `path` into an UnpackError that names it and says what to do."""
    try:
        yield
    except UnpackError as error:
        raise UnpackError(f"{path}: {error}") from error
    except DAMAGE_ERRORS as error:
        raise _damaged(path, error) from error
    except optional_formats.library_errors() as error:
        raise UnpackError(f"{path}: {optional_formats.explain(error)}") from error
    except NotImplementedError as error:  # of zipfile
        raise UnpackError(f"{path}: {error}; unpack it by hand and pack it as a plain .zip") from error
    except OSError as error:
        if error.errno is None:  # of gzip and bz2
            raise _damaged(path, error) from error
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some disk space, then run again" if is_full else "check that the file exists and its permissions"
        raise UnpackError(f"{path}: {error.strerror} ({error.filename or 'while writing'}); {remedy}") from error


def _damaged(path: Path, error: Exception) -> UnpackError:
    reason = " ".join(str(error).split())  # tarfile's message has several lines
    return UnpackError(f"{path}: damaged, truncated or not an archive ({reason}); delete it and fetch it again")
