"""The file formats that benchmarks/store.py compares: how each is written, and how it is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import lmdb
import lz4.frame
import msgpack
import nibabel as nib
import numpy as np
from PIL import Image

from universeg.store import Record, Store, pack, write_store

Pixels = np.ndarray
Pair = tuple[Pixels, Pixels]  # image (H, W) 0..255, masks of eight labels (8, H, W) 0 or 1
Read = Callable[[int, list[int]], tuple[Pixels, Pixels]]  # task, subjects -> images, masks of the first label


@dataclass(frozen=True)
class Form:
    """The files of a format, and a function that opens them in a new process."""

    paths: Sequence[Path]
    open: Callable[[], Read]


def _floats(pixels: Pixels) -> Pixels:
    return pixels.astype(np.float32)


def _kept(side: int) -> Callable[[int], tuple[Pixels, Pixels]]:
    """Memory for floats that is allocated once. New memory for each read would cost more than the read itself."""
    return cache(lambda count: (np.empty((count, side, side), np.float32), np.empty((count, side, side), np.float32)))


def _files(save: Callable[[Path, Pixels], None], load: Callable[[Path], Pixels], suffix: str) -> Any:
    """One file for each image and each mask."""

    def write(root: Path, tasks: Sequence[Sequence[Pair]]) -> Form:
        def at(task: int, subject: int, kind: str) -> Path:
            return root / f"{task:03d}_{subject:03d}_{kind}{suffix}"

        paths = []
        for task, pairs in enumerate(tasks):
            for subject, (image, masks) in enumerate(pairs):
                save(at(task, subject, "image"), image)
                save(at(task, subject, "mask"), masks[0])
                paths += [at(task, subject, "image"), at(task, subject, "mask")]

        def read(task: int, subjects: list[int]) -> tuple[Pixels, Pixels]:
            return tuple(np.stack([load(at(task, n, kind)) for n in subjects]) for kind in ("image", "mask"))

        return Form(paths, lambda: read)

    return write


def _save_nifti(path: Path, pixels: Pixels) -> None:
    values = pixels if path.name.endswith("mask.nii.gz") else _floats(pixels) / 255
    nib.save(nib.Nifti1Image(values, np.eye(4)), path)


def _save_npy(path: Path, pixels: Pixels) -> None:
    np.save(path, pixels if path.name.endswith("mask.npy") else _floats(pixels) / 255)


def _hdf5(root: Path, tasks: Sequence[Sequence[Pair]]) -> Form:
    """Float32 with LZ4 compression; one chunk for each image and each mask."""
    path, side = root / "pairs.h5", tasks[0][0][0].shape[0]
    with h5py.File(path, "w") as file:
        for task, pairs in enumerate(tasks):
            images, masks = (np.stack([pair[k] for pair in pairs]) for k in (0, 1))
            for kind, values in (("image", _floats(images) / 255), ("mask", _floats(masks[:, 0]))):
                file.create_dataset(f"{task}/{kind}", data=values, chunks=(1, *values.shape[1:]), **hdf5plugin.LZ4())

    def open_() -> Read:
        file, room = h5py.File(path, "r"), _kept(side)

        def read(task: int, subjects: list[int]) -> tuple[Pixels, Pixels]:
            found = room(len(subjects))
            for kind, out in zip(("image", "mask"), found, strict=True):
                data = file[f"{task}/{kind}"]
                for row, subject in enumerate(subjects):
                    data.read_direct(out, np.s_[subject], np.s_[row])
            return found

        return read

    return Form([path], open_)


def _float_lmdb(labels: int) -> Any:
    """Records of a float32 image and its masks, msgpack and LZ4; opened with the usual settings."""

    def write(root: Path, tasks: Sequence[Sequence[Pair]]) -> Form:
        path = root / f"floats{labels}.lmdb"
        with (
            lmdb.open(str(path), subdir=False, lock=False, map_size=1 << 40) as env,
            env.begin(write=True) as txn,
        ):
            for task, pairs in enumerate(tasks):
                for subject, (image, masks) in enumerate(pairs):
                    arrays = _floats(image) / 255, _floats(masks[:labels])
                    packed = msgpack.packb([[a.dtype.str, a.shape, a.tobytes()] for a in arrays])
                    txn.put(f"{task:03d}/{subject:03d}".encode(), lz4.frame.compress(packed))

        def open_() -> Read:
            env = lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False, meminit=False)
            room = _kept(tasks[0][0][0].shape[0])

            def read(task: int, subjects: list[int]) -> tuple[Pixels, Pixels]:
                images, masks = room(len(subjects))
                with env.begin(buffers=True) as txn:
                    for row, subject in enumerate(subjects):
                        record = lz4.frame.decompress(txn.get(f"{task:03d}/{subject:03d}".encode()))
                        image, seg = (np.frombuffer(d, t).reshape(shape) for t, shape, d in msgpack.unpackb(record))
                        images[row], masks[row] = image, seg[0]
                return images, masks

            return read

        return Form([path], open_)

    return write


def _raw(root: Path, tasks: Sequence[Sequence[Pair]]) -> Form:
    """Raw bytes, mapped into memory. Nothing is decoded, so this is the fastest possible read."""
    path, shape = root / "pairs.raw", (len(tasks), 2, len(tasks[0]), *tasks[0][0][0].shape)
    values = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    for task, pairs in enumerate(tasks):
        values[task] = np.stack([pair[0] for pair in pairs]), np.stack([pair[1][0] for pair in pairs])
    values.flush()
    del values

    def open_() -> Read:
        mapped = np.load(path, mmap_mode="r")
        return lambda task, subjects: (mapped[task, 0][subjects], mapped[task, 1][subjects])

    return Form([path], open_)


def _store(labels: int, as_float: bool = False) -> Any:
    def write(root: Path, tasks: Sequence[Sequence[Pair]]) -> Form:
        path = root / f"store{labels}.lmdb"
        if not path.exists():
            packed = [
                pack(
                    Record(
                        "mid",
                        f"g{task:03d}",
                        "m",
                        0,
                        f"s{n:03d}",
                        image,
                        dict(zip("abcdefgh"[:labels], masks * 255, strict=True)),
                    )
                )
                for task, pairs in enumerate([[(i, m[:labels]) for i, m in pairs] for pairs in tasks])
                for n, (image, masks) in enumerate(pairs)
            ]
            write_store(path, {"dataset": "D", "size": tasks[0][0][0].shape[0]}, sorted(packed))

        def open_() -> Read:
            store, room = Store(path), _kept(tasks[0][0][0].shape[0])

            def read(task: int, subjects: list[int]) -> tuple[Pixels, Pixels]:
                images, masks = store.read(f"D/g{task:03d}/m/a/0", [f"s{n:03d}" for n in subjects])
                if not as_float:
                    return images, masks
                floats = room(len(subjects))
                np.multiply(images, np.float32(1 / 255), out=floats[0])
                np.copyto(floats[1], masks)
                return floats

            return read

        return Form([path], open_)

    return write


FORMS: dict[str, Callable[[Path, Sequence[Sequence[Pair]]], Form]] = {
    "nii.gz": _files(_save_nifti, lambda path: np.asanyarray(nib.load(path).dataobj), ".nii.gz"),
    "PNG": _files(
        lambda path, pixels: Image.fromarray(pixels).save(path), lambda path: np.asarray(Image.open(path)), ".png"
    ),
    "npy": _files(_save_npy, np.load, ".npy"),
    "HDF5+lz4, float32": _hdf5,
    "LMDB, float32 msgpack+lz4": _float_lmdb(1),
    "LMDB, float32 msgpack+lz4, 8 labels": _float_lmdb(8),
    "raw memory map, uint8": _raw,
    "store": _store(1),
    "store, 8 labels": _store(8),
    "store, float32 out": _store(1, as_float=True),
}
