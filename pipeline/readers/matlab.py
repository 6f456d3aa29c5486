"""MATLAB files. Version 7.3 is HDF5 with reversed axes; SciPy reads older versions."""

import math
from pathlib import Path

import numpy as np

from pipeline.attrition import BadScan
from pipeline.readers.hdf5 import MAX_SAMPLES, array_of, as_image, entry_of
from universeg.imageio.image import RawImage

HEADER_BYTES = 512  # MATLAB's own header, before the HDF5 signature
SIGNATURE = b"\x89HDF\r\n\x1a\n"
NUMBERS = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def matlab(path: Path, array: str | None = None, index: int | None = None) -> RawImage:
    """The named array, or its entry `index` along the first axis, with the axes in MATLAB's order."""
    import h5py
    from scipy.io import loadmat, whosmat

    with path.open("rb") as file:
        head = file.read(HEADER_BYTES + len(SIGNATURE))
    if SIGNATURE in (head[:8], head[HEADER_BYTES:]):
        with h5py.File(path) as stored:
            values = entry_of(array_of(stored, array), None).T
    else:
        arrays = {name: (shape, kind) for name, shape, kind in whosmat(path)}
        if array not in arrays:
            known = ", ".join(sorted(arrays)[:20])
            raise BadScan(f"has no array {array!r}; its arrays: {known}", remedy="correct 'array'")
        shape, kind = arrays[array]
        if kind not in NUMBERS or math.prod(shape) > MAX_SAMPLES:
            raise BadScan(f"{array!r} has {shape} samples of type {kind}; expected at most {MAX_SAMPLES} numbers")
        values = np.asarray(loadmat(path, variable_names=[array])[array])
    return as_image(entry_of(values, index))
