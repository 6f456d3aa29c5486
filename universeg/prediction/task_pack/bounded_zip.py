"""Read a zip file from a stranger: only plain files with expected names and bounded sizes, never outside a folder.

The list of members is checked before anything is unpacked. Python's zipfile gives at most as many bytes of a member as
the list says, so the sizes in the list bound what is written.
"""

import shutil
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from universeg.base.file_digest import sha256_of

MOST_MEMBERS = 4096
MOST_BYTES = 4 << 30  # of all members together, unpacked
MOST_LISTING = 1 << 20  # bytes of the list of members, which zipfile reads as a whole
END = struct.Struct("<4s4H2LH")  # the record at the end of a zip file
END_MARK = b"PK\x05\x06"
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class PackError(ValueError):
    """A task pack that cannot be read or made. The message says which, why, and what to do."""


@dataclass(frozen=True)
class Digest:
    """Size and SHA-256 of a file."""

    bytes: int
    sha256: str


def digest_of(path: Path) -> Digest:
    """Of a file on disk."""
    return Digest(path.stat().st_size, sha256_of(path))


def unpack(path: Path, into: Path, most_bytes: Callable[[str], int]) -> Mapping[str, Digest]:
    """Unpack all members into the folder `into`; name, size and SHA-256 of each.

    `most_bytes` tells how large a member of some name may be, 0 for a name that does not belong there. Raises PackError
    before anything is written if a name, kind or size is wrong, and while unpacking if a member is damaged.
    """
    with _opened(path) as archive:
        listed = archive.infolist()
        _check(path, listed, most_bytes)
        found = dict[str, Digest]()
        for info in listed:
            if info.is_dir():
                continue
            target = into / info.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            found[info.filename] = digest_of(target)
        return found


def read_member(path: Path, name: str, most_bytes: int) -> bytes | None:
    """The content of one member; None if there is none of this name. Raises PackError as `unpack` does."""
    with _opened(path) as archive:
        listed = [info for info in archive.infolist() if info.filename == name]
        _check(path, listed, lambda _: most_bytes)
        return archive.read(listed[0]) if listed else None


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file; whatever zipfile says against its content becomes a PackError."""
    if not path.is_file():
        raise PackError(f"{path}: no such file")
    try:
        _check_end(path)
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, struct.error) as error:
        raise PackError(f"{path}: is not a zip file, or it is damaged ({error}); copy it again") from error
    # zlib.error and RuntimeError: a member that is damaged or encrypted; UnicodeError: a name in no known encoding.
    except (RuntimeError, UnicodeError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise PackError(f"{path}: a member cannot be read ({error}); copy it again") from error


def _check_end(path: Path) -> None:
    """Check the number of members and the size of their list, which zipfile would read without a limit."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - END.size))
        end = file.read(END.size)
    if len(end) < END.size or not end.startswith(END_MARK):
        raise zipfile.BadZipFile("the record at the end is missing, or a comment follows it")
    _, _, _, _, members, listing, _, _ = END.unpack(end)
    if members > MOST_MEMBERS or listing > MOST_LISTING:
        raise PackError(f"{path}: lists {members} members in {listing} bytes; expected at most {MOST_MEMBERS}")


def _check(path: Path, listed: list[zipfile.ZipInfo], most_bytes: Callable[[str], int]) -> None:
    """Raise PackError for the first member that does not belong in the file, and for too many bytes in all."""
    seen, total = set[str](), 0
    for info in listed:
        wrong = _refusal(info, most_bytes)
        folded = info.filename.casefold()  # names that differ in case only are one file on some systems
        if wrong is None and folded in seen:
            wrong = "is there twice"
        if wrong is not None:
            raise PackError(f"{path}: member {_shown(info.filename)} {wrong}; get the file from its maker again")
        seen.add(folded)
        total += info.file_size
    if total > MOST_BYTES or len(listed) > MOST_MEMBERS:
        raise PackError(
            f"{path}: {len(listed)} members of {total} bytes unpacked;"
            f" expected at most {MOST_MEMBERS} members of {MOST_BYTES} bytes"
        )


def _refusal(info: zipfile.ZipInfo, most_bytes: Callable[[str], int]) -> str | None:
    """Why a member is refused, or None."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    allowed = most_bytes(info.filename)
    if info.filename != info.orig_filename or not _is_safe(info.filename):
        return "has a name that leads out of the folder, or that not every system can store"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if info.is_dir():
        return None
    if info.compress_type not in PACKINGS:
        return f"is packed by an unexpected method ({info.compress_type})"
    if not allowed:
        return "does not belong here"
    return f"has {info.file_size} bytes, more than {allowed}" if info.file_size > allowed else None


def _is_safe(name: str) -> bool:
    parts = name.removesuffix("/").split("/")
    printable = name.isprintable() and not set(name) & set('\\:*?"<>|')
    return printable and len(name) <= 240 and all(part.strip(". ") for part in parts)


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 100 else f"{name[:97]}...")
