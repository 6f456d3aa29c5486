"""Files become scans: matched by the manifest's patterns, filtered, and kept as JSON."""

import json
from pathlib import Path

import pytest
from matching import Facts, found, group, tree

from pipeline.match.listing import listing
from pipeline.match.match import scans_of
from pipeline.match.scan_files import read_scans, write_scans
from pipeline.match.stage import match


def test_images_are_matched_with_their_labels(tmp_path):
    root = tree(tmp_path, "images/1.png", "labels/1.png", "images/2.png", "labels/2.png", "images/._2.png",
                "__MACOSX/images/3.png", "labels/Thumbs.db")  # fmt: skip
    scans, dropped = found(root, group())
    assert scans == [(n, "X", f"images/{n}.png", {"": f"labels/{n}.png"}) for n in "12"]
    assert dropped == []


def test_images_and_labels_without_a_match_are_reported(tmp_path):
    scans, dropped = found(tree(tmp_path, "images/1.png", "labels/2.png"), group())
    assert scans == []
    assert dropped == [
        "G 1 X: no label file: expected labels/1.png [images/1.png];"
        " fetch the label again, or add the scan to known_bad",
        "G 2: label without an image [labels/2.png]; fetch the image, or ignore this label",
    ]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (["cat.png"], "its image patterns: Dataset 2/{subject}.bmp; no file matches; check the folder"),
        (["Dataset 2/001.bmp"], "the first of 1 remarks: CV 001 microscopy: no label file: expected Dataset 2/001.png"),
    ],
)
def test_a_dataset_without_usable_scans_is_an_error_with_the_reason(tmp_path, files, why):
    raw = tmp_path / "raw.json"
    raw.write_text(json.dumps({"root": str(tree(tmp_path / "files", *files))}))
    with pytest.raises(ValueError, match="no usable scan of WBC-CV") as error:
        match(Path("dataset_manifests/WBC-CV.yaml"), raw, tmp_path / "scans.json")
    assert why in str(error.value)
    assert not (tmp_path / "scans.json").exists()


TWICE = ["images/1.png", "labels/1.png", "copy/images/1.png", "copy/labels/1.png", "images/2.png", "labels/2.png"]


def test_a_subject_with_two_different_images_is_not_used(tmp_path):
    root = tree(tmp_path, *TWICE)
    (root / "labels/1.png").write_text("another label")
    scans, dropped = found(root, group())
    assert [subject for subject, *_ in scans] == ["2"]
    assert len(dropped) == 2
    assert "the subject has 2 images: copy/images/1.png, images/1.png" in dropped[0]


@pytest.mark.parametrize("below", ["", "in a folder/"])
def test_of_identical_copies_the_one_nearest_the_root_is_used(tmp_path, below):
    scans, dropped = scans_of(Facts(group()), tree(tmp_path, *(below + file for file in TWICE)))
    assert [scan.images for scan in scans] == [(f"{below}images/{n}.png",) for n in "12"]
    assert [(row.reason, row.known) for row in dropped] == [
        ("1 scans are byte-identical copies and are left out", True)
    ]


def test_label_files_are_not_read_as_images(tmp_path):
    beside = group(
        scans=[{"image": "{subject}.nii", "modality": "X", "reader": "nifti", "intensity": "mr"}],
        labels={"kind": "values", "path": "{subject}_seg.nii", "names": {1: "a"}},
    )
    scans, dropped = found(tree(tmp_path, "a.nii", "a_seg.nii"), beside)
    assert scans == [("a", "X", "a.nii", {"": "a_seg.nii"})]
    assert dropped == []


def test_modalities_by_name_and_by_channel(tmp_path):
    by_name = group(
        scans=[{"image": "{subject}/{subject}_{modality}.nii", "modality": {"t1": "T1", "t1ce": "T1c"},
                "reader": "nifti", "intensity": "mr"}],
        labels={"kind": "values", "path": "{subject}/{subject}_seg.nii", "names": {1: "a"}},
    )  # fmt: skip
    scans, dropped = found(tree(tmp_path, "p/p_t1.nii", "p/p_t1ce.nii", "p/p_t2.nii", "p/p_seg.nii"), by_name)
    assert [(subject, modality) for subject, modality, *_ in scans] == [("p", "T1"), ("p", "T1c")]
    (row,) = dropped
    assert "1 file (.nii) in {subject}: the regular expressions of the pattern leave them out [p/p_t2.nii]" in row
    by_channel = group(scans=[{"image": "images/{subject}.png", "channels": {0: "T2", 1: "ADC"},
                               "reader": "raster", "intensity": "mr"}])  # fmt: skip
    scans, _ = found(tree(tmp_path, "images/1.png", "labels/1.png"), by_channel)
    assert [modality for _, modality, *_ in scans] == ["ADC", "T2"]


def test_frames_of_one_subject(tmp_path):
    video = group(
        scans=[{"image": "{video}/images/{frame}.png", "modality": "X", "reader": "raster", "intensity": "unit"}],
        subject="v-{video}", frame="{frame}",
        labels={"kind": "values", "path": "{video}/masks/{frame}_mask.png", "names": {1: "a"}},
    )  # fmt: skip
    scans, _ = found(tree(tmp_path, "1/images/07.png", "1/masks/07_mask.png"), video)
    assert scans[0][0] == "v-1@07"


def test_frames_without_a_name_are_reported(tmp_path):
    """Each has its own label file; before, the stage ended with a traceback."""
    form = {"image": "images/{subject}.tif", "modality": "X", "reader": "raster", "intensity": "mr", "frames": [0, 1]}
    labels = {"kind": "values", "path": "labels/{subject}_{index}.png", "names": {1: "a"}}
    root = tree(tmp_path, "images/1.tif", "labels/1_0.png", "labels/1_1.png")
    scans, dropped = found(root, group(scans=[form], labels=labels))
    assert scans == []
    assert all("tell the images of a subject apart with `frame`" in row for row in dropped)
    scans, dropped = found(root, group(scans=[form], labels=labels, frame="{index}"))
    assert [(subject, files[""]) for subject, _, _, files in scans] == [
        ("1@0", "labels/1_0.png"),
        ("1@1", "labels/1_1.png"),
    ]
    assert dropped == []


def test_one_file_per_label(tmp_path):
    labels = {"kind": "files", "names": {"a": "{subject}_a.png", "b": "{subject}_b.png"}}
    images = [{"image": "{subject}.jpg", "modality": "X", "reader": "raster", "intensity": "unit"}]
    root = tree(tmp_path, "1.jpg", "1_a.png", "1_b.png", "2.jpg", "2_a.png")
    scans, dropped = found(root, group(scans=images, labels=labels))
    assert [subject for subject, *_ in scans] == ["1"]
    assert "no label file for b: expected 2_b.png" in dropped[0]
    scans, dropped = found(root, group(scans=images, labels={**labels, "missing": "absent"}))
    assert [labels for *_, labels in scans] == [{"a": "1_a.png", "b": "1_b.png"}, {"a": "2_a.png"}]
    assert dropped == []


def test_known_bad_scans_are_expected_and_missing_ones_are_reported(tmp_path):
    root = tree(tmp_path, "images/1.png", "labels/1.png", "images/2.png")
    facts = group(known_bad={"1": "upside down", "2": "label lost", "9": "blank"})
    scans, dropped = scans_of(Facts(facts), root)
    assert scans == []
    assert {(row.subject, row.reason, row.known) for row in dropped} == {
        ("1", "upside down", True),
        ("2", "label lost", True),
        ("9", "known_bad names this scan, but it is not there", False),
    }


def test_scans_are_the_same_after_writing_and_reading(tmp_path):
    scans, dropped = scans_of(Facts(group()), tree(tmp_path, "images/1.png", "labels/1.png", "images/2.png"))
    assert scans
    assert dropped
    write_scans(tmp_path / "scans.json", tmp_path, scans, dropped)
    assert read_scans(tmp_path / "scans.json") == (tmp_path, scans, dropped)


def test_a_missing_folder(tmp_path):
    with pytest.raises(NotADirectoryError, match="check 'have' and 'root'"):
        listing(tmp_path / "gone")


def test_only_the_series_with_most_labels_is_used(tmp_path):
    root = tree(tmp_path, *(f"p/{series}/{n}.png" for series, n in ("a1", "a2", "b2", "b3")), "p/1.txt", "p/2.txt")
    form = {"image": "{subject}/{series}/{n}.png", "modality": "X", "reader": "raster", "intensity": "unit"}
    labels = {"kind": "contours", "names": {"a": "{subject}/{n}.txt"}}
    facts = group(scans=[form], frame="{n}", choose="series", labels=labels, unlabelled="skip")
    scans, dropped = found(root, facts)
    assert [scan[2] for scan in scans] == ["p/a/1.png", "p/a/2.png"]
    assert any("1 images whose series has fewer labels are left out" in row for row in dropped)
    with pytest.raises(ValueError, match="choose 'no' is not a part of"):
        group(choose="no")


def test_a_group_replaces_another_one_that_is_missing(tmp_path):
    form = {"image": "other/{subject}.png", "modality": "X", "reader": "raster", "intensity": "unit"}
    labels = {"kind": "values", "path": "others/{subject}.png", "names": {1: "a"}}
    other = group(name="H", scans=[form], labels=labels, instead_of="G")
    first = group(known_bad={"9": "nobody"})
    scans, dropped = found(tree(tmp_path, "other/7.png", "others/7.png"), first, other)
    assert [scan[2] for scan in scans] == ["other/7.png"]
    assert dropped == []
    scans, _ = found(tree(tmp_path, "images/1.png", "labels/1.png"), first, other)
    assert [scan[2] for scan in scans] == ["images/1.png"]
