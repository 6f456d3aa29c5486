"""DICOM series: the files of a folder tree that belong to one scan, and the volume that they are."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from universeg.imageio.dicom import dicom, dicom_file
from universeg.imageio.formats import ending_of, failures_named, format_of, guarded
from universeg.imageio.image import GIVE_AFFINE, ImageError, LoadedImage, upright
from universeg.imageio.library_warnings import library_warnings
from universeg.imageio.stack import REMEDY, stacked

MAGIC, OFFSET = b"DICM", 128  # where a DICOM file says that it is one
TAGS = [
    "SOPClassUID",
    "SeriesInstanceUID",
    "SeriesDescription",
    "SeriesNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
]
LEAST_SLICES = 3  # with places, from which files of different series are taken for one
LOOKED_AT = 5  # files without an ending that are looked into


@dataclass(frozen=True)
class Series:
    """Files of one series, in no order; a single file is a picture or a volume of many frames."""

    uid: str
    description: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class _Slice:
    """What the header of a file says, or of a file that cannot be read, nothing."""

    path: Path
    uid: str  # of its series; its path if it names none
    description: str = ""
    grid: tuple[Any, ...] = ()  # rows, columns and directions; empty if it does not say where it lies
    is_image: bool = True


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its ending, or by its content if it has no known ending."""
    if format_of(path.name) == "dicom":
        return True
    if ending_of(path.name) is not None or not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(OFFSET)
        return file.read(4) == MAGIC


def holds_dicom(folder: Path) -> bool:
    """Whether there are DICOM files directly in a folder."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    named = any(format_of(path.name) == "dicom" for path in files)
    unknown = [path for path in files if ending_of(path.name) is None][:LOOKED_AT]
    return named or any(is_dicom(path) for path in unknown)


def series_in(folder: Path) -> list[Series]:
    """The series in a folder and the folders in it, by their ids. Slices that say no place are series of their own.

    So is a file that cannot be read: `read_series` says why.
    """
    groups = defaultdict[str, list[_Slice]](list)
    for path in sorted(folder.rglob("*")):
        if not path.name.startswith(".") and path.is_file() and is_dicom(path):
            one = _slice(path)
            if one.is_image:
                groups[one.uid].append(one)
    found = list[Series]()
    for uid, members in _rejoined(groups).items():
        for part in _of_one_grid(members):
            description, files = part[0].description, [one.path for one in part]
            whole = all(one.grid for one in part)
            found += [
                Series(uid, description, tuple(some)) for some in ([files] if whole else [[one] for one in files])
            ]
    return found


def _of_one_grid(members: list[_Slice]) -> list[list[_Slice]]:
    """Slices with one id; those of each folder by themselves if the folders have different grids.

    Such folders are several versions of a scan, of which a program kept the id.
    """
    folders = defaultdict[Path, list[_Slice]](list)
    for one in members:
        folders[one.path.parent].append(one)
    grids = [{one.grid for one in some} for some in folders.values()]
    return [members] if all(some == grids[0] for some in grids) else list(folders.values())


def _rejoined(groups: Mapping[str, list[_Slice]]) -> dict[str, list[_Slice]]:
    """Careless anonymisation gives each slice a series of its own: slices of one folder and one grid are one series."""
    alone = defaultdict[Any, list[_Slice]](list)
    for members in groups.values():
        if len(members) == 1 and members[0].grid:
            alone[members[0].path.parent, members[0].grid].append(members[0])
    result = dict(groups)
    for pieces in alone.values():
        if len(pieces) >= LEAST_SLICES:
            for one in pieces:
                del result[one.uid]
            result[pieces[0].uid] = pieces
    return result


def read_series(series: Series) -> LoadedImage:
    """One volume in RAS+ order, or a picture if the series is one slice; values in the scanner's unit, or colours.

    Raises ImageError if the slices are not those of one evenly spaced volume.
    """
    slices = [guarded(dicom, path, "dicom", None) for path in series.files]
    where = str(series.files[0] if len(series.files) == 1 else series.files[0].parent)
    try:
        raw = slices[0] if len(slices) == 1 else stacked(slices, series.files, None)
        image = upright(raw, where=where)
    except ImageError as error:
        of_manifest = error.remedy in ("", GIVE_AFFINE, REMEDY)
        remedy = "export the volume you mean as its own folder, for example with dcm2niix"
        raise ImageError(error.reason, error.file or where, remedy if of_manifest else error.remedy) from error
    image.check_finite()
    return replace(image, values=image.colours, palette=None)


def read_series_folder(folder: Path) -> tuple[Series, LoadedImage]:
    """The only series of a folder; raises ImageError if there are several."""
    found = series_in(folder)
    if len(found) != 1:
        names = ", ".join(series.description or series.uid for series in found)
        raise ImageError(f"holds {len(found)} DICOM series ({names})", str(folder), "give each its own folder")
    return found[0], replace(read_series(found[0]), where=str(folder))


def _slice(path: Path) -> _Slice:
    try:
        with failures_named(path, "dicom"), library_warnings():
            header = dicom_file(path, stop_before_pixels=True, specific_tags=[*TAGS])
            directions = np.round(np.array(header.get("ImageOrientationPatient") or (), float), 3)
            grid = str(header.get("Rows")), str(header.get("Columns")), *directions.tolist()
            return _Slice(
                path,
                str(header.get("SeriesInstanceUID", path)),
                " ".join(str(header.get("SeriesDescription", "") or "").split()),
                grid if header.get("ImagePositionPatient") else (),
                _is_image(header),
            )
    except ImageError:
        return _Slice(path, str(path))


def _is_image(header: Any) -> bool:
    """False for segmentations, reports, directories of discs and other kinds of files that nobody would segment."""
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    uid = str(header.get("SOPClassUID") or getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID"))
    kind = UID(uid, validation_mode=IGNORE).name
    if kind.endswith("Segmentation Storage"):
        return False
    return header.get("Rows") is not None or "Image" in kind or kind == uid
