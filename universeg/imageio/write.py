"""Write masks and probabilities in the frame of the image that they belong to."""

import gzip
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.atomic_write import atomic_write
from universeg.imageio.image import LoadedImage


def in_nifti(image: LoadedImage) -> bool:
    """Whether results of an image are written as NIfTI: volumes, and pictures that come from a NIfTI file."""
    return image.is_volume or image.header is not None


def write_mask(path: Path, mask: NDArray[np.bool_], image: LoadedImage) -> None:
    """0 and 255 in a PNG, or 0 and 1 in a NIfTI file with the grid and affine of the image's own file."""
    if in_nifti(image):
        _write_nifti(path, mask.astype(np.uint8), image)
    else:
        _write_picture(path, Image.fromarray(mask.astype(np.uint8) * np.uint8(255)), "PNG")


def write_probability(path: Path, probability: NDArray[np.float32], image: LoadedImage) -> None:
    """Values in [0, 1] as 32-bit floats: a TIFF, or a NIfTI file with the grid and affine of the image's own file."""
    if in_nifti(image):
        _write_nifti(path, probability, image)
    else:
        _write_picture(path, Image.fromarray(probability), "TIFF")


def _write_picture(path: Path, picture: Image.Image, kind: str) -> None:
    with atomic_write(path) as part:
        picture.save(part, format=kind)


def _write_nifti(path: Path, values: NDArray[np.generic], image: LoadedImage) -> None:
    """Turn the values back to the axes, shape and affine of the file that was read."""
    import nibabel as nib
    from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform

    if image.is_volume:
        back = ornt_transform(axcodes2ornt("RAS"), io_orientation(image.stored))
        values = apply_orientation(values, back)
    else:  # a picture has its rows first
        values = values.T
    own = np.ascontiguousarray(values).reshape(image.stored_shape or values.shape)
    nifti: Any
    if isinstance(image.header, nib.Nifti1Header):
        header = image.header.copy()
        header.set_data_dtype(own.dtype)
        header["cal_min"], header["cal_max"] = 0, 1
        kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        nifti = kind(own, None, header)
    else:
        nifti = nib.Nifti1Image(own, image.stored)
    data = BytesIO()
    nifti.to_stream(data)
    with atomic_write(path) as part:
        part.write_bytes(gzip.compress(data.getvalue(), mtime=0) if path.suffix == ".gz" else data.getvalue())
