"""Why a mask is not stored: four reasons, each with the counts and a remedy that fits."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from pipeline.attrition import Dropped, remarks
from pipeline.build.not_stored import CHECK_LABEL, ELSEWHERE, EMPTY, NO_FILE, TOO_SMALL
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.layout import Group
from pipeline.match.scan_files import ScanFiles
from universeg.base.rng import rng_for

LESIONS = ("microaneurysms", "exudates", "haemorrhages", "disc")


def group(reader, labels, **more):
    scans = [{"image": "{subject}", "modality": "M", "reader": reader, "intensity": "unit"}]
    return Group.model_validate({"name": "G", "scans": scans, "labels": labels, "expect": {"scans": 1}, **more})


def dropped(scan, the_group, root, recipe):
    rows = [row for row in records_of(scan, the_group, root, recipe) if isinstance(row, Dropped)]
    return {(row.slicing, row.axis, row.label): row for row in rows}


@pytest.fixture
def fundus(tmp_path):
    """A photograph with lesions as in IDRID: some too small for 32 pixels, an empty file, and one without a file."""
    shape = (284, 428)
    masks = {name: np.zeros(shape, np.uint8) for name in LESIONS}
    for row in range(20, 260, 40):
        masks["microaneurysms"][row : row + 3, 100:103] = 255  # 6 lesions of 9 pixels
    masks["disc"][100:180, 100:180] = 255
    Image.fromarray(rng_for("fundus").integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / "image.png")
    for name in LESIONS:
        if name != "haemorrhages":
            Image.fromarray(masks[name]).save(tmp_path / f"{name}.png")
    labels = {name: (f"{name}.png",) for name in LESIONS if name != "haemorrhages"}
    return tmp_path, ScanFiles("G", "s", "M", 0, ("image.png",), labels)


def lesions(**more):
    names = {name: f"{{subject}}_{name}" for name in LESIONS}
    return group("raster", {"kind": "files", "names": names, "missing": "absent", **more}, axes=[0])


def test_no_file_an_empty_file_and_a_lost_lesion_are_told_apart(fundus):
    root, scan = fundus
    rows = {label: row for (_, _, label), row in dropped(scan, lesions(), root, Recipe(32)).items()}
    assert {label: (row.reason, row.file, row.known) for label, row in rows.items()} == {
        "haemorrhages": (f"{NO_FILE}: the manifest allows this (missing: absent)", "", True),
        "exudates": (f"{EMPTY}: the label marks 0 of 284 x 428 pixels", "exudates.png", False),
        "microaneurysms": (
            f"{TOO_SMALL}: 54 pixels of the label, in an image of 284 x 428, became 0 of 32 x 32 pixels;"
            " min_pixels is 1",
            "microaneurysms.png",
            False,
        ),
    }
    assert "complete" in rows["haemorrhages"].remedy
    assert rows["exudates"].remedy == CHECK_LABEL
    assert "`resolution`" in rows["microaneurysms"].remedy
    assert "min_pixels" not in rows["microaneurysms"].remedy, "no min_pixels keeps a mask without pixels"


def test_min_pixels_is_a_remedy_if_some_pixels_are_left(fundus):
    root, scan = fundus
    rows = dropped(scan, lesions(), root, Recipe(32, min_pixels=100))
    row = rows["mid", "0", "disc"]
    assert "6400 pixels of the label, in an image of 284 x 428, became 35 of 32 x 32 pixels" in row.reason
    assert row.reason.endswith("min_pixels is 100")
    assert row.remedy.endswith("or min_pixels to 35")


def test_a_combined_label_has_a_file_if_a_mask_that_is_added_has_one(fundus):
    root, scan = fundus
    combine = {
        "lost": ["haemorrhages", "-disc"],  # the only file is of the mask that is taken away
        "nothing": ["exudates", "haemorrhages"],
    }
    rows = dropped(scan, lesions(combine=combine), root, Recipe(32))
    assert rows["mid", "0", "lost"].reason.startswith(NO_FILE)
    assert rows["mid", "0", "nothing"].reason.startswith(EMPTY)
    assert rows["mid", "0", "nothing"].file == "exudates.png"


@pytest.fixture
def organ(tmp_path):
    """A volume whose label 1 is far from the middle slices, 2 is one voxel in the middle, and 3 is not there."""
    shape = (64, 64, 12)
    labels = np.zeros(shape, np.uint8)
    labels[4:12, 4:14, 0:3] = 1
    labels[32, 32, 5] = 2
    for name, values in (("image", rng_for("organ").random(shape).astype(np.float32)), ("seg", labels)):
        nib.save(nib.Nifti1Image(values, np.diag([1.0, 1.0, 5.0, 1.0])), tmp_path / f"{name}.nii.gz")
    return tmp_path, ScanFiles("G", "s", "M", 0, ("image.nii.gz",), {"": ("seg.nii.gz",)})


def test_a_structure_that_the_middle_slice_does_not_cross_is_no_empty_label(organ):
    root, scan = organ
    labels = {"kind": "values", "path": "seg", "names": {1: "far", 2: "dot", 3: "absent"}}
    rows = dropped(scan, group("nifti", labels, axes=[2]), root, Recipe(16))
    assert {key: row.reason.partition(":")[0] for key, row in rows.items()} == {
        ("mid", "2", "far"): ELSEWHERE,
        ("mid", "2", "dot"): TOO_SMALL,
        ("max", "2", "dot"): TOO_SMALL,
        ("mid", "2", "absent"): EMPTY,
        ("max", "2", "absent"): EMPTY,
    }
    far = rows["mid", "2", "far"]
    assert far.reason == f"{ELSEWHERE}: the `mid` slice has none of the 240 voxels of the label"
    assert "`max`" in far.remedy
    assert "1 voxels of the label" in rows["mid", "2", "dot"].reason
    assert rows["mid", "2", "absent"].reason.endswith("marks 0 of 64 x 64 x 12 voxels")
    assert not any(row.known for row in rows.values())


def test_the_summary_of_a_build_counts_each_reason(organ):
    root, scan = organ
    labels = {"kind": "values", "path": "seg", "names": {1: "far", 2: "dot", 3: "absent"}}
    rows = dropped(scan, group("nifti", labels, axes=[2]), root, Recipe(16))
    assert sorted(remarks(list(rows.values()))) == [
        f"1 `max` masks of absent not stored: {EMPTY}",
        f"1 `max` masks of dot not stored: {TOO_SMALL}",
        f"1 `mid` masks of absent not stored: {EMPTY}",
        f"1 `mid` masks of dot not stored: {TOO_SMALL}",
        f"1 `mid` masks of far not stored: {ELSEWHERE}",
    ]
