"""The origin of a scan's records: source files with digests, transform and slices. This file does not import torch.

A store keeps one origin per scan, apart from the records, so reading images does not touch it:

    ~from/<group>/<modality>/<subject>    xxh3-64 checksum, then LZ4 of a msgpack list in the order of the fields
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field

import lz4.block
import msgpack
import xxhash

from universeg.store.format import Packed, StoreError

ORIGIN = b"~from/"  # sorts after all records, and before the header
LARGEST = 1 << 26  # bytes of one origin; protects against a damaged size

Position = tuple[
    int, int, int
]  # index on the standard grid; first and last sample of the scan that the slice is made of


@dataclass(frozen=True)
class Files:
    """Files of one image or label, and the SHA-256 of their contents, one after another: `cat FILES | sha256sum`."""

    names: tuple[str, ...]  # relative to the dataset's folder
    sha256: str


@dataclass(frozen=True)
class Origin:
    """From which files the records of one scan were made, and how. Axes are those of RAS+ order for volumes."""

    group: str
    modality: str
    subject: str  # subject, or subject@frame
    image: Files
    labels: Mapping[str, Files]  # label name -> files; the name is "" for one file with all labels
    channel: int | None = None  # of the image file
    index: int | None = None  # frame in the image file, from 0
    label_index: int | None = None  # frame in the label file
    orientation: str = ""  # directions of the axes in the file (LPS, RAS, ...); empty for pictures
    shape: tuple[int, ...] = ()  # samples along each axis
    spacing: tuple[float, ...] = ()  # between samples; millimetres for volumes
    window: tuple[float, float] = (0, 0)  # intensities that became 0 and 255
    slices: Mapping[str, Position] = field(default_factory=dict)  # by `slice_name`

    @property
    def is_volume(self) -> bool:
        return len(self.shape) == 3


def slice_name(slicing: str, axis: int, label: str = "") -> str:
    """The key of a slice in `Origin.slices`: mid/<axis>, or max/<axis>/<label>."""
    return f"{slicing}/{axis}" + (f"/{label}" if slicing == "max" else "")


def origin_key(group: str, modality: str, subject: str) -> bytes:
    """The key of a scan's origin in a store."""
    return ORIGIN + f"{group}/{modality}/{subject}".encode()


def pack_origin(origin: Origin) -> Packed:
    """Key and value of an origin."""
    # File names may have bytes that are not UTF-8.
    body = lz4.block.compress(msgpack.packb(astuple(origin), unicode_errors="surrogateescape"))
    return origin_key(origin.group, origin.modality, origin.subject), xxhash.xxh3_64_digest(body) + body


def unpack_origin(value: bytes, where: str) -> Origin:
    """The origin in a stored value. Raises StoreError, which names the scan `where`, if it is damaged."""
    body = value[8:]
    if xxhash.xxh3_64_digest(body) != value[:8] or int.from_bytes(body[:4], "little") > LARGEST:
        raise StoreError(f"{where}: the origin is damaged (checksum); rebuild the store")
    try:
        fields = msgpack.unpackb(lz4.block.decompress(body), unicode_errors="surrogateescape", use_list=False)
        group, modality, subject, image, labels, *rest = fields
        return Origin(group, modality, subject, Files(*image), {k: Files(*v) for k, v in labels.items()}, *rest)
    except (lz4.block.LZ4BlockError, ValueError, TypeError, AttributeError, msgpack.UnpackException) as error:
        raise StoreError(f"{where}: the origin is damaged ({error}); rebuild the store") from error
