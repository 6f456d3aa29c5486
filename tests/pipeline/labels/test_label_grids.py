"""Labels on another grid than their image, or with another position in their header."""

import numpy as np
import pytest
from layouts import writers
from layouts.expected import fake_picture, fake_volume, label_map
from pydantic import TypeAdapter

from pipeline import labels
from pipeline.attrition import BadScan
from pipeline.labels import Labels
from pipeline.labels.label_map import LabelRequest
from pipeline.readers import Pick, read, read_all
from universeg.imageio.image import LoadedImage, upright

SPACING = (0.8, 1.25, 3.0)
VOLUME, MASKS = fake_volume("grids", ["a", "b"])
MAP = label_map(MASKS, {"a": 1, "b": 2})


def masks(paths, image, reader="nifti", given=None, **spec):
    labels_spec = TypeAdapter(Labels).validate_python(
        {"kind": "values", "path": "x", "names": {1: "a", 2: "b"}, **spec}
    )
    request = LabelRequest({"": tuple(paths)}, reader, **(given or {}))
    return dict(labels.masks(labels_spec, request, image))


def assert_masks(found, expected=MASKS):
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask)


@pytest.fixture
def image(tmp_path):
    """An image whose stored axes point up, left and back."""
    writers.nifti(tmp_path / "image.nii.gz", VOLUME, SPACING, "SLP")
    return upright(read("nifti", tmp_path / "image.nii.gz"))


def test_a_label_with_a_dummy_affine_is_matched_by_index(tmp_path, image):
    path = tmp_path / "label.nii.gz"
    writers.nifti(path, MAP, SPACING, "SLP", affine=np.eye(4))
    assert_masks(masks([path], image, grid="voxels"))
    with pytest.raises(BadScan, match=r"samples, its image|voxels away from the grid") as bad:
        masks([path], image)
    assert bad.value.file == str(path)


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR"])
def test_a_label_on_part_of_the_grid_is_matched_by_physical_coordinates(tmp_path, image, orientation):
    box = (slice(2, 10), slice(1, 13), slice(2, 9))
    values = np.repeat(MAP[box], 2, axis=2)  # half the step along z
    stored, affine = writers.stored_as(values, (0.8, 1.25, 1.5), orientation, (2 * 0.8, 1.25, 2 * 3.0 - 0.75))
    writers.nifti(tmp_path / "label.nii.gz", stored, affine=affine)
    inside = {name: np.zeros_like(mask) for name, mask in MASKS.items()}
    for name, mask in MASKS.items():
        inside[name][box] = mask[box]
    assert_masks(masks([tmp_path / "label.nii.gz"], image, grid="world"), inside)
    with pytest.raises(BadScan, match="samples, its image"):
        masks([tmp_path / "label.nii.gz"], image)


@pytest.mark.parametrize("step", [2, 4])
def test_a_full_label_on_a_coarser_grid_covers_the_whole_image(tmp_path, step):
    """A sample of the label covers half a step around its centre, also at the border."""
    image = LoadedImage(np.zeros((24, 16, 8)), (1.0, 1.0, 1.0), affine=np.eye(4))
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = (step - 1) / 2  # both grids cover the same extent
    full = np.ones(tuple(n // step for n in image.shape), np.uint8)
    writers.nifti(tmp_path / "label.nii.gz", full, (step,) * 3, affine=affine)
    assert masks([tmp_path / "label.nii.gz"], image, grid="world")["a"].all()


def test_a_label_of_another_size_is_stretched_over_the_picture(tmp_path):
    picture, inside = fake_picture("extent", ["a", "b"])
    writers.raster(tmp_path / "image.png", np.kron(picture, np.ones((3, 2), np.uint8)))
    writers.raster(tmp_path / "label.png", label_map(inside, {"a": 1, "b": 2}))
    image = upright(read("raster", tmp_path / "image.png"))
    found = masks([tmp_path / "label.png"], image, "raster", grid="extent")
    assert_masks(found, {name: np.kron(mask, np.ones((3, 2), bool)) for name, mask in inside.items()})


@pytest.mark.parametrize("backwards", [False, True])
def test_label_slices_without_a_position_are_in_the_order_of_the_image_s_files(tmp_path, backwards):
    names = [f"i{n:04d},0000b.dcm" for n in range(VOLUME.shape[2])]
    writers.dicom(tmp_path, names[::-1] if backwards else names, VOLUME, SPACING, "LPS")
    image = upright(read_all("dicom", [tmp_path / name for name in names], Pick()))
    pictures = [tmp_path / f"{n:03d}.png" for n in range(VOLUME.shape[2])]
    for path, page in zip(pictures[::-1] if backwards else pictures, writers.slices(MAP, "LPS"), strict=True):
        writers.raster(path, page)
    assert_masks(masks(pictures, image, "raster"))


def test_a_dicom_label_with_fewer_slices_is_matched_by_position(tmp_path):
    names = [f"{n}.dcm" for n in range(VOLUME.shape[2])]
    writers.dicom(tmp_path / "image", names, VOLUME, SPACING)
    image = upright(read_all("dicom", [tmp_path / "image" / name for name in names], Pick()))
    writers.dicom(tmp_path / "label", names, MAP * 100, SPACING)
    part = [tmp_path / "label" / name for name in names[2:8]]
    found = masks(part, image, "dicom", kind="ranges", names={"a": (50, 150), "b": (150, 250)}, grid="world")
    inside = {name: mask & (np.arange(10) >= 2) & (np.arange(10) < 8) for name, mask in MASKS.items()}
    assert_masks(found, inside)


def test_orientation_and_spacing_of_the_manifest_apply_to_labels_too(tmp_path):
    for name, values in (("image", VOLUME), ("label", MAP)):
        writers.nifti(tmp_path / f"{name}.nii", values, SPACING, "PIR", affine=np.eye(4))
    given = {"orientation": "PIR", "spacing": (SPACING[1], SPACING[2], SPACING[0])}
    image = upright(read("nifti", tmp_path / "image.nii"), **given)
    np.testing.assert_array_equal(image.values, VOLUME)
    assert image.spacing == SPACING
    assert_masks(masks([tmp_path / "label.nii"], image, given=given))


def test_a_label_with_an_invalid_affine_is_named(tmp_path, image):
    affine = np.eye(4)
    affine[0, 1] = affine[1, 1] = affine[1, 0] = 1  # two axes with the same direction
    path = tmp_path / "label.nii"
    writers.nifti(path, MAP, affine=affine)
    with pytest.raises(BadScan, match="invalid affine") as bad:
        masks([path], image)
    assert bad.value.file == str(path)
    assert bad.value.remedy


def test_masks_are_combined(tmp_path, image):
    path = tmp_path / "label.nii.gz"
    writers.nifti(path, np.where(MASKS["b"], 3, MAP), SPACING, "SLP")
    ranges = {"kind": "ranges", "names": {"outer": (1, 3), "inner": (3, 3)}}
    found = masks([path], image, **ranges, combine={"ring": ("outer", "-inner"), "all": ("inner", "outer")})
    assert_masks(found, {"ring": MASKS["a"], "all": MASKS["a"] | MASKS["b"]})
    with pytest.raises(ValueError, match="combine uses"):
        masks([path], image, **ranges, combine={"ring": ("outer", "-core")})


def test_a_label_of_three_slices_in_a_matlab_file_is_a_volume_as_its_image(tmp_path):
    shape = (*VOLUME.shape[:2], 3)
    image = LoadedImage(np.zeros(shape), SPACING)
    label = np.zeros(shape, np.uint8)
    label[2:5, 3:6, 1], label[7:9, 3:6, 2] = 1, 2
    writers.matlab(tmp_path / "label.mat", mask=label)
    given = {"orientation": "RAS", "spacing": SPACING, "pick": Pick("mask")}
    found = masks([tmp_path / "label.mat"], image, "matlab", given, array="mask")
    assert_masks(found, {"a": label == 1, "b": label == 2})
