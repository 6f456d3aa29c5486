"""The layout of a task store: the interface between `pipeline` and `universeg`. This file does not import torch.

One LMDB file per dataset, with keys in sorted order:

    max/<group>/<modality>/<axis>/<subject>/<label>   that label's largest slice: image and mask
    mid/<group>/<modality>/<axis>/<subject>           the middle slice: image and every label's mask
    ~from/<group>/<modality>/<subject>                origin of a scan: files, digests, transform, slices (origin.py)
    ~header                                           JSON: format, dataset, image size, splits and more
    ~index                                            msgpack: subjects and mask areas of every task
    ~sums                                             checksum of header and index, xxh3-128

A record is an xxh3-64 checksum, then msgpack [side, image, {label: [area, mask]}]. Image and masks are separate
LZ4 blocks, so reading one label does not decompress the others. An image is intensity in [0, 1] as uint8. A mask is
coverage, the fraction of the pixel inside the label, as uint8. `area` is the number of mask pixels with a coverage
of at least one half. Records are written in key order in one transaction, so the same input gives the same bytes.
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
HEADER, INDEX, SUMS = b"~header", b"~index", b"~sums"  # they sort after all records
SLICINGS = ("mid", "max")
SPLITS = ("support", "dev", "test")
MAX_SIDE = 4096  # pixels; protects against a damaged header
HALF = 128  # coverage of at least one half, as uint8
FRAME = "@"  # several images of one subject are named subject@frame

Pixels = NDArray[np.uint8]
Packed = tuple[bytes, bytes]  # key, value


class StoreError(ValueError):
    """The store cannot be read, or it does not contain what was requested. The message says what to do."""


@dataclass(frozen=True, order=True)
class Task:
    """One 2-D binary segmentation task. Its key is the five fields joined with `/`."""

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
        """The task with this key. Raises StoreError if it is not a key."""
        parts = key.split("/")
        if len(parts) != 5 or not parts[4].isdigit():
            raise StoreError(f"{key!r} is not a task: expected dataset/group/modality/label/axis")
        dataset, group, modality, label, axis = parts
        return cls(dataset, group, modality, label, int(axis))


@dataclass(frozen=True)
class Record:
    """One slice of one scan, with the masks of one or more labels."""

    slicing: str
    group: str
    modality: str
    axis: int
    subject: str
    image: Pixels  # (H, H) intensity
    masks: Mapping[str, Pixels]  # label -> (H, H) coverage; exactly one label when slicing is "max"


def subject_of(name: str) -> str:
    """The subject (person or specimen) of a stored name, which is `subject` or `subject@frame`."""
    return name.split(FRAME, 1)[0]


def record_prefix(slicing: str, task: Task) -> str:
    """How the keys of all records of a task begin."""
    return f"{slicing}/{task.group}/{task.modality}/{task.axis}/"


def record_key(slicing: str, task: Task, subject: str) -> str:
    """The key of the record with the slice of a subject for a task."""
    return f"{record_prefix(slicing, task)}{subject}" + (f"/{task.label}" if slicing == "max" else "")


def area(mask: Pixels) -> int:
    """Number of pixels with a coverage of at least one half."""
    return int(np.count_nonzero(mask >= HALF))


def pack(record: Record) -> Packed:
    """Key and value of a record. Raises ValueError if names, shapes or types do not fit the layout."""
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
    masks = {label: [area(record.masks[label]), _compress(record.masks[label])] for label in sorted(record.masks)}
    body = msgpack.packb([side, _compress(record.image), masks])
    return key, xxhash.xxh3_64_digest(body) + body


def _compress(pixels: Pixels) -> bytes:
    packed: bytes = lz4.block.compress(np.ascontiguousarray(pixels).data, store_size=False)
    return packed


def unpack(value: bytes | memoryview, where: str) -> tuple[int, bytes, dict[str, tuple[int, bytes]]]:
    """Side, image block and {label: (area, mask block)} of a stored value.

    Raises StoreError, which names the record `where`, if the checksum is wrong.
    """
    view = memoryview(value)
    if xxhash.xxh3_64_digest(view[8:]) != view[:8]:
        raise StoreError(f"{where}: the record is damaged (checksum); rebuild the store")
    side, image, masks = msgpack.unpackb(view[8:])
    return side, image, masks


def decompress(block: bytes, side: int, where: str) -> Pixels:
    """The image or mask (side, side) of a block. Raises StoreError, which names the record `where`, if damaged."""
    try:
        pixels = np.frombuffer(lz4.block.decompress(block, uncompressed_size=side * side), np.uint8)
        return pixels.reshape(side, side)
    except (lz4.block.LZ4BlockError, ValueError) as error:
        raise StoreError(f"{where}: the record is damaged ({error}); rebuild the store") from error
