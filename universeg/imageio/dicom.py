"""DICOM through pydicom: one slice, or a file with many, rescaled, and where it lies in the patient."""

from pathlib import Path
from typing import Any

import numpy as np

from universeg.imageio.image import Affine, ImageError, RawImage

MOST_PIXELS = 1 << 28
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM's millimetres lead left, back, up


def dicom(path: Path, index: int | None = None) -> RawImage:
    """Values in the scanner's unit (Hounsfield for CT); a picture (row, column) whose affine says where it lies."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        file = pydicom.dcmread(path)
    except InvalidDicomError as error:
        raise ImageError(f"is no DICOM file: {error}") from error
    frames = int(file.get("NumberOfFrames", 1) or 1)
    rows, columns = int(file.Rows), int(file.Columns)
    if rows * columns * frames > MOST_PIXELS:
        raise ImageError(f"claims {frames} x {rows} x {columns} pixels, more than {MOST_PIXELS}")
    values = _rescaled(file)
    if frames > 1:
        if index is None or not 0 <= index < frames:
            raise ImageError(f"holds {frames} pictures", remedy="choose some with 'frames' in the manifest")
        values = values[index]
    row_mm, column_mm = (float(step) for step in file.get("PixelSpacing") or (1.0, 1.0))
    return RawImage(values, _affine(file, row_mm, column_mm), (row_mm, column_mm))


def _rescaled(file: Any) -> Any:
    slope, intercept = float(file.get("RescaleSlope", 1) or 1), float(file.get("RescaleIntercept", 0) or 0)
    values = file.pixel_array
    return values if (slope, intercept) == (1.0, 0.0) else values * np.float32(slope) + np.float32(intercept)


def _affine(file: Any, row_mm: float, column_mm: float) -> Affine | None:
    """From (column, row, slice) to millimetres; the third axis is the slice's normal, one millimetre long."""
    position, directions = file.get("ImagePositionPatient"), file.get("ImageOrientationPatient")
    if not position or not directions:
        return None
    along, down = np.reshape(np.array(directions, float), (2, 3))
    affine = np.eye(4)
    affine[:3, :3] = np.stack([along * column_mm, down * row_mm, np.cross(along, down)], axis=1)
    affine[:3, 3] = np.array(position, float)
    return TO_RAS @ affine
