"""Each kind of image comes back as the same kind, on its own grid: the whole way through the command."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch
from layouts import writers
from PIL import Image, ImageSequence

from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.prediction.cli import main

RNG = np.random.default_rng(3)
SHAPE = (20, 24, 9)


class Bright(torch.nn.Module):
    """Stands in for a trained network: the structure is what is bright."""

    def forward(self, query, support_images, support_masks):
        return (query - 0.5) * 100


def ball(shape=SHAPE, shift=0):
    """An image with something bright that has no symmetry, and where it is; axes as (x, y[, z])."""
    at = np.indices(shape)
    middle = [n / 2 - 1 + (k == 0) * 3 + shift for k, n in enumerate(shape)]
    mask = sum(((where - m) / (n / 4)) ** 2 for where, m, n in zip(at, middle, shape, strict=True)) < 1
    mask[: shape[0] // 2, : shape[1] // 3] = False
    return np.where(mask, 190, 60 + 30 * (at[0] > 12)).astype(np.uint8) + RNG.integers(0, 8, shape, np.uint8), mask


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("universeg.prediction.task.ready", lambda *_: Bright())
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), tmp_path / "w.safetensors")
    for number in range(3):
        image, mask = ball(shift=number - 1)
        for folder, what in (("vols/imagesTr", image), ("vols/labelsTr", mask.astype(np.uint8))):
            writers.nifti(writers.with_parent(tmp_path / folder / f"{number}.nii.gz"), what, (1, 1, 2))
        for folder, what in (("pics/images", image), ("pics/masks", mask * np.uint8(255))):
            writers.with_parent(tmp_path / folder / f"{number}.png")
            Image.fromarray(what[..., 4].T).save(tmp_path / folder / f"{number}.png")
    return tmp_path


def segment(images, support="vols", *more):
    words = ["-w", "w.safetensors", "-i", images, "-s", support, "-o", "out", "--size", "64", "--device", "cpu"]
    main([*words, "-q", "--no-confidence", *more])
    (result,) = json.loads(Path("out/report.json").read_text())["results"]
    return Path(result["mask"])


def agree(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR", "SLA"])
@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"])
def test_volumes(place, ending, orientation):
    image, mask = ball()
    write = writers.nifti if ending.startswith(".nii") else writers.itk
    write(place / f"q{ending}", image, (1.0, 1.5, 2.0), orientation)
    path = segment(f"q{ending}")
    assert path.name == "q_mask" + {".nii": ".nii.gz", ".mhd": ".mha"}.get(ending, ending)
    if ending.startswith(".nii"):
        found, own = nib.load(path), nib.load(place / f"q{ending}")
        assert np.array_equal(found.affine, own.affine)
        values, truth = np.asarray(found.dataobj), writers.stored_as(mask, (1, 1, 1), orientation)[0]
    else:
        found, own = sitk.ReadImage(str(path)), sitk.ReadImage(str(place / f"q{ending}"))
        assert (found.GetOrigin(), found.GetSpacing()) == (own.GetOrigin(), own.GetSpacing())
        assert found.GetDirection() == own.GetDirection()
        values, truth = sitk.GetArrayFromImage(found).T, writers.stored_as(mask, (1, 1, 1), orientation)[0]
    assert values.dtype == np.uint8
    assert agree(values > 0, truth) > 0.9


@pytest.mark.parametrize("wanted", ["nifti", "nrrd", "mha"])
def test_a_volume_in_another_format_lies_in_the_same_place(place, wanted):
    image, mask = ball()
    writers.nifti(place / "q.nii.gz", image, (1.0, 1.5, 2.0), "PIR")
    found = sitk.ReadImage(str(segment("q.nii.gz", "vols", "--format", wanted)))
    own = sitk.ReadImage(str(place / "q.nii.gz"))
    for of in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(found, of)(), getattr(own, of)(), atol=1e-6)
    assert agree(sitk.GetArrayFromImage(found).T > 0, writers.stored_as(mask, (1, 1, 1), "PIR")[0]) > 0.9


@pytest.mark.parametrize("shape", [(20, 24), (20, 24, 1), (20, 24, 1, 3)])
def test_nifti_pictures_and_films(place, shape):
    image, mask = ball()
    pieces = np.stack([image[..., 4], image[..., 4] // 2, image[..., 5]], axis=-1)
    values = (pieces[:, :, None] if len(shape) == 4 else pieces[..., 0]).reshape(shape)
    affine = np.array([[-2.0, 0, 0, 5], [0, 3, 0, 6], [0, 0, 4, 7], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(values, affine), place / "q.nii.gz")
    found = nib.load(segment("q.nii.gz", "pics"))
    assert found.shape == shape
    assert np.array_equal(found.affine, affine)
    plane = np.asarray(found.dataobj).reshape(20, 24, -1)
    assert agree(plane[..., 0] > 0, mask[..., 4]) > 0.9
    assert agree(plane[..., -1] > 0, mask[..., 5 if len(shape) == 4 else 4]) > 0.9


def test_a_4_d_volume_frame_by_frame_or_one_frame(place):
    (one, first), (other, second) = ball(), ball(shift=1)
    writers.nifti(place / "q.nii.gz", np.stack([one, other], -1), (1, 1, 2), "LPS")
    found = nib.load(segment("q.nii.gz"))
    assert found.shape == (*SHAPE, 2)
    truths = [writers.stored_as(mask, (1, 1, 1), "LPS")[0] for mask in (first, second)]
    assert all(agree(np.asarray(found.dataobj)[..., n] > 0, truth) > 0.9 for n, truth in enumerate(truths))
    found = nib.load(segment("q.nii.gz", "vols", "--frame", "1"))
    assert found.shape == SHAPE
    assert agree(np.asarray(found.dataobj) > 0, truths[1]) > 0.9


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
@pytest.mark.parametrize("as_values", [False, True])  # of each voxel, as 3D Slicer writes a series of volumes
def test_a_4_d_itk_file_frame_by_frame_or_one_frame(place, ending, as_values):
    (one, first), (other, second) = ball(), ball(shift=1)
    if as_values:
        series = sitk.GetImageFromArray(np.stack([one.T, other.T], -1), isVector=True)
    else:
        series = sitk.JoinSeries([sitk.GetImageFromArray(values.T) for values in (one, other)], 3.0, 0.5)
    at = (1.0, -2.0, 5.0, 3.0)[: series.GetDimension()]
    series.SetOrigin(at)
    sitk.WriteImage(series, str(place / f"q{ending}"))
    path = segment(f"q{ending}")
    found = sitk.ReadImage(str(path))
    assert path.suffix == ending
    assert found.GetSize() == (*SHAPE, 2)
    assert found.GetOrigin()[: len(at)] == at
    if not as_values:
        assert found.GetSpacing()[3] == 0.5
    masks = sitk.GetArrayFromImage(found)
    assert all(agree(masks[n].T > 0, truth) > 0.9 for n, truth in enumerate((first, second)))
    found = sitk.ReadImage(str(segment(f"q{ending}", "vols", "--frame", "1")))
    assert found.GetSize() == SHAPE
    assert agree(sitk.GetArrayFromImage(found).T > 0, second) > 0.9


def test_a_frame_that_is_not_there(place, capsys):
    writers.nifti(place / "q.nii.gz", np.stack([ball()[0]] * 2, -1))
    with pytest.raises(SystemExit):
        segment("q.nii.gz", "vols", "--frame", "2")
    assert "q.nii.gz: has no frame 2; its frames are 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".gif", ".ppm", ".tif"])
def test_pictures(place, ending):
    image, mask = ball()
    Image.fromarray(image[..., 4].T).save(place / f"q{ending}")
    path = segment(f"q{ending}", "pics")
    assert path.name == "q_mask.png"
    values = np.asarray(Image.open(path))
    assert set(np.unique(values)) == {0, 255}
    assert agree(values > 0, mask[..., 4].T) > 0.9


@pytest.mark.parametrize("ending", [".tif", ".gif"])
def test_a_stack_of_pages(place, ending):
    image, mask = ball()
    first, *others = [Image.fromarray(np.ascontiguousarray(image[..., k].T)) for k in (3, 4, 5)]
    first.save(place / f"q{ending}", save_all=True, append_images=others)
    path = segment(f"q{ending}", "pics")
    assert path.name == "q_mask.tif"
    with Image.open(path) as stack:
        pages = [np.asarray(page) for page in ImageSequence.Iterator(stack)]
    assert [agree(page > 0, mask[..., k].T) > 0.9 for page, k in zip(pages, (3, 4, 5), strict=True)] == [True] * 3


@pytest.mark.parametrize(("ending", "kind"), [(".mha", "MetaImageIO"), (".nrrd", "NrrdImageIO")])
def test_itk_pictures(place, ending, kind):
    image, mask = ball()
    picture = sitk.GetImageFromArray(np.ascontiguousarray(image[..., 4].T))
    picture.SetSpacing((0.5, 0.7))
    picture.SetOrigin((3.0, -4.0))
    sitk.WriteImage(picture, str(place / f"q{ending}"), imageIO=kind)
    found = sitk.ReadImage(str(segment(f"q{ending}", "pics")))
    assert (found.GetSpacing(), found.GetOrigin()) == ((0.5, 0.7), (3.0, -4.0))
    assert agree(sitk.GetArrayFromImage(found) > 0, mask[..., 4].T) > 0.9


def series(folder, image, names=None):
    writers.dicom(folder, names or [f"{9 - k}.dcm" for k in range(SHAPE[2])], image, (1.0, 1.5, 2.0), "LPS")


def test_a_dicom_series_is_one_volume(place):
    image, mask = ball()
    series(place / "patient/ct", image, [f"IM{k}" for k in (4, 8, 1, 2, 7, 6, 5, 3, 0)])  # without an ending
    path = segment("patient")
    assert path.name == "ct_mask.nii.gz"
    found = nib.as_closest_canonical(nib.load(path))
    assert nib.affines.voxel_sizes(found.affine) == pytest.approx((1.0, 1.5, 2.0))
    assert agree(np.asarray(found.dataobj) > 0, mask) > 0.9


def test_a_tree_of_series_has_a_result_for_each(place):
    for name in ("a/scan", "b/scan"):
        series(place / "tree" / name, ball()[0])
    main(["-w", "w.safetensors", "-i", "tree", "-s", "vols", "-o", "out", "--size", "32", "-q", "--no-confidence"])
    assert sorted(path.name for path in Path("out").glob("*_mask*")) == ["scan_1_mask.nii.gz", "scan_2_mask.nii.gz"]


def test_dicom_seg_refers_to_the_slices_of_the_series(place):
    pytest.importorskip("highdicom")
    image, mask = ball()
    series(place / "ct", image)
    for path in (place / "ct").iterdir():
        file = pydicom.dcmread(path)
        file.StudyInstanceUID, file.FrameOfReferenceUID, file.SeriesInstanceUID = "1.2.3", "1.2.4", "1.2.5"
        file.Modality = "CT"
        file.pop("SliceThickness", None)  # as in series that were anonymised or converted
        file.save_as(path)
    (place / "names.txt").write_text("1 Left ventricle\n")
    path = segment("ct", "vols", "--format", "seg", "--labels", "names.txt")
    import highdicom

    made = highdicom.seg.segread(path)
    assert made.get_segment_description(1).segment_label == "Left ventricle"
    uids = {
        pydicom.dcmread(path).SOPInstanceUID: k for path, k in ((place / f"ct/{9 - k}.dcm", k) for k in range(SHAPE[2]))
    }
    stored = writers.stored_as(mask, (1, 1, 1), "LPS")[0]
    seen = made.get_pixels_by_source_instance(
        list(uids), segment_numbers=[1], ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )[..., 0]
    assert agree(seen > 0, np.stack([stored[..., k].T for k in uids.values()])) > 0.9


def test_a_series_that_no_seg_can_refer_to_is_told_before_the_work(place, capsys, monkeypatch):
    pytest.importorskip("highdicom")
    series(place / "ct", ball()[0])
    monkeypatch.setattr("universeg.prediction.run.preprocess", lambda *_: pytest.fail("the work began"))
    with pytest.raises(SystemExit):
        main(["-w", "w.safetensors", "-i", "ct", "-s", "vols", "-o", "out", "--size", "32", "--format", "seg"])
    assert "the series has no Frame of Reference UID" in capsys.readouterr().err
