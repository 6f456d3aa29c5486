"""A label file read, and brought to its image's grid as the manifest says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from pipeline.labels.label_files import LabelFiles
from pipeline.readers import Pick, read_all
from universeg.imageio.image import SAME_GRID, ImageError, LoadedImage, grid_distance, upright

REMEDY = "check that label and image belong together; add the scan to known_bad if they do not"


@dataclass(frozen=True)
class LabelRequest:
    """The label files of one scan, and how to read them."""

    paths: Mapping[str, tuple[Path, ...]]  # label name -> files; the name is "" for one file with all labels
    reader: str = ""
    pick: Pick = field(default_factory=Pick)
    orientation: str | None = None  # what the manifest says of the images, in place of the files
    spacing: tuple[float, ...] | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    may_lack: bool = False  # the manifest foresees images without an entry


def label_map(spec: LabelFiles, found: LabelRequest, name: str, image: LoadedImage) -> LoadedImage:
    """Read the label files of `name`; raises BadScan unless they fit the image in the way that `spec.grid` says."""
    paths = found.paths[name]
    stored = read_all(found.reader, paths, found.pick, image.order)
    alike = spec.grid == "voxels" or (stored.affine is None and stored.is_volume)
    try:
        if alike and image.stored is not None and stored.is_volume:
            labels = upright(stored, like=image.stored)
        else:
            labels = upright(stored, found.orientation, found.spacing)
        if len(labels.spacing) != len(image.spacing):
            raise BadScan(f"the label has {len(labels.spacing)} axes, its image {len(image.spacing)}", remedy=REMEDY)
        return _fitted(labels, image, spec.grid)
    except ImageError as bad:
        raise BadScan(bad.reason, bad.file or str(paths[0]), bad.remedy) from bad


def _fitted(labels: LoadedImage, image: LoadedImage, grid: str) -> LoadedImage:
    if grid == "extent":
        return replace(labels, values=_stretched(labels, image), spacing=image.spacing, affine=image.affine)
    if grid == "world" and labels.affine is not None and image.affine is not None:
        return replace(labels, values=_moved(labels, image), spacing=image.spacing, affine=image.affine)
    if labels.shape != image.shape:
        raise BadScan(f"the label has {_by(labels.shape)} samples, its image {_by(image.shape)}", remedy=REMEDY)
    if grid == "same" and labels.affine is not None and image.affine is not None:
        apart = grid_distance(image, labels)
        if apart > SAME_GRID:
            reason = f"the label's grid lies {apart:.1f} voxels away from its image's"
            raise BadScan(reason, remedy=f"{REMEDY}, or say 'grid: voxels' or 'grid: world' in the manifest")
    return labels


def _stretched(labels: LoadedImage, image: LoadedImage) -> NDArray[Any]:
    """The nearest of the label's samples, where both cover the same extent."""
    values = labels.values
    for axis, (mine, wanted) in enumerate(zip(labels.shape, image.shape, strict=True)):
        values = values.take(((np.arange(wanted) + 0.5) * mine / wanted).astype(int), axis=axis)
    return values


def _moved(labels: LoadedImage, image: LoadedImage) -> NDArray[Any]:
    """The label's sample that is nearest to each of the image's; 0 outside the label's grid."""
    if labels.coloured:
        raise BadScan("a label in colour cannot be moved to another grid", remedy="use 'channel' or 'grid: voxels'")
    from scipy.ndimage import affine_transform

    back = np.linalg.inv(np.asarray(labels.affine)) @ np.asarray(image.affine)
    values: NDArray[Any] = affine_transform(
        labels.values, back[:3, :3], back[:3, 3], image.shape, order=0, mode="constant", cval=0
    )
    return values


def single(labels: LoadedImage, path: Path) -> NDArray[Any]:
    """The one channel of a label map, where a colour file repeats it."""
    if not labels.coloured:
        return labels.values
    if labels.values.shape[-1] < 3:  # grey with opacity
        grey: NDArray[Any] = labels.values[..., 0]
        return grey
    first, *others = np.moveaxis(labels.values[..., :3], -1, 0)
    if any(not np.array_equal(first, other) for other in others):
        raise BadScan("the label is in colour, values were expected", str(path), "use kind: colours")
    values: NDArray[Any] = first
    return values


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
