"""Volumes: the plane in which support masks were drawn, and the support slices for each slice. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import LoadedImage
from universeg.prediction.preprocess import PreparedImage
from universeg.prediction.settings import AXES, Axis

PLANES = ("sagittal", "coronal", "axial")
NEAR = 1 / 32  # difference of relative heights up to which slices show about the same
THICK = 1.5  # times the other spacings: then the slices lie along this axis


@dataclass(frozen=True)
class Plane:
    """Along which axis the slices lie, and why."""

    axis: Axis
    why: str


def drawn_plane(masks: Sequence[LoadedImage]) -> Plane:
    """The plane in which the masks of volumes were drawn.

    Masks on a few separate slices say it themselves. Else it is the axis with clearly the thickest slices, along which
    the scan was taken. If both say nothing, axial.
    """
    votes = [axis for mask in masks for axis in [_separate_slices(mask.values)] if axis is not None]
    if 2 * len(votes) > len(masks):
        axis = max(sorted(set(votes)), key=votes.count)
        return Plane(axis, "the support masks are drawn on separate slices of this plane")
    thick = [axis for mask in masks for axis in [_thickest(mask.spacing)] if axis is not None]
    if 2 * len(thick) > len(masks):
        return Plane(max(sorted(set(thick)), key=thick.count), "the scans have their thickest slices along it")
    return Plane(2, "the usual plane; the voxels are about equally long in all directions")


def drawn_slices(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the slices of one volume, those that a person has looked at, from which of them are marked (T,).

    If most marked slices have gaps between them, or if it is only one of many, the others were not labelled: an empty
    mask there is no example of an empty mask.
    """
    return marked if _has_gaps(marked) else np.ones_like(marked)


def _separate_slices(values: NDArray[np.generic]) -> Axis | None:
    """The axis along which only separate slices are marked; None if the structure goes through its neighbours."""
    marked = {axis: np.asarray(values.any(axis=tuple(k for k in AXES if k != axis))) for axis in AXES}
    gaps: list[tuple[int, Axis]] = [(int(marked[axis].sum()), axis) for axis in AXES if _has_gaps(marked[axis])]
    return min(gaps)[1] if gaps else None


def _has_gaps(marked: NDArray[np.bool_]) -> bool:
    at = np.flatnonzero(marked)
    return len(marked) > 2 and (len(at) == 1 or (len(at) > 1 and bool(np.median(np.diff(at)) > 1)))


def _thickest(spacing: Sequence[float]) -> Axis | None:
    *_, second, first = sorted(AXES, key=lambda axis: spacing[axis])
    return first if spacing[first] >= THICK * spacing[second] else None


def nearest_slices(example: PreparedImage, height: float, count: int, usable: NDArray[np.bool_]) -> list[int]:
    """Indices of up to `count` usable slices of a support image, those nearest to a relative height first.

    Only slices at about this height, since others show another part of the body; or all, if few slices are labelled.
    """
    at = np.flatnonzero(usable)
    away = np.abs(example.heights[at] - height).round(9)  # so that two at the same distance are equal
    order = np.argsort(away, kind="stable")[:count]
    farthest = away.min(initial=1) + NEAR if 2 * len(at) > len(usable) else 1.0
    return [int(at[k]) for k in order if away[k] <= farthest]
