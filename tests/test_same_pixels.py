"""Prediction sees the same pixels as the pipeline stores, for the same file: three datasets, and every image format."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
from fuzzing.samples import SAMPLES, Sample, image_of, mask_of
from layouts import writers
from layouts.expected import fake_volume
from marks import inside
from PIL import Image

from pipeline.build.records import Recipe, records_of
from pipeline.manifest.layout import Group
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import scans_of
from pipeline.match.scan_files import ScanFiles
from universeg.imageio.formats import ENDINGS, FORMATS, format_of
from universeg.imageio.load import read_image, read_labels
from universeg.prediction.preprocess import PreparedImage, preprocess
from universeg.prediction.settings import Settings
from universeg.store import Record


def middle_slices(scan: ScanFiles, group: Group, root: Path, size: int) -> dict[tuple[int, str], Any]:
    """(axis, label) -> image and mask of the middle slices that the pipeline stores for a scan."""
    records = [r for r in records_of(scan, group, root, Recipe(size)) if isinstance(r, Record)]
    return {(r.axis, label): (r.image, mask) for r in records if r.slicing == "mid" for label, mask in r.masks.items()}


def assert_same_slice(seen: PreparedImage, picture: np.ndarray, mask: np.ndarray) -> None:
    """The slice of the image that the pipeline stores as the middle one; where it stores a mean of slices, these."""
    assert seen.labels is not None
    if seen.axis is None:
        weights = np.ones(1)
    else:
        weights = seen.grid.slice_weights[seen.axis][seen.grid.middle]
    if np.count_nonzero(weights) == 1:
        at = int(weights.argmax())
        np.testing.assert_array_equal(seen.images[at], picture)
        np.testing.assert_array_equal(seen.labels[at] != 0, mask >= 128)
    else:  # prediction shows the slices one by one
        mean = np.tensordot(weights, seen.images.astype(np.float32), axes=1)
        assert np.abs(mean - picture).max() <= 1
        share = np.tensordot(weights, (seen.labels != 0).astype(np.float32), axes=1)
        assert np.abs(share - mask / 255).mean() < 0.03


def acdc(root):
    """A patient whose volumes' affines have steps of 1 beside their true sizes."""
    image, masks = fake_volume("ACDC", ["inside"])
    _, affine = writers.stored_as(image, (1, 1, 1), "LPS")
    for name, values in (("frame01", image), ("frame01_gt", masks["inside"].astype(np.uint8))):
        path = root / "patient001" / f"patient001_{name}.nii.gz"
        writers.nifti(path, values, (1.4, 1.4, 10.0), "LPS", affine=affine)
    return root


MADE = [("MSD-Hippocampus", fakes.hippocampus), ("BBBC003", fakes.bbbc003), ("ACDC", acdc)]


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize(("dataset", "make"), MADE)
def test_scans_of_datasets(tmp_path, dataset, make, size):
    root, manifest = make(tmp_path), load_manifest(fakes.MANIFESTS / f"{dataset}.yaml")
    scan, group = scans_of(manifest, root)[0][0], manifest.groups[0]
    middles = middle_slices(scan, group, root, size)
    values = {name: value for value, name in reversed(group.labels.names.items())}
    assert middles
    for (axis, label), (picture, mask) in middles.items():
        settings = Settings(size=size, intensity=group.scans[0].intensity, axis=axis)
        marked = inside(read_labels(root / scan.labels[""][0]), values[label])
        seen = preprocess(read_image(root / scan.images[0]), settings, marked)
        assert_same_slice(seen, picture, mask)


@dataclass(frozen=True)
class Case:
    """A kind of file: its ending, and how an image or a mask is written to it."""

    ending: str
    write: Callable[[Path, np.ndarray], None]
    is_volume: bool


def of_sample(sample: Sample, ending: str | None = None) -> Case:
    return Case(ending or sample.ending, sample.write, sample.is_volume)


def volume_in(write: Callable[..., None], orientation: str) -> Callable[[Path, np.ndarray], None]:
    """Volumes of unequal steps, stored with axes that lead in the given directions."""

    def written(path: Path, values: np.ndarray) -> None:
        write(path, values, (1.5, 2.0, 4.0), orientation)

    return written


def turned(path: Path, values: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(values).save(path, exif=exif)


def in_colours(path: Path, values: np.ndarray) -> None:
    """A palette of several colours whose first is black: the indices are labels, and the colours are grey levels."""
    writers.palette(path, values > 90, [(0, 0, 0), (200, 30, 90)])


def as_bytes_of(ending: str, write: Callable[[Path, np.ndarray], None]) -> Callable[[Path, np.ndarray], None]:
    """Write with a program that knows the format by this ending, then rename."""

    def written(path: Path, values: np.ndarray) -> None:
        write(path.with_suffix(ending), values)
        path.with_suffix(ending).rename(path)

    return written


SAME_AS = {".jpeg": "jpeg", ".tiff": "tiff", ".dicom": "dicom", ".ima": "dicom"}  # other endings of a kind
CASES = {
    **{name: of_sample(sample) for name, sample in SAMPLES.items() if not sample.refused and not sample.mask},
    **{f"{name} as {ending}": of_sample(SAMPLES[name], ending) for ending, name in SAME_AS.items()},
    "pbm": Case(".pbm", as_bytes_of(".ppm", SAMPLES["png 1 bit"].write), False),
    "png of two colours": Case(".png", in_colours, False),
    "mhd upside down": Case(".mhd", volume_in(writers.itk, "RAI"), True),
    "nrrd sagittal": Case(".nrrd", volume_in(writers.itk, "PSR"), True),
    "mgz coronal": Case(".mgz", volume_in(writers.mgz, "LIA"), True),
    **{
        f"nifti stored as {orientation}": Case(".nii.gz", volume_in(writers.nifti, orientation), True)
        for orientation in ("RAS", "LPS", "LIA", "IPL", "PSR")
    },
    **{
        f"png with EXIF orientation {number}": Case(".png", partial(turned, orientation=number), False)
        for number in range(1, 9)
    },
}


def test_every_ending_of_every_format_has_a_case():
    covered = {case.ending for case in CASES.values()}
    assert covered >= set(ENDINGS), "write a sample in tests/fuzzing/samples.py for the new ending"
    assert {format_of(f"x{case.ending}") for case in CASES.values()} == set(FORMATS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_files_of_every_format(tmp_path, case):
    image, mask = image_of(case.is_volume, 0), mask_of(case.is_volume)
    image[:3] //= 2  # the image is not symmetric, so that a turn cannot hide
    for name, values in (("image", image), ("mask", mask)):
        case.write(tmp_path / f"{name}{case.ending}", values)
    axes = (0, 1, 2) if case.is_volume else (0,)
    group = Group.model_validate(
        {
            "name": "g",
            "axes": axes,
            "expect": {"scans": 1},
            "scans": [
                {
                    "image": f"{{subject}}{case.ending}",
                    "modality": "m",
                    "intensity": "unit",
                    "reader": format_of(case.ending),
                }
            ],
            "labels": {
                "kind": "values",
                "path": f"{{subject}}{case.ending}",
                "names": {1: "a", 255: "a", 65535: "a"},
            },
        }
    )
    scan = ScanFiles("g", "s", "m", 0, (f"image{case.ending}",), {"": (f"mask{case.ending}",)})
    middles = middle_slices(scan, group, tmp_path, 32)
    assert set(middles) == {(axis, "a") for axis in axes}
    for (axis, _), (picture, stored) in middles.items():
        marked = inside(read_labels(tmp_path / f"mask{case.ending}"), None)
        seen = preprocess(read_image(tmp_path / f"image{case.ending}"), Settings(size=32, axis=axis), marked)
        assert_same_slice(seen, picture, stored)
        assert np.ptp(picture) > 50
        assert 0 < np.count_nonzero(stored) < stored.size / 2
