"""Read the images and masks that people have, and write results in the image's own frame. No torch here.

Pillow reads pictures, nibabel reads volumes. Inside, a picture is (H, W) grey and a volume (X, Y, Z) in RAS+.
"""

import gzip
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray
from PIL import Image, ImageOps

from universeg.base.atomic_write import written_whole
from universeg.standardise.normalise import luminance
from universeg.imageio.nifti_affine import placed

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
VOLUMES = (".nii.gz", ".nii")
READABLE = (*PICTURES, *VOLUMES)
MOST_PIXELS = 64_000_000  # of a picture: 8000 x 8000
MOST_VOXELS = 512_000_000  # of a volume: 512 x 512 x 1953
LISTED = 12  # distinct mask values that a message shows


class ImageError(ValueError):
    """An image or mask that cannot be used as it is; the message says what to do."""


@dataclass(frozen=True)
class Scan:
    """One image or mask as read, and what is needed to write a result beside it."""

    values: NDArray[np.generic]  # (H, W) grey, or (X, Y, Z) in RAS+
    spacing: tuple[float, ...]  # distance of samples along each axis, mm for volumes
    where: str = "array"  # the file, for messages
    source: Any = None  # the nibabel image of a volume's file

    def __post_init__(self) -> None:
        framed = self.values.ndim in (2, 3) and self.values.ndim == len(self.spacing) and self.values.size > 0
        if not framed or not min(self.spacing) > 0:
            raise ImageError(
                f"{self.where}: expected a picture (H, W) or a volume (X, Y, Z) with a positive spacing for each axis,"
                f" got shape {self.values.shape} and spacing {self.spacing}"
            )
        if self.values.dtype.kind == "f" and not np.isfinite(self.values).all():
            bad = int((~np.isfinite(self.values)).sum())
            raise ImageError(
                f"{self.where}: {bad} of {self.values.size} values are not numbers (NaN or infinite);"
                " save it with 0 in their place"
            )

    @property
    def is_volume(self) -> bool:
        return self.values.ndim == 3

    def same_place(self, other: "Scan") -> bool:
        """Whether the corners of two volumes of one shape agree to half a voxel; pictures of one shape always do."""
        if self.source is None or other.source is None:
            return True
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in self.values.shape], [1])).reshape(4, -1)
        here, there = (nib.as_closest_canonical(_three_axes(scan.source)).affine for scan in (self, other))
        return bool(np.abs((here - there) @ ends).max() <= min(self.spacing) / 2)


def stem(path: Path) -> str:
    """The file's name without its ending; `.nii.gz` is one ending."""
    ending = next((e for e in READABLE if path.name.lower().endswith(e)), path.suffix)
    return path.name[: len(path.name) - len(ending)]


def is_readable(path: Path) -> bool:
    return path.name.lower().endswith(READABLE)


def read_image(path: Path) -> Scan:
    """Grey intensities as the file holds them (16-bit stays so, colour becomes luminance), volumes in RAS+."""
    if _is_volume(path):
        return _volume(path)
    picture = _picture(path)
    plain = picture.mode in ("1", "L", "LA", "I", "F", "RGB", "RGBA") or picture.mode.startswith("I;16")
    pixels = np.asarray(picture if plain else picture.convert("RGB"))
    grey = luminance(pixels) if pixels.ndim == 3 else pixels
    return Scan(grey, (1.0, 1.0), str(path))


def read_labels(path: Path) -> Scan:
    """The whole-number values of a mask file; palette pictures give their indices."""
    if _is_volume(path):
        scan = _volume(path)
    else:
        scan = Scan(_one_channel(np.asarray(_picture(path)), path), (1.0, 1.0), str(path))
    return Scan(whole_numbers(scan.values, scan.where), scan.spacing, scan.where, scan.source)


def whole_numbers(values: NDArray[np.generic], where: str) -> NDArray[np.integer[Any] | np.bool_]:
    """The same values as integers; raises ImageError if there are fractions among them."""
    if values.dtype.kind in "biu":
        return values  # type: ignore[return-value] # the kind says so
    rounded = np.rint(values.astype(np.float64))
    if np.abs(rounded - values).max() > 1e-3:
        raise ImageError(
            f"{where}: a mask needs whole numbers (0 outside, another inside), this has fractions:"
            " is it an image or a probability map?"
        )
    return rounded.astype(np.int64)


def inside(labels: Scan, label: int | None) -> NDArray[np.bool_]:
    """Where a mask has the value `label`; without one, where it is not 0, if it has at most two values."""
    if label is not None:
        return np.asarray(labels.values == label)
    found = np.unique(labels.values)
    if len(found) > 2 or (len(found) == 2 and found[0] != 0 and found[1] != 0):
        shown = ", ".join(str(int(value)) for value in found[:LISTED])
        more = f" and {len(found) - LISTED} more (a lossy format such as JPG?)" if len(found) > LISTED else ""
        raise ImageError(
            f"{labels.where}: the mask has the values {shown}{more};"
            f" choose the one to segment, for example --label {int(found[-1])}"
        )
    return np.asarray(labels.values != 0)


def write_mask(path: Path, mask: NDArray[np.bool_], scan: Scan) -> None:
    """0 and 255 in a PNG, or 0 and 1 in a NIfTI file in the frame of `scan`."""
    if scan.source is None:
        _write_picture(path, Image.fromarray(mask.astype(np.uint8) * np.uint8(255)), "PNG")
    else:
        _write_volume(path, mask.astype(np.uint8), scan)


def write_probability(path: Path, probability: NDArray[np.float32], scan: Scan) -> None:
    """Values in [0, 1] as 32-bit floats: a TIFF, or a NIfTI file in the frame of `scan`."""
    if scan.source is None:
        _write_picture(path, Image.fromarray(probability), "TIFF")
    else:
        _write_volume(path, probability, scan)


def _is_volume(path: Path) -> bool:
    if not is_readable(path):
        raise ImageError(f"{path}: can read {', '.join(READABLE)}; convert it first (DICOM: with dcm2niix, to .nii.gz)")
    return path.name.lower().endswith(VOLUMES)


def _picture(path: Path) -> Image.Image:
    """A picture of one page and bounded size, upright as every viewer shows it; errors name the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                pages = getattr(picture, "n_frames", 1)
                if pages > 1:
                    raise ImageError(f"{path}: has {pages} pages; save the one you mean as its own file")
                return ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{path}: more than {MOST_PIXELS:,} pixels; crop or shrink it first") from error
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError) as error:  # SyntaxError: what Pillow raises for a broken PNG
        raise ImageError(f"{path}: cannot be read as a picture ({error}); export it again") from error


def _one_channel(pixels: NDArray[np.generic], path: Path) -> NDArray[np.generic]:
    """A mask saved in colour, with or without alpha, as one number per pixel; the grey levels if it is grey."""
    if pixels.ndim == 2:
        return pixels
    colours = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1]
    if (colours == colours[..., :1]).all():
        return colours[..., 0]
    if len(np.unique(colours.reshape(-1, 3), axis=0)) == 2 and (colours == 0).all(axis=-1).any():
        return np.asarray(colours.any(axis=-1))
    raise ImageError(f"{path}: the mask is in several colours; save it with one grey level for each structure")


def _volume(path: Path) -> Scan:
    try:
        source: Any = nib.load(path)
        if np.prod(source.shape) > MOST_VOXELS:
            raise ImageError(f"{path}: more than {MOST_VOXELS:,} voxels; crop or shrink it first")
        upright = nib.as_closest_canonical(_three_axes(source))
        values = np.asanyarray(upright.dataobj)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ImageFileError, zlib.error) as error:
        raise ImageError(f"{path}: cannot be read as NIfTI ({error}); export it again") from error
    if values.dtype.kind not in "biuf":
        raise ImageError(f"{path}: expected one number per voxel, got {values.dtype}; save it in grey")
    steps = voxel_sizes(placed(source.affine, source.header.get_zooms()))
    order = np.argsort(io_orientation(source.affine)[:, 0])  # the stored axis that leads right, front, up
    return Scan(values, tuple(float(steps[axis]) for axis in order), str(path), source)


def _three_axes(source: Any) -> Any:
    """The same image without axes of one sample beyond the third, and with three axes if it has two."""
    if len(source.shape) == 3:
        return source
    if any(n != 1 for n in source.shape[3:]):
        raise ImageError(
            f"{source.get_filename()}: shape {source.shape} is a series of volumes;"
            " save the one you mean as its own file"
        )
    shape = (*source.shape, 1, 1)[:3]
    return type(source)(np.asanyarray(source.dataobj).reshape(shape), source.affine)


def _write_picture(path: Path, picture: Image.Image, kind: str) -> None:
    with written_whole(path) as part:
        picture.save(part, format=kind)


def _write_volume(path: Path, values: NDArray[np.generic], scan: Scan) -> None:
    """Back from RAS+ to the axes, shape and affine of the file that was read."""
    stored = io_orientation(scan.source.affine)
    back = ornt_transform(axcodes2ornt("RAS"), stored)
    own = np.ascontiguousarray(apply_orientation(values, back)).reshape(scan.source.shape)
    header = scan.source.header.copy()
    header.set_data_dtype(own.dtype)
    header["cal_min"], header["cal_max"] = 0, 1
    data = BytesIO()
    type(scan.source)(own, None, header).to_stream(data)
    with written_whole(path) as part:
        part.write_bytes(gzip.compress(data.getvalue(), mtime=0) if path.suffix == ".gz" else data.getvalue())
