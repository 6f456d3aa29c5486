"""How many pictures or volumes a file holds: the volumes of a 4-D file, the pages of a TIFF, the frames of a film."""

from collections.abc import Callable, Mapping
from pathlib import Path

from universeg.imageio.dicom import dicom_file
from universeg.imageio.formats import failures_named, format_of
from universeg.imageio.library_warnings import library_warnings
from universeg.imageio.nifti import opened
from universeg.imageio.raster import main_pages


def frame_count(path: Path) -> int:
    """1 for a picture or a volume, else how many of them the file holds. Raises ImageError, which names the file."""
    name = format_of(path.name)
    if name is None or name not in COUNT:
        return 1
    with failures_named(path, name), library_warnings():
        return COUNT[name](path)


def _of_nifti(path: Path) -> int:
    shape = opened(path).shape
    return int(shape[3]) if len(shape) == 4 else 1


def _of_itk(path: Path) -> int:
    from universeg.imageio.itk import volumes_in

    return volumes_in(path, format_of(path.name) or "")


def _of_raster(path: Path) -> int:
    from PIL import Image

    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        with tifffile.TiffFile(path) as file:
            return len(main_pages(file))
    if path.suffix.lower() != ".gif":
        return 1
    with Image.open(path) as image:
        return int(getattr(image, "n_frames", 1))


def _of_dicom(path: Path) -> int:
    """Frames that do not say where they lie; those that do are one volume."""
    file = dicom_file(path, stop_before_pixels=True)
    placed = [group.get("PlanePositionSequence") for group in file.get("PerFrameFunctionalGroupsSequence", None) or ()]
    return 1 if placed and all(placed) else int(file.get("NumberOfFrames", 1) or 1)


COUNT: Mapping[str, Callable[[Path], int]] = {
    "nifti": _of_nifti,
    "raster": _of_raster,
    "dicom": _of_dicom,
    "metaimage": _of_itk,
    "nrrd": _of_itk,
}
