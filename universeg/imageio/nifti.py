"""NIfTI (.nii, .nii.gz) and FreeSurfer's MGZ, through nibabel."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from universeg.imageio.image import BadScan, Stored
from universeg.imageio.nifti_affine import placed

SLACK = 1 << 20  # bytes that may follow the samples
MOST_VOXELS = 1 << 31  # a header may claim any size; 1290 voxels a side are enough


def nifti(path: Path, array: str | None = None, index: int | None = None) -> Stored:
    """The samples with the file's scaling applied; `index` chooses along the fourth axis. One slice is a picture."""
    return _read(path, index, "vox_offset")


def mgz(path: Path, array: str | None = None, index: int | None = None) -> Stored:
    """The same for .mgz."""
    return _read(path, index, None)


def _read(path: Path, index: int | None, offset: str | None) -> Stored:
    image: Any = nib.load(path)
    if np.prod(image.shape, dtype=float) > MOST_VOXELS:
        raise BadScan(f"claims {image.shape} voxels, more than {MOST_VOXELS}")
    if path.suffix != ".nii":  # one that is not compressed is read in place
        image = type(image).from_bytes(_inflated(path, image, offset))
    if index is None:
        values = np.asanyarray(image.dataobj)
    elif len(image.shape) != 4 or not 0 <= index < image.shape[3]:
        raise BadScan(f"has shape {image.shape}, frame {index} is wanted")
    else:
        values = np.asanyarray(image.dataobj[..., index])
    values, affine = _squeezed(values), placed(image.affine, image.header.get_zooms())
    if values.ndim == 2:  # pictures have rows first, and no patient around them
        steps = voxel_sizes(affine)
        return Stored(values.T, spacing=(float(steps[1]), float(steps[0])))
    return Stored(values, affine, solid=True)


def _squeezed(values: NDArray[Any]) -> NDArray[Any]:
    """Without axes of one sample at the end, and beyond the third."""
    extra = [n for n in values.shape[3:] if n > 1]
    values = values.reshape(*values.shape[:3], *extra)
    return values[:, :, 0] if values.ndim == 3 and values.shape[2] == 1 else values


def _inflated(path: Path, image: Any, offset: str | None) -> bytes:
    """All bytes of a file: a compressed one to its end, where its checksum is, which nibabel does not reach."""
    start = int(image.header[offset]) if offset else 0
    most = start + image.header.get_data_dtype().itemsize * int(np.prod(image.shape)) + SLACK
    with gzip.open(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise BadScan(f"holds more than the {most} bytes that its header claims")
    return data
