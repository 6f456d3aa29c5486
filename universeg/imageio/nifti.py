"""NIfTI (.nii, .nii.gz, .hdr with .img) and FreeSurfer's MGZ, through nibabel."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import SAME_GRID, Affine, ImageError, RawImage, voxel_sizes
from universeg.imageio.inflate import inflated, is_gzipped

PAIR, SAMPLES = ".hdr", ".img"  # endings of a header and of the file beside it that has the samples
PAIR_MAGIC = (b"ni1\0", b"ni2\0")  # in a header of NIfTI, but not of Analyze
MGH_VERSION = b"\0\0\0\1"  # the first bytes of every MGH file
MOST_HEADER = 1 << 10  # bytes
SLACK = 1 << 20  # bytes that may follow the samples
COLOURS = (("R", "G", "B"), ("R", "G", "B", "A"))  # names of the samples of a voxel in nibabel
UNITS = {"meter": 1e3, "micron": 1e-3}  # in millimetres; a file that names no unit means millimetres
MOST_VOXELS = 1 << 31  # a header may claim any size; 1290 voxels a side are enough


def nifti(path: Path, index: int | None = None) -> RawImage:
    """The samples with the file's scaling applied; `index` chooses along the fourth axis. One slice is a picture.

    Colours (RGB24, RGBA32) are a last axis of channels. Of a pair, the path of either file will do.
    """
    return _read(_header_of(path), index, "vox_offset")


def mgz(path: Path, index: int | None = None) -> RawImage:
    """The same for .mgz and .mgh."""
    return _read(path, index, None)


def _read(path: Path, index: int | None, offset: str | None) -> RawImage:
    image = opened(path)
    if np.prod(image.shape, dtype=float) > MOST_VOXELS:
        raise ImageError(f"claims {' x '.join(map(str, image.shape))} voxels, more than {MOST_VOXELS}")
    least = _claimed_bytes(image, offset)
    if path.suffix.lower() != PAIR and is_gzipped(path):
        data = inflated(path, least + SLACK)  # to its end, where its checksum is, which nibabel does not reach
        _check_length(len(data), least)
        image = type(image).from_bytes(data)
    else:
        named = image.file_map["image"].filename  # nothing if the image was read from memory
        _check_length(Path(named or path).stat().st_size, least)
    if index is None:
        values = np.asanyarray(image.dataobj)
    elif len(image.shape) != 4 or not 0 <= index < image.shape[3]:
        raise ImageError(f"has shape {image.shape}, frame {index} is wanted")
    else:
        values = np.asanyarray(image.dataobj[..., index])
    coloured = values.dtype.names in COLOURS
    if values.dtype.kind not in "biuf" and not coloured:
        raise ImageError(f"has samples of type {values.dtype}; expected one number per voxel", remedy="save it in grey")
    shape = values.shape
    values, affine = _squeezed(values), _millimetres(image)
    notes = _affine_notes(image)
    if values.ndim == 2:  # pictures have rows first, and no patient around them
        rows, steps = _channels(values.T), voxel_sizes(affine)
        return RawImage(rows, spacing=(float(steps[1]), float(steps[0])), header=image.header, shape=shape, notes=notes)
    values = _channels(values)
    return RawImage(values, affine, is_volume=True, coloured=coloured, header=image.header, shape=shape, notes=notes)


def _channels(values: NDArray[Any]) -> NDArray[Any]:
    """Colours (...) of three or four named bytes as (..., channel); other values unchanged."""
    names = values.dtype.names
    return values if names is None else np.stack([values[name] for name in names], axis=-1)


def _header_of(path: Path) -> Path:
    """The file with the header: the .hdr beside a .img, else the path itself."""
    if path.suffix.lower() != SAMPLES or not path.is_file():
        return path
    header = _beside(path, PAIR)
    if header is None:
        raise ImageError(f"has no {path.stem}{PAIR} beside it, which has the header", remedy="fetch both files")
    return header


def _beside(path: Path, ending: str) -> Path | None:
    """The file of the same name with another ending, in small or capital letters, if there is one."""
    return next((one for one in (path.with_suffix(e) for e in (ending, ending.upper())) if one.is_file()), None)


def opened(path: Path) -> Any:
    """An image of nibabel that knows its header. The first bytes, not the name, tell whether a file is gzipped."""
    import nibabel as nib

    if path.suffix.lower() == PAIR:
        return _opened_pair(path)
    gzipped = is_gzipped(path)
    with gzip.open(path) if gzipped else path.open("rb") as stream:
        start = stream.read(MOST_HEADER)
        stream.seek(0)
        mgh = start.startswith(MGH_VERSION)
        kinds = (nib.MGHImage,) if mgh else (nib.Nifti1Image, nib.Nifti2Image)
        for kind in kinds:
            if not mgh and not kind.header_class.may_contain_header(start):
                continue
            if not gzipped and path.suffix.lower() not in (".gz", ".mgz"):
                return kind.from_file_map({"image": nib.FileHolder(str(path))})  # reads its samples in place
            return kind.from_stream(stream) if gzipped else kind.from_bytes(stream.read())
    raise ImageError("its first bytes are not those of a NIfTI or MGZ file")


def _opened_pair(path: Path) -> Any:
    """A NIfTI header whose samples are in the .img file beside it."""
    import nibabel as nib

    with path.open("rb") as file:
        start = file.read(MOST_HEADER)
    kind = next((k for k in (nib.Nifti1Pair, nib.Nifti2Pair) if k.header_class.may_contain_header(start)), None)
    if kind is None or not any(magic in start[:348] for magic in PAIR_MAGIC):
        raise ImageError(
            "is a header without the mark of NIfTI, as of Analyze 7.5, which does not say where left and right are",
            remedy="convert it to .nii.gz with a program that knows its orientation",
        )
    samples = _beside(path, SAMPLES)
    if samples is None:
        raise ImageError(f"has no {path.stem}{SAMPLES} beside it, which has the samples", remedy="fetch both files")
    return kind.from_file_map({"header": nib.FileHolder(str(path)), "image": nib.FileHolder(str(samples))})


def _millimetres(image: Any) -> Affine:
    """From indices to millimetres. The header of a NIfTI may say that its numbers are metres or micrometres."""
    affine = with_true_sizes(image.affine, image.header.get_zooms())
    unit = image.header.get_xyzt_units()[0] if hasattr(image.header, "get_xyzt_units") else "mm"
    return np.diag([UNITS.get(unit, 1.0)] * 3 + [1.0]) @ affine


def _affine_notes(image: Any) -> tuple[str, ...]:
    """A note if the header holds no affine, or two that place a corner of the image half a voxel apart or more."""
    header = image.header
    if not hasattr(header, "get_qform"):
        return ()
    sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if sform is None and qform is None and len(image.shape) > 2 and image.shape[2] > 1:
        return ("its header does not say where left and right are (qform_code and sform_code are 0)",)
    if sform is None or qform is None:
        return ()
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in (*image.shape, 1, 1)[:3]], [1])).reshape(4, -1)
    apart = np.linalg.norm(((sform - qform) @ ends)[:3], axis=0).max() / voxel_sizes(sform).min()
    if apart < SAME_GRID:
        return ()
    return (f"its sform and qform place the image {apart:.1f} voxels apart; the sform was used",)


def with_true_sizes(affine: NDArray[np.generic], sizes: Sequence[float]) -> Affine:
    """The affine (4, 4), with voxels of `sizes` millimetres if its own steps are all 1.

    Some programs write an affine that holds only directions, beside voxel sizes that are true. Sizes may be fewer than
    three; they are ignored unless all are positive and finite.
    """
    own: Affine = np.asarray(affine, np.float64)
    given = np.ones(3)
    given[: len(sizes[:3])] = sizes[:3]
    steps = np.linalg.norm(own[:3, :3], axis=0)
    believed = np.allclose(steps, 1) and bool(np.isfinite(given).all()) and bool((given > 0).all())
    return own @ np.diag([*given, 1]) if believed else own


def _squeezed(values: NDArray[Any]) -> NDArray[Any]:
    """Without axes of one sample at the end, and beyond the third."""
    extra = [n for n in values.shape[3:] if n > 1]
    values = values.reshape(*values.shape[:3], *extra)
    return values[:, :, 0] if values.ndim == 3 and values.shape[2] == 1 else values


def _claimed_bytes(image: Any, offset: str | None) -> int:
    """How long the file with the samples must be by its header; `offset` is the field that says where they begin."""
    start = int(image.header[offset]) if offset else 0
    return start + int(image.header.get_data_dtype().itemsize) * int(np.prod(image.shape))


def _check_length(length: int, least: int) -> None:
    """Raise ImageError if a file is too short, for which nibabel would take the memory first."""
    if length < least:
        raise ImageError(f"holds {length} bytes, but its header claims {least}")
