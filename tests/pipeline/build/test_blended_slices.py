"""How many slices of a scan each stored slice is made of, for every dataset with volumes.

Shapes and spacings are typical ones (x, y, z after the turn to RAS+): from the manifests, the datasets' papers, or
medians that others report. They were not measured here, except those of LGGFlair.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pipeline.config import Config
from pipeline.manifest.schema import load_manifest, load_manifests
from universeg.standardise.resample import Grid

MANIFESTS = Path("dataset_manifests")
SIZE = Config().resolution


class Scans(NamedTuple):
    """Typical scans of a dataset, and how many of their slices the middle slice along each axis is made of."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]  # millimetres
    blended: tuple[int, int, int]


BRAIN = Scans((256, 256, 256), (1, 1, 1), (2, 2, 2))
LITS = Scans((512, 512, 432), (0.77, 0.77, 1.0), (5, 5, 4))
# 28 to 47 claim voxels of 1 mm, which is wrong: slices of 1 to 4 mm are taken for slices of 1 mm.
LITS_WRONG = Scans((512, 512, 129), (1, 1, 1), (4, 4, 4))
PROSTATE = Scans((320, 320, 20), (0.62, 0.62, 3.6), (3, 3, 1))
ATRIUM = Scans((576, 576, 88), (0.63, 0.63, 1.25), (5, 5, 3))
TYPICAL = {
    "ACDC": [Scans((216, 256, 10), (1.56, 1.56, 10), (3, 2, 1))],
    "AMOS": [
        Scans((512, 512, 90), (0.68, 0.68, 5.0), (6, 6, 1)),
        Scans((320, 260, 72), (1.2, 1.2, 3.0), (3, 4, 1)),
    ],
    "AbdomenCT-1K": [Scans((512, 512, 103), (0.8, 0.8, 2.5), (4, 4, 2))],
    "BRATS": [Scans((240, 240, 155), (1, 1, 1), (2, 2, 2))],
    "BTCV": [Scans((512, 512, 148), (0.76, 0.76, 3.0), (5, 5, 2))],
    "BrainDevelopment-Adult": [Scans((192, 124, 256), (0.94, 1.5, 0.94), (2, 3, 2))],
    "BrainDevelopment-Paediatric": [Scans((160, 200, 200), (1.0, 1.04, 1.04), (2, 2, 2))],
    "CDemris": [ATRIUM],
    "CHAOS": [
        Scans((512, 512, 90), (0.75, 0.75, 3.0), (4, 4, 1)),
        Scans((256, 256, 36), (1.6, 1.6, 7.7), (2, 2, 1)),
    ],
    "FeTA": [Scans((256, 256, 256), (0.5, 0.5, 0.5), (2, 2, 2))],
    "I2CVB": [Scans((308, 384, 64), (0.68, 0.68, 1.25), (3, 3, 3))],
    "ISLES": [Scans((230, 230, 153), (1, 1, 1), (2, 2, 2)), Scans((96, 110, 72), (2, 2, 2), (1, 1, 1))],
    "KiTS": [Scans((512, 512, 107), (0.78, 0.78, 3.0), (4, 4, 2)), Scans((512, 512, 64), (0.78, 0.78, 5.0), (4, 4, 1))],
    "LGGFlair": [Scans((256, 256, slices), (1, 1, 2.9), (2, 2, 1)) for slices in (20, 33, 88)],
    "LUNA": [Scans((512, 512, 237), (0.7, 0.7, 1.25), (4, 4, 3))],
    "LiTS": [LITS, LITS_WRONG],
    "MCIC": [BRAIN],
    "MSD-BrainTumour": [Scans((240, 240, 155), (1, 1, 1), (2, 2, 2))],
    "MSD-Colon": [Scans((512, 512, 95), (0.78, 0.78, 5.0), (6, 6, 1))],
    "MSD-Heart": [Scans((320, 320, 115), (1.25, 1.25, 1.37), (3, 3, 4))],
    "MSD-HepaticVessel": [Scans((512, 512, 49), (0.8, 0.8, 5.0), (4, 4, 1))],
    "MSD-Hippocampus": [Scans((35, 50, 36), (1, 1, 1), (1, 1, 1))],
    "MSD-Liver": [LITS, LITS_WRONG],
    "MSD-Lung": [Scans((512, 512, 252), (0.79, 0.79, 1.24), (4, 4, 4))],
    "MSD-Pancreas": [Scans((512, 512, 93), (0.8, 0.8, 2.5), (4, 4, 2))],
    "MSD-Prostate": [PROSTATE],
    "MSD-Spleen": [Scans((512, 512, 90), (0.79, 0.79, 5.0), (5, 5, 1))],
    "NCI-ISBI": [Scans((320, 320, 20), (0.6, 0.6, 4.0), (3, 3, 1)), Scans((400, 400, 28), (0.4, 0.4, 3.0), (4, 4, 1))],
    "OASIS": [Scans((160, 192, 224), (1, 1, 1), (2, 2, 2))],
    "PPMI": [BRAIN],
    "PROMISE12": [PROSTATE],
    "SCD": [ATRIUM, Scans((256, 256, 60), (1.25, 1.25, 2.5), (2, 2, 1))],
    "SegTHOR": [Scans((512, 512, 178), (0.98, 0.98, 2.5), (4, 4, 3))],
    "SpineWeb": [Scans((39, 305, 305), (2.0, 1.25, 1.25), (2, 3, 3))],
    "WMH": [Scans((240, 240, 48), (0.96, 0.96, 3.0), (2, 2, 1))],
    "WORD": [Scans((512, 512, 160), (0.976, 0.976, 2.5), (4, 4, 3))],
}
EVERY_SCAN = [(name, *scans) for name, entries in TYPICAL.items() for scans in entries]


def made_of(grid: Grid, axis: int) -> np.ndarray:
    """For each stored slice along an axis: the number of slices of the scan with at least 1 % of its weight."""
    return (grid.slice_weights[axis] > 0.01).sum(axis=1)


@pytest.mark.parametrize(("name", "shape", "spacing", "blended"), EVERY_SCAN)
def test_the_middle_slice_is_made_of_so_many_slices(name, shape, spacing, blended):
    grid = Grid(shape, spacing, SIZE)
    assert tuple(int(made_of(grid, axis)[grid.middle]) for axis in range(3)) == blended


@pytest.mark.parametrize(("name", "shape", "spacing", "blended"), EVERY_SCAN)
def test_where_slices_are_thicker_than_pixels_each_stored_slice_is_one_slice(name, shape, spacing, blended):
    grid = Grid(shape, spacing, SIZE)
    for axis, pixel in enumerate(grid.pixel):
        if pixel <= 1:
            assert made_of(grid, axis).max() == 1
            assert blended[axis] == 1


def test_every_dataset_with_volumes_is_in_the_table():
    groups = [(name, group) for name, found in load_manifests(MANIFESTS).items() for group in found.groups]
    volumes = {name for name, group in groups if group.axes != (0,)}  # (0,) is for pictures, and for sagittal slices
    assert set(TYPICAL) == volumes | {"SpineWeb"}


@pytest.mark.parametrize("slices", range(20, 89))
def test_lggflair_stores_one_slice_of_the_scan(slices):
    """20 to 88 slices of 256 x 256: one stored slice is one slice, and the picture fills the frame."""
    spacing = load_manifest(MANIFESTS / "LGGFlair.yaml").groups[0].scans[0].spacing
    grid = Grid((256, 256, slices), spacing, SIZE)
    assert made_of(grid, 2).max() == 1
    assert grid.pixel[0] == grid.pixel[1] == 256 / SIZE
