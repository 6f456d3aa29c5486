"""Images and masks from what a person has: files, folders of DICOM series, arrays. No torch here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import SAME_GRID, ImageError, LoadedImage, grid_distance
from universeg.imageio.load import read_labels
from universeg.imageio.masks import label_values
from universeg.imageio.series import read_series_folder
from universeg.prediction.colours import coloured_image, grey, in_grey

ImageSource = str | Path | LoadedImage | NDArray[np.generic]
MaskSource = ImageSource | Sequence[str | Path]  # several files: one structure in parts, or one structure each


def loaded_image(source: ImageSource, name: str, channel: str = "luminance") -> LoadedImage:
    """Read a file or the folder of a DICOM series, or wrap an array; `name` is used for an array in messages."""
    if isinstance(source, LoadedImage):
        source.check_finite()
        return source
    if isinstance(source, str | Path):
        path = Path(source)
        return in_grey(read_series_folder(path)[1], channel) if path.is_dir() else coloured_image(path, channel)
    if source.ndim == 3 and source.shape[-1] <= 4:
        return loaded_image(LoadedImage(grey(source, channel), (1.0, 1.0), name), name)
    if source.ndim != 2:
        raise ImageError(
            f"{name}: expected an array (H, W) or (H, W, C) with at most 4 channels, got {source.shape};"
            " for a volume pass its file, or a LoadedImage with its spacing"
        )
    return loaded_image(LoadedImage(source, (1.0, 1.0), name), name)


def loaded_labels(source: MaskSource, name: str, structures: bool = False) -> LoadedImage:
    """The label map of one image, from one file, array, or several files."""
    if isinstance(source, str | Path):
        return read_labels(Path(source))
    if isinstance(source, Sequence):
        return _together([read_labels(Path(path)) for path in source], structures)
    labels = source if isinstance(source, LoadedImage) else LoadedImage(source, (1.0,) * source.ndim, name)
    return label_values(labels)


def _together(parts: Sequence[LoadedImage], structures: bool) -> LoadedImage:
    """One label map of several masks. Where structures overlap, the smaller one stays visible."""
    first, notes = parts[0], list[str]()
    for part in parts[1:]:
        check_pair(first, part)
    values = np.zeros(first.values.shape, np.uint8)
    shared = 0
    order = sorted(range(len(parts)), key=lambda at: -np.count_nonzero(parts[at].values))
    for at in order:
        inside = parts[at].values != 0
        shared += int(np.count_nonzero(values[inside]))
        values[inside] = at + 1 if structures else 1
    if shared and structures:
        notes.append(f"{shared} pixels are in several structures; there the smaller structure is used")
    return replace(first, values=values, palette=None, notes=(*first.notes, *notes))


def is_resized(image: LoadedImage, mask: LoadedImage) -> bool:
    """Whether the mask of a picture has another size, with the same proportions but for one pixel."""
    if image.is_volume or mask.is_volume or image.values.shape == mask.values.shape:
        return False
    (high, wide), (own_high, own_wide) = image.values.shape, mask.values.shape
    return bool(abs(own_high * wide - own_wide * high) <= max(high, wide))


def resized(mask: LoadedImage, shape: tuple[int, ...]) -> LoadedImage:
    """The mask of a picture at another size (H, W); each pixel gets the value of the nearest one."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(shape, mask.values.shape, strict=True)
    )
    return replace(mask, values=mask.values[np.ix_(rows, columns)])


def _remedy(image: LoadedImage, mask: LoadedImage) -> str:
    """What to do about a mask of another shape."""
    if not image.is_volume and mask.values.shape == image.values.shape[::-1]:
        return " the mask is turned or transposed; save it as its image is"
    fix = ", or use universeg predict --fix, which resizes it" if is_resized(image, mask) else ""
    return f" save the mask at the size of its image{fix}"


def check_pair(image: LoadedImage, mask: LoadedImage) -> None:
    """Raise ImageError unless image and mask are on one grid."""
    if image.values.shape != mask.values.shape:
        raise ImageError(
            f"{image.where} has shape {image.values.shape} and its mask {mask.where} {mask.values.shape};"
            + _remedy(image, mask)
        )
    if grid_distance(image, mask) > SAME_GRID:
        raise ImageError(
            f"{image.where} and its mask {mask.where} have the same shape, but their affines differ;"
            " save the mask with the affine of its image"
        )
