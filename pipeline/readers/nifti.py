"""NIfTI (.nii, .nii.gz), through nibabel, turned to RAS+."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes

from pipeline.volume import BadScan, Volume

SLACK = 1 << 20  # bytes that may follow the samples
MOST_VOXELS = 1 << 31  # a header may claim any size; 1290 voxels a side are enough


def nifti(path: Path, channel: int | None = None) -> Volume:
    """The samples with the file's scaling applied; `channel` chooses along the fourth axis."""
    image: Any = nib.load(path)
    if np.prod(image.shape, dtype=float) > MOST_VOXELS:
        raise BadScan(f"claims {image.shape} voxels, more than {MOST_VOXELS}")
    if path.suffix == ".gz":
        image = type(image).from_bytes(_inflated(path, image))
    image = nib.as_closest_canonical(image)
    values = np.asanyarray(image.dataobj)
    extra = [n for n in values.shape[3:] if n > 1]
    values = values.reshape(*values.shape[:3], *extra)
    if values.ndim == 4 and channel is not None:
        if not 0 <= channel < values.shape[3]:
            raise BadScan(f"has {values.shape[3]} channels, channel {channel} is wanted")
        values = values[..., channel]
    if values.ndim != 3:
        raise BadScan(f"has shape {image.shape}; expected a volume", remedy="name its channels in the manifest")
    spacing = tuple(float(step) for step in voxel_sizes(image.affine))
    origin = tuple(float(position) for position in image.affine[:3, 3])
    return Volume(np.ascontiguousarray(values), spacing, origin)


def _inflated(path: Path, image: Any) -> bytes:
    """All bytes of a compressed file: read to its end, where its checksum is, which nibabel does not reach."""
    most = int(image.header["vox_offset"]) + image.header.get_data_dtype().itemsize * int(np.prod(image.shape)) + SLACK
    with gzip.open(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise BadScan(f"holds more than the {most} bytes that its header claims")
    return data
