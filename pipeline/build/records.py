"""From the files of one scan to the records of a store. Read this first: `records_of` is the core of the pipeline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan, Dropped
from pipeline.build.largest_slice import counts_per_axis, largest_slice
from pipeline.labels import masks
from pipeline.labels.label_map import LabelRequest
from pipeline.manifest.layout import Group
from pipeline.match.scan_files import ScanFiles
from pipeline.readers import Pick, read_all
from universeg.imageio.image import ImageError, LoadedImage, upright
from universeg.standardise.normalise import Window, limits, luminance, scaled
from universeg.standardise.resample import Array, Grid, cut
from universeg.store.format import Pixels, Record, area

CHECK_IMAGE = "open the image to check it; if it is as published, add the scan to known_bad in the manifest"


@dataclass(frozen=True)
class Recipe:
    """Settings of the preprocessing, from the config."""

    size: int = 128  # pixels along each side of a slice
    geometry: str = "isotropic"
    min_pixels: int = 1  # a mask with fewer pixels is not stored


def records_of(scan: ScanFiles, group: Group, root: Path, recipe: Recipe) -> Iterator[Record | Dropped]:
    """Yield the slices of one scan with their masks, and a row for each mask that is not stored.

    File names in `scan` are relative to `root`. Raises BadScan if the whole scan cannot be used.
    """
    image, window = _read_image(scan, group, root)
    grid = Grid(image.shape, image.spacing, recipe.size, recipe.geometry)
    axes: tuple[int, ...] = group.axes if image.is_volume else (0,)
    middle_masks: dict[int, dict[str, Pixels]] = {axis: {} for axis in axes}

    @cache  # several labels may have the same slice
    def image_slice(axis: int, index: int) -> Pixels:
        return _standard_slice(image.values, grid.image_weights, axis, index, window)

    def record(slicing: str, axis: int, index: int, masks: dict[str, Pixels]) -> Record:
        return Record(slicing, scan.group, scan.modality, axis, scan.subject, image_slice(axis, index), masks)

    for label, volume_mask in _read_masks(scan, group, root, image):
        for axis, slicing, index in _slice_positions(volume_mask, grid, axes):
            mask = _standard_slice(volume_mask, grid.mask_weights, axis, index)
            if area(mask) < recipe.min_pixels:
                yield _too_small(scan, axis, slicing, label, mask, recipe)
            elif slicing == "mid":
                middle_masks[axis][label] = mask
            else:
                yield record(slicing, axis, index, {label: mask})
    yield from (record("mid", axis, grid.middle, masks) for axis, masks in middle_masks.items() if masks)


def _read_image(scan: ScanFiles, group: Group, root: Path) -> tuple[LoadedImage, Window]:
    """The scan's image in grey, and the window of intensities that is mapped to [0, 1]."""
    form, paths = group.scans[scan.form], [root / file for file in scan.images]
    try:
        raw = read_all(form.reader, paths, Pick(form.array, scan.index, scan.channel))
        image = upright(raw, form.orientation, form.spacing, where=str(paths[0]))
        image.check_finite()
        values = luminance(image.colours) if image.colours.ndim > len(image.spacing) else image.colours
        window = limits(values, form.intensity, form.window)
    except ImageError as bad:
        raise BadScan(bad.reason, bad.file or str(paths[0]), bad.remedy or CHECK_IMAGE) from bad
    except ValueError as error:
        raise BadScan(str(error), str(paths[0]), CHECK_IMAGE) from error
    return replace(image, values=values, palette=None), window


def _read_masks(scan: ScanFiles, group: Group, root: Path, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each label of the scan with its mask on the grid of the image."""
    labels, form = group.labels, group.scans[scan.form]
    request = LabelRequest(
        {name: tuple(root / file for file in files) for name, files in scan.labels.items()},
        labels.reader or form.reader,
        Pick(labels.array, scan.label_index),
        form.orientation,
        form.spacing,
        scan.parts,
        may_be_unlabelled=group.unlabelled == "skip",
    )
    return masks(labels, request, image)


def _standard_slice(
    values: NDArray[Any], weights: Sequence[Array], axis: int, index: int, window: Window | None = None
) -> Pixels:
    """Slice `index` along `axis` on the standard grid, (size, size) uint8; a 2-D picture is its own only slice.

    Intensities are first mapped from `window` to [0, 1], if a window is given.
    """
    chosen = list(weights)
    if values.ndim == 3:  # process only the samples that contribute to the slice
        row = weights[axis][[index]]
        used = np.flatnonzero(row[0])
        span = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        values = values[(slice(None),) * axis + (span,)]
        chosen[axis] = row[:, span]
    normalised = values if window is None else scaled(values, window)
    picture: Pixels = cut(normalised, chosen, axis if values.ndim == 3 else None, [0])[0]
    return picture


def _slice_positions(mask: NDArray[Any], grid: Grid, axes: tuple[int, ...]) -> Iterator[tuple[int, str, int]]:
    """Axis, slicing and index of each slice that is stored for one label; a 2-D picture has only one."""
    counts = counts_per_axis(mask) if mask.ndim == 3 else None
    for axis in axes:
        yield axis, "mid", grid.middle
        if counts is not None:
            yield axis, "max", largest_slice(counts[axis], grid, axis)


def _too_small(scan: ScanFiles, axis: int, slicing: str, label: str, mask: Pixels, recipe: Recipe) -> Dropped:
    return Dropped(
        scan.group,
        scan.subject,
        scan.modality,
        str(axis),
        slicing,
        label,
        reason=f"the mask has {area(mask)} of {recipe.size} x {recipe.size} pixels, min_pixels is {recipe.min_pixels}",
        remedy="none if the scan does not show this structure; otherwise check the label file",
        file=next(iter(scan.labels.get(label) or scan.labels.get("") or ("",))),
    )
