"""From a scan's files to the records of a store. READ THIS FIRST: it is the pipeline in one function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import Dropped
from pipeline.labels import masks
from pipeline.labels.label_map import LabelRequest
from pipeline.manifest.layout import Group
from pipeline.readers import Pick, read_all
from pipeline.match.match import ScanFiles
from pipeline.build.largest_slice import counts_along, largest
from pipeline.attrition import BadScan
from universeg.imageio.image import ImageError, LoadedImage, upright
from universeg.standardise.normalise import Window, limits, luminance, scaled
from universeg.standardise.resample import Array, Grid, cut
from universeg.store.format import Pixels, Record, area


@dataclass(frozen=True)
class Recipe:
    """The numbers of the pre-processing; they are the config's."""

    size: int = 128
    geometry: str = "isotropic"
    min_pixels: int = 1


def records_of(scan: ScanFiles, group: Group, root: Path, recipe: Recipe) -> Iterator[Record | Dropped]:
    """Every slice of one scan with its masks, or why it is not kept; raises BadScan for the whole scan."""
    image, ends = _image(scan, group, root)
    grid = Grid(image.shape, image.spacing, recipe.size, recipe.geometry)
    axes: tuple[int, ...] = group.axes if len(image.shape) == 3 else (0,)
    middles: dict[int, dict[str, Pixels]] = {axis: {} for axis in axes}

    @cache  # labels may share a slice
    def shown(axis: int, index: int) -> Pixels:
        return _slice(image.values, grid.image_weights, axis, index, ends)

    def record(slicing: str, axis: int, index: int, masks: dict[str, Pixels]) -> Record:
        return Record(slicing, scan.group, scan.modality, axis, scan.subject, shown(axis, index), masks)

    for label, inside in _masks(scan, group, root, image):
        for axis, slicing, index in _places(inside, grid, axes):
            mask = _slice(inside, grid.mask_weights, axis, index)
            if area(mask) < recipe.min_pixels:
                yield _too_small(scan, axis, slicing, label, mask, recipe)
            elif slicing == "mid":
                middles[axis][label] = mask
            else:
                yield record(slicing, axis, index, {label: mask})
    yield from (record("mid", axis, grid.middle, masks) for axis, masks in middles.items() if masks)


def _image(scan: ScanFiles, group: Group, root: Path) -> tuple[LoadedImage, Window]:
    """The scan's image, grey, and the intensities that become 0 and 1."""
    form, paths = group.scans[scan.form], [root / file for file in scan.images]
    try:
        stored = read_all(form.reader, paths, Pick(form.array, scan.index, scan.channel))
        image = upright(stored, form.orientation, form.spacing)
        image.check_finite()
        values = luminance(image.colours) if image.colours.ndim > len(image.spacing) else image.colours
        ends = limits(values, form.intensity, form.window)
    except ImageError as bad:
        raise BadScan(bad.reason, bad.file or str(paths[0]), bad.remedy or LOOK) from bad
    except ValueError as error:
        raise BadScan(str(error), str(paths[0]), LOOK) from error
    return replace(image, values=values, palette=None), ends


LOOK = "look at the image; if it is as published, add it to known_bad"


def _masks(scan: ScanFiles, group: Group, root: Path, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    labels, form = group.labels, group.scans[scan.form]
    found = LabelRequest(
        {name: tuple(root / file for file in files) for name, files in scan.labels.items()},
        labels.reader or form.reader,
        Pick(labels.array, scan.label_index),
        form.orientation,
        form.spacing,
        scan.parts,
        may_lack=group.unlabelled == "skip",
    )
    return masks(labels, found, image)


def _slice(values: NDArray[Any], weights: Sequence[Array], axis: int, index: int, ends: Window | None = None) -> Pixels:
    """One slice on the standard grid, of intensities between `ends` if given; a 2-D picture is its own."""
    chosen = list(weights)
    if values.ndim == 3:  # only the samples that the slice is made of are looked at
        row = weights[axis][[index]]
        used = np.flatnonzero(row[0])
        span = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        values = values[(slice(None),) * axis + (span,)]
        chosen[axis] = row[:, span]
    shown = values if ends is None else scaled(values, ends)
    picture: Pixels = cut(shown, chosen, axis if values.ndim == 3 else None, [0])[0]
    return picture


def _places(inside: NDArray[Any], grid: Grid, axes: tuple[int, ...]) -> Iterator[tuple[int, str, int]]:
    """Axis, slicing and index of the slices that one label of a scan gives; a 2-D picture has only one."""
    counts = counts_along(inside) if inside.ndim == 3 else None
    for axis in axes:
        yield axis, "mid", grid.middle
        if counts is not None:
            yield axis, "max", largest(counts[axis], grid, axis)


def _too_small(scan: ScanFiles, axis: int, slicing: str, label: str, mask: Pixels, recipe: Recipe) -> Dropped:
    return Dropped(
        scan.group,
        scan.subject,
        scan.modality,
        str(axis),
        slicing,
        label,
        reason=f"{area(mask)} of {recipe.size} x {recipe.size} pixels in the mask, min_pixels is {recipe.min_pixels}",
        remedy="none if the structure is not there; else check the label file",
        file=next(iter(scan.labels.get(label) or scan.labels.get("") or ("",))),
    )
