"""DICOM segmentation objects (SEG), through highdicom: label maps that refer to the slices of a series."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Colour
from universeg.imageio.dicom import dicom_file
from universeg.imageio.formats import failures_named
from universeg.imageio.image import ImageError
from universeg.imageio.series import is_dicom

MAKER = "universeg"
MISSING = "--format seg needs another package, highdicom: pip install 'universeg[dicom-seg]'"
LONGEST_NAME = 64  # characters of a segment's name in DICOM


def write_segmentation_object(
    path: Path,
    slices: NDArray[np.uint8],
    files: Sequence[Path],
    structures: Sequence[tuple[str, Colour]],
    version: str,
) -> None:
    """Write a label map (slice, row, column) of one DICOM series: 0 outside, n for the n-th of `structures`.

    `files` are the slices of the series, in the order of the label map. Raises ImageError if highdicom is not
    installed, if the map is empty, which SEG cannot be, or if the series does not say what SEG needs.
    """
    highdicom = _highdicom()
    if not slices.any():
        raise ImageError("nothing was segmented, and a DICOM SEG cannot be empty", str(files[0].parent))
    with failures_named(files[0], "dicom"):
        sources = [dicom_file(file, stop_before_pixels=True) for file in files]
        if len(sources) != len(slices):
            raise ImageError(f"holds {len(slices)} slices in {len(sources)} files", remedy="use --format nifti")
        made = highdicom.seg.Segmentation(
            source_images=[_complete(source, _distance(sources)) for source in sources],
            pixel_array=slices,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_description(highdicom, n, *one) for n, one in enumerate(structures, 1)],
            series_instance_uid=highdicom.UID(),
            series_number=900,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions=version,
            device_serial_number="0",
            series_description=f"Segmentation by {MAKER}, research only",
        )
    with atomic_write(path) as part:
        made.save_as(part)


def check_source(file: Path) -> None:
    """Raise ImageError, before any work is done, if no SEG can refer to the series of this file."""
    if not is_dicom(file):
        raise ImageError("is not DICOM", str(file), "--format seg is for the slices of a DICOM series")
    with failures_named(file, "dicom"):
        header = dicom_file(file, stop_before_pixels=True, specific_tags=["FrameOfReferenceUID"])
    if not header.get("FrameOfReferenceUID"):
        raise ImageError(
            "the series has no Frame of Reference UID, which a DICOM SEG must refer to",
            str(file.parent),
            "use --format nifti, or export the series again",
        )


def require_highdicom() -> None:
    """Raise ImageError, which says what to install, if highdicom is missing. Does not load it."""
    if find_spec("highdicom") is None:
        raise ImageError(MISSING)


def _highdicom() -> Any:
    require_highdicom()
    import highdicom
    import highdicom.seg

    return highdicom


def _description(highdicom: Any, number: int, name: str, colour: Colour) -> Any:
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=MAKER, version="1", family=codes.cid7162.ArtificialIntelligence
    )
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:LONGEST_NAME],
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.AnatomicalStructure,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        display_color=highdicom.color.CIELabColor.from_rgb(*colour),
    )


def _distance(sources: Sequence[Any]) -> float:
    """Millimetres from one slice to the next; 1 for a single slice."""
    places = [np.array(source.ImagePositionPatient, float) for source in sources[:2]]
    return float(np.linalg.norm(places[1] - places[0])) if len(places) > 1 else 1.0


def _complete(source: Any, distance: float) -> Any:
    """With what a SEG must copy: empty values for attributes that anonymisation removed, and a thickness of slices."""
    if not source.get("SliceThickness"):
        source.SliceThickness = f"{distance:.6g}"
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"):
        if name not in source:
            setattr(source, name, "")
    if "AccessionNumber" not in source:
        source.AccessionNumber = ""
    return source
