"""What is in an archive, member by member: zip, tar (plain, gz, bz2, xz) and single gz; `exotic.py` has the others."""

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

from pipeline.unpack import optional_formats as exotic
from pipeline.unpack.member import Archive, Member, UnpackError

MOST_HEADER = 1 << 20  # bytes of one tar header; a name takes a few hundred
MOST_TAIL = 1 << 30  # bytes after the end of a tar
BLOCK = 1 << 18
ENCRYPTED, DEFLATE64, AES = 0x1, 9, 99  # a flag and two methods of zip

BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error, UnicodeError)


Reader = Callable[[Archive], Iterator[Member]]

SPECIAL = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
TAR_SPECIAL = {tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link", tarfile.FIFOTYPE: "a pipe"}


def _zip(archive: Archive) -> Iterator[Member]:
    with _opened_zip(archive) as packed:
        last = archive.starts[bisect_right(archive.starts, packed.start_dir) - 1]
        for info in packed.infolist():
            if len(archive.starts) > 1:  # each offset counts from its own piece, but zipfile takes one base for all
                info.header_offset += archive.starts[info.volume] - last
            name = info.orig_filename  # before zipfile cuts it at a NUL
            if not info.flag_bits & 0x800:  # not declared to be UTF-8, though it often is
                name = _text(name.encode("cp437"))
            name = name.replace("\\", "/")  # as some Windows programs write it
            refused = SPECIAL.get(stat.S_IFMT(info.external_attr >> 16))
            if info.flag_bits & ENCRYPTED and archive.password is None:
                refused = f"encrypted, and there is no password: {archive.hint}"
            yield Member(name, partial(_of_zip, archive, packed, info), name.endswith("/"), refused)


def _opened_zip(archive: Archive) -> zipfile.ZipFile:
    packed = zipfile.ZipFile(archive.raw)
    if any(info.compress_type == AES for info in packed.infolist()):
        return exotic.encrypted(archive)
    return packed


def _of_zip(archive: Archive, packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.compress_type == DEFLATE64 and not info.flag_bits & ENCRYPTED:
        return cast(IO[bytes], exotic.Deflate64(archive.raw, info))
    password = archive.password.encode() if archive.password and info.flag_bits & ENCRYPTED else None
    try:
        return packed.open(info, pwd=password)
    except RuntimeError as error:  # of a password
        if isinstance(error, NotImplementedError):
            raise
        raise UnpackError(f"the password does not open {info.filename!r}: {archive.hint}") from None


class _Header(tarfile.TarInfo):
    """A tar header that is read strictly: tarfile takes a damaged or missing one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # the mark of the end
            raise tarfile.ReadError(f"tar: {error}") from error
        if header.size > MOST_HEADER and header.type in (b"x", b"g", b"X", b"L", b"K"):  # tarfile reads these whole
            raise tarfile.ReadError(f"a tar header of {header.size} bytes")
        return header


def _tar(packed: Archive) -> Iterator[Member]:
    with tarfile.open(fileobj=packed.raw, tarinfo=_Header, encoding="utf-8", errors="surrogateescape") as archive:
        for info in archive:
            name = _text(info.name.encode("utf-8", "surrogateescape"))
            refused = None if info.isreg() or info.isdir() else TAR_SPECIAL.get(info.type, "a device or unknown thing")
            stream = partial(cast(Callable[[tarfile.TarInfo], IO[bytes]], archive.extractfile), info)
            yield Member(name, stream, info.isdir(), refused)
        rest = 0
        while archive.fileobj and (block := archive.fileobj.read(BLOCK)):  # the checksum of a gz is at its end
            rest += len(block)
            if rest > MOST_TAIL:
                raise tarfile.ReadError(f"more than {MOST_TAIL} bytes after the end")


def _gz(packed: Archive) -> Iterator[Member]:
    yield Member(packed.name[: -len(".gz")], partial(cast(Callable[..., IO[bytes]], gzip.GzipFile), fileobj=packed.raw))


def _text(name: bytes) -> str:
    """A stored name as text: UTF-8, or else the code page of the first zip programs, which knows every byte."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


READERS: Mapping[str, Reader] = {  # the first ending that fits
    ".zip": _zip,
    **dict.fromkeys((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"), _tar),
    ".gz": _gz,
    ".7z": exotic.seven,
    ".rar": exotic.rar,
}


def reader_of(file: str) -> Reader | None:
    """How to read an archive, by its name, since its content may be an error page; None if it is no archive."""
    name = file.lower()
    return next((read for end, read in READERS.items() if name.endswith(end)), None)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong with an archive into an UnpackError that names it and says what to do."""
    try:
        yield
    except UnpackError as error:
        raise UnpackError(f"{path}: {error}") from error
    except BROKEN as error:
        raise _damaged(path, error) from error
    except exotic.raised() as error:
        raise UnpackError(f"{path}: {exotic.why(error)}") from error
    except NotImplementedError as error:  # of zipfile
        raise UnpackError(f"{path}: {error}; unpack it by hand and pack it as a plain .zip") from error
    except OSError as error:
        if error.errno is None:  # of gzip and bz2
            raise _damaged(path, error) from error
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room, then run again" if full else "check the file, its folder and who may use them"
        raise UnpackError(f"{path}: {error.strerror} ({error.filename or 'while writing'}); {remedy}") from error


def _damaged(path: Path, error: Exception) -> UnpackError:
    reason = " ".join(str(error).split())  # tarfile's takes several lines
    return UnpackError(f"{path}: damaged, cut short or no archive ({reason}); delete it and fetch it again")
