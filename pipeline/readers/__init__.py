"""One on-disk format per file: a path in, samples as stored out. Nothing here knows a dataset."""

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from PIL.Image import DecompressionBombError
from pydicom.errors import BytesLengthException
from scipy.io.matlab import MatReadError

from universeg.imageio.dicom import dicom
from pipeline.readers.hdf5 import hdf5
from universeg.imageio.itk import metaimage, nrrd
from pipeline.readers.matlab import matlab
from universeg.imageio.nifti import mgz, nifti
from universeg.imageio.raster import raster
from universeg.imageio.stack import stacked
from pipeline.readers.video import video
from universeg.imageio.image import BadScan, Stored
from universeg.base.lookup import choose

READERS: Mapping[str, Callable[[Path, str | None, int | None], Stored]] = {
    "nifti": nifti,
    "mgz": mgz,
    "metaimage": metaimage,
    "nrrd": nrrd,
    "dicom": dicom,
    "raster": raster,
    "matlab": matlab,
    "hdf5": hdf5,
    "video": video,
}

# What the libraries raise for a damaged or foreign file.
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    struct.error,
    zlib.error,
    ImageFileError,
    HeaderDataError,
    MatReadError,
    DecompressionBombError,
    BytesLengthException,
)


@dataclass(frozen=True)
class Pick:
    """What of a file is wanted."""

    array: str | None = None  # name within a MATLAB or HDF5 file
    index: int | None = None  # frame, from 0
    channel: int | None = None  # along the last axis


def read(reader: str, path: Path, pick: Pick | None = None) -> Stored:
    """Read a file; raises BadScan, naming the file, whatever is wrong with it."""
    function, pick = choose(READERS, reader, "reader"), pick or Pick()
    try:
        return _channel(function(path, pick.array, pick.index), pick.channel)
    except BadScan as bad:
        raise BadScan(bad.reason, str(path), bad.remedy or "look at the file; add the scan to known_bad") from bad
    except UNREADABLE as error:
        what = f"cannot be read as {reader}: {type(error).__name__}: {error}"
        raise BadScan(what, str(path), "fetch the file again, or add the scan to known_bad with this reason") from error


def read_all(reader: str, paths: Sequence[Path], pick: Pick, order: tuple[int, ...] | None = None) -> Stored:
    """Read one file, or several as the slices of a volume; `order` is that of the image, for slices without a place."""
    if len(paths) == 1:
        return read(reader, paths[0], pick)
    return stacked([read(reader, path, pick) for path in paths], paths, order)


def _channel(stored: Stored, channel: int | None) -> Stored:
    values, space = stored.values, 3 if stored.solid else 2
    if values.ndim not in (space, space + 1):
        raise BadScan(f"has shape {values.shape}; expected a {'volume' if stored.solid else 'picture'}")
    if channel is None and stored.solid and values.ndim > space:
        raise BadScan(f"has shape {values.shape}; expected a volume", remedy="name its channels in the manifest")
    if channel is None:
        return stored
    if values.ndim == space or not 0 <= channel < values.shape[-1]:
        raise BadScan(f"has shape {values.shape}, channel {channel} is wanted")
    return replace(stored, values=values[..., channel])
