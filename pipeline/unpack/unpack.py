"""Archives into one folder: whole or not at all, never outside it, never more than fits."""

import fnmatch
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
from tqdm import tqdm

from pipeline.backends.http import off, say
from pipeline.manifest.source_file import SourceFile
from pipeline.unpack.member import Archive, Member, UnpackError
from pipeline.unpack.nested_archives import expand_nested, unsafe_name
from pipeline.unpack.split_archives import group_parts, opened
from pipeline.unpack.zip_tar import BLOCK, explained, reader_of
from universeg.base.atomic_write import atomic_write

__all__ = ["Inventory", "UnpackError", "unpack"]

MOST_MEMBERS = 2_000_000  # of one archive
MOST_BYTES, MOST_TIMES = 1 << 30, 200  # an archive may grow to these bytes, or these times its own size if more

JUNK = re.compile(r"__MACOSX|\._.*|\.DS_Store|Thumbs\.db", re.DOTALL)  # what desktops leave in archives
CHOOSE = "name the members to unpack under `members` in the manifest, or repack the archive without it"


@dataclass(frozen=True)
class Inventory:
    """What unpacking gave; `junk` counts desktop files that were left out."""

    root: Path
    files: int
    bytes: int
    junk: int


@dataclass
class _Tally:
    files: int = 0
    bytes: int = 0
    junk: int = 0


def unpack(
    archives: Sequence[tuple[SourceFile, Path]],
    into: Path,
    progress: bool | None = None,
    known: Callable[[Path], str | None] = lambda _: None,
) -> Inventory:
    """Fill the folder `into` from the archives; one that these very archives have filled before is kept.

    A note beside it remembers what it was filled from. A folder filled from others is replaced; one without a note
    is not ours and never touched. `known` tells the sha256 of a file that was just received, to save reading it twice.
    Raises UnpackError, and leaves `into` as it was.
    """
    memory, part, old, scratch = (
        into.with_name(f".{into.name}.{w}") for w in ("unpacked.json", "part", "old", "scratch")
    )
    into.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(into.with_name(f".{into.name}.lock")):
        wanted = [_identity(source, path, known(path)) for source, path in archives]
        filled = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else None
        if filled is not None and filled["archives"] == wanted and into.exists():
            say(f"{into}: kept, it was unpacked from the same archives")
            return Inventory(into, **filled["found"])
        if into.is_symlink() or (filled is None and into.exists()):
            raise UnpackError(f"{into}: is there but was not unpacked here; move it away, or give it as `have`")
        for left in (part, old, scratch):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        tally = _Tally()
        try:
            part.mkdir()
            for source, paths in group_parts(archives):
                with explained(paths[0]):
                    _add(source, paths, part, scratch, tally, progress)
            _check_digests([source for source, _ in archives], part)
            _swap(part, into, old, memory, {"archives": wanted, "found": asdict(tally)})
        finally:
            for left in (part, scratch):
                shutil.rmtree(left, ignore_errors=True)
        return Inventory(into, **asdict(tally))


def _identity(source: SourceFile, path: Path, sha256: str | None) -> dict[str, Any]:
    """All that decides what an archive unpacks to."""
    with explained(path), path.open("rb") as file:
        sha256 = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
    facts = source.model_dump(mode="json", include={"file", "members", "nested", "unpack", "digests"})
    return {**facts, "sha256": sha256}


def _check_digests(sources: Sequence[SourceFile], root: Path) -> None:
    """Raise UnpackError unless the unpacked files that the manifest knows are what it says."""
    for name, digest in {name: digest for source in sources for name, digest in source.digests.items()}.items():
        algorithm, _, wanted = digest.partition(":")
        path = root / name
        if not path.is_file():
            raise UnpackError(f"{root.name[1:-5]}: {name!r} is in no archive; correct `digests` in the manifest")
        with path.open("rb") as file:
            got = hashlib.file_digest(file, algorithm).hexdigest()
        if got != wanted:
            raise UnpackError(
                f"{root.name[1:-5]}: {name!r}: expected {digest}, got {algorithm}:{got}; the owner changed it, or it"
                " is damaged: fetch it again, or correct the manifest"
            )


def _swap(part: Path, into: Path, old: Path, memory: Path, note: dict[str, Any]) -> None:
    """Put `part` in the place of `into`. The note goes between, so that whenever both are there they agree."""
    if into.exists():
        into.replace(old)
    with atomic_write(memory) as file:
        file.write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
    os.sync()  # the files before the name; one by one would take minutes for 100 000 small ones
    part.replace(into)
    shutil.rmtree(old, ignore_errors=True)


def _add(
    source: SourceFile, paths: Sequence[Path], root: Path, scratch: Path, tally: _Tally, progress: bool | None
) -> None:
    """Unpack an archive, or its pieces, below `root`, in the folder that `file` names if any; count into `tally`."""
    read = reader_of(source.file) if source.unpack else None
    if read is None:
        _link(source, paths[0].resolve(), root, tally)
        return
    size = sum(path.stat().st_size for path in paths)
    if size == 0:  # gzip takes this for nothing, compressed
        raise UnpackError("is empty; delete it and fetch it again")
    most, reason = min(
        (max(MOST_BYTES, MOST_TIMES * size), "which looks made to fill the disk; look at it by hand"),
        (shutil.disk_usage(root).free, "all that the disk has free; make room, then run again"),
    )
    before, target = tally.bytes, root / source.file
    with ExitStack() as stack:
        raw, starts = opened(paths, stack)
        bar = stack.enter_context(tqdm(total=size, desc=source.file, unit="B", unit_scale=True, disable=off(progress)))
        archive = Archive(raw, target.name, scratch, most, tuple(starts), source.secret, source.variable)
        for name, member in _wanted(expand_nested(read(archive), archive, source.nested), source.members, tally):
            for block in _writing(member, target.parent / name):
                tally.bytes += len(block)  # counted, since what a header says can be a lie
                if tally.bytes - before > most:
                    raise UnpackError(f"with {name!r} it unpacks to over {most} bytes, {reason}")
                bar.update(raw.tell() - bar.n)
            tally.files += 1


def _wanted(members: Iterable[Member], patterns: Sequence[str], tally: _Tally) -> Iterator[tuple[str, Member]]:
    """The files to write, by their path below the folder; refuses what may not be written."""
    unmatched = set(patterns)
    for number, member in enumerate(members):
        if number >= MOST_MEMBERS:
            raise UnpackError(f"more than {MOST_MEMBERS} members; look at it by hand")
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        matching = {pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern)}
        if not parts or (patterns and not matching):
            continue
        if any(JUNK.fullmatch(part) for part in parts):
            tally.junk += not member.folder
            continue
        reason = member.refused or unsafe_name(member.name, parts)
        if reason:
            raise UnpackError(f"{member.name!r} is {reason}; {CHOOSE}")
        if not member.folder:
            unmatched -= matching
            yield name, member
    if unmatched:
        raise UnpackError(f"no file in it matches {sorted(unmatched)}; correct `members` in the manifest")


def _writing(member: Member, target: Path) -> Iterator[bytes]:
    """Write one file, showing each block before it is written. Made anew: no owner, date or setuid bit comes along."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise UnpackError(f"{member.name!r} is there twice, or as both file and folder; {CHOOSE}") from error
    with out, member.open() as stream:
        while block := stream.read(BLOCK):
            yield block
            out.write(block)


def _link(source: SourceFile, path: Path, root: Path, tally: _Tally) -> None:
    """Put a file that is no archive, or is to stay one, into the folder without taking disk space twice."""
    if source.members:
        raise UnpackError("is not unpacked, so `members` has no meaning; remove it from the manifest")
    target = root / source.file
    if target.exists():
        raise UnpackError(f"another archive has a file {source.file!r}; {CHOOSE}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(path)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, target)
    tally.files += 1
    tally.bytes += target.stat().st_size
