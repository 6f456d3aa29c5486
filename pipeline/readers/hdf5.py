"""HDF5 by index: only the frame that is wanted is read, however large the file."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from universeg.imageio.image import RawImage

MOST_SAMPLES = 1 << 31


def hdf5(path: Path, array: str | None = None, index: int | None = None) -> RawImage:
    """The named array, or its entry `index` along the first axis; two axes are a picture, three a volume."""
    import h5py

    with h5py.File(path) as file:
        return pictured(part_of(array_of(file, array), index))


def array_of(file: Any, name: str | None) -> Any:
    """An array of this very file; raises BadScan for one that is not there or leads to another file."""
    import h5py

    if name is None or name not in file:
        raise BadScan(f"has no array {name!r}, but {', '.join(sorted(file)[:20])}", remedy="correct 'array'")
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise BadScan(f"its array {name!r} is a link to elsewhere")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise BadScan(f"its {name!r} is no array of this file")
    return found


def part_of(array: Any, index: int | None) -> NDArray[Any]:
    """The whole array, or an entry along its first axis."""
    shape = array.shape if index is None else array.shape[1:]
    if math.prod(shape) > MOST_SAMPLES or array.dtype.kind not in "biuf":
        raise BadScan(f"has {shape} samples of type {array.dtype}; expected numbers, at most {MOST_SAMPLES}")
    if index is None:
        return np.asarray(array[()])
    if not array.ndim or not 0 <= index < array.shape[0]:
        raise BadScan(f"has shape {array.shape}, entry {index} is wanted")
    return np.asarray(array[index])


def pictured(values: NDArray[Any]) -> RawImage:
    """A picture, also one with 3 or 4 colours, or a volume."""
    return RawImage(values, is_volume=values.ndim == 3 and values.shape[-1] not in (1, 3, 4))
