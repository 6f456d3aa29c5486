"""A pack that is exported and read again has the same pixels and labels, in every layout."""

import csv
import json
import zipfile

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from task_pack_pictures import picture

from universeg.prediction.task_pack.pack_file import open_pack


def pixels(path):
    return np.asarray(Image.open(path))


@pytest.fixture
def pack(labelled, task, tmp_path):
    """A pack of three grey pictures with two labels."""
    words = ("--label-names", "left part", "right", "--licence", "CC BY 4.0", "--source-note", "a clinic", "--size", 32)
    task("create", "t.zip", "--from", labelled(3, labels=2, values=(0, 1, 2)), *words)
    return tmp_path / "t.zip"


@pytest.fixture
def volumes(task, tmp_path):
    """A pack of two volumes; the second lacks the second label."""
    folder, affine = tmp_path / "volumes", np.diag([1.0, 2.0, 3.0, 1.0])
    for number in range(2):
        image, mask = picture(number, labels=2)
        masks = np.stack([mask * 0, mask, mask // 2 * 2], axis=2) * (mask < 3 - number)[..., None].astype(np.uint8)
        for kind, content in (("images", np.stack([image] * 3, 2)), ("masks", masks)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(content, affine), folder / kind / f"v{number}.nii.gz")
    assert task("create", "v.zip", "--from", folder, "--label-names", "a", "b", "--intensity", "ct")[0] == 0
    return tmp_path / "v.zip"


def test_nnunet_of_pictures(pack, task, tmp_path):
    assert task("export", pack, "--to", "nnunet", "-o", "raw", "--number", 12)[0] == 0
    folder = tmp_path / "raw/Dataset012_t"
    facts = json.loads((folder / "dataset.json").read_text())
    assert facts["labels"] == {"background": 0, "left part": 1, "right": 2}
    assert facts["channel_names"] == {"0": "image"}
    assert (facts["numTraining"], facts["file_ending"]) == (3, ".png")
    assert sorted(file.name for file in (folder / "imagesTr").iterdir()) == [f"p{n}_0000.png" for n in range(3)]
    for number in range(3):
        image, mask = picture(number, labels=2)
        np.testing.assert_array_equal(pixels(folder / f"imagesTr/p{number}_0000.png"), image)
        np.testing.assert_array_equal(pixels(folder / f"labelsTr/p{number}.png"), mask)
    text = (tmp_path / "raw/README.md").read_text()
    assert "CC BY 4.0" in text
    assert "a clinic" in text


def test_nnunet_of_volumes(volumes, task, tmp_path):
    assert task("export", volumes, "--to", "nnunet", "-o", "raw")[0] == 0
    folder = tmp_path / "raw/Dataset501_v"
    facts = json.loads((folder / "dataset.json").read_text())
    assert (facts["file_ending"], facts["channel_names"]) == (".nii.gz", {"0": "CT"})
    image, mask = nib.load(folder / "imagesTr/v0_0000.nii.gz"), nib.load(folder / "labelsTr/v0.nii.gz")
    np.testing.assert_array_equal(image.affine, np.diag([1, 2, 3, 1]))
    np.testing.assert_array_equal(image.affine, mask.affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj)[..., 1], picture(0)[0] * 0 + picture(0, labels=2)[0])
    assert set(np.unique(np.asarray(mask.dataobj))) == {0, 1, 2}


def test_a_pack_goes_to_nnunet_and_back(pack, task, tmp_path):
    task("export", pack, "--to", "nnunet", "-o", "raw")
    assert task("create", "back.zip", "--from", "raw/Dataset501_t", "--name", "t")[0] == 0
    with open_pack(pack) as one, open_pack(tmp_path / "back.zip") as other:
        assert [label.name for label in one.facts.labels] == [label.name for label in other.facts.labels]
        assert one.facts.files == other.facts.files


def test_colour_is_kept_if_all_have_it(task, tmp_path):
    for name, grey in (("all", False), ("some", True)):
        folder = tmp_path / name
        for number in range(2):
            image, mask = picture(number)
            coloured = image if grey and number else np.dstack([image, image // 2, image])
            for kind, content in (("images", coloured), ("masks", mask)):
                (folder / kind).mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(folder / kind / f"p{number}.png")
        task("create", f"{name}.zip", "--from", folder)
        task("export", f"{name}.zip", "--to", "nnunet", "-o", f"{name}_raw")
        dataset = tmp_path / f"{name}_raw/Dataset501_{name}"
        channels = json.loads((dataset / "dataset.json").read_text())["channel_names"]
        assert list(channels.values()) == (["image"] if grey else ["red", "green", "blue"])
        shapes = {pixels(file).shape for file in (dataset / "imagesTr").iterdir()}
        assert shapes == ({(24, 30)} if grey else {(24, 30, 3)})


def test_huggingface(pack, task, tmp_path):
    assert task("export", pack, "--to", "huggingface", "-o", "hf")[0] == 0
    folder = tmp_path / "hf/t/train"
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert lines[0] == {"file_name": "images/p0.png", "mask_file_name": "masks/p0.png", "subject": "p0"}
    np.testing.assert_array_equal(pixels(folder / "masks/p1.png"), picture(1, labels=2)[1])
    assert (tmp_path / "hf/README.md").read_text().startswith("---\nlicense: cc-by-4.0\n")
    with (tmp_path / "hf/index.csv").open() as file:
        assert [row["image"] for row in csv.DictReader(file)] == [f"t/train/images/p{n}.png" for n in range(3)]
    assert json.loads((tmp_path / "hf/croissant.json").read_text())["name"] == "t"


def test_slicer(pack, task, tmp_path):
    assert task("export", pack, "--to", "slicer", "-o", "slicer")[0] == 0
    for name in ("left_part", "right"):
        for number in range(3):
            image, mask = (pixels(tmp_path / f"slicer/{name}/{kind}_{number}.png") for kind in ("image", "mask"))
            assert image.shape == mask.shape == (32, 32)
            assert set(np.unique(mask)) == {0, 255}
        with zipfile.ZipFile(tmp_path / f"slicer/{name}.zip") as archive:
            files = {one for one in archive.namelist() if one.endswith(".png")}
        assert files == {f"{kind}_{number}.png" for kind in ("image", "mask") for number in range(3)}
    assert task("create", "back.zip", "--from", "slicer/right.zip", "--label-names", "right")[0] == 0


def test_slicer_takes_the_slice_with_the_largest_area(volumes, task, tmp_path):
    assert task("export", volumes, "--to", "slicer", "-o", "slicer")[0] == 0
    assert (tmp_path / "slicer/a/image_1.png").is_file()
    assert not (tmp_path / "slicer/b/image_1.png").exists(), "the second volume does not have it"
    assert pixels(tmp_path / "slicer/b/mask_0.png").any()


def test_folder_is_a_support_folder(pack, task, tmp_path):
    assert task("export", pack, "--to", "folder", "-o", "support")[0] == 0
    assert task("create", "back.zip", "--from", "support", "--name", "t", "--size", 32)[0] == 0
    with open_pack(pack) as one, open_pack(tmp_path / "back.zip") as other:
        assert one.facts.labels == other.facts.labels
        assert one.facts.files == other.facts.files


@pytest.mark.parametrize("layout", ["nnunet", "huggingface", "slicer", "folder"])
def test_a_folder_with_files_is_not_touched(pack, task, tmp_path, layout):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/x.txt").write_text("x")
    status, _, told = task("export", pack, "--to", layout, "-o", "mine")
    assert (status, "is there already" in told) == (1, True)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["x.txt"]
    assert not list(tmp_path.glob(".*")), "nothing is left beside it"


def test_a_pack_without_a_licence_is_told(labelled, task):
    task("create", "x.zip", "--from", labelled(1))
    assert "names no licence" in task("export", "x.zip", "--to", "folder", "-o", "out")[2]
