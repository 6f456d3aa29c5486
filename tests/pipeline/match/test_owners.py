"""A label file or table row belongs to the image with exactly its name; zeros count only if there is no such image."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matching import Facts, found, group, tree

from pipeline.match.match import scans_of


def named(number: str, *kinds: str) -> list[str]:
    return [f"{kind}/case_{number}.png" for kind in kinds or ("images", "labels")]


def labels_of(root, *groups):
    """Subject -> label file, and the rows of the report."""
    scans, dropped = found(root, *groups)
    return {subject: files[""] for subject, _, _, files in scans}, dropped


def test_a_label_with_an_exact_owner_is_given_to_no_other_image(tmp_path):
    labels, dropped = labels_of(tree(tmp_path, *named("1"), *named("01", "images")), group())
    assert labels == {"case_1": "labels/case_1.png"}
    (row,) = dropped
    assert "case_01 X: no label file: expected labels/case_01.png [images/case_01.png]" in row


def test_images_whose_names_differ_in_zeros_each_keep_their_own_label(tmp_path):
    labels, dropped = labels_of(tree(tmp_path, *named("1"), *named("01")), group())
    assert labels == {f"case_{n}": f"labels/case_{n}.png" for n in ("1", "01")}
    (row,) = dropped
    assert "differ only in zeros, capitals or blanks, but count as two persons: case_01 (images/case_01.png), " in row


def test_a_label_that_differs_in_zeros_from_two_images_belongs_to_neither(tmp_path):
    root = tree(tmp_path, *named("007", "labels"), *named("7", "images"), *named("07", "images"), *named("8"))
    labels, dropped = labels_of(root, group())
    assert labels == {"case_8": "labels/case_8.png"}
    reason = (
        "2 images that differ only in zeros have the label labels/case_007.png: images/case_07.png, images/case_7.png"
    )
    assert [reason in row for row in dropped] == [True, True]
    assert not any("label without an image" in row for row in dropped)


def test_one_image_may_differ_from_its_label_in_zeros(tmp_path):
    labels, dropped = labels_of(tree(tmp_path, "images/case_01_2.png", "labels/case_001_02.png"), group())
    assert labels == {"case_01_2": "labels/case_001_02.png"}
    assert dropped == []


def test_zeros_inside_hexadecimal_names_are_not_padding(tmp_path):
    labels, dropped = labels_of(tree(tmp_path, "images/f0a01.png", "labels/f00a1.png", *named("1")), group())
    assert labels == {"case_1": "labels/case_1.png"}
    assert len(dropped) == 2


def test_images_of_one_key_share_a_label(tmp_path):
    """Two modalities of one subject are not rivals for its label."""
    form = {"image": "{subject}_{modality}.png", "modality": {"t1": "T1", "t2": "T2"}, "reader": "raster",
            "parts": {"subject": r"\d+"}, "intensity": "mr"}  # fmt: skip
    facts = group(scans=[form], labels={"kind": "values", "path": "{subject}_seg.png", "names": {1: "a"}})
    scans, dropped = found(tree(tmp_path, "07_t1.png", "07_t2.png", "7_seg.png"), facts)
    assert [(subject, modality, files[""]) for subject, modality, _, files in scans] == [
        ("07", "T1", "7_seg.png"),
        ("07", "T2", "7_seg.png"),
    ]
    assert dropped == []


def test_a_label_in_another_copy_of_the_tree_is_not_owned_by_the_image_of_that_copy(tmp_path):
    """Each copy has its own label; the names of its image and label differ in zeros in one copy only."""
    files = ["a/images/01.png", "a/labels/1.png", "b/images/1.png", "b/labels/1.png"]
    labels, _ = labels_of(tree(tmp_path, *files), group())
    assert labels == {"01": "a/labels/1.png", "1": "b/labels/1.png"}


def test_frames_own_their_labels_as_images_do(tmp_path):
    video = group(
        scans=[{"image": "{video}/images/{frame}.png", "modality": "X", "reader": "raster", "intensity": "unit"}],
        subject="{video}", frame="{frame}",
        labels={"kind": "values", "path": "{video}/masks/{frame}.png", "names": {1: "a"}},
    )  # fmt: skip
    root = tree(tmp_path, "v/images/1.png", "v/images/01.png", "v/masks/1.png")
    labels, dropped = labels_of(root, video)
    assert labels == {"v@1": "v/masks/1.png"}
    assert any("G v@01 X: no label file: expected v/masks/01.png" in row for row in dropped)


@pytest.mark.parametrize(("extra", "number"), [("1.jpg", 1), ("01.png", 1), ("mask2.jpg", 2), ("mask02.png", 2)])
def test_a_slice_that_is_there_twice_is_a_problem(tmp_path, extra, number):
    """It may have another padding or another ending; before, the image or the label had one slice more."""
    form = {"image": "{subject}/{n}.*", "parts": {"n": r"\d+"}, "modality": "X", "stack": "n", "reader": "raster",
            "intensity": "mr"}  # fmt: skip
    labels = {"kind": "values", "path": "{subject}/mask{n}.*", "stack": "n", "names": {1: "a"}, "grid": "world"}
    root = tree(tmp_path / "p", "1.png", "2.png", "mask1.png", "mask2.png", extra).parent
    scans, dropped = scans_of(Facts(group(scans=[form], labels=labels)), root)
    assert scans == []
    (row,) = [row for row in dropped if row.subject]
    assert row.reason.startswith(f"two files are slice {number}: ")
    assert f"p/{extra}" in row.reason
    assert not row.known


NAMES = st.sets(st.text("0017a.-@ é", min_size=1, max_size=4).filter(lambda name: set(name) != {"."}), max_size=7)


@settings(max_examples=150, deadline=None)
@given(NAMES, NAMES)
def test_no_image_is_lost_and_no_label_has_two_owners(images, labels):
    with TemporaryDirectory() as folder:
        files = [*(f"images/{name}.png" for name in images), *(f"labels/{name}.png" for name in labels)]
        for number, file in enumerate(files):
            (tree(Path(folder), file) / file).write_text(str(number))
        (Path(folder) / "images").mkdir(exist_ok=True)
        scans, dropped = scans_of(Facts(group()), Path(folder))
    used = {scan.images[0]: scan.labels[""][0] for scan in scans}
    reported = {row.file for row in dropped if row.subject}
    assert len(set(used.values())) == len(used) == len(scans)
    for name in images:
        image, label = f"images/{name}.png", f"labels/{name}.png"
        assert (image in used) != (image in reported)
        assert used.get(image, label) == label or name not in labels
    unused = {f"labels/{name}.png" for name in labels} - set(used.values())
    ambiguous = " ".join(row.reason for row in dropped)
    assert all(label in reported or label in ambiguous for label in unused)
