"""MATLAB files: version 7.3 is HDF5 with its axes reversed, older ones are read by SciPy."""

import math
from pathlib import Path

import numpy as np

from pipeline.attrition import BadScan
from pipeline.readers.hdf5 import MOST_SAMPLES, array_of, part_of, pictured
from universeg.imageio.image import RawImage

HDF5_AT = 512  # bytes of MATLAB's own header before the HDF5 signature
SIGNATURE = b"\x89HDF\r\n\x1a\n"
NUMBERS = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def matlab(path: Path, array: str | None = None, index: int | None = None) -> RawImage:
    """The named array, or its entry `index` along the first axis, with axes as MATLAB shows them."""
    import h5py
    from scipy.io import loadmat, whosmat

    with path.open("rb") as file:
        head = file.read(HDF5_AT + len(SIGNATURE))
    if SIGNATURE in (head[:8], head[HDF5_AT:]):
        with h5py.File(path) as stored:
            values = part_of(array_of(stored, array), None).T
    else:
        shapes = {name: (shape, kind) for name, shape, kind in whosmat(path)}
        if array not in shapes:
            raise BadScan(f"has no array {array!r}, but {', '.join(sorted(shapes)[:20])}", remedy="correct 'array'")
        shape, kind = shapes[array]
        if kind not in NUMBERS or math.prod(shape) > MOST_SAMPLES:
            raise BadScan(f"{array!r} is {shape} of {kind}; expected numbers, at most {MOST_SAMPLES}")
        values = np.asarray(loadmat(path, variable_names=[array])[array])
    return pictured(part_of(values, index))
