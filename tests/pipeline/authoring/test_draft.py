"""A manifest drafted from a folder: it describes the files, passes `check`, and lists what a person must complete."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from layouts import writers
from PIL import Image

from pipeline.authoring.draft import new
from pipeline.authoring.filename_patterns import READER_OF, group_by_pattern
from pipeline.authoring.lint import problems
from pipeline.manifest.schema import Manifest, load_manifest
from pipeline.match.match import scans_of
from pipeline.readers import READERS


def picture(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


def volume(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.int16), np.eye(4)), path)


def noise(*shape: int, low: int = 0) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape) % 251 + low


def blob(*shape: int, value: int = 1) -> np.ndarray:
    mask = np.zeros(shape)
    mask[tuple(slice(2, 5) for _ in shape)] = value
    return mask


def drafted(root: Path, tmp_path: Path) -> tuple[Manifest, str]:
    new("Toy", root, manifests=tmp_path / "m")
    manifest = load_manifest(tmp_path / "m/Toy.yaml")
    assert not list(problems(manifest))
    _, dropped = scans_of(manifest, root)
    assert not dropped
    return manifest, (tmp_path / "m/Toy.yaml").read_text()


def test_pictures_with_masks_of_two_observers(tmp_path, capsys):
    for name in ("01L", "01R", "02L", "02R", "03L", "03R", "04L", "04R", "05L", "05R"):
        picture(tmp_path / f"d/Image_{name}.jpg", noise(9, 8, 3))
        for observer in ("1stHO", "2ndHO"):
            picture(tmp_path / f"d/Image_{name}_{observer}.png", blob(9, 8, value=255))
    manifest, _ = drafted(tmp_path / "d", tmp_path)
    (group,) = manifest.groups
    assert group.scans[0].image == "Image_{subject}.jpg"
    assert (group.labels.kind, group.labels.names) == (
        "files",
        {"1st": "Image_{subject}_1stHO.png", "2nd": "Image_{subject}_2ndHO.png"},
    )
    assert (group.axes, group.scans[0].intensity, group.expect.scans, group.expect.subjects) == ((0,), "unit", 10, 10)
    said = capsys.readouterr().err
    assert "10 scans found, 0 not used" in said
    assert "title: Toy # CHECK" in said


@pytest.mark.parametrize(("low", "intensity", "modality"), [(0, "mr", "MRI"), (-1000, "ct", "CT")])
def test_volumes_and_label_maps_in_separate_folders(tmp_path, low, intensity, modality):
    for number in range(1, 12):
        volume(tmp_path / f"d/imagesTr/heart_{number:03}.nii.gz", noise(7, 7, 7, low=low))
        volume(tmp_path / f"d/labelsTr/heart_{number:03}.nii.gz", blob(7, 7, 7, value=1 + number % 2))
    (tmp_path / "d/dataset.json").write_text("{}")
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert group.scans[0].image == "imagesTr/heart_{subject}.nii.gz"
    assert (group.scans[0].intensity, group.scans[0].modality) == (intensity, modality)
    assert group.labels.names == {1: "label 1", 2: "label 2"}
    assert (group.axes, group.expect.scans) == ((0, 1, 2), 11)


def test_several_images_of_a_subject_become_modalities(tmp_path):
    for number in range(10, 20):
        for name in ("flair", "t1"):
            volume(tmp_path / f"d/p{number}_{name}.nii.gz", noise(7, 7, 7))
        volume(tmp_path / f"d/p{number}_seg.nii.gz", blob(7, 7, 7, value=4))
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert sorted(str(form.modality) for form in group.scans) == ["flair", "t1"]
    assert group.expect.scans == 20
    assert group.expect.subjects == 10


def test_dicom_pictures_are_drafted_with_a_question_about_slices(tmp_path, capsys):
    for number in range(10, 14):
        writers.dicom(tmp_path / "d/images", [f"p{number}.dcm"], noise(9, 8, 1))
        picture(tmp_path / f"d/masks/p{number}.png", blob(8, 9))
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert (group.scans[0].reader, group.labels.reader, group.axes, group.expect.scans) == ("dicom", "raster", (0,), 4)
    assert "reader: dicom # CHECK: if each file is one slice of a volume, add 'stack'" in capsys.readouterr().err


def test_every_image_format_has_a_reader_and_nothing_else_is_drafted():
    assert set(READER_OF.values()) <= set(READERS)
    assert {READER_OF[end] for end in (".nii.gz", ".dcm", ".nrrd", ".mha", ".mgz", ".png", ".avi")} == {
        *("nifti", "dicom", "nrrd", "metaimage", "mgz", "raster", "video")
    }
    (group,) = group_by_pattern(["a/1.PGM.gz", "a/2.ppm.gz", "a/1.ppm.gz", "a/1.txt", "a/1.gz"])
    assert (group.reader, sorted(group.files.values())) == ("raster", ["a/1.ppm.gz", "a/2.ppm.gz"])


def test_a_number_that_distinguishes_subjects_does_not_split_the_group():
    paths = [f"x/7_{19 + (n > 8)}_M{n}.tif" for n in range(12)]
    (group,) = group_by_pattern(paths)
    assert group.pattern == "x/7_{subject}.tif"
    assert set(group.files.values()) == set(paths)


def test_a_file_that_is_there_is_not_replaced_and_no_pairs_is_an_error(tmp_path, capsys):
    (tmp_path / "Toy.yaml").write_text("mine")
    with pytest.raises(ValueError, match="already exists"):
        new("Toy", tmp_path, manifests=tmp_path)
    assert (tmp_path / "Toy.yaml").read_text() == "mine"
    picture(tmp_path / "d/a1.png", noise(9, 8))
    picture(tmp_path / "d/a2.png", noise(9, 8))
    (tmp_path / "d/a3.bmp").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"no images with masks .*; found 2 of (a\{subject\}|\{subject\})\.png"):
        new("Other", tmp_path / "d", manifests=tmp_path)
    assert "a3.bmp: left out of the draft: cannot be read as raster" in capsys.readouterr().err
    assert not (tmp_path / "Other.yaml").exists()
