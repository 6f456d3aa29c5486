"""From the files of one scan to the records of a store. Read this first: `records_of` is the core of the pipeline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan, Dropped
from pipeline.build.label_remarks import remarks_of
from pipeline.build.largest_slice import counts_per_axis, largest_slice
from pipeline.build.not_stored import MaskCounts, not_stored
from pipeline.build.origin import origin_of, position
from pipeline.labels import masks
from pipeline.labels.findings import Findings
from pipeline.labels.label_map import LabelRequest
from pipeline.manifest.layout import Group
from pipeline.match.scan_files import ScanFiles
from pipeline.readers import Pick, read_all
from universeg.imageio.image import ImageError, LoadedImage, upright
from universeg.standardise.normalise import Window, limits, luminance, scaled
from universeg.standardise.resample import Grid, cut
from universeg.store.format import Pixels, Record, area
from universeg.store.origin import Origin, Position, slice_name

CHECK_IMAGE = "open the image to check it; if it is as published, add the scan to known_bad in the manifest"


@dataclass(frozen=True)
class Recipe:
    """Settings of the preprocessing, from the config."""

    size: int = 128  # pixels along each side of a slice
    geometry: str = "isotropic"
    min_pixels: int = 1  # a mask with fewer pixels is not stored


def records_of(scan: ScanFiles, group: Group, root: Path, recipe: Recipe) -> Iterator[Record | Origin | Dropped]:
    """Yield the slices of one scan with their masks and origin, a row for each mask that is not stored, and remarks.

    File names in `scan` are relative to `root`. Raises BadScan if the whole scan cannot be used.
    """
    image, window = _read_image(scan, group, root)
    grid = Grid(image.shape, image.spacing, recipe.size, recipe.geometry)
    axes: tuple[int, ...] = group.axes if image.is_volume else (0,)
    middle_masks: dict[int, dict[str, Pixels]] = {axis: {} for axis in axes}
    positions: dict[str, Position] = {}

    @cache  # several labels may have the same slice
    def image_slice(axis: int, index: int) -> Pixels:
        return _standard_slice(image.values, grid, axis, index, window)

    def record(slicing: str, axis: int, index: int, masks: dict[str, Pixels]) -> Record:
        return Record(slicing, scan.group, scan.modality, axis, scan.subject, image_slice(axis, index), masks)

    findings = Findings()
    findings.note(image.notes, image.where)
    for label, volume_mask in _read_masks(scan, group, root, image, findings):
        counts = counts_per_axis(volume_mask)
        for axis, slicing, index in _slice_positions(counts, grid, axes):
            mask = _standard_slice(volume_mask, grid, axis, index)
            if area(mask) < recipe.min_pixels:
                found = _mask_counts(counts, grid, axis, index, mask, recipe)
                yield not_stored(scan, group.labels, axis, slicing, label, found)
                continue
            positions[slice_name(slicing, axis, label)] = position(grid, axis, index)
            if slicing == "mid":
                middle_masks[axis][label] = mask
            else:
                yield record(slicing, axis, index, {label: mask})
    yield from (record("mid", axis, grid.middle, masks) for axis, masks in middle_masks.items() if masks)
    if positions:
        yield origin_of(scan, root, image, window, positions)
    yield from remarks_of(scan.group, findings)


def _read_image(scan: ScanFiles, group: Group, root: Path) -> tuple[LoadedImage, Window]:
    """The scan's image in grey, and the window of intensities that is mapped to [0, 1]."""
    form, paths = group.scans[scan.form], [root / file for file in scan.images]
    try:
        raw = read_all(form.reader, paths, Pick(form.array, scan.index, scan.channel, form.is_volume))
        image = upright(raw, form.orientation, form.spacing, where=str(paths[0]))
        image.check_finite()
        values = luminance(image.colours) if image.colours.ndim > len(image.spacing) else image.colours
        window = limits(values, form.intensity, form.window)
    except ImageError as bad:
        raise BadScan(bad.reason, bad.file or str(paths[0]), bad.remedy or CHECK_IMAGE) from bad
    except ValueError as error:
        raise BadScan(str(error), str(paths[0]), CHECK_IMAGE) from error
    return replace(image, values=values, palette=None), window


def _read_masks(
    scan: ScanFiles, group: Group, root: Path, image: LoadedImage, findings: Findings
) -> Iterator[tuple[str, NDArray[Any]]]:
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
        findings=findings,
    )
    for label, mask in masks(labels, request, image):
        if mask.all():
            findings.note([f"the mask of {label} marks every sample of the image"], image.where)
        yield label, mask


def _standard_slice(values: NDArray[Any], grid: Grid, axis: int, index: int, window: Window | None = None) -> Pixels:
    """Slice `index` along `axis` on the standard grid, (size, size) uint8; a 2-D picture is its own only slice.

    Intensities are mapped from `window` to [0, 1]. Without a window the values are a mask.
    """
    along = axis if values.ndim == 3 else None
    chosen = list((grid.mask_weights_along if window is None else grid.image_weights_along)(along))
    if along is not None:  # process only the samples that contribute to the slice
        row = chosen[axis][[index]]
        used = np.flatnonzero(row[0])
        span = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        values = values[(slice(None),) * axis + (span,)]
        chosen[axis] = row[:, span]
    normalised = values if window is None else scaled(values, window)
    picture: Pixels = cut(normalised, chosen, along, [0])[0]
    return picture


def _slice_positions(
    counts: Sequence[NDArray[np.integer]], grid: Grid, axes: tuple[int, ...]
) -> Iterator[tuple[int, str, int]]:
    """Axis, slicing and index of each slice that is stored for one label; a 2-D picture has only one."""
    for axis in axes:
        yield axis, "mid", grid.middle
        if len(grid.shape) == 3:
            yield axis, "max", largest_slice(counts[axis], grid, axis)


def _mask_counts(
    counts: Sequence[NDArray[np.integer]], grid: Grid, axis: int, index: int, mask: Pixels, recipe: Recipe
) -> MaskCounts:
    """How much a label marks in the image, and in slice `index` before and after resampling."""
    marked = int(counts[axis].sum())
    in_slice = int(counts[axis][grid.slice_weights[axis][index] > 0].sum()) if len(grid.shape) == 3 else marked
    return MaskCounts(grid.shape, marked, in_slice, area(mask), recipe.size, recipe.min_pixels)
