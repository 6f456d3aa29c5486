"""A label map: the samples of a label file, brought to the grid of its image as the manifest says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from pipeline.labels.findings import Findings
from pipeline.labels.label_files import LabelFiles
from pipeline.readers import Pick, read_all
from universeg.imageio.image import SAME_GRID, ImageError, LoadedImage, extended, grid_distance, upright
from universeg.imageio.masks import label_values

REMEDY = "check that label and image belong together; add the scan to known_bad if they do not"


@dataclass(frozen=True)
class LabelRequest:
    """The label files of one scan, and how to read them."""

    paths: Mapping[str, tuple[Path, ...]]  # label -> its file, or the files of its slices; "": one file with all labels
    reader: str = ""
    pick: Pick = field(default_factory=Pick)
    orientation: str | None = None  # of the images, from the manifest; it replaces what the files say
    spacing: tuple[float, ...] | None = None  # likewise, in millimetres
    parts: Mapping[str, str] = field(default_factory=dict)
    may_be_unlabelled: bool = False  # the manifest expects images without an entry in the label file
    findings: Findings = field(default_factory=Findings)  # the decoders add to it


def label_map(spec: LabelFiles, request: LabelRequest, name: str, image: LoadedImage) -> LoadedImage:
    """Read the label files of `name` on the grid of the image.

    Raises BadScan if they cannot be read, or do not fit the image as `spec.grid` demands.
    """
    paths = request.paths[name]
    stored = read_all(request.reader, paths, replace(request.pick, volume=image.is_volume), image.order)
    by_index = spec.grid == "voxels" or (stored.affine is None and stored.is_volume)
    where = str(paths[0])
    try:
        if by_index and image.stored is not None and stored.is_volume:
            labels = upright(stored, like=image.stored, where=where)
        else:
            labels = upright(stored, request.orientation, request.spacing, where=where)
        if len(labels.spacing) != len(image.spacing):
            raise BadScan(f"the label has {len(labels.spacing)} axes, its image {len(image.spacing)}", remedy=REMEDY)
        return _on_grid_of(image, labels, spec.grid)
    except ImageError as bad:
        raise BadScan(bad.reason, bad.file or where, bad.remedy or REMEDY) from bad


def whole_numbers(spec: LabelFiles, request: LabelRequest, image: LoadedImage) -> LoadedImage:
    """The label map of a scan on the grid of its image: one whole number per sample, by the rule of `imageio.masks`.

    What had to be decided is added to the findings. Raises BadScan if the file is no label map.
    """
    labels = label_map(spec, request, "", image)
    several = len(spec.masks) > 1
    try:
        labels = label_values(labels, two_valued=not several)
    except ImageError as bad:
        remedy = f"{bad.remedy}, or use 'kind: colours'" if labels.coloured else bad.remedy
        raise BadScan(bad.reason, bad.file, remedy) from bad
    request.findings.note(labels.notes, labels.where)
    return labels


def _on_grid_of(image: LoadedImage, labels: LoadedImage, grid: str) -> LoadedImage:
    if grid == "extent":
        return replace(labels, values=_stretched(labels, image), spacing=image.spacing, affine=image.affine)
    if grid == "world" and labels.affine is not None and image.affine is not None:
        return replace(labels, values=_resampled(labels, image), spacing=image.spacing, affine=image.affine)
    if grid == "same":
        labels = extended(labels, image)
    if labels.shape != image.shape:
        raise BadScan(f"the label has {_by(labels.shape)} samples, its image {_by(image.shape)}", remedy=REMEDY)
    if grid == "same" and labels.affine is not None and image.affine is not None:
        distance = grid_distance(image, labels)
        if distance > SAME_GRID:
            reason = f"the grid of the label is {distance:.1f} voxels away from the grid of its image"
            raise BadScan(reason, remedy=f"{REMEDY}, or write 'grid: voxels' or 'grid: world' in the manifest")
    return labels


def _stretched(labels: LoadedImage, image: LoadedImage) -> NDArray[Any]:
    """The label's samples that are nearest to the image's, if both cover the same extent."""
    values = labels.values
    for axis, (count, wanted) in enumerate(zip(labels.shape, image.shape, strict=True)):
        values = values.take(((np.arange(wanted) + 0.5) * count / wanted).astype(int), axis=axis)
    return values


def _resampled(labels: LoadedImage, image: LoadedImage) -> NDArray[Any]:
    """The label's samples that are nearest to the image's in space; 0 outside the grid of the label."""
    if labels.coloured:
        raise BadScan("a label in colour cannot be resampled", remedy="use 'channel' or 'grid: voxels'")
    from scipy.ndimage import affine_transform

    to_label = np.linalg.inv(np.asarray(labels.affine)) @ np.asarray(image.affine)
    values: NDArray[Any] = affine_transform(
        labels.values, to_label[:3, :3], to_label[:3, 3], image.shape, order=0, mode="grid-constant", cval=0
    )
    return values


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
