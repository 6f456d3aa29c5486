"""The image formats: the reader and the file endings of each, and one boundary that turns failures into ImageError.

To add a format: a module with its reader (a path and an optional frame number in, a RawImage out), and one line here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from universeg.base.lookup import choose
from universeg.imageio.dicom import dicom
from universeg.imageio.image import AGAIN, ImageError, RawImage
from universeg.imageio.itk import metaimage, nrrd
from universeg.imageio.library_warnings import library_warnings
from universeg.imageio.nifti import mgz, nifti
from universeg.imageio.not_an_image import not_an_image
from universeg.imageio.raster import raster

# Where SimpleITK found a mistake in its own source, and at which address of memory.
PLACE_IN_LIBRARY = re.compile(r"Exception thrown in .*?ERROR: \w+\(0x[0-9a-f]+\): ")

Reader = Callable[[Path, int | None], RawImage]


@dataclass(frozen=True)
class Format:
    """How files of one kind are read, and how their names end."""

    read: Reader
    endings: tuple[str, ...]


FORMATS: Mapping[str, Format] = {
    "nifti": Format(nifti, (".nii.gz", ".nii", ".hdr")),
    "mgz": Format(mgz, (".mgz", ".mgh")),
    "metaimage": Format(metaimage, (".mha", ".mhd")),
    "nrrd": Format(nrrd, (".nrrd", ".nhdr")),
    "dicom": Format(dicom, (".dcm", ".dicom", ".ima")),
    "raster": Format(
        raster, (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".ppm.gz")
    ),
}
_BY_ENDING = {ending: name for name, format in FORMATS.items() for ending in format.endings}
ENDINGS = tuple(sorted(_BY_ENDING, key=len, reverse=True))  # longest first: .nii.gz before .gz


def ending_of(name: str) -> str | None:
    """The ending of a file name, as in ENDINGS, whatever its case; None for a format that is not known."""
    return next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)


def format_of(name: str) -> str | None:
    """The key of FORMATS that a file name belongs to; None for a format that is not known."""
    ending = ending_of(name)
    return None if ending is None else _BY_ENDING[ending]


def read(path: Path, name: str, index: int | None = None) -> RawImage:
    """Read a file of the format `name`, or its frame `index`. Raises ImageError, which names the file."""
    return guarded(choose(FORMATS, name, "image format").read, path, name, index)


def guarded(reader: Reader, path: Path, name: str, index: int | None) -> RawImage:
    """What a reader returns. Whatever goes wrong inside it becomes an ImageError that names the file.

    What libraries warn of while they read becomes notes of the image.
    """
    with failures_named(path, name), library_warnings() as warned:
        raw = reader(path, index)
    return replace(raw, notes=(*raw.notes, *warned))


@contextmanager
def failures_named(path: Path, name: str) -> Iterator[None]:
    """Whatever goes wrong inside, while a file of the format `name` is read, becomes an ImageError that names it."""
    try:
        yield
    except ImageError as error:
        reason, remedy = not_an_image(path) or (error.reason, "look at the file")
        raise type(error)(reason, error.file or str(path), error.remedy or remedy) from error
    except FileNotFoundError:
        raise
    # The libraries raise exceptions of any type for damaged or hostile files; none may reach the user as a traceback.
    except Exception as error:
        said = PLACE_IN_LIBRARY.sub("", " ".join(str(error).split()))[:300]
        reason, remedy = not_an_image(path) or (f"cannot be read as {name}: {type(error).__name__}: {said}", AGAIN)
        raise ImageError(reason, str(path), remedy) from error
