"""One frame of a DICOM file: what its stored values mean, and where it lies.

Several attributes of the standard decide what a stored number means. They are applied in this order: unused bits,
padding, modality LUT or rescale (per frame in enhanced files), palette or colour space, and MONOCHROME1. Windows and
other display settings are not applied, since intensity rules work on the values themselves.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import AGAIN, LPS_TO_RAS, Affine, ImageError

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_422", "YBR_PARTIAL_420")
FAILED = "exceptions were raised by all available plugins"  # what pydicom says if packages fail
PHYSICAL = {"CT", "PT", "NM"}  # modalities whose values are physical quantities, whatever the display polarity

Values = NDArray[Any]


def frame_values(file: Any, frame: int) -> Values:
    """The values of one frame as the standard means them."""
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    try:
        stored: Values = pixel_array(file, index=frame, correct_unused_bits=False)  # YBR becomes RGB here
    except RuntimeError as error:  # no package for this compression, or pixels that none can decompress
        raise _undecoded(str(file.file_meta.TransferSyntaxUID.name), " ".join(str(error).split())[:200]) from error
    kind = str(file.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind == "PALETTE COLOR":
        return np.asarray(apply_color_lut(stored, file))
    if kind not in (COLOUR if stored.ndim > 2 else GREY):
        shape = "x".join(map(str, stored.shape))
        raise ImageError(f"holds {shape} samples in {kind or 'no'} colour space", remedy="export it as RGB or grey")
    if stored.ndim > 2:
        return stored
    stored = _used_bits(stored, file)
    padding = _is_padding(stored, file)
    values, ends = _physical(stored, file, frame)
    if kind == "MONOCHROME1" and str(file.get("Modality", "")) not in PHYSICAL:
        values = (ends[0] + ends[1]) - values
    if padding.any() and not padding.all():
        values = np.where(padding, values[~padding].min(), values)
    return values


def _undecoded(compression: str, said: str) -> ImageError:
    """The error for pixels that pydicom cannot decompress: no package is there for it, or those that are there fail."""
    if FAILED in said:
        return ImageError(
            f"is compressed as {compression!r}, and no package can decompress its pixels: they are damaged or cut off",
            remedy=AGAIN,
        )
    return ImageError(
        f"is compressed as {compression!r}, which needs another package: {said}",
        remedy="pip install 'universeg[dicom]', or decompress the files first",
    )


def _used_bits(stored: Values, file: Any) -> Values:
    """Without what the unused bits may hold, such as overlays: above the used ones, and in old files below them."""
    allocated, used = 8 * stored.dtype.itemsize, int(file.BitsStored)
    if used >= allocated or stored.dtype.kind not in "iu":
        return stored
    above = max(0, allocated - 1 - int(file.get("HighBit", used - 1)))
    return np.asarray((stored << above) >> (allocated - used))  # keeps the sign, if there is one


def _is_padding(stored: Values, file: Any) -> NDArray[np.bool_]:
    """Where the file stores no image but padding around it."""
    if "PixelPaddingValue" not in file or stored.dtype.kind not in "iu":
        return np.zeros(stored.shape, bool)
    one = _as_stored(file.PixelPaddingValue, stored)
    other = _as_stored(file.get("PixelPaddingRangeLimit", file.PixelPaddingValue), stored)
    return (stored >= min(one, other)) & (stored <= max(one, other))


def _as_stored(value: Any, stored: Values) -> int:
    """A padding value in the sign of the pixels: some programs write it with the other one."""
    number, bits = int(value), stored.dtype.itemsize * 8
    if stored.dtype.kind == "i" and number >= 1 << (bits - 1):
        return number - (1 << bits)
    return number + (1 << bits) if stored.dtype.kind == "u" and number < 0 else number


def _physical(stored: Values, file: Any, frame: int) -> tuple[Values, tuple[float, float]]:
    """Values after the modality LUT or rescale, and the least and greatest value that the file could hold."""
    from pydicom.pixels.processing import apply_modality_lut

    bits, signed = int(file.BitsStored), bool(file.PixelRepresentation)
    ends = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if file.get("ModalityLUTSequence"):
        table = apply_modality_lut(np.arange(ends[0], ends[1] + 1), file)
        return np.asarray(apply_modality_lut(stored, file)), (float(table.min()), float(table.max()))
    slope = float(attribute(file, frame, "PixelValueTransformationSequence", "RescaleSlope", 1) or 1)
    intercept = float(attribute(file, frame, "PixelValueTransformationSequence", "RescaleIntercept", 0) or 0)
    if (slope, intercept) == (1.0, 0.0):
        wide = stored if stored.dtype.kind == "f" else stored.astype(np.int64 if ends[1] >= 1 << 31 else np.int32)
        return wide, (float(ends[0]), float(ends[1])) if stored.dtype.kind == "f" else ends
    values = stored * np.float32(slope) + np.float32(intercept)
    return values, (ends[0] * slope + intercept, ends[1] * slope + intercept)


def attribute(file: Any, frame: int, sequence: str, name: str, default: Any = None) -> Any:
    """An attribute of one frame: of its own functional group, of the shared one, or of the file."""
    for groups, number in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        found = file.get(groups)
        inner = found[number].get(sequence) if found and number < len(found) else None
        if inner and inner[0].get(name) is not None:
            return inner[0].get(name)
    value = file.get(name)
    return default if value is None else value


def spacing_mm(file: Any, frame: int) -> tuple[float, float]:
    """Millimetres between rows and between columns; their ratio, if only that is known; (1, 1) if nothing is."""
    spacing = attribute(file, frame, "PixelMeasuresSequence", "PixelSpacing")
    for name in ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        spacing = spacing or file.get(name)
    row_mm, column_mm = (float(step) for step in spacing or (1.0, 1.0))
    if not (math.isfinite(row_mm) and math.isfinite(column_mm) and row_mm > 0 and column_mm > 0):
        raise ImageError(f"has pixels of {row_mm} x {column_mm} mm", remedy="give 'spacing' in the manifest")
    return row_mm, column_mm


def frame_affine(file: Any, frame: int, row_mm: float, column_mm: float) -> Affine | None:
    """From (column, row, slice) to millimetres; the third axis is the slice's normal, one millimetre long."""
    position = attribute(file, frame, "PlanePositionSequence", "ImagePositionPatient")
    directions = attribute(file, frame, "PlaneOrientationSequence", "ImageOrientationPatient")
    if not position or not directions:
        return None
    along, down = np.reshape(np.array(directions, float), (2, 3))
    affine = np.eye(4)
    affine[:3, :3] = np.stack([along * column_mm, down * row_mm, np.cross(along, down)], axis=1)
    affine[:3, 3] = np.array(position, float)
    return LPS_TO_RAS @ affine
