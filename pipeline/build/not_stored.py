"""Why a mask is not stored: no label file, an empty label, another slice, or too small; with counts and a remedy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.attrition import Dropped
from pipeline.labels.label_files import LabelFiles
from pipeline.match.scan_files import ScanFiles

NO_FILE = "no label file"
EMPTY = "empty label"
ELSEWHERE = "structure outside the slice"
TOO_SMALL = "too small after resampling"
CHECK_LABEL = "none if the image does not show this structure; otherwise check the label file"


@dataclass(frozen=True)
class MaskCounts:
    """How much a mask marks: in the label, in the part of it that one slice is made of, and in the stored slice."""

    shape: tuple[int, ...]  # of the image
    marked: int  # samples in the label
    in_slice: int  # of these, samples in the original slices that the stored slice is made of
    stored: int  # pixels of the stored slice that are at least half covered
    size: int  # pixels along each side of the stored slice
    min_pixels: int


def not_stored(scan: ScanFiles, labels: LabelFiles, axis: int, slicing: str, label: str, counts: MaskCounts) -> Dropped:
    """The row of the attrition report for a mask that is not stored. Its reason begins with one of the four kinds."""
    files = _files(scan.labels, labels, label)
    reason, remedy = _why(bool(files), slicing, counts)
    return Dropped(
        scan.group,
        scan.subject,
        scan.modality,
        str(axis),
        slicing,
        label,
        reason=reason,
        remedy=remedy,
        file=next(iter(files), ""),
        known=not files,  # a label without a file comes this far only if the manifest allows it
    )


def _files(found: Mapping[str, Sequence[str]], labels: LabelFiles, label: str) -> Sequence[str]:
    """The files of a label: its own, or those of the masks that `combine` adds, or the file of all labels."""
    parts = (labels.combine or {}).get(label, (label,))
    own = [file for part in parts for file in found.get(part, ())]
    return own or found.get("", ())


def _why(has_file: bool, slicing: str, counts: MaskCounts) -> tuple[str, str]:
    """Reason and remedy."""
    samples = "voxels" if len(counts.shape) == 3 else "pixels"
    if not has_file:
        remedy = "none if the image does not show this structure; otherwise check that your copy is complete"
        return f"{NO_FILE}: the manifest allows this (missing: absent)", remedy
    if not counts.marked:
        return f"{EMPTY}: the label marks 0 of {_by(counts.shape)} {samples}", CHECK_LABEL
    if not counts.in_slice:
        reason = f"{ELSEWHERE}: the `{slicing}` slice has none of the {counts.marked} voxels of the label"
        return reason, "none; the slicing `max` has the slice with most of it"
    reason = (
        f"{TOO_SMALL}: {counts.in_slice} {samples} of the label, in an image of {_by(counts.shape)}, became"
        f" {counts.stored} of {_by((counts.size, counts.size))} pixels; min_pixels is {counts.min_pixels}"
    )
    lower = f", or min_pixels to {counts.stored}" if counts.stored else ""
    return reason, f"none at this resolution; to keep it, change `resolution` in the config to a higher value{lower}"


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
