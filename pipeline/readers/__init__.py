"""One on-disk format per file: path and channel in, Volume out. Nothing here knows a dataset."""

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from pipeline.readers.nifti import nifti
from pipeline.readers.raster import raster
from pipeline.volume import BadScan, Volume
from universeg.tables import choose

READERS: Mapping[str, Callable[[Path, int | None], Volume]] = {"nifti": nifti, "raster": raster}

# What the libraries raise for a damaged or foreign file.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    SyntaxError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
    MemoryError,
)


def read(reader: str, path: Path, channel: int | None = None) -> Volume:
    """Read a file; raises BadScan, naming the file, whatever is wrong with it."""
    function = choose(READERS, reader, "reader")
    try:
        return function(path, channel)
    except BadScan as bad:
        raise BadScan(bad.reason, str(path), bad.remedy) from bad
    except _UNREADABLE as error:
        what = f"cannot be read as {reader}: {type(error).__name__}: {error}"
        raise BadScan(what, str(path), "fetch the file again, or add the scan to known_bad with this reason") from error
