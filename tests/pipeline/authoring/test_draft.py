"""A manifest drafted from a folder: it describes the files, passes `check`, and lists what a person must complete."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from fuzzing.samples import SAMPLES, image_of, mask_of
from layouts import writers
from PIL import Image

from pipeline.authoring.draft import new
from pipeline.authoring.filename_patterns import READER_OF, group_by_pattern
from pipeline.authoring.lint import problems
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.schema import Manifest, load_manifest
from pipeline.match.match import scans_of
from pipeline.readers import READERS
from universeg.store import Record


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
    with pytest.raises(
        ValueError, match=r"(?s)no images with masks .*found 2 raster pictures \{subject\}\.png.*no files look"
    ):
        new("Other", tmp_path / "d", manifests=tmp_path)
    assert "a3.bmp: left out of the draft: cannot be read as raster" in capsys.readouterr().err
    assert not (tmp_path / "Other.yaml").exists()


def refused(root: Path, tmp_path: Path) -> str:
    """The message of a draft that is not possible; nothing is written."""
    with pytest.raises(ValueError, match="nothing was written") as error:
        new("Toy", root, manifests=tmp_path / "m")
    assert not (tmp_path / "m").exists()
    return str(error.value)


@pytest.mark.parametrize(("name", "better"), [("my_hearts", "my-hearts"), ("a b", "a-b"), ("../x", "x")])
def test_a_name_that_a_manifest_cannot_have_is_refused_before_anything_is_written(tmp_path, name, better):
    for number in range(4):
        picture(tmp_path / f"d/images/{number}.png", noise(9, 8))
        picture(tmp_path / f"d/masks/{number}.png", blob(9, 8))
    with pytest.raises(ValueError, match=f"cannot be the name of a dataset.*for example {better}$"):
        new(name, tmp_path / "d", manifests=tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("name", ["123", "yes", "null"])
def test_a_name_that_yaml_reads_as_something_else_is_quoted(tmp_path, name):
    for number in range(4):
        picture(tmp_path / f"d/images/{number}.png", noise(9, 8))
        picture(tmp_path / f"d/masks/{number}.png", blob(9, 8))
    new(name, tmp_path / "d", manifests=tmp_path / "m")
    assert load_manifest(tmp_path / f"m/{name}.yaml").name == name


DISC = ((np.mgrid[:40, :50] - np.array([20, 25])[:, None, None]) ** 2).sum(0) < 150


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_masks_are_drafted_as_the_upper_half_of_their_values(tmp_path, mode):
    for number in range(6):
        picture(tmp_path / f"d/images/{number}.png", noise(40, 50))
        path = tmp_path / f"d/masks/{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(DISC.astype(np.uint8) * 255).convert(mode).save(path, quality=60 + 5 * number)
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert (group.labels.kind, group.labels.names) == ("ranges", {"label": (128.0, 255.0)})


def test_palette_masks_are_drafted_from_their_colours(tmp_path):
    for number in range(6):
        picture(tmp_path / f"d/images/{number}.png", noise(40, 50))
        quantized = Image.fromarray(DISC.astype(np.uint8) * 255).convert("RGB").quantize(2)
        assert np.asarray(quantized)[0, 0] == 1, "the case: the index of the background is not 0"
        path = tmp_path / f"d/masks/{number}.png"
        path.parent.mkdir(exist_ok=True)
        quantized.save(path)
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert (group.labels.kind, group.labels.names) == ("values", {255: "label 255"})


def test_masks_in_several_colours_are_drafted_as_colours(tmp_path):
    for number in range(6):
        picture(tmp_path / f"d/images/{number}.png", noise(9, 8, 3))
        mask = np.zeros((9, 8, 3))
        mask[2:4, 2:4], mask[5:7, 2:4] = (255, 0, 0), (0, 0, 255)
        picture(tmp_path / f"d/masks/{number}.png", mask)
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert group.labels.kind == "colours"
    assert group.labels.names == {"colour 0 0 255": (0, 0, 255), "colour 255 0 0": (255, 0, 0)}


def test_instance_masks_are_explained(tmp_path):
    for number in "abc":
        picture(tmp_path / f"d/x{number}1/images/x{number}1.png", noise(9, 8))
        for instance in range(5):
            picture(tmp_path / f"d/x{number}1/masks/m{instance}{number}.png", blob(9, 8))
    assert "several masks for one image, 15 masks for 3 images" in refused(tmp_path / "d", tmp_path)


def test_masks_that_number_single_objects_are_explained(tmp_path):
    objects = np.zeros((98, 98), np.uint16)
    for number in range(49):
        row, column = divmod(number, 7)
        objects[14 * row : 14 * row + 12, 14 * column : 14 * column + 12] = number + 1
    for name in ("p1", "p2", "p3"):
        picture(tmp_path / f"d/images/{name}.png", noise(98, 98))
        picture(tmp_path / f"d/cells/{name}.png", objects)
    said = refused(tmp_path / "d", tmp_path)
    assert "cells/{subject}.png may number single objects (cells, lesions)" in said
    assert "names: {cell: [1, 65535]}" in said
    assert "images/{subject}.png may" not in said


@pytest.mark.parametrize("value", [0, 255])
def test_masks_of_one_value_are_explained(tmp_path, value):
    for name in ("p1", "p2", "p3"):
        picture(tmp_path / f"d/images/{name}.png", noise(9, 8))
        picture(tmp_path / f"d/masks/{name}.png", np.full((9, 8), value, np.uint8))
    assert f"masks/{{subject}}.png: all pixels have the value {value}; a mask has 0 outside" in refused(
        tmp_path / "d", tmp_path
    )


def test_dicom_segmentations_say_the_names_of_their_values(tmp_path):
    for number in range(3):
        for kind, name in (("images", "dicom frames and segments"), ("masks", "dicom segments")):
            (tmp_path / f"d/{kind}").mkdir(parents=True, exist_ok=True)
            values = image_of(True, number) if kind == "images" else mask_of(True)
            SAMPLES[name].write(tmp_path / f"d/{kind}/p{number}.dcm", values)
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert group.labels.names == {1: "ball"}
    assert group.labels.kind == "values"


def test_dicom_slices_with_volumes_of_masks_are_explained(tmp_path):
    for number in range(10, 14):
        writers.dicom(tmp_path / f"d/p{number}", [f"{n}.dcm" for n in range(3)], noise(9, 8, 3))
        volume(tmp_path / f"d/masks/p{number}.nii.gz", blob(8, 9, 7))
    assert "are single slices, but masks/{subject}.nii.gz are volumes" in refused(tmp_path / "d", tmp_path)


SLICES = 6


@pytest.mark.parametrize("names", ["{n}.dcm", "IM-0001-{n:04}.dcm"])
@pytest.mark.parametrize("labels", ["volumes", "slices", "pictures", "other numbers", "volumes and slices"])
def test_folders_of_dicom_slices_are_scans(tmp_path, names, labels):
    masks = [f"m{9 - n}.png" if labels == "other numbers" else names.format(n=n) for n in range(SLICES)]
    for number in (11, 12, 13):
        image, mask = noise(9, 8, SLICES, low=-300), blob(9, 8, SLICES, value=number % 2 + 1)
        folder = tmp_path / f"d/patient_{number}"
        writers.dicom(folder / "ct", [names.format(n=n) for n in range(SLICES)], image)
        if "volumes" in labels:
            writers.nifti(folder / "mask.nii.gz", mask.astype(np.uint8), (1, 1, 1), "LPS")
        if "slices" in labels:
            writers.dicom(folder / "mask", masks, mask)
        if labels in ("pictures", "other numbers"):
            for n, name in enumerate(masks):
                picture(folder / "mask" / Path(name).with_suffix(".png"), mask[..., n].T)
    manifest, text = drafted(tmp_path / "d", tmp_path)
    (group,) = manifest.groups
    assert (group.scans[0].stack, group.scans[0].intensity, group.axes) == ("slice", "ct", (0, 1, 2))
    assert (group.expect.scans, group.labels.names) == (3, {1: "label 1", 2: "label 2"})
    assert group.labels.stack == (None if "volumes" in labels else "n" if labels == "other numbers" else "slice")
    assert "stack: slice # CHECK: all files of a folder are one scan" in text
    (scan, *_), _ = scans_of(manifest, tmp_path / "d")
    assert len(scan.images) == SLICES
    if labels != "other numbers":  # the order of which is the question that a person must answer
        records = [
            record for record in records_of(scan, group, tmp_path / "d", Recipe(32)) if isinstance(record, Record)
        ]
        assert {name for record in records for name in record.masks} == {"label 2"}


@pytest.mark.parametrize(("device", "expected"), [("CT", ("CT", "ct")), ("US", ("ultrasound", "unit"))])
def test_dicom_files_say_their_modality(tmp_path, device, expected):
    for number in (11, 12, 13):
        folder = tmp_path / f"d/p{number}"
        writers.dicom(folder / "ct", [f"{n}.dcm" for n in range(SLICES)], noise(9, 8, SLICES, low=0))
        writers.nifti(folder / "mask.nii.gz", blob(9, 8, SLICES).astype(np.uint8), (1, 1, 1), "LPS")
        for path in (folder / "ct").iterdir():
            file = pydicom.dcmread(path)
            file.Modality = device
            file.save_as(path)
    manifest, text = drafted(tmp_path / "d", tmp_path)
    scan = manifest.groups[0].scans[0]
    assert (scan.modality, scan.intensity) == expected
    assert f"the DICOM files say {device}" in text


def test_series_in_folders_of_one_patient_are_modalities(tmp_path):
    for number in range(1, 7):
        for series in ("T1", "T2"):
            writers.dicom(tmp_path / f"d/p{number}/{series}", [f"{n}.dcm" for n in range(SLICES)], noise(9, 8, SLICES))
        writers.nifti(tmp_path / f"d/p{number}/mask.nii.gz", blob(9, 8, SLICES).astype(np.uint8), (1, 1, 1), "LPS")
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert [(scan.image, scan.modality) for scan in group.scans] == [
        ("{subject}/T1/{slice}.dcm", "T1"),
        ("{subject}/T2/{slice}.dcm", "T2"),
    ]
    assert group.expect.scans == 12


def test_names_without_a_common_subject_are_explained(tmp_path):
    for number in range(4):
        picture(tmp_path / f"d/images/a{number}.png", noise(9, 8))
        picture(tmp_path / f"d/masks/b{number + 10}.png", blob(9, 8))
    message = refused(tmp_path / "d", tmp_path)
    assert "subjects of the images are a0, a1, a2, those of the masks b10, b11, b12" in message


def test_jpeg_masks_of_several_labels_are_explained(tmp_path):
    values = np.where(DISC, 128, 0)
    values[:20, :25] += 100
    for number in range(4):
        picture(tmp_path / f"d/images/{number}.jpg", noise(40, 50))
        picture(tmp_path / f"d/masks/{number}.jpg", values)
    assert "JPEG changes the values of masks" in refused(tmp_path / "d", tmp_path)


def test_a_folder_without_images_is_explained(tmp_path):
    writers.text(tmp_path / "d/notes.docx")
    assert "its files end with .docx; the known endings are .nii.gz" in refused(tmp_path / "d", tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        new("Toy", tmp_path / "gone", manifests=tmp_path / "m")


def nnunet(folder: Path, numbers=("0000", "0001"), write=volume, end=".nii.gz", shape=(7, 7, 7), **facts) -> None:
    for case in range(1, 4):
        for number in numbers:
            write(folder / f"imagesTr/h_{case:03}{f'_{number}' * bool(number)}{end}", noise(*shape))
            write(folder / f"imagesTs/h_{case + 50:03}{f'_{number}' * bool(number)}{end}", noise(*shape))
        write(folder / f"labelsTr/h_{case:03}{end}", blob(*shape, value=case))
    writers.text(folder / "dataset.json", json.dumps(facts))


def test_nnunet_datasets_are_drafted_from_their_json(tmp_path):
    labels = {"background": 0, "edema": 1, "core": 2, "enhancing": 3}
    channels = {"0": "T2", "1": "ADC"}
    nnunet(tmp_path / "d/Dataset001_H", channel_names=channels, labels=labels, file_ending=".nii.gz")
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert [form.image for form in group.scans] == [
        f"Dataset001_H/imagesTr/{{subject}}_000{n}.nii.gz" for n in range(2)
    ]
    assert [form.modality for form in group.scans] == ["T2", "ADC"]
    assert group.labels.names == {1: "edema", 2: "core", 3: "enhancing"}
    assert (group.expect.scans, group.expect.subjects, group.axes) == (6, 3, (0, 1, 2))


def test_regions_of_nnunet_are_combinations(tmp_path):
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3, "ignore": 4}
    nnunet(tmp_path / "d", ("0000",), channel_names={"0": "CT"}, labels=labels, file_ending=".nii.gz")
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert group.scans[0].intensity == "ct"
    assert group.labels.combine == {
        "enhancing": ("value 3",),
        "whole": ("value 1", "value 2", "value 3"),
        "core": ("value 2", "value 3"),
    }


def test_the_json_of_the_decathlon_has_labels_by_value(tmp_path):
    nnunet(tmp_path / "d", ("",), modality={"0": "MRI"}, labels={"0": "background", "1": "left/right", "2": "b"})
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert group.labels.names == {1: "left right", 2: "b"}
    assert group.scans[0].image == "imagesTr/{subject}.nii.gz"


def test_pictures_of_nnunet(tmp_path):
    facts = {"channel_names": {"0": "R", "1": "G", "2": "B"}, "labels": {"background": 0, "a": 1}}
    nnunet(tmp_path / "d", ("0000",), picture, ".png", (9, 8), file_ending=".png", **facts)
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    assert (group.axes, len(group.scans), group.scans[0].intensity) == ((0,), 1, "unit")


def test_a_damaged_dataset_json_is_named(tmp_path):
    nnunet(tmp_path / "d", channel_names=["T2"], labels={"a": 1})
    with pytest.raises(ValueError, match=r"dataset\.json: cannot be read as a dataset\.json of nnU-Net"):
        new("Toy", tmp_path / "d", manifests=tmp_path / "m")


@pytest.mark.parametrize("sessions", [("",), ("ses-1", "ses-2")])
def test_bids_names_are_read(tmp_path, sessions):
    for subject in ("sub-01", "sub-02", "sub-C3"):
        for session in sessions:
            folder, name = f"{subject}/{session}".strip("/"), f"{subject}_{session}".strip("_")
            for modality in ("T1w", "T2w"):
                volume(tmp_path / f"d/{folder}/anat/{name}_{modality}.nii.gz", noise(7, 7, 7))
            mask = tmp_path / f"d/derivatives/manual/{folder}/anat/{name}_space-orig_dseg.nii.gz"
            volume(mask, blob(7, 7, 7, value=4))
    (group,) = drafted(tmp_path / "d", tmp_path)[0].groups
    session = "ses-{session}" if len(sessions) > 1 else ""
    folder, name = f"sub-{{subject}}/{session}".strip("/"), f"sub-{{subject}}_{session}".strip("_")
    assert [form.image for form in group.scans] == [f"{folder}/anat/{name}_T{n}w.nii.gz" for n in (1, 2)]
    assert group.labels.path == f"derivatives/manual/{folder}/anat/{name}_space-orig_dseg.nii.gz"
    assert [form.modality for form in group.scans] == ["T1w", "T2w"]
    assert (group.expect.scans, group.expect.subjects) == (6 * len(sessions), 3)
