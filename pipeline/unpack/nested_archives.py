"""Archives in archives, unpacked where they lie; and which names may become paths."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from pipeline.unpack.member import Archive, Member, UnpackError
from pipeline.unpack.zip_tar import BLOCK, reader_of

DEEPEST = 3  # archives in archives in archives


def expand_nested(
    members: Iterable[Member], archive: Archive, nested: Sequence[str], depth: int = 1
) -> Iterator[Member]:
    """The members; in place of one that matches `nested`, those that are in it, at the folder where it lies."""
    for member in members:
        name = "/".join(part for part in member.name.split("/") if part not in ("", "."))
        if member.folder or not any(fnmatchcase(name, pattern) for pattern in nested):
            yield member
            continue
        reason = member.refused or unsafe_name(member.name, name.split("/"))
        read = reader_of(name)
        if reason or read is None or depth >= DEEPEST:
            raise UnpackError(f"{name!r} is {reason or 'no archive, or too deep in others'}; correct `nested`")
        yield from _inside(member, name, archive, nested, depth)


def _inside(member: Member, name: str, archive: Archive, nested: Sequence[str], depth: int) -> Iterator[Member]:
    """What is in an inner archive, which is written beside first: most kinds need to jump about in it."""
    folder, _, file = name.rpartition("/")
    scratch = archive.scratch / f"{depth}"
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "inner"
    size = 0
    with member.open() as stream, path.open("wb") as out:
        while block := stream.read(BLOCK):
            size += len(block)
            if size > archive.most:
                raise UnpackError(f"{name!r} unpacks to over {archive.most} bytes; look at it by hand")
            out.write(block)
    read = reader_of(file)
    assert read, "expand_nested() has looked"
    with path.open("rb") as raw:
        inner = replace(archive, raw=raw, name=file, scratch=scratch / "more", starts=(0,))
        for one in expand_nested(read(inner), inner, nested, depth + 1):
            reason = one.refused or unsafe_name(
                one.name, [part for part in one.name.split("/") if part not in ("", ".")] or [""]
            )
            yield replace(one, name=f"{folder}/{one.name}" if folder else one.name, refused=reason)
    path.unlink()


def unsafe_name(name: str, parts: Sequence[str]) -> str | None:
    """Why a name may not become a path, if so. tarfile and zipfile would mend or cut such names in silence."""
    if name.startswith("/") or re.match(r"[A-Za-z]:", parts[0]):
        return "an absolute path"
    if ".." in parts:
        return "a path that leads out of the folder"
    if any(ord(letter) < 32 or ord(letter) == 127 or letter == "\\" for letter in name):
        return "a name with control characters or backslashes"
    if len(parts) > 64 or len(os.fsencode(name)) > 1024 or max(len(os.fsencode(part)) for part in parts) > 255:
        return "a path longer than disks take"
    return None
