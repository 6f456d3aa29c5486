"""What is exported: images with label maps, in tasks, and what must be said about their origin."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.store.format import StoreError

PNG = ".png"
SHOWN = 255  # what the only structure of a picture is written as where people look at masks


@dataclass(frozen=True)
class Case:
    """One image with its label map. The two functions give the contents of their files."""

    name: str  # of its files, without ending
    subject: str
    split: str  # in the words of the layout: train, validation, test
    image: Callable[[], bytes]
    mask: Callable[[int], bytes]  # with the numbers of the labels, 1 to n, times the given factor


@dataclass(frozen=True)
class ExportTask:
    """The images of one task."""

    name: str  # of its folder
    key: str  # its full name
    labels: Sequence[str]  # names of 1 to n
    channels: Sequence[str]  # of an image: one name for grey, three for colour
    cases: Callable[[], Iterator[Case]]
    count: int
    ending: str = PNG

    @property
    def factor(self) -> int:
        """What label numbers are multiplied by where people look at masks."""
        return SHOWN if len(self.labels) == 1 and self.ending == PNG else 1


@dataclass(frozen=True)
class About:
    """What must be said about a dataset whose images are passed on."""

    name: str
    title: str
    licence: str = ""
    licence_url: str = ""
    terms: Mapping[str, str] = field(default_factory=dict)  # research, commercial, redistribution: yes, no or unknown
    citations: Sequence[str] = ()
    sources: Sequence[str] = ()  # files or places that the images were made from
    facts: Mapping[str, Any] = field(default_factory=dict)  # versions and digests


@dataclass(frozen=True)
class Row:
    """One line of `index.csv`: where an image and its mask are, and what they show."""

    image: str  # relative to the exported folder
    mask: str
    task: str
    split: str
    subject: str


def png(values: NDArray[Any]) -> bytes:
    """A PNG of grey (H, W) or colour (H, W, 3) with 8 or 16 bits."""
    from imagecodecs import png_encode

    return bytes(png_encode(np.ascontiguousarray(values)))


def png_mask(labels: NDArray[np.uint8], factor: int) -> bytes:
    """A PNG of label numbers (H, W) times a factor."""
    return png(labels * np.uint8(factor))


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` if the block succeeds. Raises StoreError if `out` has files already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StoreError(f"{out}: is there already; delete it, or choose another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        part.chmod(0o755)
        yield part
        if out.is_dir():
            out.rmdir()
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
