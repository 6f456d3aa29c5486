"""The readers that a manifest may name: the formats of `universeg.imageio`, and what only datasets need.

A path in, samples as stored out. To add a format that only datasets need: one file here, and one line in READERS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.attrition import BadScan
from pipeline.readers.hdf5 import hdf5
from pipeline.readers.matlab import matlab
from pipeline.readers.video import video
from universeg.base.lookup import choose
from universeg.imageio.formats import FORMATS, Format, guarded
from universeg.imageio.image import ImageError, RawImage
from universeg.imageio.stack import stacked

Reader = Callable[[Path, str | None, int | None], RawImage]  # path, name of an array, frame

REMEDY = "fetch the file again, or add the scan to known_bad with this reason"


@dataclass(frozen=True)
class Pick:
    """What of a file is wanted."""

    array: str | None = None  # name within a MATLAB or HDF5 file
    index: int | None = None  # frame, from 0
    channel: int | None = None  # along the last axis


def _image(format: Format, path: Path, array: str | None, index: int | None) -> RawImage:
    return format.read(path, index)


READERS: Mapping[str, Reader] = {
    **{name: partial(_image, format) for name, format in FORMATS.items()},
    "matlab": matlab,
    "hdf5": hdf5,
    "video": video,
}


def read(reader: str, path: Path, pick: Pick | None = None) -> RawImage:
    """Read a file; raises BadScan, naming the file, if it cannot be read."""
    function, pick = choose(READERS, reader, "reader"), pick or Pick()

    def chosen(path: Path, index: int | None) -> RawImage:
        return _channel(function(path, pick.array, index), pick.channel)

    try:
        return guarded(chosen, path, reader, pick.index)
    except (ImageError, OSError) as error:
        raise _bad(error, path) from error


def read_all(reader: str, paths: Sequence[Path], pick: Pick, order: tuple[int, ...] | None = None) -> RawImage:
    """Read one file, or several as the slices of a volume; `order` is that of the image, for slices without a place."""
    if len(paths) == 1:
        return read(reader, paths[0], pick)
    try:
        return stacked([read(reader, path, pick) for path in paths], paths, order)
    except ImageError as error:
        raise _bad(error, paths[0].parent) from error


def _bad(error: ImageError | OSError, path: Path) -> BadScan:
    if isinstance(error, OSError):
        return BadScan(f"cannot be read: {error.strerror}", str(path), REMEDY)
    remedy = error.remedy if error.remedy != "export or fetch the file again" else REMEDY
    return BadScan(error.reason, error.file or str(path), remedy)


def _channel(raw: RawImage, channel: int | None) -> RawImage:
    values, space = raw.values, 3 if raw.is_volume else 2
    if values.ndim not in (space, space + 1):
        raise BadScan(f"has shape {values.shape}; expected a {'volume' if raw.is_volume else 'picture'}")
    if channel is None and raw.is_volume and values.ndim > space:
        raise BadScan(f"has shape {values.shape}; expected a volume", remedy="name its channels in the manifest")
    if channel is None:
        return raw
    if values.ndim == space or not 0 <= channel < values.shape[-1]:
        raise BadScan(f"has shape {values.shape}, channel {channel} is wanted")
    return replace(raw, values=values[..., channel])
