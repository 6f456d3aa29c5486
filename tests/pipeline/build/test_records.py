"""The records of one scan, compared with a direct computation, and the reasons why a scan cannot be used."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from layouts import writers
from PIL import Image

from pipeline.attrition import BadScan, Dropped
from pipeline.build.largest_slice import counts_per_axis, largest_slice
from pipeline.build.not_stored import EMPTY
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.layout import Group
from pipeline.match.scan_files import ScanFiles
from universeg.base.rng import rng_for
from universeg.standardise.normalise import normalised
from universeg.standardise.resample import Grid, quantised
from universeg.store import Record

SHAPE, SPACING = (20, 30, 12), (1.0, 0.8, 3.0)
RECIPE = Recipe(size=32)


def group(reader="nifti", intensity="mr", **labels):
    return Group.model_validate(
        {
            "name": "G",
            "scans": [{"image": "{subject}", "modality": "M", "reader": reader, "intensity": intensity}],
            "labels": {"kind": "values", "path": "{subject}_seg", "names": {1: "a", 2: "b"}, **labels},
            "axes": [0, 1, 2],
            "expect": {"scans": 1},
        }
    )


def scan(image, **labels):
    files = labels or {"": "seg.nii.gz"}
    return ScanFiles("G", "s", "M", 0, (image,), {name: (file,) for name, file in files.items()})


def save(path: Path, values, affine=None):
    nib.save(nib.Nifti1Image(values, np.diag([*SPACING, 1]) if affine is None else affine), path)


@pytest.fixture
def head(tmp_path):
    """A volume with two labels, and its two files."""
    values = rng_for("head").random(SHAPE).astype(np.float32) * 500 + 1
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:16, 6:26, 3:9] = 1
    labels[9:14, 10:20, 4:7] = 2
    save(tmp_path / "image.nii.gz", values)
    save(tmp_path / "seg.nii.gz", labels)
    return tmp_path, values, labels


def build(root, the_scan, the_group, recipe=RECIPE):
    results = list(records_of(the_scan, the_group, root, recipe))
    records = {
        (r.slicing, r.axis, *(r.masks if r.slicing == "max" else ())): r for r in results if isinstance(r, Record)
    }
    return records, [r for r in results if isinstance(r, Dropped)]


@pytest.mark.parametrize("geometry", ["isotropic", "stretch"])
@pytest.mark.parametrize("size", [16, 32, 48])
def test_slices_equal_those_of_the_whole_resampled_volume(head, geometry, size):
    root, values, labels = head
    records, _ = build(root, scan("image.nii.gz"), group(), Recipe(size, geometry))
    grid = Grid(SHAPE, SPACING, size, geometry)
    for axis in range(3):
        whole = grid.image(normalised(values, "mr"), axis)
        middle = records["mid", axis]
        expected = quantised(whole.take(size // 2, axis))
        assert np.abs(middle.image.astype(int) - expected).max() <= 1  # the order of sums differs
        for value, label in ((1, "a"), (2, "b")):
            cover = grid.mask(labels == value, axis)
            index = int(cover.sum(axis=tuple(k for k in range(3) if k != axis)).round(3).argmax())
            largest = records["max", axis, label]
            for record, at in ((middle, size // 2), (largest, index)):
                assert np.abs(record.masks[label].astype(int) - quantised(cover.take(at, axis))).max() <= 1
            assert np.abs(largest.image.astype(int) - quantised(whole.take(index, axis))).max() <= 1


@pytest.mark.parametrize("slices", [9, 10])
def test_image_and_mask_of_a_thick_slice_are_of_the_same_slice_of_the_scan(tmp_path, slices):
    """Each slice has its own brightness, and its mask in its own row; slice 7 has the largest mask."""
    values, labels = np.zeros((2, 48, 48, slices), np.uint8)
    for number in range(slices):
        values[..., number] = 20 * (number + 1)
        labels[4 * number : 4 * number + 4, 8 : 40 if number == 7 else 24, number] = 1
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    save(tmp_path / "image.nii.gz", values, affine)
    save(tmp_path / "seg.nii.gz", labels, affine)
    records, _ = build(tmp_path, scan("image.nii.gz"), group(intensity="unit", names={1: "a"}), Recipe(24))
    for key, number in ((("mid", 2), 4), (("max", 2, "a"), 7)):
        assert set(records[key].image.ravel()) == {round(number * 255 / (slices - 1))}, key
        rows = np.flatnonzero(records[key].masks["a"].any(axis=1))
        assert rows.tolist() == [2 * number, 2 * number + 1], key


def test_of_equally_large_slices_the_first_is_used():
    inside = np.zeros((32, 32, 32), bool)
    inside[4:28, 4:28, 10:20] = True
    assert largest_slice(counts_per_axis(inside)[2], Grid((32, 32, 32), (1, 1, 1), 32), 2) == 10


@pytest.mark.parametrize("flips", [(), (0,), (0, 1), (1, 2)])
def test_orientation_follows_the_affine_and_not_the_array(head, flips):
    root, values, labels = head
    expected, _ = build(root, scan("image.nii.gz"), group())
    affine = np.diag([*SPACING, 1.0])
    for axis in flips:
        affine[axis, axis] *= -1
        affine[axis, 3] = (SHAPE[axis] - 1) * SPACING[axis]
    swap = [2, 0, 1]  # the array's axes in another order as well
    affine = affine[:, [*swap, 3]]
    save(root / "image.nii.gz", np.flip(values, flips).transpose(swap), affine)
    save(root / "seg.nii.gz", np.flip(labels, flips).transpose(swap), affine)
    records, _ = build(root, scan("image.nii.gz"), group())
    for key, record in expected.items():
        np.testing.assert_array_equal(records[key].image, record.image)


def test_small_masks_are_reported_and_not_stored(head):
    root, *_ = head
    names = {1: "a", 2: "b", 7: "absent"}
    records, dropped = build(root, scan("image.nii.gz"), group(names=names), Recipe(32, min_pixels=1))
    assert {(row.slicing, row.axis, row.label) for row in dropped} == {
        (slicing, axis, "absent") for slicing in ("mid", "max") for axis in "012"
    }
    assert len(records) == 3 + 3 * 2
    assert all(row.file == "seg.nii.gz" and row.reason.startswith(EMPTY) for row in dropped)
    slices = sum(len(record.masks) for record in records.values()) + len(dropped)
    assert slices == 2 * 3 * len(names), "every mask is stored or reported"


def test_a_picture_gives_one_slice(tmp_path):
    picture = rng_for("picture").integers(0, 256, (40, 24, 3), dtype=np.uint8)
    labels = np.zeros((40, 24), np.uint8)
    labels[10:30, 5:20] = 2
    Image.fromarray(picture).save(tmp_path / "image.bmp")
    Image.fromarray(labels).save(tmp_path / "seg.png")
    records, dropped = build(tmp_path, scan("image.bmp", **{"": "seg.png"}), group("raster", "unit"))
    assert list(records) == [("mid", 0)]
    assert list(records["mid", 0].masks) == ["b"]
    assert [(row.label, row.slicing) for row in dropped] == [("a", "mid")]
    assert (records["mid", 0].image[:, :5] == 0).all(), "padded to a square"


def test_a_palette_is_replaced_by_its_colours(tmp_path):
    indices = rng_for("palette").integers(0, 3, (32, 32), dtype=np.uint8)
    picture = Image.fromarray(indices).convert("P")
    picture.putpalette([255, 255, 255, 0, 0, 0, 255, 0, 0])  # 0 is white, 1 black, 2 red
    picture.save(tmp_path / "image.png")
    Image.fromarray((indices == 1).astype(np.uint8)).save(tmp_path / "seg.png")
    records, _ = build(tmp_path, scan("image.png", **{"": "seg.png"}), group("raster", "unit"))
    shown = records["mid", 0].image
    assert [set(shown[indices == value]) for value in range(3)] == [{255}, {0}, {76}]


def damage(path: Path, how: str):
    data = path.read_bytes()
    if how == "flip":
        data = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :]
    path.write_bytes({"truncate": data[: len(data) // 2], "empty": b"", "flip": data, "text": b"<html>"}[how])


@pytest.mark.parametrize("how", ["truncate", "empty", "flip", "text"])
@pytest.mark.parametrize("file", ["image.nii.gz", "seg.nii.gz"])
def test_an_unreadable_file_is_a_bad_scan_that_names_it(head, file, how):
    root, *_ = head
    damage(root / file, how)
    with pytest.raises(BadScan, match=r"cannot be read as nifti|is empty|is a web page|first bytes are not") as bad:
        build(root, scan("image.nii.gz"), group())
    assert bad.value.file == str(root / file)
    assert "fetch the file again" in bad.value.remedy


def nan(root, values, labels):
    values[0, 0, 0] = np.nan
    save(root / "image.nii.gz", values)


def flat(root, values, labels):
    save(root / "image.nii.gz", np.full(SHAPE, 7, np.int16))


def other_size(root, values, labels):
    save(root / "seg.nii.gz", labels[1:])


def elsewhere(root, values, labels):
    affine = np.diag([*SPACING, 1])
    affine[0, 3] = 50
    save(root / "seg.nii.gz", labels, affine)


def interpolated(root, values, labels):
    save(root / "seg.nii.gz", labels * 0.7)


def four_d(root, values, labels):
    save(root / "image.nii.gz", np.stack([values, values], -1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (nan, "1 of 7200 samples are not finite numbers"),
        (flat, "all intensities are 7"),
        (other_size, "the label has 19 x 30 x 12 samples, its image 20 x 30 x 12"),
        (elsewhere, "is 62.5 voxels away from the grid of its image"),
        (interpolated, "this file has fractions"),
        (four_d, "expected a volume"),
    ],
)
def test_unusable_contents_are_a_bad_scan(head, change, words):
    root, values, labels = head
    change(root, values, labels)
    with pytest.raises(BadScan, match=words) as bad:
        build(root, scan("image.nii.gz"), group())
    assert bad.value.file.startswith(str(root))
    assert bad.value.remedy


def test_a_header_cannot_make_the_reader_use_too_much_memory(tmp_path):
    save(tmp_path / "image.nii", np.zeros((2, 2, 2), np.uint8))
    data = bytearray((tmp_path / "image.nii").read_bytes())
    data[42:48] = np.array([30000] * 3, "<i2").tobytes()
    (tmp_path / "image.nii").write_bytes(data)
    with pytest.raises(BadScan, match="claims"):
        build(tmp_path, scan("image.nii"), group())


def test_counts_do_not_depend_on_the_order_in_memory():
    inside = rng_for("counts").random((9, 7, 5)) < 0.2
    for order in ("C", "F"):
        for axis, counts in enumerate(counts_per_axis(np.array(inside, order=order))):
            np.testing.assert_array_equal(counts, inside.sum(axis=tuple(k for k in range(3) if k != axis)))
    assert [counts.tolist() for counts in counts_per_axis(np.zeros((2, 3, 1), bool))] == [[0, 0], [0, 0, 0], [0]]


@pytest.mark.parametrize("slices", [1, 3, 4])
def test_matlab_volumes_of_few_slices_are_volumes(tmp_path, slices):
    """MATLAB files do not say whether 3 or 4 samples are slices or colours; the manifest does, by its orientation."""
    values = rng_for("matlab").random((20, 30, slices)) * 500
    label = np.zeros(values.shape, np.uint8)
    label[4:12, 6:20] = 1
    writers.matlab(tmp_path / "scan.mat", scan=values, mask=label)
    of_images = {"reader": "matlab", "intensity": "mr", "array": "scan", "orientation": "RAS", "spacing": [1, 1, 4]}
    the_group = Group.model_validate(
        {
            "name": "G",
            "scans": [{"image": "{subject}", "modality": "M", **of_images}],
            "labels": {"kind": "values", "path": "{subject}", "array": "mask", "names": {1: "a"}},
            "axes": [2],
            "expect": {"scans": 1},
        }
    )
    records, dropped = build(tmp_path, scan("scan.mat", **{"": "scan.mat"}), the_group)
    assert not dropped
    grid = Grid(values.shape, (1, 1, 4), 32)
    expected = quantised(grid.mask(label == 1).take(16, 2))
    np.testing.assert_array_equal(records["mid", 2].masks["a"], expected)
