"""DICOM through pydicom: one slice, or a file with many frames, with values in the scanner's unit."""

import math
from pathlib import Path
from typing import Any

from universeg.imageio.dicom_frame import attribute, frame_affine, frame_values, spacing_mm
from universeg.imageio.image import ImageError, RawImage
from universeg.imageio.segments import MOST_SAMPLES, is_segmentation, segments
from universeg.imageio.stack import stacked

STANDARD_UID = "1.2.840.10008."  # begins the numbers of all kinds of files in the standard


def dicom(path: Path, index: int | None = None) -> RawImage:
    """Values in the scanner's unit (Hounsfield for CT).

    One frame is a picture (row, column), or (row, column, 3) in colour, with an affine if the file says where it lies.
    A file whose frames all say where they lie is a volume. Of other files with several frames, `index` chooses one.
    A segmentation object (SEG) is a label map: the number of the segment, 0 outside.
    """
    file = dicom_file(path)
    frames = _frames(file)
    if is_segmentation(file):
        return segments(file, frames)
    if index is not None and not 0 <= index < frames:
        raise ImageError(f"holds {frames} frames, number {index} is wanted")
    if index is not None or frames == 1:
        return _picture(file, index or 0)
    return _volume(file, frames, path)


def dicom_file(path: Path, **options: Any) -> Any:
    """What a file holds, also an old one without preamble or transfer syntax; `options` are of pydicom.dcmread."""
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import ImplicitVRLittleEndian

    try:
        file = pydicom.dcmread(path, **options)
    except InvalidDicomError as error:
        file = pydicom.dcmread(path, **options, force=True)
        if not str(file.get("SOPClassUID", "")).startswith(STANDARD_UID):
            raise ImageError("is not a DICOM file: it does not say what kind of image it holds") from error
    if "TransferSyntaxUID" not in file.file_meta:
        file.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # the default of the standard
    return file


def _frames(file: Any) -> int:
    """The number of frames; raises ImageError if there is no image, or one beyond the limit."""
    if "Rows" not in file or "Columns" not in file:
        raise ImageError("holds no image (no rows and columns)", remedy="leave the file out")
    frames = int(file.get("NumberOfFrames", 1) or 1)
    shape = frames, int(file.Rows), int(file.Columns), int(file.get("SamplesPerPixel", 1) or 1)
    if math.prod(shape) > MOST_SAMPLES:
        raise ImageError(f"claims {' x '.join(map(str, shape))} samples, more than {MOST_SAMPLES}")
    return frames


def _picture(file: Any, frame: int) -> RawImage:
    row_mm, column_mm = spacing_mm(file, frame)
    return RawImage(frame_values(file, frame), frame_affine(file, frame, row_mm, column_mm), (row_mm, column_mm))


def _volume(file: Any, frames: int, path: Path) -> RawImage:
    """All frames as one volume, sorted by their places."""
    places = [attribute(file, frame, "PlanePositionSequence", "ImagePositionPatient") for frame in range(frames)]
    if None in places:
        raise ImageError(
            f"holds {frames} frames that do not say where they lie",
            remedy="choose some with 'frames' in the manifest, or export one frame per file",
        )
    if len({tuple(map(float, place)) for place in places}) < frames:
        raise ImageError(
            f"holds several volumes: its {frames} frames lie at fewer places", remedy="export one volume per file"
        )
    names = [path / f"frame {frame + 1}" for frame in range(frames)]  # so that messages name the file
    return stacked([_picture(file, frame) for frame in range(frames)], names, None)
