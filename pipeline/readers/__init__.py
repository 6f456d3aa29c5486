"""The readers that a manifest can name: the formats of `universeg.imageio`, and formats that only datasets have.

Each takes a path and returns the samples as the file stores them. To add a format that only datasets have: write one
file here, and add one line to READERS.
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

Reader = Callable[[Path, str | None, int | None], RawImage]  # path, name of an array, frame from 0

ARRAYS = ("matlab", "hdf5")  # readers of arrays by name
REMEDY = "fetch the file again, or add the scan to known_bad with this reason"


@dataclass(frozen=True)
class Pick:
    """Which part of a file to read; None: all of it."""

    array: str | None = None  # name of the array in a MATLAB or HDF5 file
    index: int | None = None  # frame, from 0
    channel: int | None = None  # index along the last axis, from 0
    volume: bool = False  # of a MATLAB or HDF5 array, whose axes do not say it: a volume, not a picture with channels


def _read_image(format: Format, path: Path, array: str | None, index: int | None) -> RawImage:
    return format.read(path, index)


READERS: Mapping[str, Reader] = {
    **{name: partial(_read_image, format) for name, format in FORMATS.items()},
    "matlab": matlab,
    "hdf5": hdf5,
    "video": video,
}


def read(reader: str, path: Path, pick: Pick | None = None) -> RawImage:
    """Read a file with the reader of that name. Raises BadScan, which names the file, if it cannot be read."""
    function, pick = choose(READERS, reader, "reader"), pick or Pick()

    def read_part(path: Path, index: int | None) -> RawImage:
        try:
            raw = function(path, pick.array, index)
            return _take_channel(_volume(raw) if pick.volume and reader in ARRAYS else raw, pick.channel)
        except ImageError as error:
            raise BadScan(error.reason, error.file or str(path), error.remedy or REMEDY) from error

    try:
        return guarded(read_part, path, reader, pick.index)
    except BadScan:
        raise
    except ImageError as error:  # a library failed
        raise BadScan(error.reason, str(path), REMEDY) from error
    except FileNotFoundError as error:
        raise BadScan("the file does not exist", str(path), REMEDY) from error


def read_all(reader: str, paths: Sequence[Path], pick: Pick, order: tuple[int, ...] | None = None) -> RawImage:
    """Read one file, or several files as the slices of one volume. Raises BadScan, which names the file or the folder.

    `order` is the order of the slices in the image; it is used for slices whose files do not contain their position.
    """
    if len(paths) == 1:
        return read(reader, paths[0], pick)
    slices = [read(reader, path, replace(pick, volume=False)) for path in paths]
    try:
        return stacked(slices, paths, order)
    except ImageError as error:
        raise BadScan(error.reason, error.file or str(paths[0].parent), error.remedy or REMEDY) from error


def _volume(raw: RawImage) -> RawImage:
    """The array as a volume, also with 3 or 4 slices, which look like channels, or one, whose axis MATLAB omits."""
    values = raw.values[..., None] if raw.values.ndim == 2 else raw.values
    return replace(raw, values=values, is_volume=True)


def _take_channel(raw: RawImage, channel: int | None) -> RawImage:
    """The image with one of its channels; unchanged if `channel` is None."""
    values, axes = raw.values, 3 if raw.is_volume else 2
    if values.ndim not in (axes, axes + 1):
        raise BadScan(f"has shape {values.shape}; expected a {'volume' if raw.is_volume else 'picture'}")
    if channel is None and raw.is_volume and values.ndim > axes and not raw.coloured:
        raise BadScan(f"has shape {values.shape}; expected a volume", remedy="name its channels in the manifest")
    if channel is None:
        return raw
    if values.ndim == axes or not 0 <= channel < values.shape[-1]:
        raise BadScan(f"has shape {values.shape}, channel {channel} is wanted", remedy="correct 'channels'")
    return replace(raw, values=values[..., channel])
