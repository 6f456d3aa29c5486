"""HDF5: read a named array, or one frame of it. Only that frame is read, however large the file is."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from universeg.imageio.image import RawImage

MAX_SAMPLES = 1 << 31


def hdf5(path: Path, array: str | None = None, index: int | None = None) -> RawImage:
    """The named array, or its entry `index` along the first axis. Two axes are a picture, three a volume."""
    import h5py

    with h5py.File(path) as file:
        return as_image(entry_of(array_of(file, array), index))


def array_of(file: Any, name: str | None) -> Any:
    """The dataset of that name in an open h5py file. Raises BadScan if it does not exist, or is in another file."""
    import h5py

    if name is None or name not in file:
        raise BadScan(f"has no array {name!r}; its arrays: {', '.join(sorted(file)[:20])}", remedy="correct 'array'")
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise BadScan(f"its array {name!r} is a link to another place")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise BadScan(f"{name!r} is not an array stored in this file")
    return found


def entry_of(array: Any, index: int | None) -> NDArray[Any]:
    """The entry `index` along the first axis of an array, or the whole array. Raises BadScan if it is not numbers."""
    shape = array.shape if index is None else array.shape[1:]
    if math.prod(shape) > MAX_SAMPLES or array.dtype.kind not in "biuf":
        raise BadScan(f"has {shape} samples of type {array.dtype}; expected at most {MAX_SAMPLES} numbers")
    if index is None:
        return np.asarray(array[()])
    if not array.ndim or not 0 <= index < array.shape[0]:
        raise BadScan(f"has shape {array.shape}, entry {index} is wanted", remedy="correct the frames in the manifest")
    return np.asarray(array[index])


def as_image(values: NDArray[Any]) -> RawImage:
    """A picture (row, column), also with 1, 3 or 4 colour channels, or a volume.

    Whether 3 or 4 are channels or slices, only the manifest can say: see `Pick.volume`.
    """
    return RawImage(values, is_volume=values.ndim == 3 and values.shape[-1] not in (1, 3, 4))
