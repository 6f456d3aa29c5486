"""Unpack archives into one folder: all of them or nothing, never outside the folder, within size limits."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from pipeline.backends.progress import progress_bar, say
from pipeline.manifest.source_file import SourceFile
from pipeline.unpack.member import Archive, Member, UnpackError
from pipeline.unpack.nested_archives import expand_nested
from pipeline.unpack.safe_names import matches, name_parts, unsafe_name
from pipeline.unpack.split_archives import group_parts, open_parts
from pipeline.unpack.zip_tar import BLOCK, reader_of, translate_errors
from universeg.base.atomic_write import atomic_write, read_json

__all__ = ["Inventory", "UnpackError", "unpack"]

MAX_MEMBERS = 2_000_000  # of one archive
MAX_BYTES, MAX_RATIO = 1 << 30, 200  # default limit of the unpacked size: bytes, or times the archive's own size

JUNK = re.compile(r"__MACOSX|\._.*|\.DS_Store|Thumbs\.db", re.DOTALL)  # what desktop systems add to archives
CHOOSE = "list the members to unpack under `members` in the manifest, or repack the archive without it"


@dataclass(frozen=True)
class Inventory:
    """What was unpacked: the folder, and the number of files and bytes in it. `junk` counts desktop files left out."""

    root: Path
    files: int
    bytes: int
    junk: int


@dataclass
class _Counts:
    files: int = 0
    bytes: int = 0
    junk: int = 0


def unpack(
    archives: Sequence[tuple[SourceFile, Path]],
    into: Path,
    progress: bool | None = None,
    known_sha256: Callable[[Path], str | None] = lambda _: None,
) -> Inventory:
    """Fill the folder `into` from the archives. A folder that was filled from the same archives is kept.

    A note beside the folder records what it was filled from. A folder filled from other archives is replaced. A folder
    without a note was not made here and is never touched. `known_sha256` gives the digest of a file that was just
    downloaded, so that it is not read again. Raises UnpackError, and then leaves `into` as it was.
    """
    note, part, old, scratch = (
        into.with_name(f".{into.name}.{ending}") for ending in ("unpacked.json", "part", "old", "scratch")
    )
    into.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(into.with_name(f".{into.name}.lock")):
        wanted = [_identity(source, path, known_sha256(path)) for source, path in archives]
        noted = read_json(note) if note.exists() else None
        if noted is not None and noted["archives"] == wanted and into.exists():
            say(f"{into}: kept, it was unpacked from the same archives")
            return Inventory(into, **noted["found"])
        if into.is_symlink() or (noted is None and into.exists()):
            raise UnpackError(f"{into}: exists but was not unpacked here; move it away, or name it in `have`")
        for leftover in (part, old, scratch):  # of a process that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        counts = _Counts()
        try:
            part.mkdir()
            for source, paths in group_parts(archives):
                with translate_errors(paths[0]):
                    _unpack_one(source, paths, part, scratch, counts, progress)
            _check_digests([source for source, _ in archives], part, into.name)
            _swap(part, into, old, note, {"archives": wanted, "found": asdict(counts)})
        finally:
            for leftover in (part, scratch):
                shutil.rmtree(leftover, ignore_errors=True)
        return Inventory(into, **asdict(counts))


def _identity(source: SourceFile, path: Path, sha256: str | None) -> dict[str, Any]:
    """Everything that decides what an archive unpacks to."""
    with translate_errors(path), path.open("rb") as file:
        sha256 = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
    facts = source.model_dump(mode="json", include={"file", "members", "nested", "unpack", "digests"})
    return {**facts, "sha256": sha256}


def _check_digests(sources: Sequence[SourceFile], root: Path, dataset: str) -> None:
    """Raise UnpackError unless the unpacked files below `root` have the digests that the manifest gives for them."""
    for name, digest in {name: digest for source in sources for name, digest in source.digests.items()}.items():
        algorithm, _, expected = digest.partition(":")
        path = root / name
        if not path.is_file():
            raise UnpackError(f"{dataset}: no archive contains {name!r}; correct `digests` in the manifest")
        with path.open("rb") as file:
            got = hashlib.file_digest(file, algorithm).hexdigest()
        if got != expected:
            raise UnpackError(
                f"{dataset}: {name!r}: expected {digest}, got {algorithm}:{got}; the owner changed it, or it is"
                " damaged: fetch it again, or correct the manifest"
            )


def _swap(part: Path, into: Path, old: Path, note: Path, facts: dict[str, Any]) -> None:
    """Replace `into` by `part`. The note is written between the two steps, so it never describes the wrong folder."""
    if into.exists():
        into.replace(old)
    with atomic_write(note) as file:
        file.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    os.sync()  # the content before the name; syncing 100 000 small files one by one would take minutes
    part.replace(into)
    shutil.rmtree(old, ignore_errors=True)


def _unpack_one(
    source: SourceFile, paths: Sequence[Path], root: Path, scratch: Path, counts: _Counts, progress: bool | None
) -> None:
    """Unpack one archive, or the parts of one, below `root`, in the folder that `file` names if any."""
    read = reader_of(source.file) if source.unpack else None
    if read is None:
        _link(source, paths[0].resolve(), root, counts)
        return
    size = sum(path.stat().st_size for path in paths)
    if size == 0:  # gzip accepts it as compressed nothing
        raise UnpackError("is empty; delete it and fetch it again")
    limit, reason = _size_limit(source, size, root)
    bytes_before, target = counts.bytes, root / source.file
    with ExitStack() as stack:
        raw, part_starts = open_parts(paths, stack)
        advance = stack.enter_context(progress_bar(source.file, size, of_bytes=True, progress=progress))
        shown = 0
        secrets = source.secret, source.variable
        archive = Archive(raw, target.name, scratch, limit, reason, tuple(part_starts), *secrets)
        members = _files_to_write(expand_nested(read(archive), archive, source.nested), source, counts)
        for name, member in members:
            declared = counts.bytes - bytes_before
            for block in _write(member, target.parent / name):
                counts.bytes += len(block)  # counted here, because the size in a header can be wrong
                if counts.bytes - bytes_before > limit:
                    sizes = [] if member.size is None or source.nested else [member.size, *_sizes(members)]
                    raise archive.too_large(name, declared + sum(sizes) if sizes else None)
                advance(raw.tell() - shown)
                shown = raw.tell()
            counts.files += 1


def _sizes(members: Iterable[tuple[str, Member]]) -> Iterator[int]:
    return (member.size or 0 for _, member in members)


def _size_limit(source: SourceFile, size: int, root: Path) -> tuple[int, str]:
    """The bytes that an archive of `size` bytes may unpack to below `root`, and why, with what to do."""
    remedy = "if that is right, give its size in the manifest, as `unpacked_bytes` of this file; otherwise delete it"
    if source.unpacked_bytes is not None:
        limit, reason = source.unpacked_bytes, f"that is its `unpacked_bytes` in the manifest; {remedy}"
    else:
        limit = max(MAX_BYTES, MAX_RATIO * size)
        times = f"its own size is {size} bytes, {limit // size} times less"
        reason = f"{times}, and it may be made to fill the disk; {remedy}"
    free = shutil.disk_usage(root).free
    if free < limit:
        return free, "no more is free on the disk; free some space, then run again"
    return limit, reason


def _files_to_write(members: Iterable[Member], source: SourceFile, counts: _Counts) -> Iterator[tuple[str, Member]]:
    """The files to write, each with its path below the folder. Raises UnpackError for one that may not be written."""
    unmatched = set(source.members)
    for number, member in enumerate(members):
        if number >= MAX_MEMBERS:
            raise UnpackError(f"has more than {MAX_MEMBERS} members; inspect it by hand")
        parts = name_parts(member.name)
        name = "/".join(parts)
        matching = {pattern for pattern in source.members if matches(name, pattern)}
        if not parts or (source.members and not matching):
            continue
        if any(JUNK.fullmatch(part) for part in parts):
            counts.junk += not member.is_folder
            continue
        reason = member.refusal or unsafe_name(member.name)
        if reason:
            raise UnpackError(f"{member.name!r} is {reason}; {CHOOSE}")
        if not member.is_folder:
            unmatched -= matching
            yield name, member
    if unmatched:
        raise UnpackError(f"no file in it matches {sorted(unmatched)}; correct `members` in the manifest")


def _write(member: Member, target: Path) -> Iterator[bytes]:
    """Write one file; yield each block before it is written. Owner, date and permission bits are not copied."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise UnpackError(f"{member.name!r} occurs twice, or as both a file and a folder; {CHOOSE}") from error
    with out, member.open() as stream:
        while block := stream.read(BLOCK):
            yield block
            out.write(block)


def _link(source: SourceFile, path: Path, root: Path, counts: _Counts) -> None:
    """Put a file that is not unpacked into the folder. A hard link uses no disk space; else it is copied."""
    if source.members:
        raise UnpackError("is not unpacked, so `members` has no effect; remove it from the manifest")
    target = root / source.file
    if target.exists():
        raise UnpackError(f"another archive has a file {source.file!r}; {CHOOSE}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(path)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, target)
    counts.files += 1
    counts.bytes += target.stat().st_size
