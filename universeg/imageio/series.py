"""DICOM series: the files of a folder tree that belong to one scan, and the volume that they are."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from universeg.imageio.dicom import dicom
from universeg.imageio.formats import ending_of, failures_named, format_of, guarded
from universeg.imageio.image import ImageError, LoadedImage, upright
from universeg.imageio.stack import stacked

MAGIC, OFFSET = b"DICM", 128  # where a DICOM file says that it is one
TAGS = [
    "SeriesInstanceUID",
    "SeriesDescription",
    "SeriesNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
]
LEAST_SLICES = 3  # with places, from which files of different series are taken for one
Header = tuple[Path, Any]
LOOKED_AT = 5  # files without an ending that are looked into


@dataclass(frozen=True)
class Series:
    """Files of one series, in no order; a single file is a picture or a volume of many frames."""

    uid: str
    description: str
    files: tuple[Path, ...]


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

    Raises ImageError, which names the file, if a DICOM file cannot be read.
    """
    groups = defaultdict[str, list[Header]](list)
    for path in sorted(folder.rglob("*")):
        if not path.name.startswith(".") and path.is_file() and is_dicom(path):
            header = _header(path)
            if header.get("Rows") is not None:  # else it is a report, or the directory of a disc
                groups[str(header.get("SeriesInstanceUID", path))].append((path, header))
    found = list[Series]()
    for uid, members in _rejoined(groups).items():
        description = " ".join(str(members[0][1].get("SeriesDescription", "") or "").split())
        if all(header.get("ImagePositionPatient") for _, header in members):
            found.append(Series(uid, description, tuple(path for path, _ in members)))
        else:
            found += [Series(uid, description, (path,)) for path, _ in members]
    return found


def _rejoined(groups: Mapping[str, list[Header]]) -> dict[str, list[Header]]:
    """Careless anonymisation gives each slice a series of its own: slices of one folder and one grid are one series."""
    alone = defaultdict[Any, list[tuple[str, Header]]](list)
    for uid, members in groups.items():
        if len(members) == 1 and members[0][1].get("ImagePositionPatient"):
            path, header = members[0]
            directions = [round(float(x), 3) for x in header.get("ImageOrientationPatient") or ()]
            alone[path.parent, header.Rows, header.Columns, tuple(directions)].append((uid, members[0]))
    result = dict(groups)
    for pieces in alone.values():
        if len(pieces) >= LEAST_SLICES:
            for uid, _ in pieces:
                del result[uid]
            result[pieces[0][0]] = [member for _, member in pieces]
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
        remedy = "export the volume you mean as its own folder, for example with dcm2niix"
        raise ImageError(error.reason, error.file or where, remedy) from error
    image.check_finite()
    return replace(image, values=image.colours, palette=None)


def read_series_folder(folder: Path) -> tuple[Series, LoadedImage]:
    """The only series of a folder; raises ImageError if there are several."""
    found = series_in(folder)
    if len(found) != 1:
        names = ", ".join(series.description or series.uid for series in found)
        raise ImageError(f"holds {len(found)} DICOM series ({names})", str(folder), "give each its own folder")
    return found[0], replace(read_series(found[0]), where=str(folder))


def _header(path: Path) -> Any:
    import pydicom

    with failures_named(path, "dicom"):
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[*TAGS])
