"""Measures of a segmentation beside Dice: distances of surfaces, agreement of volumes, and calibration.

Distances are computed by MONAI, which is imported when they are wanted.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from universeg.episodes.segment import THRESHOLD
from universeg.standardise.resample import Grid
from universeg.store import Store, Task

NUMBERS = ("hausdorff95", "surface_distance", "volume_similarity", "volume_error")  # fields of Measures
BINS = 15  # of the confidence, for the calibration; Guo et al., "On Calibration of Modern Neural Networks", ICML 2017
Probability = NDArray[np.float32]  # (H, W) in [0, 1]
Mask = NDArray[np.bool_]  # (H, W)
Counts = NDArray[np.float64]  # (3, BINS): pixels in each bin, sum of their probabilities, how many are in the structure


@dataclass(frozen=True)
class Measures:
    """What one prediction was measured to be. Distances and errors that are not defined are NaN."""

    hausdorff95: float  # 95th percentile of the distances between both outlines
    surface_distance: float  # mean distance between both outlines, in both directions
    volume_similarity: float  # 100 if the areas are equal, 0 if one mask is empty and the other is not
    volume_error: float  # predicted minus true area, in percent of the true area
    counts: Counts  # of pixels, for the calibration


@dataclass(frozen=True)
class Measured:
    """The measures of one network on one query, with the largest support size and ensemble size."""

    weights: str
    task: str
    query: str
    unit: str  # of the distances: "mm", or "pixels" of the stored image where millimetres are not known
    measures: Measures


def require_monai() -> None:
    """Raises ValueError, with what to install, if MONAI is missing."""
    if find_spec("monai") is None:
        raise ValueError("surface distances need MONAI: pip install 'universeg[metrics]'")


def measure(probability: Probability, ground_truth: Mask, spacing: tuple[float, float]) -> Measures:
    """The measures of a predicted probability (H, W); `spacing` is the distance of rows and of columns.

    Distances are NaN if a mask is empty; the volume error is NaN if the ground truth is empty.
    """
    mask = probability > THRESHOLD
    predicted, true = int(mask.sum()), int(ground_truth.sum())
    far, mean = surface_distances(mask, ground_truth, spacing) if predicted and true else (np.nan, np.nan)
    similarity = 100 * (1 - abs(predicted - true) / (predicted + true)) if predicted + true else 100.0
    error = 100 * (predicted - true) / true if true else np.nan
    return Measures(far, mean, similarity, error, calibration_counts(probability, ground_truth))


def surface_distances(mask: Mask, ground_truth: Mask, spacing: tuple[float, float]) -> tuple[float, float]:
    """The 95th percentile and the mean of the distances between the outlines of two masks (H, W), none empty.

    As usual, the percentile is taken in each direction, and the larger one counts; the mean is over both directions.
    """
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    both = [torch.from_numpy(each)[None, None].float() for each in (mask, ground_truth)]
    # MONAI takes the first channel as the background.
    pair = [torch.cat([1 - each, each], dim=1) for each in both]
    spacing = float(spacing[0]), float(spacing[1])  # MONAI does not take numbers of different types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of one part of MONAI about another
        far = compute_hausdorff_distance(pair[0], pair[1], percentile=95, spacing=spacing)
        mean = compute_average_surface_distance(pair[0], pair[1], symmetric=True, spacing=spacing)
    return float(far), float(mean)


def calibration_counts(probability: Probability, ground_truth: Mask) -> Counts:
    """Pixels, the sum of their probabilities and the number inside the ground truth, for each bin of probability."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1).ravel()
    weights: Sequence[NDArray[np.generic] | None] = (None, probability.ravel(), ground_truth.ravel())
    return np.stack([np.bincount(place, weight, BINS).astype(float) for weight in weights])


def expected_calibration_error(counts: Counts) -> float:
    """The mean difference of predicted probability and real frequency, weighted by pixels, 0..100."""
    pixels, predicted, real = counts
    return float(100 * np.abs(predicted - real).sum() / pixels.sum())


def pixel_spacing(store: Store, task: str, name: str) -> tuple[float, float] | None:
    """Millimetres between the rows and between the columns of a stored slice; None if the store does not know it.

    Stores know it for volumes that were built with their origins.
    """
    key = Task.parse(task)
    origin = store.origin(key.group, key.modality, name)
    if origin is None or not origin.is_volume or len(origin.spacing) != len(origin.shape):
        return None
    grid = Grid(origin.shape, origin.spacing, int(store.header["size"]), store.header.get("geometry", "isotropic"))
    steps = [pixel * step for pixel, step in zip(grid.pixel, origin.spacing, strict=True)]
    rows, columns = (step for axis, step in enumerate(steps) if axis != key.axis)
    return rows, columns
