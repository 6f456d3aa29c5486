"""One `.npz` file per task, with the arrays that MedSegBench has.

They are train_images, train_label, val_images, val_label, test_images and test_label: uint8 (n, H, W), labels 0 or 1.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from universeg.store.export.case import Row
from universeg.store.format import Pixels

SPLITS: Mapping[str, str] = {"train": "train", "validation": "val", "test": "test"}
OLDEST = (1980, 1, 1, 0, 0, 0)  # the time of every array, so that the same content gives the same bytes

Block = tuple[Pixels, Pixels]  # images and masks (n, H, W)


def write_npz(path: Path, side: int, counts: Mapping[str, int], blocks: Mapping[str, Iterator[Block]]) -> None:
    """Write the arrays of each split, block by block, so that only one block of images is in memory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        for split, short in SPLITS.items():
            # Masks are read with the images; they wait in memory as bits.
            waiting = list[tuple[int, Pixels]]()
            with archive.open(_member(f"{short}_images"), "w", force_zip64=True) as file:
                file.write(_header(counts[split], side))
                for images, masks in blocks[split]:
                    file.write(images.tobytes())
                    waiting.append((masks.size, np.packbits(masks)))
            with archive.open(_member(f"{short}_label"), "w", force_zip64=True) as file:
                file.write(_header(counts[split], side))
                for size, bits in waiting:
                    file.write(np.unpackbits(bits, count=size).tobytes())


def npz_rows(name: str, task: str, subjects: Mapping[str, Sequence[str]]) -> list[Row]:
    """The lines of the index: in which array, and at which place, each image is."""
    return [
        Row(f"{name}#{SPLITS[split]}_images[{at}]", f"{name}#{SPLITS[split]}_label[{at}]", task, split, subject)
        for split in SPLITS
        for at, subject in enumerate(subjects[split])
    ]


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{name}.npy", OLDEST)
    info.create_system, info.external_attr, info.compress_type = 3, 0o100644 << 16, zipfile.ZIP_DEFLATED
    return info


def _header(count: int, side: int) -> bytes:
    """The head of an .npy file of uint8 (count, side, side)."""
    from io import BytesIO

    head = BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (count, side, side)}
    np.lib.format.write_array_header_1_0(head, described)
    return head.getvalue()
