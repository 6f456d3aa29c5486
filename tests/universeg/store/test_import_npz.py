"""Stores from .npz files as MedSegBench has them: what is stored, the way back, and files that are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from universeg.store import Store, StoreError
from universeg.store.__main__ import main, problems
from universeg.store.import_npz import ImportConfig


def pictures(count, side=32, channels=0, seed=0):
    """Images with two squares of different brightness, and masks with the values 1 and 2."""
    rng = np.random.default_rng(seed)
    images = rng.integers(20, 40, (count, side, side), dtype=np.uint8)
    values = np.zeros((count, side, side), np.uint8)
    for number in range(count):
        row = 4 + number % 5
        values[number, row : row + 8, 4:12], values[number, row : row + 6, 16:26] = 1, 2
    images[values == 1], images[values == 2] = 150, 220
    return (np.stack([images] * channels, -1) if channels else images), values


def write(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def whole(folder, **changes):
    arrays = {}
    for seed, (split, count) in enumerate((("train", 6), ("val", 2), ("test", 3))):
        arrays[f"{split}_images"], arrays[f"{split}_label"] = pictures(count, seed=seed, **changes)
    return arrays, write(folder / "cells_32.npz", **arrays)


def run(path, *options):
    main(["import-npz", str(path), "--name", "Cells", "--out", str(path.with_suffix(".lmdb")), *options])
    return Store(path.with_suffix(".lmdb"))


def test_images_masks_and_splits_are_those_of_the_file(tmp_path, capsys):
    arrays, path = whole(tmp_path)
    store = run(path, "--labels", "1", "nucleus", "2", "cytoplasm", "--modality", "microscopy")
    assert store.tasks == ["Cells/all/microscopy/cytoplasm/0", "Cells/all/microscopy/nucleus/0"]
    assert list(problems(store)) == []
    task = store.tasks[1]
    for split, theirs in (("support", "train"), ("dev", "val"), ("test", "test")):
        names = store.subjects(task, split)
        assert names == [f"{theirs}-{number:06d}" for number in range(len(arrays[f"{theirs}_images"]))]
        images, masks = store.read(task, names)
        np.testing.assert_array_equal(masks, arrays[f"{theirs}_label"] == 1)
        grey = arrays[f"{theirs}_images"].astype(float)
        low, high = (end((1, 2), keepdims=True) for end in (grey.min, grey.max))
        np.testing.assert_allclose(images, np.rint((grey - low) / (high - low) * 255), atol=1)
    assert {k: store.header[k] for k in ("dataset", "role", "size")} == {
        "dataset": "Cells",
        "role": "held-out",
        "size": 32,
    }
    assert store.header["counts"] == {"subjects": 11, "support": 6, "dev": 2, "test": 3, "images": 11}
    assert store.header["sources"][0]["file"] == "cells_32.npz"
    assert "images of one person may be in several splits" in capsys.readouterr().out


def test_masks_of_0_and_1_have_one_label_and_colours_become_grey(tmp_path):
    images, values = pictures(4, channels=3)
    images[..., 0] //= 2
    path = write(tmp_path / "a.npz", train_images=images, train_label=(values > 0)[..., None])
    store = run(path, "--role", "train")
    assert store.tasks == ["Cells/all/image/1/0"]
    found, masks = store.read(store.tasks[0], ["train-000000"])
    np.testing.assert_array_equal(masks[0], values[0] > 0)
    grey = images[0] @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(found[0], (grey - grey.min()) / (grey.max() - grey.min()) * 255, atol=1)


def test_other_sizes_shapes_and_groups(tmp_path):
    tall = np.repeat(pictures(3, 32)[0], 2, axis=1), np.repeat(pictures(3, 32)[1], 2, axis=1)  # 64 x 32
    names = [("left", *tall), ("right", *pictures(2, 64))]
    arrays = {
        f"train_{what}_{name}": a for name, *both in names for what, a in zip(("images", "label"), both, strict=True)
    }
    store = run(write(tmp_path / "a.npz", **arrays), "--size", "32")
    assert store.tasks == [f"Cells/{group}/image/{label}/0" for group in ("left", "right") for label in "12"]
    _, masks = store.read("Cells/left/image/1/0", ["train-000000"])
    assert masks.shape == (1, 32, 32)
    assert masks[:, :, 8:24].any(), "the image is in the middle"
    assert not masks[:, :, :8].any()
    assert not masks[:, :, 24:].any()


def test_labels_that_are_not_named_and_images_without_a_label_are_left_out_and_counted(tmp_path, capsys):
    images, values = pictures(4)
    values[1] = 0
    values[2][values[2] == 1] = 0
    images[3] = 7
    store = run(write(tmp_path / "a.npz", train_images=images, train_label=values), "--labels", "1", "nucleus")
    assert store.subjects("Cells/all/image/nucleus/0") == ["train-000000"]
    said = capsys.readouterr().out
    assert "2 images without a label left out" in said
    assert "1 images of one intensity left out" in said


def test_an_exported_store_comes_back_as_it_was(tmp_path, make_store):
    path = make_store(tmp_path, "Discs", role="held-out", labels=("a",), slicings=("mid",))
    main(["export", str(path), "--to", "npz", "--out", str(tmp_path / "out")])
    (file,) = (tmp_path / "out").rglob("*.npz")
    back, first = run(file), Store(path)
    for split in ("support", "dev", "test"):
        theirs, names = back.subjects("Cells/all/image/1/0", split), first.subjects("Discs/g/m/a/0", split)
        assert len(theirs) == len(names) > 0
        images, masks = back.read("Cells/all/image/1/0", theirs)
        before, inside = first.read("Discs/g/m/a/0", names)
        np.testing.assert_array_equal(masks, inside)
        ends = before.min((1, 2), keepdims=True), before.max((1, 2), keepdims=True)
        np.testing.assert_allclose(images, (before - ends[0]) / (ends[1] - ends[0].astype(float)) * 255, atol=1)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.zeros((2, 8, 8))}, "has no arrays train_images, val_images or test_images; it has: images"),
        ({"train_images": np.zeros((2, 32, 32), np.uint8)}, "has train_images, but no train_label"),
        (
            {"train_images": np.zeros((2, 32, 32), np.uint8), "train_label": np.zeros((3, 32, 32), np.uint8)},
            r"train_images has shape \(2, 32, 32\), train_label \(3, 32, 32\)",
        ),
        (
            {"train_images": np.zeros((2, 32, 32), np.uint8), "train_label": np.zeros((2, 32, 32))},
            "train_label of float64",
        ),
        (
            {"train_images": np.array([{}]), "train_label": np.zeros((1, 32, 32), np.uint8)},
            "cannot be read: Object arrays cannot be loaded",
        ),
    ],
)
def test_files_of_another_layout_are_refused(tmp_path, arrays, words):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(StoreError, match=words):
        run(path)
    assert not path.with_suffix(".lmdb").exists()


def test_a_file_that_is_not_npz_or_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK nothing")
    with pytest.raises(StoreError, match=r"a\.npz is not an \.npz file"):
        run(path)
    images, values = pictures(2)
    write(path, train_images=images, train_label=values)
    monkeypatch.setattr("universeg.store.import_npz.MAX_BYTES", 100)
    with pytest.raises(StoreError, match="train_images unpacks to 2176 bytes, at most 100 are allowed"):
        run(path)


def test_values_that_are_no_labels_are_refused(tmp_path):
    images, values = pictures(2)
    path = write(tmp_path / "a.npz", train_images=images, train_label=values.astype(np.int16) * 200)
    with pytest.raises(ValueError, match="masks have the values 200 to 400; values of labels are 1 to 255"):
        run(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": {0: "x"}}, "labels must have different names, and none for 0"),
        ({"labels": {1: "x", 2: "x"}}, "labels must have different names"),
        ({"size": 8}, "size must be 0, or from 16 to 1024, got 8"),
        ({"modality": "a/b"}, "must not be empty or contain '/'"),
        ({"name": "../up"}, "name must be letters, digits and -"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        ImportConfig(**{"file": Path("a.npz"), "out": Path("a.lmdb"), "name": "Cells", **options})


def test_the_same_file_gives_the_same_bytes(tmp_path):
    _, path = whole(tmp_path)
    first = run(path).path.read_bytes()
    path.with_suffix(".lmdb").unlink()
    assert run(path).path.read_bytes() == first
    assert json.loads(json.dumps(Store(path.with_suffix(".lmdb")).header))["min_pixels"] == 1
