"""Files beside the scans that no pattern matches are counted; those that look like scans are unexpected."""

import json
from pathlib import Path

import pytest
from matching import Facts, group, tree

from pipeline.match.match import scans_of
from pipeline.match.scan_files import read_scans
from pipeline.match.stage import match

FLAT = [f"{kind}/case_{n}.png" for kind in ("images", "labels") for n in range(1, 6)]


def cases(**changes):
    form = {"image": "images/case_{n}.png", "parts": {"n": r"\d+"}, "modality": "X", "reader": "raster"}
    labels = {"kind": "values", "path": "labels/case_{n}.png", "names": {1: "a"}}
    return group(scans=[{**form, "intensity": "unit"}], subject="{n}", labels=labels, **changes)


def remarks(root, *groups) -> list[tuple[str, bool]]:
    """Reason of each remark about a group, and whether it is expected."""
    _, dropped = scans_of(Facts(*groups), root)
    assert not [row for row in dropped if row.subject]
    return [(row.reason, row.known) for row in dropped]


@pytest.mark.parametrize("name", ["case-6.png", "Case_6.PNG", "case_6.jpeg", "case6.tif", "overview.png"])
def test_a_file_that_looks_like_a_scan_is_unexpected(tmp_path, name):
    ending = "." + name.rpartition(".")[2].lower()
    found = remarks(tree(tmp_path, *FLAT, f"images/{name}"), cases())
    assert found == [(f"1 file ({ending}) in images: no pattern matches them", False)]


@pytest.mark.parametrize("name", ["case-6.png", "case_6_old.png"])
def test_a_file_that_looks_like_a_label_is_unexpected(tmp_path, name):
    """With `unlabelled: skip`, a label of another name would leave out its image without a word."""
    root = tree(tmp_path, *FLAT, "images/case_6.png", f"labels/{name}")
    _, dropped = scans_of(Facts(cases(unlabelled="skip")), root)
    assert [(row.subject, row.reason, row.file, row.known) for row in dropped if not row.known] == [
        ("", "1 file (.png) in labels: no pattern matches them", f"labels/{name}", False)
    ]


def test_other_files_are_counted_by_ending_with_an_example(tmp_path):
    others = [*(f"images/{n}.txt" for n in "abc"), "images/README", "images/1.2.840.10008", "docs/paper.pdf"]
    _, dropped = scans_of(Facts(cases()), tree(tmp_path, *FLAT, *others))
    assert [(row.reason, row.file, row.known) for row in dropped] == [
        ("2 files (no ending) in images: no pattern matches them", "images/1.2.840.10008", True),
        ("3 files (.txt) in images: no pattern matches them", "images/a.txt", True),
    ]


@pytest.mark.parametrize("name", ["case_1.jpg", "case_2_thumb.jpg", "preview_003.png"])
def test_a_file_that_belongs_to_a_scan_is_counted_only(tmp_path, name):
    ((reason, known),) = remarks(tree(tmp_path, *FLAT, f"images/{name}"), cases())
    assert "in images: no pattern matches them" in reason
    assert known


def test_a_name_that_only_begins_like_that_of_a_scan_is_another_scan(tmp_path):
    ((_, known),) = remarks(tree(tmp_path, *FLAT, "images/case_12.jpg"), cases())
    assert not known


def test_what_the_manifest_leaves_out_is_expected(tmp_path):
    root = tree(tmp_path, *FLAT, "images/case_x.png", "images/case-6.png")
    facts = cases(exclude=["images/case-*.png"])
    assert remarks(root, facts) == [
        ("1 file (.png) in images: the regular expressions of the pattern leave them out", True)
    ]


def test_files_of_other_groups_and_data_files_of_headers_are_not_counted(tmp_path):
    form = {"image": "images/v{n}.mhd", "modality": "X", "reader": "metaimage", "intensity": "unit"}
    labels = {"kind": "values", "path": "images/m{n}.mhd", "names": {1: "a"}}
    other = group(name="H", scans=[form], subject="v{n}", labels=labels)
    volumes = [f"images/{kind}{n}.{ending}" for kind in "vm" for n in "12" for ending in ("mhd", "raw")]
    assert remarks(tree(tmp_path, *FLAT, *volumes), cases(), other) == []
    ((reason, known),) = remarks(tree(tmp_path, "images/v3.raw"), cases(), other)
    assert reason == "1 file (.raw) in images: no pattern matches them"
    assert known


def folders(name: str) -> list[str]:
    return [f"p{n}/p{n}_{kind}.nii.gz" for n in range(1, 4) for kind in (name, "seg")]


def test_other_volumes_of_a_subject_are_counted_only_but_a_folder_without_its_scan_is_unexpected(tmp_path):
    form = {"image": "{subject}/{subject}_T1.nii.gz", "modality": "T1", "reader": "nifti", "intensity": "mr"}
    labels = {"kind": "values", "path": "{subject}/{subject}_seg.nii.gz", "names": {1: "a"}}
    facts = group(scans=[form], labels=labels)
    others = ["p1/p1_T2.nii.gz", "p2/p2_T2.nii.gz", "p4/p4-T1.nii.gz", "p5/p5_T1.nii", "derivatives/p1/x.nii.gz"]
    root = tree(tmp_path, *folders("T1"), *others)
    assert remarks(root, facts) == [
        ("1 file (.nii) in {subject}: no pattern matches them, and their folder has no scan", False),
        ("1 file (.nii.gz) in {subject}: no pattern matches them, and their folder has no scan", False),
        ("2 files (.nii.gz) in {subject}: no pattern matches them", True),
    ]


def test_the_stage_keeps_the_remarks_and_names_the_cause_first_if_no_scan_is_usable(tmp_path):
    """A remark about other files must not hide why no scan is usable."""
    manifest, raw = Path("dataset_manifests/WBC-CV.yaml"), tmp_path / "raw.json"
    files = tree(tmp_path / "files", "Dataset 2/001.bmp", "Dataset 2/notes.txt")
    raw.write_text(json.dumps({"root": str(files)}))
    with pytest.raises(ValueError, match=r"the first of 2 remarks: CV 001 microscopy: no label file"):
        match(manifest, raw, tmp_path / "scans.json")
    tree(files, "Dataset 2/001.png")
    match(manifest, raw, tmp_path / "scans.json")
    (row,) = read_scans(tmp_path / "scans.json")[2]
    assert row.reason == "1 file (.txt) in Dataset 2: no pattern matches them"
