"""NIfTI (.nii, .nii.gz), through nibabel, turned to RAS+."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes

from pipeline.volume import BadScan, Volume

MOST_VOXELS = 1 << 31  # a header may claim any size; 1290 voxels a side are enough


def nifti(path: Path, channel: int | None = None) -> Volume:
    """The samples with the file's scaling applied; `channel` chooses along the fourth axis."""
    image: Any = nib.load(path)
    if np.prod(image.shape, dtype=float) > MOST_VOXELS:
        raise BadScan(f"claims {image.shape} voxels, more than {MOST_VOXELS}")
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
