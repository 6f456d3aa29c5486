"""An archive that was cut into pieces: which files belong group_parts, and reading them as one."""

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
_PIECE = re.compile(r"(?P<whole>.+)\.(?:\d{3}|(?:part)?[a-z]{2})")
_ZIP = re.compile(r"(?P<stem>.+)\.z\d\d")
_ENDING = re.compile(r".+\.(zip|7z|rar|gz|tgz|bz2|xz|tar)", re.IGNORECASE)


def archive_name(file: str) -> str:
    """The name of the archive that a file is a piece of, or is."""
    if found := _ZIP.fullmatch(file):
        return f"{found['stem']}.zip"
    found = _PIECE.fullmatch(file)
    return found["whole"] if found and _ENDING.fullmatch(found["whole"]) else file


def group_parts(archives: Sequence[tuple[SourceFile, Path]]) -> list[tuple[SourceFile, list[Path]]]:
    """Archives with their pieces in order; the first piece's source says how to unpack."""
    names = [archive_name(source.file) if source.unpack else source.file for source, _ in archives]
    cut = {name for name, (source, _) in zip(names, archives, strict=True) if name != source.file}
    groups: dict[object, list[tuple[SourceFile, Path]]] = {}
    for number, (name, one) in enumerate(zip(names, archives, strict=True)):
        groups.setdefault((one[0].name, name) if name in cut else number, []).append(one)
    joined = []
    for group in groups.values():
        file = archive_name(group[0][0].file) if len(group) > 1 else group[0][0].file
        group.sort(key=lambda one: (one[0].file == file, one[0].file))  # x.z01 ... x.zip: the last has the whole's name
        joined.append((group[0][0].model_copy(update={"file": file}), [path for _, path in group]))
    return joined


class Joined(io.RawIOBase):
    """Several files read as one after the other."""

    def __init__(self, files: Sequence[IO[bytes]], sizes: Sequence[int]) -> None:
        self.files = files
        self.starts = [0, *accumulate(sizes)][:-1]
        self.size = sum(sizes)
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("a place before the beginning")
        self.at = base + offset
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: Any) -> int:
        if self.at >= self.size:
            return 0
        number = bisect_right(self.starts, self.at) - 1
        end = self.starts[number + 1] if number + 1 < len(self.starts) else self.size
        file = self.files[number]
        file.seek(self.at - self.starts[number])
        got = file.readinto(memoryview(buffer)[: end - self.at])  # type: ignore[attr-defined]
        self.at += got
        return int(got)


def opened(paths: Sequence[Path], stack: ExitStack) -> tuple[IO[bytes], list[int]]:
    """The pieces as one stream, closed with `stack`; and where each begins in it, if the archive counts from there."""
    files: list[IO[bytes]] = [stack.enter_context(path.open("rb")) for path in paths]
    if len(files) == 1:
        return files[0], [0]
    joined = Joined(files, [path.stat().st_size for path in paths])
    spanned = any(_ZIP.fullmatch(path.name) for path in paths)  # else it was cut without the zip knowing
    return io.BufferedReader(joined), joined.starts if spanned else [0]
