"""Tables that add parts to images: from CSV, Excel and HDF5, joined on the parts that both have."""

import numpy as np
import pytest
from layouts import writers

from pipeline.attrition import BadScan
from pipeline.manifest.layout import Group
from pipeline.match.match import scans_of
from pipeline.match.scan_files import read_scans, write_scans
from pipeline.match.subject_table import read_table

CELLS = [["Patient table"], [], ["ECHO", "One cycle", ""], ["ES0001 _4CH", 3, 5], ["ES0002 _4CH", 1, 2]]
WANTED = [{"subject": "ES0001 _4CH", "a": "3", "b": "5"}, {"subject": "ES0002 _4CH", "a": "1", "b": "2"}]
COLUMNS = {"subject": "ECHO", "a": "One cycle", "b": ("One cycle", 1)}


def table(folder, suffix):
    path = folder / f"t{suffix}"
    if suffix == ".xlsx":
        writers.excel(path, CELLS)
    else:
        writers.text(path, "".join(f"{'; '.join(map(str, row))}\n" for row in CELLS[2:]))
    return path


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_columns_by_name_and_by_offset(tmp_path, suffix):
    assert read_table(table(tmp_path, suffix), COLUMNS, {}) == WANTED


def test_a_regular_expression_selects_a_part_of_the_cell(tmp_path):
    writers.hdf5(tmp_path / "t.hdf5", annot_id=np.array([b"103_", b"7_"]), frame_num=np.array([4, 5]))
    found = read_table(tmp_path / "t.hdf5", {"clip": "annot_id", "n": "frame_num"}, {"clip": r"\d+"})
    assert found == [{"clip": "103", "n": "4"}, {"clip": "7", "n": "5"}]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "", "cannot be read as a table"),
        ("t.csv", "a,b\n1,2\n", "no row names the columns"),
        ("t.xlsx", "no zip", "cannot be read as a table"),
        ("t.hdf5", "no hdf5", "cannot be read as a table"),
        ("t.doc", "", "is not a table"),
    ],
)
def test_a_file_that_is_not_a_table_is_reported(tmp_path, name, content, words):
    writers.text(tmp_path / name, content)
    with pytest.raises(BadScan, match=words) as bad:
        read_table(tmp_path / name, COLUMNS, {})
    assert bad.value.file == str(tmp_path / name)
    assert bad.value.remedy


def video(**changes):
    form = {
        "image": "A4C/{subject}.avi", "modality": "US", "reader": "video", "intensity": "unit",
        "table": {"path": "t.xlsx", "columns": COLUMNS}, "frames": {"first": "{a}", "last": "{b}", "counted_from": 1},
    }  # fmt: skip
    facts = {
        "name": "G", "scans": [{**form, **changes.pop("form", {})}], "frame": "{index}", "axes": [0],
        "labels": {"kind": "values", "path": "Mask_{subject}.mat", "reader": "matlab", "array": "predicted",
                   "frames": "counted", "grid": "extent", "names": {1: "wall"}},
        "expect": {"scans": None}, **changes,
    }  # fmt: skip
    return Group.model_validate(facts)


class Facts:
    def __init__(self, *groups):
        self.groups = groups


def tree(root, *names):
    for name in names:
        writers.text(root / name)
    return root


def test_frames_from_a_table(tmp_path):
    table(tree(tmp_path, "A4C/ES0001 _4CH.avi", "Mask_ES0001 _4CH.mat"), ".xlsx")
    scans, dropped = scans_of(Facts(video()), tmp_path)
    assert [(s.subject, s.index, s.label_index) for s in scans] == [
        ("ES0001 _4CH@2", 2, 0),
        ("ES0001 _4CH@3", 3, 1),
        ("ES0001 _4CH@4", 4, 2),
    ]
    assert dropped == []
    write_scans(tmp_path / "scans.json", tmp_path, scans, dropped)
    assert read_scans(tmp_path / "scans.json") == (tmp_path, scans, dropped)


def test_the_number_of_frames_is_limited_and_they_are_spread_evenly(tmp_path):
    table(tree(tmp_path, "A4C/ES0001 _4CH.avi", "Mask_ES0001 _4CH.mat"), ".xlsx")
    scans, dropped = scans_of(Facts(video(most_frames=2)), tmp_path)
    assert [s.index for s in scans] == [2, 4]
    assert [(row.reason, row.known) for row in dropped] == [("1 frames beyond 2 of a subject are left out", True)]


def test_an_image_without_a_row_or_without_a_table_is_reported(tmp_path):
    tree(tmp_path, "A4C/ES0009 _4CH.avi", "Mask_ES0009 _4CH.mat")
    assert "no file matches the pattern of the table" in scans_of(Facts(video()), tmp_path)[1][0].reason
    table(tmp_path, ".xlsx")
    (row, *_) = scans_of(Facts(video()), tmp_path)[1]
    assert row.reason == "the table has 0 rows for subject ES0009 _4CH; expected one"


def test_a_frame_for_each_row(tmp_path):
    numbers = np.arange(4)
    writers.hdf5(tmp_path / "d.hdf5", annot_id=np.array([b"1_", b"1_", b"2_", b"2_"]), image=numbers, mask=numbers)
    form = {"image": "d.hdf5", "reader": "hdf5", "array": "image", "frames": "rows", "parts": {"clip": r"\d+"},
            "table": {"path": "d.hdf5", "columns": {"clip": "annot_id"}}}  # fmt: skip
    labels = {"kind": "values", "path": "d.hdf5", "array": "mask", "frames": "same", "names": {1: "a"}}
    scans, dropped = scans_of(Facts(video(form=form, subject="{clip}", labels=labels)), tmp_path)
    assert [(s.subject, s.index, s.label_index) for s in scans] == [
        ("1@0", 0, 0),
        ("1@1", 1, 1),
        ("2@2", 2, 2),
        ("2@3", 3, 3),
    ]
    assert dropped == []


def test_images_without_labels_can_be_expected(tmp_path):
    table(tree(tmp_path, "A4C/ES0001 _4CH.avi", "A4C/ES0002 _4CH.avi", "Mask_ES0002 _4CH.mat"), ".xlsx")
    scans, dropped = scans_of(Facts(video(unlabelled="skip")), tmp_path)
    assert {s.subject for s in scans} == {"ES0002 _4CH@0", "ES0002 _4CH@1"}
    assert {(row.reason, row.known) for row in dropped} == {("has no label; the manifest leaves such images out", True)}


def test_a_damaged_spreadsheet_is_reported(tmp_path):
    path = table(tmp_path, ".xlsx")
    content = path.read_bytes()
    detected = 0
    for position in range(40, len(content), 97):
        path.write_bytes(content[:position] + bytes([content[position] ^ 255]) + content[position + 1 :])
        try:  # any other error fails the test
            read_table(path, COLUMNS, {})
        except BadScan:
            detected += 1
    assert detected
