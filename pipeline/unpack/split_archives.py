"""Archives that are split into several files: group the parts, and read them as one stream."""

import io
import re
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

from pipeline.manifest.source_file import SourceFile

# x.zip.001; x.tar.gz.aa or x.tar.gz.partaa; x.z01 before x.zip
_NUMBERED_PART = re.compile(r"(?P<archive>.+)\.(?:\d{3}|(?:part)?[a-z]{2})")
_SPANNED_ZIP_PART = re.compile(r"(?P<stem>.+)\.z\d\d")
_ARCHIVE = re.compile(r".+\.(zip|7z|rar|gz|tgz|bz2|xz|tar)", re.IGNORECASE)


def archive_name(file: str) -> str:
    """The name of the archive that a file is a part of; the file's own name if it is not a part."""
    if found := _SPANNED_ZIP_PART.fullmatch(file):
        return f"{found['stem']}.zip"
    found = _NUMBERED_PART.fullmatch(file)
    return found["archive"] if found and _ARCHIVE.fullmatch(found["archive"]) else file


def group_parts(archives: Sequence[tuple[SourceFile, Path]]) -> list[tuple[SourceFile, list[Path]]]:
    """Each archive with the paths of its parts in order. The first part's source says how to unpack it."""
    names = [archive_name(source.file) if source.unpack else source.file for source, _ in archives]
    split = {name for name, (source, _) in zip(names, archives, strict=True) if name != source.file}
    groups: dict[object, list[tuple[SourceFile, Path]]] = {}
    for number, (name, one) in enumerate(zip(names, archives, strict=True)):
        groups.setdefault((one[0].name, name) if name in split else number, []).append(one)
    joined = []
    for group in groups.values():
        file = archive_name(group[0][0].file) if len(group) > 1 else group[0][0].file
        group.sort(key=lambda one: (one[0].file == file, one[0].file))  # x.z01, x.z02, then x.zip, which is the last
        joined.append((group[0][0].model_copy(update={"file": file}), [path for _, path in group]))
    return joined


class JoinedFiles(io.RawIOBase):
    """Several files that are read as if they were one."""

    def __init__(self, files: Sequence[IO[bytes]], sizes: Sequence[int]) -> None:
        self.files = files
        self.starts = [0, *accumulate(sizes)][:-1]
        self.size = sum(sizes)
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("cannot seek to a negative position")
        self.position = base + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        if self.position >= self.size:
            return 0
        number = bisect_right(self.starts, self.position) - 1
        end = self.starts[number + 1] if number + 1 < len(self.starts) else self.size
        file = self.files[number]
        file.seek(self.position - self.starts[number])
        count = file.readinto(memoryview(buffer)[: end - self.position])  # type: ignore[attr-defined]
        self.position += count
        return int(count)


def open_parts(paths: Sequence[Path], stack: ExitStack) -> tuple[IO[bytes], list[int]]:
    """The parts as one stream, which `stack` closes, and the offsets that the archive counts from.

    A zip that is spanned over x.z01, x.z02, x.zip counts from the start of each part. Any other split archive was
    cut after it was made, so it counts from 0.
    """
    files: list[IO[bytes]] = [stack.enter_context(path.open("rb")) for path in paths]
    if len(files) == 1:
        return files[0], [0]
    joined = JoinedFiles(files, [path.stat().st_size for path in paths])
    is_spanned = any(_SPANNED_ZIP_PART.fullmatch(path.name) for path in paths)
    return io.BufferedReader(joined), joined.starts if is_spanned else [0]
