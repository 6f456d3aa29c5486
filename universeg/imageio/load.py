"""Read the images and masks that a person has: grey pictures (H, W) and volumes (X, Y, Z) in RAS+ order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.formats import ENDINGS, ending_of, format_of, read
from universeg.imageio.image import ImageError, LoadedImage, upright
from universeg.standardise.normalise import luminance

LISTED = 12  # distinct mask values that a message shows
FRACTION = 1e-3  # a label value may differ by this much from the whole number it means


def stem(path: Path) -> str:
    """The file's name without its ending; `.nii.gz` is one ending."""
    return path.name[: len(path.name) - len(ending_of(path.name) or path.suffix)]


def is_readable(path: Path) -> bool:
    """Whether the name has the ending of a known image format."""
    return ending_of(path.name) is not None


def read_image(path: Path) -> LoadedImage:
    """Grey intensities as the file holds them (16-bit stays 16-bit, colour becomes luminance); volumes in RAS+."""
    image = _loaded(path)
    values = luminance(image.colours) if image.colours.ndim > len(image.spacing) else image.colours
    grey = replace(image, values=values, palette=None)
    grey.check_finite()
    return grey


def read_labels(path: Path) -> LoadedImage:
    """The whole-number values of a mask file; palette pictures give their indices."""
    image = _loaded(path)
    image.check_finite()
    values = image.values if not image.coloured else _one_channel(image.values, path)
    return replace(image, values=whole_numbers(values, image.where), palette=None)


def whole_numbers(values: NDArray[np.generic], where: str) -> NDArray[np.integer[Any] | np.bool_]:
    """The same values as integers; raises ImageError if there are fractions among them."""
    if values.dtype.kind in "biu":
        return values  # type: ignore[return-value] # the kind says so
    rounded = np.rint(values.astype(np.float64))
    if np.abs(rounded - values).max() > FRACTION:
        raise ImageError(
            "a mask needs whole numbers (0 outside, another value inside), but this file has fractions",
            where,
            "check that it is a mask and not an image or a probability map",
        )
    return rounded.astype(np.int64)


def inside(labels: LoadedImage, label: int | None) -> NDArray[np.bool_]:
    """Where a mask has the value `label`; without one, where it is not 0, if it has at most two values."""
    if label is not None:
        return np.asarray(labels.values == label)
    found = np.unique(labels.values)
    if len(found) > 2 or (len(found) == 2 and found[0] != 0 and found[1] != 0):
        shown = ", ".join(str(int(value)) for value in found[:LISTED])
        more = f" and {len(found) - LISTED} more (a lossy format such as JPG?)" if len(found) > LISTED else ""
        raise ImageError(
            f"the mask has the values {shown}{more}",
            labels.where,
            f"choose the one to segment, for example --label {int(found[-1])}",
        )
    return np.asarray(labels.values != 0)


def _loaded(path: Path) -> LoadedImage:
    """A picture or one volume, upright."""
    name = format_of(path.name)
    if name is None:
        raise ImageError(f"has none of the known endings ({', '.join(ENDINGS)})", str(path), "convert it first")
    raw = read(path, name)
    if raw.is_volume and raw.values.ndim > 3:
        raise ImageError(
            f"has shape {raw.values.shape}: a series of volumes", str(path), "save the volume you mean as its own file"
        )
    if raw.is_volume and raw.affine is None:
        pages = raw.values.shape[2]
        raise ImageError(f"has {pages} pages", str(path), "save the page you mean as its own file")
    try:
        return upright(raw, where=str(path))
    except ImageError as error:
        raise ImageError(error.reason, str(path), "save the file with a valid affine") from error


def _one_channel(pixels: NDArray[np.generic], path: Path) -> NDArray[np.generic]:
    """One number per pixel of a mask saved in colour: its grey level, or 0 for black and 1 for the other colour."""
    colours = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1]
    if (colours == colours[..., :1]).all():
        return colours[..., 0]
    if len(np.unique(colours.reshape(-1, 3), axis=0)) == 2 and (colours == 0).all(axis=-1).any():
        return np.asarray(colours.any(axis=-1))
    raise ImageError("the mask is in several colours", str(path), "save it with one grey level for each structure")
