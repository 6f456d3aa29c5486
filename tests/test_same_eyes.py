"""At prediction the network sees an image exactly as the pipeline would have stored it."""

import fakes
import numpy as np
import pytest
from layouts import writers
from layouts.expected import fake_volume

from pipeline.attrition import Dropped
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import scans_of
from universeg.imageio.load import inside, read_image, read_labels
from universeg.prediction.preprocess import Settings, preprocess


def stored(dataset, root, size):
    """(axis, label) -> image and mask of the first subject's middle slices; and the files they are from."""
    manifest = load_manifest(fakes.MANIFESTS / f"{dataset}.yaml")
    scan = scans_of(manifest, root)[0][0]
    records = [r for r in records_of(scan, manifest.groups[0], root, Recipe(size)) if not isinstance(r, Dropped)]
    middles = {
        (r.axis, label): (r.image, mask) for r in records if r.slicing == "mid" for label, mask in r.masks.items()
    }
    return root / scan.images[0], root / scan.labels[""][0], manifest.groups[0], middles


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
def test_prediction_sees_what_stores_hold(tmp_path, dataset, make, size):
    image, labels, group, middles = stored(dataset, make(tmp_path), size)
    values = {name: value for value, name in reversed(group.labels.names.items())}
    assert middles
    for (axis, label), (picture, mask) in middles.items():
        settings = Settings(size=size, intensity=group.scans[0].intensity, axis=axis)
        marked = inside(read_labels(labels), values[label])
        seen = preprocess(read_image(image), settings, marked)
        np.testing.assert_array_equal(seen.images[0], picture)
        np.testing.assert_array_equal(seen.masks[0], mask >= 128)
