"""Labels on another grid than their image's, or with another idea of where they lie."""

import numpy as np
import pytest
from layouts import writers
from layouts.expected import flat, merged, solid
from pydantic import TypeAdapter

from pipeline import labels
from pipeline.attrition import BadScan
from pipeline.labels import Labels
from pipeline.labels.label_map import LabelRequest
from pipeline.readers import Pick, read, read_all
from universeg.imageio.image import upright

SPACING = (0.8, 1.25, 3.0)
VOLUME, MASKS = solid("grids", ["a", "b"])
MAP = merged(MASKS, {"a": 1, "b": 2})


def masks(paths, image, reader="nifti", found=None, **spec):
    facts = TypeAdapter(Labels).validate_python({"kind": "values", "path": "x", "names": {1: "a", 2: "b"}, **spec})
    names = facts.names if facts.kind == "files" else [""]
    return dict(labels.masks(facts, LabelRequest(dict.fromkeys(names, tuple(paths)), reader, **(found or {})), image))


def same(found, expected=MASKS):
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask)


@pytest.fixture
def image(tmp_path):
    """An image whose axes lead up, left, back."""
    writers.nifti(tmp_path / "image.nii.gz", VOLUME, SPACING, "SLP")
    return upright(read("nifti", tmp_path / "image.nii.gz"))


def test_a_label_with_a_dummy_affine_is_paired_by_voxel(tmp_path, image):
    path = tmp_path / "label.nii.gz"
    writers.nifti(path, MAP, SPACING, "SLP", affine=np.eye(4))
    same(masks([path], image, grid="voxels"))
    with pytest.raises(BadScan, match=r"samples, its image|voxels away") as bad:
        masks([path], image)
    assert bad.value.file == str(path)


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR"])
def test_a_label_on_part_of_the_grid_is_moved_by_millimetres(tmp_path, image, orientation):
    path = tmp_path / "label.nrrd"
    box = (slice(2, 10), slice(1, 13), slice(2, 9))
    values = np.repeat(MAP[box], 2, axis=2)  # half the step along z, too
    stored, affine = writers.turned(values, (0.8, 1.25, 1.5), orientation, (2 * 0.8, 1.25, 2 * 3.0 - 0.75))
    writers.nifti(tmp_path / "label.nii.gz", stored, affine=affine)
    inside = {name: np.zeros_like(mask) for name, mask in MASKS.items()}
    for name, mask in MASKS.items():
        inside[name][box] = mask[box]
    same(masks([tmp_path / "label.nii.gz"], image, grid="world"), inside)
    assert not path.exists()
    with pytest.raises(BadScan, match="samples, its image"):
        masks([tmp_path / "label.nii.gz"], image)


def test_a_label_of_another_size_that_covers_the_picture(tmp_path):
    picture, inside = flat("extent", ["a", "b"])
    writers.raster(tmp_path / "image.png", np.kron(picture, np.ones((3, 2), np.uint8)))
    writers.raster(tmp_path / "label.png", merged(inside, {"a": 1, "b": 2}))
    image = upright(read("raster", tmp_path / "image.png"))
    found = masks([tmp_path / "label.png"], image, "raster", grid="extent")
    same(found, {name: np.kron(mask, np.ones((3, 2), bool)) for name, mask in inside.items()})


@pytest.mark.parametrize("backwards", [False, True])
def test_slices_of_labels_follow_the_image_s_files_and_not_their_place(tmp_path, backwards):
    names = [f"i{n:04d},0000b.dcm" for n in range(VOLUME.shape[2])]
    writers.dicom(tmp_path, names[::-1] if backwards else names, VOLUME, SPACING, "LPS")
    image = upright(read_all("dicom", [tmp_path / name for name in names], Pick()))
    pictures = [tmp_path / f"{n:03d}.png" for n in range(VOLUME.shape[2])]
    for path, page in zip(pictures[::-1] if backwards else pictures, writers.slices(MAP, "LPS"), strict=True):
        writers.raster(path, page)
    same(masks(pictures, image, "raster"))


def test_a_dicom_label_of_some_slices_is_moved_to_the_image_s(tmp_path):
    names = [f"{n}.dcm" for n in range(VOLUME.shape[2])]
    writers.dicom(tmp_path / "image", names, VOLUME, SPACING)
    image = upright(read_all("dicom", [tmp_path / "image" / name for name in names], Pick()))
    writers.dicom(tmp_path / "label", names, MAP * 100, SPACING)
    part = [tmp_path / "label" / name for name in names[2:8]]
    found = masks(part, image, "dicom", kind="ranges", names={"a": (50, 150), "b": (150, 250)}, grid="world")
    inside = {name: mask & (np.arange(10) >= 2) & (np.arange(10) < 8) for name, mask in MASKS.items()}
    same(found, inside)


def test_what_a_manifest_says_of_directions_holds_for_labels_too(tmp_path):
    for name, values in (("image", VOLUME), ("label", MAP)):
        writers.nifti(tmp_path / f"{name}.nii", values, SPACING, "PIR", affine=np.eye(4))
    given = {"orientation": "PIR", "spacing": (SPACING[1], SPACING[2], SPACING[0])}
    image = upright(read("nifti", tmp_path / "image.nii"), **given)
    np.testing.assert_array_equal(image.values, VOLUME)
    assert image.spacing == SPACING
    same(masks([tmp_path / "label.nii"], image, found=given))


def test_an_affine_that_is_nonsense_is_named(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = affine[1, 1] = affine[1, 0] = 1  # two axes that lead the same way
    writers.nifti(tmp_path / "image.nii", VOLUME, affine=affine)
    with pytest.raises(BadScan, match="nonsense"):
        upright(read("nifti", tmp_path / "image.nii"))


def test_masks_united_and_cut_out(tmp_path, image):
    path = tmp_path / "label.nii.gz"
    writers.nifti(path, np.where(MASKS["b"], 3, MAP), SPACING, "SLP")
    ranges = {"kind": "ranges", "names": {"outer": (1, 3), "inner": (3, 3)}}
    found = masks([path], image, **ranges, combine={"ring": ("outer", "-inner"), "all": ("inner", "outer")})
    same(found, {"ring": MASKS["a"], "all": MASKS["a"] | MASKS["b"]})
    with pytest.raises(ValueError, match="combine uses"):
        masks([path], image, **ranges, combine={"ring": ("outer", "-core")})
