"""The layout of a task store: the one contract between `pipeline` and `universeg`. No torch here.

One LMDB file per dataset, its keys sorted as text:

    max/<group>/<modality>/<axis>/<subject>/<label>   that label's largest slice: image and mask
    mid/<group>/<modality>/<axis>/<subject>           the middle slice: image and every label's mask
    ~header                                           JSON: format, what made the store, labels, splits
    ~index                                            msgpack: subjects and mask areas of every task

A record is an xxh3-64 checksum, then msgpack [side, image, {label: [area, mask]}]. Image and masks are separate
LZ4 blocks, so reading one label never decompresses the others. An image is intensity in [0, 1] as uint8; a mask
is coverage, the share of the pixel inside the label, as uint8; `area` counts its pixels of at least one half.
Everything is written in key order in one transaction, so the same input gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import lz4.block
import msgpack
import numpy as np
import xxhash
from numpy.typing import NDArray

FORMAT = 1
HEADER, INDEX = b"~header", b"~index"  # sort after every record
SLICINGS = ("mid", "max")
SPLITS = ("support", "dev", "test")
MOST_SIDE = 4096  # pixels; a header may claim any
HALF = 128  # coverage of at least one half, as uint8
FRAME = "@"  # a subject's several images are named subject@frame

Pixels = NDArray[np.uint8]
Packed = tuple[bytes, bytes]  # key, value


class StoreError(ValueError):
    """A store that cannot be read, or a record that it does not hold; the message says what to do."""


@dataclass(frozen=True, order=True)
class Task:
    """One 2-D binary segmentation problem; its key joins the five names with `/`."""

    dataset: str
    group: str
    modality: str
    label: str
    axis: int

    @property
    def key(self) -> str:
        return f"{self.dataset}/{self.group}/{self.modality}/{self.label}/{self.axis}"

    @classmethod
    def parse(cls, key: str) -> Self:
        parts = key.split("/")
        if len(parts) != 5 or not parts[4].isdigit():
            raise StoreError(f"{key!r} is not a task: expected dataset/group/modality/label/axis")
        dataset, group, modality, label, axis = parts
        return cls(dataset, group, modality, label, int(axis))


@dataclass(frozen=True)
class Record:
    """One slice of one scan with the masks that are kept for it."""

    slicing: str
    group: str
    modality: str
    axis: int
    subject: str
    image: Pixels  # (H, H) intensity
    masks: Mapping[str, Pixels]  # label -> (H, H) coverage; exactly one label when slicing is "max"


def subject_of(name: str) -> str:
    """The person or specimen behind a stored name, which is `subject` or `subject@frame`."""
    return name.split(FRAME, 1)[0]


def area(mask: Pixels) -> int:
    """Number of pixels that are at least half inside the label."""
    return int(np.count_nonzero(mask >= HALF))


def pack(record: Record) -> Packed:
    """Key and value of a record; raises ValueError where it breaks the layout."""
    names = [record.slicing, record.group, record.modality, str(record.axis), record.subject]
    if record.slicing == "max":
        (label,) = record.masks
        names.append(label)
    if record.slicing not in SLICINGS or any("/" in name for name in [*names, *record.masks]):
        raise ValueError(f"{names}: slicing must be one of {SLICINGS}, and names must not contain '/'")
    key, side = "/".join(names).encode(), record.image.shape[0]
    for pixels in (record.image, *record.masks.values()):
        if pixels.shape != (side, side) or pixels.dtype != np.uint8:
            raise ValueError(f"{key!r}: expected uint8 ({side}, {side}), got {pixels.dtype} {pixels.shape}")
    masks = {label: [area(record.masks[label]), _squeeze(record.masks[label])] for label in sorted(record.masks)}
    body = msgpack.packb([side, _squeeze(record.image), masks])
    return key, xxhash.xxh3_64_digest(body) + body


def _squeeze(pixels: Pixels) -> bytes:
    packed: bytes = lz4.block.compress(np.ascontiguousarray(pixels).data, store_size=False)
    return packed


def unpack(value: bytes | memoryview, where: str) -> tuple[int, bytes, dict[str, tuple[int, bytes]]]:
    """Side, image block and {label: (area, mask block)} of a value whose checksum holds."""
    view = memoryview(value)
    if xxhash.xxh3_64_digest(view[8:]) != view[:8]:
        raise StoreError(f"{where}: the record is damaged (checksum); rebuild the store")
    side, image, masks = msgpack.unpackb(view[8:])
    return side, image, masks


def expand(block: bytes, side: int, where: str) -> Pixels:
    try:
        pixels = np.frombuffer(lz4.block.decompress(block, uncompressed_size=side * side), np.uint8)
        return pixels.reshape(side, side)
    except (lz4.block.LZ4BlockError, ValueError) as error:
        raise StoreError(f"{where}: the record is damaged ({error}); rebuild the store") from error
