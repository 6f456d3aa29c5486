"""Read a gzipped file to its end, where its checksum is, but not beyond a limit."""

import gzip
from io import BytesIO
from pathlib import Path

from universeg.imageio.image import ImageError

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
