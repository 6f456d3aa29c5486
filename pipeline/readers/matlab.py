"""MATLAB files of versions 4 to 7.3. Version 7.3 is HDF5 with reversed axes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from pipeline.readers.hdf5 import MAX_SAMPLES, array_of, as_image, entry_of
from pipeline.readers.mat5 import read_array
from universeg.imageio.image import RawImage

HEADER_BYTES = 512  # MATLAB's own header, before the HDF5 signature
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def matlab(path: Path, array: str | None = None, index: int | None = None) -> RawImage:
    """The named array, or its entry `index` along the first axis, with the axes in MATLAB's order."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES + len(SIGNATURE))
    if SIGNATURE in (head[:8], head[HEADER_BYTES:]):
        import h5py

        with h5py.File(path) as stored:
            values = entry_of(array_of(stored, array), None).T
    elif 0 in head[:4]:
        values = _version_4(path, array)
    else:
        values = read_array(path.read_bytes(), array)
    return as_image(entry_of(values, index))


def _version_4(path: Path, array: str | None) -> NDArray[Any]:
    from scipy.io import loadmat, whosmat

    shapes = {name: shape for name, shape, _ in whosmat(path)}
    if array not in shapes:
        raise BadScan(f"has no array {array!r}; its arrays: {', '.join(sorted(shapes)[:20])}", remedy="correct 'array'")
    if math.prod(shapes[array]) > MAX_SAMPLES:
        raise BadScan(f"{array!r} has {shapes[array]} samples; expected at most {MAX_SAMPLES}")
    return np.asarray(loadmat(path, variable_names=[array])[array])
