"""MetaImage (.mhd with .raw or .zraw, .mha) and NRRD, through SimpleITK."""

import re
import warnings
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from universeg.imageio.image import AGAIN, LPS_TO_RAS, Affine, ImageError, RawImage, voxel_sizes
from universeg.imageio.inflate import check_sum
from universeg.imageio.library_warnings import printed_lines

HEADER = 1 << 16  # bytes at the start in which a header names its data file
MOST_AXES = 4
LONGEST_FIELD = 500  # bytes of a line of a NRRD header; `key:=value` lines may be longer
MOST_VOXELS = 1 << 31
AXES = re.compile(rb"^\s*NDims\s*=\s*([^\r\n]*)", re.MULTILINE)
DATA_FILE = re.compile(rb"^(?:ElementDataFile\s*=|data ?file:)[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
COMPRESSED = re.compile(rb"^(?:CompressedData\s*=\s*true|encoding:\s*gz(?:ip)?)\s*$", re.IGNORECASE | re.MULTILINE)
HEADER_END = re.compile(rb"^(?:ElementDataFile\s*=[^\n]*|\r?)\n", re.IGNORECASE | re.MULTILINE)
SKIPS = re.compile(rb"^(?:line|byte) ?skip:|^HeaderSize\s*=", re.IGNORECASE | re.MULTILINE)
UNIT = re.compile(rb'^space units:\s*"([^"]*)"', re.MULTILINE)  # of the first axis
MILLIMETRES = {b"um": 1e-3, b"microns": 1e-3, b"micron": 1e-3, b"cm": 10.0, b"m": 1e3}  # of other units
DIRECTED = re.compile(rb"^(?:space:|(?:TransformMatrix|Rotation|Orientation)\s*=)", re.MULTILINE)
ACRONYM = re.compile(rb"^\s*AnatomicalOrientation\s*=\s*([RLAPIS]{3})\s*$", re.MULTILINE)
SPACED = re.compile(rb"^NRRD|^\s*Element(?:Spacing|Size)\s*=", re.MULTILINE)
NO_NUMBER = re.compile(rb"^(space directions|space origin|spacings):[^\n]*\bnan\b", re.IGNORECASE | re.MULTILINE)
NO_DIRECTIONS = re.compile(rb"^space directions:[^(\n]*(?:\([^(\n]*){0,2}$", re.MULTILINE)  # of fewer than three axes
LEAST_COSINE = 0.5  # of the angle between an axis and the direction that its letter names; oblique axes agree with it
SLICER = b"\nSegmentation_"  # in the header of a segmentation of 3D Slicer, which may end where its segments end
KINDS = {"metaimage": "MetaImageIO", "nrrd": "NrrdImageIO"}  # of SimpleITK, by the keys of `formats`
UNDIRECTED = "its header does not say where left and right are (it has no space or matrix of directions)"
UNSPACED = "its header has no ElementSpacing; 1 mm was assumed"
NOT_A_NUMBER = (
    "its header has nan, which is no number, in {!r}; 1 mm, a straight axis or the position 0 was assumed there"
)


def metaimage(path: Path, index: int | None = None) -> RawImage:
    """The samples; one slice is a picture (row, column). Of several volumes, `index` chooses one."""
    return _read(path, "metaimage", index)


def nrrd(path: Path, index: int | None = None) -> RawImage:
    """The same for .nrrd and .nhdr."""
    return _read(path, "nrrd", index)


def opened(path: Path, kind: str) -> Any:
    """A reader of SimpleITK that knows size and place of the image; `kind` is a key of KINDS.

    Raises ImageError for files at which ITK would end the whole process, or that claim too much.
    """
    import SimpleITK as sitk

    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # SimpleITK would end the whole process
        raise ImageError("its name is not UTF-8, which SimpleITK cannot open", remedy="rename the file") from error
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    with path.open("rb") as file:
        header = file.read(HEADER)
    _check_header(header)
    _check_data_file(path, header)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(KINDS[kind])  # else it goes by the first bytes and the ending, which may be in capitals
    reader.SetFileName(str(path))
    _quietly(reader.ReadImageInformation)
    if np.prod(reader.GetSize(), dtype=float) * reader.GetNumberOfComponents() > MOST_VOXELS:
        raise ImageError(f"claims {reader.GetSize()} voxels, more than {MOST_VOXELS}")
    return reader


def volumes_in(path: Path, kind: str) -> int:
    """How many volumes the file holds: along a fourth axis, or as values of each voxel, as 3D Slicer writes them."""
    return _volumes(opened(path, kind))


def _volumes(image: Any) -> int:
    size = image.GetSize()
    if len(size) == MOST_AXES:
        return int(size[3])
    return int(image.GetNumberOfComponents()) if len(size) == 3 and size[2] > 1 else 1


def _read(path: Path, kind: str, index: int | None) -> RawImage:
    import SimpleITK as sitk

    reader = opened(path, kind)
    image = _quietly(reader.Execute)
    with path.open("rb") as file:
        header = file.read(HEADER)
    _check_samples(path, header)
    values = sitk.GetArrayFromImage(image)  # z, y, x
    if index is not None and _volumes(reader) > 1:
        values = values[index] if image.GetDimension() == MOST_AXES else values[..., index]
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 3 and values.shape[0] == 1 and image.GetNumberOfComponentsPerPixel() == 1:
        values = values[0]
    unit = UNIT.search(header) if kind == "nrrd" else None
    scale = MILLIMETRES.get(unit.group(1), 1.0) if unit else 1.0
    spacing = [scale * step for step in image.GetSpacing()]
    if image.GetDimension() == 2 or values.ndim == 2:
        return RawImage(values, spacing=(spacing[1], spacing[0]))
    affine = np.diag([scale] * 3 + [1.0]) @ _affine(image)
    notes = (*_direction_notes(header, affine), *_missing_notes(header))
    return RawImage(values.swapaxes(0, 2), affine, is_volume=True, notes=notes, is_part=SLICER in header)


def _quietly(call: Callable[[], Any]) -> Any:
    """What a method of SimpleITK returns. What it prints becomes warnings, or the reason if it fails.

    Samples that cannot be decompressed are no error for ITK: it prints so, and returns other samples.
    """
    failed = result = None
    with printed_lines() as lines:
        try:
            result = call()
        except RuntimeError as error:
            failed = error
    if failed is not None or any("failed" in line.lower() for line in lines):
        raise RuntimeError("; ".join(lines) or str(failed)) from failed
    for line in lines:
        warnings.warn(line, stacklevel=2)
    return result


def _check_samples(path: Path, header: bytes) -> None:
    """Raise ImageError if the checksum of compressed samples is wrong, which ITK does not look at.

    Samples that begin at another place than usual are not checked.
    """
    name = _data_file(header)
    end = None if name else HEADER_END.search(header)
    if COMPRESSED.search(header) and not SKIPS.search(header) and (name or end):
        data = (path.parent / name if name else path).read_bytes()
        if not check_sum(memoryview(data)[end.end() if end else 0 :]):
            raise ImageError("its compressed samples have no end", remedy=AGAIN)


def _direction_notes(header: bytes, affine: Affine) -> tuple[str, ...]:
    """A note if the header has no directions, or letters for them that contradict its matrix, which ITK goes by.

    The letters of a MetaImage name the sides at which the axes begin: RAI is the right, the front and the bottom.
    """
    letters = ACRONYM.search(header)
    if letters is None:
        return () if DIRECTED.search(header) and not NO_DIRECTIONS.search(header) else (UNDIRECTED,)
    directions = affine[:3, :3] / voxel_sizes(affine)
    for axis, letter in enumerate(letters.group(1).decode()):
        side, end = divmod("LRPAIS".index(letter), 2)  # L, P and I are the low ends of the axes of RAS+
        if directions[side, axis] * (1 if end == 0 else -1) < LEAST_COSINE:
            return (
                f"its AnatomicalOrientation {letters.group(1).decode()} contradicts its TransformMatrix; the matrix"
                " was used",
            )
    return ()


def _missing_notes(header: bytes) -> tuple[str, ...]:
    """A note for each number that the header lacks and ITK replaces by 1 mm, a straight axis or the position 0."""
    missing = [NOT_A_NUMBER.format(found.group(1).decode().lower()) for found in NO_NUMBER.finditer(header)]
    return (*missing, *([] if SPACED.search(header) else [UNSPACED]))


def _affine(image: Any) -> Affine:
    dimension = image.GetDimension()
    affine = np.eye(4)
    directions = np.reshape(image.GetDirection(), (dimension, dimension))[:3, :3]
    affine[:3, :3] = directions @ np.diag(image.GetSpacing()[:3])
    affine[:3, 3] = image.GetOrigin()[:3]
    return LPS_TO_RAS @ affine


def _check_header(header: bytes) -> None:
    """Raise ImageError for headers at which ITK ends the whole process: too many axes, or very long lines."""
    for axes in AXES.findall(header):
        if not axes.strip().isdigit() or not 1 <= int(axes) <= MOST_AXES:
            raise ImageError(f"claims {axes[:20].decode('latin-1')!r} axes; expected 1 to {MOST_AXES}")
    if not header.startswith(b"NRRD"):
        return
    for line in takewhile(bytes.strip, header.split(b"\n")):  # an empty line ends the header
        before, separator, _ = line.partition(b":=")
        if len(line) > LONGEST_FIELD and not (separator and b": " not in before) and not line.startswith(b"#"):
            raise ImageError(f"has a header line of {len(line)} bytes; expected at most {LONGEST_FIELD}")


def data_file(path: Path) -> Path | None:
    """The file beside a .mhd or .nhdr that has its samples; None if the file itself has them."""
    with path.open("rb") as file:
        name = _data_file(file.read(HEADER))
    return path.parent / name if name else None


def _data_file(header: bytes) -> str:
    named = DATA_FILE.search(header)
    name = named.group(1).decode("latin-1").strip() if named else ""
    return "" if name.upper() == "LOCAL" else name


def _check_data_file(path: Path, header: bytes) -> None:
    """Raise ImageError for a header that takes its samples from another folder, or from several files.

    ITK takes a % in the name for the number of a slice, and passes it to printf: a hostile name would end the process.
    """
    name = _data_file(header)
    if not name:
        return
    if "%" in name:
        raise ImageError(
            f"takes its samples from {name!r}, where ITK reads % as the number of a slice",
            remedy="save the image again under a name without %",
        )
    if "/" in name or "\\" in name or name.upper().startswith("LIST"):
        raise ImageError(f"takes its samples from {name!r}; expected one file beside it")
    if not (path.parent / name).is_file():
        raise ImageError(f"takes its samples from {name!r}, which is not there", remedy="fetch both files again")
