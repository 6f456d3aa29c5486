"""What is put into a pack comes out of it, with the same pixels, grid, names and settings; and the same bytes again."""

import json
import os
import zipfile
from dataclasses import fields

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from universeg.episodes.lever_flags import InferenceLevers, LeverFlags
from universeg.imageio.image import LoadedImage
from universeg.imageio.load import read_colours, read_labels
from universeg.prediction.settings import Settings
from universeg.prediction.task_pack.pack_file import chosen_settings, open_pack
from universeg.prediction.task_pack.pixel_files import write_pair

RNG = np.random.default_rng(0)


def test_a_folder_becomes_a_pack_and_comes_back(labelled, task, tmp_path):
    folder = labelled(3, labels=2, values=(0, 100, 200))
    words = (
        "--label-names",
        "left part",
        "right part",
        "--licence",
        "CC BY 4.0",
        "--source-note",
        "me",
        "--intensity",
        "mr",
    )
    assert task("create", "two.zip", "--from", folder, *words)[0] == 0
    with open_pack(tmp_path / "two.zip") as pack:
        assert [(label.value, label.name) for label in pack.facts.labels] == [(1, "left part"), (2, "right part")]
        assert pack.facts.licences == ("CC BY 4.0",)
        assert pack.facts.sources == ("me",)
        assert pack.settings == Settings(intensity="mr")
        assert [example.name for example in pack.facts.examples] == ["p0", "p1", "p2"]
        for example in pack.facts.examples:
            image = np.asarray(Image.open(folder / f"images/{example.name}.png"))
            mask = np.asarray(Image.open(folder / f"masks/{example.name}.png"))
            np.testing.assert_array_equal(pack.image(example).values, image)
            np.testing.assert_array_equal(pack.mask(example), mask // 100)
        kept = pack.folder
    assert not kept.exists()


def test_the_same_content_gives_the_same_bytes(labelled, task, tmp_path):
    folder = labelled(2)
    task("create", "a.zip", "--from", folder, "--name", "x")
    os.utime(folder / "images/p0.png", (0, 0))
    task("create", "b.zip", "--from", folder, "--name", "x")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in zipfile.ZipFile(tmp_path / "a.zip").infolist())


def test_task_json_lists_the_digest_of_every_other_member(labelled, task, tmp_path):
    task("create", "a.zip", "--from", labelled(2))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        listed = json.loads(archive.read("task.json"))["files"]
        assert sorted([*listed, "task.json"]) == sorted(archive.namelist())


@pytest.mark.parametrize(
    ("values", "spacing", "ending"),
    [
        (RNG.integers(0, 256, (9, 7)).astype(np.uint8), (1.0, 1.0), ".png"),
        (RNG.integers(0, 65536, (9, 7)).astype(np.uint16), (1.0, 1.0), ".png"),
        (RNG.integers(0, 256, (9, 7, 3)).astype(np.uint8), (1.0, 1.0), ".png"),
        (RNG.integers(0, 65536, (9, 7, 3)).astype(np.uint16), (1.0, 1.0), ".png"),
        (RNG.integers(-900, 900, (9, 7)).astype(np.int16), (1.0, 1.0), ".nii.gz"),
        (RNG.normal(size=(9, 7)).astype(np.float32), (1.0, 1.0), ".nii.gz"),
        (RNG.integers(0, 256, (9, 7)).astype(np.uint8), (0.5, 0.25), ".nii.gz"),
        (RNG.integers(0, 9, (9, 7)).astype(np.int64), (1.0, 1.0), ".nii.gz"),
    ],
)
def test_pictures_of_every_depth(tmp_path, values, spacing, ending):
    labels = RNG.integers(0, 3, (9, 7)).astype(np.uint8)
    image, mask = write_pair(tmp_path, "x", LoadedImage(values, spacing), labels)
    assert image == f"images/x{ending}"
    back = read_colours(tmp_path / image)
    np.testing.assert_array_equal(back.values, values)
    assert back.spacing == pytest.approx(spacing)
    np.testing.assert_array_equal(read_labels(tmp_path / mask).values, labels)


def test_volumes_keep_their_grid(labelled, task, tmp_path):
    folder = tmp_path / "volumes"
    affine = np.array([[0, -2.0, 0, 10], [1.5, 0, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])  # turned and anisotropic
    values, mask = RNG.integers(-500, 500, (6, 7, 5)).astype(np.int16), np.zeros((6, 7, 5), np.uint8)
    mask[2:4, 3:5, 1:3] = 7
    for kind, content in (("images", values), ("masks", mask)):
        (folder / kind).mkdir(parents=True)
        nib.save(nib.Nifti1Image(content, affine), folder / kind / "v.nii.gz")
    assert task("create", "v.zip", "--from", folder)[0] == 0
    with open_pack(tmp_path / "v.zip") as pack:
        (example,) = pack.facts.examples
        found, original = pack.image(example), read_colours(folder / "images/v.nii.gz")
        np.testing.assert_array_equal(found.values, original.values)
        np.testing.assert_allclose(found.affine, original.affine)
        np.testing.assert_array_equal(pack.mask(example), read_labels(folder / "masks/v.nii.gz").values // 7)
        times = [(pack.folder / name).read_bytes()[4:8] for name in (example.image, example.mask)]
    assert times == [bytes(4)] * 2, "gzip would write the time"


def test_what_headers_say_of_patients_is_left_behind(labelled, task, tmp_path):
    folder = labelled(1)
    image = np.asarray(Image.open(folder / "images/p0.png"))
    (folder / "images/p0.png").unlink()
    tifffile.imwrite(folder / "images/p0.tif", image, description="Jane Miller, born 1959")
    assert task("create", "a.zip", "--from", folder, "--number-names")[0] == 0
    assert b"Miller" not in (tmp_path / "a.zip").read_bytes()
    with open_pack(tmp_path / "a.zip") as pack:
        assert [example.name for example in pack.facts.examples] == ["001"]
        np.testing.assert_array_equal(pack.image(pack.facts.examples[0]).values, image)


def test_settings_of_a_machine_or_a_call_are_not_kept():
    settings = Settings(size=256, window=(-160, 240), device="cuda", seed=5, label=3)
    levers = InferenceLevers(flips=True, draws=5)
    assert chosen_settings(settings, levers) == {"size": 256, "window": (-160, 240), "flips": True, "draws": 5}
    assert chosen_settings(Settings(), InferenceLevers()) == {}


def test_the_levers_of_packs_are_those_of_predictions():
    ours = {field.name: field.default for field in fields(InferenceLevers)}
    theirs = {field.name: field.default for field in fields(LeverFlags) if field.name not in ("adapt", "minutes")}
    assert ours == theirs


def test_nothing_is_left_of_a_pack_that_could_not_be_written(labelled, task, tmp_path, monkeypatch):
    folder = labelled(2)
    monkeypatch.setattr("universeg.prediction.task_pack.pack_file.shutil.copyfileobj", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        task("create", "a.zip", "--from", folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labelled"]
