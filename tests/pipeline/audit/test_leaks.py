"""`python -m pipeline leaks`: which pairs are leaks, what is reported, and that one person's frames may be alike."""

import csv
from contextlib import suppress

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.audit import leak_report
from pipeline.audit.images import Person
from pipeline.audit.leaks import leaks
from pipeline.audit.pairs import Declared, Pair
from universeg.base.rng import rng_for
from universeg.store import Files, Origin, Record, pack, write_store
from universeg.store.origin import pack_origin

SIDE = 64
MASK = np.pad(np.full((20, 20), 255, np.uint8), 22)


def picture(name):
    """An image that no other name has."""
    own = gaussian_filter(rng_for("picture", name).normal(size=(SIDE, SIDE)), 2) * 300 + 120
    return np.clip(own, 0, 255).astype(np.uint8)


def store(folder, dataset, splits, images, role="train", overlaps=(), files=None):
    """A store with one image per subject; `images` are subject -> pixels, `files` subject -> digest of its file."""
    header = {"dataset": dataset, "size": SIDE, "role": role, "splits": splits, "overlaps": list(overlaps)}
    records = [pack(Record("mid", "g", "m", 0, subject, image, {"a": MASK})) for subject, image in images.items()]
    origins = [
        pack_origin(Origin("g", "m", subject, Files((f"{subject}.png",), digest * 64), {}))
        for subject, digest in (files or {}).items()
    ]
    write_store(folder / f"{dataset}.lmdb", header, [*sorted(records), *sorted(origins)])


def others(name, count=12):
    """Images of other people, so that there is something to compare with."""
    return {f"{name}{number}": picture(f"{name}{number}") for number in range(count)}


def rows(folder):
    with (folder / "leaks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run(folder, out):
    """Whether it failed, and the rows of the report."""
    failed = False
    with suppress(ValueError):
        failed = True
        leaks((folder,), out)
        failed = False
    return failed, rows(out)


def two(folder, first, second, role="held-out", split="test"):
    """Two datasets with one image in common: `first` in the training split of one, `second` in the other."""
    one, other = others("a"), others("b")
    store(folder, "One", {**dict.fromkeys(one, "support"), "x": "support"}, {**one, "x": first})
    store(folder, "Two", {**dict.fromkeys(other, split), "y": split}, {**other, "y": second}, role)


def test_a_copy_in_a_held_out_dataset_fails(tmp_path, capsys):
    image = picture("x")
    two(tmp_path / "stores", image, np.ascontiguousarray(255 - image[::-1]))
    failed, (row,) = run(tmp_path / "stores", tmp_path)
    assert failed
    assert (row["verdict"], row["evidence"]) == ("leak", "near duplicate")
    assert {(row["dataset_1"], row["person_1"]), (row["dataset_2"], row["person_2"])} == {("One", "x"), ("Two", "y")}
    assert {row["image_1"], row["image_2"]} == {"One/g/m/a/0/x", "Two/g/m/a/0/y"}
    assert "One x (training) and Two y (held-out, test): near duplicate" in capsys.readouterr().out


def test_the_same_pixels_in_two_training_splits_are_reported_and_no_failure(tmp_path):
    two(tmp_path / "stores", picture("x"), picture("x"), role="train", split="support")
    failed, (row,) = run(tmp_path / "stores", tmp_path)
    assert not failed
    assert (row["verdict"], row["evidence"], row["images"]) == ("duplicate", "same pixels", "1")


def test_without_copies_nothing_is_reported(tmp_path, capsys):
    two(tmp_path / "stores", picture("x"), picture("y"))
    assert run(tmp_path / "stores", tmp_path) == (False, [])
    assert "no image and no person is in two places" in capsys.readouterr().out


def test_frames_of_one_person_may_be_alike_and_of_two_may_not(tmp_path):
    image = picture("x")
    frames = {f"p@{number}": np.roll(image, number, 0) for number in range(4)}
    splits = {**dict.fromkeys(others("a"), "support"), "p": "support", "q": "test"}
    store(tmp_path / "one", "One", splits, {**others("a"), **frames})
    assert run(tmp_path / "one", tmp_path) == (False, [])
    store(tmp_path / "two", "One", splits, {**others("a"), **frames, "q": np.roll(image, 1, 1)})
    failed, (row,) = run(tmp_path / "two", tmp_path)
    assert failed
    assert {row["person_1"], row["person_2"]} == {"p", "q"}
    assert int(row["images"]) >= 3


def test_the_same_source_file_is_found_even_if_the_images_are_flat(tmp_path, capsys):
    flat = np.zeros((SIDE, SIDE), np.uint8)
    files = {"x": "a", "y": "a", "z": "b"}
    store(tmp_path / "s", "One", {"x": "support", "y": "test", "z": "test"}, dict.fromkeys("xyz", flat), files=files)
    failed, (row,) = run(tmp_path / "s", tmp_path)
    assert failed
    assert (row["evidence"], row["file_1"], row["file_2"]) == ("same file", "x.png", "y.png")
    assert "3 images have too little contrast" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (("A", "train", "support"), ("B", "held-out", "test"), "leak"),
        (("A", "train", "support"), ("B", "held-out", "support"), "leak"),
        (("A", "train", "test"), ("B", "extra", "test"), "leak"),
        (("A", "train", "support"), ("A", "train", "dev"), "leak"),
        (("A", "train", "dev"), ("B", "train", "test"), "leak"),
        (("A", "held-out", "support"), ("A", "held-out", "test"), "leak"),
        (("A", "held-out", "support"), ("B", "held-out", "test"), "duplicate"),
        (("A", "held-out", "support"), ("B", "extra", "test"), "duplicate"),
        (("A", "train", "support"), ("B", "train", "support"), "duplicate"),
        (("A", "held-out", "test"), ("A", "held-out", "test"), "duplicate"),
    ],
)
def test_it_is_a_leak_if_one_could_be_learnt_and_the_other_evaluated(one, other, verdict):
    first, second = (
        Person(dataset, name, role, split) for name, (dataset, role, split) in zip("xy", (one, other), strict=True)
    )
    assert Pair("same file", first, second).verdict == Pair("same file", second, first).verdict == verdict


@pytest.mark.parametrize(
    ("roles", "shared", "verdict"),
    [
        (("train", "held-out"), "known", "leak"),
        (("train", "held-out"), "likely", "leak"),
        (("train", "held-out"), "possible", "declared"),
        (("train", "train"), "known", "declared"),
        (("extra", "held-out"), "known", "declared"),
    ],
)
def test_a_declared_overlap_is_a_leak_if_it_is_sure_and_crosses_the_roles(tmp_path, roles, shared, verdict, capsys):
    entry = {"dataset": "Two", "what": "the same scans", "shared": shared, "subjects": [], "role": roles[1]}
    store(tmp_path / "s", "One", dict.fromkeys(others("a"), "support"), others("a"), roles[0], [entry])
    store(tmp_path / "s", "Two", dict.fromkeys(others("b"), "support"), others("b"), roles[1])
    failed, found = run(tmp_path / "s", tmp_path)
    assert (failed, found) == (verdict == "leak", [])
    assert (
        f"{verdict}: One ({roles[0]}) and Two ({roles[1]}) share scans or persons ({shared})" in capsys.readouterr().out
    )
    assert Declared("One", "Two", roles, shared, "").verdict == verdict


def test_the_page_has_pictures_and_no_links_to_anything_else(tmp_path, monkeypatch):
    images = {**others("a"), "<x>": picture("x"), "y": picture("x"), "z": np.ascontiguousarray(picture("x")[::-1])}
    splits = {**dict.fromkeys(others("a"), "support"), "<x>": "support", "y": "test", "z": "test"}
    store(tmp_path / "s", "One", splits, images)
    monkeypatch.setattr(leak_report, "MOST_PICTURES", 1)
    failed, found = run(tmp_path / "s", tmp_path)
    page = (tmp_path / "leaks.html").read_text()
    assert (failed, page.count("<img")) == (True, 2)
    assert f"{len(found) - 1} more pairs are in leaks.csv" in page
    assert "&lt;x&gt;" in page
    assert "<x>" not in page
    assert "http" not in page


def test_wrong_stores_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="there is no store"):
        leaks((tmp_path / "empty",))
    for folder in ("a", "b"):
        store(tmp_path / folder, "One", {"x": "test"}, {"x": picture("x")})
    with pytest.raises(ValueError, match="two stores of One"):
        leaks((tmp_path / "a", tmp_path / "b"))
