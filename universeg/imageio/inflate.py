"""Read compressed data to their end, where the checksum is, but not beyond a limit."""

import gzip
import zlib
from collections.abc import Mapping
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import IO, Any

from universeg.imageio.image import AGAIN, ImageError

MAGIC = b"\x1f\x8b"  # the first bytes of every gzipped file
CHUNK = 1 << 20  # bytes: one read of all would take the memory of the limit first


def is_gzipped(path: Path) -> bool:
    """By its first bytes: programs and people rename `.nii.gz` to `.nii` and back."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def inflated(path: Path, most: int) -> bytes:
    """The content; raises ImageError if it has more than `most` bytes."""
    content = BytesIO()
    with gzip.open(path) as stream:
        while chunk := stream.read(CHUNK):
            content.write(chunk)
            if content.tell() > most:
                raise ImageError(f"inflates to more than {most} bytes")
    return content.getvalue()


def check_sum(compressed: bytes | memoryview) -> bool:
    """Raise ImageError if samples that are compressed by zlib or gzip are damaged; say whether their end is there.

    For libraries that stop when they have all samples, before the checksum. What follows the end is ignored.
    """
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: either kind of header
    try:
        while compressed and not stream.eof:
            stream.decompress(compressed, CHUNK)
            compressed = stream.unconsumed_tail
    except zlib.error as error:
        raise ImageError(f"its compressed samples are damaged ({error})", remedy=AGAIN) from error
    return stream.eof


def check_strips(tags: Mapping[int, Any], file: IO[bytes]) -> None:
    """Raise ImageError if strips or tiles of a page with these tags are damaged, if they are compressed by Deflate."""
    if tags.get(259) not in (8, 32946):
        return
    starts, sizes = (tags.get(strips) or tags.get(tiles, ()) for strips, tiles in ((273, 324), (279, 325)))
    before, length = file.tell(), file.seek(0, SEEK_END)
    for start, size in zip(starts, sizes, strict=False):
        file.seek(start)
        check_sum(file.read(min(size, length)))  # a damaged file may claim any size
    file.seek(before)
