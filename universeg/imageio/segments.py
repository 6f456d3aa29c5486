"""A DICOM segmentation object (SEG) as a label map: the number of the segment for each sample, 0 outside.

A SEG has one frame for each segment and slice, and no frames where a segment is absent. So its frames are put together
here: one slice for each place between the first and the last one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.dicom_frame import attribute, frame_affine, frame_values, spacing_mm
from universeg.imageio.image import Affine, ImageError, RawImage
from universeg.imageio.stack import SAME_PLACE

KINDS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # one bit or a share per sample; label map
UNEVEN = 0.1  # largest departure of a place from the grid of slices, in slices
MOST_SAMPLES = 1 << 30  # of all frames, or of the label map; a header may claim any number
LISTED = 8  # names in a note

Labels = NDArray[np.uint16]


def is_segmentation(file: Any) -> bool:
    """Whether a file of pydicom is a segmentation object."""
    return str(file.get("SOPClassUID", "")) in KINDS


def segments(file: Any, frames: int) -> RawImage:
    """The label map: a volume (column, row, slice), or a picture (row, column) if it segments a single picture.

    Where segments overlap, the smaller one stays visible. Raises ImageError if the frames do not say where they lie.
    """
    row_mm, column_mm = spacing_mm(file, 0)
    affines = [frame_affine(file, frame, row_mm, column_mm) for frame in range(frames)]
    known = [affine for affine in affines if affine is not None]
    marks, notes = _marks(file, frames)
    if not known and len({number for number, _ in marks}) == frames:  # one picture, which lies nowhere in a patient
        values, more = _painted(marks, [0] * frames, 1, file)
        return RawImage(values[0], None, (row_mm, column_mm), notes=(*notes, *more))
    if len(known) < frames:
        raise ImageError(f"is a segmentation whose {frames} frames do not all say where they lie")
    slices, affine = _grid(known, file)
    values, more = _painted(marks, slices, max(slices) + 1, file)
    notes = (*notes, *more)
    if len(values) == 1 and _sources(file) <= 1:
        return RawImage(values[0], affine, (row_mm, column_mm), notes=notes)
    volume = np.ascontiguousarray(values.transpose(2, 1, 0))
    return RawImage(volume, affine, is_volume=True, notes=notes, is_part=True)


def _sources(file: Any) -> int:
    """How many files the segmentation refers to."""
    found = file.get("ReferencedSeriesSequence") or ()
    return sum(len(series.get("ReferencedInstanceSequence") or ()) for series in found)


def segment_names(file: Any) -> dict[int, str]:
    """The names of the segments, by number."""
    found = file.get("SegmentSequence") or ()
    return {int(one.SegmentNumber): str(one.get("SegmentLabel") or "") for one in found if "SegmentNumber" in one}


def _marks(file: Any, frames: int) -> tuple[list[tuple[int, Labels]], tuple[str, ...]]:
    """Of each frame the segment (0 in a label map, which has all) and its values (row, column): 0 outside."""
    if str(file.SOPClassUID) == KINDS[1]:
        return [(0, frame_values(file, frame).astype(np.uint16)) for frame in range(frames)], ()
    half, notes = 0.0, list[str]()
    if str(file.get("SegmentationType", "BINARY")) == "FRACTIONAL":
        half = float(file.get("MaximumFractionalValue", 255) or 255) / 2
        notes.append("it holds shares of segments, so it was cut at half")
    found = list[tuple[int, Labels]]()
    for frame in range(frames):
        number = attribute(file, frame, "SegmentIdentificationSequence", "ReferencedSegmentNumber")
        if number is None or not 0 < int(number) < 1 << 16:
            raise ImageError(f"is a segmentation whose frame {frame + 1} does not say to which segment it belongs")
        found.append((int(number), (frame_values(file, frame) > half).astype(np.uint16) * np.uint16(number)))
    return found, tuple(notes)


def _grid(affines: Sequence[Affine], file: Any) -> tuple[list[int], Affine]:
    """The slice of each frame, and the affine of the volume. Raises ImageError unless they lie on one even grid."""
    first = affines[0]
    normal = first[:3, 2]
    if any(np.abs(affine[:3, :3] - first[:3, :3]).max() > 1e-2 for affine in affines):
        raise ImageError("is a segmentation whose frames do not lie parallel")
    places = np.array([affine[:3, 3] @ normal for affine in affines])
    lowest = affines[int(places.argmin())]
    across = np.array(
        [(affine[:3, 3] - lowest[:3, 3]) - (affine[:3, 3] - lowest[:3, 3]) @ normal * normal for affine in affines]
    )
    if np.linalg.norm(across, axis=1).max() > min(np.linalg.norm(first[:3, :2], axis=0)):
        raise ImageError("is a segmentation whose frames are tiles of one picture", remedy="save it as a picture")
    heights = places - places.min()
    step = _step(heights, file)
    slices = np.rint(heights / step).astype(int)
    if np.abs(heights / step - slices).max() > UNEVEN:
        raise ImageError("is a segmentation whose frames are not evenly spaced", remedy="export it again")
    if (int(slices.max()) + 1) * int(file.Rows) * int(file.Columns) > MOST_SAMPLES:
        raise ImageError(f"claims {slices.max() + 1} slices of {file.Rows} x {file.Columns}, more than {MOST_SAMPLES}")
    affine = lowest.copy()
    affine[:3, 2] = normal * step
    return slices.tolist(), affine


def _step(heights: NDArray[np.float64], file: Any) -> float:
    """Millimetres from slice to slice: as the file says if its frames fit, else the smallest distance of two."""
    gaps = np.diff(np.unique(heights))
    gaps = gaps[gaps > SAME_PLACE]
    for name in ("SpacingBetweenSlices", "SliceThickness"):
        said = float(attribute(file, 0, "PixelMeasuresSequence", name) or 0)
        if said > SAME_PLACE and np.abs(gaps / said - np.rint(gaps / said)).max(initial=0) <= UNEVEN:
            return said
    return float(gaps.min(initial=np.inf)) if len(gaps) else 1.0


def _painted(
    marks: Sequence[tuple[int, Labels]], slices: Sequence[int], count: int, file: Any
) -> tuple[Labels, tuple[str, ...]]:
    """The label map (slice, row, column), the largest segment first, and notes on overlaps and names."""
    sizes = dict[int, int]()
    for number, values in marks:
        sizes[number] = sizes.get(number, 0) + int(np.count_nonzero(values))
    painted, shared = np.zeros((count, *marks[0][1].shape), np.uint16), 0
    for (_, values), place in sorted(zip(marks, slices, strict=True), key=lambda pair: -sizes[pair[0][0]]):
        inside = values != 0
        shared += int(np.count_nonzero(painted[place][inside]))
        painted[place][inside] = values[inside]
    notes, names = list[str](), segment_names(file)
    if len(names) > 1:
        listed = ", ".join(f"{number} {name}" for number, name in sorted(names.items())[:LISTED])
        notes.append(f"its segments are {listed}" + " ..." * (len(names) > LISTED))
    if shared:
        notes.append(f"samples in several segments: {shared}; there the smaller segment was used")
    return painted, tuple(notes)
