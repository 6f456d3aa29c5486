"""The files of one result: masks, probabilities and the picture. No torch here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg import __version__
from universeg.base.atomic_write import atomic_write
from universeg.imageio.image import ImageError, LoadedImage
from universeg.imageio.segmentation_object import write_segmentation_object
from universeg.imageio.series import is_dicom
from universeg.imageio.write import ENDINGS, as_stored, format_like, write_mask, write_probability
from universeg.prediction.labels import Label
from universeg.prediction.measure import Measure, measured
from universeg.prediction.postprocess import NO_CLEANING, Cleaning, cleaned
from universeg.prediction.segmentation import Segmentation
from universeg.standardise.resample import Array

BAND = 1 << 22  # pixels that are brought to the image's own size at once
ONE_IN_PICTURES = 255  # what the only structure of a picture is written as, so that every viewer shows it


@dataclass(frozen=True)
class Written:
    """The files of one result, and what share of the image each structure marks."""

    mask: Path
    shape: tuple[int, ...]
    marked: dict[str, float]  # share of the pixels of the slices that were segmented, by the structure's name
    overlay: Path | None = None
    probabilities: tuple[Path, ...] = ()
    uncertainty: Path | None = None
    consistency: Path | None = None
    measures: tuple[Measure, ...] = ()
    maps: tuple[NDArray[np.uint8], ...] = ()  # of each frame, on the image's own grid: n for the n-th structure


def own_labels(found: Segmentation) -> NDArray[np.uint8]:
    """The label map on the image's own grid: 0 outside, n for the n-th structure; 0 where nothing was segmented."""
    query = found.query
    if query.axis is None:
        return np.concatenate([found.values_of(0, rows) for rows in _bands(query.plane_shape)])
    result = np.zeros(query.grid.shape, np.uint8)
    along = np.moveaxis(result, query.axis, 0)
    for at, row in enumerate(query.rows):
        if found.probability[:, at].any():
            along[row] = found.values_of(at)
    return result


def own_probability(found: Segmentation, number: int) -> Array:
    """The probability of the structure with this number, from 0, on the image's own grid."""
    query, planes = found.query, found.probability[number]
    if query.axis is None:
        return query.back(planes[0])
    result = np.zeros(query.grid.shape, np.float32)
    along = np.moveaxis(result, query.axis, 0)
    for at, row in enumerate(query.rows):
        along[row] = query.back(planes[at])
    return result


def own_consistency(found: Segmentation) -> Array:
    """How well each slice of a volume agrees with the slices next to it, on the image's own grid.

    1 where its probabilities are the mean of both neighbours', 0 where they are the opposite; 1 in a picture.
    """
    query = found.query
    result = np.ones(query.grid.shape, np.float32)
    if query.axis is None or len(query.rows) < 2:
        return result
    along = np.moveaxis(result, query.axis, 0)
    for at, row in enumerate(query.rows):
        beside = [k for k in (at - 1, at + 1) if 0 <= k < len(query.rows)]
        away = np.abs(found.probability[:, at] - found.probability[:, beside].mean(axis=1)).max(axis=0)
        along[row] = 1 - query.back(away)
    return result


def result_labels(labels: Sequence[Label], ending: str) -> tuple[Label, ...]:
    """The structures with the values that they have in results: their own, or 1 (255 in pictures) for the only one."""
    if len(labels) > 1:
        return tuple(labels)
    return (replace(labels[0], value=ONE_IN_PICTURES if ending in (".png", ".tif") else 1),)


def write_result(
    folder: Path,
    name: str,
    frames: Sequence[tuple[LoadedImage, Segmentation]],
    picture: Image.Image | None,
    soft: bool = False,
    unsure: bool = False,
    consistency: bool = False,
    wanted: str = "auto",
    cleaning: Cleaning = NO_CLEANING,
    files: Sequence[Path] = (),
) -> Written:
    """Write the result of one image, of which each frame was segmented on its own; `files` are those of the image."""
    scan, first = frames[0]
    ending = _ending(scan, len(frames), wanted)
    labels = result_labels(first.labels, ending)
    maps = [cleaned(own_labels(found), cleaning, found.query.axis) for _, found in frames]
    mask = write_label_maps(folder, name, maps, scan, first.labels, wanted, files)
    seen = sum(_seen(found) for _, found in frames)
    marked = {
        label.name: float(sum(np.count_nonzero(numbers == number) for numbers in maps) / seen)
        for number, label in enumerate(labels, 1)
    }
    overlay = None
    if picture is not None:
        overlay = folder / f"{name}_overlay.png"
        with atomic_write(overlay) as part:
            picture.save(part, format="PNG")
    probabilities = _write_probabilities(folder, name, frames, ending) if soft else ()
    uncertainty = _write_uncertainty(folder, name, frames, ending) if unsure else None
    agreement = None
    if consistency and scan.is_volume:
        agreement = folder / f"{name}_consistency{ending}"
        write_probability(agreement, [own_consistency(found) for _, found in frames], scan)
    measures = measured(maps, scan, [label.name for label in labels], first.query.axis)
    shape = maps[0].shape if len(maps) == 1 else (*maps[0].shape, len(maps))
    return Written(mask, shape, marked, overlay, probabilities, uncertainty, agreement, measures, tuple(maps))


def write_label_maps(
    folder: Path,
    name: str,
    maps: Sequence[NDArray[np.uint8]],
    scan: LoadedImage,
    labels: Sequence[Label],
    wanted: str = "auto",
    files: Sequence[Path] = (),
) -> Path:
    """Write NAME_mask: the label map of each frame on the image's own grid, 0 outside, n for the n-th structure."""
    ending = _ending(scan, len(maps), wanted)
    path = folder / f"{name}_mask{'.dcm' if wanted == 'seg' else ending}"
    if wanted == "seg":
        _write_segmentation_object(path, maps, scan, result_labels(labels, ending), files)
    else:
        _write_values(path, maps, scan, result_labels(labels, ending))
    return path


def _ending(scan: LoadedImage, frames: int, wanted: str) -> str:
    return ENDINGS[format_like(scan, frames, "auto" if wanted == "seg" else wanted)]


def _write_values(path: Path, maps: Sequence[NDArray[np.uint8]], scan: LoadedImage, labels: Sequence[Label]) -> None:
    """Label maps with the values of the structures in place of their numbers."""
    values = np.array([0, *(label.value for label in labels)])
    written = [values.astype(np.min_scalar_type(values.max()))[numbers] for numbers in maps]
    write_mask(path, written, scan, [(label.value, label.colour) for label in labels] if len(labels) > 1 else ())


def _write_segmentation_object(
    path: Path, maps: Sequence[NDArray[np.uint8]], scan: LoadedImage, labels: Sequence[Label], files: Sequence[Path]
) -> None:
    """A label map as DICOM SEG, with its slices in the order of the files of the series."""
    if len(maps) > 1 or not all(is_dicom(file) for file in files):
        raise ImageError("is not a DICOM series", scan.where, "--format seg is for the slices of a DICOM series")
    own = as_stored(maps[0], scan).T  # (slice, row, column), or (row, column) of one slice
    slices = np.ascontiguousarray(own if own.ndim == 3 else own[None])
    ordered = [files[at] for at in scan.order] if scan.order is not None else list(files)
    structures = [(label.name, label.colour) for label in labels]
    write_segmentation_object(path, slices, ordered, structures, __version__)


def _write_probabilities(
    folder: Path, name: str, frames: Sequence[tuple[LoadedImage, Segmentation]], ending: str
) -> tuple[Path, ...]:
    ending = ".tif" if ending == ".png" else ending
    scan, first = frames[0]
    paths = list[Path]()
    for number, label in enumerate(first.labels):
        what = f"_{file_name(label.name)}" if len(first.labels) > 1 else ""
        paths.append(folder / f"{name}_probability{what}{ending}")
        write_probability(paths[-1], [own_probability(found, number) for _, found in frames], scan)
    return tuple(paths)


def _write_uncertainty(
    folder: Path, name: str, frames: Sequence[tuple[LoadedImage, Segmentation]], ending: str
) -> Path:
    """Of each pixel: 0 if one structure, or the outside, is certain; 1 if two are equally probable."""
    path = folder / f"{name}_uncertainty{'.tif' if ending == '.png' else ending}"
    planes = list[Array]()
    for _, found in frames:
        chances = np.stack([own_probability(found, number) for number in range(len(found.labels))])
        every = np.sort(np.concatenate([1 - chances.sum(axis=0, keepdims=True), chances]), axis=0)
        planes.append(np.asarray(1 - (every[-1] - every[-2]), np.float32).clip(0, 1))
    write_probability(path, planes, frames[0][0])
    return path


def file_name(text: str) -> str:
    """A name that can be part of a file name on every system."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "structure"


def _seen(found: Segmentation) -> int:
    """Pixels of the slices that were segmented, at the image's own size."""
    high, wide = found.query.plane_shape
    return high * wide * len(found.query.rows)


def _bands(shape: tuple[int, int]) -> list[slice]:
    step = max(1, BAND // shape[1])
    return [slice(start, start + step) for start in range(0, shape[0], step)]
