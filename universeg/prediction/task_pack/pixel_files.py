"""How a pack stores an image and its label map: PNG for pictures, NIfTI for everything else.

Images are written anew from their pixels and grid. Names and dates of patients in DICOM headers and EXIF data are not
taken along, and the same pixels always give the same bytes.
"""

import gzip
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import LoadedImage
from universeg.standardise.normalise import luminance
from universeg.store.export.case import png

PICTURE, VOLUME = ".png", ".nii.gz"
MOST_PIXELS_FILE = 2 << 30  # bytes of one image or mask
EXACT_IN_PNG = (np.dtype(np.uint8), np.dtype(np.uint16))

Values = NDArray[Any]


def write_pair(folder: Path, name: str, image: LoadedImage, labels: Values) -> tuple[str, str]:
    """Write an image and its label map (uint8, the image's shape); their names within `folder`.

    `image` may have a last axis of colour channels; of a picture on a grid in millimetres only the luminance is kept.
    """
    values = _plain(image)
    as_png = not image.is_volume and set(image.spacing) == {1.0} and values.dtype in EXACT_IN_PNG
    if not as_png and values.ndim > len(image.spacing):
        values = luminance(values)
    names = tuple(f"{kind}/{name}{PICTURE if as_png else VOLUME}" for kind in ("images", "masks"))
    for file, content in zip(names, (values, labels), strict=True):
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(png(content) if as_png else nifti(content, image))
    return names[0], names[1]


def nifti(values: Values, image: LoadedImage) -> bytes:
    """A compressed NIfTI of values on the grid of `image`; volumes are in RAS+ order, pictures have one slice."""
    import nibabel as nib

    affine = image.affine
    if not image.is_volume:  # NIfTI has the columns of a picture first
        values, affine = values.T[:, :, None], np.diag([image.spacing[1], image.spacing[0], 1.0, 1.0])
    file: Any = nib.Nifti1Image(np.ascontiguousarray(values), affine, dtype=values.dtype)
    file.header.set_xyzt_units("mm")
    data = BytesIO()
    file.to_stream(data)
    return gzip.compress(data.getvalue(), compresslevel=6, mtime=0)


def _plain(image: LoadedImage) -> Values:
    """The image's values in a type that PNG or NIfTI can hold exactly; colours for a palette, no opacity."""
    values = image.colours
    if values.ndim > len(image.spacing):
        values = values[..., 0] if values.shape[-1] < 3 else values[..., :3]
        if values.ndim > len(image.spacing) and (values == values[..., :1]).all():
            values = values[..., 0]
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.dtype.kind == "f":
        return values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
    if values.dtype.itemsize == 8:
        return values.astype(np.int32 if np.abs(values).max(initial=0) < 2**31 else np.float64)
    return values.astype(values.dtype.newbyteorder("="))
