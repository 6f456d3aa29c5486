"""What the pipeline must make of a fake tree: the scans with their masks, and what must be reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from universeg.base.rng import rng_for

VOLUME_SHAPE, PICTURE_SHAPE = (12, 14, 10), (24, 30)  # voxels along right, front, up; pixels along down, right


@dataclass(frozen=True)
class Case:
    """One scan that the store must have. A volume is in RAS+ order, a picture is (row, column)."""

    group: str
    subject: str  # subject, or subject@frame
    modality: str
    image: np.ndarray  # grey, in the unit that the intensity rule expects
    masks: Mapping[str, np.ndarray]  # every label of the group; an empty mask gives no slice
    intensity: str  # mr, ct, unit
    spacing: tuple[float, ...] | None = None
    window: tuple[float, float] | None = None
    axes: tuple[int, ...] = (0, 1, 2)
    lossy: bool = False  # the file format does not keep values exactly


@dataclass(frozen=True)
class Layout:
    """The complete result of a dataset's fake tree: no other scan may be stored, nothing else reported."""

    cases: Sequence[Case]
    reported: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (group, subject) -> part of the reason


def fake_volume(
    seed: object, labels: Sequence[str], shape: tuple[int, ...] = VOLUME_SHAPE, low: int = 0, high: int = 1000
):
    """A volume in RAS+ order, and a mask per label; the masks are in different places and not symmetric."""
    masks = dict(zip(labels, _boxes(len(labels), shape), strict=True))
    return _painted(seed, masks, shape, low, high).astype(np.int16), masks


def fake_picture(seed: object, labels: Sequence[str], shape: tuple[int, ...] = PICTURE_SHAPE):
    """A grey picture (row, column), and a mask per label; the masks are in different places."""
    masks = dict(zip(labels, _boxes(len(labels), shape), strict=True))
    return _painted(seed, masks, shape, 0, 255).astype(np.uint8), masks


def label_map(masks: Mapping[str, np.ndarray], values: Mapping[str, int], dtype=np.uint8) -> np.ndarray:
    """All masks in one array, with one value per label."""
    labels = np.zeros(next(iter(masks.values())).shape, dtype)
    for name, mask in masks.items():
        labels[mask] = values[name]
    return labels


def without(masks: Mapping[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    """The masks, but those of the named labels are empty: structures that this scan does not have."""
    return {name: np.zeros_like(mask) if name in names else mask for name, mask in masks.items()}


def _boxes(count: int, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Boxes in different cells of a grid. The first one is in the middle, so that the middle slices show it."""
    per_axis = 3
    while per_axis ** len(shape) <= count:
        per_axis += 2
    cells = per_axis ** len(shape)  # odd, so that steps of 2 from the middle reach every cell
    borders = [np.linspace(0, n, per_axis + 1).round().astype(int) for n in shape]
    masks = []
    for number in range(count):
        cell = np.unravel_index((cells // 2 + 2 * number) % cells, (per_axis,) * len(shape))
        mask = np.zeros(shape, bool)
        mask[tuple(slice(edges[at], edges[at + 1]) for edges, at in zip(borders, cell, strict=True))] = True
        masks.append(mask)
    return masks


def _painted(seed: object, masks: Mapping[str, np.ndarray], shape, low: int, high: int) -> np.ndarray:
    """Noise on a gradient, each label with its own brightness, scaled from `low` to `high`."""
    rng = rng_for("layout", str(seed))
    slope = sum(np.arange(n).reshape([-1 if k == axis else 1 for k in range(len(shape))]) / n * (axis + 1)
                for axis, n in enumerate(shape))  # fmt: skip
    values = slope / slope.max() * 0.3 + rng.random(shape) * 0.1 + 0.05
    for number, mask in enumerate(masks.values()):
        values[mask] += 0.2 + 0.3 * (number + 1) / len(masks)
    return low + values * (high - low)
