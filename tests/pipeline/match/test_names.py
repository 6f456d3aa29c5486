"""Names of scans: names that are not UTF-8, names that a store cannot hold, and names that are nearly the same."""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from matching import Facts, found, group, tree
from PIL import Image
from workflow import run_stages

from pipeline import attrition
from pipeline.config import Config
from pipeline.match.match import scans_of
from pipeline.match.scan_files import read_scans, write_scans

LATIN = os.fsdecode(b"caf\xe9")  # as Windows wrote it, not UTF-8

MANIFEST = """\
name: Names
title: t
domain: d
homepage: null
citation: []
licence: {name: null, research: yes, commercial: yes, redistribution: yes}
access: open
role: train
groups:
  - name: G
    scans: [{image: 'images/{subject}.png', modality: X, reader: raster, intensity: unit}]
    labels: {kind: values, path: 'labels/{subject}.png', names: {1: a}}
    axes: [0]
    expect: {scans: 2, subjects: 2}
"""


def test_a_name_that_is_not_utf8_is_kept_through_all_stages(tmp_path):
    """Before, the dataset was lost: such a name could be written neither to the store nor to the report."""
    image = np.arange(400, dtype=np.uint8).reshape(20, 20)
    for name in (LATIN, "p1"):
        for kind, values in (("images", image), ("labels", (image > 99).astype(np.uint8))):
            (tmp_path / "raw" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / "raw" / kind / f"{name}.png")
    (tmp_path / "raw" / "images" / os.fsdecode(b"lost\xff.png")).touch()
    (tmp_path / "Names.yaml").write_text(MANIFEST)
    config = Config(root=tmp_path / "out", have={"Names": tmp_path / "raw"}, resolution=32, chunks=2)
    store = run_stages(tmp_path / "Names.yaml", config)
    assert sorted(store.header["splits"]) == ["caf%E9", "p1"]
    (row,) = attrition.read(config.root / "attrition.csv")
    assert (row.subject, row.file) == ("lost%FF", r"images/lost\xff.png")
    assert "no label file" in row.reason


def test_names_that_are_not_utf8_are_the_same_after_writing_and_reading(tmp_path):
    root = tree(tmp_path / "raw", f"images/{LATIN}.png", f"labels/{LATIN}.png", f"images/2{LATIN}.png")
    scans, dropped = scans_of(Facts(group()), root)
    assert [(scan.subject, scan.images) for scan in scans] == [("caf%E9", (f"images/{LATIN}.png",))]
    write_scans(tmp_path / "scans.json", root, scans, dropped)
    assert read_scans(tmp_path / "scans.json") == (root, scans, dropped)
    assert (root / read_scans(tmp_path / "scans.json")[1][0].images[0]).exists()


def test_accents_in_both_encodings_of_unicode_are_the_same(tmp_path):
    """A zip made on macOS has the accents apart from their letters."""
    one, two = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    root = tree(tmp_path, f"{two}tude/images/{one}1.png", f"{two}tude/labels/{two}1.png")
    facts = group(
        scans=[{"image": f"{one}tude/images/{{subject}}.png", "modality": "X", "reader": "raster", "intensity": "mr"}],
        labels={"kind": "values", "path": f"{one}tude/labels/{{subject}}.png", "names": {1: "a"}},
    )
    scans, dropped = found(root, facts)
    assert scans == [(f"{one}1", "X", f"{two}tude/images/{one}1.png", {"": f"{two}tude/labels/{two}1.png"})]
    assert dropped == []
    tree(root, f"{one}tude/images/{one}1.png")
    scans, dropped = found(root, facts)
    assert scans == []
    assert all("the subject has 2 images" in row for row in dropped)


def test_endings_in_capitals_match(tmp_path):
    scans, dropped = found(tree(tmp_path, "images/1.PNG", "labels/1.png", "images/2.png", "labels/2.Png"), group())
    assert [(subject, files[""]) for subject, _, _, files in scans] == [("1", "labels/1.png"), ("2", "labels/2.Png")]
    assert dropped == []


def test_names_that_differ_in_capitals_are_told_apart(tmp_path):
    files = [f"{kind}/{name}.png" for kind in ("images", "labels") for name in ("A", "a")]
    scans, dropped = found(tree(tmp_path, *files), group())
    assert [(subject, files[""]) for subject, _, _, files in scans] == [("A", "labels/A.png"), ("a", "labels/a.png")]
    assert "a name of subjects differ only in zeros, capitals or blanks, but count as two persons" in dropped[0]


@pytest.mark.parametrize(
    ("one", "other", "similar"),
    [("07", "7", True), ("P1", "p1", True), ("a 1", "a1", True), ("a1 ", "a1", True), ("f0a01", "f00a1", False)],
)
def test_subjects_of_two_groups_that_may_be_one_person_are_reported(tmp_path, one, other, similar):
    """Their scans might be in two splits."""
    form = {"image": "more/{subject}.png", "modality": "X", "reader": "raster", "intensity": "unit"}
    labels = {"kind": "values", "path": "masks/{subject}.png", "names": {1: "a"}}
    root = tree(tmp_path, f"images/{one}.png", f"labels/{one}.png", f"more/{other}.png", f"masks/{other}.png")
    scans, dropped = scans_of(Facts(group(), group(name="H", scans=[form], labels=labels)), root)
    assert len(scans) == 2
    assert [row.unexpected for row in dropped] == [True] * similar


@pytest.mark.parametrize(
    ("name", "subject"),
    [("a@b", "a%40b"), ("a\nb", "a%0Ab"), ("trailing ", "trailing "), ("CON", "CON"), ('q"<>|?*:', 'q"<>|?*:')],
)
def test_characters_that_a_store_cannot_hold_are_escaped(tmp_path, name, subject):
    """Without this, "a@b" would be the frame b of a subject a."""
    scans, dropped = found(tree(tmp_path, f"images/{name}.png", f"labels/{name}.png"), group())
    assert [one for one, *_ in scans] == [subject]
    assert dropped == []


def test_a_slash_in_a_subject_is_escaped(tmp_path):
    form = {"image": "images/{subject}.png", "parts": {"subject": ".+"}, "modality": "X", "reader": "raster",
            "intensity": "unit"}  # fmt: skip
    scans, _ = found(tree(tmp_path, "images/a/b.png", "labels/a/b.png"), group(scans=[form]))
    assert [subject for subject, *_ in scans] == ["a%2Fb"]


def test_a_folder_with_a_line_break_in_its_name_is_matched(tmp_path):
    scans, dropped = found(tree(tmp_path, "a\nb/images/1.png", "a\nb/labels/1.png"), group())
    assert [subject for subject, *_ in scans] == ["1"]
    assert dropped == []


def test_names_that_cannot_be_stored_are_reported_and_the_others_are_used(tmp_path):
    form = {"image": "{top}/{subject}.png", "parts": {"subject": "n?\\d*"}, "modality": "X", "reader": "raster",
            "intensity": "unit"}  # fmt: skip
    labels = {"kind": "values", "path": "{top}/{subject}_m.png", "names": {1: "a" * 80}}
    long = "t" * 250 + "/" + "n" + "1" * 240
    root = tree(tmp_path, f"{long}.png", f"{long}_m.png", "t/.png", "t/_m.png", "t/n1.png", "t/n1_m.png")
    facts = group(scans=[form], labels=labels, subject="{subject}", frame="{top}")
    scans, dropped = scans_of(Facts(facts), root)
    assert [scan.subject for scan in scans] == ["n1@t"]
    reasons = [row.reason for row in dropped]
    assert reasons[0] == "its subject is empty"
    assert "its name is too long: in the store it takes 58" in reasons[1]
    assert "bytes, and 511 are possible" in reasons[1]


def test_a_message_lists_only_the_first_of_many_files(tmp_path):
    """Each row named all others: ten thousand images of one subject would have filled the disk."""
    names = [f"{n}.png" for n in range(50)]
    form = {"image": "{folder}/x/{n}", "modality": "X", "reader": "raster", "intensity": "unit"}
    labels = {"kind": "values", "path": "{folder}/y/{n}", "names": {1: "a"}}
    root = tree(tmp_path, *(f"p/{kind}/{name}" for kind in "xy" for name in names))
    for name in names:
        (root / "p" / "x" / name).write_text(name)
    _, dropped = scans_of(Facts(group(scans=[form], labels=labels, subject="{folder}")), root)
    assert len(dropped) == 50
    assert all("the subject has 50 images: p/x/0.png, " in row.reason for row in dropped)
    assert all(row.reason.endswith("and 45 more") for row in dropped)
    assert len(json.dumps([row.reason for row in dropped])) < 10_000


def test_the_path_of_a_scan_is_that_on_disk(tmp_path):
    (scan,), _ = scans_of(Facts(group()), tree(tmp_path, "images/1.PNG", "labels/1.png"))
    assert (tmp_path / scan.images[0]) == Path(tmp_path, "images", "1.PNG")
